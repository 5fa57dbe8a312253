"""Compress a uvh5 file at 1 % more noise variance, and read it with pyuvdata: the five lines, and what they saved."""

import tempfile
import warnings
from pathlib import Path

import numpy as np

from astrocodec.simulate.visibilities import Visibilities, VisibilitySettings
from astrocodec.simulate.visibility_files import write_visibilities

warnings.simplefilter("ignore")  # of pyuvdata, on antennas and times
folder = Path(tempfile.mkdtemp())
made = Visibilities(VisibilitySettings("meerkat", stations=6, times=32, channels=64, seed=1))
write_visibilities(made, folder / "night.uvh5")

from pyuvdata import UVData  # noqa: E402

from astrocodec.visibility.files import compress  # noqa: E402

report = compress(folder / "night.uvh5", folder / "night.ac.uvh5", noise_increase="1%")
before, after = (UVData.from_file(folder / name) for name in ("night.uvh5", "night.ac.uvh5"))
assert np.array_equal(before.flag_array, after.flag_array)
print(f"{report.original_bytes} -> {report.compressed_bytes} bytes; {report.datasets[2].note}")

for path in folder.iterdir():
    path.unlink()
folder.rmdir()
