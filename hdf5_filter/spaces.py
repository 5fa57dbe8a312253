"""Spaces of HDF5 as values that compare."""

from __future__ import annotations

from typing import Any

import h5py

__all__ = ["extent_of", "selection_of", "unshared_space"]


def extent_of(space: Any) -> tuple[Any, ...]:
    """
    Return kind, shape and largest shape.

    Examples
    --------
    >>> extent_of(h5py.h5s.create_simple((3, 4), (h5py.h5s.UNLIMITED, 4)))[1:]
    ((3, 4), (18446744073709551615, 4))
    """
    kind = space.get_simple_extent_type()
    if kind != h5py.h5s.SIMPLE:
        return (kind,)
    return kind, space.get_simple_extent_dims(), space.get_simple_extent_dims(1)


def selection_of(space: Any) -> tuple[Any, ...]:
    """
    Return the extent and what is selected of it.

    Examples
    --------
    >>> space = h5py.h5s.create_simple((3, 4))
    >>> space.select_hyperslab((1, 0), (2, 2))
    >>> selection_of(space)[1:]
    ((1, 0), (1, 1), (2, 2), (1, 1))
    """
    kind, extent = space.get_select_type(), extent_of(space)
    if kind == h5py.h5s.SEL_POINTS:
        return extent, kind, space.get_select_elem_pointlist().tobytes()
    if kind != h5py.h5s.SEL_HYPERSLABS:
        return extent, kind
    if space.is_regular_hyperslab():
        return extent, *space.get_regular_hyperslab()
    return extent, kind, space.get_select_hyper_blocklist().tobytes()


def unshared_space(space: Any) -> Any:
    """
    Return an equal space for another file: HDF5 notes in one that it read where its file has it for several objects.

    Examples
    --------
    >>> space = h5py.h5s.create_simple((3, 4), (h5py.h5s.UNLIMITED, 4))
    >>> extent_of(unshared_space(space)) == extent_of(space)
    True
    """
    return h5py.h5s.decode(space.encode())
