"""References: arrays beside which others are coded, as they are given and found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec import _native
from astrocodec._native import stream as native_stream
from astrocodec.arrays import as_array
from astrocodec.errors import ReferenceNotFoundError
from astrocodec.model import Model
from astrocodec.stages.outside import MAX_NAME, REFERENCE_TYPES, Outside
from astrocodec.stages.outside_choice import choose_outside


class ReferenceInfo(NamedTuple):
    """The array that a stream was made beside.

    Attributes
    ----------
    sha256 : str
        Of its elements in C order, little-endian; 64 hex digits.
    dtype : numpy.dtype
    shape : tuple of int
    name : str
        What it was called when the stream was made.
    embedded : bool
        Whether the stream holds it.
    """

    sha256: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    name: str
    embedded: bool

    def __str__(self) -> str:
        """One line for people."""
        name = f"{self.name}, " if self.name else ""
        return f"{name}{self.dtype} of shape {self.shape}, SHA-256 {self.sha256}"


# An array, arrays by the SHA-256 of their elements, or a function that finds one.
References: TypeAlias = "ArrayLike | Mapping[str, ArrayLike] | Callable[[ReferenceInfo], ArrayLike | None]"


def info_of(section: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> ReferenceInfo:
    """What section 17 of a stream says."""
    outside = Outside.read(section, dtype, shape)
    return ReferenceInfo(
        outside.sha256.hex(), outside.dtype, outside.reference_shape(shape), outside.name, outside.embedded
    )


def as_reference(reference: ArrayLike, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """A reference to encode beside, in native byte order; refuse what is none for an array of a shape."""
    found = as_array(reference)
    if found.dtype.str[1:] not in REFERENCE_TYPES:
        raise TypeError(f"reference of dtype {found.dtype} found, allowed are {', '.join(REFERENCE_TYPES)}")
    least = min(2, len(shape))
    if not least <= found.ndim <= len(shape) or found.shape != shape[len(shape) - found.ndim :]:
        raise ValueError(
            f"reference of shape {found.shape} found, the array's {shape} or its last axes are needed, at least {least}"
        )
    if len(name.encode()) > MAX_NAME:
        raise ValueError(f"reference_name has {len(name.encode())} bytes, at most {MAX_NAME} allowed")
    return np.require(found, found.dtype.newbyteorder("="), ["C", "A"])


def find_reference(given: References | None, info: ReferenceInfo) -> NDArray[Any] | None:
    """The reference among what was given, None where nothing was; whether it is the right one the library checks."""
    if given is None:
        return None
    if isinstance(given, Mapping):
        given = given.get(info.sha256)
        if given is None:
            raise ReferenceNotFoundError(f"none of the references that were given is the one that is needed: {info}")
    elif callable(given):
        given = given(info)
        if given is None:
            raise ReferenceNotFoundError(f"the reference was not found: {info}")
    found = as_array(given)
    if found.shape != info.shape or found.dtype.kind not in "iuf":
        raise ReferenceNotFoundError(f"{found.dtype} of shape {found.shape} given as reference, needed is {info}")
    if found.dtype.newbyteorder("=") != info.dtype:  # of equal numbers the type does not matter
        with np.errstate(all="ignore"):
            cast = found.astype(info.dtype)
        if not np.array_equal(cast, found):
            raise ReferenceNotFoundError(f"{found.dtype} numbers given as reference, needed is {info}")
        found = cast
    return np.require(found, found.dtype.newbyteorder("="), ["C", "A"])


def leave(
    values: NDArray[Any], reference: NDArray[Any], name: str, model: Model
) -> tuple[Outside, NDArray[Any]] | None:
    """What a reference of `as_reference` leaves of an array, and how; None where that does not pay."""
    native = _native.native_model(model)
    outside = choose_outside(values, reference, name, lambda part: len(_native.encode_piece(native, part)))
    if outside is None:
        return None
    return outside, native_stream.apply_reference(outside.to_bytes(), values, reference)
