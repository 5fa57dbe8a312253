"""Pixels: values of any dtype <-> small non-negative integers in the same order (docs/format.md section "Pixels").

Every map here keeps the order of the values, so that neighbouring values stay neighbours for the predictor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError
from astrocodec.stages import varint
from astrocodec.stages.bins import Bins, bins_of, float_bits
from astrocodec.stages.find_bins import find_bins
from astrocodec.stages.log512 import log512
from astrocodec.stages.valueset import fit_lattice, lattice_value, pack_set, set_pays, set_saves, unpack_set

DTYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8", "b1", "f2", "c8", "c16")
_INTEGER, _FLOAT_BITS, _FLOAT_INTEGER, BINS = 0, 1, 2, 3
_OFFSET, _LATTICE, _SET = 0, 1, 2
_MAX_GAPS = 8
_ALL = (1 << 64) - 1
_INTEGER_FLOATS = 1 << 31
# Bytes of a float and low bits that are zeros: what has no more of them.
_NARROWER = {(4, 13): "half floats", (4, 16): "bfloat16", (8, 42): "half floats", (8, 29): "float32"}
# Where a set is weighed: so many runs of so many neighbours.
_RUNS = 64
_RUN = 4096


@dataclass(frozen=True)
class PixelMap:
    """How values became integers."""

    kind: int  # 0 integers, 1 floats by their bits in order, 2 floats that hold integers, 3 bins of floats
    offset: int  # subtracted from all values, modulo 2**64
    # ``(start, length)``: mapped values from `start` on were lowered by `length`; applied in order
    gaps: tuple[tuple[int, int], ...] = ()
    rule: int = _OFFSET  # 0 nothing more, 1 lattice ``v = (k * step + phase) >> 32``, 2 rank among `values`
    step: int = 1 << 32
    phase: int = 0
    values: NDArray[np.uint64] | None = None  # from 0 on
    trailing: int = 0  # kinds 1 and 3: so many low bits, which are zeros in all floats, are left out
    first_exponent: int = 0  # kind 3: exponent of the width of a bin
    linear: int = 0  # kind 3: octaves from there on in which bins are as wide

    def to_bytes(self) -> bytes:
        """The map as docs/format.md has it."""
        out = (
            bytes([self.kind | self.rule << 4])
            + (bytes([self.trailing]) if self.kind & _FLOAT_BITS else b"")
            + (varint.put(self.first_exponent) + bytes([self.linear]) if self.kind == BINS else b"")
            + varint.put_signed((self.offset + (1 << 63)) % (1 << 64) - (1 << 63))
            + varint.put(len(self.gaps))
        )
        for start, length in self.gaps:
            out += varint.put(start) + varint.put(length)
        if self.rule == _LATTICE:
            out += varint.put(self.step) + varint.put(self.phase)
        if self.rule == _SET:
            assert self.values is not None
            packed = pack_set(self.values)
            out += varint.put(self.values.size) + varint.put(len(packed)) + packed
        return out

    def set_count(self) -> int:
        """Values of its value set."""
        return 0 if self.values is None else self.values.size

    def set_size(self) -> int:
        """Bytes of its value set."""
        return 0 if self.values is None else len(pack_set(self.values))

    def code_of_zero(self) -> int | None:
        """The code of sample 0, where samples are codes: values, or multiples of a whole number; else None."""
        if self.kind & _FLOAT_BITS or self.gaps or self.rule == _SET or self.step % (1 << 32):
            return None
        first = (self.offset + (self.phase >> 32) + (1 << 63)) % (1 << 64) - (1 << 63)
        return first // (self.step >> 32)

    def describe(self, dtype: np.dtype[Any]) -> str:
        """What the elements are that their type does not say; empty where that is nothing.

        >>> PixelMap(_FLOAT_BITS, 0, rule=_SET, values=np.arange(6402, dtype=np.uint64)).describe(np.dtype("f4"))
        'float32, but 6,402 values'
        """
        said = []
        if self.kind == _FLOAT_INTEGER:
            said.append("integers")
        if self.trailing:
            narrower = _NARROWER.get((dtype.itemsize, self.trailing)) if dtype.kind == "f" else None
            said.append(f"no more digits than {narrower}" if narrower else f"{self.trailing} low bits zeros")
        if self.values is not None:
            said.append(f"{self.values.size:,} values")
        if self.rule == _LATTICE:
            said.append(f"values {self.step / 2**32:.6g} apart")
        return f"{dtype.name}, but {', '.join(said)}" if said else ""

    def fits(self, dtype: np.dtype[Any]) -> bool:
        """Whether such a map is made of elements of this type: kind 0 of integers and booleans, others of others."""
        width = 8 * dtype.itemsize // (2 if dtype.kind == "c" else 1)
        if self.kind == BINS and (dtype.kind not in "fc" or not self.bins(dtype).are_there):
            return False
        return (self.kind == _INTEGER) == (dtype.kind not in "fc") and self.trailing <= width - 2

    def bins(self, dtype: np.dtype[Any]) -> Bins:
        """Kind 3: what they are of elements of this type."""
        return bins_of(dtype, self.trailing, self.first_exponent, self.linear)

    @classmethod
    def read(
        cls,
        reader: varint.Reader,
        unpack: Callable[[memoryview, int], NDArray[np.uint64]] = unpack_set,
        most: int = 65536,
    ) -> PixelMap:
        """Read a map, the values of a set, of which there are at most `most`, by `unpack`."""
        head = reader.take(1, "pixel map")[0]
        kind, rule = head & 15, head >> 4
        if kind > BINS or rule > (_OFFSET if kind == BINS else _SET):
            raise CorruptError(f"byte {reader.place}: pixel map {head:#x} is unknown")
        trailing = reader.take(1, "trailing zeros")[0] if kind & _FLOAT_BITS else 0
        first = reader.number("exponent of bins", 2047) if kind == BINS else 0
        linear = reader.take(1, "octaves of bins")[0] if kind == BINS else 0
        offset = reader.signed("pixel offset")
        count = reader.number("number of gaps", _MAX_GAPS)
        if count and rule == _SET:
            raise CorruptError(f"byte {reader.place}: {count} gaps found with pixel rule {rule}, which has none")
        gaps = tuple((reader.number("gap start", _ALL), reader.number("gap length", _ALL)) for _ in range(count))
        if rule == _LATTICE:
            step, phase = reader.number("lattice step", _ALL), reader.number("lattice phase", 1 << 48)
            return cls(kind, offset, gaps, rule, step, phase, trailing=trailing)
        if rule == _SET:
            count = reader.number("number of values", 65536)
            if count > most:
                raise CorruptError(
                    f"byte {reader.place}: a set of {count} values found, at most {most} allowed: "
                    "sets have no more values together than the array has numbers"
                )
            size = reader.number("size of the value set", 1 << 20)
            if not count:
                raise CorruptError(f"byte {reader.place}: a value set of no values")
            values = unpack(reader.take(size, "value set"), count)
            return cls(kind, offset, gaps, rule, values=values, trailing=trailing)
        return cls(kind, offset, gaps, rule, trailing=trailing, first_exponent=first, linear=linear)


def _trailing_zeros(values: NDArray[np.floating]) -> int:
    """Low bits that are zeros in all floats: few digits, or those of a narrower type. Two bits are left at least."""
    any_set = int(np.bitwise_or.reduce(values.view(f"u{values.dtype.itemsize}"), axis=None))
    return min((any_set & -any_set).bit_length() - 1, 8 * values.dtype.itemsize - 2)


def ordered_bits(values: NDArray[np.floating], trailing: int) -> NDArray[np.uint64]:
    """IEEE bits as unsigned integers in the order of the numbers: -0.0 just below 0.0, NaNs at the ends."""
    width = values.dtype.itemsize * 8 - trailing
    bits = values.view(f"u{values.dtype.itemsize}").astype(np.uint64) >> np.uint64(trailing)
    top = np.uint64(1 << (width - 1))
    return np.where(bits & top, ~bits & np.uint64((1 << width) - 1), bits | top)


def _from_ordered_bits(
    ordered: NDArray[np.uint64], trailing: int, dtype: np.dtype[np.floating]
) -> NDArray[np.floating]:
    width = dtype.itemsize * 8 - trailing
    top = np.uint64(1 << (width - 1))
    bits = np.where(ordered & top, ordered ^ top, ~ordered & np.uint64((1 << width) - 1))
    return (bits << np.uint64(trailing)).astype(f"u{dtype.itemsize}").view(dtype)


def _holds_integers(values: NDArray[np.floating]) -> bool:
    wide = values.astype(np.float32) if values.dtype == np.float16 else values
    sample = wide.ravel()[:: max(1, values.size // 1024)]
    for part in (sample, wide):
        with np.errstate(invalid="ignore"):
            whole = (np.abs(part) < 2.0**31) & (np.rint(part) == part) & ~((part == 0) & np.signbit(part))
        if not whole.all():
            return False
    return True


def _match_unit(u: NDArray[np.uint64], largest: int) -> tuple[int, tuple[tuple[int, int], ...], int]:
    """What all values are multiples of, 1 if nothing, but for the least or the greatest, which gaps bring into step.

    Also these gaps, and the greatest multiple.
    """
    none: tuple[int, tuple[tuple[int, int], ...], int] = 1, (), largest
    sample = np.unique(u.ravel()[:: max(1, u.size >> 13)])[1:-1]
    unit = int(np.gcd.reduce(sample - sample[0])) if sample.size else 0
    if not 2 <= unit < 1 << 32:
        return none
    one = int(sample[0])
    low, high = one % unit != 0, (largest - one) % unit != 0  # whether those are out of step
    inside = u[~((u == 0) & low | (u == np.uint64(largest)) & high)]
    if (inside % np.uint64(unit) != one % unit).any():
        return none
    second, last = int(inside.min()), int(inside.max())
    closed = second - unit if low else 0
    most = (last + unit if high else largest) - closed
    if (low and second <= unit) or (high and largest - last <= unit) or most >= 1 << 32:
        return none
    below, above = (1, closed), (last - closed + 1, largest - last - unit)
    return unit, (below,) * low + (above,) * high, most // unit


def _close(u: NDArray[np.uint64], gaps: tuple[tuple[int, int], ...]) -> NDArray[np.uint64]:
    for start, length in gaps:
        u = np.where(u >= np.uint64(start), u - np.uint64(length), u)
    return u


def _close_gaps(
    u: NDArray[np.uint64], largest: int, most: int
) -> tuple[NDArray[np.uint64], tuple[tuple[int, int], ...], int]:
    """Bring far-off values (a BLANK, NaNs) next to the rest while the range exceeds 16 bits."""
    gaps: list[tuple[int, int]] = []
    while largest > 65535 and len(gaps) < most:
        shift = np.uint64(largest.bit_length() - 16)
        used = np.flatnonzero(np.bincount((u >> shift).astype(np.int64).ravel(), minlength=2))
        widths = np.diff(used)
        widest = int(widths.argmax()) if widths.size else 0
        if not widths.size or widths[widest] < 4 or widths[widest] * 4 < largest >> int(shift):
            break
        start, length = (int(used[widest]) + 1) << int(shift), (int(widths[widest]) - 1) << int(shift)
        u = _close(u, ((start, length),))
        gaps.append((start, length))
        largest -= length
    return u, tuple(gaps), largest


def _match_set(u: NDArray[np.uint16]) -> tuple[int, int, NDArray[np.uint16] | None] | None:
    """A lattice (step, phase, None) or a value set (0, 0, values) that describes 16-bit data with missing values."""
    sample = u.ravel()[:: max(1, u.size >> 13)]
    seen = np.unique(sample)
    steps = int((np.diff(seen) == 1).sum())
    if seen.size > 8 and 2 * steps > seen.size - 1 and seen.size * 2 > int(seen[-1]) - int(seen[0]):
        return None
    counts = np.bincount(u.ravel(), minlength=65536)
    values = np.flatnonzero(counts)
    if values.size < 2 or int(values[-1]) - int(values[0]) + 1 == values.size:
        return None
    if lattice := fit_lattice(values):
        return (*lattice, None)
    saved = set_saves(values, counts[values])
    return (0, 0, values.astype(np.uint16)) if set_pays(saved, u.size, len(pack_set(values - values[0]))) else None


def _steps(u: NDArray[np.uint64] | NDArray[np.uint16]) -> NDArray[np.int64]:
    """1 + how far neighbours are apart, at most 2**30, in runs of a sheet."""
    length = min(u.size, _RUN)
    count = min(_RUNS, u.size // length)
    runs = u.ravel()[np.arange(count)[:, None] * (u.size // count) + np.arange(length)].astype(np.uint64)
    apart = np.where(runs[:, 1:] > runs[:, :-1], runs[:, 1:] - runs[:, :-1], runs[:, :-1] - runs[:, 1:])
    steps: NDArray[np.int64] = np.minimum(apart, np.uint64((1 << 30) - 1)).astype(np.int64)
    return 1 + steps


def _few_values(
    u: NDArray[np.uint64], closed: NDArray[np.uint64], largest: int, trailing: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint16]] | None:
    """Values and ranks of integers beyond 16 bits where listing them pays; `closed` are these, less gaps."""
    sample = u.ravel()[:: max(1, u.size >> 13)]
    seen = np.unique(sample)
    is_dense = seen.size > 8 and 2 * int((np.diff(seen) == 1).sum()) > seen.size - 1
    if seen.size > 15 * sample.size // 16 or (is_dense and not trailing):
        return None
    values, places = np.unique(u, return_inverse=True)
    if values.size > min(65536, u.size // 2):
        return None
    ranks: NDArray[np.uint16] = places.reshape(u.shape).astype(np.uint16)
    low = max(0, largest.bit_length() - 16)
    apart = np.maximum(log512(_steps(closed)), 512 * low) - log512(_steps(ranks))
    saved = ((int(apart.sum()) << 4) // apart.size * u.size) >> 4
    return (values, ranks) if set_pays(saved, u.size, len(pack_set(values))) else None


def _map_bins(
    values: NDArray[Any], trailing: int, mapped: NDArray[Any], largest: int, extremes: NDArray[np.uint64]
) -> tuple[NDArray[np.uint64], PixelMap, int] | None:
    """Floats by bins where that is smaller than `mapped`, these few enough; `extremes`: their least and greatest."""
    bins = find_bins(values, trailing, mapped, largest)
    if bins is None:
        return None
    while True:  # a rare number may be far off
        first, last = bins.take(extremes)[0].tolist()
        u = (bins.take(float_bits(values, trailing))[0] - first).astype(np.uint64)
        u, gaps, most = _close_gaps(u, last - first, _MAX_GAPS)
        if most <= 65535:
            return u, PixelMap(BINS, first, gaps, 0, 1 << 32, 0, None, trailing, bins.first, bins.linear), most
        if not bins.linear:
            return None
        bins = bins._replace(linear=bins.linear - (2 if bins.linear > 1 else 1))


def map_pixels(
    values: NDArray[Any], by_bits: bool = False
) -> tuple[NDArray[np.uint64] | NDArray[np.uint16], PixelMap, int]:
    """Integers (same shape), the map, and the largest integer.

    The values are integers or floats of native byte order, not none; with `by_bits` floats get no bins.
    """
    mapped = _map_values(values)
    trailing = mapped[1].trailing
    if by_bits or mapped[1].kind != _FLOAT_BITS or mapped[1].rule != _OFFSET:
        return mapped
    ordered = ordered_bits(values, trailing)
    extremes = _from_ordered_bits(np.array([ordered.min(), ordered.max()]), trailing, values.dtype)
    return _map_bins(values, trailing, mapped[0], mapped[2], float_bits(extremes, trailing)) or mapped


def _map_values(values: NDArray[Any]) -> tuple[NDArray[np.uint64] | NDArray[np.uint16], PixelMap, int]:
    kind, trailing = _INTEGER, 0
    if values.dtype.kind == "f" and _holds_integers(values):
        kind, values = _FLOAT_INTEGER, values.astype(np.int64)
    elif values.dtype.kind == "f":
        kind, trailing = _FLOAT_BITS, _trailing_zeros(values)
        values = ordered_bits(values, trailing)
    low, high = int(values.min()), int(values.max())
    # Offsets in steps of 16 keep converter patterns (value modulo 16) in place from piece to piece.
    offset = low & ~15 if high - (low & ~15) <= 65535 else low
    if offset < 0 and values.dtype.kind == "u":
        offset = low
    largest = high - offset
    if largest <= 65535:
        wide = values if values.dtype.itemsize > 2 else values.astype(np.int32)
        u16: NDArray[np.uint16] = (
            (wide - np.array(offset, wide.dtype)).astype(np.uint16) if offset else values.astype(np.uint16)
        )
        if found := _match_set(u16):
            step, phase, members = found
            if members is None:
                k = (
                    (u16.astype(np.uint64) << np.uint64(32)) + np.uint64((1 << 32) - 1) - np.uint64(phase)
                ) // np.uint64(step)
                found_map = PixelMap(kind, offset, (), _LATTICE, step, phase, trailing=trailing)
                return k.astype(np.uint16), found_map, int(k.max())
            rank = np.zeros(65536, np.uint16)
            rank[members] = np.arange(members.size)
            least = members[0]
            members = (members - least).astype(np.uint64)
            found_map = PixelMap(kind, offset + int(least), (), _SET, values=members, trailing=trailing)
            return rank[u16], found_map, members.size - 1
        return u16, PixelMap(kind, offset, trailing=trailing), largest
    modulus = 1 << 64
    u = values.astype(np.uint64) - np.uint64(offset % modulus)
    unit, first, largest = (1, (), largest) if kind == _FLOAT_BITS else _match_unit(u, largest)
    closed, gaps, largest = _close_gaps(_close(u, first) // np.uint64(unit), largest, _MAX_GAPS - len(first))
    gaps = first + tuple((start * unit, length * unit) for start, length in gaps)
    if few := _few_values(u, closed, largest, trailing):
        return few[1], PixelMap(kind, offset, (), _SET, values=few[0], trailing=trailing), few[0].size - 1
    rule, step = (_LATTICE, unit << 32) if unit > 1 else (_OFFSET, 1 << 32)
    return closed, PixelMap(kind, offset, gaps, rule, step, trailing=trailing), largest


def unmap_pixels(u: NDArray[np.uint64] | NDArray[np.uint16], pixel_map: PixelMap, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Undo `map_pixels`; of bins of floats, whose places are not known, these come back."""
    if pixel_map.rule == _SET:
        assert pixel_map.values is not None
        if u.size and int(u.max()) >= pixel_map.values.size:
            raise CorruptError(f"rank {int(u.max())} found, the value set has {pixel_map.values.size} values")
        u = pixel_map.values[u]
    elif pixel_map.rule == _LATTICE:
        u = lattice_value(u.astype(np.uint64), pixel_map.step, pixel_map.phase)
    for start, length in reversed(pixel_map.gaps):
        u = u.astype(np.uint64)
        u = np.where(u >= np.uint64(start), u + np.uint64(length), u)
    if pixel_map.kind == _INTEGER and u.dtype == np.uint16 and dtype.itemsize <= 2:
        return (u + np.uint16(pixel_map.offset % 65536)).astype(dtype)
    total = u.astype(np.uint64) + np.uint64(pixel_map.offset % (1 << 64))
    if pixel_map.kind == BINS:
        return total.astype(np.int64)
    if pixel_map.kind == _FLOAT_BITS:
        return _from_ordered_bits(total, pixel_map.trailing, np.dtype(dtype))
    if pixel_map.kind == _FLOAT_INTEGER:
        numbers = total.astype(np.int64)
        if numbers.size and (int(numbers.min()) <= -_INTEGER_FLOATS or int(numbers.max()) >= _INTEGER_FLOATS):
            raise CorruptError(
                f"float integers: {int(numbers.min())} to {int(numbers.max())} found, magnitudes below 2**31 allowed"
            )
        with np.errstate(over="ignore"):
            floats = numbers.astype(dtype)
        if (floats != numbers.astype(np.float64)).any():
            raise CorruptError(f"float integers: one found that {dtype} does not have")
        return floats
    return total.astype(f"u{dtype.itemsize}").view(dtype)
