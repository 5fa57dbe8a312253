"""References to objects and regions of one file, made to point to the same objects of its copy."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

__all__ = ["Addresses", "holds_references"]


def holds_references(dtype: np.dtype[Any]) -> bool:
    """
    Tell whether references are anywhere in a type.

    Examples
    --------
    >>> holds_references(np.dtype([("a", "i4"), ("b", h5py.ref_dtype)])), holds_references(np.dtype("f4"))
    (True, False)
    """
    if h5py.check_ref_dtype(dtype) is not None:
        return True
    inner = h5py.check_vlen_dtype(dtype)
    if inner is not None:
        return holds_references(np.dtype(inner))
    if dtype.subdtype is not None:
        return holds_references(dtype.subdtype[0])
    return any(holds_references(dtype[name]) for name in dtype.names or ())


class Addresses:
    """
    Where each object of a file stands in its copy.

    Parameters
    ----------
    source, target : h5py.File
        The file and its copy.
    """

    def __init__(self, source: h5py.File, target: h5py.File) -> None:
        self._source = source
        self._target = target
        self._paths: dict[int, bytes] = {}

    @staticmethod
    def address(obj: Any) -> int:
        """Address of an object in its file."""
        return int(h5py.h5o.get_info(obj).addr)

    def add(self, obj: Any, path: bytes) -> None:
        """Note the path of an object's copy."""
        self._paths[self.address(obj)] = path

    def path(self, obj: Any) -> bytes | None:
        """Path of an object's copy, None where there is none yet."""
        return self._paths.get(self.address(obj))

    def translate(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return values of any type with every reference made to point into the copy."""
        dtype = values.dtype
        kind = h5py.check_ref_dtype(dtype)
        if kind is not None:
            out = np.empty(values.shape, dtype)
            for place in np.ndindex(values.shape):
                out[place] = self._translate_one(values[place], kind)
            return out
        inner = h5py.check_vlen_dtype(dtype)
        if inner is not None and holds_references(np.dtype(inner)):
            out = np.empty(values.shape, dtype)
            for place in np.ndindex(values.shape):
                out[place] = self.translate(np.asarray(values[place], inner))
            return out
        if dtype.names:
            out = values.copy()
            for name in dtype.names:
                if holds_references(dtype[name]):
                    out[name] = self.translate(values[name].astype(_base(dtype[name]), copy=False))
            return out
        return values

    def _translate_one(self, reference: Any, kind: type) -> Any:
        if not isinstance(reference, h5py.h5r.Reference) or not reference:
            return kind()
        obj = h5py.h5r.dereference(reference, self._source.id)
        path = self.path(obj) if obj else None
        if path is None:
            return kind()  # its object was deleted
        if kind is h5py.h5r.Reference:
            return h5py.h5r.create(self._target.id, path, h5py.h5r.OBJECT)
        region = h5py.h5r.get_region(reference, self._source.id)
        return h5py.h5r.create(self._target.id, path, h5py.h5r.DATASET_REGION, region)


def _base(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype.subdtype[0] if dtype.subdtype is not None else dtype
