"""Dysco (Offringa 2016, A&A 595, A99) and Sisco by their storage managers, which python-casacore brings.

What is flagged is NaN to Dysco, its own way to have no value. Sets of one time are written to it twice, since it makes
its scales from whole blocks of times; half of the column's file is charged.
"""

from __future__ import annotations

import functools
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from astrocodec.bench.visibilities.peer import Coded, NotApplicableError, VisPeer
from astrocodec.bench.visibilities.sets import VisSet

__all__ = ["casacore_peers"]

BITS = (2, 3, 4, 6, 8, 10, 12, 16)


def _dysco(normalization: str, data: VisSet, bits: float) -> Coded:
    settings = {
        "dataBitCount": int(bits), "weightBitCount": 12, "distribution": "TruncatedGaussian",
        "normalization": normalization, "studentTNu": 0.0, "distributionTruncation": 2.5, "staticSeed": True,
    }  # fmt: skip
    vis = np.where(data.flags, np.complex64(complex(np.nan, np.nan)), data.vis)
    coded = _through(data, vis, "DyscoStMan", settings, 2 if len(vis) == 1 else 1)
    return Coded(np.where(data.flags, 0, coded.vis), coded.n_bytes, coded.encode, coded.decode, bits, coded.note)


def _sisco(data: VisSet, _: float) -> Coded:
    return _through(data, data.vis, "SiscoStMan", {}, 1)


def _through(data: VisSet, vis: Any, manager: str, settings: dict[str, Any], repeats: int) -> Coded:
    """A table with the columns that the storage managers read, and the visibilities as they give them back."""
    try:
        from casacore import tables
    except ImportError:
        raise NotApplicableError("python-casacore is not installed") from None
    n_times, n_baselines, *cell = vis.shape
    times = np.concatenate([data.times + 1e3 * number for number in range(repeats)])
    rows = repeats * n_times * n_baselines
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "set.ms"))
        names = ("ANTENNA1", "ANTENNA2", "FIELD_ID", "DATA_DESC_ID")
        scalars = [tables.makescacoldesc(name, 0) for name in names] + [tables.makescacoldesc("TIME", 0.0)]
        table = tables.table(path, tables.maketabdesc(scalars), nrow=rows, ack=False)
        zeros = np.zeros(rows, np.int32)
        for name, antennas in (("ANTENNA1", data.antenna1), ("ANTENNA2", data.antenna2)):
            table.putcol(name, np.tile(antennas, repeats * n_times))
        table.putcol("FIELD_ID", zeros)
        table.putcol("DATA_DESC_ID", zeros)
        table.putcol("TIME", np.repeat(times, n_baselines))
        column = tables.makearrcoldesc(
            "DATA", 0j, shape=cell, valuetype="complex", options=5, datamanagertype=manager, datamanagergroup="vis"
        )
        table.addcols(tables.maketabdesc([column]), {"TYPE": manager, "NAME": "vis", "SPEC": settings})
        values = np.concatenate([vis] * repeats).reshape(rows, *cell)
        start = time.process_time()
        table.putcol("DATA", values)
        table.flush()
        table.close()
        written = time.process_time()
        table = tables.table(path, ack=False)
        found = table.getcol("DATA")
        read = time.process_time()
        number = next(one["SEQNR"] for one in table.getdminfo().values() if one["TYPE"] == manager)
        table.close()
        size = sum(file.stat().st_size for file in Path(path).glob(f"table.f{number}*"))
    note = "written twice, since it has one time" if repeats > 1 else ""
    return Coded(
        found[: n_times * n_baselines].reshape(vis.shape), size // repeats, (written - start) / repeats,
        (read - written) / repeats, None, note,
    )  # fmt: skip


def casacore_peers() -> list[VisPeer]:
    """Dysco with its three ways to scale, and Sisco."""
    dysco = [
        VisPeer(f"Dysco {name}", functools.partial(_dysco, name), tuple(float(bits) for bits in BITS), unit="bits")
        for name in ("AF", "RF", "Row")
    ]
    return [*dysco, VisPeer("Sisco", _sisco, (0.0,), lossless=True)]
