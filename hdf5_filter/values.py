"""The filter's values ("cd_values") and what they say; docs/hdf5.md section "Filter values"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from astrocodec.bounds import Bound
from astrocodec.errors import CorruptError, VersionError
from astrocodec.model import Model, configured_delta, find_model, load_model
from astrocodec.stages.crc32c import crc32c
from astrocodec.stages.pixels import DTYPES
from astrocodec.stages.quantise import TYPES
from hdf5_filter.bound_values import bound_of, values_of

__all__ = ["CAUSAL", "FilterValues"]

_LAYOUT = 1
_THOROUGH, _EMBED, _TUNED_ONLY, _RESIDUALS, _BOUNDED = 1, 2, 4, 16, 32
CAUSAL = 1
_FIXED = 8  # values before the lengths
_BIG_ENDIAN, _PAIRS, _WIDE = 1 << 8, 1 << 9, 1 << 10
_MAX_DELTA, _MAX_VALUES = 944, 256
_BOUND_ROOM = _MAX_VALUES - _FIXED - 6  # for a bound and the model, so that axes and a blank fit too
_MAX_AXES = 32  # of a stream, which has one more than a chunk of pairs


@dataclass(frozen=True)
class FilterValues:
    """
    What the filter is told of a dataset; the first three and the last as of `AstroCodec`.

    Examples
    --------
    >>> FilterValues.from_values(FilterValues(thorough=True).to_values()).thorough
    True
    """

    thorough: bool = False
    embed_model: bool = False
    try_general: bool = True
    fingerprint: str = ""  # of the model that chunks are written with; empty: the default of whichever release writes
    delta: bytes = b""  # that model, if it is a tuned one
    codec: int = CAUSAL  # id of the codec that chunks are written with
    dtype: np.dtype[np.generic] | None = None  # in the file's byte order; None as long as HDF5 has not said it
    pairs: bool = False  # elements are two such numbers, which are not the parts of a complex one
    chunk: tuple[int, ...] = ()
    residuals: bool = False
    bound: Bound | None = None
    blank: int | None = None  # bits of the element that stands for none, which a bound keeps

    @classmethod
    def with_model(
        cls,
        model: Model,
        *,
        thorough: bool,
        embed_model: bool,
        try_general: bool,
        residuals: bool,
        bound: Bound | None = None,
    ) -> FilterValues:
        """
        Return what the filter is told to code with a model.

        Raises
        ------
        ValueError
            The model is neither shipped nor tuned from one that is.
        """
        told = cls(thorough, embed_model, try_general, residuals=residuals, bound=bound)
        if model.fingerprint == load_model("default").fingerprint:
            return told
        if model.is_shipped:
            return replace(told, fingerprint=model.fingerprint)
        return replace(told, fingerprint=model.fingerprint, delta=configured_delta(model))

    def model(self) -> Model:
        """
        Return the model that chunks are written with.

        Raises
        ------
        ModelNotFoundError
            It is not installed.
        CorruptError
            The tuned model is another one than is named.
        """
        if not self.fingerprint:
            return load_model("default")
        model = Model.from_delta(self.delta) if self.delta else find_model(self.fingerprint, ())
        if model.fingerprint != self.fingerprint:
            raise CorruptError(f"the filter's values hold model {model.fingerprint} and name {self.fingerprint}")
        return model

    def to_values(self) -> tuple[int, ...]:
        """
        Return the values that a user gives to HDF5; dtype and shape are left for the filter to complete.

        Examples
        --------
        >>> FilterValues().to_values()
        (1, 0)
        """
        options = _THOROUGH * self.thorough | _EMBED * self.embed_model | _TUNED_ONLY * (not self.try_general)
        options |= _RESIDUALS * self.residuals | _BOUNDED * (self.bound is not None)
        if not self.fingerprint and self.codec == CAUSAL and self.bound is None:
            return _LAYOUT, options
        if len(self.delta) > _MAX_DELTA:
            raise ValueError(
                f"the tuned model has {len(self.delta)} bytes, at most {_MAX_DELTA} fit the filter's values"
            )
        named = np.frombuffer(bytes.fromhex(self.fingerprint or "0" * 16), "<u4")
        packed = np.frombuffer(self.delta + bytes(-len(self.delta) % 4), "<u4")
        bound = values_of(self.bound, self.blank) if self.bound else []
        if bound and packed.size + len(bound) > _BOUND_ROOM:
            raise ValueError(
                f"the tuned model has {len(self.delta)} bytes, at most {4 * (_BOUND_ROOM - len(bound))} fit the "
                "filter's values beside a bound"
            )
        count = _FIXED + 1 + packed.size + len(bound) + 1
        values = np.array([_LAYOUT, options, count, self.codec, 0, 0, *named, len(self.delta), *packed, *bound], "<u4")
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
        thorough, embed, residuals = (bool(options & bit) for bit in (_THOROUGH, _EMBED, _RESIDUALS))
        told = cls(thorough, embed, not options & _TUNED_ONLY, residuals=residuals)
        if len(values) <= 2:
            if options & _BOUNDED:
                raise CorruptError("the filter's values name a bound, but hold none")
            return told
        count = values[2]
        if not _FIXED + 2 <= count <= len(values):
            raise CorruptError(f"{count} filter values announced, {len(values)} found: the dataset's header is damaged")
        array = np.array(values[:count], "<u4")
        if crc32c(array[:-1]) != values[count - 1]:
            raise CorruptError("the filter's values do not agree with their checksum: the dataset's header is damaged")
        return _with_rest(told, values[:count], is_bounded=bool(options & _BOUNDED))


def _with_rest(told: FilterValues, values: Sequence[int], *, is_bounded: bool) -> FilterValues:
    """Add what stands behind the options; what follows the model and a bound is room for later releases."""
    codec, kind, ndim = values[3:6]
    each = 2 if kind & _WIDE else 1
    at = _FIXED + each * ndim
    pairs = bool(kind & _PAIRS)
    length = values[at] if at < len(values) - 1 else _MAX_DELTA + 1
    is_whole = length <= _MAX_DELTA and at + 1 - (-length // 4) < len(values)
    if not is_whole or kind >> 11 or kind & 255 >= len(DTYPES) or ndim + pairs > _MAX_AXES:
        raise CorruptError("the filter's values contradict each other: the dataset's header is damaged")
    lengths = list(values[_FIXED:at])
    if each == 2:
        lengths = [low | high << 32 for low, high in zip(lengths[::2], lengths[1::2], strict=True)]
    if 0 in lengths:
        raise CorruptError("the filter's values name an axis of no length: the dataset's header is damaged")
    named, packed = (np.array(part, "<u4").tobytes() for part in (values[6:8], values[at + 1 : -1]))
    dtype = np.dtype((">" if kind & _BIG_ENDIAN else "<") + DTYPES[kind & 255]) if ndim else None
    bound, blank = bound_of(values[at + 1 - (-length // 4) : -1]) if is_bounded else (None, None)
    if bound and (codec != CAUSAL or told.residuals or (dtype is not None and (pairs or dtype.str[1:] not in TYPES))):
        raise CorruptError("the filter's values name a bound of what none is kept of: the dataset's header is damaged")
    return replace(
        told,
        fingerprint=named.hex() if any(named) else "",
        delta=packed[:length],
        codec=codec,
        dtype=dtype,
        pairs=pairs,
        chunk=tuple(lengths),
        bound=bound,
        blank=blank,
    )
