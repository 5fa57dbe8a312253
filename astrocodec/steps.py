"""Steps: the integers that floats were made of, into streams and out of them again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec._native import native_model
from astrocodec._native import stream as native_stream
from astrocodec.codec import choices_of
from astrocodec.inspection import Buffer, inspect_whole
from astrocodec.model import Model, find_model
from astrocodec.stages.quantise import FLOATS, TRELLIS, Quantised, check, restore, shift_to_level, steps_of
from astrocodec.stages.stream import MAX_SECTION, MODEL, QUANTISE


def encode_quantised(
    steps: ArrayLike,
    quantised: Quantised,
    dtype: str | np.dtype[Any] = "f4",
    model: str | Path | bytes | Model | Sequence[str | Path | bytes | Model] = "default",
    *,
    piece_shape: tuple[int, int] | None = None,
    workers: int = 1,
    embed_model: bool = True,
    thorough: bool = False,
) -> bytes:
    """Encode floats that are given as integers and how floats are made of them.

    The stream decodes to the floats, as any stream does; `quantised` gives the integers back. It is never stored, so
    that a very small array may take more bytes than its floats.

    Parameters
    ----------
    steps : array_like of int
        k in (k - r + 0.5)*scale + zero. Where `quantised` says so some stand for NaN or 0.0.
    quantised : Quantised
        Scales, zeros and dither; its level is replaced by one that suits the steps.
    dtype : str or dtype, optional
        Of the floats, ``"f4"`` or ``"f8"``.
    model, piece_shape, workers, embed_model, thorough
        As of `astrocodec.encode`.

    Raises
    ------
    TypeError
        Steps are no integers, or the floats of another type.
    ValueError
        Something about the steps or how floats are made of them is outside its range, or they differ by more than
        32 bits.

    Examples
    --------
    >>> import numpy as np, astrocodec
    >>> steps = np.random.default_rng(1).normal(0, 9, (64, 64)).round().astype(np.int32)
    >>> rows = astrocodec.Quantised(np.linspace(1.1, 1.2, 64), np.zeros(64), tile_shape=(1, 0), dither=1)
    >>> stream = astrocodec.encode_quantised(steps, rows)
    >>> str(astrocodec.decode(stream).dtype), astrocodec.inspect(stream).holds
    ('float32', 'float32, quantised in rows with dither 1')
    >>> again, _ = astrocodec.quantised(stream)
    >>> bool((again == steps).all())
    True
    """
    given, kind = np.asarray(steps), np.dtype(dtype).newbyteorder("=")
    if given.dtype.kind not in "iu":
        raise TypeError(f"steps are {given.dtype}, integers are needed")
    if kind.str[1:] not in FLOATS:
        raise TypeError(f"dtype is {kind}, allowed are {', '.join(FLOATS)}")
    check(quantised, kind, given.shape)
    if quantised.dither == TRELLIS:
        raise ValueError("steps of a trellis are found by `encode`: give it the floats, and noise_increase")
    shifted, quantised = shift_to_level(given, quantised)
    section = quantised.to_bytes(kind, given.shape)
    if len(section) > MAX_SECTION:
        raise ValueError(f"scales and exceptions take {len(section)} bytes, at most {MAX_SECTION} allowed")
    values = restore(shifted, quantised, kind)
    choices = choices_of(model, embed_model)
    return native_stream.encode_steps(choices, shifted, values, section, piece_shape, thorough, workers)


def quantised(
    stream: Buffer, *, models: Iterable[Model] = (), workers: int = 1
) -> tuple[NDArray[np.int64], Quantised] | None:
    """The integers that a stream's floats were made of, and how; None of a stream that does not have them.

    Where there is an exception the integer means nothing.

    Raises
    ------
    FormatError, ModelNotFoundError
        As of `astrocodec.decode`.
    """
    view, header = inspect_whole(stream)
    section = header.body_of(QUANTISE)
    if section is None:
        return None
    found = Quantised.read(section, header.dtype, header.shape)
    model = find_model(header.fingerprint, tuple(models), header.body_of(MODEL))
    return steps_of(native_stream.decode_steps(view, [native_model(model)], header, workers), found), found
