"""Training data: contexts of random pixels of real and simulated frames, exactly as the codec sees them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from astrocodec import _native

_PIECE_SIDES = (512, 512, 256)


def sample_contexts(samples: NDArray[np.uint16], count: int, rng: np.random.Generator) -> NDArray[np.void]:
    """Contexts of about `count` random pixels of a plane ``(y, x)`` cut into pieces of 512 or 256 pixels."""
    height, width = samples.shape
    chosen = []
    side = int(rng.choice(_PIECE_SIDES))
    for y in range(0, height, side):
        for x in range(0, width, side):
            piece = samples[y : y + side, x : x + side]
            n = max(1, round(count * piece.size / samples.size))
            positions = np.sort(rng.integers(0, piece.size, n)).astype(np.uint32)
            chosen.append(_native.piece_contexts(np.ascontiguousarray(piece), positions))
    return np.concatenate(chosen)


def to_tensors(contexts: NDArray[np.void]) -> dict[str, Tensor]:
    """The fields of contexts as float32 tensors, with the logarithm of the neighbourhood's sum."""
    total = contexts["sum"].astype(np.int64)
    exponent = np.floor(np.log2(total)).astype(np.int64)
    log_sum = (exponent << 9) + (((total << 9) >> exponent) & 511)
    fields = {name: contexts[name] for name in ("input", "linear", "mean", "sum", "sample")} | {"log_sum": log_sum}
    return {name: torch.from_numpy(value.astype(np.float32)) for name, value in fields.items()}


def batches(
    groups: dict[str, list[dict[str, Tensor]]],
    steps: int,
    groups_per_batch: int,
    per_group: int,
    rng: np.random.Generator,
) -> Iterator[dict[str, Tensor]]:
    """Batches balanced by instrument group: groups first, then a frame of the group, then its pixels."""
    names = sorted(groups)
    for _ in range(steps):
        parts = []
        for name in rng.choice(len(names), groups_per_batch):
            frames = groups[names[name]]
            frame = frames[rng.integers(len(frames))]
            index = torch.from_numpy(rng.integers(0, len(frame["sample"]), per_group))
            parts.append({key: value[index] for key, value in frame.items()})
        yield {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
