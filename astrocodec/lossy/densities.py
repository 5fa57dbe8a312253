"""Densities of latents that nothing is known of: for each channel a mixture of logistics, and its frequency tables."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

_COMPONENTS = 3
_LIKELY = 1e-9  # probabilities below count as this while learning
_WEIGHT_BITS = 16


class Density(nn.Module):
    """A density on the line for each channel.

    Parameters
    ----------
    channels : int
    spread : float, optional
        Scale that it begins with.
    """

    def __init__(self, channels: int, spread: float = 1.0) -> None:
        super().__init__()
        offsets = torch.tensor([0.0, -1.0, 1.0])
        self.weight = nn.Parameter(torch.zeros(channels, _COMPONENTS))
        self.mean = nn.Parameter(spread * 0.5 * offsets.repeat(channels, 1))
        logs = torch.tensor([-1.5, 0.0, 0.0]) + float(np.log(spread))
        self.log_scale = nn.Parameter(logs.repeat(channels, 1))

    def cumulative(self, x: Tensor) -> Tensor:
        """Of values (n, channels, y, x)."""
        shape = (1, -1, 1, 1, _COMPONENTS)
        part = torch.sigmoid((x[..., None] - self.mean.reshape(shape)) * torch.exp(-self.log_scale).reshape(shape))
        return (part * torch.softmax(self.weight, -1).reshape(shape)).sum(-1)

    def bits(self, y: Tensor, gain: Tensor | float = 1.0) -> Tensor:
        """Bits of symbols `y`, with noise while learning, of latents that were multiplied by a gain."""
        mass = self.cumulative((y + 0.5) / gain) - self.cumulative((y - 0.5) / gain)
        return -torch.log2(mass.clamp(min=_LIKELY))

    def table_weights(self, gain: NDArray[np.float64], reach: int) -> NDArray[np.uint16]:
        """Weights (channels, 2 * reach + 1) of symbols from -reach on, for a gain of each channel."""
        mean, scale = self.mean.detach().double().numpy(), self.log_scale.detach().double().exp().numpy()
        share = torch.softmax(self.weight.detach().double(), -1).numpy()
        edges = (np.arange(-reach, reach + 2) - 0.5)[None, :, None] / gain[:, None, None]
        z = np.clip((edges - mean[:, None]) / scale[:, None], -500, 500)
        cumulative = (share[:, None] / (1 + np.exp(-z))).sum(-1)
        mass = np.diff(cumulative, axis=1)
        top = mass.max(1, keepdims=True)
        weights: NDArray[np.uint16] = np.rint(mass / top * ((1 << _WEIGHT_BITS) - 1)).astype(np.uint16)
        return weights


def gaussian_bits(y: Tensor, mean: Tensor | float, scale_index: Tensor) -> Tensor:
    """Bits of symbols under the normal distributions of the lattice coder's scales."""
    inverse = torch.exp2((19 - scale_index) / 6) * 0.5**0.5
    distance = (y - mean).abs()
    mass = 0.5 * (torch.erf((0.5 - distance) * inverse) + torch.erf((0.5 + distance) * inverse))
    return -torch.log2(mass.clamp(min=_LIKELY))
