"""Options for code that writes through astropy and cannot pass arguments down to the tile codec."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path

from astrocodec.model import Model

__all__ = ["Options", "current_options", "options"]


@dataclass(frozen=True)
class Options:
    """What `options` sets: model (name, path or `Model`) and tile shape (rows, columns)."""

    model: str | Path | Model = "default"
    tile_shape: tuple[int, ...] | None = None


_current: ContextVar[Options | None] = ContextVar("fits_tiles_options", default=None)


def current_options() -> Options:
    """Return the options in force in this thread."""
    return _current.get() or Options()


@contextmanager
def options(*, model: str | Path | Model | None = None, tile_shape: tuple[int, ...] | None = None) -> Iterator[Options]:
    """
    Set defaults for HDUs that astropy writes with ``compression_type="ASTROCODEC_1"``.

    Parameters
    ----------
    model : str or path or Model, optional
        Model for the tiles.
    tile_shape : tuple of int, optional
        Rows and columns of a tile.

    Examples
    --------
    >>> with options(tile_shape=(64, 64)) as chosen:
    ...     chosen.tile_shape
    (64, 64)
    """
    changes = {"model": model, "tile_shape": tile_shape}
    chosen = replace(current_options(), **{name: value for name, value in changes.items() if value is not None})  # type: ignore[arg-type]
    token = _current.set(chosen)
    try:
        yield chosen
    finally:
        _current.reset(token)
