"""Visibilities: blocks of complex samples <-> streams of codec 96, exact or at a stated cost in noise."""

from __future__ import annotations

import math
import operator
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec._native import crc32c
from astrocodec._native.visibility_blocks import classify, encode_block, measure
from astrocodec.arrays import as_array
from astrocodec.codec import decode as decode_array
from astrocodec.codec import encode as encode_array
from astrocodec.codec import same_bits
from astrocodec.errors import CorruptError, FormatError
from astrocodec.stages.loss import Loss
from astrocodec.stages.stream import GROWTH, LOSS, MAX_SECTION, Header, Section, checksum, read_header
from astrocodec.stages.visibility import CODEC, FLOATS, INTEGERS, LATTICE, LONG_SERIES, MAX_BASE, MAX_ROW, PARAMETERS
from astrocodec.stages.visibility_classes import CODED, KEPT
from astrocodec.visibility.beside import flags_beside, noise_beside
from astrocodec.visibility.exact_floats import float_block, is_nothing
from astrocodec.visibility.noise import noise_to_code, typical_difference

_HOW = {None: 0, "none": 1, "predicted": 2, "mixed": 3}
_TRELLIS_VARIANCES = 1 / 12 / 1.283, 1 / 12 / 1.321  # of errors, in squared steps, of short and long series
_MEAN_OF_NORMAL = math.sqrt(2 / math.pi)
_MOST_STEPS = 1 << 29
_SMALLEST_BASE = 2.0**-300
_TRIES = 8
_LEAST_DISTANCE = 16.0
_LARGEST = {4: 1e37, 8: 1e300}  # of a real of so many bytes that may be rounded up
_MOST_EXPONENT = 1000
_PARTS, _UNKNOWN = 16, -128  # of octaves of growth
_DEAR = 1024  # bytes that a stream must have for each baseline to say how much it has lost
_TRIED, _SURE = 1 << 20, 1.03  # bytes that tell what other codecs leave, and how much that may be off
_INTEGERS = ("i1", "u1", "i2", "u2", "i4", "u4")


@dataclass(frozen=True)
class _Block:
    """What the encoder chose."""

    kind: int
    base: float  # step of exponent 0
    distance: float  # that integers have from their predictions at first, in 1/256 steps
    seed: int = 0
    classes: NDArray[np.uint8] | None = None
    exponents: tuple[NDArray[np.int16], NDArray[np.int16]] | None = None

    @property
    def parameters(self) -> bytes:
        return PARAMETERS.pack(self.kind, self.base, self.distance, self.seed)


def noise_share(noise_increase: float | str) -> float:
    """D as a number."""
    try:
        text = noise_increase.strip() if isinstance(noise_increase, str) else noise_increase
        share = float(text[:-1]) / 100 if isinstance(text, str) and text.endswith("%") else float(text)
        if isinstance(text, bool | np.bool_):
            raise TypeError
    except (TypeError, ValueError):
        raise ValueError(f"noise_increase is {noise_increase!r}, a number is needed, such as 0.01 or '1%'") from None
    if not 0 < share <= 1:
        raise ValueError(f"noise_increase is {noise_increase!r}, above 0 and at most 1 (100%) is allowed")
    return share


def _values_of(vis: ArrayLike) -> NDArray[Any]:
    values = as_array(vis)
    values = np.require(values, values.dtype.newbyteorder("="), ["C", "A"])
    is_pair = values.dtype.str[1:] in _INTEGERS
    if not is_pair and values.dtype.str[1:] not in ("c8", "c16"):
        raise TypeError(
            f"dtype {values.dtype} found, visibilities are complex64, complex128, or integers with a last axis of 2"
        )
    if values.ndim != 4 + is_pair or (is_pair and values.shape[-1] != 2):
        raise ValueError(
            f"shape {values.shape} found, needed is [time, baseline, freq, pol]{' and 2' if is_pair else ''}"
        )
    return values


