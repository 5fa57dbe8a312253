"""Attributes of one object copied to another, of whatever type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

from astrocodec.errors import CorruptError
from hdf5_filter.references import Addresses, holds_references

__all__ = ["attribute_names", "copy_attributes", "read_attribute"]

TypeMap = Callable[[Any], Any]


def attribute_names(obj: Any) -> list[bytes]:
    """
    Return the names of an object's attributes, by creation where the file knows it.

    Raises
    ------
    CorruptError
        They cannot be listed, so a copy would lack them.
    """
    for order in (h5py.h5.INDEX_CRT_ORDER, h5py.h5.INDEX_NAME):
        names: list[bytes] = []
        try:
            h5py.h5a.iterate(obj, lambda name, *_: names.append(name), index_type=order)  # noqa: B023
        except (RuntimeError, ValueError, KeyError) as error:
            reason = error  # the order of creation may not be known; then names will do
            continue
        return names
    raise CorruptError(f"the attributes of an object cannot be listed: {reason}") from reason


def read_attribute(attribute: Any) -> np.ndarray[Any, Any] | None:
    """Return the elements of an attribute, None for one without any."""
    if attribute.get_space().get_simple_extent_type() == h5py.h5s.NULL:
        return None
    values = np.zeros(attribute.shape, attribute.dtype)
    attribute.read(values)
    return values


def copy_attributes(source: Any, target: Any, addresses: Addresses, map_type: TypeMap) -> None:
    """
    Copy all attributes; references point into the copy afterwards.

    Parameters
    ----------
    source, target : ObjectID
        Objects of the file and of its copy. Attributes that the copy has already are replaced.
    addresses : Addresses
        Where the copies of all objects are.
    map_type : callable
        Gives a type of the file as one of its copy.
    """
    for name in attribute_names(source):
        attribute = h5py.h5a.open(source, name)
        if h5py.h5a.exists(target, name):
            h5py.h5a.delete(target, name)
        made = h5py.h5a.create(target, name, map_type(attribute.get_type()), attribute.get_space())
        values = read_attribute(attribute)
        if values is None:
            continue
        made.write(addresses.translate(values) if holds_references(values.dtype) else values)
