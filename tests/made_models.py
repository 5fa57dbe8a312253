"""Models and samples made for tests: valid, varied, and not meant to compress well."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.stages.network import INPUTS, LINEAR, OUTPUTS
from astrocodec.stages.weights import Weights, limit_rows
from astrocodec.stages.widths import LEAST_WIDTH, pack_tables

_OUTER = np.array([16.0 * x for j in range(20) for x in (1.5 * 2**j, 2.0 * 2**j)])
KNOT_POSITIONS = np.concatenate([-_OUTER[::-1], np.arange(-256, 257) / 16, _OUTER])
CORE = (0, 1, 4, 5, 6, 7, 8, 13)

SAMPLE_KINDS = (
    *("noise", "sky", "counts", "ramp", "columns", "spikes", "extremes", "checkers", "pedestal"),
    *("stripes", "photons", "loud", "outliers", "blocks", "sparse", "events"),
)


@dataclass(frozen=True)
class MadeModel:
    """A weight block, a shape block and, of some, one of code widths."""

    weights: bytes = field(repr=False)
    shapes: bytes = field(repr=False)
    seed: int
    widths: bytes = field(default=b"", repr=False)


def made_weights(rng: np.random.Generator, hidden: int = 16, reach: int = 30) -> Weights:
    """Random weights of at most `reach`, whose linear predictor is about the mean of the nearest neighbours."""

    def matrix(*shape: int) -> NDArray[np.int8]:
        return rng.integers(-reach, reach + 1, shape).clip(-128, 127).astype(np.int8)

    def bias(size: int) -> NDArray[np.int16]:
        return rng.integers(-20 * reach, 20 * reach + 1, size).astype(np.int16)

    linear = rng.integers(-reach, reach + 1, LINEAR).astype(np.int16)
    linear[list(CORE)] += 1000
    weights = Weights(
        linear,
        bias(hidden),
        matrix(hidden, INPUTS),
        bias(hidden),
        matrix(hidden, hidden),
        bias(OUTPUTS),
        matrix(OUTPUTS, hidden),
    )
    return limit_rows(weights)


def made_shapes(tails: int = 1, skews: int = 1) -> bytes:
    """Logistic shapes: the tail number widens them, the skew number moves them."""
    shapes = [bytes([tails, skews, 0, 0])]
    for tail in range(tails):
        for skew in range(skews):
            t = (KNOT_POSITIONS - 0.3 * (skew - (skews - 1) / 2)) * 1.7 / (1 + 0.5 * tail)
            knots = np.round(2.0**30 / (1 + np.exp(-np.clip(t, -80, 80))))
            shapes.append(np.maximum.accumulate(knots).astype("<u4").tobytes())
    return b"".join(shapes)


def made_table(rng: np.random.Generator, period_bits: int, reach: int = 63) -> NDArray[np.int64]:
    """Random code widths, displaced by at most `reach`, the narrowest as narrow as they may be."""
    table = rng.integers(-reach, reach + 1, 1 << period_bits)
    while (narrow := 64 + np.roll(table, -1) - table < LEAST_WIDTH).any():
        table -= narrow * (table > -reach)
        table += np.roll(narrow, 1) * (table < reach)
    return table


def made_model(seed: int, hidden: int = 16, tails: int = 1, skews: int = 1, reach: int = 30) -> MadeModel:
    """A model of random weights; `reach` 128 drives the network to its limits."""
    weights = made_weights(np.random.default_rng(seed), hidden, reach)
    return MadeModel(weights.to_bytes(), made_shapes(tails, skews), seed)


GENTLE = made_model(1, reach=6)
WIDE = made_model(2, hidden=32, tails=4, skews=3, reach=12)
WILD = made_model(1, hidden=32, tails=4, skews=3, reach=128)
# Parity, the periods in use, the longest, and one of codes that are all alike.
_TABLES = [made_table(np.random.default_rng(m), m, reach) for m, reach in ((1, 20), (4, 30), (6, 63), (8, 63), (2, 0))]
UNEVEN, UNEVEN_WIDE, UNEVEN_WILD = (replace(made, widths=pack_tables(_TABLES)) for made in (GENTLE, WIDE, WILD))


def made_samples(kind: str, height: int, width: int, seed: int = 0) -> NDArray[np.uint16]:
    """A plane of samples ``(y, x)`` of one of `SAMPLE_KINDS`."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((height, width))
    plane: NDArray[Any]
    match kind:
        case "noise":
            plane = rng.integers(0, 65536, (height, width))
        case "sky":
            plane = rng.normal(1000, 8, (height, width)) + 40000 * (rng.random((height, width)) < 0.01)
        case "counts":
            plane = rng.poisson(0.05, (height, width))
        case "ramp":
            plane = 700 * y + 300 * x + rng.integers(0, 3, (height, width))
        case "columns":
            plane = 3000 + 500 * (x % 3) + rng.integers(-2, 3, (height, width))
        case "spikes":
            plane = np.where(rng.random((height, width)) < 0.02, 65535, 0)
        case "extremes":
            plane = 65535 * (x % 2)
        case "checkers":
            plane = 65535 * ((x + y) % 2)
        case "pedestal":
            plane = 30000 + rng.poisson(0.3, (height, width)) * rng.integers(1, 150, (height, width))
        case "stripes":
            plane = 3000 + 500 * (x % 3) + rng.normal(0, 400, (height, width))
        case "photons":
            plane = rng.poisson(14 + 30 * np.exp(-((x - width / 2) ** 2 + (y - height / 2) ** 2) / 50))
        case "loud":
            plane = rng.normal(30000, 2500, (height, width))
        case "outliers":
            plane = rng.normal(40000, 20, (height, width))
            plane[rng.random((height, width)) < 0.01] = 65535
            plane[rng.random((height, width)) < 0.005] = 0
        case "blocks":
            # Quantised steps between blocks of three sizes, rescaled: a scan that went through a block transform.
            steps = np.zeros((height, width), np.int64)
            for side in (2, 4, 8):
                steps += rng.integers(-2, 3, (height // side + 1, width // side + 1))[y // side, x // side]
            plane = 9000 + 1397 * steps // 10
        case "sparse":
            # Few steps along a row whose differences go round 65536, and now and then any sample.
            plane = 60000 + rng.choice([0, 0, 900, 2000, 64836], (height, width)).cumsum(1)
            plane = np.where(rng.random((height, width)) < 0.01, rng.integers(0, 65536, (height, width)), plane) & 65535
        case "events":
            # A source on a faint field, and single samples of every octave.
            plane = rng.poisson(0.1 + 6 * np.exp(-((x - width / 3) ** 2 + (y - height / 2) ** 2) / 30))
            far = plane.reshape(-1)[::97][:11]
            far[:] = 11 << np.arange(far.size)
        case _:
            raise ValueError(f"kind {kind!r} is not one of {', '.join(SAMPLE_KINDS)}")
    return np.clip(plane, 0, 65535).astype(np.uint16)
