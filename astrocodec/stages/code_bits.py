"""Code bits: what each sample of a piece takes, by the frequencies that it is decoded with.

Readable reference; native/code_bits.c does the same. Analysis only: in floating point, unlike all that decodes.
"""

from __future__ import annotations

import math
import struct

import numpy as np
from numpy.typing import NDArray

from astrocodec.stages import differences, piece, rans
from astrocodec.stages.distribution import PRECISION, Tables, cell_of, symbol_of
from astrocodec.stages.predict import predict
from astrocodec.stages.weights import Weights

_HEADER = struct.Struct("<BBHHH")


def _state_bits(data: bytes) -> float:
    """Of states as they stand in a piece: what they take beyond the symbols that are in them."""
    return sum(32 - math.log2(state / rans.LOW) for (state,) in struct.iter_unpack("<I", data))


def _modelled(
    weights: Weights, tables: Tables, data: bytes, samples: NDArray[np.int64]
) -> tuple[NDArray[np.float32], float]:
    _, log_states, *start = _HEADER.unpack_from(data)
    plane = piece.Plane(samples.shape[0], samples.shape[1], piece.Start(*start))
    bits = np.zeros(samples.shape, np.float32)
    for step in plane.wave:
        seen = plane.contexts(step)
        cells = cell_of(*predict(weights, tables.tails, tables.skews, seen))
        values = samples[step.y, step.x]
        symbol, _, raw_bits = symbol_of(values - cells.base, cells)
        after, before = (tables.cumulative[cells.table, symbol + i].astype(np.float64) for i in (1, 0))
        bits[step.y, step.x] = PRECISION - np.log2(after - before) + raw_bits
        plane.take_in(step, values, seen.sum)
    states = data[_HEADER.size : _HEADER.size + (4 << log_states)]
    return bits, 8 * _HEADER.size + _state_bits(states)


def piece_bits(
    weights: Weights, tables: Tables, data: bytes, height: int, width: int
) -> tuple[NDArray[np.float32], float]:
    """Code length of every sample of a piece, raw bits included.

    Returns
    -------
    bits : ndarray of float32, shape (height, width)
    header : float
        Bits that belong to no sample: of the piece's header, its tables, and of its states what they take beyond the
        symbols in them.

    Raises
    ------
    TruncatedError, CorruptError
        The piece does not decode.

    Examples
    --------
    >>> from astrocodec.stages.reference import ReferenceModel
    >>> from astrocodec.model import load_model
    >>> default = load_model("default")
    >>> model = ReferenceModel(default.weights, default.shapes)
    >>> bits, header = piece_bits(model.weights, model.shapes, bytes([0, 7, 0]), 2, 3)
    >>> bits.tolist(), header
    ([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]], 24)
    """
    samples = piece.decode_piece(weights, tables, data, height, width).astype(np.int64)
    if data[0] == piece.MODELLED:
        return _modelled(weights, tables, data, samples)
    if data[0] == piece.DIFFERENCES:
        return _differences(data, samples)
    is_raw = data[0] == piece.RAW
    return np.full((height, width), 16 if is_raw else 0, np.float32), 8 if is_raw else 24


def _differences(data: bytes, samples: NDArray[np.int64]) -> tuple[NDArray[np.float32], float]:
    table, size = differences.read_table(data)
    index = {symbol: i for i, symbol in enumerate(table.symbols)}
    escape = len(table.symbols)
    bits = np.zeros(samples.shape, np.float32)
    for (y, x), value in np.ndenumerate(samples):
        prediction, place = differences.context_at(samples, y, x, table.predictor)
        cumulative = table.cumulative[differences.class_of(place, table.log_classes)]
        symbol = index.get((int(value) - prediction) % 65536, escape)
        # A listed difference whose frequency is 0 in this class can only have come behind the escape.
        if cumulative[symbol + 1] == cumulative[symbol]:
            symbol = escape
        bits[y, x] = (
            PRECISION - math.log2(cumulative[symbol + 1] - cumulative[symbol]) + (16 if symbol == escape else 0)
        )
    return bits, 8 * size + _state_bits(data[size : size + 4 * differences.STATES])
