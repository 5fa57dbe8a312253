"""Bits of a stream, or of an image in a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from astrocodec.analysis.bits.fits_bits import fits_bits
from astrocodec.analysis.bits.stream_bits import BitsMap, stream_bits
from astrocodec.inspection import Buffer
from astrocodec.model import Model


def bits_map(source: Buffer | str | Path, *, hdu: int | None = None, models: Iterable[Model] = ()) -> BitsMap:
    """Code length of every pixel of a stream, or of an image in a FITS file of ours.

    Parameters
    ----------
    source : bytes-like, str or Path
        A stream from `astrocodec.encode`, or the name of a FITS file with tiles of ours.
    hdu : int, optional
        Number of the HDU, from 0; by default the first that holds tiles.
    models : iterable of Model, optional
        Tuned models that streams may name; those in a FITS header need not be given.

    Returns
    -------
    BitsMap

    Raises
    ------
    FormatError, ModelNotFoundError
        The stream is damaged, or needs a model that is not here.
    ValueError
        The file has no such HDU, or it holds no tiles.

    Examples
    --------
    >>> import numpy as np, astrocodec
    >>> frame = np.random.default_rng(1).poisson(300, (256, 256)).astype(np.uint16)
    >>> stream = astrocodec.encode(frame)
    >>> found = bits_map(stream)
    >>> found.bits.shape, found.modes, abs(found.mismatch) < 1e-3
    ((256, 256), {'modelled': 1}, True)
    >>> found.payload_bits + found.header_bits == 8 * len(stream)
    True
    """
    if isinstance(source, str | Path):
        return fits_bits(source, hdu, tuple(models))
    return stream_bits(source, models)
