"""What `write_dataset` may be given: arrays of any size, read piece by piece, or blocks one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import h5py
import numpy as np

from astrocodec.arrays import as_array, refuse_mask
from hdf5_filter.boxes import Box, whole

__all__ = ["ArraySource", "BlockSource", "open_source"]


class ArraySource:
    """Anything with shape, dtype and slices: an array, a memory map, an HDF5, Zarr or Dask array."""

    def __init__(self, array: Any) -> None:
        self._array = array
        self.shape: tuple[int, ...] = tuple(array.shape)
        self.dtype = _as_h5py_has_it(np.dtype(array.dtype))
        self.length: int | None = self.shape[0]

    def blocks(self, rows: int, panel: Box) -> Iterator[np.ndarray[Any, Any]]:
        """
        Yield the rows of a panel of the array, a box along all axes but the first, this many at a time.

        Raises
        ------
        ValueError
            What is read has not the dtype or shape that the array states.
        """
        for start in range(0, self.shape[0], rows):
            stop = min(start + rows, self.shape[0])
            cuts = slice(start, stop) if panel == whole(self.shape[1:]) else (slice(start, stop), *panel)
            block = _elements_of(self._array[cuts])
            expected = (stop - start, *(cut.stop - cut.start for cut in panel))
            if block.shape != expected or not _same_numbers(block.dtype, self.dtype):
                raise ValueError(
                    f"rows {start} to {stop} of the array have dtype {block.dtype} and shape {block.shape}, it states "
                    f"{self.dtype} and {expected}: read it yourself and give what is in it"
                )
            yield block


class BlockSource:
    """Blocks that follow each other along the first axis, as many as come, equal in all but its length."""

    def __init__(self, blocks: Iterable[Any]) -> None:
        self._blocks = iter(blocks)
        try:
            self._first = _elements_of(next(self._blocks))
        except StopIteration:
            raise ValueError("no block found: an empty dataset needs an array with shape and dtype") from None
        if self._first.ndim == 0:
            raise TypeError(f"blocks are arrays, {self._first.dtype} scalar found: give an array with shape and dtype")
        self.shape: tuple[int, ...] = (0, *self._first.shape[1:])
        self.dtype = self._first.dtype
        self.length: int | None = None

    def blocks(self, rows: int, panel: Box) -> Iterator[np.ndarray[Any, Any]]:
        """Yield the blocks as they come, whole."""
        yield self._first
        for number, block in enumerate(self._blocks, 1):
            array = _elements_of(block)
            if array.ndim == 0 or array.shape[1:] != self.shape[1:] or array.dtype != self.dtype:
                raise ValueError(
                    f"block {number} has dtype {array.dtype} and shape {array.shape}, the first has {self.dtype} and "
                    f"{self._first.shape}: only the length of the first axis may differ"
                )
            yield array


def _elements_of(found: Any) -> np.ndarray[Any, Any]:
    """Return what was read as an array."""
    array = as_array(found)
    return array.view(_as_h5py_has_it(array.dtype))


def _as_h5py_has_it(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Complex numbers for pairs of floats that have the names of their parts."""
    if (
        dtype.names is not None
        and dtype.names == h5py.get_config().complex_names
        and dtype[0] == dtype[1]
        and dtype[0].str[1:] in ("f4", "f8")
    ):
        number = np.dtype(f"{dtype[0].byteorder}c{2 * dtype[0].itemsize}")
        packed = np.dtype([(name, dtype[0]) for name in dtype.names])
        return number if dtype == packed else dtype
    return dtype


def _same_numbers(first: np.dtype[Any], second: np.dtype[Any]) -> bool:
    """Whether two types differ in nothing but the order of bytes."""
    return first.newbyteorder("=") == second.newbyteorder("=")


def open_source(data: Any) -> ArraySource | BlockSource:
    """
    Take data as an array if they have shape, dtype and slices, as blocks if they are iterable, else as an array.

    Examples
    --------
    >>> open_source(np.zeros((2, 3))).shape, open_source(iter([np.zeros((2, 3))])).shape
    ((2, 3), (0, 3))
    """
    refuse_mask(data)
    if hasattr(data, "shape") and hasattr(data, "dtype") and hasattr(data, "__getitem__"):
        if len(data.shape) == 0:
            raise TypeError("a scalar cannot be chunked, so it cannot be compressed; use create_dataset")
        return ArraySource(data)
    if isinstance(data, Iterable) and not isinstance(data, list | tuple | str | bytes):
        return BlockSource(data)
    return ArraySource(np.atleast_1d(as_array(data)))
