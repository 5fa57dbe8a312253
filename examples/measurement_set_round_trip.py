"""A Measurement Set into an archive and back: lossless, every column, keyword and subtable."""

import tempfile
from pathlib import Path

import numpy as np
from casacore import tables

from astrocodec.simulate.visibilities import Visibilities, VisibilitySettings
from astrocodec.simulate.visibility_files import write_visibilities
from astrocodec.visibility.files import compress, decompress

with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    made = Visibilities(VisibilitySettings("lofar", stations=6, times=32, channels=64, seed=1))
    write_visibilities(made, folder / "night.ms")
    report = compress(folder / "night.ms", folder / "night.ms.ac.h5")  # noise_increase="1%" takes a sixth of that
    decompress(folder / "night.ms.ac.h5", folder / "again.ms")
    with tables.table(f"{name}/night.ms", ack=False) as one, tables.table(f"{name}/again.ms", ack=False) as other:
        for column in ("DATA", "FLAG", "UVW", "TIME"):
            assert np.array_equal(one.getcol(column), other.getcol(column))
    print(f"{report.original_bytes} -> {report.compressed_bytes} bytes, {report.checked}")
