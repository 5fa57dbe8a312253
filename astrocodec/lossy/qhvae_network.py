"""QH-VAE, the quantised hierarchical VAE (Duan et al. 2023, arXiv:2208.13056): latents from coarse grids to fine ones.

Each block of latents has a prior from all blocks before it, and the last one, which costs most, may be a chessboard
whose white squares see the black ones; the encoder's mean is rounded to whole steps from the prior's. Priors come of
whole numbers: a path of integer layers through the latents decoded so far. The picture comes of a second path through
the same latents, in floats, which may be as wide as it wants without being exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from astrocodec.lossy.densities import gaussian_bits
from astrocodec.lossy.elic_network import black_squares
from astrocodec.lossy.gaussian_tables import MEAN_UNIT
from astrocodec.lossy.hyperprior_network import MEAN_REACH, last_layer, scale_index, with_zeros
from astrocodec.lossy.integer_network import MAX_ACTIVATION, IntegerConv
from astrocodec.lossy.transforms import BLOCK, Gains, lapped_pair

LEVEL_REACH = 1024
ROOTS = 2  # latents of a grid's first block that begin as the means of a picture's channels
_LEVEL_UNIT = 128


@dataclass(frozen=True)
class Size:
    """How large a network is: for each grid, coarsest first, the channels of its blocks of latents."""

    width: int
    prior_width: int
    latents: tuple[tuple[int, ...], ...]
    finest: int = 8  # pixels of a step of the finest grid
    convolutions: int = 1  # in each grid, of encoder and decoder
    lapped: bool = True
    heads: tuple[int, ...] = (1, 2)
    kinds: tuple[str, ...] = ("hierarchy",)
    chessboard: bool = False  # of the last block

    def about(self) -> dict[str, Any]:
        """What a file of weights says of it."""
        return asdict(self)

    def blocks(self) -> list[tuple[int, int]]:
        """Grid and channels of each block of latents, in the order in which they are coded."""
        return [(i, channels) for i, grid in enumerate(self.latents) for channels in grid]


# The published one has the 12 blocks of QRes-VAE: 16 channels on a grid of 64 pixels to 8 on one of 4.
SIZES = {
    "small": Size(32, 32, ((8,), (8,), (16,), (80,)), chessboard=True),
    "published": Size(192, 192, ((16,), (14,) * 2, (12,) * 3, (10,) * 3, (8,) * 3), 4, 4, False),
}


class NextBlock(nn.Module):
    """A residual block of ConvNeXt (Liu et al. 2022)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.GroupNorm(1, width)
        self.inside = nn.Sequential(nn.Conv2d(width, 2 * width, 1), nn.GELU(), nn.Conv2d(2 * width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Activations of the same shape."""
        y: Tensor = x + self.inside(_channel_norm(self.norm, self.spatial(x)))
        return y


def _channel_norm(norm: nn.GroupNorm, x: Tensor) -> Tensor:
    """Norm over the channels of each place, with a group norm's weights: no place knows of others."""
    mean = x.mean(1, keepdim=True)
    spread = (x - mean).square().mean(1, keepdim=True)
    return (x - mean) * torch.rsqrt(spread + 1e-5) * norm.weight[:, None, None] + norm.bias[:, None, None]


class Prior(nn.Module):
    """What is known of latents from those before: whole numbers all the way."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        c, blocks = size.prior_width, size.blocks()
        self.start = IntegerConv(1, c, 1)
        self.heads = nn.ModuleList(last_layer(c, 2 * channels) for _, channels in blocks)
        self.taken = nn.ModuleList(IntegerConv(c + channels, c, 3) for _, channels in blocks[:-1])
        self.grown = nn.ModuleList(IntegerConv(c, c, 3, upsample=2) for _ in size.latents[1:])
        if size.lapped:
            self.bases = nn.ModuleList(_base(grid[0]) for grid in size.latents[:-1])
        if size.chessboard:
            last = blocks[-1][1]
            self.beside = IntegerConv(last, c, 5, low=-MAX_ACTIVATION, checkered=True)
            self.joined = nn.ModuleList([IntegerConv(2 * c, 2 * c, 1), last_layer(2 * c, 2 * last)])
            nn.init.zeros_(self.joined[-1].conv.weight)  # type: ignore[union-attr, arg-type]
            nn.init.zeros_(self.joined[-1].conv.bias)  # type: ignore[union-attr, arg-type]

    def on_chessboard(self, f: Tensor, out: Tensor, above: Tensor) -> Tensor:
        """Means and scales of the last block, those of white squares with what black ones tell; `out` are without."""
        black = black_squares(*above.shape[2:]).to(above.device)
        known = torch.cat([f, self.beside(as_context(_in_steps(above, out.chunk(2, 1)[0]) * black))], 1)
        for layer in self.joined:
            known = layer(known)
        return out + known * ~black


@torch.no_grad()
def _base(channels: int) -> IntegerConv:
    """Means of the next grid's first latents from a grid's first block: they begin as its own, interpolated."""
    layer = IntegerConv(channels, ROOTS, 3, low=-MEAN_REACH, high=MEAN_REACH, upsample=2)
    weight, bias = layer.conv.weight, layer.conv.bias
    assert bias is not None
    weight.zero_()
    bias.zero_()
    line = torch.tensor([[0.25, 0.75, 0.0], [0.0, 0.75, 0.25]])
    for k in range(ROOTS):
        # A coarser grid's steps are twice as wide.
        weight[4 * k : 4 * k + 4, k] = 2 * torch.einsum("iy,jx->ijyx", line, line).flatten(0, 1)
    return layer


class Picture(nn.Module):
    """From latents to features of the picture, in floats."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        w = size.width
        self.start = nn.Parameter(torch.zeros(w))
        self.taken = nn.ModuleList(nn.Conv2d(channels, w, 1) for _, channels in size.blocks())
        self.mixed = nn.ModuleList(_several(size) for _ in size.blocks())
        self.grown = nn.ModuleList(nn.Conv2d(w, 4 * w, 1) for _ in size.latents[1:])

    def take(self, number: int, g: Tensor, z: Tensor) -> Tensor:
        """Features with one more block of latents."""
        taken: Tensor = self.mixed[number](g + self.taken[number](z))
        return taken

    def grow(self, grid: int, g: Tensor) -> Tensor:
        """Features on the next grid, which is twice as fine."""
        return nn.functional.pixel_shuffle(self.grown[grid - 1](g), 2)


def _several(size: Size) -> nn.Sequential:
    return nn.Sequential(*(NextBlock(size.width) for _ in range(size.convolutions)))


class Encoder(nn.Module):
    """From pictures to features on every grid, and with what the decoder has, to means of latents."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        w = size.width
        self.first = nn.ModuleDict({str(c): nn.Conv2d(c, w, size.finest, size.finest) for c in size.heads})
        self.mixed = nn.ModuleList(_several(size) for _ in size.latents)
        self.shrunk = nn.ModuleList(nn.Conv2d(w, w, 2, 2) for _ in size.latents[1:])
        self.means = nn.ModuleList(nn.Conv2d(2 * w, channels, 1) for _, channels in size.blocks())

    def features(self, x: Tensor) -> list[Tensor]:
        """Features of pictures less 0.5, coarsest first."""
        e = self.mixed[0](self.first[str(x.shape[1])](x))
        found = [e]
        for shrunk, mixed in zip(self.shrunk, list(self.mixed)[1:], strict=True):
            e = mixed(shrunk(e))
            found.append(e)
        return found[::-1]


class QhvaeNetwork(nn.Module):
    """All of it, as it learns."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.prior, self.encoder, self.picture = Prior(size), Encoder(size), Picture(size)
        self.gains = nn.ModuleList(Gains(channels) for _, channels in size.blocks())
        with torch.no_grad():
            for number, grid, is_first in self.steps():
                if number < len(self.gains) - 1:
                    # Other coarse latents begin as next to nothing: what begins dear stays dear for long.
                    logarithm = self.gain(number).logarithm
                    starts = logarithm[:, :ROOTS] - math.log(2) * (len(size.latents) - 1 - grid)
                    logarithm.fill_(-1.0)
                    if is_first and size.lapped:
                        logarithm[:, :ROOTS] = starts
        self.last = nn.ModuleDict({str(c): nn.Conv2d(size.width, c * size.finest**2, 1) for c in size.heads})
        if size.lapped:
            if size.finest != BLOCK:
                raise ValueError(f"a grid of {size.finest} pixels found, the lapped transform has one of {BLOCK}")
            self.lapped_analysis, self.lapped_synthesis = lapped_pair(size.latents[-1][-1], size.heads)
            with torch.no_grad():
                for layer in (self.encoder.means[-1], *self.last.values()):
                    layer.weight.mul_(0.05)  # type: ignore[operator]

    def mean(self, number: int, x: Tensor, e: Tensor, g: Tensor) -> Tensor:
        """The encoder's mean of a block of latents; `x` are pictures less 0.5."""
        mean: Tensor = self.encoder.means[number](torch.cat([e, g], 1))
        if self.size.lapped and number == len(self.gains) - 1:
            mean = mean + self.lapped_analysis[str(x.shape[1])](x)
        elif self.size.lapped and (number, True) in {(n, is_first) for n, _, is_first in self.steps()}:
            roots = BLOCK * nn.functional.avg_pool2d(x, x.shape[2] // mean.shape[2])
            mean = torch.cat([mean[:, : x.shape[1]] + roots, mean[:, x.shape[1] :]], 1)
        return mean

    def pictures(self, g: Tensor, z: Tensor, channels: int) -> Tensor:
        """Pictures of the last features and the last block of latents."""
        x = nn.functional.pixel_shuffle(self.last[str(channels)](g), self.size.finest)
        if self.size.lapped:
            x = x + self.lapped_synthesis[str(channels)](z)
        return x + 0.5

    def gain(self, number: int) -> Gains:
        """Of a block of latents."""
        found = self.gains[number]
        assert isinstance(found, Gains)
        return found

    def steps(self) -> Iterator[tuple[int, int, bool]]:
        """Number and grid of each block of latents, and whether it is the first of its grid."""
        before = -1
        for number, (grid, _) in enumerate(self.size.blocks()):
            yield number, grid, grid != before
            before = grid

    def forward(self, x: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures as they come back, and bits of each."""
        centred = x - 0.5
        features = self.encoder.features(centred)
        coarse = features[0].shape
        g = self.picture.start[None, :, None, None].expand(len(x), -1, *coarse[2:])
        f = self.prior.start(level_plane(level, coarse[2:]))
        bits = torch.zeros(len(x), device=x.device)
        z = root = g
        for number, grid, is_first in self.steps():
            if is_first and grid:
                f, g = self.prior.grown[grid - 1](f), self.picture.grow(grid, g)
            gain = self.gain(number).of(level)
            out = self.prior.heads[number](f)
            wanted = self.mean(number, centred, features[grid], g) * gain
            base = torch.zeros_like(wanted)
            if is_first and grid and self.size.lapped:
                base = with_zeros(self.prior.bases[grid - 1](as_context(root)) / MEAN_UNIT, wanted.shape[1])
            above = wanted - base
            if self.size.chessboard and number == len(self.gains) - 1:
                out = self.prior.on_chessboard(f, out, above)
            mean, scale = out.chunk(2, 1)
            noisy = above + torch.rand_like(wanted) - 0.5
            bits = bits + gaussian_bits(noisy, mean / MEAN_UNIT, scale_index(scale)).flatten(1).sum(1)
            steps = base + _in_steps(above, mean)
            root = steps if is_first else root
            z = steps / gain
            g = self.picture.take(number, g, z)
            if number < len(self.prior.taken):
                f = self.prior.taken[number](torch.cat([f, as_context(steps)], 1))
        return self.pictures(g, z, x.shape[1]), bits


def level_plane(level: Tensor, sides: Any) -> Tensor:
    """What the prior begins with."""
    return (_LEVEL_UNIT * level.to(torch.float32))[:, None, None, None].expand(-1, 1, *sides)


def as_context(steps: Tensor) -> Tensor:
    """Latents as the prior takes them: whole sixteenths of a step."""
    return _rounded((steps * MEAN_UNIT).clamp(-MEAN_REACH, MEAN_REACH))


def _in_steps(above: Tensor, mean: Tensor) -> Tensor:
    """Latents as they are decoded, of those less their base and their means."""
    return _rounded(above - mean / MEAN_UNIT) + mean / MEAN_UNIT


def _rounded(x: Tensor) -> Tensor:
    return x + (x.round() - x).detach()
