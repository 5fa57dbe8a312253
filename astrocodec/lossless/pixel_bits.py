"""Bits of pixels whose channels tell of each other, to learn with: of PixelCNN++ and L3C."""

from __future__ import annotations

import torch
from torch import Tensor

from astrocodec.lossless.idf_network import SCALE_PARTS
from astrocodec.lossless.logistic_bits import logistic_bits
from astrocodec.lossless.logistic_tables import UNIT
from astrocodec.lossless.pixel_format import PixelFormat
from astrocodec.lossless.pixelcnn_parameters import channel_mean, channel_order, mixture


def floored(x: Tensor, divisor: int) -> Tensor:
    """Of a quotient, whose gradient passes."""
    y = x / divisor
    return y + (y.floor() - y).detach()


def pixel_bits(x: Tensor, words: Tensor, out: Tensor, middle: int, components: int, form: PixelFormat) -> Tensor:
    """Bits of each patch of symbols around zero (n, y, x, channels), less `middle`.

    `words` are means of words (n, y, x, frames), `out` what the network says of channels.
    """
    total = torch.zeros(len(x), device=x.device)
    for number, channel in enumerate(channel_order(form)):
        offsets, scales, logits = mixture(out, channel, components)
        mean = channel_mean(number, words, out, x, components, form, floored)
        means = mean[..., None] + offsets + UNIT * middle
        bits = logistic_bits(x[..., channel] + middle, means, scales / SCALE_PARTS, logits, form.alphabet)
        total = total + bits.flatten(1).sum(1)
    return total
