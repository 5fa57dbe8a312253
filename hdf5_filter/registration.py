"""The filter known to h5py."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import h5py

import astrocodec
from astrocodec._native import chunk as native_chunk
from astrocodec._native import foreign, register_model
from astrocodec.errors import FormatError
from astrocodec.model import installed_models
from hdf5_filter.filter_options import AstroCodec
from hdf5_filter.identity import FILTER_ID, FILTER_NAME, PLUGIN_PATH

__all__ = ["from_filter_options", "get_config", "get_filters", "register"]


def register(*, force: bool = True) -> bool:
    """
    Make the filter known to h5py's HDF5 library, and to the filter the models that are installed.

    Parameters
    ----------
    force : bool, optional
        Also where a filter with this number is known already, from ``HDF5_PLUGIN_PATH`` for instance.

    Returns
    -------
    bool
        Whether it was registered now.

    Examples
    --------
    >>> register()
    True
    """
    for entry in installed_models(general=True):
        if entry.model is not None and not entry.model.is_shipped:
            with suppress(FormatError):  # one bad file must not hide the others; `models check` tells
                register_model(entry.model)
    if not force and h5py.h5z.filter_avail(FILTER_ID):
        return False
    h5py.h5z.register_filter(native_chunk.plugin_info())
    return True


def get_filters(filters: int | str | Sequence[int | str] = FILTER_ID) -> tuple[type[AstroCodec], ...]:
    """
    Return the classes of the filters with these numbers or names, as in hdf5plugin.

    Raises
    ------
    ValueError
        For a filter that is not here.

    Examples
    --------
    >>> get_filters("astrocodec")[0].__name__
    'AstroCodec'
    """
    wanted = [filters] if isinstance(filters, int | str) else list(filters)
    for name in wanted:
        if name not in (FILTER_ID, FILTER_NAME, "registered"):
            raise ValueError(f"filter {name!r} is not here: this package has {FILTER_ID} ({FILTER_NAME!r}) only")
    return (AstroCodec,) if wanted else ()


def get_config() -> dict[str, Any]:
    """
    Return what is installed, for reports.

    Examples
    --------
    >>> get_config()["filter_id"]
    44045
    """
    return {
        "filter_id": FILTER_ID,
        "filter_name": FILTER_NAME,
        "plugin_path": PLUGIN_PATH,
        "library": str(native_chunk.library_path()),
        "registered": bool(h5py.h5z.filter_avail(FILTER_ID)),
        "models": astrocodec.list_models(),
        "h5py": h5py.__version__,
        "hdf5": h5py.version.hdf5_version,
    }


def from_filter_options(filter_id: int | str, filter_options: Sequence[int]) -> AstroCodec:
    """
    Rebuild the options of a dataset from its creation properties.

    Parameters
    ----------
    filter_id : int or str
        Number or name of the filter.
    filter_options : sequence of int
        Its values.

    Examples
    --------
    >>> from_filter_options(44045, ())
    AstroCodec()
    """
    return get_filters(filter_id)[0].from_filter_options(filter_options)


# Once, as this package is imported.
foreign.serve(astrocodec.decode)
