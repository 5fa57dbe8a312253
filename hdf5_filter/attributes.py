"""Attributes of one object copied to another, of whatever type: in the file's own, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h5py
from h5py._objects import phil

from astrocodec.errors import CorruptError
from hdf5_filter.chunked import filter_values
from hdf5_filter.elements import attribute_elements, library, write_attribute
from hdf5_filter.model_attribute import MODEL_ATTRIBUTE, holds_model
from hdf5_filter.names import shown
from hdf5_filter.references import Addresses
from hdf5_filter.spaces import unshared_space

__all__ = ["attribute_names", "copy_attributes", "value_of"]

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
        if len(names) != h5py.h5a.get_num_attrs(obj):
            raise CorruptError(
                f"{len(names)} attributes of an object can be listed, it has {h5py.h5a.get_num_attrs(obj)}"
            )
        return names
    raise CorruptError(f"the attributes of an object cannot be listed: {reason}") from reason


def value_of(dataset: h5py.Dataset, name: str) -> Any:
    """Return the value of an attribute as h5py has it; None where there is none, or of a type that it has none for."""
    try:
        return dataset.attrs.get(name)
    except (OSError, TypeError, ValueError):
        return None


def copy_attributes(source: Any, target: Any, path: bytes, addresses: Addresses, map_type: TypeMap) -> None:
    """
    Copy all attributes but a model of ours that the copy needs no more; references point into the copy afterwards.

    `path` is that of the copy, and `map_type` gives a type of the file as one of the copy.
    """
    for name in attribute_names(source):
        if name == MODEL_ATTRIBUTE and holds_model(source) and filter_values(h5py.Dataset(target)) is None:
            continue
        attribute = h5py.h5a.open(source, name)
        kind, space = map_type(attribute.get_type()), unshared_space(attribute.get_space())
        with phil:
            library().create_attribute_like(attribute.id, target.id, name, kind.id, space.id)
        with attribute_elements(attribute) as elements:
            if elements is not None:
                addresses.translate(elements, f"{shown(path)}: attribute {shown(name)!r}")
                write_attribute(h5py.h5a.open(target, name), elements)
