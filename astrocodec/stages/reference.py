"""The reference codec: the native library's functions in readable Python, bit for bit the same.

docs/format.md is the specification. Pieces are composed of their stages by `astrocodec.stages.piece`, streams here:
outside -> quantise -> axes -> planes -> blanks -> pixels -> bins -> split -> chain or series -> piece -> causal ->
stream. It codes about 100,000 pixels a second, and needs no library.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CodecNotFoundError, CorruptError, FormatError, ReferenceNotFoundError, TruncatedError
from astrocodec.model import Model, find_model
from astrocodec.stages import piece as one_piece
from astrocodec.stages import stream, varint, visibility
from astrocodec.stages.axes import Order, read_order, turn, turn_back, turned_shape
from astrocodec.stages.axes_choice import choose_order
from astrocodec.stages.bins import float_bits, pack_places, unpack_places
from astrocodec.stages.blank_choice import choose_blanks
from astrocodec.stages.blanks import Blanks, pack_mask, unpack_mask
from astrocodec.stages.causal import CAUSAL, STORED, Parameters, frame_pieces, split_pieces, split_reference
from astrocodec.stages.chain import Chain, undo_chain
from astrocodec.stages.chain_choice import period_of
from astrocodec.stages.cuts import NO_CUTS, Cuts, find_cuts
from astrocodec.stages.distribution import Tables, build_tables
from astrocodec.stages.flags import FLAGS, decode_flags
from astrocodec.stages.loss import Loss
from astrocodec.stages.outside import Outside, apply_outside, undo_outside
from astrocodec.stages.outside_choice import choose_outside
from astrocodec.stages.pixels import BINS, unmap_pixels
from astrocodec.stages.plane_choice import Mapped, as_series, choose_planes, subtract_planes, ways_to_map
from astrocodec.stages.plane_maps import PlaneMap, maps_of, pack_maps
from astrocodec.stages.planes import (
    MAX_PIXELS,
    Grid,
    Piece,
    Planes,
    choose_pieces,
    from_planes,
    part_type,
    planes_of,
    to_planes,
    wanted_pieces,
)
from astrocodec.stages.predict import check_weights
from astrocodec.stages.quantise import TYPES, Quantised, restore
from astrocodec.stages.series import Series, undo_series
from astrocodec.stages.series_choice import choose_series
from astrocodec.stages.split import pack_low, unpack_low
from astrocodec.stages.stream import Header, Section, read_header
from astrocodec.stages.weights import Weights
from astrocodec.stages.widths import Choice, read_tables


class ReferenceModel:
    """A model ready for the reference codec, as `_native.NativeModel` for the library; it may share tables."""

    def __init__(self, weights: bytes, shapes: bytes | ReferenceModel, widths: bytes = b"") -> None:
        self.weights = Weights.from_bytes(weights)
        check_weights(self.weights)
        self.widths = read_tables(widths)
        self.shapes: Tables = shapes.shapes if isinstance(shapes, ReferenceModel) else build_tables(shapes)

    def tables(self) -> NDArray[np.uint16]:
        """Cumulative frequencies, shape ``(tables, 64)``; a copy."""
        return self.shapes.cumulative.copy()


def encode_piece(
    model: ReferenceModel,
    samples: NDArray[np.uint16],
    thorough: bool = False,
    choice: Choice | None = None,
    odd: int | None = None,
) -> bytes:
    """Encode one plane of uint16 samples ``(y, x)``; `thorough` tries every piece mode, `choice` code widths.

    With `odd`, 0 or 1, the samples are those of a trellis.
    """
    return one_piece.encode_piece(model.weights, model.shapes, samples, thorough, model.widths, choice, odd)


def decode_piece(model: ReferenceModel, data: NDArray[np.uint8], out: NDArray[np.uint16]) -> None:
    """Decode one piece into `out` ``(y, x)``, which stays as it was where the bytes break the format."""
    height, width = out.shape
    out[...] = one_piece.decode_piece(model.weights, model.shapes, data.tobytes(), height, width, model.widths)


# Piece functions that streams are composed with: of this module, or of the native library.
PieceEncoder = Callable[[Model, NDArray[np.uint16], bool, Choice | None], bytes]
PieceDecoder = Callable[[Model, NDArray[np.uint8], NDArray[np.uint16]], None]


def _reference_model(model: Model) -> ReferenceModel:
    return ReferenceModel(model.weights, model.shapes, model.widths)


def encode_piece_with(model: Model, samples: NDArray[np.uint16], thorough: bool, choice: Choice | None) -> bytes:
    """`encode_piece` for a `Model`."""
    return encode_piece(_reference_model(model), samples, thorough, choice)


def decode_piece_with(model: Model, data: NDArray[np.uint8], out: NDArray[np.uint16]) -> None:
    """`decode_piece` for a `Model`."""
    decode_piece(_reference_model(model), data, out)


def _stored(values: NDArray[np.generic]) -> bytes:
    header = Header(STORED, values.dtype, values.shape).to_bytes()
    return stream.seal(header, stream.elements_of(values), values)


def _shorter(coded: bytes, stored: bytes) -> bytes:
    return stored if len(coded) > len(stored) else coded


_MOST_LOOKED_AT = 8  # planes apart in which cuts are sought


class _Beside(NamedTuple):
    """An array of which its reference leaves what is modelled."""

    elements: NDArray[np.generic]
    outside: Outside
    stream: bytes  # of the reference, or nothing


class _Made(NamedTuple):
    """Floats of which the steps are modelled."""

    elements: NDArray[np.floating[Any]]
    section: bytes


class _How(NamedTuple):
    """How an array is encoded; as of `encode_stream`."""

    choices: Sequence[tuple[Model, bytes]]
    encode_one: PieceEncoder
    piece_shape: tuple[int, int] | None = None
    thorough: bool = False
    hints: Cuts = NO_CUTS
    residuals: bool = False
    series: bool = False

    def piece_of(self, samples: NDArray[np.uint16]) -> bytes:
        """A piece as trials code it."""
        return self.encode_one(self.choices[0][0], samples, False, None)


def _in_order(
    values: NDArray[np.generic], how: _How, beside: _Beside | None = None, made: _Made | None = None
) -> bytes:
    """`_modelled` in the order of axes that is smallest, where nobody says how planes shall be cut or coded."""

    def size(part: NDArray[np.generic], series: bool = False) -> int:
        return len(_shorter(_modelled(part, _How(how.choices[:1], how.encode_one, series=series)), _stored(part)))

    given = order = tuple(range(values.ndim))
    if not (how.piece_shape or how.residuals):
        order = choose_order(values, size)
        series = choose_series(values, order, size, lambda part: size(part, True))
        order, how = series or order, how._replace(series=series is not None)
    if order != given:
        how = how._replace(hints=NO_CUTS)  # of other planes
    return _modelled(values, how, beside, order, made)


def _modelled(
    given: NDArray[np.generic],
    how: _How,
    beside: _Beside | None = None,
    order: Order = (),
    made: _Made | None = None,
) -> bytes:
    is_turned = order != tuple(range(len(order)))
    values = turn(given, order) if is_turned else given
    choices = choose_blanks(values, to_planes(values))
    return min(
        (
            _masked(given, values, blanks, planes, whole, how, beside, order, made)
            for blanks, planes in choices
            for whole in ways_to_map(planes)
        ),
        key=len,
    )


def _masked(
    given: NDArray[np.generic],
    values: NDArray[np.generic],
    blanks: Blanks,
    planes: NDArray[Any],
    whole: Mapped,
    how: _How,
    beside: _Beside | None,
    order: Order,
    made: _Made | None,
) -> bytes:
    """A stream of planes without their blanks."""
    elements: NDArray[np.generic] = made.elements if made else beside.elements if beside else given
    is_turned = order != tuple(range(len(order)))
    given_planes = to_planes(values)
    shape = Planes(*planes.shape)

    def pieces_of(planes: Planes, cuts: Cuts = NO_CUTS) -> Grid:
        sides = wanted_pieces(planes, how.piece_shape) if how.piece_shape else choose_pieces(planes, cuts)
        return Grid(shape, sides, cuts)

    period = None if values.dtype.kind == "c" else period_of(values.shape)
    chosen = as_series(whole) if how.series else None
    if how.residuals and period is not None and shape.number > 1:
        chosen = subtract_planes(whole, period)
    if chosen is None:
        chosen = choose_planes(
            planes,
            whole,
            None if how.residuals else period,
            pieces_of(shape).together,
            lambda part: len(how.piece_of(part)),
        )
    like = Planes(1, *shape[1:]) if chosen.apart else shape
    grids = [pieces_of(like)]
    if grids[0].together == 1:
        count = min(shape.number, _MOST_LOOKED_AT)
        looked_at = [shape.number // 2]
        if chosen.apart:
            looked_at = [i * (shape.number - 1) // (count - 1) for i in range(count)]
        found = [
            find_cuts(chosen.samples[t], grids[0].sides, how.piece_of, thorough=how.thorough, hints=how.hints)
            for t in looked_at
        ]
        cuts = Cuts(*(tuple(sorted(set().union(*places))) for places in zip(*found, strict=True)))
        grids += [pieces_of(like, cuts)] if any(cuts) else []
    planes_section = chosen.chain.to_bytes() if chosen.chain else b""
    maps_section = pack_maps(chosen.maps)
    streams = []
    for grid in grids:
        parts = []
        for piece in grid:
            mask = blanks.mask_of(piece.take(given_planes))
            below = pack_mask(mask, len(blanks.values)) if blanks.values else b""
            below += _pack_below(piece, mask == 0, chosen.u, planes, chosen.maps[piece.planes.start])
            widths = None if beside or made else chosen.widths(piece.planes.start)
            parts.append((below, np.ascontiguousarray(piece.take(chosen.samples)), widths))
        for model, file in how.choices:
            parameters = Parameters(model.fingerprint, chosen.maps[0], grid.piece_shape).to_bytes()
            sections = [Section(stream.MODEL, file)] if file else []
            critical = {
                stream.PLANES: planes_section,
                stream.REFERENCE: beside.outside.to_bytes() if beside else b"",
                stream.CUTS: grid.cuts.to_bytes() if any(grid.cuts) else b"",
                stream.QUANTISE: made.section if made else b"",
                stream.MAPS: maps_section,
                stream.AXES: bytes(order) if is_turned else b"",
                stream.BLANKS: blanks.to_bytes(),
                stream.SERIES: chosen.series.to_bytes() if chosen.series else b"",
            }
            sections += [Section(number, body, True) for number, body in critical.items() if body]
            header = Header(CAUSAL, elements.dtype, elements.shape, parameters, tuple(sections)).to_bytes()
            pieces = [below + how.encode_one(model, part, how.thorough, widths) for below, part, widths in parts]
            if beside and beside.stream:
                pieces = [beside.stream, *pieces]
            streams.append(stream.seal(header, frame_pieces(pieces), elements))
    return min(streams, key=len)


def _pack_below(
    piece: Piece, kept: NDArray[np.bool_], u: NDArray[Any], planes: NDArray[Any], plane_map: PlaneMap
) -> bytes:
    """What stands before a piece of the numbers that are kept: low bits, or places in bins."""
    if plane_map.pixel_map.kind != BINS:
        return pack_low(piece.take(u)[kept], plane_map.low_bits)
    bits = float_bits(np.ascontiguousarray(piece.take(planes)[kept]), plane_map.pixel_map.trailing)
    return pack_places(*plane_map.pixel_map.bins(planes.dtype).take(bits)[1:])


def encode_stream(
    values: NDArray[np.generic],
    choices: Sequence[tuple[Model, bytes]],
    *,
    piece_shape: tuple[int, int] | None = None,
    thorough: bool = False,
    hints: Cuts = NO_CUTS,
    encode_one: PieceEncoder = encode_piece_with,
    reference: NDArray[Any] | None = None,
    reference_name: str = "",
    embed_reference: bool = False,
    residuals: bool = False,
) -> bytes:
    """Encode an array of native byte order with the best of several models, each with the file that goes along.

    See `astrocodec.encode`.
    """
    stored = _stored(values)
    if not values.size:
        return stored
    how = _How(choices, encode_one, piece_shape, thorough, hints, residuals)
    alone = _shorter(_in_order(values, how), stored)
    if reference is None:
        return alone
    outside = choose_outside(values, reference, reference_name, lambda part: len(how.piece_of(part)))
    if outside is None:
        return alone
    left = apply_outside(outside, values, reference)
    inner = b""
    if embed_reference:
        outside = dataclasses.replace(outside, embedded=True)
        inner = encode_stream(reference, choices, thorough=thorough, encode_one=encode_one)
    return min(alone, _in_order(left, how, _Beside(values, outside, inner)), key=len)


def encode_steps(
    shifted: NDArray[np.int32],
    quantised: Quantised,
    dtype: np.dtype[Any],
    choices: Sequence[tuple[Model, bytes]],
    *,
    piece_shape: tuple[int, int] | None = None,
    thorough: bool = False,
    encode_one: PieceEncoder = encode_piece_with,
) -> bytes:
    """Encode floats by their steps, less their tiles' bases."""
    how = _How(choices, encode_one, piece_shape, thorough)
    made = _Made(restore(shifted, quantised, dtype), quantised.to_bytes(dtype, shifted.shape))
    return _in_order(shifted, how, None, made)


