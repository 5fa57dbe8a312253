"""Noise of the diffusion: its learned schedule, and what the network is told of it (Kingma et al. 2021).

A level of noise is the logarithm, to the base of 2, of its standard deviation in symbols: half the logarithm of the
inverse ratio of signal to noise, which the paper calls gamma.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

_WIDE = 64  # units of the monotone network
_WAVES = 8  # sines that a level is told by
_HIDDEN = 32


class Schedule(nn.Module):
    """Levels of times from 0 to 1: a monotone network between two ends that are learned, too.

    Parameters
    ----------
    first, last : float
        Levels of times 0 and 1 to begin with.
    """

    def __init__(self, first: float, last: float) -> None:
        super().__init__()
        self.first, self.reach = nn.Parameter(torch.tensor(first)), nn.Parameter(torch.tensor(math.log(last - first)))
        self.line = nn.Parameter(torch.zeros(1))
        self.slopes = nn.Parameter(torch.linspace(0.0, 2.0, _WIDE))
        self.offsets = nn.Parameter(torch.linspace(2.0, -4.0, _WIDE))
        self.shares = nn.Parameter(torch.full((_WIDE,), -7.0))

    def forward(self, times: Tensor) -> Tensor:
        """Levels, which rise with times."""
        ends = torch.stack([torch.zeros_like(times), torch.ones_like(times)])
        low, high = self._rising(ends)
        part = (self._rising(times) - low) / (high - low)
        levels: Tensor = self.first + self.reach.exp() * part
        return levels

    def _rising(self, times: Tensor) -> Tensor:
        """All weights of times are positive."""
        inner = torch.sigmoid(4 * functional.softplus(self.slopes) * times[..., None] + self.offsets)
        found: Tensor = functional.softplus(self.line) * times + (functional.softplus(self.shares) * inner).sum(-1)
        return found


class Told(nn.Module):
    """What each of some layers adds to its channels at a level of noise.

    Parameters
    ----------
    layers, channels : int
    """

    def __init__(self, layers: int, channels: int) -> None:
        super().__init__()
        self.shape = (layers, channels)
        self.enter = nn.Linear(2 * _WAVES + 1, _HIDDEN)
        self.out = nn.Linear(_HIDDEN, layers * channels)
        with torch.no_grad():
            self.out.weight.mul_(0.3)
            self.out.bias.zero_()

    def forward(self, levels: Tensor) -> Tensor:
        """(n, layers, channels), of levels (n,)."""
        turns = levels[:, None] * (math.pi / 16 * 2.0 ** (torch.arange(_WAVES, device=levels.device) / 2))
        known = torch.cat([turns.sin(), turns.cos(), levels[:, None] / 8], 1)
        found: Tensor = self.out(functional.silu(self.enter(known)))
        return found.reshape(-1, *self.shape)


class Noise(nn.Module):
    """Both: what tables of any number of steps are made of.

    Parameters
    ----------
    first, last : float
    layers, channels : int
    """

    def __init__(self, first: float, last: float, layers: int, channels: int) -> None:
        super().__init__()
        self.schedule, self.told = Schedule(first, last), Told(layers, channels)
