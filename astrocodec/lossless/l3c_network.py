"""L3C: the network (Mentzer et al. 2019, arXiv:1811.12817). docs/format.md section "L3C".

Of each of three scales an encoder halves the sides and gives latents of few levels; a decoder tells from them, and
from what the coarser scale's decoder found, how the latents of the finer scale, or the pixels, are distributed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from astrocodec.lossless.idf_network import FAR, SCALE_PARTS, ScaledConv, extended, inner, mixture_parts
from astrocodec.lossless.logistic_bits import logistic_bits
from astrocodec.lossless.logistic_tables import UNIT
from astrocodec.lossless.named_layers import Layer, NamedLayers
from astrocodec.lossless.pixel_bits import pixel_bits
from astrocodec.lossless.pixel_format import MIDDLE, PixelFormat
from astrocodec.lossless.pixelcnn_parameters import words_of
from astrocodec.lossless.signed_log import FINE, REACH, signed_log, signed_power
from astrocodec.lossy.integer_network import UNIT as ACTIVATION_UNIT
from astrocodec.lossy.integer_network import IntegerConv

SCALES = 3
_OUT = (-8192, 8191)
_FIRST_SCALE = 56  # of pixels: 8 symbols
_FIRST_LATENT_SCALE = 36
_APART = 10  # indices from the scale of one component to that of the next

Apply = Callable[[str, Tensor], Tensor]  # the layer of a name, of an input


@dataclass(frozen=True)
class Size:
    """How a network is built."""

    filters: int  # linear ones that it begins with, and channels of all layers
    blocks: int  # residual ones, of each encoder and decoder
    latents: int  # channels of a scale's latents
    reach: int  # latents are whole numbers so far either side of zero
    components: int  # of a mixture of logistics

    def about(self) -> dict[str, Any]:
        """As weights keep it."""
        return dict(vars(self))

    @property
    def levels(self) -> int:
        """Values of a latent."""
        return 2 * self.reach + 1


SIZES = {
    "tiny": Size(4, 1, 1, 12, 1),
    "small": Size(32, 1, 4, 24, 3),
    "published": Size(64, 8, 5, 12, 10),
}


def layers_of(size: Size, form: PixelFormat) -> dict[str, Layer]:
    """All layers by name; scale 0 is the finest."""
    n, k = size.filters, size.components
    found = {"filters": Layer(ScaledConv(form.frames, n, 3, FINE, FAR), 1 << 16)}
    for scale in range(SCALES):
        found[f"down.{scale}"] = Layer(IntegerConv(n, n, 5, high=REACH, stride=2), REACH)
        edge = UNIT * size.reach
        found[f"latent.{scale}"] = Layer(IntegerConv(n, size.latents, 1, low=-edge, high=edge), REACH)
        found[f"enter.{scale}"] = Layer(IntegerConv(size.latents, n, 3, low=-REACH, high=REACH), edge)
        for side in ("encoder", "decoder"):
            for block in range(size.blocks):
                found[f"{side}.{scale}.{block}.a"] = Layer(IntegerConv(n, n, 3, high=REACH), REACH)
                found[f"{side}.{scale}.{block}.b"] = Layer(IntegerConv(n, n, 3, low=-REACH, high=REACH), REACH)
        found[f"up.{scale}"] = Layer(IntegerConv(n, n, 3, high=REACH, upsample=2), REACH)
        channels = form.channels
        told = 3 * k * channels + channels * (channels - 1) // 2 + form.frames if scale == 0 else 3 * k * size.latents
        found[f"out.{scale}"] = Layer(IntegerConv(n, told, 1, low=_OUT[0], high=_OUT[1]), REACH)
    return found


def _refined(h: Tensor, name: str, size: Size, apply: Apply) -> Tensor:
    """Through residual blocks."""
    for block in range(size.blocks):
        h = (h + apply(f"{name}.{block}.b", apply(f"{name}.{block}.a", h))).clamp(0, REACH)
    return h


def latents_of(words: Tensor, size: Size, apply: Apply, log: Callable[[Tensor], Tensor]) -> list[Tensor]:
    """Latents (n, latents, y, x) of each scale, the finest first, of words (n, frames, 32, 32) around zero."""
    found = []
    h = log(inner(apply("filters", extended(words))))
    for scale in range(SCALES):
        h = _refined(apply(f"down.{scale}", h), f"encoder.{scale}", size, apply)
        z = (apply(f"latent.{scale}", h) + UNIT // 2) / UNIT  # in floats exactly
        found.append(z + (z.floor() - z).detach())
    return found


def told_by(latents: Tensor, scale: int, coarser: Tensor | None, size: Size, apply: Apply) -> tuple[Tensor, Tensor]:
    """Features of the next finer scale, and what the decoder says of it, of latents and the coarser features."""
    h = apply(f"enter.{scale}", latents * ACTIVATION_UNIT)
    h = (h if coarser is None else h + coarser).clamp(0, REACH)
    features = apply(f"up.{scale}", _refined(h, f"decoder.{scale}", size, apply))
    return features, apply(f"out.{scale}", features)


def middle_of(form: PixelFormat) -> int:
    """The symbol that is taken for zero: where medians of patches lie.

    >>> middle_of(PixelFormat("bytes")), middle_of(PixelFormat("words"))
    (128, 32896)
    """
    return MIDDLE if form.symbols == "words" else MIDDLE >> 8


def word_means(out: Any, form: PixelFormat, power: Callable[[Any], Any]) -> Any:
    """Means of words (..., frames) in 1/32 around zero, of outputs whose channels are last."""
    return power(out[..., -form.frames :].clip(-REACH, REACH))


class L3cNetwork(NamedLayers):
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
        self.top = nn.Parameter(torch.zeros(size.latents, 3, size.components))
        k = size.components
        spread = _APART * (torch.arange(k) - (k - 1) / 2)
        with torch.no_grad():
            self.top[:, 1] = (_FIRST_LATENT_SCALE + spread) * SCALE_PARTS / ACTIVATION_UNIT
            for scale in range(SCALES):
                self._begin(layers[f"out.{scale}"].conv.conv, scale, spread)

    def _begin(self, conv: nn.Conv2d, scale: int, spread: Tensor) -> None:
        """Decoders begin by telling next to nothing."""
        assert conv.bias is not None
        conv.weight.mul_(0.02)
        conv.bias.zero_()
        channels, first = (self.size.latents, _FIRST_LATENT_SCALE) if scale else (self.form.channels, _FIRST_SCALE)
        parts = conv.bias[: 3 * len(spread) * channels].reshape(channels, 3, -1)
        parts[:, 1] = (first + spread) * SCALE_PARTS / ACTIVATION_UNIT

    def bits(self, symbols: Tensor) -> Tensor:
        """Bits of each patch of symbols (n, channels, 32, 32) from 0 on."""
        x = symbols.movedim(1, -1).float() - middle_of(self.form)
        latents = latents_of(words_of(x, self.form).movedim(-1, 1), self.size, self.apply_layer, signed_log)
        top = (self.top * ACTIVATION_UNIT).flatten()[None, :, None, None]
        total = self._latent_bits(latents[-1], top.expand(len(x), -1, *latents[-1].shape[2:]))
        features = None
        for scale in reversed(range(SCALES)):
            features, out = told_by(latents[scale], scale, features, self.size, self.apply_layer)
            total = total + (self._latent_bits(latents[scale - 1], out) if scale else self._pixel_bits(x, out))
        return total

    def _latent_bits(self, latents: Tensor, out: Tensor) -> Tensor:
        offsets, scales, logits = mixture_parts(out, self.size.latents)
        reach = self.size.reach
        bits = logistic_bits(latents + reach, offsets + UNIT * reach, scales / SCALE_PARTS, logits, self.size.levels)
        return bits.flatten(1).sum(1)

    def _pixel_bits(self, x: Tensor, out: Tensor) -> Tensor:
        form, middle = self.form, middle_of(self.form)
        out = out.movedim(1, -1)
        words = word_means(out, form, signed_power)
        return pixel_bits(x, words, out, middle, self.size.components, form)
