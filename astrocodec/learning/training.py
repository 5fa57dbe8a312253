"""Training of a general model, with equal weight for each instrument."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from astrocodec.learning.contexts import Pixels, sample_contexts, to_tensors
from astrocodec.learning.descent import descend, held_back_bits
from astrocodec.learning.frames import groups_of, integer_sheets, simulated_sheets, variants
from astrocodec.learning.network import Network
from astrocodec.model import Model

_SAMPLES = 40_000


def training_data(
    paths: Sequence[Path], seed: int, exclude: Collection[str] = (), simulated: bool = True
) -> dict[str, list[dict[str, Tensor]]]:
    """Contexts of the integer images of FITS files by group, from a MANIFEST.csv beside them or else their directory.

    Groups in `exclude` are left out; simulated frames are groups of their own.
    """
    rng = np.random.default_rng(seed)
    groups: dict[str, list[dict[str, Tensor]]] = {}
    for path, group in sorted(groups_of(paths).items()):
        if group is None or group in exclude:
            continue
        for sheet in integer_sheets(path):
            count = min(_SAMPLES, 2 * sheet.size)
            parts = [sample_contexts(np.ascontiguousarray(v), int(count * share), rng) for v, share in variants(sheet)]
            groups.setdefault(group, []).append(to_tensors(np.concatenate(parts)))
    if not groups:
        raise ValueError(f"none of the {len(paths)} files holds an integer image of a group that is not excluded")
    if simulated:
        for group, sheet in simulated_sheets():
            groups.setdefault(group, []).append(to_tensors(sample_contexts(sheet, _SAMPLES, rng)))
    return groups


def fit(
    groups: dict[str, list[dict[str, Tensor]]],
    *,
    steps: int,
    seed: int,
    hidden: int = 16,
    batch: int = 3600,
    device: str = "cpu",
    log: Callable[[str], None] = print,
) -> Network:
    """Train a network on `training_data`."""
    torch.manual_seed(seed)
    network, pixels = Network(hidden).to(device), Pixels(groups, device)
    descend(network, pixels, steps=steps, batch=batch, log=log)
    log(f"pixels held back: {held_back_bits(network, pixels):.4f} bits per pixel")
    return network.to("cpu")


def as_model(network: Network, name: str) -> Model:
    """The network's integers as a model."""
    return Model(network.export_weights().to_bytes(), network.export_shapes(), name)


def train(
    paths: Sequence[Path],
    output: Path,
    *,
    steps: int = 20_000,
    seed: int = 0,
    hidden: int = 16,
    batch: int = 3600,
    device: str = "cpu",
    exclude: Collection[str] = (),
    log: Callable[[str], None] = print,
) -> Model:
    """Train a general model on FITS files and save it.

    Returns
    -------
    Model

    Raises
    ------
    ValueError
        No file holds an integer image.
    """
    log(f"sampling {len(paths)} files")
    groups = training_data(paths, seed, exclude)
    log(f"{len(groups)} groups, {sum(len(frame['sample']) for frames in groups.values() for frame in frames)} contexts")
    network = fit(groups, steps=steps, seed=seed, hidden=hidden, batch=batch, device=device, log=log)
    model = as_model(network, output.stem)
    model.save(output)
    log(f"model {model.fingerprint} saved as {output}")
    return model
