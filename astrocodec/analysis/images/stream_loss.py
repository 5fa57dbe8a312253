"""Loss that our own streams state, tile by tile or chunk by chunk."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from astrocodec.analysis.images.stated_loss import StatedLoss
from astrocodec.inspection import Buffer, inspect

__all__ = ["loss_of_streams"]


def loss_of_streams(shape: tuple[int, int], streams: Iterable[tuple[tuple[slice, ...], Buffer]]) -> StatedLoss | None:
    """Put together what streams say of parts of an image; None where all are exact.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the image.
    streams : iterable of (slices, bytes)
        Where each part lies, and its stream; what reaches beyond the image does not count.

    Examples
    --------
    >>> import astrocodec
    >>> image = np.random.default_rng(1).normal(0, 1, (64, 64)).astype("f4")
    >>> exact, lossy = astrocodec.encode(image), astrocodec.encode(image, max_error=0.25)
    >>> rows = slice(0, 64)
    >>> found = loss_of_streams((64, 128), [((rows, slice(0, 64)), exact), ((rows, slice(64, 128)), lossy)])
    >>> found.words, found.bound[0, [0, 127]].tolist()
    ('astrocodec, max_error 0.25', [0.0, 0.25])
    """
    bound = np.zeros(shape)
    asked: dict[str, None] = {}
    largest, total, relative = 0.0, 0.0, False
    for place, stream in streams:
        loss = inspect(stream).loss
        if loss is None:
            continue
        part = bound[place]
        part[...] = loss.max_error
        largest, total = max(largest, loss.largest_error), total + loss.variance * part.size
        relative = relative or loss.kind == "relative"
        asked[_words(loss)] = None
    if not asked:
        return None
    return StatedLoss(f"astrocodec, {' and '.join(asked)}", bound, relative, largest, total / math.prod(shape))


def _words(loss: Any) -> str:
    """What was asked for, as the options take it."""
    if loss.kind == "increase":
        return f"noise_increase {100 * loss.asked:.4g}%"
    if loss.kind == "added":
        return f"noise_increase {loss.asked:.4g} adu"
    number = f"{100 * loss.asked:.4g}%" if loss.kind == "relative" else f"{loss.asked:.4g}"
    return f"max_error {number}{'sigma' if loss.kind == 'noise' else ''}"