def encode(
    vis: ArrayLike,
    *,
    noise_increase: float | str | None = None,
    noise: ArrayLike | None = None,
    flags: ArrayLike | None = None,
    model: str | None = None,
    workers: int = 1,
) -> bytes:
    """Encode a block of visibilities: losslessly, or LOSSY at a stated cost in noise.

    Parameters
    ----------
    vis : array_like
        Shape ``[time, baseline, freq, pol]`` of complex64 or complex128, or integers of 8 to 32 bits with a last axis
        of 2 (HERA, MWA), which are always exact.
    noise_increase : float or str, optional
        D, the variance that is added over the variance of the noise: ``0.01`` or ``"1%"``. It is kept from above, as an
        average over what is not flagged. What is exactly 0, not finite, or of a noise that cannot be known stays as it
        is. By default nothing is lost.
    noise : array_like of float, optional
        Standard deviation of a real part, ``[baseline, freq, pol]`` or what broadcasts to it, in the unit of `vis`; NaN
        where it is not known. By default `astrocodec.visibility.estimate_noise` finds it.
    flags : array_like of bool, optional
        Of the shape of `vis`: samples that say nothing of noise. They are coded as all others.
    model : str, optional
        ``"none"``: without predictions, twice as fast; ``"predicted"``: with them; ``"mixed"``: a network tuned to the
        block weighs them too. By default each group of baselines has what is smaller for it, by its first times if it
        has many; exact floats have predictions, which no network weighs, above 1 MiB always.
    workers : int, optional
        Threads; they change no byte.

    Returns
    -------
    bytes
        A stream that `astrocodec.decode` reads; `astrocodec.inspect` tells what was lost.

    Raises
    ------
    TypeError, ValueError
        Type, shape or an option is not as above.

    Examples
    --------
    >>> import astrocodec
    >>> rng = np.random.default_rng(1)
    >>> vis = rng.normal(size=(8, 6, 32, 2, 2)).astype(np.float32).view(np.complex64)[..., 0]
    >>> stream = encode(vis, noise_increase="1%")
    >>> loss = astrocodec.inspect(stream).loss
    >>> len(stream) < vis.nbytes / 7, 0.005 < loss.unit_variance <= 0.01
    (True, True)
    """
    values = _values_of(vis)
    if model not in _HOW:
        raise ValueError(f"model is {model!r}, allowed are 'none', 'predicted', 'mixed' and None, for what is smaller")
    flagged = flags_beside(flags, values.shape[:4])
    if operator.index(workers) < 1:
        raise ValueError(f"workers is {workers}, at least 1 is needed")
    if noise_increase is None:
        return _encode_exact(values, _HOW[model], workers)
    share = noise_share(noise_increase)
    if values.dtype.kind != "c":
        raise ValueError("integers are coded exactly: leave noise_increase out, or convert them to complex64")
    if not values.size:
        return _encode_exact(values, _HOW[model], workers)
    given = None if noise is None else noise_beside(noise, values.shape[1:], "noise")
    found = noise_to_code(values, flagged, workers) if given is None else given
    return _encode_lossy(values, found, share, flagged, _HOW[model], workers)


def _seal(made: tuple[bytes, NDArray[Any]], block: _Block, *sections: Section) -> bytes:
    return _sealed(made, block.parameters, *sections)


def _sealed(made: tuple[bytes, NDArray[Any]], parameters: bytes, *sections: Section) -> bytes:
    data, decoded = made
    header = Header(CODEC, decoded.dtype, decoded.shape, parameters, sections).to_bytes()
    return header + data + checksum(header, data, decoded, crc32c)


# ---- exact ----


def _reals(values: NDArray[Any]) -> NDArray[Any]:
    return values.view(f"f{values.itemsize // 2}") if values.dtype.kind == "c" else values


@np.errstate(over="ignore")  # of doubles next to the largest
def _unit(reals: NDArray[Any]) -> float:
    """The largest number that all are multiples of; 0 where that is no fair one for coding them."""
    if reals.dtype.kind != "f":
        return float(np.gcd.reduce(np.abs(reals.reshape(-1).astype(np.int64)))) or 1.0
    with np.errstate(invalid="ignore", over="ignore"):
        finite = reals[np.isfinite(reals)]
    if not finite.size or not finite.any():
        return 1.0
    mantissas, exponents = np.frexp(finite[finite != 0].astype(np.float64))
    whole = np.abs(np.ldexp(mantissas, 53)).astype(np.int64)
    trailing = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    lowest = int((exponents - 53 + trailing).min())
    if not -300 < lowest < 300 or np.median(np.abs(finite.astype(np.float64))) >= math.ldexp(_MOST_STEPS, lowest):
        return 0.0
    steps = np.abs(np.ldexp(finite.astype(np.float64), -lowest))
    common = np.gcd.reduce(steps[steps < 2.0**53].astype(np.int64))
    unit = math.ldexp(float(common), lowest)
    return unit if math.frexp(unit)[0] * 2**24 % 1 == 0 else math.ldexp(1.0, lowest)


def _row(values: NDArray[Any]) -> int:
    """Samples of a time and a baseline."""
    return int(values.shape[2] * values.shape[3])


