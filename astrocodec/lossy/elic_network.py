"""ELIC (He et al. 2022, arXiv:2203.10886): residual blocks and attention, channels in uneven groups, each a chessboard.

Group by group, and in each the black squares before the white ones, latents are known from the hyperlatents, from all
groups before, and from the black squares beside them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from astrocodec.lossy.densities import gaussian_bits
from astrocodec.lossy.gaussian_tables import MEAN_UNIT
from astrocodec.lossy.hyperprior_network import MEAN_REACH, HyperLayers, last_layer, scale_index, with_zeros
from astrocodec.lossy.integer_network import IntegerConv
from astrocodec.lossy.transforms import Transforms


@dataclass(frozen=True)
class Size:
    """How large a network is."""

    width: int
    groups: tuple[int, ...]  # channels of each
    hyper: int
    blocks: int = 1  # residual blocks between convolutions
    attention: bool = False
    stages: int = 3
    kernel: int = 5
    lapped: bool = True
    heads: tuple[int, ...] = (1, 2)
    kinds: tuple[str, ...] = ("groups",)

    def about(self) -> dict[str, Any]:
        """What a file of weights says of it."""
        return asdict(self)


SIZES = {
    "small": Size(24, (4, 4, 8, 16, 48), 24),
    "published": Size(192, (16, 16, 32, 64, 192), 192, 3, True, 4, 5, False),
}


class Bottleneck(nn.Module):
    """A residual block that is narrow inside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.inside = nn.Sequential(
            *(nn.Conv2d(width, half, 1), nn.ReLU(), nn.Conv2d(half, half, 3, padding=1), nn.ReLU()),
            nn.Conv2d(half, width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Activations of the same shape."""
        y: Tensor = x + self.inside(x)
        return y


class Attention(nn.Module):
    """What one branch says, where another lets it (Cheng et al. 2020, simplified)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.said = nn.Sequential(*(Bottleneck(width) for _ in range(3)))
        self.gate = nn.Sequential(*(Bottleneck(width) for _ in range(3)), nn.Conv2d(width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Activations of the same shape."""
        y: Tensor = x + self.said(x) * torch.sigmoid(self.gate(x))
        return y


def _block(size: Size, width: int) -> nn.Module:
    attention = [Attention(width)] if size.attention else []
    return nn.Sequential(*(Bottleneck(width) for _ in range(size.blocks)), *attention)


class Group(nn.Module):
    """What is known of one group of channels."""

    def __init__(self, before: int, channels: int, features: int) -> None:
        super().__init__()
        self.channels = IntegerConv(before, features, 3, low=-255) if before else None
        self.beside = IntegerConv(channels, features, 5, low=-255, checkered=True)
        known = features * (3 if before else 2)
        self.joined = nn.ModuleList(
            [
                IntegerConv(known, 2 * features, 1),
                last_layer(2 * features, 2 * channels),
            ]
        )

    def forward(self, features: Tensor, before: Tensor, black: Tensor) -> tuple[Tensor, Tensor]:
        """Means and scales, whole numbers, of latents; contexts are in sixteenths of a step."""
        parts = [features, *([self.channels(before)] if self.channels is not None else []), self.beside(black)]
        out = torch.cat(parts, 1)
        for layer in self.joined:
            out = layer(out)
        mean, scale = out.chunk(2, 1)
        return mean, scale


def black_squares(height: int, width: int) -> Tensor:
    """Those that are coded first."""
    return (torch.arange(height)[:, None] + torch.arange(width)[None]) % 2 == 0


class ElicNetwork(nn.Module):
    """Transforms and distributions, as they learn."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        latents = sum(size.groups)
        self.transforms = Transforms(
            *(size.width, latents, size.stages, size.kernel, size.lapped, size.heads),
            lambda width, inverse: _block(size, width),
        )
        self.hyper = HyperLayers(latents, size.hyper)
        starts = [sum(size.groups[:i]) for i in range(len(size.groups))]
        self.groups = nn.ModuleList(
            Group(start, channels, 2 * size.hyper) for start, channels in zip(starts, size.groups, strict=True)
        )

    def forward(self, x: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures as they come back, and bits of each."""
        y = self.transforms(x)
        gain = self.transforms.gains.of(level)
        scaled = y * gain
        noise = torch.rand_like(scaled) - 0.5
        z = self.hyper.latents(scaled)
        bits = self.hyper.density.bits(z + torch.rand_like(z) - 0.5).flatten(1).sum(1)
        features, base = self.hyper.features(_rounded(z), level)
        base = with_zeros(base / MEAN_UNIT, y.shape[1])
        scaled = scaled - base
        black = black_squares(*y.shape[2:]).to(y.device)
        before = scaled[:, :0]
        for group, part, rough in zip(
            self.groups,
            torch.split(scaled, list(self.size.groups), 1),
            torch.split(noise, list(self.size.groups), 1),
            strict=True,
        ):
            known = _sixteenths(before)
            mean, scale = group(features, known, torch.zeros_like(part))
            first = _steps(part, mean) * black
            beside, beside_scale = group(features, known, _sixteenths(first))
            mean, scale = torch.where(black, mean, beside), torch.where(black, scale, beside_scale)
            bits = bits + gaussian_bits(part + rough, mean / MEAN_UNIT, scale_index(scale)).flatten(1).sum(1)
            before = torch.cat([before, _steps(part, mean)], 1)
        return self.transforms.inverse((before + base) / gain, x.shape[1]), bits


def _rounded(x: Tensor) -> Tensor:
    return x + (x.round() - x).detach()


def _steps(y: Tensor, mean: Tensor) -> Tensor:
    """Latents as they are decoded, in steps."""
    return _rounded(y - mean / MEAN_UNIT) + mean / MEAN_UNIT


def _sixteenths(y: Tensor) -> Tensor:
    """Latents as context."""
    return _rounded((y * MEAN_UNIT).clamp(-MEAN_REACH, MEAN_REACH))
