"""L3C: patches to bytes and back, all pixels of a channel at once (codec 4). docs/format.md section "L3C"."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from astrocodec.lossless.idf_network import LAST_SCALE, SCALE_PARTS, mixture_parts
from astrocodec.lossless.l3c_network import (
    SCALES,
    L3cNetwork,
    Size,
    latents_of,
    layers_of,
    middle_of,
    told_by,
    word_means,
)
from astrocodec.lossless.lane_rans import LaneDecoder, LaneEncoder
from astrocodec.lossless.logistic_tables import MASS_BITS, UNIT, Logistics, mixture_weights
from astrocodec.lossless.named_layers import loaded_layers
from astrocodec.lossless.patch_codec import PatchCodec
from astrocodec.lossless.patches import SIDE
from astrocodec.lossless.pixel_format import PixelFormat
from astrocodec.lossless.pixelcnn_parameters import channel_mean, channel_order, mixture, words_of
from astrocodec.lossless.signed_log import exact_signed_log, exact_signed_power
from astrocodec.lossy.weights import Weights

Integers = NDArray[np.int64]


def l3c() -> PatchCodec:
    """The codec."""
    return PatchCodec(4, "l3c", L3cSystem)


class L3cSystem:
    """The network of weights.

    Parameters
    ----------
    weights : Weights
    device : str
    batch : int
        Patches that the network is given at a time.
    """

    def __init__(self, weights: Weights, device: str, batch: int) -> None:
        self.format = PixelFormat.of(weights.about["format"])
        self._size = Size(**weights.about["size"])
        self._device, self._batch = torch.device(device), batch
        self._layers = loaded_layers(weights.tensors, lambda: layers_of(self._size, self.format))
        self._top = weights.tensors["top"].astype(np.int64)
        needed = (self._size.latents, 3, self._size.components)
        if self._top.shape != needed:
            raise ValueError(f"top: weights of shape {self._top.shape} found, {needed} needed")
        self._order, self._middle = channel_order(self.format), middle_of(self.format)

    def encode_patches(self, x: Integers) -> bytes:
        """Bytes of patches."""
        coder = LaneEncoder()
        for symbols, logistics in self._calls(x):
            coder.put(*logistics.intervals(symbols.ravel()))
        return coder.to_bytes()

    def bits(self, x: Integers) -> NDArray[np.float64]:
        """Bits of each patch, latents' among them, of the frequencies that it is coded with."""
        found = np.zeros(len(x))
        for symbols, logistics in self._calls(x):
            frequency = logistics.intervals(symbols.ravel())[1]
            found += (MASS_BITS - np.log2(frequency)).reshape(len(x), -1).sum(1)
        return found

    def decode_patches(self, data: memoryview | bytes, count: int) -> Integers:
        """The patches of bytes."""
        sides = [SIDE >> scale + 1 for scale in range(SCALES)]
        latents = self._size.latents * sum(side**2 for side in sides)
        coder = LaneDecoder(data, count * (self.format.channels * SIDE**2 + latents))
        out, features = self._top_outputs(count), None
        for scale in reversed(range(SCALES)):
            found = coder.take(self._latent_logistics(out))
            z = found.reshape(count, self._size.latents, sides[scale], sides[scale]) - self._size.reach
            features, out = self._told(z, scale, features)
        out = out.transpose(0, 2, 3, 1)
        x = np.zeros((count, SIDE, SIDE, self.format.channels), np.int64)
        means = self._word_means(out)
        for number, channel in enumerate(self._order):
            found = coder.take(self._pixel_logistics(number, means, out, x))
            x[..., channel] = found.reshape(x.shape[:-1]) - self._middle
        coder.finish()
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2)) + self._middle

    def _calls(self, x: Integers) -> Iterator[tuple[Integers, Logistics]]:
        """Symbols and their distributions, as a decoder comes to know them: coarse before fine."""
        around = x.transpose(0, 2, 3, 1) - self._middle
        latents = self._latents(words_of(around, self.format).transpose(0, 3, 1, 2))
        out, features = self._top_outputs(len(x)), None
        for scale in reversed(range(SCALES)):
            yield latents[scale] + self._size.reach, self._latent_logistics(out)
            features, out = self._told(latents[scale], scale, features)
        out = out.transpose(0, 2, 3, 1)
        means = self._word_means(out)
        for number, channel in enumerate(self._order):
            yield x[:, channel], self._pixel_logistics(number, means, out, around)

    def _top_outputs(self, count: int) -> Integers:
        """What is said of the coarsest latents: the same of every place."""
        side = SIDE >> SCALES
        return np.broadcast_to(self._top.reshape(1, -1, 1, 1), (count, self._top.size, side, side))

    def _latent_logistics(self, out: Integers) -> Logistics:
        offsets, scales, logits = mixture_parts(out, self._size.latents)
        return _logistics(UNIT * self._size.reach + offsets, scales, logits, self._size.levels)

    def _pixel_logistics(self, number: int, means: Integers, out: Integers, x: Integers) -> Logistics:
        """Of the channel that is `number` in their order, of arrays whose channels are last."""
        offsets, scales, logits = mixture(out, self._order[number], self._size.components)
        mean = channel_mean(number, means, out, x, self._size.components, self.format, operator.floordiv)
        middle = UNIT * self._middle
        return _logistics(mean[..., None] + middle + offsets, scales, logits, self.format.alphabet)

    def _word_means(self, out: Integers) -> Integers:
        def power(n: Integers) -> Integers:
            found: Integers = exact_signed_power(torch.from_numpy(np.ascontiguousarray(n))).long().numpy()
            return found

        means: Integers = word_means(out, self.format, power)
        return means

    def _layer(self, name: str, x: Tensor) -> Tensor:
        return self._layers[name].run(x)

    @torch.inference_mode()
    def _latents(self, words: Integers) -> list[Integers]:
        """Of all patches, some at a time."""
        parts = []
        with torch.autocast(self._device.type, enabled=False):
            for first in range(0, len(words), self._batch):
                part = self._tensor(words[first : first + self._batch])
                parts.append([_array(z) for z in latents_of(part, self._size, self._layer, exact_signed_log)])
        return [np.concatenate(of) for of in zip(*parts, strict=True)]

    @torch.inference_mode()
    def _told(self, latents: Integers, scale: int, coarser: Integers | None) -> tuple[Integers, Integers]:
        """Features and outputs of a decoder."""
        parts = []
        with torch.autocast(self._device.type, enabled=False):
            for first in range(0, len(latents), self._batch):
                some = slice(first, first + self._batch)
                above = None if coarser is None else self._tensor(coarser[some])
                found = told_by(self._tensor(latents[some]), scale, above, self._size, self._layer)
                parts.append([_array(y) for y in found])
        features, out = (np.concatenate(of) for of in zip(*parts, strict=True))
        return features, out

    def _tensor(self, x: Integers) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(x)).to(self._device, torch.float64)


def _array(x: Tensor) -> Integers:
    found: Integers = x.to("cpu", torch.int64).numpy()
    return found


def _logistics(means: Integers, scales: Integers, logits: Integers, alphabet: int) -> Logistics:
    """Of arrays whose last axis is components."""
    k = means.shape[-1]
    scales = np.clip(scales.reshape(-1, k) // SCALE_PARTS, 0, LAST_SCALE)
    return Logistics(means.reshape(-1, k), scales, mixture_weights(logits.reshape(-1, k)), alphabet)


def network_tensors(network: L3cNetwork) -> dict[str, NDArray[Any]]:
    """The whole numbers of a network that has learned, to be saved."""
    found = network.layer_tensors()
    found["top"] = np.rint(network.top.detach().double().numpy() * UNIT).astype(np.int32)
    return found
