"""Added variance: by how much a lossy stream has made each element less certain."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.inspection import Buffer, inspect_whole, loss_of
from astrocodec.stages.curves import Root
from astrocodec.stages.quantise import Quantised, Tiling
from astrocodec.stages.stream import QUANTISE


def added_variance(stream: Buffer, elements: NDArray[Any]) -> NDArray[np.float32]:
    """The variance that a loss added to each element: to be added to that of its noise.

    It grows with the square of the step at the element, of a relative bound with that of the element; elements that
    were kept exactly have 0.

    Parameters
    ----------
    stream : bytes-like
        What `astrocodec.encode` gave.
    elements : ndarray
        What it decodes to.

    Raises
    ------
    FormatError
        The stream is damaged.

    Examples
    --------
    >>> import astrocodec
    >>> image = np.random.default_rng(1).normal(0, 9, (64, 64)).astype(np.float32)
    >>> stream = astrocodec.encode(image, max_error=2)
    >>> found = added_variance(stream, astrocodec.decode(stream))
    >>> bool(abs(found.mean() - astrocodec.inspect(stream).loss.variance) < 0.001)
    True
    """
    _, header = inspect_whole(stream)
    loss, section = loss_of(header), header.body_of(QUANTISE)
    if loss is None:
        return np.zeros(header.shape, np.float32)
    told = None if section is None else Quantised.read(bytes(section), header.dtype, header.shape)
    kept = _kept(elements, told)
    values = np.where(kept, 0, elements).astype(np.float64)
    if loss.kind == "relative" or told is None:
        squares = values**2 if loss.kind == "relative" else np.ones_like(values)
        mean = squares[~kept].mean() if not kept.all() else 0.0
        found = squares * (loss.variance / mean if mean else 0.0)
    else:
        found = loss.unit_variance * _steps(told, header.shape) ** 2
        if isinstance(told.curve, Root):
            found *= 1 + 4 * told.curve.bend * np.maximum(values - told.curve.knee, 0)
    found[kept] = 0
    return found.astype(np.float32)


def _kept(elements: NDArray[Any], told: Quantised | None) -> NDArray[np.bool_]:
    """Where elements are those that were given: no numbers, what stands for none, and exceptions."""
    kept: NDArray[np.bool_] = ~np.isfinite(elements)
    if told is None:
        return kept
    if told.null is not None and told.null_bits is not None:
        native = np.ascontiguousarray(elements, elements.dtype.newbyteorder("="))
        kept |= (native.view(f"u{native.itemsize}") == told.null_bits).reshape(kept.shape)
    ends = np.zeros(kept.size + 1, np.int64)
    np.add.at(ends, told.exceptions.first, 1)
    np.add.at(ends, told.exceptions.first + told.exceptions.length, -1)
    kept |= ends[:-1].cumsum().reshape(kept.shape) > 0
    return kept


def _steps(told: Quantised, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """The step of the tile that each element lies in."""
    tiling = Tiling.of(told, shape)
    grid = np.abs(told.scale).reshape(tiling.planes.number, tiling.tiles(0), tiling.tiles(1))
    rows, columns = (tiling.places(axis) // tiling.tile[axis] for axis in (0, 1))
    return grid[:, rows - rows[:1], :][:, :, columns - columns[:1]].reshape(shape)
