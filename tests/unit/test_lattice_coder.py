"""Lattice coder: exact tables, sizes near the ideal, damaged bytes."""

from math import erf, log2, sqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from astrocodec.errors import CorruptError

pytest.importorskip("constriction")

from astrocodec.lossy.gaussian_tables import N_SCALES, gaussian_table, normal_knots, scale_units, with_escape
from astrocodec.lossy.lattice_coder import (
    GAUSSIAN,
    MAX_SYMBOL,
    LatticeDecoder,
    LatticeEncoder,
    LearnedTables,
    decode_lattice,
    encode_lattice,
    table_numbers,
)


def by_hand(data: bytes, tables: list[list[int]]) -> list[int]:
    """Symbols of one call, as docs/format.md says, in integers; no library is asked."""
    words = [int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 4)]
    state = 0
    while state < 1 << 32 and words:
        state = state << 32 | words.pop()
    symbols = []
    for frequencies in tables:
        low, left = state & 0xFFFFFF, 0
        index = 0
        while left + frequencies[index] <= low:
            left += frequencies[index]
            index += 1
        symbols.append(index)
        state = frequencies[index] * (state >> 24) + low - left
        if state < 1 << 32 and words:
            state = state << 32 | words.pop()
    assert (state, words) == (0, [])
    return symbols


def ideal_bits(symbols: NDArray[np.int64], scales: NDArray[np.int64], means: NDArray[np.int64]) -> float:
    """What the normal distributions themselves say that symbols cost."""
    total = 0.0
    for symbol, scale, mean in zip(symbols.tolist(), scales.tolist(), means.tolist(), strict=True):
        sigma = 2.0 ** ((scale - 19) / 6) * sqrt(2)
        total -= log2(0.5 * (erf((symbol + 0.5 - mean / 16) / sigma) - erf((symbol - 0.5 - mean / 16) / sigma)))
    return total


def drawn(count: int, scales_up_to: int) -> tuple[NDArray[np.int64], ...]:
    """Symbols of normal distributions, with the scales and means that they were drawn with."""
    rng = np.random.default_rng(5)
    scales, means = rng.integers(0, scales_up_to, count), rng.integers(-400, 400, count)
    return np.rint(rng.normal(means / 16, 2.0 ** ((scales - 19) / 6))).astype(np.int64), scales, means


def test_normal_knots_are_those_of_the_error_function() -> None:
    """Series in integers against the library's float."""
    expected = [2.0**43 * (1 + erf(i / 256 / sqrt(2))) for i in range(2049)]
    assert np.abs(normal_knots() - expected).max() < 2
    assert normal_knots()[[0, 256]].tolist() == [1 << 43, 14801093300329]


def test_scales_are_sixths_of_octaves() -> None:
    """From a ninth of a step to a thousand."""
    assert all(abs(scale_units(i) - 65536 * 2 ** ((i - 19) / 6)) <= 0.5001 for i in range(N_SCALES))


@pytest.mark.parametrize("scale", [0, 19, N_SCALES - 1])
@pytest.mark.parametrize("fraction", [-8, 0, 7])
def test_every_table_is_whole(scale: int, fraction: int) -> None:
    """No symbol is impossible, and the mass is 2^24."""
    first, frequencies = gaussian_table(scale, fraction)
    assert (frequencies.sum(), frequencies.min() >= 1, first) == (1 << 24, True, -(len(frequencies) - 2) // 2)


def test_size_is_within_a_percent_of_the_likelihood() -> None:
    """Side information excluded, all scales included."""
    symbols, scales, means = drawn(20_000, 70)
    data = encode_lattice(symbols, scales, means)
    assert (decode_lattice(data, scales, means) == symbols).all()
    assert 8 * len(data) < 1.002 * ideal_bits(symbols, scales, means) + 64
    low = np.zeros_like(scales[:5000]) + 6
    zeros = np.zeros_like(low)
    assert 8 * len(encode_lattice(zeros, low)) < 1.01 * ideal_bits(zeros, low, zeros) + 64


def test_bytes_are_what_the_format_says() -> None:
    """A second decoder, in integers, reads them: the library takes frequencies exactly."""
    rng = np.random.default_rng(2)
    weights = rng.integers(0, 1 << 40, (3, 9))
    weights[0, 0] = 1 << 52
    tables = LearnedTables(-4, weights)
    numbers = np.sort(rng.integers(0, 3, 60))
    symbols = rng.integers(-4, 5, 60)
    coder = LatticeEncoder()
    coder.put(symbols, numbers, tables)
    found = by_hand(coder.to_bytes(), [tables.table(n)[1].tolist() for n in numbers])
    assert (np.array(found) - 4 == symbols).all()


def test_bytes_do_not_change() -> None:
    """Those that this version writes."""
    data = encode_lattice(np.array([3, -1, 0, 70_000]), np.array([25, 19, 2, 30]), np.array([40, -16, 0, 8]))
    assert data.hex() == PINNED


PINNED = "390bf9a4f0700000"


@pytest.mark.parametrize("symbol", [9, -9, 100_000, MAX_SYMBOL, -MAX_SYMBOL])
def test_symbols_that_no_table_holds(symbol: int) -> None:
    """They cost more, and come back."""
    symbols = np.array([0, symbol, -1, symbol])
    scales = np.array([3, 3, 0, 60])
    assert (decode_lattice(encode_lattice(symbols, scales), scales) == symbols).all()
    with pytest.raises(ValueError, match="at most"):
        encode_lattice(np.array([MAX_SYMBOL + 1]), np.array([0]))


def test_calls_are_taken_as_they_were_put() -> None:
    """As a decoder that learns scales while it decodes needs it; nothing at all is no bytes."""
    symbols, scales, means = drawn(300, 40)
    whole, numbers = table_numbers(scales, means)
    coder = LatticeEncoder()
    for at in range(0, 300, 100):
        coder.put((symbols - whole)[at : at + 100], numbers[at : at + 100], GAUSSIAN)
    decoder = LatticeDecoder(coder.to_bytes())
    parts = [decoder.take(numbers[at : at + 100], GAUSSIAN) for at in range(0, 300, 100)]
    decoder.finish()
    assert (np.concatenate(parts) + whole == symbols).all()
    assert encode_lattice(symbols[:0], scales[:0]) == b""


def test_damaged_bytes_give_errors_or_other_symbols() -> None:
    """Never anything else, whatever the bytes."""
    symbols, scales, _ = drawn(200, 30)
    data = encode_lattice(symbols, scales)
    for damaged in (data[:-1], data + b"\0\0\0\0", data + b"\1\0\0\0", data[4:], data[:-4]):
        with pytest.raises(CorruptError):
            decode_lattice(damaged, scales)
    rng = np.random.default_rng(8)
    for _ in range(30):
        try:
            found = decode_lattice(rng.bytes(40), scales)
        except CorruptError:
            continue
        assert np.abs(found).max() <= MAX_SYMBOL


def test_arguments_that_are_wrong() -> None:
    """Tables that are not there, weights without mass."""
    with pytest.raises(ValueError, match="there are 1280"):
        encode_lattice(np.array([0]), np.array([N_SCALES]))
    with pytest.raises(ValueError, match="1 symbols and 2 tables"):
        LatticeEncoder().put(np.array([0]), np.array([0, 0]), GAUSSIAN)
    assert with_escape(np.array([0, 5])).min() == 1
