"""Residual layer: what a denoised image leaves of the image, lossless or within a bound, as a stream of its own.

docs/format.md section "Residual layer". The base decodes to the same elements on every machine, so that they may be
taken off and added again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.bounds import Bound
from astrocodec.codec import decode, encode, inspect
from astrocodec.errors import CorruptError

_WIDER = {"u1": "i2", "i1": "i2", "u2": "i4", "i2": "i4", "f2": "f8", "f4": "f8", "f8": "f8"}
_TIGHTER = 0.999  # of a bound whose errors grew when floats were rounded


def _checked(values: NDArray[Any], bound: Bound) -> None:
    if bound.kind == "relative" or bound.gain is not None or bound.protect_sources or bound.saturation is not None:
        raise ValueError(
            "beside a denoised image a bound is absolute or in units of the noise, without gain, saturation and "
            "protect_sources, which ask for the image's own brightness: leave these out, or take the causal codec"
        )
    if bound.blank is not None or values.dtype.str[1:] not in _WIDER:
        raise ValueError(
            f"{values.dtype} and blank {bound.blank} found; with a bound, allowed are integers of 8 and 16 bits and "
            "floats, without blank"
        )


def residual_stream(values: NDArray[Any], base: NDArray[Any], bound: Bound | None) -> bytes:
    """A stream of what `base` leaves of `values`, both of one type and shape; without a bound it is lossless.

    Raises
    ------
    ValueError
        The bound cannot be kept, or asks for what a residual does not tell.
    """
    if bound is None:
        return encode(values, reference=base, reference_name="base")
    _checked(values, bound)
    wide = np.dtype(_WIDER[values.dtype.str[1:]])
    left = values.astype(wide) - base.astype(wide)
    stream = encode(left, bound=bound)
    loss = inspect(stream).loss
    if loss is not None and _farthest(values, stream, base) > loss.max_error:
        limit = loss.max_error
        stream = encode(left, max_error=_TIGHTER * limit)
        if _farthest(values, stream, base) > limit:
            raise ValueError(f"a bound of {limit} is finer than {values.dtype} tells these values apart: ask for more")
    return stream


def _farthest(values: NDArray[Any], stream: bytes, base: NDArray[Any]) -> float:
    found = restored(memoryview(stream), base)
    return float(np.abs(found.astype(np.float64) - values.astype(np.float64)).max())


def restored(stream: memoryview, base: NDArray[Any]) -> NDArray[Any]:
    """The image of a residual's stream and its base.

    Examples
    --------
    >>> base = np.full((3, 4), 7, np.int16)
    >>> image = np.arange(12, dtype=np.int16).reshape(3, 4)
    >>> bool((restored(memoryview(residual_stream(image, base, None)), base) == image).all())
    True
    """
    info = inspect(stream)
    if info.codec not in ("causal", "stored") or info.shape != base.shape:
        raise CorruptError(
            f"residual: a stream of {info.codec} and shape {info.shape} found, the base has {base.shape}"
        )
    if info.dtype == base.dtype and info.loss is None:
        return decode(stream, reference=base)
    if info.dtype.str[1:] != _WIDER.get(base.dtype.str[1:]):
        raise CorruptError(f"residual: {info.dtype} found, of a base of {base.dtype} it is another")
    total = base.astype(info.dtype) + decode(stream)
    if base.dtype.kind in "iu":
        limits = np.iinfo(base.dtype)
        total = np.clip(total, limits.min, limits.max)
    image: NDArray[Any] = total.astype(base.dtype)
    return image
