"""Small uvh5 files, made with h5py alone."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray


def write_uvh5(path: Path, vis: NDArray[Any], flags: NDArray[np.bool_], *, by_baseline: bool = False) -> None:
    """Write ``(time, baseline, freq, pol)``, rows by time or by baseline; integers have their parts behind."""
    times, baselines, channels, pols = vis.shape[:4]
    order = np.arange(times * baselines).reshape(times, baselines)
    rows = (order.T if by_baseline else order).ravel()
    if vis.ndim == 5:
        vis = vis.view([("r", vis.dtype), ("i", vis.dtype)])[..., 0]
    first, second = np.triu_indices(baselines + 1, 1)
    with h5py.File(path, "w") as file:
        header, data = file.create_group("Header"), file.create_group("Data")
        header["time_array"] = np.repeat(2459000 + np.arange(times) * 1e-4, baselines)[rows]
        header["ant_1_array"] = np.tile(first[:baselines], times)[rows]
        header["ant_2_array"] = np.tile(second[:baselines], times)[rows]
        header["uvw_array"] = np.arange(3.0 * rows.size).reshape(-1, 3)[rows]
        header["freq_array"] = 1e8 + 1e5 * np.arange(channels)
        header["polarization_array"] = np.arange(-5, -5 - pols, -1)
        header["telescope_name"] = np.bytes_("HERA")
        header["history"] = "made"
        for name, values in (("visdata", vis), ("flags", flags), ("nsamples", np.ones(flags.shape, "f4"))):
            data.create_dataset(name, data=values.reshape(-1, channels, pols)[rows], chunks=True, compression="lzf")
