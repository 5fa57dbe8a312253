"""Blocks of visibilities to streams, as files ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import astrocodec

__all__ = ["VISIBILITY", "Lossy", "encode_visibilities"]

VISIBILITY = 96


@dataclass(frozen=True)
class Lossy:
    """What visibilities may lose.

    Attributes
    ----------
    noise_increase : float or str
        Variance that is added to a real or imaginary part, over that of its noise: ``"1%"`` or 0.01.
    """

    noise_increase: float | str


def encode_visibilities(
    vis: npt.NDArray[Any], lossy: Lossy | None = None, flags: npt.NDArray[np.bool_] | None = None
) -> bytes | None:
    """The stream of a block [time, baseline, freq, pol]; without `lossy` nothing is lost. None: it has no codec."""
    if lossy is not None:
        raise NotImplementedError
    return astrocodec.encode(vis) if vis.ndim == 4 else None
