"""VDM: the network (Kingma et al. 2021, arXiv:2107.00630). docs/format.md section "VDM".

Noise is added to words, level by level. The network tells from noisy words what the noise is, and how far it may be
wrong, so that the words of the level before, and at last the words themselves, are coded with what it says.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from astrocodec.lossless.idf_network import FAR, ScaledConv
from astrocodec.lossless.l3c_network import middle_of
from astrocodec.lossless.logistic_tables import LOGIT_UNIT, SCALES_PER_OCTAVE, UNIT, UNITY_SCALE
from astrocodec.lossless.named_layers import Layer, NamedLayers
from astrocodec.lossless.pixel_bits import floored, pixel_bits
from astrocodec.lossless.pixel_format import PixelFormat
from astrocodec.lossless.pixelcnn_parameters import words_of
from astrocodec.lossless.signed_log import FINE, REACH, signed_log
from astrocodec.lossless.vdm_noise import Noise
from astrocodec.lossy.integer_network import UNIT as ACTIVATION_UNIT
from astrocodec.lossy.integer_network import IntegerConv

RATIO = 2  # lattice steps of noisy words in the standard deviation of their noise
GATE_UNIT = 256  # what a gate divides its product by
MOST = 1 << 20  # noisy words, in their steps, stay below this
EDGE = 1 << 24  # and noise, in 1/32 steps, is cut to this
WAVE = 64  # the largest Fourier feature
SCALE_PARTS = 8  # parts of an index that scales are given in
TOP = 5  # components of the noisiest words
_OUT = (-8192, 8191)
_APART = 16  # indices from the scale of one component to that of the next
_RARE = -3.0  # logits of components other than the first
_WIDEST = 88  # octaves above and below the noise, in indices, that what is missed may be
_KERNEL = 5
_LEAST = 2.0**-24
_OF_PIXELS = 0.25  # patches that learn pixels; the others learn a step
_FINER = 4

Apply = Callable[[str, Tensor], Tensor]  # the layer of a name, of an input


@dataclass(frozen=True)
class Size:
    """How a network is built."""

    filters: int  # channels of all layers
    halvings: int  # of sides, on the way through
    blocks: int  # residual ones, on each way, before each halving
    middle: int  # residual ones between the ways
    gates: int  # linear filters whose sum the noise is, each times what the network says
    waves: int  # Fourier features: periods of 1, 2, 4 ... symbols
    components: int  # of a mixture
    steps: int
    first: float  # the least noise, as a power of two of symbols, before it is learned
    last: float

    def about(self) -> dict[str, Any]:
        """As weights keep it."""
        return dict(vars(self))


SIZES = {
    "tiny": Size(4, 1, 1, 0, 1, 1, 1, 2, 1.0, 5.0),
    "small": Size(24, 2, 1, 1, 3, 4, 2, 16, 0.0, 10.0),
    "published": Size(128, 0, 4, 2, 3, 4, 3, 1000, 0.0, 13.0),
}


def block_names(size: Size) -> list[str]:
    """Residual blocks in their order."""
    places = [f"{level}.{block}" for level in range(size.halvings + 1) for block in range(size.blocks)]
    middle = [f"middle.{block}" for block in range(size.middle)]
    return [*(f"forth.{place}" for place in places), *middle, *(f"back.{place}" for place in places[::-1])]


def layers_of(size: Size, form: PixelFormat) -> dict[str, Layer]:
    """All layers by name."""
    n, frames, k = size.filters, form.frames, size.components

    def either(n_in: int, n_out: int, kernel: int) -> Layer:
        return Layer(IntegerConv(n_in, n_out, kernel, low=-REACH, high=REACH), REACH)

    found = {
        "filters": Layer(ScaledConv(frames, n, _KERNEL, FINE, FAR), MOST),
        "linear": Layer(ScaledConv(frames, size.gates * frames, _KERNEL, UNIT, FAR), MOST),
        "enter": either(n + 2 * size.waves * frames, n, 3),
    }
    for name in block_names(size):
        found[f"{name}.a"] = either(n, n, 3)
        found[f"{name}.b"] = either(n, n, 3)
        if name.startswith("back."):
            found[name.replace("back", "skip")] = either(n, n, 1)
    for level in range(size.halvings):
        found[f"down.{level}"] = Layer(IntegerConv(n, n, 3, high=REACH, stride=2), REACH)
        found[f"up.{level}"] = Layer(IntegerConv(n, n, 3, high=REACH, upsample=2), REACH)
    channels, noise = form.channels, (1 + size.gates) * frames
    told = {"steps": 3 * k * frames, "pixels": 3 * k * channels + channels * (channels - 1) // 2}
    for name, outputs in told.items():
        found[f"out.{name}"] = Layer(IntegerConv(n, outputs + noise, 1, low=_OUT[0], high=_OUT[1]), REACH)
    return found


def _extended(x: Tensor) -> Tensor:
    edge = _KERNEL // 2
    return nn.functional.pad(x, (edge,) * 4, mode="replicate")


def _inner(x: Tensor) -> Tensor:
    edge = _KERNEL // 2
    return x[:, :, edge:-edge, edge:-edge]


def linear_ways(noisy: Tensor, apply: Apply) -> Tensor:
    """Linear filters of noisy words (n, frames, y, x)."""
    return _inner(apply("linear", _extended(noisy)))


def features_of(
    noisy: Tensor, waves: Tensor, told: Tensor, size: Size, apply: Apply, log: Callable[[Tensor], Tensor]
) -> Tensor:
    """What the network makes of noisy words, Fourier features of them, and what it is told of the noise."""
    turn = iter(told.unbind(1))

    def moved(h: Tensor) -> Tensor:
        return (h + next(turn)[:, :, None, None]).clamp(0, REACH)

    def through(name: str, h: Tensor) -> Tensor:
        return (h + apply(f"{name}.b", moved(apply(f"{name}.a", h)))).clamp(0, REACH)

    h = moved(apply("enter", torch.cat([log(_inner(apply("filters", _extended(noisy)))), waves], 1)))
    kept = []
    for level in range(size.halvings + 1):
        for block in range(size.blocks):
            h = through(f"forth.{level}.{block}", h)
            kept.append(h)
        h = apply(f"down.{level}", h) if level < size.halvings else h
    for block in range(size.middle):
        h = through(f"middle.{block}", h)
    for level in reversed(range(size.halvings + 1)):
        h = apply(f"up.{level}", h) if level < size.halvings else h
        for block in reversed(range(size.blocks)):
            h = (h + apply(f"skip.{level}.{block}", kept.pop())).clamp(0, REACH)
            h = through(f"back.{level}.{block}", h)
    return h


def noise_of(ways: Any, out: Any, size: Size, form: PixelFormat, floor: Callable[[Any, int], Any]) -> Any:
    """Noise (..., frames) in 1/32 steps, of linear ways and outputs whose channels are last."""
    frames = form.frames
    first = out.shape[-1] - (1 + size.gates) * frames
    noise = out[..., first : first + frames]
    for gate in range(size.gates):
        way = ways[..., gate * frames : (1 + gate) * frames]
        share = out[..., first + (1 + gate) * frames : first + (2 + gate) * frames]
        noise = noise + floor(way * share, GATE_UNIT)
    return noise.clip(-EDGE, EDGE)


class VdmNetwork(NamedLayers):
    """The whole network, to learn with.

    Parameters
    ----------
    size : Size
    form : PixelFormat
    """

    def __init__(self, size: Size, form: PixelFormat) -> None:
        layers = layers_of(size, form)
        super().__init__(layers)
        self.size, self.form = size, form
        self.noise = Noise(size.first, size.last, 1 + len(block_names(size)), size.filters)
        self.top = nn.Parameter(torch.zeros(form.frames, 3, TOP))
        with torch.no_grad():
            begun = UNITY_SCALE + SCALES_PER_OCTAVE * math.log2(RATIO) + _APART * torch.arange(TOP)
            self.top[:, 1] = begun * SCALE_PARTS / ACTIVATION_UNIT
            self.top[:, 2] = -2.0 * torch.arange(TOP)
            self._begin(layers)

    def _begin(self, layers: dict[str, Layer]) -> None:
        """It begins by telling next to nothing: that what it sees is what there is, give or take the noise."""
        size, k = self.size, self.size.components
        for name in ("steps", "pixels"):
            conv = layers[f"out.{name}"].conv.conv
            assert conv.bias is not None
            conv.weight.mul_(0.02)
            conv.bias.zero_()
            channels = self.form.frames if name == "steps" else self.form.channels
            parts = conv.bias[: 3 * k * channels].reshape(channels, 3, k)
            first = 0.0 if name == "steps" else UNITY_SCALE + SCALES_PER_OCTAVE * (size.first - 0.5)
            parts[:, 1] = (first + _APART * torch.arange(k)) * SCALE_PARTS / ACTIVATION_UNIT
            parts[:, 2, 1:] = _RARE
        linear = layers["linear"].conv.conv
        assert linear.bias is not None
        linear.weight.mul_(0.1)
        linear.bias.zero_()
        middle = _KERNEL // 2
        for way in range(linear.weight.shape[0]):  # a pixel less the mean of what is around it
            frame, reach = way % self.form.frames, middle - way // self.form.frames
            if reach >= 0:
                around = slice(middle - reach, middle + reach + 1)
                linear.weight[way, frame, middle, middle] += 1
                linear.weight[way, frame, around, around] -= 1 / (2 * reach + 1) ** 2 if reach else 0

    def bits(self, symbols: Tensor) -> Tensor:
        """A guess, right on the mean, of the bound of each patch of symbols (n, channels, 32, 32) from 0 on.

        Of each patch either the pixels or one step is looked at, and weighed for all. Where the network does not learn
        the guess is always the same.
        """
        n, device = len(symbols), symbols.device
        generator = None if self.training else torch.Generator(device).manual_seed(0)
        steps = self.size.steps
        if self.training and float(torch.rand(())) < 0.25:
            steps *= _FINER  # levels between those that are coded, towards continuous time
        x = symbols.movedim(1, -1).float() - middle_of(self.form)
        words = words_of(x, self.form)
        even = (torch.arange(n, device=device) + torch.rand((), device=device, generator=generator)) / n
        even = even[torch.randperm(n, device=device, generator=generator)]
        of_pixels = even < _OF_PIXELS
        later = 1 + ((even - _OF_PIXELS) / (1 - _OF_PIXELS) * steps).long().clamp(0, steps - 1)
        number = torch.where(of_pixels, torch.zeros_like(later), later)

        level = self.noise.schedule(number / steps)
        deviation = torch.exp2(level)[:, None, None, None]
        step = deviation / RATIO
        noisy = words + deviation * _normal(words, generator)
        lattice = noisy / step
        lattice = lattice + (lattice.round() - lattice).detach()
        told = _rounded(self.noise.told(level) * ACTIVATION_UNIT)
        planes = lattice.movedim(-1, 1)
        waves = self._waves((lattice * step).movedim(-1, 1), level)
        h = features_of(planes, waves, told, self.size, self.apply_layer, signed_log)
        ways = linear_ways(planes, self.apply_layer).movedim(1, -1)

        total = self._top_bits(words, generator)
        if of_pixels.any():
            of = of_pixels.nonzero()[:, 0]
            out = self.apply_layer("out.pixels", h[of]).movedim(1, -1)
            noise = noise_of(ways[of], out, self.size, self.form, floored)
            means = UNIT * lattice[of] * step[of] - noise * step[of]
            bits = pixel_bits(x[of], means, out, middle_of(self.form), self.size.components, self.form)
            total = total.index_add(0, of, bits / _OF_PIXELS)
        if not of_pixels.all():
            of = (~of_pixels).nonzero()[:, 0]
            before = torch.exp2(self.noise.schedule((number[of] - 1) / steps))[:, None, None, None]
            out = self.apply_layer("out.steps", h[of]).movedim(1, -1)
            noise = noise_of(ways[of], out, self.size, self.form, floored)
            bits = self._step_bits(words[of], lattice[of], deviation[of], before, out, noise, generator)
            total = total.index_add(0, of, bits * steps / (1 - _OF_PIXELS))
        return total

    def _waves(self, noisy: Tensor, level: Tensor) -> Tensor:
        """Sines and cosines of words, which are smaller where noise hides them."""
        found = []
        for number in range(self.size.waves):
            seen = wave_seen(torch.exp2(level), number)[:, None, None, None]
            turn = (noisy / (1 << number)).frac() * 2 * math.pi
            found += [turn.sin() * WAVE * seen, turn.cos() * WAVE * seen]
        return torch.cat(found, 1) if found else noisy[:, :0]

    def _top_bits(self, words: Tensor, generator: torch.Generator | None) -> Tensor:
        """What the noisiest words cost beyond what drawing them gives back."""
        deviation = torch.exp2(self.noise.schedule(torch.ones(1, device=words.device)))
        drawn = _normal(words, generator)
        y = (words / deviation + drawn) * RATIO
        means, scales, logits = (self.top * ACTIVATION_UNIT).unbind(1)
        scales = (scales / SCALE_PARTS - UNITY_SCALE) / SCALES_PER_OCTAVE
        cost = _mixture_bits(y[..., None] - means / UNIT, scales, logits)
        return (cost - _normal_bits(drawn, math.log2(RATIO))).flatten(1).sum(1)

    def _step_bits(
        self,
        words: Tensor,
        lattice: Tensor,
        deviation: Tensor,
        before: Tensor,
        out: Tensor,
        noise: Tensor,
        generator: torch.Generator | None,
    ) -> Tensor:
        """What the words of the level before cost beyond what drawing them gives back."""
        step = before / RATIO
        kept = (before / deviation) ** 2
        spread = before * (1 - kept).sqrt()
        drawn = _normal(words, generator)
        noisy = lattice * deviation / RATIO
        y = words + (noisy - words) * kept + spread * drawn
        frames, k = self.form.frames, self.size.components
        offsets, scales, logits = out[..., : 3 * k * frames].reshape(*words.shape, 3, k).unbind(-2)
        missed = torch.exp2((scales / SCALE_PARTS).clamp(-_WIDEST, _WIDEST) / SCALES_PER_OCTAVE)
        pull = ((1 - kept) * deviation)[..., None]
        mean = noisy[..., None] - pull * (noise[..., None] + offsets) / (UNIT * RATIO)
        wide = (spread[..., None] ** 2 + (pull * missed) ** 2).sqrt() / step[..., None]
        cost = _mixture_bits((y[..., None] - mean) / step[..., None], wide.log2(), logits)
        return (cost - _normal_bits(drawn, (spread / step).log2())).flatten(1).sum(1)


def wave_seen(deviation: Tensor, number: int) -> Tensor:
    """What noise leaves, on the mean, of a sine whose period is 2^number symbols."""
    return torch.exp(-2 * (math.pi * deviation / (1 << number)) ** 2)


def _normal(like: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.randn(like.shape, device=like.device, generator=generator)


def _rounded(x: Tensor) -> Tensor:
    return x + (x.round() - x).detach()


def _normal_bits(drawn: Tensor, octaves: Any) -> Tensor:
    """Bits that give a normal number back, of so many standard deviations, which are 2^octaves steps."""
    bits: Tensor = drawn**2 / (2 * math.log(2)) + math.log2(math.sqrt(2 * math.pi)) + octaves
    return bits


def _mixture_bits(distance: Tensor, octaves: Tensor, logits: Tensor) -> Tensor:
    """Bits of numbers whose distances, in steps, from the means of a mixture are (..., components)."""
    logs = -_normal_bits(distance * torch.exp2(-octaves), octaves) * math.log(2)
    mass = torch.logsumexp(logs + torch.log_softmax(logits / LOGIT_UNIT, -1), -1)
    bits: Tensor = -torch.logaddexp(mass, torch.full_like(mass, _LEAST).log()) / math.log(2)
    return bits
