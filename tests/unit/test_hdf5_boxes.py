"""Boxes cover a dataset once, in order, and none takes more memory than was asked for; nor does what uses them."""

import math
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import hdf5_filter
from hdf5_filter.boxes import boxes_within, whole


@pytest.mark.parametrize(
    ("shape", "chunk", "most"),
    [
        ((), None, 100),
        ((0, 5), None, 100),
        ((1000,), None, 64),
        ((1, 40, 50), None, 64),
        ((1, 40, 50), (1, 8, 9), 300),
        ((7, 40, 50), (2, 40, 7), 5000),
        ((7, 40, 50), (7, 40, 50), 300),
        ((3, 4), (8, 8), 10**9),
    ],
)
def test_boxes_cover_everything_once(shape: tuple[int, ...], chunk: tuple[int, ...] | None, most: int) -> None:
    seen = np.zeros(shape, int)
    boxes = list(boxes_within(whole(shape), chunk, 2, most))
    for box in boxes:
        seen[box] += 1
        assert all(cut.start < cut.stop for cut in box)
        assert 2 * math.prod(cut.stop - cut.start for cut in box) <= 4 * most
    assert (seen == 1).all()
    assert boxes == sorted(boxes, key=lambda box: [cut.start for cut in box])


def test_chunks_stay_whole_where_they_are_not_too_large() -> None:
    for box in boxes_within(whole((7, 40, 50)), (2, 8, 9), 2, 1000):
        assert all(cut.start % side == 0 for cut, side in zip(box, (2, 8, 9), strict=True))


class Panels:
    """An array that notes the largest piece that is asked for."""

    def __init__(self, data: np.ndarray) -> None:
        self.data, self.shape, self.dtype, self.largest = data, data.shape, data.dtype, 0

    def __getitem__(self, cuts: Any) -> np.ndarray:
        part = self.data[cuts]
        self.largest = max(self.largest, part.size)
        return part


def test_memory_does_not_follow_a_dataset_whose_first_axis_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every step, for elements that are coded and for those that are not."""
    limits = ("elements._BLOCK_BYTES", "sparse._MOST_BYTES", "transfer._READ_BYTES", "writing._MOST_BYTES")
    for name in (*limits, "heaps._BLOCK"):
        monkeypatch.setattr(f"hdf5_filter.{name}", 1 << 16)
    data = np.random.default_rng(0).poisson(300, (1, 1800, 1500)).astype("u2")
    names = [tmp_path / f"{name}.h5" for name in "abcde"]
    with h5py.File(names[0], "w") as file:
        file["x"] = data
        file["opaque"] = data.view("V2")
    steps: list[Callable[[], Any]] = [
        lambda: hdf5_filter.compress(names[0], names[1], tune=False, workers=1),
        lambda: hdf5_filter.verify(names[1], workers=1),
        lambda: hdf5_filter.decompress(names[1], names[2], workers=1),
        lambda: hdf5_filter.decompress(names[1], names[3], to="gzip", workers=1),
        lambda: hdf5_filter.verify(names[3], names[0], workers=1),
    ]
    for step in steps:
        tracemalloc.start()
        try:
            step()
            assert tracemalloc.get_traced_memory()[1] < 3 << 20
        finally:
            tracemalloc.stop()
    source = Panels(data)
    with h5py.File(names[4], "w") as file:
        hdf5_filter.write_dataset(file, "x", source, chunks=(1, 70, 90), append=True)
        assert (file["x"][...] == data).all()
        hdf5_filter.write_dataset(file, "x", source, append=True)
        assert (file["x"][1] == data[0]).all()
        assert source.largest <= 1 << 15
        hdf5_filter.write_dataset(file, "large chunks", source, chunks=(1, 900, 400))
        assert (file["large chunks"][...] == data).all()
        assert source.largest <= 900 * 400
