"""The filter's values ("cd_values") and what they say; docs/hdf5.md section "Filter values"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from astrocodec._native import crc32c
from astrocodec.errors import CorruptError, VersionError

__all__ = ["FilterValues"]

_LAYOUT = 1
_THOROUGH, _EMBED, _TUNED_ONLY = 1, 2, 4
_BIG_ENDIAN, _PAIRS, _WIDE = 1 << 8, 1 << 9, 1 << 10
_DTYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")
_MAX_DELTA, _MAX_VALUES = 960, 256
_MAX_AXES = 32  # of a stream, which has one more than a chunk of pairs


@dataclass(frozen=True)
class FilterValues:
    """
    What the filter is told of a dataset.

    Attributes
    ----------
    thorough : bool
        Every way to code a tile is tried.
    embed_model : bool
        A tuned model goes into every chunk too, so that chunks can be read without the dataset.
    try_general : bool
        Each chunk takes the better of the tuned and the general model.
    delta : bytes
        The tuned model, empty for the general one.
    dtype : numpy.dtype or None
        Numbers in the chunks, in the file's byte order; None as long as HDF5 has not said it.
    pairs : bool
        Elements are two such numbers: complex ones.
    chunk : tuple of int
        Shape of the chunks.

    Examples
    --------
    >>> FilterValues.from_values(FilterValues(thorough=True).to_values()).thorough
    True
    """

    thorough: bool = False
    embed_model: bool = False
    try_general: bool = True
    delta: bytes = b""
    dtype: np.dtype[np.generic] | None = None
    pairs: bool = False
    chunk: tuple[int, ...] = ()

    def to_values(self) -> tuple[int, ...]:
        """
        Return the values that a user gives to HDF5; dtype and shape are left for the filter to complete.

        Examples
        --------
        >>> FilterValues().to_values()
        (1, 0)
        """
        options = _THOROUGH * self.thorough | _EMBED * self.embed_model | _TUNED_ONLY * (not self.try_general)
        if not self.delta:
            return _LAYOUT, options
        if len(self.delta) > _MAX_DELTA:
            raise ValueError(
                f"the tuned model has {len(self.delta)} bytes, at most {_MAX_DELTA} fit the filter's values"
            )
        packed = np.frombuffer(self.delta + bytes(-len(self.delta) % 4), "<u4")
        values = np.array([_LAYOUT, options, 0, 0, len(self.delta), *packed], "<u4")
        return (*values.tolist(), crc32c(values))

    @classmethod
    def from_values(cls, values: Sequence[int]) -> FilterValues:
        """
        Read the values of a dataset.

        Raises
        ------
        VersionError
            They were written by a newer astrocodec.
        CorruptError
            They contradict each other or their checksum.
        """
        if values and values[0] > _LAYOUT:
            raise VersionError(
                f"filter values of version {values[0]} found, this astrocodec reads {_LAYOUT}: upgrade astrocodec"
            )
        if len(values) > _MAX_VALUES:
            raise CorruptError(f"{len(values)} filter values found, at most {_MAX_VALUES} allowed")
        options = values[1] if len(values) > 1 else 0
        told = cls(bool(options & _THOROUGH), bool(options & _EMBED), not options & _TUNED_ONLY)
        if len(values) <= 2:
            return told
        array = np.array(values, "<u4")
        if len(values) < 6 or crc32c(array[:-1].copy()) != values[-1]:
            raise CorruptError("the filter's values do not agree with their checksum: the dataset's header is damaged")
        return _with_rest(told, values)


def _with_rest(told: FilterValues, values: Sequence[int]) -> FilterValues:
    """Add what stands behind the options."""
    kind, ndim = values[2], values[3]
    each = 2 if kind & _WIDE else 1
    at = 4 + each * ndim
    pairs = bool(kind & _PAIRS)
    length = values[at] if len(values) > at + 1 else _MAX_DELTA + 1
    is_whole = length <= _MAX_DELTA and len(values) == at + 2 + -(-length // 4)
    if not is_whole or kind >> 11 or kind & 255 >= len(_DTYPES) or ndim + pairs > _MAX_AXES:
        raise CorruptError("the filter's values contradict each other: the dataset's header is damaged")
    lengths = list(values[4:at])
    if each == 2:
        lengths = [low | high << 32 for low, high in zip(lengths[::2], lengths[1::2], strict=True)]
    if 0 in lengths:
        raise CorruptError("the filter's values name an axis of no length: the dataset's header is damaged")
    packed = np.array(values[at + 1 : -1], "<u4").tobytes()
    dtype = np.dtype((">" if kind & _BIG_ENDIAN else "<") + _DTYPES[kind & 255]) if ndim else None
    return replace(told, delta=packed[:length], dtype=dtype, pairs=pairs, chunk=tuple(lengths))
