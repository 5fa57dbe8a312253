"""The attribute that holds the model of a self-contained dataset, so that its readers need none that is installed."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from astrocodec._native import register_model
from astrocodec.errors import AstrocodecError, CorruptError, OptionError
from astrocodec.model import DELTA_HEAD, Model, find_model, installed_by_fingerprint, keep_for_reading, load_model
from hdf5_filter.chunked import filter_values
from hdf5_filter.elements import attribute_elements
from hdf5_filter.names import name_of
from hdf5_filter.values import FilterValues

__all__ = ["MODEL_ATTRIBUTE", "add_model", "check_model", "holds_model", "needed_model", "provide_model"]

MODEL_ATTRIBUTE = b"astrocodec_model"
_MOST_BYTES = 65000  # what HDF5's older format keeps in an attribute, less its head


def needed_model(values: FilterValues) -> str:
    """Return the fingerprint of the installed model that chunks need; empty: the default of the release that wrote."""
    return values.delta[1:DELTA_HEAD].hex() if values.delta else values.fingerprint


def holds_model(dataset: Any) -> bool:
    """Tell whether the attribute of an object is ours: one axis of bytes, on a dataset with our filter."""
    if not isinstance(dataset, h5py.h5d.DatasetID) or not h5py.h5a.exists(dataset, MODEL_ATTRIBUTE):
        return False
    attribute = h5py.h5a.open(dataset, MODEL_ATTRIBUTE)
    is_bytes = attribute.get_type().equal(h5py.h5t.STD_U8LE) and len(attribute.shape) == 1
    return is_bytes and filter_values(h5py.Dataset(dataset)) is not None


def add_model(dataset: h5py.Dataset, values: FilterValues) -> None:
    """
    Give a dataset the attribute.

    Raises
    ------
    OptionError
        The model is longer than an attribute.
    """
    model = find_model(needed_model(values) or load_model().fingerprint, ())
    file = model.to_bytes(whole=True)
    if len(file) > _MOST_BYTES:
        raise OptionError(f"model {model.name!r} has {len(file)} bytes, an attribute takes {_MOST_BYTES}: use another")
    dataset.attrs.create(MODEL_ATTRIBUTE.decode(), np.frombuffer(file, np.uint8))


def check_model(dataset: Any) -> Model:
    """
    Return the model in the attribute.

    Raises
    ------
    CorruptError
        It holds none, or another one than the filter's values name.
    """
    opened = h5py.Dataset(dataset)
    where = f"{opened.file.filename}: dataset {name_of(opened)!r}: attribute {MODEL_ATTRIBUTE.decode()!r}"
    with attribute_elements(h5py.h5a.open(dataset, MODEL_ATTRIBUTE)):
        file = np.asarray(opened.attrs[MODEL_ATTRIBUTE.decode()]).tobytes()
    try:
        model = Model.from_bytes(file, "inside the dataset")
    except AstrocodecError as error:
        raise CorruptError(f"{where} holds no model: it is damaged, or one of yours (rename it): {error}") from error
    needed = needed_model(FilterValues.from_values(filter_values(opened) or ()))
    if needed and model.fingerprint != needed:
        raise CorruptError(f"{where} holds model {model.fingerprint}, the filter needs {needed}")
    return model


def provide_model(dataset: h5py.Dataset) -> None:
    """Let this process know the model that chunks need: an installed one, or that in the attribute."""
    needed = needed_model(FilterValues.from_values(filter_values(dataset) or ()))
    found = installed_by_fingerprint(needed) if needed else None
    if found is not None:
        if not found.is_shipped:
            register_model(found)  # it may have been installed since the filter was told of all
        return
    if not holds_model(dataset.id):
        return
    model = check_model(dataset.id)
    if installed_by_fingerprint(model.fingerprint) is None:
        keep_for_reading(model)
        register_model(model)
