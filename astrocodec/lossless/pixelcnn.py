"""PixelCNN++: patches to bytes and back (codec 3). docs/format.md section "PixelCNN"."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from astrocodec.lossless.idf_network import LAST_SCALE, SCALE_PARTS
from astrocodec.lossless.lane_rans import LaneDecoder, LaneEncoder
from astrocodec.lossless.logistic_tables import MASS_BITS, UNIT, Logistics, mixture_weights
from astrocodec.lossless.patch_codec import PatchCodec
from astrocodec.lossless.patches import SIDE
from astrocodec.lossless.pixel_format import PixelFormat
from astrocodec.lossless.pixelcnn_maps import ExactMaps
from astrocodec.lossless.pixelcnn_network import layer_of
from astrocodec.lossless.pixelcnn_parameters import channel_mean, channel_order, frame_means, mixture, words_of
from astrocodec.lossless.pixelcnn_plan import Plan, Size
from astrocodec.lossy.integer_network import loaded_layer
from astrocodec.lossy.weights import Weights

Integers = NDArray[np.int64]
LOCKSTEP = 256  # patches that are coded pixel by pixel together


def pixelcnn() -> PatchCodec:
    """The codec."""
    return PatchCodec(3, "pixelcnn", PixelCnnSystem)


class PixelCnnSystem:
    """The network of weights.

    Parameters
    ----------
    weights : Weights
    device : str
    batch : int
        Patches that the network is given at a time where all pixels are known.
    """

    def __init__(self, weights: Weights, device: str, batch: int) -> None:
        self.format, self._size = PixelFormat.of(weights.about["format"]), Size(**weights.about["size"])
        self._plan = Plan(self._size, self.format)
        self._device, self._batch = torch.device(device), batch
        with torch.device("meta"):
            self._layers = {
                name: loaded_layer(weights.tensors, name, layer_of(layer), layer.reach)
                for name, layer in self._plan.layers().items()
            }
        self._order = channel_order(self.format)

    def encode_patches(self, x: Integers) -> bytes:
        """Bytes of patches."""
        coder = LaneEncoder()
        for first in range(0, len(x), LOCKSTEP):
            symbols = _channels_last(x[first : first + LOCKSTEP])
            found = [part.reshape(2, SIDE**2, self.format.channels, -1) for part in self._intervals(symbols)]
            starts, frequencies = np.concatenate(found, 3)
            for pixel in range(SIDE**2):
                for number in range(self.format.channels):
                    coder.put(starts[pixel, number], frequencies[pixel, number])
        return coder.to_bytes()

    def bits(self, x: Integers) -> NDArray[np.float64]:
        """Bits of each patch, of the frequencies that it is coded with."""
        found = [MASS_BITS - np.log2(part[1]) for part in self._intervals(_channels_last(x))]
        return np.concatenate([part.sum((0, 1, 2)) for part in found])

    def decode_patches(self, data: memoryview | bytes, count: int) -> Integers:
        """The patches of bytes: what is known of a pixel is made once, for all patches together."""
        form = self.format
        coder = LaneDecoder(data, count * form.channels * SIDE**2)
        parts = []
        for first in range(0, count, LOCKSTEP):
            parts.append(self._decoded(coder, min(LOCKSTEP, count - first)))
        coder.finish()
        x = np.concatenate(parts, 2) + form.alphabet // 2
        return np.ascontiguousarray(x.transpose(2, 3, 0, 1))

    @torch.inference_mode()
    def _decoded(self, coder: LaneDecoder, count: int) -> Integers:
        """Symbols around zero (y, x, patches, channels)."""
        form = self.format
        x = np.zeros((SIDE, SIDE, count, form.channels), np.int64)
        with torch.autocast(self._device.type, enabled=False):
            maps = ExactMaps(self._plan, self._layers, count, self._device)
            for y in range(SIDE):
                maps.fill_row(y)
                for column in range(SIDE):
                    maps.fill_pixel(y, column)
                    out, means = self._parameters(maps, (y, column))
                    here = x[y, column]
                    for number, channel in enumerate(self._order):
                        found = coder.take(self._logistics(number, means, out, here))
                        here[:, channel] = found - form.alphabet // 2
                    maps["words"][y, column] = torch.from_numpy(words_of(here, form)).to(self._device)
        return x

    @torch.inference_mode()
    def _intervals(self, x: Integers) -> Iterator[NDArray[np.int64]]:
        """Starts and frequencies (2, y, x, channels in their order, patches) of some patches at a time."""
        form = self.format
        with torch.autocast(self._device.type, enabled=False):
            for first in range(0, x.shape[2], self._batch):
                part = x[:, :, first : first + self._batch]
                around = part - form.alphabet // 2
                maps = ExactMaps(self._plan, self._layers, part.shape[2], self._device)
                maps["words"].copy_(torch.from_numpy(words_of(around, form)))
                maps.fill()
                out, means = self._parameters(maps, ...)
                found = []
                for number, channel in enumerate(self._order):
                    tables = self._logistics(number, means, out, around)
                    both = np.stack(tables.intervals(part[..., channel].ravel()))
                    found.append(both.reshape(2, *part.shape[:3]))
                yield np.stack(found, 3)

    def _parameters(self, maps: ExactMaps, place: Any) -> tuple[Integers, Integers]:
        """Outputs, and means of words, whose last axes are channels and frames."""
        ways, out = (maps[name][place].to("cpu", torch.int64).numpy() for name in ("ways", "out"))
        return out, frame_means(ways, out, self._size, self.format, operator.floordiv)

    def _logistics(self, number: int, means: Integers, out: Integers, x: Integers) -> Logistics:
        """Distributions of a channel's symbols, of arrays whose last axis is channels."""
        offsets, scales, logits = (part.reshape(-1, part.shape[-1]) for part in self._mixture(number, out))
        middle = UNIT * (self.format.alphabet // 2)
        mean = channel_mean(number, means, out, x, self._size.components, self.format, operator.floordiv).reshape(-1, 1)
        scales = np.clip(scales // SCALE_PARTS, 0, LAST_SCALE)
        return Logistics(mean + middle + offsets, scales, mixture_weights(logits), self.format.alphabet)

    def _mixture(self, number: int, out: Integers) -> tuple[Any, Any, Any]:
        return mixture(out, self._order[number], self._size.components)


def _channels_last(x: Integers) -> Integers:
    """Patches (n, channels, y, x) as (y, x, n, channels)."""
    return np.ascontiguousarray(x.transpose(2, 3, 0, 1))
