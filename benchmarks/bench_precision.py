"""What integers cost: code length of the integer codec against the same network in floats, on the same pixels.

The float side has exact normalised inputs, no rounding of activations, location or scale, and integrates the
prototype's cumulative function (its knots, joined by lines) over the exact pixel; only the choice of prototype is
discrete on both sides. The weights are the shipped integers, since they were trained as such.

    python benchmarks/bench_precision.py -o benchmarks/results/precision.csv
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import astrocodec
from astrocodec import _native
from astrocodec.bench.datasets import find_corpus
from astrocodec.learning.frames import groups_of, integer_sheets
from astrocodec.model import Model
from astrocodec.stages.distribution import Tables, cell_of, raw_bits, symbol_of
from astrocodec.stages.planes import Grid, Planes, choose_pieces, to_planes
from astrocodec.stages.predict import Contexts, predict

_MIN_PIXELS = 250_000
_SAMPLES = 40_000
_OUTER = np.array([x for j in range(1, 21) for x in (24.0 * 2 ** (j - 1), 16.0 * 2**j)])
_KNOTS = np.concatenate([-_OUTER[::-1], np.arange(-256, 257) / 16, _OUTER])


def sample(sheet: NDArray[np.uint16], rng: np.random.Generator) -> NDArray[np.void]:
    """Contexts of random pixels of a sheet cut into tiles."""
    plane, parts = to_planes(sheet), []
    for piece in Grid(Planes(*plane.shape), choose_pieces(Planes(*plane.shape))):
        tile = np.ascontiguousarray(piece.take(plane))
        count = max(1, round(_SAMPLES * tile.size / sheet.size))
        parts.append(_native.piece_contexts(tile, np.sort(rng.integers(0, tile.size, count)).astype(np.uint32)))
    return np.concatenate(parts)


def integer_bits(model: Model, tables: Tables, contexts: NDArray[np.void]) -> float:
    """Mean code length that the tables give."""
    wide = [contexts[name].astype(np.int64) for name in ("input", "linear", "mean", "sum", "sample")]
    found = predict(model.arrays(), tables.tails, tables.skews, Contexts(*wide[:4]))
    cells = cell_of(found.loc16, found.q, found.shape)
    symbol, _, _ = symbol_of(wide[4] - cells.base, cells)
    cum = tables.cumulative.astype(np.int64)
    frequency = cum[cells.table, symbol + 1] - cum[cells.table, symbol]
    return float((14 - np.log2(frequency) + raw_bits(symbol, cells)).mean())


def float_bits(model: Model, contexts: NDArray[np.void]) -> float:
    """Mean code length of the same network without any rounding."""
    w = model.arrays()
    total = contexts["sum"].astype(float)[:, None]
    linear = contexts["linear"].astype(float)
    scale = np.where(np.arange(26) < 22, 1.0, 8.0)
    x = contexts["input"].astype(float)
    x[:, :26] = np.clip(linear / scale * 252 / total, -63, 63)
    # Floors are on average half a unit below.
    h1 = np.clip((x @ w.w1.T.astype(float) + w.b1) / 64 - 0.5, 0, 127)
    h2 = np.clip((h1 @ w.w2.T.astype(float) + w.b2) / 64 - 0.5, 0, 127)
    o = np.clip(h2 @ w.w3.T.astype(float) + w.b3, -32768, 32767)
    location = contexts["mean"] + (linear @ w.linear.astype(float) + total[:, 0] * o[:, 0]) / 8192
    location = np.clip(location, 0, 65536 - 1 / 16)
    exponent = np.floor(np.log2(total[:, 0]))
    log_sum = 512 * (exponent + total[:, 0] / 2**exponent - 1)
    sigma = 2.0 ** ((np.clip((log_sum + o[:, 1] - 256) / 64, 0, 143) - 32) / 8)
    knots = model.knots().astype(float) / 2**30
    tail = np.clip(np.floor((o[:, 2] + 64) / 128), 0, knots.shape[0] - 1).astype(int)
    skew = np.clip(np.floor((o[:, 3] + 64) / 128), 0, knots.shape[1] - 1).astype(int)
    value = contexts["sample"].astype(float)
    mass = np.zeros(value.size)
    for t in range(knots.shape[0]):
        for k in range(knots.shape[1]):
            chosen = (tail == t) & (skew == k)
            edges = [(value[chosen] + e - location[chosen]) / sigma[chosen] for e in (-0.5, 0.5)]
            mass[chosen] = np.interp(edges[1], _KNOTS, knots[t, k]) - np.interp(edges[0], _KNOTS, knots[t, k])
    return float(-np.log2(np.maximum(mass, 2.0**-30)).mean())


def main() -> None:
    """Measure every raw frame, with the general model and tuned."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent / "results" / "precision.csv")
    options = parser.parse_args()
    paths = sorted(find_corpus().glob("*.fits.gz"))
    base, rng, rows = astrocodec.load_model(), np.random.default_rng(0), []
    for path, group in groups_of(paths).items():
        for number, sheet in enumerate(integer_sheets(path) if group not in (None, "ukst-plate") else ()):
            if sheet.size < _MIN_PIXELS:
                continue
            contexts = sample(sheet, rng)
            for name, model in (("general", base), ("tuned", astrocodec.tune(sheet))):
                tables = Tables(model.shapes[0], model.shapes[1], _native.native_model(model).tables())
                whole, exact = integer_bits(model, tables, contexts), float_bits(model, contexts)
                rows.append((path.name, number, name, f"{exact:.5f}", f"{whole:.5f}", f"{whole / exact - 1:.5f}"))
                print(*rows[-1], flush=True)
    with options.output.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("file", "image", "model", "float_bits", "integer_bits", "loss"))
        writer.writerows(rows)
    losses = np.array([float(row[5]) for row in rows])
    print(f"mean loss {losses.mean():.5f}, worst {losses.max():.5f}")


if __name__ == "__main__":
    main()
