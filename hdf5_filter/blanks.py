"""Values of a dataset that stand for no value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np

from hdf5_filter.attributes import value_of

__all__ = ["blanks_of"]

NAMES = ("_FillValue", "missing_value")  # of netCDF


def blanks_of(dataset: h5py.Dataset, *, names: Sequence[str] = NAMES) -> list[Any]:
    """
    Return the values that attributes of these names tell, and the fill value that a dataset was created with.

    They are finite, and in the dataset's own type.

    Examples
    --------
    >>> with h5py.File.in_memory() as file:
    ...     dset = file.create_dataset("x", (8, 9), "i2", fillvalue=-7)
    ...     dset.attrs["missing_value"] = [-9999, 10**6]
    ...     [int(blank) for blank in blanks_of(dset)]
    [-9999, -7]
    """
    found = [np.asarray(value_of(dataset, name)) for name in names]
    if dataset.id.get_create_plist().fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED:
        found.append(np.asarray(dataset.fillvalue))
    blanks: dict[bytes, Any] = {}
    for value in (value for values in found if values.dtype.kind in "iuf" for value in values.ravel()):
        with np.errstate(over="ignore", invalid="ignore"):
            element = value.astype(dataset.dtype)
        if element == value or dataset.dtype.kind == "f":  # attributes may have more digits than elements
            blanks[element.tobytes()] = element
    return [blank for blank in blanks.values() if np.isfinite(blank)]
