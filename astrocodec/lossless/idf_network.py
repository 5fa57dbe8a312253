"""Integer discrete flow: the network (Hoogeboom et al. 2019, arXiv:1905.07376). docs/format.md section "IDF".

Symbols are whole numbers around zero, modulo the alphabet. Each level may squeeze 2 x 2 pixels into channels, adds
translations to some channels that are rounded functions of the others, and gives up half of its channels, whose
distribution the other half tells. All that a symbol depends on is computed by integer networks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from astrocodec.lossless.logistic_bits import logistic_bits
from astrocodec.lossless.logistic_tables import N_SCALES, UNIT
from astrocodec.lossless.patches import SIDE
from astrocodec.lossless.pixel_format import PixelFormat
from astrocodec.lossless.signed_log import FINE, REACH, signed_log
from astrocodec.lossy.integer_network import SHIFT, IntegerConv
from astrocodec.lossy.integer_network import UNIT as ACTIVATION_UNIT

GATE_UNIT = 1024  # what a gate divides its product by
SCALE_PARTS = 8  # parts of an index that a network gives scales in
FAR = 1 << 22  # means, in 1/32 symbols, are cut to this either side of zero
_OUT = (-8192, 8191)
_FIRST_SCALE = 56


@dataclass(frozen=True)
class Size:
    """How a network is built."""

    levels: int
    flows: int  # translations of a level
    depth: int  # layers of a dense block
    growth: int  # channels of each
    filters: int  # linear ones that a dense block begins with
    gates: int  # linear filters beside the first that a mean is the sum of, each times what the dense block says
    components: int  # of a mixture of logistics
    halves: bool  # levels squeeze in turn, and one half of the channels moves the other; else three quarters move one

    def about(self) -> dict[str, Any]:
        """As weights keep it."""
        return dict(vars(self))


SIZES = {
    "tiny": Size(2, 1, 1, 4, 4, 1, 1, True),
    "small": Size(10, 2, 2, 16, 16, 2, 2, True),
    "published": Size(3, 8, 12, 512, 64, 0, 5, False),
}


@dataclass(frozen=True)
class Level:
    """What a level does to channels."""

    squeezes: bool
    channels: int  # after it has squeezed
    side: int
    orders: tuple[tuple[int, ...], ...]  # of the channels, for each flow; the last ones are moved
    moved: int
    given_up: int  # channels; 0 at the last level


def levels_of(size: Size, channels: int) -> tuple[Level, ...]:
    """The levels of a network for patches of so many channels."""
    found, side = [], SIDE
    for number in range(size.levels):
        squeezes = side > 1 and (not size.halves or number % 2 == 0)
        if squeezes:
            channels, side = 4 * channels, side // 2
        moved = channels // 2 if size.halves else channels // 4
        orders = tuple(_order(size, channels, number, flow) for flow in range(size.flows))
        is_last = number == size.levels - 1 or channels < 2
        found.append(Level(squeezes, channels, side, orders if moved else (), moved, 0 if is_last else channels // 2))
        channels -= found[-1].given_up
        if is_last:
            break
    return tuple(found)


def _order(size: Size, channels: int, level: int, flow: int) -> tuple[int, ...]:
    """The order of channels in a flow: halves in turn, or some order that is always the same."""
    places = list(range(channels))
    if size.halves:
        return tuple(places if flow % 2 == 0 else places[channels // 2 :] + places[: channels // 2])
    state = 1 + level * size.flows + flow
    for i in range(channels - 1, 0, -1):
        state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
        j = (state >> 33) % (i + 1)
        places[i], places[j] = places[j], places[i]
    return tuple(places)


def squeeze(x: Any) -> Any:
    """(n, c, y, x) to (n, 4c, y / 2, x / 2): pixels of even row and column, of odd ones, then of mixed ones."""
    parts = [x[:, :, i::2, j::2] for i, j in ((0, 0), (1, 1), (0, 1), (1, 0))]
    return torch.cat(parts, 1) if isinstance(x, Tensor) else np.concatenate(parts, 1)


class ScaledConv(IntegerConv):
    """A linear filter of symbols whose outputs are in parts of a symbol."""

    def __init__(self, n_in: int, n_out: int, kernel: int, gain: int, reach: int) -> None:
        super().__init__(n_in, n_out, kernel, low=-reach, high=reach)
        self.gain = gain

    def integers(self) -> tuple[Tensor, Tensor]:
        """Weights and biases as whole numbers, in floats."""
        assert self.conv.bias is not None
        weight, bias = self.conv.weight * (self.gain << SHIFT), self.conv.bias * (self.gain << SHIFT)
        return weight + (weight.round() - weight).detach(), bias + (bias.round() - bias).detach()


def extended(x: Tensor) -> Tensor:
    """Pictures with a border that repeats their outermost pixels."""
    return nn.functional.pad(x, (1, 1, 1, 1), mode="replicate")


def inner(x: Tensor) -> Tensor:
    """Pictures without that border."""
    return x[:, :, 1:-1, 1:-1]


class DenseBlock(nn.Module):
    """What some channels say of others: a mean in 1/32 symbols, along linear ways too, and what else is asked for.

    It begins with linear filters whose outputs are compressed by a logarithm, so that faint and bright patches look
    alike. Beyond their ends, patches go on as their outermost pixels.
    """

    def __init__(self, n_in: int, n_mean: int, n_more: int, size: Size) -> None:
        super().__init__()
        self.n_mean, self.gates = n_mean, size.gates
        self.linear = ScaledConv(n_in, (1 + size.gates) * n_mean, 3, UNIT, FAR)
        self.filters = ScaledConv(n_in, size.filters, 3, FINE, FAR)
        widths = [size.filters + i * size.growth for i in range(size.depth + 1)]
        self.dense = nn.ModuleList(IntegerConv(width, size.growth, 3, high=REACH) for width in widths[:-1])
        self.out = IntegerConv(widths[-1], (1 + size.gates) * n_mean + n_more, 1, low=_OUT[0], high=_OUT[1])
        with torch.no_grad():  # it begins by telling next to nothing
            self.linear.conv.weight[:n_mean].zero_()
            self.out.conv.weight.mul_(0.05)
            for layer in (self.linear, self.out, self.filters):
                assert layer.conv.bias is not None
                layer.conv.bias.zero_()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Means and the rest, of symbols (n, channels, y, x)."""
        x = extended(x)
        h = signed_log(inner(self.filters(x)))
        for layer in self.dense:
            h = torch.cat([h, layer(h)], 1)
        out, ways = self.out(h), inner(self.linear(x))
        mean = ways[:, : self.n_mean] + out[:, : self.n_mean]
        for gate in range(1, 1 + self.gates):
            part = slice(gate * self.n_mean, (1 + gate) * self.n_mean)
            product = ways[:, part] * out[:, part] / GATE_UNIT
            mean = mean + product + (product.floor() - product).detach()
        return mean, out[:, (1 + self.gates) * self.n_mean :]

    def layers(self) -> Iterator[tuple[str, IntegerConv, int]]:
        """Name, layer and largest input of each."""
        yield "linear", self.linear, 1 << 16
        yield "filters", self.filters, 1 << 16
        for i, layer in enumerate(self.dense):
            assert isinstance(layer, IntegerConv)
            yield f"dense.{i}", layer, REACH
        yield "out", self.out, REACH


