"""The hyperprior family's networks: one pair of transforms, four ways to know how latents are distributed.

Factorized and scale hyperprior: Balle et al. 2018 (arXiv:1802.01436). Mean-scale and joint autoregressive: Minnen et
al. 2018 (arXiv:1809.02736). The transforms' gains are of several levels, so one network serves several rates.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from astrocodec.lossy.densities import Density, gaussian_bits
from astrocodec.lossy.gaussian_tables import MEAN_UNIT, N_SCALES
from astrocodec.lossy.integer_network import IntegerConv
from astrocodec.lossy.transforms import Transforms

KINDS = ("factorized", "scale", "mean-scale", "joint")
Z_UNIT = 16  # what a step of the hyperlatents is for an integer network
Z_REACH = 127
LEVEL_UNIT = 128
HYPER_REACH = Z_UNIT * Z_REACH
BASE, BASE_SIDE = 3, 4  # latents that have a base, and of how many beside each other
MEAN_REACH = 2047  # of means and of latents that are context, in sixteenths of a step
_SCALE_SHIFT, _SCALE_AT = 8, 24  # activations to a scale index and that of 0


@dataclass(frozen=True)
class Size:
    """How large a network is."""

    width: int
    latents: int
    hyper: int
    stages: int = 3
    kernel: int = 5
    lapped: bool = True
    heads: tuple[int, ...] = (1, 2)
    kinds: tuple[str, ...] = KINDS

    def about(self) -> dict[str, Any]:
        """What a file of weights says of it."""
        return asdict(self)


# Those of the papers have one kind each; N and M are theirs for low and for high rates.
SIZES = {
    "small": Size(24, 80, 24),
    "published-low": Size(128, 192, 128, 4, 5, False),
    "published-high": Size(192, 320, 192, 4, 5, False),
}


def scale_index(activation: Tensor) -> Tensor:
    """Scale index of an integer network's output; rounded down, gradients pass."""
    index = activation / _SCALE_SHIFT
    index = index + (index.floor() - index).detach() + _SCALE_AT
    return index.clamp(0, N_SCALES - 1)


