"""Planes: whether they are a chain, have maps of their own, or neither (docs/encoder.md section "Planes").

native/plane_choice.c chooses alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from astrocodec.stages.bins import float_bits
from astrocodec.stages.chain import Chain, apply_chain
from astrocodec.stages.chain_choice import fit_chain, plain_chain
from astrocodec.stages.differences import promising
from astrocodec.stages.pixels import BINS, map_pixels
from astrocodec.stages.plane_maps import PlaneMap, pack_maps
from astrocodec.stages.planes import Planes
from astrocodec.stages.series import Series, apply_series
from astrocodec.stages.series_choice import fit_series
from astrocodec.stages.split import choose_low_bits, least_low_bits
from astrocodec.stages.stream import MAX_SECTION
from astrocodec.stages.widths import Choice as Widths

_LEAST_PLANE, _NOT_SMALL, _LARGE, _LOOKED_AT = 256, 1024, 1 << 20, 8
_LOOKED_AT_SIDE = 512  # rows and columns
_TRIALS, _TRIAL_ROWS, _TRIAL_COLUMNS, _TRIAL_PIXELS = 4, 64, 256, 2048

Integers = NDArray[np.uint64] | NDArray[np.uint16]
# Bytes of a piece of samples.
Size = Callable[[NDArray[np.uint16]], int]


@dataclass(frozen=True)
class Mapped:
    """Planes as integers."""

    u: Integers  # (plane, y, x)
    largest: int
    map: PlaneMap
    places: NDArray[np.int64] | None = None  # of bins: how many bits the place of each number takes
    by_bits: bool = False  # floats stay their bits

    def low_bits(self, part: _Trial) -> int:
        """Bits of a part that are not samples."""
        return self.map.low_bits * self.u[part].size if self.places is None else int(self.places[part].sum())

    @property
    def samples(self) -> NDArray[np.uint16]:
        """Without their low bits."""
        return (self.u >> self.map.low_bits).astype(np.uint16)


def map_planes(planes: NDArray[Any], by_bits: bool = False) -> Mapped:
    """Planes ``(plane, y, x)`` of any dtype; with `by_bits` floats get no bins."""
    sheet, pixel_map, largest = map_pixels(planes.reshape(-1, planes.shape[2]), by_bits)
    u = sheet.reshape(planes.shape)
    if pixel_map.kind == BINS:
        taken = pixel_map.bins(planes.dtype).take(float_bits(planes, pixel_map.trailing))[2]
        return Mapped(u, largest, PlaneMap(pixel_map, 0), taken)
    return Mapped(u, largest, PlaneMap(pixel_map, choose_low_bits(sheet, largest)), by_bits=by_bits)


def ways_to_map(planes: NDArray[Any]) -> list[Mapped]:
    """Planes mapped; those in bins also by their bits where these, in the middle, show few differences."""
    whole = map_planes(planes)
    if whole.map.pixel_map.kind != BINS:
        return [whole]
    by_bits = map_planes(planes, True)
    part = by_bits.samples[len(planes) // 2]
    (y, height), (x, width) = (
        ((side - min(side, _LOOKED_AT_SIDE)) // 2, min(side, _LOOKED_AT_SIDE)) for side in part.shape
    )
    return [whole, by_bits] if promising(part[y : y + height, x : x + width]) else [whole]


@dataclass(frozen=True)
class Choice:
    """Samples and low bits of all planes."""

    samples: NDArray[np.uint16]  # what is left of them, where they are a chain or series
    u: Integers
    maps: list[PlaneMap]  # of each plane
    chain: Chain | None = None
    apart: bool = False  # no planes share a piece
    series: Series | None = None

    def widths(self, plane: int) -> Widths | None:
        """Code widths are of the values themselves, not of ranks, differences or parts of them."""
        pixel_map, low = self.maps[plane]
        shift = None if self.chain or self.series or low else pixel_map.code_of_zero()
        return None if shift is None else Widths(shift % 256)


def _ranges_differ(planes: Integers) -> bool:
    ranges = [int(plane.max()) - int(plane.min()) for plane in planes]
    return max(ranges) >> 2 > min(ranges)


def _is_sparser(plane: Mapped, whole: Mapped) -> bool:
    """Whether a plane has a set or lattice of its own, of at most two thirds of the samples that `whole` has."""
    return plane.map.pixel_map.rule != 0 and 3 * (plane.largest + 1) <= 2 * (whole.largest + 1)


def _sparser(planes: NDArray[Any], whole: Mapped) -> list[bool]:
    """Of some planes, whether they are."""
    last, most = len(planes) - 1, min(len(planes), _LOOKED_AT) - 1
    return [_is_sparser(map_planes(planes[i * last // most][None]), whole) for i in range(most + 1)]


def are_sparser(planes: NDArray[Any]) -> bool:
    """Whether most planes ``(plane, y, x)`` have sets or lattices of their own, which pay only in whole planes."""
    if len(planes) < 2 or planes[0].size < _LEAST_PLANE:
        return False
    found = _sparser(planes, map_planes(planes))
    return 2 * sum(found) > len(found)


def _each(planes: NDArray[Any], whole: Mapped) -> list[Mapped] | None:
    """Each plane mapped alone; None where that is hardly different from `whole`, or planes are tiny."""
    if len(planes) < 2 or planes[0].size < _LEAST_PLANE:
        return None
    is_plain = whole.largest <= 65535 and not whole.map.pixel_map.rule and whole.map.pixel_map.kind != BINS
    may_differ = planes[0].size >= _NOT_SMALL and (not is_plain or _ranges_differ(whole.u))
    if not may_differ and not any(_sparser(planes, whole)):
        return None
    each = [map_planes(plane[None], whole.by_bits) for plane in planes]

    def sort(mapped: Mapped) -> tuple[int, ...]:
        found = mapped.map.pixel_map
        return found.kind, found.rule, found.first_exponent, found.linear, mapped.map.low_bits

    differ = is_plain or any(sort(plane) != sort(whole) or _is_sparser(plane, whole) for plane in each)
    return each if differ else None


class _Trial(NamedTuple):
    """Part of planes, or of a run of planes that share pieces, which is coded for a trial."""

    planes: slice
    rows: slice
    columns: slice


def _trials(planes: Planes, shares: bool) -> Iterator[_Trial]:
    """One of the first planes, then those of planes that have one before them."""
    count, height, width = planes
    trials = min(count - 1, _TRIALS if count * height * width >= _LARGE else _TRIALS // 2)
    columns = min(width, _TRIAL_COLUMNS)
    rows = min(height, _TRIAL_ROWS, max(8, count * height * width // (32 * trials * columns * (1 + shares))))
    run = max(1 + shares, _TRIAL_PIXELS // (rows * columns))
    y, x = (height - rows) // (2 * trials), (width - columns) // (2 * trials)
    yield _Trial(slice(min(run, count)), slice(y, y + rows), slice(x, x + columns))
    for j in range(trials):
        t = 1 + j * (count - 1) // trials
        y, x = ((2 * j + 1) * side // (2 * trials) for side in (height - rows, width - columns))
        yield _Trial(slice(t, min(t + run, count)), slice(y, y + rows), slice(x, x + columns))


def _bits(mapped: Mapped, part: _Trial, size: Size) -> int:
    samples = mapped.samples[part]
    return 8 * size(np.ascontiguousarray(samples.reshape(-1, samples.shape[2]))) + mapped.low_bits(part)


def _bits_apart(each: list[Mapped], part: _Trial, size: Size) -> int:
    return sum(_bits(plane, part._replace(planes=slice(1)), size) for plane in each[part.planes])


def _bits_left(chain: Chain, samples: NDArray[np.uint16], low: int, part: _Trial, size: Size) -> int:
    """Bits of a part where a chain leaves so many; `low` are those that are not samples."""
    before = np.ascontiguousarray(samples[: part.planes.stop, part.rows, part.columns])
    left = apply_chain(chain, before)[part.planes]
    return 8 * size(left.reshape(-1, left.shape[2])) + low


def choose_planes(planes: NDArray[Any], whole: Mapped, period: int | None, together: int, size: Size) -> Choice:
    """The way in which trials take the fewest bits.

    Planes ``(plane, y, x)`` are `whole` with one map for all, and so many share a piece; the planes of a chain are
    `period`, None where planes are parts of complex numbers, which stay together.
    """
    each = None if period is None else _each(planes, whole)
    low = least_low_bits(whole.largest)
    raw = (whole.u >> low).astype(np.uint16)
    chain = fit_chain(raw, period) if period is not None else None
    if not each and not chain:
        return Choice(whole.samples, whole.u, [whole.map] * len(planes))
    first, *trials = _trials(Planes(*planes.shape), together > 1)
    alone = sum(_bits(whole, part, size) for part in trials)
    choice = Choice(whole.samples, whole.u, [whole.map] * len(planes))
    if each:
        section = pack_maps([plane.map for plane in each])
        pixels = sum(whole.u[part].size for part in (first, *trials))
        apart = sum(_bits_apart(each, part, size) for part in trials)
        listed = len(section) + each[0].map.pixel_map.set_size(), whole.map.pixel_map.set_size()
        more, most = (8 * length * pixels // planes.size for length in listed)
        more, most = more + _bits_apart(each, first, size), most + _bits(whole, first, size)
        if apart + more < alone + most and len(section) <= MAX_SECTION:
            samples, u = (np.concatenate(parts) for parts in zip(*((m.samples, m.u) for m in each), strict=True))
            choice, alone = Choice(samples, u, [plane.map for plane in each], apart=True), apart
    if chain:
        least = replace(whole, map=PlaneMap(whole.map.pixel_map, low))
        left = sum(_bits_left(chain, raw, least.low_bits(part), part, size) for part in trials)
        if 100 * left < 99 * alone:
            maps = [PlaneMap(whole.map.pixel_map, low)] * len(planes)
            return Choice(apply_chain(chain, raw), whole.u, maps, chain)
    return choice


def subtract_planes(whole: Mapped, period: int) -> Choice:
    """Planes as differences to the one before, whether or not that is smaller; there are at least two."""
    low, chain = least_low_bits(whole.largest), plain_chain(period)
    left = apply_chain(chain, (whole.u >> low).astype(np.uint16))
    return Choice(left, whole.u, [PlaneMap(whole.map.pixel_map, low)] * len(left), chain)


def as_series(whole: Mapped) -> Choice:
    """Rows as series."""
    low = least_low_bits(whole.largest)
    samples = (whole.u >> low).astype(np.uint16)
    series = fit_series(samples)
    maps = [PlaneMap(whole.map.pixel_map, low)] * len(samples)
    return Choice(apply_series(series, samples), whole.u, maps, series=series)
