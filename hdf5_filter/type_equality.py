"""Whether two types are the same, with what HDF5's own comparison leaves out."""

from __future__ import annotations

from typing import Any

import h5py

__all__ = ["same_type"]


def same_type(first: Any, second: Any) -> bool:
    """
    Compare two types; of strings of varying length HDF5 compares neither character set nor padding.

    Examples
    --------
    >>> same_type(h5py.h5t.NATIVE_INT32, h5py.h5t.NATIVE_INT32)
    True
    """
    if not first.equal(second):
        return False
    found = first.get_class()
    if found == h5py.h5t.STRING:
        return bool((first.get_cset(), first.get_strpad()) == (second.get_cset(), second.get_strpad()))
    if found in (h5py.h5t.VLEN, h5py.h5t.ARRAY):
        return same_type(first.get_super(), second.get_super())
    if found == h5py.h5t.COMPOUND:
        members = range(first.get_nmembers())
        return all(same_type(first.get_member_type(i), second.get_member_type(i)) for i in members)
    return True