def _integer_block(values: NDArray[Any]) -> _Block | None:
    """How multiples of one number are coded."""
    reals = _reals(values)
    unit = _unit(reals)
    if not unit or (reals.dtype.kind != "f" and unit > MAX_BASE):
        return None
    pairs = reals.reshape(*values.shape[:4], 2)
    with np.errstate(invalid="ignore", over="ignore"):
        steps = pairs.astype(np.float64) / unit
        fits = np.isfinite(steps) & (np.abs(steps) < _MOST_STEPS)
        if pairs.dtype.kind == "f":
            again = (np.where(fits, steps, 0) * unit + 0.0).astype(pairs.dtype)  # -0.0 becomes 0.0
            kind = f"u{pairs.itemsize}"
            fits &= again.view(kind) == np.ascontiguousarray(pairs).view(kind)
    classes = np.where(fits.all(-1), CODED, KEPT).astype(np.uint8)
    size = _MEAN_OF_NORMAL * typical_difference(np.where(fits, steps, 0).view(complex)[..., 0])
    if math.isnan(size):
        size = float(np.abs(steps[fits]).mean()) if fits.any() else 1.0
    has_classes = bool(classes.any())
    return _Block(INTEGERS, unit, min(max(16.0, 256 * size), 2.0**40), 0, classes if has_classes else None)


def _encode_exact(values: NDArray[Any], how: int, workers: int = 1) -> bytes:
    is_fit = values.size and _row(values) <= MAX_ROW
    if is_fit and values.dtype.kind == "c" and is_nothing(values):
        return _sealed((b"", values), PARAMETERS.pack(FLOATS, 1.0, _LEAST_DISTANCE, 0))
    block = _integer_block(values) if is_fit else None
    if block and (block.classes is None or np.mean(block.classes) < 0.5):
        made = encode_block(block.parameters, values, block.classes, None, how, workers)
        if made is not None and made[1].tobytes() == values.tobytes():
            stream = _seal(made, block)
            return stream if values.nbytes > _TRIED else min(stream, encode_array(values), key=len)
    if values.dtype.kind != "c" or not is_fit:
        return encode_array(values)
    parameters, classes = float_block(values)
    floats = encode_block(parameters, values, classes, None, how, workers)
    if floats is None:
        return encode_array(values)
    if how == _HOW[None] and values.nbytes <= _TRIED:
        plain = encode_block(parameters, values, classes, None, _HOW["none"], workers)
        floats = floats if plain is None or len(floats[0]) <= len(plain[0]) else plain
    stream = _sealed(floats, parameters)
    if not _gives_back(stream, values, workers):
        return encode_array(values)
    if values.nbytes > _TRIED and len(stream) * _SURE < values.nbytes * _share_of_other(values):
        return stream
    return min(stream, encode_array(values), key=len)


def _gives_back(stream: bytes, values: NDArray[Any], workers: int) -> bool:
    """Whether a stream of floats, which the encoder has not decoded, decodes to the very bits."""
    try:
        return same_bits(decode_array(stream, workers=workers), values)
    except FormatError:
        return False


