"""Networks of the denoising autoencoder: whole numbers in, whole numbers out, whichever machine they run on.

Two kinds. *Dense*, after Gheller & Vazza 2022 (MNRAS 509, 990, section 2 and appendix A): two convolutions with
rectifier and pooling, one dense layer, which is the latent, and the mirror image of it all; it takes tiles of 128 x 128
pixels. *Convolutional*: strides in place of the dense layer, so that the latent is a picture of an eighth the sides and
images need no tiles. Layers are those of `integer_network`, docs/format.md section "Autoencoder".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from astrocodec.lossy.flux_scale import TOP
from astrocodec.lossy.integer_network import UNIT, ExactConv, IntegerConv, layer_tensors, loaded_layer

TILE = 128
STRIDE = 8  # sides of the picture to sides of a convolutional network's latent
MAX_LATENT = 255
OUT_TOP = 4095  # of a dense network's picture, which spans its image's range


@dataclass(frozen=True)
class Configuration:
    """
    A size of the network.

    Attributes
    ----------
    features : tuple of int
        Channels of the convolutions, from the picture to the latent.
    latent : int
        Numbers of a tile (dense), or channels of the latent.
    pool : int
        Side of the pixels that a pooling level of a dense network joins; 0 for a convolutional one.
    """

    features: tuple[int, ...]
    latent: int
    pool: int = 0

    @property
    def is_dense(self) -> bool:
        """Whether it is of the paper's kind."""
        return self.pool > 0


CONFIGURATIONS = {
    "conv": Configuration((24, 32, 48), 16),
    "dense200": Configuration((16, 16), 200, 4),
    "dense400": Configuration((16, 16), 400, 4),
    "paper200": Configuration((32, 64), 200, 2),
    "paper400": Configuration((32, 64), 400, 2),
}


class Pool(nn.Module):
    """The largest of each square of pixels."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, y, x)."""
        return functional.max_pool2d(x, self.side)


class Unpool(nn.Module):
    """Each pixel as a square of equal ones."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, y, x)."""
        return functional.interpolate(x, scale_factor=float(self.side), mode="nearest")


class Reshape(nn.Module):
    """The same numbers as channels of a picture of another size."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.shape = channels, side, side

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, y, x)."""
        return x.reshape(len(x), *self.shape)


class Chain(nn.Sequential):
    """Stages one after the other, of which `IntegerConv` learn and the others only move numbers."""

    def exact(self, reach: int) -> ExactChain:
        """The same to run, on inputs of at most `reach` either side of zero."""
        steps: list[ExactConv | nn.Module] = []
        first = reach
        for stage in self:
            if isinstance(stage, IntegerConv):
                steps.append(stage.exact(reach))
                reach = max(abs(stage.low), abs(stage.high))
            else:
                steps.append(stage)
        return ExactChain(steps, first)


class ExactChain:
    """What a `Chain` learned, in whole numbers of at most `reach` either side of zero."""

    def __init__(self, steps: Sequence[ExactConv | nn.Module], reach: int) -> None:
        self.steps, self.reach = tuple(steps), reach

    def run(self, x: NDArray[Any], device: str = "cpu") -> NDArray[np.int64]:
        """Whole numbers (n, channels, y, x) of such, which are clipped to what the first layer takes."""
        where = torch.device(device if device.startswith("cuda") else "cpu")
        with torch.inference_mode(), torch.autocast(where.type, enabled=False):
            y = torch.from_numpy(np.clip(np.asarray(x, np.float64), -self.reach, self.reach)).to(where)
            for step in self.steps:
                y = step.run(y) if isinstance(step, ExactConv) else step(y)
            return y.to("cpu", torch.int64).numpy()

    def tensors(self, prefix: str) -> dict[str, NDArray[Any]]:
        """Weights and biases to be saved."""
        found: dict[str, NDArray[Any]] = {}
        layers = [step for step in self.steps if isinstance(step, ExactConv)]
        for i, layer in enumerate(layers):
            found |= layer_tensors(layer, f"{prefix}.{i}")
        return found

    @classmethod
    def loaded(cls, tensors: Mapping[str, NDArray[Any]], prefix: str, like: Chain, reach: int) -> ExactChain:
        """What `tensors` saved; `like` says what stands between the layers, and how these clip and grow."""
        steps: list[ExactConv | nn.Module] = []
        first = reach
        for stage in like:
            if not isinstance(stage, IntegerConv):
                steps.append(stage)
                continue
            name = f"{prefix}.{sum(isinstance(step, ExactConv) for step in steps)}"
            steps.append(loaded_layer(tensors, name, stage, reach))
            reach = max(abs(stage.low), abs(stage.high))
        return cls(steps, first)


