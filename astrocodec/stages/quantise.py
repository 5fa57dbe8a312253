"""Quantise: floats <-> the integers that they were made of, with scale and zero of each tile and the dither of FITS.

docs/format.md section "Quantise". native/quantise.c does the same.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError
from astrocodec.stages import varint
from astrocodec.stages.curves import MAX_STEPS, Curve, Octaves, Root, bend
from astrocodec.stages.planes import Planes, planes_of
from astrocodec.stages.quantise_tables import (
    Exceptions as Exceptions,
)
from astrocodec.stages.quantise_tables import (
    ScaleCode,
    no_exceptions,
    pack_tables,
    unpack_tables,
    whole,
)
from astrocodec.stages.trellis import halves

FLOATS = ("f4", "f8")
TYPES = ("u1", "i1", "u2", "i2", "u4", "i4", *FLOATS)
TRELLIS = 3  # takes the place of dither
WIDE_PRODUCT, OWN_PRODUCT, WIDE_QUOTIENT, OWN_QUOTIENT = range(4)
ZERO_FIRST, SINGLE = 4, 8  # are added to these
NULL_STEP, ZERO_STEP = -2147483647, -2147483646  # of cfitsio: what stands for no value, and with dither 2 for 0.0
SEEDS = 10000
MAX_TILES = MAX_EXCEPTIONS = 1 << 20
_MAX_LENGTH = 1 << 40
_MAX_WHOLE = 1 << 52
_HAS_NULL, _IS_STACKED, _IS_PART, _IS_NOISE, _IS_ROOT, _IS_OCTAVES = 1, 2, 4, 8, 16, 32
_FRACTION = 52  # bits of a double
_LOOKED_AT = 1024


@dataclass(frozen=True, eq=False)
class Quantised:
    """How floats were made of integer steps k: k*scale + zero, or with dither (k - r + 0.5)*scale + zero.

    Attributes
    ----------
    scale, zero : ndarray of float64
        One of each tile that the array has a part of: those of a plane across, then down, then plane by plane.
    tile_shape : tuple of int
        Rows and columns of a tile; 0: all of a plane.
    dither : int
        0: none. 1, 2: ``SUBTRACTIVE_DITHER_1``, ``SUBTRACTIVE_DITHER_2`` of FITS. 3: instead of one a trellis,
        (k + p/2)*scale + zero with p 0 or 1 as the parities of the steps before say (`stages.trellis`).
    arithmetic : int
        0: product and sum in float64, then rounded to the array's type. 1: each rounded to that type, as the factors
        are. 2, 3: the same with k/scale in place of the product. 4 more: (k + zero)*scale or (k + zero)/scale. 8 more,
        of float64: float32 is rounded to. All but 0 are without dither.
    seed : int
        With dither: (ZDITHER0 - 1 + number of the tile) modulo 10,000 of the tile that holds the first element, the
        first tile of a whole image being number 0.
    origin : tuple of int
        Row and column of the array's first element in what was quantised.
    whole : tuple of int
        Rows and columns of a plane of what was quantised; 0: it ends where the array does.
    stacked : bool
        Planes are taken as lying one below the other, so that a tile may have rows of several.
    null : int or None
        The step that stands for no value: `NULL_STEP`, or ZBLANK.
    null_bits : int or None
        Bits of the float that it stands for; None: those of the quiet NaN.
    level : float
        A usual element, a float32. `level_of` gives one; the closer it is, the smaller is what is coded.
    exceptions : Exceptions
    run : int
        With a trellis: columns after which it starts anew; 0: those of a row.
    curve : Root, Octaves or None
        What k*scale + zero becomes, and so the element.
    """

    scale: NDArray[np.float64]
    zero: NDArray[np.float64]
    tile_shape: tuple[int, int] = (0, 0)
    dither: int = 0
    arithmetic: int = WIDE_PRODUCT
    seed: int = 0
    origin: tuple[int, int] = (0, 0)
    whole: tuple[int, int] = (0, 0)
    stacked: bool = False
    null: int | None = None
    null_bits: int | None = None
    level: float = 0.0
    exceptions: Exceptions = dataclasses.field(default_factory=no_exceptions)
    run: int = 0
    curve: Curve = None

    def __post_init__(self) -> None:
        for name in ("scale", "zero"):
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name), np.float64))

    def to_bytes(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
        """The section's bytes beside an array of this type and shape; ValueError for what is not allowed."""
        check(self, dtype, shape)
        out = bytes([self.dither | self.arithmetic << 4, self._flags()])
        out += b"".join(varint.put(length) for length in self.tile_shape)
        if self._flags() & _IS_PART:
            out += b"".join(varint.put(length) for length in (*self.origin, *self.whole))
        if self.dither:
            out += varint.put(self.run if self.dither == TRELLIS else self.seed)
        out += np.array(self.level, "<f4").tobytes()
        if self.null is not None:
            out += np.array(self.null, "<i4").tobytes() + _null_bits(self, dtype).to_bytes(dtype.itemsize, "little")
        code = ScaleCode.of(self.scale)
        if code.noise_level:
            out = out[:1] + bytes([out[1] | _IS_NOISE]) + out[2:] + np.array(code.noise_level, "<f4").tobytes()
        if isinstance(self.curve, Root):
            out += np.array([self.curve.knee, self.curve.bend], "<f8").tobytes()
        elif self.curve:
            out += varint.put(self.curve.steps) + varint.put_signed(self.curve.first)
        out += bytes([code.trailing]) + varint.put(self.exceptions.first.size)
        tables = pack_tables(self.scale, self.zero, self.exceptions, code, _divides(self.arithmetic), dtype)
        return out + tables

    def _flags(self) -> int:
        flags = 0 if self.null is None else _HAS_NULL
        flags |= 0 if self.curve is None else _IS_ROOT if isinstance(self.curve, Root) else _IS_OCTAVES
        return flags | self.stacked * _IS_STACKED | any((*self.origin, *self.whole)) * _IS_PART

    @classmethod
    def read(cls, data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], start: int = 0) -> Quantised:
        """Read what `to_bytes` wrote; `start` is where it stands in the stream, for messages."""
        reader = varint.Reader(memoryview(data), start=start)
        found, code, runs = cls.read_head(reader, dtype, shape)
        scale, zero, exceptions = unpack_tables(
            *(data[reader.at :], (found.scale.size, runs, math.prod(shape)), code, _divides(found.arithmetic), dtype),
            lambda scale, zero: are_good(scale, zero, found.arithmetic, dtype),
        )
        return dataclasses.replace(found, scale=scale, zero=zero, exceptions=exceptions)

    @classmethod
    def read_head(
        cls, reader: varint.Reader, dtype: np.dtype[Any], shape: tuple[int, ...]
    ) -> tuple[Quantised, ScaleCode, int]:
        """What stands before the tables, with scales of 1; how they code scales, and the number of exceptions."""
        start = reader.place
        kind, flags = reader.take(2, "kind of dither")
        dither, arithmetic = kind & 15, kind >> 4
        if not _is_kind(dither, arithmetic, dtype) or flags > 63 or not _suits(dither, arithmetic, flags):
            raise CorruptError(f"byte {start}: dither {dither}, arithmetic {arithmetic}, flags {flags} there are not")
        sizes = [reader.number("size of tiles", _MAX_LENGTH) for _ in range(6 if flags & _IS_PART else 2)]
        height, width, row, column, whole_height, whole_width = (*sizes, 0, 0, 0, 0)[:6]
        seed = reader.number("seed of the dither", SEEDS - 1) if dither in (1, 2) else 0
        run = reader.number("run of the trellis", _MAX_LENGTH) if dither == TRELLIS else 0
        level = _take_float(reader, "level")
        null = null_bits = None
        if flags & _HAS_NULL:
            null = int(np.frombuffer(reader.take(4, "null step"), "<i4")[0])
            null_bits = int.from_bytes(reader.take(dtype.itemsize, "null"), "little")
        noise_level = _take_float(reader, "level of noise") if flags & _IS_NOISE else 0.0
        if flags & _IS_NOISE and not noise_level:
            raise CorruptError(f"byte {reader.place - 4}: a level of noise of 0")
        curve = _take_curve(reader, flags)
        trailing = reader.take(1, "trailing zeros of scales")[0]
        if trailing > _FRACTION:
            raise CorruptError(f"byte {reader.place - 1}: {trailing} trailing zeros of scales, at most {_FRACTION}")
        count = reader.number("number of exceptions", MAX_EXCEPTIONS)
        none = np.empty(0)
        found = cls(
            *(none, none, (height, width), dither, arithmetic, seed, (row, column), (whole_height, whole_width)),
            *(bool(flags & _IS_STACKED), null, null_bits, level, no_exceptions(), run, curve),
        )
        tiling = Tiling.of(found, shape)
        if not tiling.is_inside() or tiling.number > MAX_TILES:
            raise CorruptError(f"byte {start}: {tiling.number} tiles, or an array outside of what was quantised")
        if count > math.prod(shape):
            raise CorruptError(f"byte {reader.place}: {count} exceptions of {math.prod(shape)} elements")
        ones = np.ones(tiling.number)
        return dataclasses.replace(found, scale=ones, zero=ones), ScaleCode(noise_level, trailing), count

    def describe(self, dtype: np.dtype[Any]) -> str:
        """What the elements are, in a few words."""
        height, width = self.tile_shape
        rows, columns = (f"{length} {what}" for length, what in ((height, "rows"), (width, "columns")))
        where = f"tiles of {rows} and {columns}" if height and width else f"tiles of {rows if height else columns}"
        if not width and height < 2:
            where = "rows" if height else "one step" if self.scale.size == 1 else "planes"
        how = "a trellis" if self.dither == TRELLIS else f"dither {self.dither}"
        return f"{dtype}, quantised in {where}" + (f" with {how}" if self.dither else "")

    def base(self) -> NDArray[np.float64]:
        """What of the steps of each tile is not coded."""
        with np.errstate(all="ignore"):
            return whole(_steps(self.arithmetic, self.scale, self.zero, np.float64(np.float32(self.level))))


