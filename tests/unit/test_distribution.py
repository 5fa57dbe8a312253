"""Tables and symbols: complete, invertible, and the same as the native library's."""

import numpy as np
import pytest
from made_models import GENTLE, KNOT_POSITIONS, WIDE, made_shapes

from astrocodec import _native
from astrocodec.errors import FormatError
from astrocodec.stages.distribution import (
    KNOTS,
    LAYOUTS,
    ONE,
    SCALES,
    SYMBOLS,
    TABLES_PER_SHAPE,
    TOTAL,
    Cells,
    Tables,
    build_tables,
    cell_of,
    cumulative_at,
    difference_of,
    raw_bits,
    symbol_of,
)


def _block(knots: np.ndarray) -> bytes:
    return bytes([1, 1, 0, 0]) + knots.astype("<u4").tobytes()


SHAPES = {
    "logistic": made_shapes(),
    "grid": made_shapes(3, 2),
    "nothing below": _block(np.full(KNOTS, ONE)),
    "nothing above": _block(np.zeros(KNOTS)),
    "step": _block(np.where(np.arange(KNOTS) < 300, 0, ONE)),
    "far step": _block(np.where(np.arange(KNOTS) < 590, 7, ONE)),
    "straight": _block(np.arange(KNOTS) * 1813753),
}


@pytest.fixture(params=SHAPES)
def shapes(request: pytest.FixtureRequest) -> bytes:
    return SHAPES[request.param]


def test_tables_sum_to_the_total(shapes: bytes) -> None:
    tables = build_tables(shapes).cumulative.astype(int)
    frequencies = np.diff(tables, axis=1)
    assert (tables[:, 0] == 0).all()
    assert (tables[:, -1] == TOTAL).all()
    for q in range(64):
        used = len(LAYOUTS[0 if q < 16 else 1 if q < 40 else 2].offset)
        of_scale = frequencies[_tables_of_scale(q)]
        assert (of_scale[:, 32 - used : 32 + used] >= 1).all()
        assert (of_scale[:, : 32 - used] == 0).all()
        assert (of_scale[:, 32 + used :] == 0).all()


def _tables_of_scale(q: int) -> np.ndarray:
    loc16 = np.arange(16)
    return np.unique(cell_of(loc16, np.full(16, q), np.zeros(16, np.int64)).table)


def test_tables_equal_the_native_ones(shapes: bytes) -> None:
    native = _native.NativeModel(GENTLE.weights, shapes).tables()
    np.testing.assert_array_equal(build_tables(shapes).cumulative, native)


def test_every_quantile_has_one_symbol() -> None:
    quantiles = np.arange(TOTAL)
    for table in build_tables(WIDE.shapes).cumulative[:: TABLES_PER_SHAPE // 12].astype(int):
        symbol = np.searchsorted(table, quantiles, side="right") - 1
        assert symbol.max() < SYMBOLS - 1
        assert (table[symbol] <= quantiles).all()
        assert (quantiles < table[symbol + 1]).all()


def test_cells_number_every_table_once() -> None:
    found = np.concatenate([_tables_of_scale(q) for q in range(64)])
    np.testing.assert_array_equal(found, np.arange(TABLES_PER_SHAPE))
    np.testing.assert_array_equal(_tables_of_scale(64), _tables_of_scale(56))


def test_cells_follow_the_location() -> None:
    loc16 = np.arange(16 * 65535 + 16)
    for q in (0, 23, 47, 55, 56, SCALES - 1):
        cells = cell_of(loc16, np.full(loc16.size, q), np.full(loc16.size, 2))
        assert cells.table.min() >= 2 * TABLES_PER_SHAPE
        assert cells.table.max() < 3 * TABLES_PER_SHAPE
        assert (np.diff(cells.base) >= 0).all()
        assert np.abs(16 * cells.base - loc16).max() <= 16
        assert cells.base.max() <= 65536


@pytest.mark.parametrize(("layout", "k"), [(0, 0), (1, 0), *((2, k) for k in range(12))])
def test_symbols_give_the_difference_back(layout: int, k: int) -> None:
    difference = np.unique(np.r_[-65536:65536:7, -300:300, -65536, 65535])
    n = np.ones(difference.size, np.int64)
    cells = Cells(0 * n, 0 * n, k * n, layout * n)
    symbol, raw, bits = symbol_of(difference, cells)
    used = len(LAYOUTS[layout].offset)
    assert symbol.min() >= 32 - used
    assert symbol.max() < 32 + used
    assert (raw >= 0).all()
    assert (raw >> bits == 0).all()
    assert bits.max() <= 16
    np.testing.assert_array_equal(bits, raw_bits(symbol, cells))
    np.testing.assert_array_equal(difference_of(symbol, raw, cells), difference)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_cells_of_a_layout_join(layout: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    offset, bits = layout
    for i in range(len(offset) - 1):
        assert offset[i] + (1 << bits[i]) == offset[i + 1]
    assert bits[-1] == 16


def test_cumulative_function_meets_its_knots() -> None:
    knots = np.frombuffer(GENTLE.shapes, "<u4", offset=4).astype(np.int64)
    np.testing.assert_array_equal(cumulative_at(knots, (4096 * KNOT_POSITIONS[1:-1]).astype(np.int64)), knots[1:-1])
    far = np.array([-(1 << 40), -(16 << 32), 16 << 32, 1 << 40])
    np.testing.assert_array_equal(cumulative_at(knots, far), [0, 0, ONE, ONE])


def test_cumulative_function_never_falls() -> None:
    knots = np.frombuffer(SHAPES["straight"], "<u4", offset=4).astype(np.int64)
    for t in (np.arange(-70000, 70000), np.arange(-(1 << 33), 1 << 33, 100003)):
        assert (np.diff(cumulative_at(knots, t)) >= 0).all()


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"\1\1\0",
        made_shapes()[:-1],
        made_shapes() + b"\0",
        b"\1\1\1\0" + made_shapes()[4:],
        b"\1\1\0\1" + made_shapes()[4:],
        b"\0\1\0\0" + made_shapes()[4:],
        b"\2\1\0\0" + made_shapes()[4:],
        bytes([13, 5, 0, 0]) + made_shapes()[4:] * 65,
        _block(np.where(np.arange(KNOTS) == 100, 5, 4)),
        _block(np.where(np.arange(KNOTS) == KNOTS - 1, ONE + 1, 4)),
    ],
)
def test_broken_shape_blocks_are_refused(block: bytes) -> None:
    with pytest.raises(FormatError, match="shape block"):
        build_tables(block)
    with pytest.raises(FormatError, match="model"):
        _native.NativeModel(GENTLE.weights, block)


def test_largest_grid_is_accepted() -> None:
    tables = build_tables(made_shapes(64, 1))
    assert isinstance(tables, Tables)
    assert len(tables.cumulative) == 64 * TABLES_PER_SHAPE
