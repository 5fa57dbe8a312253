"""Ordered work: results in order, bounded look-ahead, errors at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from astrocodec.files.parallel import ordered_map


@pytest.mark.parametrize("workers", [1, 3])
def test_results_keep_their_order(workers: int) -> None:
    assert list(ordered_map(lambda n: n * n, range(100), workers)) == [n * n for n in range(100)]


def test_items_are_drawn_only_as_fast_as_results_are_taken() -> None:
    drawn = []

    def items() -> Iterator[int]:
        for number in range(1000):
            drawn.append(number)
            yield number

    results = ordered_map(abs, items(), 2)
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert len(drawn) < 20
    results.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_a_thread_comes_out(workers: int) -> None:
    def fail(number: int) -> int:
        if number == 7:
            raise ValueError("seven")
        return number

    with pytest.raises(ValueError, match="seven"):
        list(ordered_map(fail, range(100), workers))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("tiles")]
