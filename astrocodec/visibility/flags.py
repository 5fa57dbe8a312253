"""Flags of visibilities: lossless, coded by what lies around in time, baseline, channel and polarisation."""

from __future__ import annotations

import operator

import numpy as np
from numpy.typing import ArrayLike

from astrocodec import codec
from astrocodec._native import crc32c, visibility
from astrocodec.arrays import as_array
from astrocodec.stages.flags import FLAGS, bitmap_of, parameters_of
from astrocodec.stages.stream import MAX_AXES, Header, checksum


def encode_flags(flags: ArrayLike, *, baselines: int | None = None) -> bytes:
    """Encode flags, losslessly; `astrocodec.decode` gives them back.

    Parameters
    ----------
    flags : array_like
        bool, shape (time, baseline, freq, pol). Of more axes the first are all times; of three the first is both time
        and baseline; two are time and freq.
    baselines : int, optional
        How many rows of three axes are one time. Default: 1.

    Returns
    -------
    bytes
        A stream; a few bytes where all are equal.

    Raises
    ------
    TypeError
        They are not booleans, or masked, or `baselines` is no whole number.
    ValueError
        More than 32 axes, or fewer rows than `baselines`.

    Examples
    --------
    >>> import numpy as np, astrocodec
    >>> flags = np.zeros((10, 21, 64, 4), bool)
    >>> flags[:, :, 7] = True
    >>> stream = astrocodec.visibility.encode_flags(flags)
    >>> len(stream) < 100, bool((astrocodec.decode(stream) == flags).all())
    (True, True)
    """
    given = as_array(flags)
    if given.dtype != np.dtype(bool):
        raise TypeError(f"flags of {given.dtype} found, booleans are allowed: say which are flagged, as in values != 0")
    if not given.size or given.ndim > MAX_AXES:
        return codec.encode(given)  # stored, or refused
    # NumPy has booleans of other bytes than 0 and 1, by views.
    values = np.not_equal(np.require(given, requirements=["C"]).view(np.uint8), 0).reshape(given.shape)
    bitmap = bitmap_of(values.shape, None if baselines is None else operator.index(baselines))
    if not 1 <= bitmap.period <= bitmap.rows:
        raise ValueError(f"baselines is {baselines}, flags of shape {values.shape} have {bitmap.rows} rows")
    data = visibility.encode_flags(bitmap, values)
    header = Header(FLAGS, values.dtype, values.shape, parameters_of(bitmap)).to_bytes()
    return header + data + checksum(header, data, values, crc32c)
