"""Our own codec of visibilities: noise estimated by itself, everything in the stream charged."""

from __future__ import annotations

import importlib
import time

import numpy as np

import astrocodec
from astrocodec.bench.visibilities.peer import OURS, Coded, NotApplicableError, VisPeer
from astrocodec.bench.visibilities.sets import VisSet
from astrocodec.visibility import encode_flags

__all__ = ["our_peers"]


def _run(data: VisSet, added: float) -> Coded:
    codec = importlib.import_module("astrocodec.visibility")
    if not hasattr(codec, "encode"):
        raise NotApplicableError("astrocodec.visibility has no encoder yet")
    whole = data.integers and not added
    values = data.vis.view(np.float32).reshape(*data.vis.shape, 2).astype(np.int32) if whole else data.vis
    start = time.process_time()
    stream = codec.encode(values, noise_increase=added or None, flags=data.flags)
    middle = time.process_time()
    decoded = np.asarray(astrocodec.decode(stream))
    end = time.process_time()
    vis = decoded.astype(np.float32).view(np.complex64)[..., 0] if whole else decoded
    return Coded(vis, len(stream), middle - start, end - middle, None, "as int32" if whole else "")


def _flag_bytes(data: VisSet) -> int:
    return len(encode_flags(data.flags))


def our_peers() -> list[VisPeer]:
    """Lossy at a stated D, and lossless."""
    return [
        VisPeer(OURS, _run, (0.1, 0.01, 0.001), unit="D", flag_bytes=_flag_bytes),
        VisPeer(f"{OURS} lossless", _run, (0.0,), lossless=True, flag_bytes=_flag_bytes),
    ]
