"""Blocks of visibilities to streams as files ask for it, and what each baseline lost."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from astrocodec.bounds import Bound
from astrocodec.codec import encode as encode_array
from astrocodec.stages.visibility import CODEC as VISIBILITY
from astrocodec.visibility.codec import encode, noise_growth, noise_share
from astrocodec.visibility.noise import noise_to_code
from hdf5_filter.loss_attributes import BASELINE_GROWTH

__all__ = [
    "VISIBILITY",
    "BaselineGrowth",
    "Lossy",
    "bound_of_weights",
    "encode_visibilities",
    "encode_weights",
    "is_of_visibilities",
]

_MOST_BASELINES = 15000  # that an attribute of HDF5 has room for


@dataclass(frozen=True)
class Lossy:
    """What visibilities may lose.

    Attributes
    ----------
    noise_increase : float or str
        Variance that is added to a real or imaginary part, over that of its noise: ``"1%"`` or 0.01.
    """

    noise_increase: float | str

    def __post_init__(self) -> None:
        """Refuse what is no such share."""
        noise_share(self.noise_increase)


def bound_of_weights(weights_error: float | str | None) -> Bound | None:
    """
    The bound of weights, which are numbers without noise.

    Raises
    ------
    ValueError
        It is no number or share.
    """
    if weights_error is None:
        return None
    try:
        bound = Bound(max_error=weights_error)
    except (TypeError, ValueError) as error:
        raise ValueError(str(error).replace("max_error", "weights_error")) from None
    if bound.kind not in ("relative", "absolute"):
        raise ValueError(f"weights_error is {weights_error!r}, a share such as '1%' or a number is needed")
    return bound


def encode_weights(weights: npt.NDArray[Any], bound: Bound) -> bytes:
    """Encode a block within a bound, or exactly where that is no larger."""
    return min(encode_array(weights), encode_array(weights, bound=bound), key=len)


class BaselineGrowth:
    """D as it was achieved on each baseline, summed up over blocks that several threads code."""

    def __init__(self, baselines: int) -> None:
        self._sums, self._counts = np.zeros(baselines), np.zeros(baselines, np.int64)
        self._lock = threading.Lock()

    def add(self, stream: bytes, counted: npt.NDArray[np.bool_]) -> None:
        """Take the stream of a block in, of which these samples count."""
        if counted.shape[1] != len(self._sums):
            return
        shares, counts = noise_growth(stream).astype(np.float64), counted.sum(axis=(0, 2, 3))
        counts = np.where(np.isfinite(shares), counts, 0)
        with self._lock:
            self._sums += np.where(counts > 0, shares, 0) * counts
            self._counts += counts

    def note(self, dataset: h5py.Dataset) -> None:
        """Let a dataset that has lost something tell it, in an attribute."""
        if 1 < len(self._sums) <= _MOST_BASELINES and self._sums.any():
            with np.errstate(invalid="ignore"):
                dataset.attrs[BASELINE_GROWTH] = (self._sums / self._counts).astype(np.float32)


def encode_visibilities(
    vis: npt.NDArray[Any],
    lossy: Lossy | None = None,
    flags: npt.NDArray[np.bool_] | None = None,
    growth: BaselineGrowth | None = None,
    within: tuple[int, int] | None = None,
) -> bytes:
    """
    Encode a block [time, baseline, freq, pol]; integers have their parts behind, and lose nothing.

    Of a block that reaches beyond the edge of its dataset so many times and channels are `within` it.
    """
    if lossy is None or vis.dtype.kind != "c" or not vis.size:
        return encode(vis)
    flagged = np.zeros(vis.shape, bool) if flags is None else flags
    times, channels = within or (vis.shape[0], vis.shape[2])
    noise = np.full(vis.shape[1:], np.nan, np.float32)
    noise[:, :channels] = noise_to_code(vis[:times, :, :channels], flagged[:times, :, :channels])
    if not (noise > 0).any():
        return encode(vis)
    stream = encode(vis, noise_increase=lossy.noise_increase, noise=noise, flags=flagged)
    if growth is not None:
        growth.add(stream, ~flagged & (vis != 0))
    return stream


def is_of_visibilities(stream: bytes) -> bool:
    """Whether a stream's codec is that of visibilities.

    >>> is_of_visibilities(encode(np.ones((1, 1, 1, 1, 2), "i4")))
    True
    """
    return stream[3] == VISIBILITY
