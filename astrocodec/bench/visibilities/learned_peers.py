"""Learned codecs of images on planes of visibilities: ELIC and QH-VAE, at several qualities."""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import Any

import numpy as np

import astrocodec
from astrocodec.bench.visibilities.peer import Coded, NotApplicableError, VisPeer
from astrocodec.bench.visibilities.sets import VisSet
from astrocodec.errors import CodecNotFoundError, ModelNotFoundError
from astrocodec.visibility import encode_flags

__all__ = ["LEARNED", "learned_peer", "learned_peers"]

LEARNED = {"ELIC": "elic_visibility", "QH-VAE": "qhvae_visibility"}
_QUALITIES = (1, 3, 5, 7)


def _run(codec: str, weights: Path | None, scale: str, data: VisSet, quality: float) -> Coded:
    options: dict[str, Any] = {"quality": int(quality), "scale": scale, "weights": weights}
    start = time.process_time()
    try:
        stream = astrocodec.encode(data.vis, codec=codec, flags=data.flags, **options)
    except (CodecNotFoundError, ModelNotFoundError) as error:
        raise NotApplicableError(str(error)) from None
    middle = time.process_time()
    decoded = np.asarray(astrocodec.decode(stream))
    return Coded(decoded, len(stream), middle - start, time.process_time() - middle)


def _flag_bytes(data: VisSet) -> int:
    return len(encode_flags(data.flags))


def learned_peer(
    name: str, weights: Path | None = None, scale: str = "noise", qualities: tuple[int, ...] = _QUALITIES
) -> VisPeer:
    """One of `LEARNED`, with weights other than the shipped ones if these are given."""
    run = functools.partial(_run, LEARNED[name], weights, scale)
    return VisPeer(name, run, tuple(map(float, qualities)), unit="quality", flag_bytes=_flag_bytes)


def learned_peers() -> list[VisPeer]:
    """All of them, with steps that follow the noise."""
    return [learned_peer(name) for name in LEARNED]
