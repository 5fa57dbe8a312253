"""Training of learned lossless codecs: ``astrocodec train --codec NAME FILES -O OUT.safetensors``.

Beside the weights lie OUT.csv, the curve of the training, and OUT.pt, from which a run that was stopped goes on. The
weights are those of the step that was best on patches held back.
"""

from __future__ import annotations

import csv
import importlib
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from astrocodec.files.target import Target
from astrocodec.learning.recipe import Recipe
from astrocodec.learning.train_lossy import fit
from astrocodec.lossless.pixel_format import PixelFormat
from astrocodec.lossless.training_patches import TrainingPatches

# What makes the recipe of a system of so many options, patches and a seed.
RECIPES = {
    "idf": "astrocodec.lossless.idf_training",
    "pixelcnn": "astrocodec.lossless.pixelcnn_training",
    "l3c": "astrocodec.lossless.l3c_training",
    "vdm": "astrocodec.lossless.vdm_training",
}
_JUDGED = 64  # patches at a time
_JUDGED_EVERY = 100
_CURVE = b"step,held back"


def lossless_recipe(
    system: str, form: PixelFormat, options: Mapping[str, str], batch: Callable[[int], Any] | None = None
) -> Recipe:
    """The recipe of a system, from its module's function `recipe`, which gets what makes the batch of a step.

    Raises
    ------
    ValueError
        There is no such system, or it does not know an option.
    """
    if system not in RECIPES:
        raise ValueError(f"codec {system!r} found, allowed are {', '.join(RECIPES)}")
    made: Recipe = importlib.import_module(RECIPES[system]).recipe(form, dict(options), batch)
    return made


def train_lossless(
    system: str,
    paths: Sequence[Path],
    output: Path,
    *,
    steps: int,
    seed: int = 0,
    form: PixelFormat | None = None,
    options: Mapping[str, str] | None = None,
    batch: int = 64,
    planes: str = "auto",
    resume: bool = False,
    patience: int = 10,
    every: int | None = None,
    stop_after: int | None = None,
    device: str = "cpu",
    log: Callable[[str], None] = print,
) -> Path | None:
    """Train a system on files, and write its weights; None where `stop_after` ended the run before.

    Parameters
    ----------
    system : str
        A codec's name.
    paths : sequence of Path
        FITS and HDF5 files; groups as of `astrocodec train`.
    output : Path
        File of weights.
    steps, seed, batch : int
        Steps, seed of weights and patches, patches of a step.
    form : PixelFormat, optional
        How pixels become symbols; by default bytes of one frame.
    options : mapping, optional
        Of the system, such as its size.
    planes : str, optional
        ``"residuals"``: differences from plane to plane.
    resume : bool, optional
        Go on with the checkpoint beside the output.
    patience : int, optional
        End after so many judgements without a better one.
    every : int, optional
        Steps between judgements; by default there are at most forty, and 100 steps between them.

    Raises
    ------
    ValueError
        There is nothing to learn from, or a checkpoint is in the way, or of another run.
    """
    form, every = form or PixelFormat(), every or max(-(-steps // 40), _JUDGED_EVERY)
    checkpoint, curve = output.with_suffix(".pt"), output.with_suffix(".csv")
    if checkpoint.exists() and not resume:
        raise ValueError(f"{checkpoint}: of a run that was not ended; go on with it by --resume, or delete it")
    if curve.exists() and not checkpoint.exists() and not _is_curve(curve):
        raise ValueError(f"{curve}: is no curve of a training, and stays; choose another name for the weights")
    patches = TrainingPatches(paths, form, seed, batch, planes)
    held = patches.held_back()
    torch.manual_seed(seed)
    recipe = lossless_recipe(system, form, options or {}, lambda step: patches.at(step).to(device))
    log(f"{len(patches.groups)} groups, {sum(map(len, held.values()))} patches held back")
    judge = _Judge(recipe, held, output, curve, steps, patience, log, checkpoint.exists())
    done = checkpoint.exists() and judge.is_over
    while not done:
        taken = every if stop_after is None else min(every, stop_after)
        is_last = fit(
            recipe,
            steps=steps,
            seed=seed,
            checkpoint=checkpoint,
            device=device,
            every=every,
            stop_after=taken,
            log=log,
        )
        done = judge.looks(recipe, checkpoint) or is_last
        if stop_after is not None and (stop_after := stop_after - taken) <= 0 and not done:
            log(f"{checkpoint}: the same command with --resume goes on with it")
            return None
    saved = judge.save_best()
    checkpoint.unlink(missing_ok=True)
    return saved


def _is_curve(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_CURVE)) in (_CURVE, b"")


class _Judge:
    """Keeps the curve and the best weights."""

    def __init__(
        self,
        recipe: Recipe,
        held: Mapping[str, Any],
        output: Path,
        curve: Path,
        steps: int,
        patience: int,
        log: Callable[[str], None],
        goes_on: bool,
    ) -> None:
        self._recipe, self._held, self._output, self._curve = recipe, held, output, curve
        self._steps, self._patience, self._log = steps, patience, log
        self._best_file = output.with_suffix(".best.pt")
        self._rows: list[list[str]] = []
        if goes_on and curve.exists():
            with curve.open(newline="") as lines:
                self._rows = list(csv.reader(lines))[1:]
        elif self._best_file.exists():
            self._best_file.unlink()

    @property
    def is_over(self) -> bool:
        """Whether the last judgements were all worse than one before."""
        values = [float(row[1]) for row in self._rows]
        return bool(values) and len(values) - 1 - int(np.argmin(values)) >= self._patience

    def looks(self, recipe: Recipe, checkpoint: Path) -> bool:
        """Judge; whether to end."""
        done = int(torch.load(checkpoint, weights_only=True)["done"])
        by_group = held_back_bits(recipe, self._held)
        mean = float(np.mean(list(by_group.values()))) if by_group else math.nan
        self._rows.append([str(done), f"{mean:.4f}", *(f"{value:.4f}" for value in by_group.values())])
        if mean <= min([float(row[1]) for row in self._rows], default=math.inf) or not self._best_file.exists():
            with Target(self._best_file, overwrite=True) as target:
                torch.save(recipe.network.state_dict(), target.file)
                target.commit()
        with Target(self._curve, overwrite=True) as target:
            lines = [["step", "held back", *by_group], *self._rows]
            target.file.write("".join(",".join(row) + "\n" for row in lines).encode())
            target.commit()
        self._log(f"step {done} of {self._steps}: {mean:.4f} bits per pixel held back")
        return self.is_over

    def save_best(self) -> Path:
        """Write the weights of the best step where they are wanted."""
        network = self._recipe.network
        network.load_state_dict(torch.load(self._best_file, weights_only=True))
        with TemporaryDirectory() as folder:
            made = self._recipe.save(network.cpu().eval(), Path(folder))
            with Target(self._output, overwrite=True) as target, made.open("rb") as content:
                shutil.copyfileobj(content, target.file)
                target.commit()
        self._best_file.unlink()
        return self._output


@torch.no_grad()
def held_back_bits(recipe: Recipe, held: Mapping[str, Any]) -> dict[str, float]:
    """Bits of a pixel of each group, by the loss of the recipe, which is bits of a pixel."""
    network = recipe.network.eval()
    device = next(network.parameters()).device
    found = {}
    for group, symbols in held.items():
        total = 0.0
        for first in range(0, len(symbols), _JUDGED):
            part = torch.from_numpy(symbols[first : first + _JUDGED]).to(device)
            total += float(recipe.loss(network, part)[0]) * len(part)
        found[group] = total / len(symbols)
    network.train()
    return found
