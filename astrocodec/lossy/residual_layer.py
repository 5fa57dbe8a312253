"""Residual layer: what a denoised image leaves of the image, lossless or within a bound, as a stream of its own.

docs/format.md section "Residual layer". The base decodes to the same elements on every machine, so that they may be
taken off and added again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.bounds import Bound, Loss
from astrocodec.codec import decode, encode
from astrocodec.errors import CorruptError
from astrocodec.inspection import inspect
from astrocodec.model import Model
from astrocodec.tuning import tune

_WIDER = {"u1": "i2", "i1": "i2", "u2": "i4", "i2": "i4", "f2": "f8", "f4": "f8", "f8": "f8"}
_TIGHTER = 0.999  # of a bound whose errors grew when floats were rounded

_WORTH_TUNING = 1 << 14  # elements: a model takes half a kilobyte


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


def models_for(values: NDArray[Any], bound: Bound) -> list[str | Model]:
    """Models to code an array with, within a bound: the default one, and where it may pay one that is tuned to it."""
    return ["default"] if values.size < _WORTH_TUNING else ["default", tune([values], bound=bound)]


def residual_stream(
    values: NDArray[Any], base: NDArray[Any], bound: Bound | None, models: Sequence[str | Model] = ()
) -> tuple[bytes, Loss | None]:
    """A stream of what `base` leaves of `values`, both of one type and shape, and what the image has lost by it.

    It is lossless without a bound, and where within the bound nothing can be lost. Within a bound it is coded by that
    of `models`, and of those that `models_for` finds, which makes it the smallest.

    Raises
    ------
    ValueError
        The bound cannot be kept, or asks for what a residual does not tell.
    """
    if bound is not None:
        _checked(values, bound)
        wide = np.dtype(_WIDER[values.dtype.str[1:]])
        left = values.astype(wide) - base.astype(wide)
        models = [*models, *models_for(left, bound)]
        stream = encode(left, models, bound=bound)
        loss = inspect(stream).loss
        if loss is not None:
            limit, asked = loss.max_error, loss
            if (farthest := _farthest(values, stream, base, limit)) > limit:
                stream = encode(left, models, max_error=_TIGHTER * limit)
                loss = inspect(stream).loss or replace(asked, variance=0.0, unit_variance=0.0, share=0.0)
                if (farthest := _farthest(values, stream, base, limit)) > limit:
                    raise ValueError(
                        f"a bound of {limit} is finer than {values.dtype} tells these values apart: ask for more"
                    )
            if loss is not asked:  # its noise was not measured
                share = loss.variance / asked.noise**2 if asked.noise else 0.0
                loss = replace(asked, variance=loss.variance, unit_variance=loss.unit_variance, share=share)
            return stream, replace(loss, largest_error=farthest)
    return encode(values, reference=base, reference_name="base"), None


def _farthest(values: NDArray[Any], stream: bytes, base: NDArray[Any], limit: float) -> float:
    found = restored(memoryview(stream), base, limit)
    return float(np.abs(found.astype(np.float64) - values.astype(np.float64)).max())


def restored(stream: memoryview, base: NDArray[Any], max_error: float) -> NDArray[Any]:
    """The image of a residual's stream and its base, of a bound or, where that is 0, losslessly.

    Examples
    --------
    >>> base = np.full((3, 4), 7, np.int16)
    >>> image = np.arange(12, dtype=np.int16).reshape(3, 4)
    >>> stream, loss = residual_stream(image, base, None)
    >>> bool((restored(memoryview(stream), base, 0) == image).all()), loss
    (True, None)
    """
    info = inspect(stream)
    wide = _WIDER.get(base.dtype.str[1:])
    if max_error and wide is None:
        raise CorruptError(f"residual: {base.dtype} within a bound of {max_error} found, which no encoder writes")
    needed = np.dtype(wide) if max_error else base.dtype
    lost = 0.0 if info.loss is None else info.loss.max_error
    if info.codec not in ("causal", "stored") or (info.dtype, info.shape) != (needed, base.shape) or lost > max_error:
        raise CorruptError(
            f"residual: a stream of {info.codec}, {info.dtype} and shape {info.shape} with errors up to {lost} found, "
            f"needed are {needed}, {base.shape} and at most {max_error}"
        )
    if not max_error:
        return decode(stream, reference=base)
    total = base.astype(info.dtype) + decode(stream)
    if base.dtype.kind in "iu":
        limits = np.iinfo(base.dtype)
        total = np.clip(total, limits.min, limits.max)
    image: NDArray[Any] = total.astype(base.dtype)
    return image
