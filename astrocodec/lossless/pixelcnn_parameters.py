"""What the outputs of a PixelCNN++ say of symbols, channel by channel: the same for learning and for exact coding.

Arrays are NumPy's or torch's, channels last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from astrocodec.lossless.pixel_format import PixelFormat
from astrocodec.lossless.pixelcnn_plan import MEAN_GAIN, Size

GATE_UNIT = 1024
_BYTE = 256
Divide = Callable[[Any, int], Any]  # rounds down; to learn with, gradients pass


def channel_order(form: PixelFormat) -> list[int]:
    """The order in which the channels of a pixel are coded: high bytes before low ones.

    >>> channel_order(PixelFormat("bytes")), channel_order(PixelFormat("words", 3))
    ([1, 0], [0, 1, 2])
    """
    channels = list(range(form.channels))
    return channels[::-1] if form.symbols == "bytes" else channels


def words_of(x: Any, form: PixelFormat) -> Any:
    """Words around zero (..., frames) of symbols around zero (..., channels)."""
    if form.symbols == "words":
        return x
    return x[..., : form.frames] + _BYTE * x[..., form.frames :]


def mixture(out: Any, channel: int, components: int) -> tuple[Any, Any, Any]:
    """Offsets, scales and logits (..., components) of a channel."""
    k = components
    first = 3 * k * channel
    return out[..., first : first + k], out[..., first + k : first + 2 * k], out[..., first + 2 * k : first + 3 * k]


def frame_means(ways: Any, out: Any, size: Size, form: PixelFormat, floor: Divide) -> Any:
    """Means of words (..., frames) in 1/32 around zero: a linear way, and others that the network opens so far."""
    frames = form.frames
    means = ways[..., :frames]
    first = out.shape[-1] - size.gates * frames
    for gate in range(size.gates):
        way = ways[..., (1 + gate) * frames : (2 + gate) * frames]
        share = out[..., first + gate * frames : first + (1 + gate) * frames]
        means = means + floor(way * share, GATE_UNIT)
    return means


def channel_mean(number: int, means: Any, out: Any, x: Any, components: int, form: PixelFormat, floor: Divide) -> Any:
    """The mean, in 1/32 symbols around zero, of the channel that is `number` in their order, of means of words.

    `x` are symbols around zero, of which those of earlier channels are known: each adds its share.
    """
    order = channel_order(form)
    channel = order[number]
    if form.symbols == "words":
        found = means[..., channel]
    elif channel >= form.frames:
        found = floor(means[..., channel - form.frames], _BYTE)
    else:
        found = means[..., channel] - MEAN_GAIN * _BYTE * x[..., channel + form.frames]
    first = 3 * components * form.channels + number * (number - 1) // 2
    for i, earlier in enumerate(order[:number]):
        found = found + out[..., first + i] * x[..., earlier]
    return found