class _Before(NamedTuple):
    """What stands before a piece."""

    mask: NDArray[np.uint8]  # of blanks
    low: NDArray[np.uint64] | None  # low bits of the numbers that are not blank, or
    places: memoryview  # their places in bins

    @classmethod
    def read(cls, data: memoryview, shape: tuple[int, int], blanks: Blanks, plane_map: PlaneMap) -> tuple[_Before, int]:
        """Read it; also the number of bytes used."""
        mask, at = unpack_mask(data, len(blanks.values), shape) if blanks.values else (np.zeros(shape, np.uint8), 0)
        if plane_map.pixel_map.kind == BINS:
            reader = varint.Reader(data, at)
            places = reader.take(reader.number("bytes of places in bins"), "places in bins")
            return cls(mask, None, places), reader.at
        low, used = unpack_low(data[at:], int((mask == 0).sum()), plane_map.low_bits)
        return cls(mask, low, memoryview(b"")), at + used

    def elements(
        self, samples: NDArray[np.uint16], blanks: Blanks, plane_map: PlaneMap, dtype: np.dtype[Any]
    ) -> NDArray[Any]:
        """Elements of the samples of a piece."""
        pixel_map, bits, kept = plane_map.pixel_map, plane_map.low_bits, self.mask == 0
        if self.low is None:
            bins = pixel_map.bins(dtype)
            k = unmap_pixels(samples, pixel_map, dtype)
            taken = np.where(kept, bins.taken_by(k), 0)
            places = unpack_places(self.places, taken.ravel()).reshape(k.shape)
            floats = bins.floats(k, places) << np.uint64(pixel_map.trailing)
            elements = floats.astype(f"u{dtype.itemsize}").view(dtype)
        elif bits:
            low = np.zeros(samples.shape, np.uint64)
            low[kept] = self.low
            elements = unmap_pixels(samples.astype(np.uint64) << np.uint64(bits) | low, pixel_map, dtype)
        else:
            elements = unmap_pixels(samples, pixel_map, dtype)
        if not kept.all():
            blanks.put(elements, self.mask)
        return elements


