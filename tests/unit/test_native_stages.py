"""Each stage of the native encoder against the same stage in Python, by way of a library that is built here."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from astrocodec.errors import CorruptError, FormatError, TruncatedError
from astrocodec.stages import varint
from astrocodec.stages.bins import float_bits, pack_places
from astrocodec.stages.cuts import Cuts
from astrocodec.stages.pixels import BINS, DTYPES, PixelMap, map_pixels, unmap_pixels
from astrocodec.stages.planes import Grid, Planes, choose_pieces, part_type, to_planes, wanted_pieces
from astrocodec.stages.split import choose_low_bits, pack_low, unpack_low
from astrocodec.stages.valueset import fit_lattice, pack_set, set_saves, unpack_set

TESTS = Path(__file__).parents[1]
NATIVE = TESTS.parent / "astrocodec" / "native"
COMPILER = shutil.which(os.environ.get("CC", "cc"))
SOURCES = (
    *("array", "census", "decisions", "fault", "find_bins", "pixel_choice", "pixel_map", "pixels"),
    *("planes", "radix_sort", "split", "status", "valueset"),
)
STATUS = {TruncatedError: 20, CorruptError: 21}

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler")


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The stages' functions, none of them hidden."""
    library = tmp_path_factory.mktemp("stages") / "stages.so"
    sources = [TESTS / "native" / "stages.c", *(NATIVE / f"{name}.c" for name in SOURCES)]
    flags = ["-std=c11", "-O2", "-fwrapv", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    command = [str(COMPILER), *flags, "-I", str(NATIVE), *map(str, sources), "-lm", "-o", str(library)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return ctypes.CDLL(str(library))


def at(array: np.ndarray) -> ctypes.c_void_p:
    """Address of an array's first element."""
    return ctypes.c_void_p(array.ctypes.data)


def attempt(action: Callable[[], Any]) -> tuple[int, Any]:
    """Native status of what Python does, and its result."""
    try:
        return 0, action()
    except FormatError as error:
        return STATUS[type(error)], None


def value_sets() -> st.SearchStrategy[np.ndarray]:
    """Ascending values: any, rescaled integers, rescaled integers of which some are missing."""
    some = st.sets(st.integers(0, 65535), min_size=2, max_size=300).map(sorted)
    rescaled = st.builds(
        lambda a, b, n: sorted({v for v in (int(a * k + b) for k in range(n)) if v < 65536}),
        st.floats(1.0, 400.0),
        st.floats(0, 50.0),
        st.integers(2, 400),
    )

    def thin(values: list[int], seed: int) -> list[int]:
        keep = np.random.default_rng(seed).random(len(values)) < 0.7
        return [v for v, kept in zip(values, keep, strict=True) if kept]

    thinned = st.builds(thin, rescaled, st.integers(0, 99))
    return st.one_of(some, rescaled, thinned).filter(lambda v: len(v) > 1).map(lambda v: np.array(v, np.uint16))


@settings(deadline=None, max_examples=400)
@given(value_sets())
def test_lattice(stages: ctypes.CDLL, values: np.ndarray) -> None:
    step, phase = ctypes.c_uint64(), ctypes.c_uint64()
    found = stages.stage_fit_lattice(at(values), values.size, ctypes.byref(step), ctypes.byref(phase))
    assert ((step.value, phase.value) if found else None) == fit_lattice(values.astype(np.int64))


def wide_sets() -> st.SearchStrategy[np.ndarray]:
    """The same, and ascending values of any distances, of multiples of a few, of steps that change; from 0 on."""
    far = st.sets(st.integers(0, 2**64 - 1), min_size=1, max_size=200).map(lambda v: np.array(sorted(v), np.uint64))
    few = st.lists(st.sampled_from([1, 10, 20, 30, 77, 154, 2**40]), min_size=1, max_size=200)
    near = st.lists(st.integers(1000, 1004), min_size=1, max_size=200)
    halved = near.map(lambda v: [max(1, step >> i // 16) for i, step in enumerate(v)])
    sums = st.one_of(few, near, halved).map(np.cumsum).map(np.uint64)
    return st.one_of(value_sets().map(lambda v: v.astype(np.uint64)), far, sums).map(lambda v: v - v[0])


@settings(deadline=None)
@given(wide_sets(), st.integers(1, 40), st.integers(0, 99))
def test_set_saves(stages: ctypes.CDLL, values: np.ndarray, often: int, seed: int) -> None:
    counts = np.random.default_rng(seed).integers(1, often + 1, values.size).astype(np.uint32)
    stages.ac_set_saves.restype = ctypes.c_uint64
    native = stages.ac_set_saves(at(values), values.size, at(counts))
    assert native == set_saves(values, counts.astype(np.int64))


@settings(deadline=None)
@given(wide_sets())
def test_pack_set(stages: ctypes.CDLL, values: np.ndarray) -> None:
    expected = pack_set(values)
    out, size = np.zeros(len(expected), np.uint8), ctypes.c_size_t()
    stages.stage_pack_set(at(values), values.size, at(out), out.size, ctypes.byref(size))
    assert size.value == len(expected)
    assert out.tobytes() == expected


@settings(deadline=None)
@given(wide_sets(), st.integers(0, 2**32 - 1), st.sampled_from(["flip", "grid", "more", "whole"]))
def test_unpack_set(stages: ctypes.CDLL, values: np.ndarray, seed: int, damage: str) -> None:
    rng, packed = np.random.default_rng(seed), bytearray(pack_set(values))
    if damage == "flip":
        packed[rng.integers(len(packed))] ^= 1 << int(rng.integers(8))
    if damage == "grid":
        del packed[int(rng.integers(len(packed))) :]
    if damage == "more":
        packed += bytes(1)
    data, out = np.frombuffer(bytes(packed) + b"\0", np.uint8)[:-1], np.zeros(values.size, np.uint64)
    is_set = stages.ac_set_unpack(at(data), ctypes.c_size_t(data.size), at(out), values.size)
    code, expected = attempt(lambda: unpack_set(bytes(packed), values.size))
    assert is_set == (code == 0)
    assert code or (out == expected).all()


def planes() -> st.SearchStrategy[np.ndarray]:
    """Planes of all data types: any elements, and the ranges that maps are made for."""

    def of(dtype: str) -> st.SearchStrategy[np.ndarray]:
        shapes = hnp.array_shapes(min_dims=2, max_dims=2, max_side=24)
        anything = hnp.arrays(dtype, shapes, elements=hnp.from_dtype(np.dtype(dtype)))

        def made(shape: tuple[int, int], seed: int, log_scale: int, kind: int) -> np.ndarray:
            rng = np.random.default_rng(seed)
            noise = rng.normal(0, 2.0**log_scale, shape)
            values = (
                noise,
                np.floor(noise),
                np.floor(rng.integers(0, 200, shape) * (1 + log_scale / 7)),
                np.where(rng.random(shape) < 0.1, -(2.0**31), np.floor(noise)),
                rng.choice(rng.integers(0, 60000, 20), shape),
                np.rint(noise * 64) / 64,
                np.floor(noise) * 2**30,
            )[kind]
            with np.errstate(all="ignore"):
                made = values.astype(dtype)
                if made.dtype.kind == "c":
                    made.imag = values[::-1]
                return made

        planned = st.builds(
            made,
            st.tuples(st.integers(1, 70), st.integers(1, 70)),
            st.integers(0, 2**32 - 1),
            st.integers(0, 24),
            st.integers(0, 6),
        )
        return st.one_of(anything, planned)

    return st.sampled_from(DTYPES).flatmap(of)


@settings(deadline=None, max_examples=400)
@given(planes())
def test_map_and_split(stages: ctypes.CDLL, values: np.ndarray) -> None:
    count = values.size << (values.dtype.kind == "c")
    u, samples = np.zeros(count, np.uint64), np.zeros(count, np.uint16)
    written, low = np.zeros(210_000, np.uint8), np.zeros(9 * count + 64, np.uint8)
    sizes = [ctypes.c_size_t() for _ in range(2)]
    largest, low_bits = ctypes.c_uint64(), ctypes.c_uint32()
    status = stages.stage_map(
        *(DTYPES.index(values.dtype.str[1:]), ctypes.c_size_t(values.shape[0]), ctypes.c_size_t(values.shape[1])),
        *(at(values), at(written), ctypes.byref(sizes[0]), at(u), at(samples), ctypes.byref(largest)),
        *(ctypes.byref(low_bits), at(low), ctypes.byref(sizes[1])),
    )
    sheet, pixel_map, most = map_pixels(to_planes(values).reshape(-1, values.shape[1]))
    assert not status
    bits = 0 if pixel_map.kind == BINS else choose_low_bits(sheet, most)
    assert written[: sizes[0].value].tobytes() == pixel_map.to_bytes()
    assert (largest.value, low_bits.value) == (most, bits)
    assert (u == sheet.ravel()).all()
    assert (samples == (sheet.ravel() >> sheet.dtype.type(bits))).all()
    if pixel_map.kind == BINS:
        numbers = float_bits(to_planes(values).ravel(), pixel_map.trailing)
        bins = pixel_map.bins(part_type(values.dtype))
        k, *places = bins.take(numbers)
        assert low[: sizes[1].value].tobytes() == pack_places(*places)
        assert (bins.floats(k, places[0]) == numbers).all()
        return
    assert low[: sizes[1].value].tobytes() == pack_low(sheet, bits)
    again = np.zeros_like(values)
    assert not stages.stage_restore(
        *(DTYPES.index(values.dtype.str[1:]), at(written), sizes[0], at(u), ctypes.c_size_t(u.size), at(again))
    )
    assert again.tobytes() == values.tobytes()


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from([name for name in DTYPES if name[0] != "c"]),
    st.binary(min_size=1, max_size=40),
    st.integers(0, 2**62),
    st.integers(0, 70),
)
def test_any_map_is_restored_alike(stages: ctypes.CDLL, dtype: str, written: bytes, most: int, seed: int) -> None:
    """Bytes that no encoder writes, too: the same refusals, the same elements."""
    u = np.random.default_rng(seed).integers(0, most + 1, 9).astype(np.uint64)
    data, out = np.frombuffer(bytes([written[0] % 48]) + written[1:], np.uint8), np.zeros(u.size, dtype)
    mine = u.copy()
    status = stages.stage_restore(
        *(DTYPES.index(dtype), at(data), ctypes.c_size_t(data.size), at(mine), ctypes.c_size_t(u.size), at(out))
    )

    def restore() -> np.ndarray:
        reader = varint.Reader(memoryview(data.tobytes()))
        pixel_map = PixelMap.read(reader)
        if reader.at != data.size:
            raise CorruptError("bytes are left")
        kind = part_type(np.dtype(dtype))
        if not pixel_map.fits(kind):
            raise CorruptError("another kind of type")
        with np.errstate(all="ignore"):
            found = unmap_pixels(u, pixel_map, kind)
        if pixel_map.kind == BINS:
            bins = pixel_map.bins(kind)
            bins.taken_by(found)
            floats = bins.floats(found, np.zeros(u.size, np.uint64)) << np.uint64(pixel_map.trailing)
            return floats.astype(f"u{kind.itemsize}").view(dtype)
        return found.view(dtype)

    code, expected = attempt(restore)
    assert status == code
    assert code or out.tobytes() == expected.tobytes()


@settings(deadline=None)
@given(st.integers(1, 48), st.integers(1, 90), st.binary(max_size=200))
def test_unpack_low(stages: ctypes.CDLL, low_bits: int, count: int, packed: bytes) -> None:
    data, out, used = np.frombuffer(packed + b"\0", np.uint8), np.zeros(count, np.uint64), ctypes.c_size_t()
    status = stages.stage_unpack_low(
        *(at(data), ctypes.c_size_t(len(packed)), ctypes.c_size_t(count), low_bits, at(out), ctypes.byref(used))
    )
    code, expected = attempt(lambda: unpack_low(memoryview(packed), count, low_bits))
    assert status == code
    assert code or ((out == expected[0]).all() and used.value == expected[1])


sides = st.one_of(st.integers(1, 700), st.integers(1, 2**20), st.sampled_from([1, 6, 512, 32768, 65535, 65536, 65537]))
places = st.sets(st.one_of(st.integers(1, 900), st.integers(1, 2**20)), max_size=5)
plane_sets = st.builds(Planes, st.one_of(st.integers(1, 40), st.integers(1, 10**6)), sides, sides)


@settings(deadline=None, max_examples=500)
@given(plane_sets, st.one_of(st.none(), st.tuples(sides, sides)), st.tuples(places, places), st.integers(0, 10**6))
def test_pieces(
    stages: ctypes.CDLL, planes: Planes, wanted: tuple[int, int] | None, breaks: tuple[set[int], set[int]], index: int
) -> None:
    out, asked = (ctypes.c_uint64 * 8)(), (ctypes.c_uint32 * 2)(*(wanted or (0, 0)))
    if wanted and wanted[0] * wanted[1] > 2**26:
        return
    cuts = Cuts(
        *(tuple(sorted(n for n in axis if n < length)) for axis, length in zip(breaks, planes[1:], strict=True))
    )
    sides = wanted_pieces(planes, wanted) if wanted else choose_pieces(planes, cuts)
    if any(cuts) and sides[0] > planes.height:
        return
    lists = [(ctypes.c_uint64 * 256)(*axis) for axis in cuts]
    stages.stage_pieces(*map(ctypes.c_uint64, planes), asked, *lists, ctypes.c_uint64(index), out)
    grid = Grid(planes, sides, cuts)
    assert (tuple(out[:2]), out[2]) == (grid.sides, len(grid))
    if len(grid) < 2000:
        piece = list(grid)[index % len(grid)]
        assert tuple(out[3:]) == (piece.planes.start, piece.rows.start, piece.columns.start, *piece.shape)


@settings(deadline=None, max_examples=300)
@given(plane_sets, st.integers(0, 70000), st.integers(0, 70000), st.integers(0, 20))
def test_which_pieces_fit(stages: ctypes.CDLL, planes: Planes, p: int, q: int, together: int) -> None:
    for shape in ((p, q), (together * planes.height, 0), (together * planes.height, planes.width)):
        code, _ = attempt(lambda shape=shape: Grid(planes, shape))  # type: ignore[misc]
        assert stages.stage_fits(*map(ctypes.c_uint64, (*planes, *shape))) == (code == 0)


varints = st.one_of(st.binary(min_size=1, max_size=12), st.integers(0, 2**64 - 1).map(varint.put))


@settings(max_examples=400)
@given(varints, st.integers(0, 2**64 - 1))
def test_varint(stages: ctypes.CDLL, data: bytes, most: int) -> None:
    used, status = ctypes.c_size_t(), ctypes.c_int()
    stages.stage_varint.restype = ctypes.c_uint64
    value = stages.stage_varint(
        *(data, ctypes.c_size_t(len(data)), ctypes.c_uint64(most), ctypes.byref(used), ctypes.byref(status))
    )
    reader = varint.Reader(memoryview(data))
    code, expected = attempt(lambda: reader.number("number", most))
    assert status.value == code
    assert code or (value, used.value) == (expected, reader.at)