def _share_of_other(values: NDArray[Any]) -> float:
    """What other codecs leave of a few times."""
    some = values[: max(1, len(values) * _TRIED // values.nbytes)]
    return len(encode_array(some)) / some.nbytes


# ---- at a cost in noise ----


def _fit_exponents(wanted: NDArray[np.float64]) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Exponents of baselines and of channels, both with polarisation, whose sums are near those that are wanted."""
    filled = np.where(np.isnan(wanted), np.nanmedian(wanted), wanted)
    of_channels = np.rint(np.median(filled - np.median(filled, axis=1, keepdims=True), axis=0))
    of_baselines = np.rint(np.median(filled - of_channels, axis=1))
    return (
        np.ascontiguousarray(np.clip(of_baselines, -_MOST_EXPONENT, _MOST_EXPONENT), np.int16),
        np.ascontiguousarray(np.clip(of_channels, -_MOST_EXPONENT, _MOST_EXPONENT), np.int16),
    )


def _steps(base: float, exponents: tuple[NDArray[np.int16], NDArray[np.int16]]) -> NDArray[np.float64]:
    """Steps of ``[baseline, freq, pol]``."""
    of_baselines, of_channels = exponents
    return base * np.exp2((of_baselines[:, None].astype(np.float64) + of_channels) / 8)


def _encode_lossy(
    values: NDArray[Any], noise: NDArray[Any], share: float, flags: NDArray[np.bool_] | None, how: int, workers: int
) -> bytes:
    """At D = `share`; what cannot be coded so is kept."""
    sigma = np.where((noise > 0) & np.isfinite(noise), noise, np.nan).astype(np.float64)
    if np.isnan(sigma).all() or _row(values) > MAX_ROW:
        return _encode_exact(values, how, workers)
    typical = float(np.nanmedian(sigma))
    with np.errstate(invalid="ignore"):
        exponents = _fit_exponents(8 * np.log2(sigma / typical))
    relative = _steps(1.0, exponents)
    of_errors = _TRELLIS_VARIANCES[values.shape[0] * _row(values) >= LONG_SERIES]
    largest_step = base = typical * math.sqrt(share / of_errors)
    if not _SMALLEST_BASE < base < 1 / _SMALLEST_BASE:
        return _encode_exact(values, how, workers)
    classes, counts, others = _classify(values, base * relative, sigma, flags)
    if not counts.any() and flags is not None:  # of flagged ones then
        flags = None
        classes, counts, others = _classify(values, base * relative, sigma, flags)
    first = values.reshape(-1)[: 1 << 16]
    with np.errstate(invalid="ignore"):  # NaN that signal
        unsigned = np.where(first == 0, 0, first).astype(values.dtype)  # zeros of either sign are alike
    seed = zlib.crc32(unsigned.tobytes())
    less = 1.0
    for _ in range(_TRIES):
        number = int(counts.sum())
        if not number:
            break
        mean = float(np.sum(np.where(counts > 0, np.square(relative / sigma), 0) * counts)) / number
        margin = min(0.0005 + 2 / math.sqrt(number), 0.5)
        base = less * math.sqrt(share * (1 - margin) / (of_errors * mean))
        if base < 0.6 * largest_step:  # more steps than there are integers for?
            largest_step = base
            classes, counts, others = _classify(values, base * relative, sigma, flags)
            continue
        distance = _MEAN_OF_NORMAL * 256 / (base * math.sqrt(mean))
        block = _Block(
            *(LATTICE, base, min(max(16.0, distance), 2.0**40), seed, classes if others else None, exponents)
        )
        made = encode_block(block.parameters, values, block.classes, exponents, how, workers)
        if made is None:
            break
        sums, largest = measure(values, made[1], classes, flags, sigma)
        variance, achieved = (float(total) / number for total in sums.sum(0))
        if achieved <= share:
            loss = Loss("variance", share, largest, largest, float(np.nanmin(sigma)), variance, achieved, achieved)
            said = [Section(LOSS, loss.to_bytes())]
            if len(sums) * _DEAR <= len(made[0]) and len(sums) <= MAX_SECTION:
                said.append(Section(GROWTH, _growth(sums[:, 1], counts.sum((1, 2)), achieved)))
            return _seal(made, block, *said)
        less *= math.sqrt(share / achieved) * 0.999
    return _encode_exact(values, how, workers)


def _classify(
    values: NDArray[Any], steps: NDArray[np.float64], sigma: NDArray[np.float64], flags: NDArray[np.bool_] | None
) -> tuple[NDArray[np.uint8], NDArray[np.uint64], int]:
    """Classes of samples, how many count, and how many are not coded."""
    limits = np.minimum(_MOST_STEPS * steps, _LARGEST[values.itemsize // 2])
    limits[np.isnan(sigma)] = 0
    return classify(values, limits, flags)


def _growth(sums: NDArray[np.float64], counts: NDArray[np.uint64], mean: float) -> bytes:
    """D of each baseline over that of all, in sixteenths of octaves."""
    with np.errstate(divide="ignore", invalid="ignore"):
        octaves = np.log2(sums / counts / mean) * _PARTS
    known = np.isfinite(octaves)
    return np.where(known, np.clip(np.rint(np.where(known, octaves, 0)), -127, 127), _UNKNOWN).astype(np.int8).tobytes()


def noise_growth(stream: bytes) -> NDArray[np.float32]:
    """By what share the variance of the noise has grown in each baseline of a stream: D as it was achieved.

    Parameters
    ----------
    stream : bytes
        A stream of visibilities.

    Returns
    -------
    ndarray of float32
        Shape ``[baseline]``; 0 where nothing was lost, NaN where no sample counts. To within 2 %; in streams of few
        samples it is the mean of all.

    Raises
    ------
    FormatError
        It is no stream of visibilities.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> vis = rng.normal(size=(16, 3, 64, 2, 2)).view(complex)[..., 0]
    >>> [round(float(share), 2) for share in noise_growth(encode(vis, noise_increase="1%"))]
    [0.01, 0.01, 0.01]
    """
    header, _ = read_header(memoryview(stream))
    if len(header.shape) < 2:
        raise FormatError(f"a stream of shape {header.shape}, which are no visibilities")
    section, growth = header.body_of(LOSS), header.body_of(GROWTH)
    if section is None:
        return np.zeros(header.shape[1], np.float32)
    share = Loss.read(section).unit_variance
    if growth is None:
        return np.full(header.shape[1], share, np.float32)
    if len(growth) != header.shape[1]:
        raise CorruptError(f"{len(growth)} bytes of growth found, {header.shape[1]} baselines expected")
    octaves = np.frombuffer(growth, np.int8)
    return np.where(octaves == _UNKNOWN, np.nan, share * np.exp2(octaves / _PARTS)).astype(np.float32)
