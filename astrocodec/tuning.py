"""Tuning: a model's weights fitted to one frame, or to a set of frames, from a sample of their pixels.

What is sampled are bands of rows across pieces, so the time does not grow with the frame. The tuned weights travel as a
difference to the shipped model and are used only where they save more than they cost.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec import _native
from astrocodec._native.stream import array_codes, array_order
from astrocodec.arrays import as_array
from astrocodec.bounds import Bound, coded_within
from astrocodec.code_widths import Tables, with_code_widths
from astrocodec.model import DELTA_HEAD, Model, load_model
from astrocodec.references import as_reference, leave
from astrocodec.stages.axes_choice import boxes_of
from astrocodec.stages.cuts import NO_CUTS, Cuts, find_cuts
from astrocodec.stages.pixels import DTYPES
from astrocodec.stages.planes import TARGET, Grid, Piece, Planes, choose_pieces, part_type, planes_of
from astrocodec.stages.weights import Weights, limit_rows, weight_delta
from astrocodec.stages.widths import Choice


class _Fit(NamedTuple):
    steps: int  # of Adam, at most
    least: float  # part of the size that a round of steps must gain for another to follow
    round: int = 300  # steps of a round
    wide: bool = False  # whether it starts from the wide model
    draw: int = 0  # changes the order of the pixels


class _Effort(NamedTuple):
    fits: tuple[_Fit, ...]  # of which the best is taken
    look: int = 1  # so many times the bands and contexts
    race: bool = False  # whether the wide model is tried where it promises much


_USUAL = _Fit(9000, 0.0006, 400)
# Times and gains stand in docs/cli.md.
_EFFORTS = {
    1: _Effort((_Fit(250, 0.01, 100),)),
    2: _Effort((_Fit(500, 0.01, 200),)),
    3: _Effort((_Fit(1500, 0.004, 200),)),
    4: _Effort((_Fit(4000, 0.002),)),
    5: _Effort((_USUAL,), race=True),
    6: _Effort((_Fit(12000, 0.0005, 500), _USUAL), race=True),
    7: _Effort((_Fit(16000, 0.0003, 1000), _USUAL, _Fit(8000, 0.001, 500, wide=True)), look=2),
    8: _Effort((_Fit(24000, 0.0002, 1500), _USUAL, _Fit(20000, 0.0003, 1000, wide=True)), look=2),
    9: _Effort(
        (
            _Fit(40000, 0.0001, 3000),
            _USUAL,
            _Fit(60000, 0.0001, 3000, wide=True),
            _Fit(60000, 0.0001, 5000, wide=True, draw=1),
        ),
        look=3,
    ),
}
_QUICK = 2
# What a difference to the wide model may need; a shorter one loses what was fitted.
_WIDE_ROOM = 2048
# Part of the size that the usual model must gain for the wide one to be fitted too, that this must save (it takes time
# in coding), and that it must be ahead by after two rounds, beside what its longer difference takes.
_STRUCTURED, _WIDE_GAIN, _WIDE_LEAD, _WIDE_BYTES = 0.025, 0.01, 0.008, 1000
_RACE = _Fit(6000, 0.001, 400, wide=True)
_BATCH = 512
# All steps are for so many contexts and more; fewer would be learned by heart, and are worth less time.
_ENOUGH = 128_000
# Up to so many pixels a short difference may pay more than the better fit.
_SMALL = 1 << 16
_RATE = 5e-3
_BANDS = 24
_BAND_ROWS = 96
# Bands of a run of planes of a cube, and planes before them.
_RUN_BANDS, _RUN_BEFORE = 4, 6
# The running means of a band that begins inside a piece need some rows to settle before they are typical.
_SETTLING_ROWS = 24
# Multiples of it fill an interval evenly, however many there are.
_GOLDEN = 0.6180339887
_CONTEXTS = 400_000
# Planes of more pixels are not read whole to look for cuts, cubes for the order of their axes.
_SEEN_WHOLE = 1 << 23
# What a byte of the difference costs in FITS cards: printable characters, quotes and keywords.
_CARD_OVERHEAD = 1.5
# Of contexts whose samples are no codes.
_NO_CODES = 0xFFFF
# Part of the size that a model must save where frames are not seen whole: so well do bands tell.
_TUNED_GAIN = 0.0015
# Part of the size that code widths must save: they cost time in coding and decoding.
_WIDTHS_GAIN = 0.001
# Of the network once code widths are known, at a lower rate.
_LEARN_ON = _Fit(1500, 0.001)
_LEARN_ON_RATE = 0.5
# Bits that the first unit of change of a weight adds to the difference, about.
_CHANGE_BITS = 1.5


@dataclasses.dataclass(frozen=True)
class _Band:
    """Rows of a piece as the codec models them, of which the first `settling` are only there to be looked back at."""

    samples: NDArray[np.uint16]
    settling: int
    shift: int | None  # code of sample 0 modulo 256; None where samples are no codes
    area: int = 0  # quarter of the plane


def _planes(frame: NDArray[Any]) -> list[NDArray[Any]]:
    """A frame as planes ``(plane, y, x)``, its axes in the order in which they are coded; real parts first.

    They are not read yet, but where that order is another one than the frame's.
    """
    if frame.ndim > 2:
        part = next(boxes_of(frame, _SEEN_WHOLE))
        frame = frame.transpose(array_order(np.require(part, part.dtype.newbyteorder("="), ["C", "A"])))
    parts = [frame.real, frame.imag] if frame.dtype.kind == "c" else [frame.view(part_type(frame.dtype))]
    return [part.reshape(planes_of(part.shape)) for part in parts]


def _cube_bands(planes: NDArray[Any], pieces: Sequence[Piece], rng: np.random.Generator, count: int) -> list[_Band]:
    """Bands of a cube, as `_bands` has them, of runs of planes: what a chain leaves is known from the planes before.

    Each run is a cube of its own here. Its first planes are not what they are in the whole one, so only the very first
    plane and the last ones of a run are taken. Several small planes make a band, one below the other.
    """
    number, height, width = planes.shape
    runs = max(1, count // _RUN_BANDS)
    chosen = ((np.arange(runs) + rng.random()) * len(pieces) / runs).astype(np.int64)
    heights = (rng.random() + _GOLDEN * np.arange(runs)) % 1
    bands = []
    for run, index in enumerate(chosen):
        columns, rows = pieces[index].columns, min(height, _BAND_ROWS)
        together = max(1, _BAND_ROWS * TARGET // (height * width)) if rows == height else 1
        used = min(number, _RUN_BANDS * together)
        first = min(pieces[index].planes.start, number - used) if run else 0
        before = min(first, _RUN_BEFORE)
        start = round(heights[run] * (height - rows)) // 2 * 2 if run else 0
        part = planes[first - before : first + used, start : start + rows, columns]
        found = array_codes(np.ascontiguousarray(part))
        if found is None:
            continue
        samples, shift = found[0].reshape(part.shape)[before:], found[1]
        for plane in range(0, used, together):
            band = np.ascontiguousarray(samples[plane : plane + together].reshape(-1, samples.shape[2]))
            if (band != band[0, 0]).any():
                bands.append(_Band(band, _SETTLING_ROWS if start else 0, shift))
    return bands


def _area_of(piece: Piece, shape: Planes) -> int:
    """The quarter of the plane that a piece lies in: amplifiers share no piece with others, or they share it all."""
    below = piece.rows.start + piece.rows.stop > shape.height
    right = piece.columns.start + piece.columns.stop > shape.width
    return int(2 * below + right)


def _cuts_of(plane: NDArray[Any], model: Model) -> Cuts:
    """Where the codec will cut, as far as one plane tells."""
    found = array_codes(np.ascontiguousarray(plane)) if plane.size <= _SEEN_WHOLE else None
    if found is None:
        return NO_CUTS
    shape = Planes(1, *plane.shape)
    native = _native.native_model(model)
    return find_cuts(
        found[0].reshape(plane.shape),
        Grid(shape, choose_pieces(shape)).sides,
        lambda part: _native.encode_piece(native, np.ascontiguousarray(part)),
        thorough=True,
    )


def _bands(
    planes: NDArray[Any], is_complex: bool, rng: np.random.Generator, count: int, cutting: Model | None = None
) -> list[_Band]:
    """Bands of rows of pieces, mapped and split as the codec will do it for the whole piece.

    Of a small frame they are its pieces, whole. Else the first rows of the first piece and the last of the last are
    always among them: detectors are odd there, and a model that never saw such rows may do badly on them. The others
    are spread evenly over pieces and heights. They are pieces as they are cut with a model, without one as they are
    where nothing is cut.
    """
    shape = Planes(*planes.shape)
    is_cube = shape.number > 1 and not is_complex
    cuts = NO_CUTS if is_cube or cutting is None else _cuts_of(planes[shape.number // 2], cutting)
    pieces = list(Grid(shape, choose_pieces(shape, cuts), cuts))
    if planes.size <= count * _BAND_ROWS * max(piece.shape[1] for piece in pieces):
        if is_cube:
            whole = array_codes(np.ascontiguousarray(planes))
            cut = [] if whole is None else [(p, p.take(whole[0].reshape(shape)), whole[1]) for p in pieces]
        else:
            each = [(piece, array_codes(np.ascontiguousarray(piece.take(planes)))) for piece in pieces]
            cut = [(piece, found[0].reshape(piece.shape), found[1]) for piece, found in each if found is not None]
        return [
            _Band(samples.reshape(piece.shape), 0, shift, _area_of(piece, shape))
            for piece, samples, shift in cut
            if (samples != samples.flat[0]).any()
        ]
    if is_cube:
        return _cube_bands(planes, pieces, rng, count)
    # By area: cuts leave pieces of a column beside such of hundreds.
    ends = np.cumsum([math.prod(piece.shape) for piece in pieces])
    chosen = np.searchsorted(ends, (np.arange(count) + rng.random()) * ends[-1] / count, side="right")
    heights = (rng.random() + _GOLDEN * np.arange(count)) % 1
    bands = []
    for number, index in enumerate(chosen):
        piece = pieces[index]
        found = array_codes(np.ascontiguousarray(piece.take(planes)))
        if found is None or (found[0] == found[0][0]).all():
            continue
        samples = found[0].reshape(piece.shape)
        latest = max(0, samples.shape[0] - _BAND_ROWS)
        start = round(heights[number] * latest) // 2 * 2
        if count > 2 and number in (0, count - 1):
            start = 0 if number == 0 else latest // 2 * 2
        band = np.ascontiguousarray(samples[start : start + _BAND_ROWS])
        bands.append(_Band(band, _SETTLING_ROWS if start else 0, found[1], _area_of(piece, shape)))
    return bands


def _contexts(bands: Sequence[_Band], rng: np.random.Generator, wanted: int) -> NDArray[np.void]:
    """Contexts of pixels of all bands, in random order."""
    sizes = np.array([band.samples.size for band in bands])
    first = [min(band.settling, len(band.samples) - 1) * band.samples.shape[1] for band in bands]
    counts = np.clip(np.rint(wanted * sizes / sizes.sum()).astype(np.int64), 1, sizes - first)
    contexts = np.empty(counts.sum(), _native.CONTEXT)
    places = rng.permutation(contexts.size).astype(np.uint32)
    for band, start, count, end in zip(bands, first, counts, counts.cumsum(), strict=True):
        # One of each of as many intervals.
        edges = start + np.arange(count + 1) * (band.samples.size - start) // count
        positions = edges[:-1] + (rng.random(count) * np.diff(edges)).astype(np.int64)
        own = places[end - count : end]
        _native.piece_contexts(band.samples, positions.astype(np.uint32), contexts, own)
        contexts["shift"][own] = _NO_CODES if band.shift is None else band.shift
        contexts["area"][own] = 0 if band.shift is None else band.area
    return contexts


def _drop_small(base: Weights, tuned: Weights, max_bytes: int) -> Weights:
    """Undo the smallest changes of the hidden layers until the difference fits `max_bytes`."""
    threshold = 0
    while len(weight_delta(base, tuned)) + DELTA_HEAD > max_bytes:
        threshold += 1
        changes = {}
        for name in ("w1", "w2", "w3") if threshold < 128 else tuple(f.name for f in dataclasses.fields(Weights)):
            old, new = getattr(base, name), getattr(tuned, name)
            near = np.abs(new.astype(np.int64) - old) <= threshold
            changes[name] = np.where(near, old, new).astype(old.dtype)
        tuned = limit_rows(dataclasses.replace(tuned, **changes))
        if threshold > 255:
            return base
    return tuned


def _coded_bytes(bands: Sequence[_Band], model: Model, *, thorough: bool) -> int:
    native = _native.native_model(model)
    return sum(
        len(_native.encode_piece(native, band.samples, thorough, None if band.shift is None else Choice(band.shift)))
        for band in bands
    )


def _left(frames: Sequence[Any], reference: ArrayLike, model: Model, effort: int) -> NDArray[Any]:
    """The one frame as its reference leaves it."""
    if len(frames) != 1:
        raise ValueError(f"{len(frames)} arrays and a reference found: tune to one array at a time, or without it")
    frame = as_array(frames[0])
    values = np.require(frame, frame.dtype.newbyteorder("="), ["C", "A"])
    if not values.size:
        return values
    # How much of the reference to take off a model says that knows the array.
    known = tune(values, model, effort=min(effort, _QUICK))
    found = leave(values, as_reference(reference, "", values.shape), "", known)
    return values if found is None else found[1]


def tune(
    arrays: ArrayLike | Sequence[ArrayLike],
    base: str | Path | Model = "default",
    *,
    max_bytes: int = 944,
    effort: int = 5,
    seed: int = 0,
    thorough: bool = False,
    reference: ArrayLike | None = None,
    bound: Bound | None = None,
) -> Model:
    """Fit a model to a frame or to several.

    Parameters
    ----------
    arrays : array_like or sequence of array_like
        Frames of any supported dtype ``(..., y, x)``; a memory-mapped array is read only where it is sampled.
    base : str, Path or Model, optional
        The model to start from: a shipped one, or one tuned to a frame of the same camera, which gets there sooner.
    max_bytes : int, optional
        Most bytes that `Model.delta` of the result may take.
    reference : array_like, optional
        What the array, of which there is one then, is going to be encoded beside (`astrocodec.encode`).
    bound : Bound, optional
        Within which the arrays are going to be encoded.
    effort : int, optional
        1 (fastest) to 9 (smallest); 5 takes 0.2 to 0.8 s of one core, for large frames too.
    seed : int, optional
        Of the sample.
    thorough : bool, optional
        The model is for `astrocodec.encode` with this option, which cuts planes where it pays: no sample lies across a
        cut, so that such a model is worse where nothing is cut.

    Returns
    -------
    Model
        The tuned model, or the general one where tuning does not pay for its own bytes.

    Raises
    ------
    ValueError
        An option is outside its range.

    Examples
    --------
    >>> import numpy as np, astrocodec
    >>> frame = np.random.default_rng(1).normal(1000, 12, (512, 512)).astype(np.uint16)
    >>> model = astrocodec.tune(frame, effort=1)
    >>> stream = astrocodec.encode(frame, model)
    """
    start = load_model(base)
    if effort not in _EFFORTS:
        raise ValueError(f"effort is {effort}, allowed are 1 to 9")
    if max_bytes < 64:
        raise ValueError(f"max_bytes is {max_bytes}, at least 64 are needed")
    general = start.base or start
    frames = list(arrays) if isinstance(arrays, list | tuple) else [arrays]
    if reference is not None:
        frames = [_left(frames, reference, start, effort)]
    read = (np.asanyarray(frame) if bound is None else coded_within(frame, bound) for frame in frames)
    stacks = [
        (planes, a.dtype.kind == "c") for a in read if a.size and a.dtype.str[1:] in DTYPES for planes in _planes(a)
    ]
    most, rng = _EFFORTS[effort], np.random.default_rng(seed)
    count = max(1, most.look * _BANDS // max(1, len(stacks)))
    bands = [band for stack in stacks for band in _bands(*stack, rng, count, start if thorough else None)]
    sampled, total = sum(band.samples.size for band in bands), sum(planes.size for planes, _ in stacks)
    if sampled < 4096:
        return general
    contexts = _contexts(bands, rng, most.look * _CONTEXTS)

    each = _CARD_OVERHEAD if total > TARGET**2 else 1  # a single tile or stream holds the model itself

    @functools.cache
    def cost(model: Model) -> float:
        """Bytes of all pixels, about, and of what tells the model."""
        delta = b"" if model == general else dataclasses.replace(model, base=model.base or model).delta()
        return _coded_bytes(bands, model, thorough=thorough) * total / sampled + len(delta) * each

    def fitted(
        plan: _Fit, first: Model, outputs_only: bool = False, tables: Tables | None = None, rival: float = math.inf
    ) -> tuple[Model, _native.Fitted]:
        """A model fitted from another one, with tables of code widths at a lower rate."""
        base = first.base or first
        part = min(1, contexts.size / _ENOUGH)
        found = _native.tune_weights(
            *(_native.native_model(base), _native.native_model(first)),
            contexts if tables is None else codes,
            steps=int(plan.steps * part) + 1,
            first_round=plan.round,
            batch=_BATCH,
            outputs_only=outputs_only,
            seed=seed + plan.draw,
            rate=_RATE if tables is None else _RATE * _LEARN_ON_RATE,
            least=plan.least,
            charge=_CHANGE_BITS / total,
            rival=rival,
            tables=tables,
        )
        weights = _drop_small(base.arrays(), limit_rows(Weights.from_bytes(found.weights)), max_bytes)
        return Model(weights.to_bytes(), base.shapes, "tuned", base, first.widths), found

    is_default, wide = general == load_model("default"), load_model("wide")
    has_room = max_bytes >= _WIDE_ROOM
    plans = [plan for plan in most.fits if not plan.wide or (is_default and has_room)]
    ways = (False,) if total > _SMALL else (False, True)
    fits = [fitted(plan, wide if plan.wide else start, way) for plan in plans for way in ways]
    usual = fits[0][1]
    # The general model first: of equal ones it is taken.
    found = [general]
    if start is not general and len(start.delta()) <= max_bytes:
        found.append(start)
    if is_default:
        found.append(wide)
    shipped = min(found, key=cost)
    chosen = min((model for model, _ in fits), key=cost)
    if cost(chosen) >= (1 - (_TUNED_GAIN if sampled < total else 0)) * cost(shipped):
        chosen = shipped
    if most.race and is_default and has_room and usual.end < (1 - _STRUCTURED) * usual.start:
        rival = (1 - _WIDE_LEAD) * usual.early - 8 * each * _WIDE_BYTES / total
        wider, raced = fitted(_RACE, wide, rival=rival)
        if raced.early <= rival and cost(wider) < (1 - _WIDE_GAIN) * cost(chosen):
            chosen = wider
    is_code = contexts["shift"] != _NO_CODES
    codes = contexts if is_code.all() else contexts[is_code]
    even = Model(chosen.weights, chosen.shapes, "tuned", chosen.base or chosen)
    uneven = with_code_widths(
        even, codes, total, each, lambda model, tables: fitted(_LEARN_ON, model, tables=tables)[0]
    )
    chosen = min([chosen, *([even] if len(even.delta()) <= max_bytes else [])], key=cost)
    least = _WIDTHS_GAIN * cost(general)
    return uneven if uneven and len(uneven.delta()) <= max_bytes and cost(uneven) < cost(chosen) - least else chosen
