"""The arrays of a folder, of both formats."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from astrocodec.errors import FormatError

__all__ = ["open_arrays"]


def open_arrays(path: str | os.PathLike[str]) -> tuple[Any, list[tuple[str, Any]]]:
    """
    Open a folder to read it; return what it is, and its arrays with their paths, ``''`` where it is one itself.

    Raises
    ------
    FormatError
        It is no Zarr, or damaged.
    ImportError
        Zarr is not installed.
    """
    try:
        import zarr
    except ImportError as error:
        raise ImportError("Zarr arrays need zarr: pip install 'astrocodec[zarr]'") from error
    _register()
    try:
        top = zarr.open(os.fspath(path), mode="r")
        return top, list(_arrays(top, ""))
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"{os.fspath(path)}: cannot be opened as Zarr: {error}") from error


def _register() -> None:
    """Make our codecs known where the package is used without being installed, so without its entry points."""
    from numcodecs.registry import register_codec as register_v2
    from zarr.registry import register_codec as register_v3

    from astrocodec.zarr import v2, v3

    register_v2(v2.AstroCodec)
    register_v3("astrocodec", v3.AstroCodec)


def _arrays(node: Any, name: str) -> Iterator[tuple[str, Any]]:
    if not hasattr(node, "members"):
        yield name, node
        return
    for key, member in sorted(node.members()):
        yield from _arrays(member, f"{name}/{key}" if name else key)