def exact_scale_index(activation: Any) -> Any:
    """The same of whole numbers."""
    return (activation // _SCALE_SHIFT + _SCALE_AT).clip(0, N_SCALES - 1)


def last_layer(n_in: int, n_out: int) -> IntegerConv:
    """A layer whose outputs are means, in sixteenths of a step, or scales."""
    return IntegerConv(n_in, n_out, 1, low=-MEAN_REACH, high=MEAN_REACH)


class HyperLayers(nn.Module):
    """Hyperlatents and what they tell: features for every latent, in whole numbers."""

    def __init__(self, latents: int, hyper: int) -> None:
        super().__init__()
        self.analysis = nn.Sequential(
            nn.Conv2d(latents, hyper, 3, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(hyper, hyper, 5, 2, 2),
            nn.LeakyReLU(0.1),
            nn.Conv2d(hyper, hyper, 5, 2, 2),
        )
        # The first hyperlatent carries a base: means of the coarsest latents over blocks of 4 x 4, in four steps each.
        self.skip = nn.Conv2d(latents, hyper, BASE_SIDE, BASE_SIDE, bias=False)
        self.base = IntegerConv(hyper + 1, BASE, 3, low=-MEAN_REACH, high=MEAN_REACH, upsample=BASE_SIDE)
        self.density = Density(hyper, 2.0)
        self.synthesis = nn.ModuleList(
            [IntegerConv(hyper + 1, hyper, 3, upsample=2), IntegerConv(hyper, 2 * hyper, 3, upsample=2)]
        )

        self._begin()

    @torch.no_grad()
    def _begin(self) -> None:
        """Let the base be the mean of blocks, interpolated."""
        last, conv = self.analysis[-1], self.base.conv
        assert isinstance(last, nn.Conv2d)
        assert conv.bias is not None
        assert last.bias is not None
        for parameter in (self.skip.weight, conv.weight, conv.bias, last.weight[0], last.bias[0]):
            parameter.zero_()
        self.skip.weight[0, 0] = 1 / BASE_SIDE**3
        at = (torch.arange(BASE_SIDE) + 0.5) / BASE_SIDE - 0.5
        line = torch.stack([(-at).clamp(min=0), 1 - at.abs(), at.clamp(min=0)], 1)
        conv.weight[: BASE_SIDE**2, 0] = BASE_SIDE * torch.einsum("iy,jx->ijyx", line, line).flatten(0, 1)
        self.density.log_scale[0] += 1.5

    def latents(self, y: Tensor) -> Tensor:
        """Hyperlatents, not yet rounded."""
        z: Tensor = self.analysis(y) + self.skip(y)
        return z

    def features(self, z: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """Whole numbers of hyperlatents that are whole: features, and the base of latents in sixteenths of a step."""
        plane = (LEVEL_UNIT * level.to(z.dtype))[:, None, None, None].expand(-1, 1, *z.shape[2:])
        f = torch.cat([(Z_UNIT * z).clamp(-HYPER_REACH, HYPER_REACH), plane], 1)
        base = self.base(f)
        for layer in self.synthesis:
            f = layer(f)
        return f, base


class HyperpriorNetwork(nn.Module):
    """Transforms and distributions, as they learn."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.transforms = Transforms(size.width, size.latents, size.stages, size.kernel, size.lapped, size.heads)
        m, f = size.latents, 2 * size.hyper
        if "factorized" in size.kinds:
            self.density = Density(m, 0.2)
        if set(size.kinds) - {"factorized"}:
            self.hyper = HyperLayers(m, size.hyper)
        if "scale" in size.kinds:
            self.scale = last_layer(f, m)
        if "mean-scale" in size.kinds:
            self.mean_scale = last_layer(f, 2 * m)
        if "joint" in size.kinds:
            self.context = IntegerConv(m, f, 5, causal=True, low=-255)
            self.joint = nn.ModuleList([IntegerConv(2 * f, 2 * f, 1), last_layer(2 * f, 2 * m)])

    def distribution(self, kind: str, features: Tensor, context: Tensor) -> tuple[Tensor | float, Tensor]:
        """Means, in steps, and scale indices of latents less their base; `context` are these latents in steps."""
        if kind == "scale":
            return 0.0, scale_index(self.scale(features))
        if kind == "mean-scale":
            out = self.mean_scale(features)
        else:
            sixteenths = (context * MEAN_UNIT).clamp(-MEAN_REACH, MEAN_REACH)
            sixteenths = sixteenths + (sixteenths.round() - sixteenths).detach()
            out = torch.cat([features, self.context(sixteenths)], 1)
            for layer in self.joint:
                out = layer(out)
        mean, scale = out.chunk(2, 1)
        return mean / MEAN_UNIT, scale_index(scale)

    def forward(self, x: Tensor, level: Tensor, chosen: str) -> tuple[Tensor, dict[str, Tensor]]:
        """Pictures as they come back with distributions of kind `chosen`, and bits of each picture by kind.

        Noise stands for rounding where rates learn; pictures learn from latents that are rounded (Minnen & Singh 2020).
        """
        y = self.transforms(x)
        gain = self.transforms.gains.of(level)
        scaled = y * gain
        noisy = scaled + torch.rand_like(scaled) - 0.5
        bits: dict[str, Tensor] = {}
        rounded = _rounded(scaled)
        if "factorized" in self.size.kinds:
            bits["factorized"] = self.density.bits(noisy, gain).flatten(1).sum(1)
        kinds = [kind for kind in self.size.kinds if kind != "factorized"]
        if kinds:
            z = self.hyper.latents(scaled)
            side = self.hyper.density.bits(z + torch.rand_like(z) - 0.5).flatten(1).sum(1)
            features, base = self.hyper.features(_rounded(z), level)
            base = with_zeros(base / MEAN_UNIT, y.shape[1])
            for kind in kinds:
                mean, scale = self.distribution(kind, features, noisy - base)
                bits[kind] = side + gaussian_bits(noisy - base, mean, scale).flatten(1).sum(1)
                if kind == chosen:
                    rounded = _rounded(scaled - base - mean) + mean + base
        return self.transforms.inverse(rounded / gain, x.shape[1]), bits


def with_zeros(base: Tensor, channels: int) -> Tensor:
    """A base of all latents, which those behind the first few have none of."""
    return torch.cat([base, base.new_zeros(base.shape[0], channels - base.shape[1], *base.shape[2:])], 1)


def _rounded(x: Tensor) -> Tensor:
    return x + (x.round() - x).detach()
