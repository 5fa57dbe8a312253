"""Transforms between pictures and latents: strided convolutions with divisive normalisation, and a lapped transform.

Analysis and synthesis of Balle et al. 2018 (arXiv:1802.01436), with the simplified normalisation of Johnston et al.
2019 (arXiv:1912.08771). Networks that learn for minutes on a processor get a lapped transform beside them, which begins
as the cosine transform of 8 x 8 pixels: they begin where JPEG is. Published sizes do without.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

BLOCK = 8  # of the lapped transform
LEVELS = 8
_FIRST_STEP, _OCTAVES = 0.4, 0.5  # quantiser's step of level 0, pictures being of 0 to 1; octaves from level to level


Block = Callable[[int, bool], nn.Module]


class Normalised(nn.Module):
    """Divides (or, inverse, multiplies) each channel by what the channels beside it hold."""

    def __init__(self, channels: int, inverse: bool = False) -> None:
        super().__init__()
        self.inverse = inverse
        self.beta = nn.Parameter(torch.ones(channels))
        self.gamma = nn.Parameter(0.1 * torch.eye(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Activations of the same shape."""
        weight = self.gamma.abs()[:, :, None, None]
        norm = nn.functional.conv2d(x.abs(), weight, self.beta.abs() + 1e-3)
        return x * norm if self.inverse else x / norm