def _chain_of(header: Header, shape: Planes) -> Chain | None:
    """The chain of a stream's planes, if they are one."""
    body = header.body_of(stream.PLANES)
    if body is None:
        return None
    if header.dtype.kind == "c":
        raise CorruptError(f"section {stream.PLANES}: planes of complex numbers are no chain")
    return Chain.read(body, shape)


def _series_of(header: Header, shape: Planes) -> Series | None:
    """The series that a stream's rows are, if they are."""
    body = header.body_of(stream.SERIES)
    if body is None:
        return None
    if header.dtype.kind == "c" or header.body_of(stream.PLANES) is not None:
        raise CorruptError(f"section {stream.SERIES}: complex numbers, or planes of a chain, are no series")
    return Series.read(body, shape)


def _outside_of(header: Header) -> Outside | None:
    """What a stream says of a reference, if it has one."""
    body = header.body_of(stream.REFERENCE)
    return None if body is None else Outside.read(body, header.dtype, header.shape)


def _coded(header: Header) -> Header:
    """What a stream codes: its elements, or the steps that they were made of."""
    if header.body_of(stream.QUANTISE) is None:
        return header
    if header.dtype.str[1:] not in TYPES:
        raise CorruptError(f"section {stream.QUANTISE}: {header.dtype} elements are not made of steps")
    return dataclasses.replace(header, dtype=np.dtype("i4"))


