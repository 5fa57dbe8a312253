"""ZFP, SZ3 and SPERR as users of HDF5 have them, through hdf5plugin."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from astrocodec.bench.lossy.peer import Coded, Image, LossyPeer, without_holes

__all__ = ["hdf5_peers"]

# Absolute bounds over the noise.
_BOUNDS = (0.125, 0.25, 0.5, 1.0)


def _through_hdf5(image: Image, filter_: Any) -> tuple[int, Image]:
    """Write one chunk and read it back; bytes are those of the chunk, nothing of the file around it."""
    import h5py

    target = io.BytesIO()
    with h5py.File(target, "w") as file:
        found = file.create_dataset("image", data=image, chunks=image.shape, **filter_)
        file.flush()
        n_bytes = found.id.get_storage_size()
    with h5py.File(target, "r") as file:
        mask = file["image"].id.get_chunk_info(0).filter_mask
        if mask:
            raise RuntimeError("the filter failed, HDF5 stored the pixels as they are")
        return n_bytes, np.asarray(file["image"][...])


def _bounded(make: Callable[[Any, float], Any], image: Image, level: float, noise: float) -> Coded:
    """Code with an absolute bound of `level` times the noise."""
    import hdf5plugin

    whole, note = without_holes(image)
    n_bytes, pixels = _through_hdf5(whole, make(hdf5plugin, level * noise))
    return Coded(n_bytes, np.where(np.isfinite(image), pixels, image), level * noise, note)


def _sperr_psnr(image: Image, level: float, noise: float) -> Coded:
    """Code with the PSNR at which the error's root mean square is `level` times the noise."""
    import hdf5plugin

    whole, note = without_holes(image)
    span = float(whole.max()) - float(whole.min())
    psnr = 20 * np.log10(span / (level * noise))
    n_bytes, pixels = _through_hdf5(whole, hdf5plugin.Sperr(peak_signal_to_noise_ratio=float(psnr)))
    return Coded(n_bytes, np.where(np.isfinite(image), pixels, image), None, note)


def hdf5_peers() -> list[LossyPeer]:
    """List them; only the chunk's bytes are charged."""

    def peer(name: str, make: Callable[[Any, float], Any], levels: tuple[float, ...] = _BOUNDS) -> LossyPeer:
        return LossyPeer(name, levels, "sigma", partial(_bounded, make), "f")

    return [
        peer("SZ3", lambda plugin, bound: plugin.SZ3(absolute=bound)),
        peer("SPERR", lambda plugin, bound: plugin.Sperr(absolute=bound)),
        LossyPeer("SPERR, PSNR", (0.036, 0.072, 0.144, 0.29), "sigma rms", _sperr_psnr, "f"),
        peer("ZFP", lambda plugin, bound: plugin.Zfp(accuracy=bound), (0.5, 1.0, 2.0, 4.0)),
    ]
