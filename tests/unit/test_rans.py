"""rANS: popping undoes pushing, state and words included."""

from itertools import pairwise

import numpy as np
import pytest
from made_models import GENTLE

from astrocodec.errors import TruncatedError
from astrocodec.stages import rans
from astrocodec.stages.distribution import TOTAL, build_tables

STATES = [rans.LOW, rans.LOW + 1, 123456789, (1 << 31) - 1, 1 << 31, (1 << 32) - 1]
SMALL_TABLES = [[0, 1, TOTAL], [0, TOTAL - 1, TOTAL], [0, 5000, 5001, 16000, TOTAL], [0, TOTAL]]


@pytest.mark.parametrize("table", SMALL_TABLES)
def test_every_quantile_pops_its_symbol(table: list[int]) -> None:
    for quantile in range(TOTAL):
        symbol, _ = rans.pop(rans.LOW * 4 + quantile, table, [0])
        assert table[symbol] <= quantile < table[symbol + 1]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("table", SMALL_TABLES)
def test_pop_undoes_push(state: int, table: list[int]) -> None:
    for symbol, (start, end) in enumerate(pairwise(table)):
        words: list[int] = []
        pushed = rans.push(state, start, end - start, words)
        assert rans.LOW <= pushed < 1 << 32
        assert rans.pop(pushed, table, words) == (symbol, state)
        assert words == []


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("bits", range(17))
def test_pop_raw_undoes_push_raw(state: int, bits: int) -> None:
    for raw in {0, 1 % (1 << bits), (1 << bits) - 1}:
        words: list[int] = []
        pushed = rans.push_raw(state, raw, bits, words)
        assert rans.LOW <= pushed < 1 << 32
        assert rans.pop_raw(pushed, bits, words) == (raw, state)
        assert words == []


def test_push_undoes_pop() -> None:
    table = SMALL_TABLES[2]
    for quantile in range(0, TOTAL, 7):
        state = (300 << 14) + quantile
        symbol, popped = rans.pop(state, table, [4711])
        words: list[int] = []
        assert rans.push(popped, table[symbol], table[symbol + 1] - table[symbol], words) == state
        assert words in ([], [4711])


def test_missing_word_is_a_truncation() -> None:
    with pytest.raises(TruncatedError, match="words end before"):
        rans.pop_raw(rans.LOW, 1, [])


@pytest.mark.parametrize("count", [1, 2, 4, 8, 16, 32])
def test_groups_come_back(count: int) -> None:
    rng = np.random.default_rng(count)
    table = build_tables(GENTLE.shapes).cumulative[200].tolist()
    used = [s for s in range(63) if table[s + 1] > table[s]]
    groups = []
    for _ in range(20):
        lanes = np.sort(rng.choice(64, rng.integers(1, 33), replace=False)).tolist()
        rows = [(lane, int(rng.choice(used)), int(rng.integers(17))) for lane in lanes]
        groups.append([(lane, s, int(rng.integers(1 << bits)), bits) for lane, s, bits in rows])
    records = [
        [rans.Record(lane, table[s], table[s + 1] - table[s], raw, bits) for lane, s, raw, bits in g] for g in groups
    ]
    states, words = rans.push_groups(records, count)
    decoder = rans.Decoder(states, words)
    for group in groups:
        lanes = [lane for lane, *_ in group]
        assert not decoder.is_finished() or group is groups[-1]
        assert decoder.pop_symbols(lanes, [table] * len(lanes)) == [s for _, s, _, _ in group]
        assert decoder.pop_raws(lanes, [bits for *_, bits in group]) == [raw for _, _, raw, _ in group]
    assert decoder.is_finished()


def test_left_over_words_and_states_are_noticed() -> None:
    assert rans.Decoder([rans.LOW], []).is_finished()
    assert not rans.Decoder([rans.LOW], [0]).is_finished()
    assert not rans.Decoder([rans.LOW, rans.LOW + 1], []).is_finished()