def _quantised_of(header: Header) -> Quantised | None:
    """What a stream says of its elements' steps, if it has them."""
    body = header.body_of(stream.QUANTISE)
    return None if body is None else Quantised.read(body, header.dtype, header.shape)


def _decode_inner(data: memoryview, models: Iterable[Model], decode_one: PieceDecoder) -> NDArray[Any]:
    """The reference that a stream holds."""
    if read_header(data)[0].body_of(stream.REFERENCE) is not None:
        raise CorruptError("the reference in the stream has a reference of its own")
    return decode_stream(data, models, decode_one)


def _checked(outside: Outside, reference: NDArray[Any] | None, shape: tuple[int, ...]) -> NDArray[Any]:
    """The very reference that a stream names, or an error."""
    if reference is not None and outside.is_reference(reference, shape):
        return reference
    if outside.embedded:
        raise CorruptError("the reference in the stream is not the one that it names")
    what = "is not given" if reference is None else "that was given is another one"
    raise ReferenceNotFoundError(f"the reference {what}, needed is SHA-256 {outside.sha256.hex()}, {outside.name}")


def _decode_modelled(
    data: memoryview,
    at: int,
    given: Header,
    models: Iterable[Model],
    decode_one: PieceDecoder,
    reference: NDArray[Any] | None,
) -> NDArray[np.generic]:
    header = _coded(given)
    order = read_order(header.body_of(stream.AXES), len(header.shape))
    turned = turned_shape(header.shape, order)
    shape = planes_of(turned, header.dtype.kind == "c")
    if not math.prod(shape):
        raise CorruptError(f"shape {header.shape}: an array without elements must be stored")
    parameters = Parameters.read(header.parameters, header.dtype, math.prod(shape), header.parameters_at)
    # Four bytes bound what the largest run of constant pieces can claim, before memory is taken.
    if math.prod(shape) > len(data) * (MAX_PIXELS // 4):
        raise CorruptError(f"shape {header.shape} is more than {len(data)} bytes can hold")
    cuts = Cuts.read(header.body_of(stream.CUTS), shape.height, shape.width)
    grid = Grid(shape, parameters.piece_shape, cuts)
    blanks = Blanks.read(header.body_of(stream.BLANKS), part_type(header.dtype))
    chain, series = _chain_of(header, shape), _series_of(header, shape)
    outside = _outside_of(given)
    if outside and outside.embedded:
        inner, data, at = split_reference(data, at)
        reference = _decode_inner(inner, models, decode_one)
    if len(grid) > len(data):
        raise TruncatedError(f"{len(grid)} pieces announced, {len(data)} bytes are left: the stream is cut")
    quantised = _quantised_of(given)
    maps = maps_of(header, parameters.plane_map, grid)
    pieces = split_pieces(data, len(grid), at)
    model = find_model(parameters.fingerprint, models, header.body_of(stream.MODEL))
    if outside:
        reference = _checked(outside, reference, header.shape)
    samples = np.empty(shape, np.uint16)
    befores = list[_Before]()
    elements = np.empty(shape, part_type(header.dtype))
    for index, piece in enumerate(grid):
        out, plane_map = np.empty(piece.shape, np.uint16), maps[piece.planes.start]
        try:
            before, used = _Before.read(pieces[index], piece.shape, blanks, plane_map)
            decode_one(model, np.frombuffer(pieces[index][used:], np.uint8), out)
            if not (chain or series):  # piece by piece, so that of several faults the first is told
                piece.put(elements, before.elements(out, blanks, plane_map, elements.dtype))
        except FormatError as error:
            raise type(error)(f"piece {index} ({piece}): {error}") from None
        befores.append(before)
        piece.put(samples, out)
    if chain or series:
        samples = undo_chain(chain, samples) if chain else samples
        samples = undo_series(series, samples) if series else samples
        for piece, before in zip(grid, befores, strict=True):
            piece.put(elements, before.elements(piece.take(samples), blanks, maps[0], elements.dtype))
    values = turn_back(from_planes(elements, header.dtype, turned), order)
    if quantised:
        return restore(values.astype(np.int32), quantised, given.dtype)
    return undo_outside(outside, values, reference) if outside and reference is not None else values


def _decode_stored(data: memoryview, header: Header) -> NDArray[np.generic]:
    for number in (stream.PLANES, stream.REFERENCE, stream.AXES, stream.SERIES):
        if header.body_of(number) is not None:
            raise CorruptError(f"section {number}: a stored array has none")
    if header.parameters:
        raise CorruptError(
            f"byte {header.parameters_at}: {len(header.parameters)} bytes of parameters, a stored array has none"
        )
    expected, found = math.prod(header.shape) * header.dtype.itemsize, len(data)
    if found != expected:
        kind = TruncatedError if found < expected else CorruptError
        raise kind(f"stored {header.dtype} array of shape {header.shape}: {found} bytes found, {expected} expected")
    values = np.frombuffer(data, header.dtype.newbyteorder("<")).astype(header.dtype)
    return values.reshape(header.shape)


def decode_stream(
    data: memoryview,
    models: Iterable[Model] = (),
    decode_one: PieceDecoder = decode_piece_with,
    reference: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Decode a stream; see `astrocodec.decode`."""
    header, at = read_header(data)
    header.check_known()
    body = stream.data_of(data, at)
    if header.codec != CAUSAL and header.body_of(stream.AXES) is not None:
        raise CorruptError(f"section {stream.AXES}: an order of axes of a stored array, or of another codec's")
    if header.codec != CAUSAL and header.body_of(stream.QUANTISE) is not None:
        raise CorruptError(f"section {stream.QUANTISE}: steps of a stored array, or of another codec's")
    loss = header.body_of(stream.LOSS)
    if loss is not None:
        Loss.read(loss)
    if header.codec not in (STORED, CAUSAL, FLAGS, visibility.CODEC):
        raise CodecNotFoundError(f"codec {header.codec} is needed, which the reference does not know")
    if header.checksum_kind != stream.OF_ELEMENTS:
        raise CorruptError(f"codec {header.codec} is exact, its checksum is of the elements, not of the bytes")
    values: NDArray[Any]
    if header.codec == STORED:
        values = _decode_stored(body, header)
    elif header.codec == FLAGS:
        values = decode_flags(body, at, header)
    elif header.codec == visibility.CODEC:
        values = visibility.decode_visibilities(body, header)
    else:
        values = _decode_modelled(body, at, header, models, decode_one, reference)
    stream.check(data, at, values)
    return values
