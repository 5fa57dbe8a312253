"""Vectors of whole numbers on a grid in four phases, each coded beside what is known of their neighbours.

docs/format.md section "Phases". First every second row and column, then the middles between four of these, then the
other rows and the other columns (D. He et al. 2022, arXiv:2203.10886, have two phases): each phase is one call of an
integer network, for all its places at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from astrocodec.lossy.integer_network import ExactNetwork, IntegerConv

PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))  # first row and column
SEEN = 255  # inputs are clipped to this, either side of zero
OUT = 2047  # and outputs to this
_BLOCK = 4096  # places whose outputs are held at a time
_WEIGHT = 127 / 256  # a weight of eight bits


def at(phase: int, grid: Any) -> Any:
    """The places of a phase: rows and columns are the last two axes; a view."""
    row, column = PHASES[phase]
    return grid[..., row::2, column::2]


class PhaseContext(nn.Module):
    """A network for each of several grids, which learns as the integers that it will be.

    Parameters
    ----------
    grids : int
        How many grids there are, such as levels of a quantiser.
    seen : int
        Numbers at each place that are seen: the first ones of its vector.
    hidden, n_out : int
        Neurons, and outputs for each place.
    """

    def __init__(self, grids: int, seen: int, hidden: int, n_out: int) -> None:
        super().__init__()
        self.hidden = nn.ModuleList(IntegerConv(seen, hidden, 3, stride=2) for _ in range(4 * grids))
        self.out = nn.ModuleList(IntegerConv(hidden, n_out, 1, low=-OUT, high=OUT) for _ in range(grids))

    def forward(self, seen: Tensor, grid: int, phase: int) -> Tensor:
        """Outputs at the places of a phase, whole numbers in floats."""
        row, column = PHASES[phase]
        # A convolution of stride two begins at the first place: one of zeros before it brings the second one there.
        padded = functional.pad(seen.clamp(-SEEN, SEEN), (column, 0, row, 0))
        hidden: Tensor = self.hidden[4 * grid + phase](padded)[..., row:, column:]
        out: Tensor = self.out[grid](hidden)
        return out

    def keep_small(self) -> None:
        """Keep weights within eight bits; called after each step of learning."""
        for layer in (*self.hidden, *self.out):
            layer.conv.weight.data.clamp_(-_WEIGHT, _WEIGHT)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Its integers, to be saved."""
        found: dict[str, NDArray[Any]] = {}
        for name, layers, reach in (("hidden", self.hidden, SEEN), ("out", self.out, SEEN)):
            for number, layer in enumerate(layers):
                found |= ExactNetwork.of([layer], reach).tensors(f"context.{name}.{number}")
        return found


class ExactContext:
    """What a `PhaseContext` has learned, to run.

    Parameters
    ----------
    tensors : mapping
        As `PhaseContext.tensors` gave them.
    like : PhaseContext
        One of the same build.
    """

    def __init__(self, tensors: Mapping[str, NDArray[Any]], like: PhaseContext) -> None:
        def loaded(name: str, layers: nn.ModuleList) -> list[ExactNetwork]:
            return [
                ExactNetwork.loaded(tensors, f"context.{name}.{number}", [layer], SEEN)
                for number, layer in enumerate(layers)
            ]

        self._hidden, self._out = loaded("hidden", like.hidden), loaded("out", like.out)

    def run(self, seen: NDArray[np.int64], grid: int, phase: int) -> Iterator[tuple[slice, NDArray[np.int64]]]:
        """Outputs (places, n_out) at the places of a phase in C order of (n, y, x), some thousand at a time.

        `seen` has the shape (n, channels, y, x); all are computed from what it holds at the first call.
        """
        row, column = PHASES[phase]
        padded = np.pad(np.clip(seen, -SEEN, SEEN), ((0, 0), (0, 0), (row, 0), (column, 0)))
        if not at(phase, seen).size:
            return
        hidden = self._hidden[4 * grid + phase].run(padded)[..., row:, column:]
        places = hidden.transpose(0, 2, 3, 1).reshape(-1, hidden.shape[1])
        for start in range(0, len(places), _BLOCK):
            block = places[start : start + _BLOCK].T[None, :, None]
            yield slice(start, start + _BLOCK), self._out[grid].run(block)[0, :, 0].T
