"""The bound of a variational diffusion model against the number of its steps, on what its training held back.

Of each group so many patches are taken, evenly; their bound, of the tables that code them and latents drawn once, is in
bits per pixel, the mean of groups. Real streams of all these patches together stand beside.

    python benchmarks/bench_diffusion_steps.py FILES --seed 1 -O benchmarks/results/vdm_steps.csv
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np
import torch

from astrocodec.lossless.patches import SIDE
from astrocodec.lossless.training_patches import TrainingPatches
from astrocodec.lossless.vdm import VdmSystem, restepped
from astrocodec.lossy.weights import Weights, weights_of

COLUMNS = ["steps", "patches", "bound", "stream", "drawn at first", "encode s/Mpx", "decode s/Mpx"]


def main() -> None:
    """Measure, print, and write a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--weights", type=Path, default="vdm")
    parser.add_argument("--seed", type=int, default=0, help="that of the training, which says what was held back")
    parser.add_argument("--patches", type=int, default=4, help="of each group")
    parser.add_argument("--steps", type=int, nargs="*", default=[4, 8, 16, 32])
    parser.add_argument("-O", "--output", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    weights = weights_of("vdm", given.weights)
    form = VdmSystem(weights, "cpu", 64).format
    held = TrainingPatches(given.files, form, given.seed).held_back()
    parts = [x[np.linspace(0, len(x) - 1, given.patches).astype(int)] for x in held.values()]
    x = np.concatenate(parts)
    pixels = len(x) * form.frames * SIDE**2
    with given.output.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for steps in given.steps:
            system = VdmSystem(Weights("vdm", bytes(8), *restepped(weights, steps)), "cpu", 64)
            start = time.process_time()
            coder = system.encoded(x)
            data = coder.to_bytes()
            middle = time.process_time()
            if (system.decode_patches(data, len(x)) != x).any():
                raise SystemExit(f"{steps} steps: does not come back")
            seconds = [round(s / pixels * 1e6, 1) for s in (middle - start, time.process_time() - middle)]
            bits = [system.bits(x).sum(), 8 * len(data), 8 * coder.first_bytes]
            row = [steps, len(x), *(round(float(b / pixels), 4) for b in bits), *seconds]
            table.writerow(row)
            file.flush()
            print(*row)


if __name__ == "__main__":
    main()