class Tiling(NamedTuple):
    """How tiles lie in an array."""

    planes: Planes  # as stacked
    tile: tuple[int, int]
    origin: tuple[int, int]
    whole: tuple[int, int]

    @classmethod
    def of(cls, q: Quantised, shape: tuple[int, ...]) -> Tiling:
        """That of an array of this shape."""
        planes = planes_of(shape)
        if q.stacked:
            planes = Planes(1, planes.number * planes.height, planes.width)
        whole = [given or at + length for given, at, length in zip(q.whole, q.origin, planes[1:], strict=True)]
        tile = [given or length for given, length in zip(q.tile_shape, whole, strict=True)]
        return cls(planes, (tile[0], tile[1]), q.origin, (whole[0], whole[1]))

    def is_inside(self) -> bool:
        """Whether what was quantised holds the array."""
        ends = zip(self.origin, self.planes[1:], self.whole, strict=True)
        return all(at + length <= whole for at, length, whole in ends)

    def tiles(self, axis: int) -> int:
        """Tiles down (axis 0) or across (1) a plane that the array has a part of."""
        first, length = self.origin[axis], self.planes[1 + axis]
        return (first + length - 1) // self.tile[axis] - first // self.tile[axis] + 1

    def all_tiles(self, axis: int) -> int:
        """Tiles down or across a whole plane."""
        return -(-self.whole[axis] // self.tile[axis])

    @property
    def number(self) -> int:
        """Tiles that the array has a part of."""
        return self.planes.number * self.tiles(0) * self.tiles(1)

    def places(self, axis: int) -> NDArray[np.int64]:
        """Rows or columns of the array in what was quantised."""
        return np.arange(self.planes[1 + axis], dtype=np.int64) + self.origin[axis]


def _divides(arithmetic: int) -> bool:
    return bool(arithmetic & WIDE_QUOTIENT)


def _null_bits(q: Quantised, dtype: np.dtype[Any]) -> int:
    if q.null_bits is not None or dtype.kind != "f":
        return q.null_bits or 0
    return {4: 0x7FC00000, 8: 0x7FF8 << 48}[dtype.itemsize]


def _rounded_to(arithmetic: int, dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.float32) if arithmetic & SINGLE else dtype


def _scaled(arithmetic: int, scale: NDArray[Any], zero: NDArray[Any], k: NDArray[Any]) -> Any:
    """Elements of steps."""
    of = k + zero if arithmetic & ZERO_FIRST else k
    scaled = of / scale if _divides(arithmetic) else of * scale
    return scaled if arithmetic & ZERO_FIRST else scaled + zero


def _steps(arithmetic: int, scale: NDArray[np.float64], zero: NDArray[np.float64], values: Any) -> Any:
    """Those of elements, not yet rounded."""
    above = values if arithmetic & ZERO_FIRST else values - zero
    k = above * scale if _divides(arithmetic) else above / scale
    return k - zero if arithmetic & ZERO_FIRST else k


def _is_kind(dither: int, arithmetic: int, dtype: np.dtype[Any]) -> bool:
    most = OWN_QUOTIENT | ZERO_FIRST | (SINGLE if dtype.itemsize == 8 else 0)
    if dtype.kind != "f" and arithmetic:
        return False
    return 0 <= dither <= TRELLIS and 0 <= arithmetic <= most and not (dither and arithmetic & ~SINGLE)


def _suits(dither: int, arithmetic: int, flags: int) -> bool:
    """Whether there is one curve at most, and its steps are of the kind that it needs."""
    curves = flags & (_IS_ROOT | _IS_OCTAVES)
    return not curves or (not arithmetic and (curves == _IS_ROOT or (curves == _IS_OCTAVES and not dither)))


def _take_curve(reader: varint.Reader, flags: int) -> Curve:
    curve: Curve = None
    if flags & _IS_ROOT:
        knee, strength = np.frombuffer(reader.take(16, "curve"), "<f8").tolist()
        curve = Root(knee, strength)
    elif flags & _IS_OCTAVES:
        curve = Octaves(reader.number("steps of an octave", MAX_STEPS), reader.signed("first octave"))
    if curve and not curve.is_good():
        raise CorruptError(f"byte {reader.place}: {curve} there is not")
    return curve


def _take_float(reader: varint.Reader, what: str) -> float:
    """A finite float32."""
    value = float(np.frombuffer(reader.take(4, what), "<f4")[0])
    if not math.isfinite(value):
        raise CorruptError(f"byte {reader.place - 4}: {what} is {value}")
    return value


@cache
def random_numbers() -> NDArray[np.float32]:
    """The 10,000 random numbers of the FITS standard.

    >>> float(random_numbers()[0])
    7.826369255781174e-06
    """
    state, numbers = 1, []
    for _ in range(SEEDS):
        state = state * 16807 % 2147483647
        numbers.append(state / 2147483647)
    return np.array(numbers).astype(np.float32)


@cache
def _sequences() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the sequence of each seed begins, and how many numbers those of lower seeds have; then of all."""
    starts = (random_numbers() * 500.0).astype(np.int64)
    return starts, np.append(0, np.cumsum(SEEDS - starts))


def _randoms(seed: NDArray[np.int64], pixel: NDArray[np.int64]) -> NDArray[np.float64]:
    """The random number of a pixel of a tile with a seed."""
    starts, before = _sequences()
    index = (before[seed] + pixel) % before[-1]
    there = np.searchsorted(before, index, "right") - 1
    return np.asarray(random_numbers()[starts[there] + index - before[there]], np.float64)


class _Block(NamedTuple):
    """A plane, or where planes are stacked all of them, with what each pixel's tile says."""

    rows: slice  # of all rows
    scale: NDArray[np.float64]
    zero: NDArray[np.float64]
    base: NDArray[np.float64]
    random: NDArray[np.float64] | None


def _blocks(q: Quantised, shape: tuple[int, ...]) -> Iterator[_Block]:
    t = Tiling.of(q, shape)
    (height, width), (down, across) = t.tile, (t.tiles(0), t.tiles(1))
    y, x = t.places(0), t.places(1)
    i, j = y // height - t.origin[0] // height, x // width - t.origin[1] // width
    left = x // width * width
    tile_width = np.minimum(width, t.whole[1] - left)
    all_numbers = int(_sequences()[1][-1])
    pixel = (y % height % all_numbers)[:, None] * (tile_width % all_numbers) + (x - left)
    base = q.base()
    for plane in range(t.planes.number):
        tile = (plane * down + i[:, None]) * across + j
        random = None
        if q.dither in (1, 2):
            row = plane % SEEDS * (t.all_tiles(0) % SEEDS) + i
            random = _randoms((q.seed + row[:, None] % SEEDS * (t.all_tiles(1) % SEEDS) + j) % SEEDS, pixel)
        rows = slice(plane * t.planes.height, (plane + 1) * t.planes.height)
        yield _Block(rows, q.scale[tile], q.zero[tile], base[tile], random)


def _rows(values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """All rows of an array, one below the other."""
    planes = planes_of(shape)
    return values.reshape(planes.number * planes.height, planes.width)


def _elements(q: Quantised, steps: NDArray[np.int32], block: _Block, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Elements of a block's steps less their bases."""
    k = steps + block.base
    if dtype.kind != "f" or q.curve or q.dither == TRELLIS:
        return _bent(q, steps, k, block, dtype)
    rounded = _rounded_to(q.arithmetic, dtype)
    own = rounded if q.arithmetic & OWN_PRODUCT else np.dtype(np.float64)
    scale, zero = block.scale.astype(own), block.zero.astype(own)
    if block.random is not None:
        k = k - block.random + 0.5
    k = k.astype(own)
    return _put_meant(q, steps, _scaled(q.arithmetic, scale, zero, k).astype(rounded).astype(dtype))


def _bent(q: Quantised, steps: NDArray[np.int32], k: NDArray[Any], block: _Block, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Elements of k by a trellis or a dither, a curve, and rounding to an integer."""
    if q.dither == TRELLIS:
        k = k + 0.5 * halves(steps, run=q.run or None)
    elif block.random is not None:
        k = k - block.random + 0.5
    out = bend(q.curve, k * block.scale + block.zero)
    if dtype.kind != "f":
        limits = np.iinfo(dtype)
        out = np.clip(np.rint(out), limits.min, limits.max)
    elif q.arithmetic & SINGLE:
        out = out.astype(np.float32)
    return _put_meant(q, steps, out.astype(dtype))


def _put_meant(q: Quantised, steps: NDArray[np.int32], out: NDArray[Any]) -> NDArray[Any]:
    """Put in elements that steps with a meaning of their own stand for."""
    bits = out.view(f"u{out.dtype.itemsize}")
    if q.dither == 2:
        bits[steps == ZERO_STEP] = 0
    if q.null is not None:
        bits[steps == q.null] = _null_bits(q, out.dtype)
    return out


def restore(shifted: NDArray[np.int32], quantised: Quantised, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Floats of steps less the bases of their tiles, as they are coded.

    >>> import numpy as np
    >>> one = Quantised(np.array([0.1]), np.array([5.0]))
    >>> restore(np.array([[0, 1], [2, 3]], np.int32), one, np.dtype("f4")).tolist()
    [[0.0, 0.10000000149011612], [0.20000000298023224, 0.30000001192092896]]
    """
    out = np.empty(shifted.shape, dtype)
    rows, steps = _rows(out, shifted.shape), _rows(shifted, shifted.shape)
    with np.errstate(all="ignore"):
        for block in _blocks(quantised, shifted.shape):
            rows[block.rows] = _elements(quantised, steps[block.rows], block, dtype)
    bits = out.reshape(-1).view(f"u{dtype.itemsize}")
    for first, length, value in zip(*quantised.exceptions, strict=True):
        bits[first : first + length] = value
    return out


def _is_meant(q: Quantised, steps: NDArray[Any]) -> NDArray[np.bool_]:
    """Which steps have a meaning of their own, and no base."""
    found = np.zeros(steps.shape, bool) if q.null is None else steps == q.null
    return found | (steps == ZERO_STEP) if q.dither == 2 else found


def steps_of(shifted: NDArray[np.int32], quantised: Quantised) -> NDArray[np.int64]:
    """Steps of what is coded of them. Those that stand for null and, with dither 2, for 0.0 stay as they are.

    >>> import numpy as np
    >>> steps_of(np.array([1, 2], np.int32), Quantised(np.array([0.1]), np.array([5.0]))).tolist()
    [-49, -48]
    """
    out = _rows(shifted.astype(np.int64), shifted.shape)
    for block in _blocks(quantised, shifted.shape):
        part = out[block.rows]
        part += np.where(_is_meant(quantised, part), 0, block.base.astype(np.int64))
    return out.reshape(shifted.shape)


def shift_steps(steps: NDArray[np.integer], quantised: Quantised) -> NDArray[np.int32]:
    """What is coded of steps: they less the bases of their tiles. ValueError where an int32 cannot say it.

    An exception's step is that of the element before.
    """
    out = _rows(steps.astype(np.int64), steps.shape)
    meant = _is_meant(quantised, out)
    for block in _blocks(quantised, steps.shape):
        out[block.rows] -= np.where(meant[block.rows], 0, block.base.astype(np.int64))
    flat = out.reshape(-1)
    _fill(flat, _are_exceptions(quantised, steps.size), quantised)
    if (_is_meant(quantised, out) & ~meant).any():
        raise ValueError("a step less its base is the one that stands for null (BLANK or ZBLANK) or for 0.0")
    if out.min() < -(1 << 31) or out.max() >= 1 << 31:
        raise ValueError(f"steps of {out.min()} to {out.max()} around the level, which are not 32-bit integers")
    return out.astype(np.int32).reshape(steps.shape)


def level_of(values: NDArray[Any]) -> float:
    """The middle one of some elements, as a float32; 0 where none is finite."""
    with np.errstate(over="ignore"):
        some = values.reshape(-1)[:: values.size // _LOOKED_AT + 1].astype(np.float32)
    some = np.sort(some[np.isfinite(some)])
    return float(some[some.size // 2]) + 0.0 if some.size else 0.0


def shift_to_level(steps: NDArray[np.integer], quantised: Quantised) -> tuple[NDArray[np.int32], Quantised]:
    """What is coded of steps, with the level around which they are taken. ValueError where there is none.

    It is about the middle one of all elements; where steps are too far from that, of those with the finest scale.
    """
    q = dataclasses.replace(quantised, level=level_of_steps(steps, quantised))
    try:
        return shift_steps(steps, q), q
    except ValueError:
        q = dataclasses.replace(q, level=level_of_steps(steps, quantised, of_finest=True))
        return shift_steps(steps, q), q


def level_of_steps(steps: NDArray[np.integer], quantised: Quantised, *, of_finest: bool = False) -> float:
    """About the middle one of the elements of steps, or of those with the finest scale."""
    finest = np.abs(quantised.scale).min()
    values = _rows(np.empty(steps.shape), steps.shape)
    k = _rows(steps, steps.shape)
    with np.errstate(all="ignore"):
        for block in _blocks(quantised, steps.shape):
            part = _scaled(quantised.arithmetic, block.scale, block.zero, k[block.rows])
            values[block.rows] = np.where(np.abs(block.scale) > finest, np.nan, part) if of_finest else part
    values[_is_meant(quantised, k)] = np.nan
    values.reshape(-1)[_are_exceptions(quantised, steps.size)] = np.nan
    return level_of(values)


def _are_exceptions(q: Quantised, count: int) -> NDArray[np.bool_]:
    out = np.zeros(count, bool)
    for first, length in zip(q.exceptions.first, q.exceptions.length, strict=True):
        out[first : first + length] = True
    return out


def _fill(steps: NDArray[Any], wrong: NDArray[np.bool_], q: Quantised) -> None:
    """Give exceptions the step of the last element before that is none."""
    usual = ~wrong & ~_is_meant(q, steps)
    before = np.maximum.accumulate(np.where(usual, np.arange(steps.size), -1))
    steps[wrong] = np.where(before >= 0, steps[before], 0)[wrong]


def find_steps(values: NDArray[Any], quantised: Quantised) -> tuple[NDArray[np.int32], Quantised]:
    """What is coded of the steps that give floats, with their level and all exceptions; all else is given.

    An exception's step is that of the element before.
    """
    q = dataclasses.replace(quantised, level=level_of(values), exceptions=no_exceptions())
    check(q, values.dtype, values.shape)
    if values.dtype.kind != "f" or q.dither == TRELLIS or q.curve:
        raise ValueError("steps are found of floats, without trellis and curve: give them to the encoder as a bound")
    out = np.zeros(values.shape, np.int32)
    rows, given = _rows(out, values.shape), _rows(values, values.shape)
    bits = given.view(f"u{values.dtype.itemsize}")
    with np.errstate(all="ignore"):
        for block in _blocks(q, values.shape):
            k = _steps(q.arithmetic, block.scale, block.zero, given[block.rows].astype(np.float64))
            step = (k if block.random is None else k + block.random - 0.5) - block.base
            fits = (step >= -(1 << 31)) & (step <= (1 << 31) - 1)
            part = rows[block.rows]
            part[fits] = np.rint(step[fits])
            if q.dither == 2:
                part[bits[block.rows] == 0] = ZERO_STEP
            if q.null is not None:
                part[bits[block.rows] == _null_bits(q, values.dtype)] = q.null
    found = restore(out, q, values.dtype).view(bits.dtype).reshape(-1)
    steps, bits = out.reshape(-1), bits.reshape(-1)
    wrong = found != bits
    _fill(steps, wrong, q)
    return out, dataclasses.replace(q, exceptions=_runs(wrong, bits))


def _runs(wrong: NDArray[np.bool_], bits: NDArray[Any]) -> Exceptions:
    """Runs of elements that are wrong, in which all have the same bits."""
    at = np.flatnonzero(wrong)
    if not at.size:
        return no_exceptions()
    begins = np.append(True, (np.diff(at) > 1) | (bits[at][1:] != bits[at][:-1]))
    first = np.flatnonzero(begins)
    return Exceptions(at[first], np.diff(np.append(first, at.size)), bits[at[first]].astype(np.uint64))


def are_good(scale: NDArray[np.float64], zero: NDArray[np.float64], arithmetic: int, dtype: np.dtype[Any]) -> bool:
    """Whether such numbers give no element that is not a number, whose bits differ between processors."""
    own = _rounded_to(arithmetic, dtype) if arithmetic & OWN_PRODUCT else np.dtype(np.float64)
    with np.errstate(all="ignore"):
        scale, zero = scale.astype(own), zero.astype(own)
    return bool(np.isfinite(scale).all() and np.isfinite(zero).all() and (scale != 0).all())


def check(q: Quantised, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    """ValueError for what no section can say of an array."""
    if dtype.str[1:] not in TYPES or not math.prod(shape):
        raise ValueError(f"{dtype} elements of shape {shape} found, allowed are {' and '.join(TYPES)}, at least one")
    if not _is_kind(q.dither, q.arithmetic, dtype):
        most = (16 if dtype.itemsize == 8 else 8) if dtype.kind == "f" else 1
        found = f"dither {q.dither} and arithmetic {q.arithmetic}"
        raise ValueError(f"{found}: 0 to 3 and 0 to {most - 1} allowed, with dither 0 or {SINGLE} of float64")
    if not _suits(q.dither, q.arithmetic, q._flags()) or not (q.curve is None or q.curve.is_good()):
        raise ValueError(
            f"{q.curve}, dither {q.dither}, arithmetic {q.arithmetic}: curves have arithmetic 0, octaves no dither"
        )
    if not 0 <= q.seed < SEEDS:
        raise ValueError(f"seed is {q.seed}, 0 to {SEEDS - 1} allowed")
    lengths = (*q.tile_shape, *q.origin, *q.whole, q.run)
    if len(lengths) != 7 or min(lengths) < 0 or max(lengths) > _MAX_LENGTH:
        raise ValueError(f"tile_shape, origin, whole and run are {lengths}, two numbers and one allowed, none below 0")
    if not math.isfinite(q.level) or q.level != float(np.float32(q.level)):
        raise ValueError(f"level is {q.level}, a float32 is needed")
    if q.null is not None and (not -(1 << 31) <= q.null < 1 << 31 or _null_bits(q, dtype) >> 8 * dtype.itemsize):
        raise ValueError(f"null is {q.null} for bits {_null_bits(q, dtype):#x}, an int32 and bits of a {dtype} allowed")
    tiling = Tiling.of(q, shape)
    if not tiling.is_inside() or tiling.number > MAX_TILES:
        raise ValueError(f"{tiling.number} tiles found, at most {MAX_TILES}, and an array inside the whole are allowed")
    if q.scale.shape != (tiling.number,) or q.zero.shape != (tiling.number,):
        raise ValueError(f"scale and zero have shapes {q.scale.shape} and {q.zero.shape}, ({tiling.number},) is needed")
    if not are_good(q.scale, q.zero, q.arithmetic, dtype):
        raise ValueError("a scale or a zero is not finite, or a scale is 0")
    if q.exceptions.first.size > MAX_EXCEPTIONS:
        raise ValueError(f"{q.exceptions.first.size} exceptions found, at most {MAX_EXCEPTIONS} allowed")
    ends = q.exceptions.first + q.exceptions.length
    if (q.exceptions.length < 1).any() or (np.append(0, ends) > np.append(q.exceptions.first, math.prod(shape))).any():
        raise ValueError("exceptions do not ascend within the array")