def _started(chain: Chain) -> Chain:
    """With weights of a variance that keeps that of activations, which have only eight bits to be small in."""
    for stage in chain:
        if isinstance(stage, IntegerConv) and stage.conv.bias is not None:
            nn.init.kaiming_normal_(stage.conv.weight, nonlinearity="relu")
            nn.init.zeros_(stage.conv.bias)
    return chain


# Of a dense network's layers, so that most activations of noisy tiles are within their eight bits: pooling keeps the
# largest. The picture begins near the mean of skies.
_GAINS = (0.25, 0.2, 0.1, 4.0, 2.0, 4.0)
_MEAN_LEVEL = 800


@torch.no_grad()
def _calm(layers: Sequence[IntegerConv]) -> None:
    for layer, gain in zip(layers, _GAINS, strict=True):
        layer.conv.weight *= gain
    assert layers[-1].conv.bias is not None
    layers[-1].conv.bias.fill_(_MEAN_LEVEL / UNIT)


class Autoencoder(nn.Module):
    """Encoder, decoder, and the scale of each latent channel, which only learning needs."""

    def __init__(self, configuration: Configuration) -> None:
        super().__init__()
        self.configuration = configuration
        build = _dense if configuration.is_dense else _convolutional
        encoder, decoder = build(configuration)
        self.encoder, self.decoder = _started(encoder), _started(decoder)
        if configuration.is_dense:
            _calm([stage for chain in (encoder, decoder) for stage in chain if isinstance(stage, IntegerConv)])
        self.log_scale = nn.Parameter(torch.full((configuration.latent,), 2.0))

    @property
    def reach(self) -> int:
        """The largest number of a picture that goes in, either side of zero."""
        return 255 if self.configuration.is_dense else TOP

    @torch.no_grad()
    def take(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Go on from weights that were saved."""
        for name, chain, reach in (("encoder", self.encoder, self.reach), ("decoder", self.decoder, MAX_LATENT)):
            for stage, step in zip(chain, ExactChain.loaded(tensors, name, chain, reach).steps, strict=True):
                if isinstance(stage, IntegerConv) and isinstance(step, ExactConv):
                    stage.take(step)
        self.log_scale.copy_(torch.from_numpy(tensors["log_scale"]))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Latent, and the picture that it gives."""
        latent = self.encoder(x)
        return latent, self.decoder(latent)


def _convolutional(c: Configuration) -> tuple[Chain, Chain]:
    """Three halvings and three doublings; the picture has two channels, flux and uncertainty."""
    a, b, d = c.features
    encoder = Chain(
        IntegerConv(1, a, 5, stride=2), IntegerConv(a, b, 3, stride=2), IntegerConv(b, b, 3),
        IntegerConv(b, d, 3, stride=2), IntegerConv(d, d, 3), IntegerConv(d, d, 3),
        IntegerConv(d, c.latent, 3, low=-MAX_LATENT, high=MAX_LATENT),
    )  # fmt: skip
    decoder = Chain(
        IntegerConv(c.latent, d, 3), IntegerConv(d, d, 3), IntegerConv(d, d, 3), IntegerConv(d, b, 3, upsample=2),
        IntegerConv(b, b, 3), IntegerConv(b, a, 3, upsample=2), IntegerConv(a, 2, 3, low=-TOP, high=TOP, upsample=2),
    )  # fmt: skip
    return encoder, decoder


def _dense(c: Configuration) -> tuple[Chain, Chain]:
    """Two convolutions with pooling, a dense layer, and its mirror image."""
    a, b = c.features
    side = TILE // c.pool**2
    encoder = Chain(
        IntegerConv(1, a, 3), Pool(c.pool), IntegerConv(a, b, 3), Pool(c.pool), Reshape(b * side**2, 1),
        IntegerConv(b * side**2, c.latent, 1, low=-MAX_LATENT, high=MAX_LATENT),
    )  # fmt: skip
    decoder = Chain(
        IntegerConv(c.latent, b * side**2, 1), Reshape(b, side), Unpool(c.pool), IntegerConv(b, a, 3), Unpool(c.pool),
        IntegerConv(a, 1, 3, low=0, high=OUT_TOP),
    )  # fmt: skip
    return encoder, decoder
