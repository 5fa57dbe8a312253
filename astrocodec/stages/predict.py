"""Predict: causal context -> location, scale and shape of a sample's distribution. Integers only.

Readable reference of docs/format.md sections "Context" and "Predict"; native/kernels do the same. Everything is
vectorised over pixels that do not depend on each other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import FormatError
from astrocodec.stages.log512 import log2_floor, log512
from astrocodec.stages.network import (
    ACTIVATION_MAX,
    HIDDEN,
    INPUT_MAX,
    INPUTS,
    LINEAR,
    MAX_LINEAR_SUM,
    NEIGHBOURS,
    RECIPROCAL,
    SHIFT,
)
from astrocodec.stages.weights import LOWEST_INPUTS, Weights, half_sums

Integers = NDArray[np.int64]

# Numbers of the neighbours that m is made of.
_W, _WW, _NWW, _NW, _N, _NE, _NEE, _NN = 0, 1, 4, 5, 6, 7, 8, 13
_NEAR = len(NEIGHBOURS)
_RECIPROCAL = np.array(RECIPROCAL)


class Running(NamedTuple):
    """Running means in 1/256 that a row carries along and hands down."""

    level: Integers  # H: running mean of the row, without its outliers
    area: Integers  # G: running mean of H down the rows
    difference: Integers  # D: running mean of absolute horizontal differences
    area_difference: Integers  # E: running mean of D down the rows


class Contexts(NamedTuple):
    """What the network sees of n pixels."""

    inputs: Integers  # (n, 32): normalised inputs, -63 to 63
    linear: Integers  # (n, 26): terms of the linear predictor: 22 neighbours minus m, four wide terms in 1/8
    mean: Integers  # (n,): m, the mean of the nearest neighbours
    sum: Integers  # (n,): S, a measure of the neighbours' spread


class Predictions(NamedTuple):
    """Location in 1/16, scale index and number of the shape, each of n pixels."""

    loc16: Integers
    q: Integers
    shape: Integers


def _average(a: Integers, b: Integers) -> Integers:
    return (a + b + 1) >> 1


def _mean(n: Integers) -> Integers:
    near = _average(_average(n[:, _W], n[:, _WW]), _average(n[:, _NW], n[:, _N]))
    return _average(near, _average(_average(n[:, _NE], n[:, _NN]), _average(n[:, _NWW], n[:, _NEE])))


def contexts_of(
    neighbours: Integers, left: Running, up: Running, column: Integers, floor: int, y: Integers, x: Integers
) -> Contexts:
    """Contexts of n pixels (docs/format.md "Context").

    The `neighbours`, ``(n, 22)``, are samples at the offsets `NEIGHBOURS`; `left` and `up` the running means of the own
    row up to the pixel's left, and of the row above up to three columns to the right; `column` is C in 1/16.
    """
    m = _mean(neighbours)
    d = np.clip(neighbours - m[:, None], -32768, 32767)
    s = 10 + np.minimum(np.abs(d), 2047).sum(1)
    wide = np.stack([left.level >> 5, up.level >> 5, up.area >> 5, 8 * m + (column >> 1)], 1)
    wide = np.clip(wide - 8 * m[:, None], -32768, 32767)

    e = log2_floor(s)[:, None]
    r = _RECIPROCAL[(s << 5)[:, None] >> e & 31]
    limit = s[:, None] >> 2
    log_s = log512(s)
    inputs = np.empty((m.size, INPUTS), np.int64)
    inputs[:, :_NEAR] = (np.clip(d, -limit, limit) * r + (1 << e)) >> (e + 1)
    inputs[:, _NEAR:LINEAR] = (np.clip(wide, -8 * limit, 8 * limit) * r + (8 << e)) >> (e + 4)
    inputs[:, LINEAR] = (log512(left.difference + 16) - log_s - 1536) >> 5
    inputs[:, LINEAR + 1] = (log512(up.area_difference + 16) - log_s - 1536) >> 5
    inputs[:, LINEAR + 2] = (log_s >> 5) - 112
    inputs[:, LINEAR + 3] = (log512(np.maximum(m - floor, 0) + 1) >> 6) - 64
    inputs[:, LINEAR + 4] = np.where(x & 1, 32, -32)
    inputs[:, LINEAR + 5] = np.where(y & 1, 32, -32)
    return Contexts(np.clip(inputs, -INPUT_MAX, INPUT_MAX), np.concatenate([d, wide], 1), m, s)


def _dense(w: NDArray[np.int8], b: NDArray[np.int16], x: Integers) -> Integers:
    return x @ w.T.astype(np.int64) + b.astype(np.int64)


def predict(weights: Weights, tails: int, skews: int, contexts: Contexts) -> Predictions:
    """Location, scale and shape, on a grid of `tails` x `skews`, of n pixels (docs/format.md "Predict")."""
    h1 = np.clip(_dense(weights.w1, weights.b1, contexts.inputs) >> SHIFT, 0, ACTIVATION_MAX)
    h2 = np.clip(_dense(weights.w2, weights.b2, h1) >> SHIFT, 0, ACTIVATION_MAX)
    o = np.clip(_dense(weights.w3, weights.b3, h2), -32768, 32767)
    linear = contexts.linear @ weights.linear.astype(np.int64)
    offset = contexts.sum * np.maximum(o[:, 0], -32767)
    loc16 = np.clip(16 * contexts.mean + ((linear + 256) >> 9) + ((offset + 256) >> 9), 0, 16 * 65535 + 15)
    q = np.clip((log512(contexts.sum) + o[:, 1] - 224) >> 6, 0, 143)
    tail = np.clip((o[:, 2] + 64) >> 7, 0, tails - 1)
    skew = np.clip((o[:, 3] + 64) >> 7, 0, skews - 1)
    return Predictions(loc16, q, tail * skews + skew)


def update(
    value: Integers, left_value: Integers, s: Integers, left: Running, up: Running, column: Integers
) -> tuple[Running, Integers]:
    """Take samples into the running means (docs/format.md "Running means"); returns them and the new C of the columns.

    `s` is S of the samples' contexts; `left` and `up` are as in `contexts_of`.
    """
    v, limit = 256 * value, 64 * s
    level = left.level + (np.clip(v - left.level, -limit, limit) >> 3)
    area = up.area + ((level - up.area) >> 2)
    clipped = np.minimum(256 * np.abs(value - left_value), 4 * left.difference + 512)
    difference = left.difference + ((clipped - left.difference) >> 4)
    area_difference = up.area_difference + ((difference - up.area_difference) >> 2)
    residual = np.clip(np.clip(v - level, -limit, limit) >> 4, -32768, 32767)
    return Running(level, area, difference, area_difference), column + ((residual - column) >> 3)


def check_weights(weights: Weights) -> None:
    """Check the limits that keep every sum inside its integers (docs/format.md "Weight block")."""
    if weights.hidden not in HIDDEN:
        raise FormatError(f"weight block: {weights.hidden} neurons, expected 16 or 32")
    total = int(np.abs(weights.linear.astype(np.int64)).sum())
    if total > MAX_LINEAR_SUM:
        raise FormatError(f"weight block: magnitudes of the linear predictor sum to {total}, at most {MAX_LINEAR_SUM}")
    for layer, lowest in LOWEST_INPUTS.items():
        low, high = half_sums(getattr(weights, f"w{layer}"), getattr(weights, f"b{layer}"), lowest)
        if low.min() < -32768 or high.max() > 32767:
            raise FormatError(
                f"weight block: sums over half a row of w{layer} reach {low.min()} to {high.max()}, "
                "allowed are -32768 to 32767"
            )