@torch.no_grad()
def _begin_with_lifting(weight: Tensor, squeezed: bool) -> None:
    """Take the mean of its four neighbours off each pixel: the first step of a wavelet on a quincunx lattice."""
    if squeezed:
        n = weight.shape[1] // 2  # channels of a pixel; kept are those of even and of odd places, moved the mixed ones
        for c in range(n):
            for row, column in ((1, 1), (1, 2)):
                weight[c, c, row, column] = -0.25
            for row, column in ((0, 1), (1, 1)):
                weight[c, n + c, row, column] = -0.25
            for row, column in ((1, 1), (2, 1)):
                weight[n + c, c, row, column] = -0.25
            for row, column in ((1, 0), (1, 1)):
                weight[n + c, n + c, row, column] = -0.25
    else:
        for c in range(weight.shape[1]):
            weight[c, c, 1:, 1:] = -0.25


def rounded_mean(mean: Tensor) -> Tensor:
    """The nearest whole symbol of a mean in 1/32, whose gradient passes."""
    whole = mean / UNIT
    return whole + (((mean + UNIT // 2) / UNIT).floor() - whole).detach()


def wrapped(x: Tensor, alphabet: int) -> Tensor:
    """Symbols modulo the alphabet, around zero."""
    return x - (alphabet * ((x + alphabet // 2) / alphabet).floor()).detach()


class IdfNetwork(nn.Module):
    """The whole flow.

    Parameters
    ----------
    size : Size
    form : PixelFormat
    """

    def __init__(self, size: Size, form: PixelFormat) -> None:
        super().__init__()
        self.size, self.form = size, form
        self.plan = levels_of(size, form.channels)
        self.flows, self.priors = nn.ModuleList(), nn.ModuleList()
        for level in self.plan:
            kept = level.channels - level.moved
            self.flows.append(nn.ModuleList(DenseBlock(kept, level.moved, 0, size) for _ in level.orders))
            if size.halves and level.orders and not level.channels % (4 if level.squeezes else 2):
                _begin_with_lifting(self.flows[-1][0].linear.conv.weight[: level.moved], level.squeezes)  # type: ignore[index]
            if level.given_up:
                block = DenseBlock(
                    level.channels - level.given_up, level.given_up, 3 * size.components * level.given_up, size
                )
                with torch.no_grad():
                    self._begin(block.out.conv.bias[(1 + size.gates) * level.given_up :])  # type: ignore[index]
                self.priors.append(block)
        last = self.plan[-1].channels
        self.top = nn.Parameter(torch.zeros(last, 3, max(5, size.components)))
        with torch.no_grad():
            spread = torch.arange(self.top.shape[2], dtype=torch.float32)
            self.top[:, 1] = (40.0 + 16 * spread) * SCALE_PARTS / ACTIVATION_UNIT

    def _begin(self, bias: Tensor) -> None:
        """Scales of a mixture, each twice the one before."""
        k = self.size.components
        parts = bias.reshape(-1, 3, k)
        parts[:, 1] = (_FIRST_SCALE + 12 * (torch.arange(k) - (k - 1) / 2)) * SCALE_PARTS / ACTIVATION_UNIT

    def bits(self, symbols: Tensor) -> Tensor:
        """Bits of each patch of symbols (n, channels, 32, 32) from 0 on."""
        alphabet = self.form.alphabet
        x = symbols.float() - alphabet // 2
        total = torch.zeros(len(x), device=x.device)
        priors = iter(self.priors)
        for level, flows in zip(self.plan, self.flows, strict=True):
            x = squeeze(x) if level.squeezes else x
            for order, block in zip(level.orders, flows, strict=True):  # type: ignore[call-overload]
                x = x[:, list(order)]
                kept = level.channels - level.moved
                moved = x[:, kept:] + rounded_mean(block(x[:, :kept])[0])
                x = torch.cat([x[:, :kept], wrapped(moved, alphabet)], 1)
                x = x[:, np.argsort(order).tolist()]
            if level.given_up:
                x, given = x[:, : -level.given_up], x[:, -level.given_up :]
                mean, more = next(priors)(x)
                total = total + self._bits_of(given, mean, more).flatten(1).sum(1)
        top = (self.top * ACTIVATION_UNIT)[None, :, :, :, None, None].expand(len(x), -1, -1, -1, *x.shape[2:])
        return total + self._bits_of(x, torch.zeros_like(x), top.flatten(1, 3)).flatten(1).sum(1)

    def _bits_of(self, x: Tensor, mean: Tensor, more: Tensor) -> Tensor:
        """Bits of symbols, of a mean and of offsets, scales and logits of components."""
        offsets, scales, logits = mixture_parts(more, x.shape[1])
        whole = ((mean + UNIT // 2) / UNIT).floor()
        middle = self.form.alphabet // 2
        rest = wrapped(x - whole.detach(), self.form.alphabet)
        means = (mean - UNIT * whole.detach())[..., None] + offsets + UNIT * middle
        return logistic_bits(rest + middle, means, scales / SCALE_PARTS, logits, self.form.alphabet)


def mixture_parts(more: Any, channels: int) -> tuple[Any, Any, Any]:
    """Offsets, scales and logits (n, channels, y, x, components) of what a block gives beside means."""
    parts = more.reshape(len(more), channels, 3, -1, *more.shape[2:])
    parts = parts.permute(2, 0, 1, 4, 5, 3) if isinstance(parts, Tensor) else parts.transpose(2, 0, 1, 4, 5, 3)
    return parts[0], parts[1], parts[2]


LAST_SCALE = N_SCALES - 1
