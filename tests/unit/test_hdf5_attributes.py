"""Attributes of HDF5 objects: none is lost silently."""

from typing import Any

import h5py
import pytest

from astrocodec.errors import CorruptError
from hdf5_filter.attributes import attribute_names


@pytest.mark.parametrize("track_order", [True, False])
def test_every_name_is_listed(track_order: bool) -> None:
    """By creation where it is tracked."""
    with h5py.File.in_memory() as file:
        group = file.create_group("g", track_order=track_order)
        group.attrs["z"], group.attrs["a"] = 1, 2
        names = attribute_names(group.id)
        assert sorted(names) == [b"a", b"z"]
        assert not track_order or names == [b"z", b"a"]


def test_attributes_that_cannot_be_listed_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy without them would pass for a whole one, for the comparison lists them in the same way."""

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("bad attribute heap")

    monkeypatch.setattr(h5py.h5a, "iterate", fail)
    with h5py.File.in_memory() as file, pytest.raises(CorruptError, match="bad attribute heap"):
        attribute_names(file.id)


def test_attributes_that_are_fewer_than_their_number_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """HDF5 may pass over what it cannot read."""
    monkeypatch.setattr(h5py.h5a, "iterate", lambda *_, **__: None)
    with h5py.File.in_memory() as file:
        file.attrs["a"] = 1
        with pytest.raises(CorruptError, match="0 attributes of an object can be listed, it has 1"):
            attribute_names(file.id)