class Upsampled(nn.Module):
    """A convolution whose channels become pixels: sides grow by 2."""

    def __init__(self, n_in: int, n_out: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_in, 4 * n_out, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Activations on a grid twice as fine."""
        return nn.functional.pixel_shuffle(self.conv(x), 2)


def strided_stack(n_in: int, width: int, n_out: int, stages: int, kernel: int, block: Block) -> nn.Sequential:
    """Analysis: each stage halves the sides."""
    sides = [n_in, *[width] * (stages - 1), n_out]
    layers: list[nn.Module] = []
    for i in range(stages):
        last = i == stages - 1
        k = 3 if last and stages == 3 else kernel
        layers.append(nn.Conv2d(sides[i], sides[i + 1], k, 2, k // 2))
        layers += [] if last else [block(width, False)]
    return nn.Sequential(*layers)


def growing_stack(n_in: int, width: int, n_out: int, stages: int, kernel: int, block: Block) -> nn.Sequential:
    """Synthesis: each stage doubles the sides."""
    sides = [n_in, *[width] * (stages - 1), n_out]
    layers: list[nn.Module] = []
    for i in range(stages):
        layers.append(Upsampled(sides[i], sides[i + 1], kernel))
        layers += [] if i == stages - 1 else [block(width, True)]
    return nn.Sequential(*layers)


def cosine_basis(count: int) -> NDArray[np.float64]:
    """The first `count` patterns (count, 8, 8) of the cosine transform, from the coarsest on; at most 64 are not 0."""
    n = np.arange(BLOCK)
    rows = np.cos(np.pi * (2 * n[None] + 1) * n[:, None] / (2 * BLOCK)) * np.sqrt(2 / BLOCK)
    rows[0] /= np.sqrt(2)
    order = sorted(((i, j) for i in range(BLOCK) for j in range(BLOCK)), key=lambda ij: (sum(ij), ij))
    patterns = np.array([np.outer(rows[i], rows[j]) for i, j in order])
    found = np.zeros((count, BLOCK, BLOCK))
    found[: min(count, BLOCK**2)] = patterns[:count]
    return found


class Lapped(nn.Module):
    """A transform of blocks that overlap by half their side, which begins as the cosine transform.

    What learns, and is kept, is how it differs from that: rounded to 8 bits, the difference costs nothing, where the
    kernels themselves would let a picture's mean leak into all latents.
    """

    basis: Tensor

    def __init__(self, channels: int, latents: int, inverse: bool = False) -> None:
        super().__init__()
        self.inverse = inverse
        kernel = np.zeros((latents, channels, 2 * BLOCK, 2 * BLOCK), np.float32)
        # Channels take turns, so that each has its coarsest patterns.
        for c in range(channels):
            mine = kernel[c::channels, c]
            mine[:, BLOCK // 2 : -BLOCK // 2, BLOCK // 2 : -BLOCK // 2] = cosine_basis(len(mine))
        self.register_buffer("basis", torch.from_numpy(kernel), persistent=False)
        self.change = nn.Parameter(torch.zeros_like(self.basis))

    def forward(self, x: Tensor) -> Tensor:
        """Latents of pictures, or, inverse, pictures of latents."""
        apply = nn.functional.conv_transpose2d if self.inverse else nn.functional.conv2d
        return apply(x, self.basis + self.change, None, BLOCK, BLOCK // 2)


def lapped_pair(latents: int, heads: tuple[int, ...]) -> tuple[nn.ModuleDict, nn.ModuleDict]:
    """Analysis and synthesis for pictures of so many channels."""
    analysis, synthesis = ({str(c): Lapped(c, latents, inverse) for c in heads} for inverse in (False, True))
    return nn.ModuleDict(analysis), nn.ModuleDict(synthesis)


def rate_weights(level: Tensor) -> Tensor:
    """Bits per pixel that a squared error of 1 is worth at each level: twice as many from one to the next."""
    return 60.0 * 2.0 ** level.to(torch.float32)


class Gains(nn.Module):
    """What latents are multiplied by before they are rounded: one network, several rates (Cui et al. 2021)."""

    def __init__(self, latents: int) -> None:
        super().__init__()
        steps = _FIRST_STEP * 2.0 ** (-_OCTAVES * torch.arange(LEVELS))
        self.logarithm = nn.Parameter((-torch.log(steps))[:, None].repeat(1, latents))

    def of(self, level: Tensor) -> Tensor:
        """Gains (n, latents, 1, 1) of levels (n,)."""
        return self.logarithm[level].exp()[:, :, None, None]


class Transforms(nn.Module):
    """Pictures of one or two channels to latents and back.

    Parameters
    ----------
    width, latents : int
        Channels inside, and of the latents.
    stages : int
        Halvings of the sides.
    kernel : int
    lapped : bool
        Whether a lapped transform stands beside, for which `stages` is 3.
    heads : sequence of int
        Channels of pictures.
    block : callable, optional
        What stands between convolutions, for a width and for analysis (False) or synthesis.
    """

    def __init__(
        self,
        width: int,
        latents: int,
        stages: int,
        kernel: int,
        lapped: bool,
        heads: tuple[int, ...],
        block: Block = Normalised,
    ) -> None:
        super().__init__()
        self.stride = 2**stages
        self.lapped = lapped
        self.first = nn.ModuleDict({str(c): nn.Conv2d(c, width, kernel, 2, kernel // 2) for c in heads})
        self.analysis = nn.Sequential(
            block(width, False), *strided_stack(width, width, latents, stages - 1, kernel, block)
        )
        self.synthesis = nn.Sequential(
            *growing_stack(latents, width, width, stages - 1, 3 if lapped else kernel, block), block(width, True)
        )
        self.last = nn.ModuleDict({str(c): Upsampled(width, c, 3 if lapped else kernel) for c in heads})
        self.gains = Gains(latents)
        if lapped:
            self.lapped_analysis, self.lapped_synthesis = lapped_pair(latents, heads)
            with torch.no_grad():
                for layer in (self.analysis[-1], *(last.conv for last in self.last.values())):
                    layer.weight.mul_(0.05)  # type: ignore[operator, union-attr]
                    layer.bias.zero_()  # type: ignore[operator, union-attr]

    def forward(self, x: Tensor) -> Tensor:
        """Latents of pictures (n, channels, y, x) of 0 to 1."""
        head = str(x.shape[1])
        x = x - 0.5
        y: Tensor = self.analysis(self.first[head](x))
        return y + self.lapped_analysis[head](x) if self.lapped else y

    def inverse(self, y: Tensor, channels: int) -> Tensor:
        """Pictures of latents."""
        head = str(channels)
        x: Tensor = self.last[head](self.synthesis(y))
        if self.lapped:
            x = x + self.lapped_synthesis[head](y)
        return x + 0.5
