"""How the codec does on instruments that its model never saw: leave-groups-out training, measured file by file.

The groups of the corpus are dealt into folds; for each fold a model is trained on the others (simulated frames
included) and measured on the fold's frames, untuned and tuned, beside the better of JPEG-XL 7 and 9 of
results/peers.csv. Everything is charged: stream headers of every tile, and 1.6 bytes of header cards for every byte of
the tuned difference.

    python benchmarks/bench_leave_out.py --steps 4000 -o benchmarks/results/leave_out.csv
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

import astrocodec
from astrocodec.bench.datasets import find_corpus
from astrocodec.learning.frames import groups_of, integer_sheets
from astrocodec.learning.training import as_model, fit, training_data
from astrocodec.model import Model
from astrocodec.stages.planes import Grid, Planes, choose_pieces, to_planes

_MIN_PIXELS = 250_000
_CARD_BYTES = 1.6
_RESULTS = Path(__file__).parent / "results"


def peer_bytes() -> dict[str, int]:
    """Bytes of the better of JPEG-XL 7 and 9 per file, summed over its integer images."""
    best: dict[tuple[str, str], int] = {}
    with (_RESULTS / "peers.csv").open(newline="") as lines:
        for row in csv.DictReader(lines):
            if row["codec"] in ("JPEG-XL 7", "JPEG-XL 9") and row["bytes"]:
                key = row["file"], row["hdu"]
                best[key] = min(int(row["bytes"]), best.get(key, 1 << 60))
    total: dict[str, int] = defaultdict(int)
    for (file, _), size in best.items():
        total[file] += size
    return total


def coded(sheet: np.ndarray, models: list[Model]) -> int:
    """Bytes of a sheet as FITS tiles: a stream each."""
    plane = to_planes(sheet)
    tiles = (piece.take(plane) for piece in Grid(Planes(*plane.shape), choose_pieces(Planes(*plane.shape))))
    return sum(len(astrocodec.encode(tile, models, embed_model=False, thorough=True)) for tile in tiles)


def measure(path: Path, model: Model) -> tuple[int, int, int]:
    """Pixels, untuned bytes and tuned bytes of a file."""
    pixels = untuned = tuned = 0
    for sheet in integer_sheets(path):
        fitted = astrocodec.tune(sheet, model)
        plain = coded(sheet, [model])
        pixels += sheet.size
        untuned += plain
        tuned += plain if fitted is model else round(coded(sheet, [fitted, model]) + _CARD_BYTES * len(fitted.delta()))
    return pixels, untuned, tuned


def main() -> None:
    """Train, measure, write the table and its provenance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commit", default="")
    parser.add_argument("-o", "--output", type=Path, default=_RESULTS / "leave_out.csv")
    options = parser.parse_args()
    paths = sorted(find_corpus().glob("*.fits.gz"))
    groups = {path: group for path, group in groups_of(paths).items() if group is not None}
    names = sorted(set(groups.values()))
    peers, rows = peer_bytes(), []
    for fold in range(options.folds):
        held = set(names[fold :: options.folds])
        data = training_data(paths, options.seed, exclude={*held, "ukst-plate"})
        model = as_model(fit(data, steps=options.steps, seed=options.seed), f"fold{fold}")
        for path in (p for p in paths if groups.get(p) in held):
            pixels, untuned, tuned = measure(path, model)
            if pixels >= _MIN_PIXELS and path.name in peers:
                best = peers[path.name]
                rows.append((path.name, groups[path], fold, pixels, best, untuned, tuned, untuned / best, tuned / best))
                print(f"{path.name:45s} untuned {untuned / best:.4f} tuned {tuned / best:.4f}", flush=True)
    with options.output.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(
            (
                "file",
                "group",
                "fold",
                "pixels",
                "jxl_best_bytes",
                "untuned_bytes",
                "tuned_bytes",
                "untuned_ratio",
                "tuned_ratio",
            )
        )
        writer.writerows((*row[:7], f"{row[7]:.4f}", f"{row[8]:.4f}") for row in rows)
    means = {
        name: float(np.exp(np.mean(np.log([row[i] for row in rows])))) for name, i in (("untuned", 7), ("tuned", 8))
    }
    provenance = {
        "command": f"bench_leave_out.py --steps {options.steps} --folds {options.folds} --seed {options.seed}",
        "commit": options.commit,
        "machine": platform.machine(),
        "torch": torch.__version__,
        "geometric_mean_ratio_to_better_of_jxl_7_and_9": means,
        "files": len(rows),
    }
    options.output.with_suffix(".json").write_text(json.dumps(provenance, indent=1) + "\n")
    print(means)


if __name__ == "__main__":
    main()
