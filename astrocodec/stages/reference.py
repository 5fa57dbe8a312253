"""The reference codec: the native library's functions in readable Python, bit for bit the same.

docs/format.md is the specification. Pieces are composed of their stages by `astrocodec.stages.piece`, streams here:
planes -> pixels -> split -> chain -> piece -> causal -> stream. It codes about 100,000 pixels a second, and needs no
library.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CodecNotFoundError, CorruptError, FormatError, TruncatedError
from astrocodec.model import Model, find_model
from astrocodec.stages import piece as one_piece
from astrocodec.stages import stream
from astrocodec.stages.causal import CAUSAL, STORED, Parameters, frame_pieces, split_pieces
from astrocodec.stages.chain import Chain, apply_chain, undo_chain
from astrocodec.stages.chain_choice import choose_chain, period_of
from astrocodec.stages.cuts import NO_CUTS, Cuts, find_cuts
from astrocodec.stages.distribution import Tables, build_tables
from astrocodec.stages.pixels import map_pixels, unmap_pixels
from astrocodec.stages.planes import (
    MAX_PIXELS,
    Grid,
    Planes,
    choose_pieces,
    from_planes,
    part_type,
    planes_of,
    to_planes,
    wanted_pieces,
)
from astrocodec.stages.predict import check_weights
from astrocodec.stages.split import MAX_LOW_BITS, choose_low_bits, least_low_bits, pack_low, unpack_low
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
    model: ReferenceModel, samples: NDArray[np.uint16], thorough: bool = False, choice: Choice | None = None
) -> bytes:
    """Encode one plane of uint16 samples ``(y, x)``; `thorough` tries every piece mode, `choice` code widths."""
    return one_piece.encode_piece(model.weights, model.shapes, samples, thorough, model.widths, choice)


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


def _modelled(
    values: NDArray[np.generic],
    choices: Sequence[tuple[Model, bytes]],
    piece_shape: tuple[int, int] | None,
    thorough: bool,
    encode_one: PieceEncoder,
) -> bytes | None:
    planes = to_planes(values)
    shape = Planes(*planes.shape)
    mapped = map_pixels(planes.reshape(-1, shape.width))
    if mapped is None:
        return None
    sheet, pixel_map, largest = mapped
    low = choose_low_bits(sheet, largest)
    if low > MAX_LOW_BITS:
        return None
    u = sheet.reshape(shape)
    chain, samples = None, (u >> least_low_bits(largest)).astype(np.uint16)
    if values.dtype.kind != "c":
        chain = choose_chain(
            samples, period_of(values.shape), lambda part: len(encode_one(choices[0][0], part, False, None))
        )
    if chain:
        low, samples = least_low_bits(largest), apply_chain(chain, samples)
    else:
        samples = (u >> low).astype(np.uint16)

    def pieces_of(cuts: Cuts) -> Grid:
        sides = wanted_pieces(shape, piece_shape) if piece_shape else choose_pieces(shape, cuts)
        return Grid(shape, sides, cuts)

    shift = None if chain or low else pixel_map.code_of_zero()
    widths = None if shift is None else Choice(shift % 256)
    grids = [pieces_of(NO_CUTS)]
    if grids[0].together == 1:
        middle = samples[shape.number // 2]
        cuts = find_cuts(
            middle, grids[0].sides, lambda part: encode_one(choices[0][0], part, thorough, None), thorough=thorough
        )
        grids += [pieces_of(cuts)] if any(cuts) else []
    streams = []
    for grid in grids:
        parts = [(pack_low(piece.take(u), low), piece.take(samples)) for piece in grid]
        for model, file in choices:
            parameters = Parameters(model.fingerprint, pixel_map, low, grid.piece_shape).to_bytes()
            sections = [Section(stream.MODEL, file)] if file else []
            if chain:
                sections.append(Section(stream.PLANES, chain.to_bytes(), True))
            if any(grid.cuts):
                sections.append(Section(stream.CUTS, grid.cuts.to_bytes(), True))
            header = Header(CAUSAL, values.dtype, values.shape, parameters, tuple(sections)).to_bytes()
            pieces = [below + encode_one(model, np.ascontiguousarray(part), thorough, widths) for below, part in parts]
            streams.append(stream.seal(header, frame_pieces(pieces), values))
    return min(streams, key=len)


def encode_stream(
    values: NDArray[np.generic],
    choices: Sequence[tuple[Model, bytes]],
    *,
    piece_shape: tuple[int, int] | None = None,
    thorough: bool = False,
    encode_one: PieceEncoder = encode_piece_with,
) -> bytes:
    """Encode an array of native byte order with the best of several models, each with the file that goes along.

    See `astrocodec.encode`.
    """
    stored = _stored(values)
    coded = _modelled(values, choices, piece_shape, thorough, encode_one) if values.size else None
    return stored if coded is None or len(coded) > len(stored) else coded


def _decode_piece(
    data: memoryview, low: int, model: Model, samples: NDArray[np.uint16], decode_one: PieceDecoder
) -> NDArray[np.uint64]:
    """Samples of one piece; returns its low bits."""
    below, used = unpack_low(data, samples.size, low)
    decode_one(model, np.frombuffer(data[used:], np.uint8), samples)
    return below.reshape(samples.shape)


def _chain_of(header: Header, shape: Planes) -> Chain | None:
    """The chain of a stream's planes, if they are one."""
    body = header.body_of(stream.PLANES)
    if body is None:
        return None
    if header.dtype.kind == "c":
        raise CorruptError(f"section {stream.PLANES}: planes of complex numbers are no chain")
    return Chain.read(body, shape)


