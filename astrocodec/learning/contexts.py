"""Training data: contexts of random pixels of real and simulated frames, exactly as the codec sees them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from astrocodec import _native

_PIECE_SIDES = (512, 512, 256)
# One pixel of so many is held back.
_HELD_BACK = 32


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


class Pixels:
    """The contexts of all frames on one device, to draw from with equal weight for each group and each frame of it.

    Every 32nd context is never drawn: what a network makes of those tells how good it is.
    """

    def __init__(self, groups: dict[str, list[dict[str, Tensor]]], device: str) -> None:
        frames = [frame for name in sorted(groups) for frame in groups[name]]
        drawn = [torch.arange(len(frame["sample"])) % _HELD_BACK != _HELD_BACK - 1 for frame in frames]
        self._fields = {
            key: torch.cat([frame[key][those] for frame, those in zip(frames, drawn, strict=True)]).to(device)
            for key in frames[0]
        }
        self.held_back = [
            [{key: value[_HELD_BACK - 1 :: _HELD_BACK] for key, value in frame.items()} for frame in groups[name]]
            for name in sorted(groups)
        ]
        counts = torch.tensor([int(those.sum()) for those in drawn])
        self._first, self._count = (counts.cumsum(0) - counts).to(device), counts.to(device)
        frames_of = torch.tensor([len(groups[name]) for name in sorted(groups)])
        self._first_frame, self._frames_of = (frames_of.cumsum(0) - frames_of).to(device), frames_of.to(device)

    def draw(self, number: int) -> dict[str, Tensor]:
        """So many contexts: each of a group drawn first, then of a frame of the group."""
        group, frame, pixel = torch.rand(3, number, device=self._first.device)
        chosen = (group * len(self._frames_of)).long()
        at = self._first_frame[chosen] + (frame * self._frames_of[chosen]).long()
        index = self._first[at] + (pixel.double() * self._count[at]).long()
        return {key: value[index] for key, value in self._fields.items()}
