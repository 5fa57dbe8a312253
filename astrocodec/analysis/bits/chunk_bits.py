"""Bits of an image whose chunks are streams of ours, one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from astrocodec.analysis.bits.stream_bits import BitsMap, stream_bits
from astrocodec.inspection import Buffer
from astrocodec.model import Model

__all__ = ["bits_of_chunks"]


def bits_of_chunks(
    shape: tuple[int, int], chunks: Iterable[tuple[int, int, Buffer]], models: Iterable[Model] = ()
) -> BitsMap:
    """Put the bit maps of chunks together; NaN where no chunk is.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the image.
    chunks : iterable of (int, int, bytes)
        First row and column of each chunk, and its stream. What reaches beyond the image, as chunks at its edges do,
        counts as header: it is not bits of pixels.
    models : iterable of Model, optional
        Tuned models that the streams name.

    Examples
    --------
    >>> import astrocodec
    >>> left, right = (astrocodec.encode(np.arange(6, dtype="u2").reshape(2, 3) + n) for n in (0, 9))
    >>> found = bits_of_chunks((2, 5), [(0, 0, left), (0, 3, right)])
    >>> found.bits.shape, found.total_bits == 8 * (len(left) + len(right))
    ((2, 5), True)
    """
    bits = np.full(shape, np.nan, np.float32)
    known = tuple(models)
    header, total, modes = 0.0, 0, Counter[str]()
    for row, column, stream in chunks:
        part = stream_bits(stream, known)
        lengths = part.bits.reshape(part.bits.shape[-2:])
        inside = lengths[: shape[0] - row, : shape[1] - column]
        bits[row : row + inside.shape[0], column : column + inside.shape[1]] = inside
        padding = float(np.nansum(lengths, dtype=np.float64) - np.nansum(inside, dtype=np.float64))
        header += part.header_bits + padding
        total += part.total_bits
        modes.update(part.modes)
    return BitsMap(bits, total - header, header, total, dict(modes))