def _decode_modelled(
    data: memoryview, at: int, header: Header, models: Iterable[Model], decode_one: PieceDecoder
) -> NDArray[np.generic]:
    parameters = Parameters.read(header.parameters, header.dtype, header.parameters_at)
    shape = planes_of(header.shape, header.dtype.kind == "c")
    if not math.prod(shape):
        raise CorruptError(f"shape {header.shape}: an array without elements must be stored")
    # Four bytes bound what the largest run of constant pieces can claim, before memory is taken.
    if math.prod(shape) > len(data) * (MAX_PIXELS // 4):
        raise CorruptError(f"shape {header.shape} is more than {len(data)} bytes can hold")
    cuts = Cuts.read(header.body_of(stream.CUTS), shape.height, shape.width)
    grid = Grid(shape, parameters.piece_shape, cuts)
    chain = _chain_of(header, shape)
    pieces = split_pieces(data, len(grid), at)
    model = find_model(parameters.fingerprint, models, header.body_of(stream.MODEL))
    samples = np.empty(shape, np.uint16)
    below = np.empty(shape, np.uint64)
    for index, piece in enumerate(grid):
        out = np.empty(piece.shape, np.uint16)
        try:
            piece.put(below, _decode_piece(pieces[index], parameters.low_bits, model, out, decode_one))
        except FormatError as error:
            raise type(error)(f"piece {index} ({piece}): {error}") from None
        piece.put(samples, out)
    if chain:
        samples = undo_chain(chain, samples)
    u = samples.astype(np.uint64) << np.uint64(parameters.low_bits) | below if parameters.low_bits else samples
    elements = unmap_pixels(u, parameters.pixel_map, part_type(header.dtype))
    return from_planes(elements, header.dtype, header.shape)


def _decode_stored(data: memoryview, header: Header) -> NDArray[np.generic]:
    if header.body_of(stream.PLANES) is not None:
        raise CorruptError(f"section {stream.PLANES}: a stored array has none")
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
    data: memoryview, models: Iterable[Model] = (), decode_one: PieceDecoder = decode_piece_with
) -> NDArray[Any]:
    """Decode a stream; see `astrocodec.decode`."""
    header, at = read_header(data)
    header.check_known()
    body = stream.data_of(data, at)
    if header.codec not in (STORED, CAUSAL):
        raise CodecNotFoundError(f"codec {header.codec} is needed, which the reference does not know")
    if header.checksum_kind != stream.OF_ELEMENTS:
        raise CorruptError(f"codec {header.codec} is exact, its checksum is of the elements, not of the bytes")
    if header.codec == STORED:
        values = _decode_stored(body, header)
    else:
        values = _decode_modelled(body, at, header, models, decode_one)
    stream.check(data, at, values)
    return values
