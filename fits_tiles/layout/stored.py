"""Pixels in the form that FITS stores, which has no int8, uint16, uint32 or uint64."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["stored_integers", "turned_integers"]


def stored_integers(data: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """
    Return pixels as a FITS file stores them: unsigned integers shifted to signed, int8 to uint8.

    Examples
    --------
    >>> stored_integers(np.array([0, 65535], np.uint16))
    array([-32768,  32767], dtype=int16)
    """
    kind, size = data.dtype.kind, data.dtype.itemsize
    if not (kind == "u" and size > 1) and not (kind == "i" and size == 1):
        return data
    return turned_integers(data)


def turned_integers(data: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """
    Return integers with their highest bit turned, signed ones as unsigned and the other way.

    Examples
    --------
    >>> turned_integers(np.array([-32768, 32767], np.int16))
    array([    0, 65535], dtype=uint16)
    """
    kind, size = data.dtype.kind, data.dtype.itemsize
    native = data.astype(data.dtype.newbyteorder("="), copy=False)
    bits = native.view(f"u{size}") ^ np.array(1 << (8 * size - 1), f"u{size}")
    found: npt.NDArray[Any] = bits.view(f"{'i' if kind == 'u' else 'u'}{size}")
    return found
