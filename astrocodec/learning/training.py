"""Training of a general model: balanced over instruments, Adam, one-cycle learning rate (Smith & Topin 2019)."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from astrocodec.learning.contexts import batches, sample_contexts, to_tensors
from astrocodec.learning.frames import groups_of, integer_sheets, simulated_sheets, variants
from astrocodec.learning.network import Network
from astrocodec.model import Model

_SAMPLES = 40_000
_GROUPS_PER_BATCH, _PER_GROUP = 12, 300
_RATE = 4e-3


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
    device: str = "cpu",
    log: Callable[[str], None] = print,
) -> Network:
    """Train a network on `training_data`."""
    torch.manual_seed(seed)
    network = Network(hidden).to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, steps, pct_start=0.05)
    start, total, shown = time.perf_counter(), 0.0, max(1, steps // 20)
    for step, batch in enumerate(batches(groups, steps, _GROUPS_PER_BATCH, _PER_GROUP, np.random.default_rng(seed)), 1):
        loss = network.bits({key: value.to(device) for key, value in batch.items()}).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        total += loss.item()
        if step % shown == 0:
            log(f"step {step} of {steps}: {total / shown:.4f} bits per pixel, {time.perf_counter() - start:.0f} s")
            total = 0.0
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
    model = as_model(fit(groups, steps=steps, seed=seed, hidden=hidden, device=device, log=log), output.stem)
    model.save(output)
    log(f"model {model.fingerprint} saved as {output}")
    return model
