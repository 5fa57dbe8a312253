"""Whether two types are the same, with what HDF5's own comparison leaves out."""

from __future__ import annotations

from typing import Any

import h5py

__all__ = ["same_type"]


def same_type(first: Any, second: Any) -> bool:
    """
    Compare two types; HDF5 compares no order of members, nor character set and padding of strings of varying length.

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
        return _names(first) == _names(second) and all(
            same_type(first.get_member_type(i), second.get_member_type(i)) for i in range(first.get_nmembers())
        )
    if found == h5py.h5t.ENUM:
        return _names(first) == _names(second)
    return True


def _names(kind: Any) -> list[bytes]:
    """Names of members in their order."""
    return [kind.get_member_name(number) for number in range(kind.get_nmembers())]
