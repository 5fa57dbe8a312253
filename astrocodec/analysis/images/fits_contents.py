"""What HDUs hold that are no images: tables, groups and arrays without meaning to us, as they are stored."""

from __future__ import annotations

from typing import Any

import numpy as np

from astrocodec.analysis.images.contents import Contents

__all__ = ["contents_of"]

_MEANING = ("name", "format", "unit", "null", "bscale", "bzero", "dim")


def contents_of(hdu: Any) -> Contents:
    """Read an HDU of astropy; arrays of variable length are followed to where they lie."""
    columns = getattr(hdu, "columns", None)
    if hdu.data is None:
        return Contents([np.zeros(getattr(hdu, "shape", ()))])
    if columns is None:
        return Contents([np.asarray(hdu.data)])
    stored = hdu.data.view(np.ndarray)
    found = []
    for number, (name, column) in enumerate(zip(stored.dtype.names or (), columns, strict=True)):
        varies = str(column.format).lstrip("01")[:1] in ("P", "Q")
        found.append(np.asarray(hdu.data.field(number), object) if varies else stored[name])
    return Contents(found, tuple(tuple(getattr(column, what) for what in _MEANING) for column in columns))
