"""Codecs that live in HDF5: bitshuffle with LZ4 or zstd, lossless; ZFP and SZ3 with a bound in units of the noise.

The bounded ones code visibilities over their noise, as [part, pol and baseline, time, freq], and get the map of the
noise for nothing. Integer sets are coded as int32 by the lossless ones, as HERA stores them.
"""

from __future__ import annotations

import functools
import io
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.bench.visibilities.peer import Coded, NotApplicableError, VisPeer
from astrocodec.bench.visibilities.sets import VisSet

__all__ = ["hdf5_peers"]

_CHUNK = 1 << 21  # bytes, about


def _store(array: NDArray[Any], chunks: tuple[int, ...], options: Any) -> tuple[NDArray[Any], int, float, float]:
    """The array through a dataset of a file in memory: what comes back, bytes of its chunks, and times."""
    import h5py

    memory = io.BytesIO()
    start = time.process_time()
    with h5py.File(memory, "w") as file:
        dataset = file.create_dataset("vis", data=array, chunks=chunks, **options)
        size = int(dataset.id.get_storage_size())
    written = time.process_time()
    with h5py.File(memory, "r") as file:  # anew, since the first has the chunks as they were
        found = file["vis"][...]
    return found, size, written - start, time.process_time() - written


def _plugin() -> Any:
    try:
        import hdf5plugin
    except ImportError:
        raise NotApplicableError("hdf5plugin is not installed") from None
    return hdf5plugin


def _bitshuffle(name: str, data: VisSet, _: float) -> Coded:
    plugin = _plugin()
    parts = data.vis.view(np.float32)
    parts = parts.astype(np.int32) if data.integers else parts
    times = min(max(1, _CHUNK // max(parts[0].nbytes, 1)), parts.shape[0])
    baselines = min(max(1, _CHUNK // max(parts[0, 0].nbytes, 1)), parts.shape[1])
    found, size, encode, decode = _store(parts, (times, baselines, *parts.shape[2:]), plugin.Bitshuffle(cname=name))
    vis = found.astype(np.float32).view(np.complex64)
    return Coded(vis, size, encode, decode, None, "as int32" if data.integers else "")


def _bounded(name: str, data: VisSet, bound: float) -> Coded:
    plugin = _plugin()
    known = np.where(data.noise > 0, data.noise, np.nanmedian(data.noise)).astype(np.float32)
    scaled = (data.vis / known).astype(np.complex64)
    parts = np.stack([scaled.real, scaled.imag]).transpose(0, 4, 2, 1, 3)  # [part, pol, baseline, time, freq]
    parts = np.ascontiguousarray(parts.reshape(-1, *parts.shape[3:]))
    shape = tuple(length for length in parts.shape if length > 1) or (1,)
    flat = parts.reshape(shape)
    options = plugin.Zfp(accuracy=bound) if name == "ZFP" else plugin.SZ3(absolute=bound)
    found, size, encode, decode = _store(flat, flat.shape, options)
    n_times, n_baselines, n_channels, n_pols = data.vis.shape
    back = found.reshape(2, n_pols, n_baselines, n_times, n_channels).transpose(0, 3, 2, 4, 1)
    vis = ((back[0] + 1j * back[1]) * known).astype(np.complex64)
    return Coded(vis, size, encode, decode)


def hdf5_peers() -> list[VisPeer]:
    """Lossless ones, then bounded ones."""
    lossless = [
        VisPeer(f"bitshuffle+{name}", functools.partial(_bitshuffle, name), (0.0,), lossless=True)
        for name in ("lz4", "zstd")
    ]
    bounds = (0.02, 0.05, 0.12, 0.3, 0.8)
    return [
        *lossless,
        VisPeer("SZ3", functools.partial(_bounded, "SZ3"), bounds, unit="sigma"),
        VisPeer("ZFP", functools.partial(_bounded, "ZFP"), (0.05, 0.2, 0.8, 3.2, 12.8), unit="sigma"),
    ]
