"""VDM: patches to bytes and back by a diffusion and bits-back coding, for research (codec 5). docs/format.md "VDM".

Latents are noisy words, level after level. An encoder draws those of the next level from the stack, then puts those of
the level it came from, with what the network tells of them; so each draw is paid back but the first, whose bits are
charged to the stream.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from astrocodec.errors import CorruptError
from astrocodec.lossless.idf_network import LAST_SCALE
from astrocodec.lossless.l3c_network import middle_of
from astrocodec.lossless.logistic_tables import MASS_BITS, UNIT, WEIGHT_BITS, Logistics, mixture_weights
from astrocodec.lossless.named_layers import loaded_layers
from astrocodec.lossless.normal_tables import Normals
from astrocodec.lossless.patch_codec import PatchCodec
from astrocodec.lossless.patches import SIDE
from astrocodec.lossless.pixel_format import PixelFormat
from astrocodec.lossless.pixelcnn_parameters import channel_mean, channel_order, mixture, words_of
from astrocodec.lossless.signed_log import exact_signed_log
from astrocodec.lossless.stack_rans import StackCoder, lanes_of
from astrocodec.lossless.vdm_levels import FINE, MISSED, PULL, REACH, SEEN, Levels, levels_of
from astrocodec.lossless.vdm_network import (
    SCALE_PARTS,
    TOP,
    WAVE,
    Size,
    VdmNetwork,
    block_names,
    features_of,
    layers_of,
    linear_ways,
    noise_of,
)
from astrocodec.lossless.vdm_noise import Noise
from astrocodec.lossy.weights import Weights

Integers = NDArray[np.int64]
_MOST_TOGETHER, _BEFORE = 128, 8
_TURN = 64  # places of a sine
_SINES = np.rint(WAVE * np.sin(2 * np.pi * np.arange(_TURN) / _TURN)).astype(np.int64)


def vdm() -> PatchCodec:
    """The codec."""
    return PatchCodec(5, "vdm", VdmSystem, research=True)


def chains(patches: int) -> Iterator[slice]:
    """Patches that are coded together: few of those before them, so that their first draws find bits on the stack.

    >>> [s.stop - s.start for s in chains(40)]
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 3]
    """
    first = 0
    while first < patches:
        size = min(max(first // _BEFORE, 1), _MOST_TOGETHER, patches - first)
        yield slice(first, first + size)
        first += size


class Stack(Protocol):
    """What draws latents, and takes what they tell of."""

    def take(self, distributions: Logistics) -> Integers:
        """Symbols that are drawn."""

    def put(self, distributions: Logistics, symbols: Integers) -> None:
        """Symbols, to be taken."""


class _Bound:
    """Draws, and counts what a stack would hold, in bits of each patch."""

    def __init__(self, patches: int) -> None:
        self.bits, self._coder = np.zeros(patches), StackCoder(lanes_of(patches))

    def take(self, distributions: Logistics) -> Integers:
        symbols = self._coder.take(distributions)
        self.bits -= self._cost(distributions, symbols)[::-1]
        return symbols

    def put(self, distributions: Logistics, symbols: Integers) -> None:
        self.bits += self._cost(distributions, symbols)

    def _cost(self, distributions: Logistics, symbols: Integers) -> NDArray[np.float64]:
        frequency = distributions.intervals(symbols)[1]
        found: NDArray[np.float64] = (MASS_BITS - np.log2(frequency)).reshape(len(self.bits), -1).sum(1)
        return found


class VdmSystem:
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
        self._levels = Levels.loaded(weights.tensors, self._size, 1 + len(block_names(self._size)))
        self._halves = self._levels.halves
        self._top = weights.tensors["top"].astype(np.int64)
        needed = (self.format.frames, 3, TOP)
        if self._top.shape != needed:
            raise ValueError(f"top: weights of shape {self._top.shape} found, {needed} needed")
        self._order, self._middle = channel_order(self.format), middle_of(self.format)

    def encode_patches(self, x: Integers) -> bytes:
        """Bytes of patches."""
        return self.encoded(x).to_bytes()

    def encoded(self, x: Integers) -> StackCoder:
        """The stack that patches make."""
        coder = StackCoder(lanes_of(len(x)))
        for some in chains(len(x)):
            self._encode(x[some], coder)
        return coder

    def bits(self, x: Integers) -> NDArray[np.float64]:
        """The variational bound of each patch, of the frequencies that it is coded with and latents drawn once.

        A stream has beside it what the first draws take and the lanes end with.
        """
        found = []
        for first in range(0, len(x), _MOST_TOGETHER):
            part = x[first : first + _MOST_TOGETHER]
            bound = _Bound(len(part))
            self._encode(part, bound)
            found.append(bound.bits)
        return np.concatenate(found)

    def decode_patches(self, data: memoryview | bytes, count: int) -> Integers:
        """The patches of bytes."""
        coder = StackCoder(lanes_of(count), data)
        x = np.zeros((count, self.format.channels, SIDE, SIDE), np.int64)
        for some in reversed(list(chains(count))):
            x[some] = self._decoded(coder, some.stop - some.start)
        coder.finish()
        return x

    def _encode(self, x: Integers, coder: Stack) -> None:
        """Latents of patches are drawn, and all is put."""
        around = x.transpose(0, 2, 3, 1) - self._middle
        words = words_of(around, self.format)
        noisy = self._noisier(words, 0, coder)
        means, out = self._of_pixels(noisy)
        for number in reversed(range(len(self._order))):
            coder.put(self._pixels(number, means, out, around), x[:, self._order[number]].ravel())
        for level in range(1, len(self._halves)):
            before, noisy = noisy, self._noisier(noisy, level, coder)
            coder.put(self._before(noisy, level), (before + self._halves[level - 1]).ravel())
        coder.put(self._noisiest(len(x)), (noisy + self._halves[-1]).ravel())

    def _decoded(self, coder: StackCoder, count: int) -> Integers:
        """Undo `_encode`, last first."""
        last = len(self._halves) - 1
        noisy = self._placed(coder.take(self._noisiest(count)), count, last)
        for level in range(last, 0, -1):
            before = self._placed(coder.take(self._before(noisy, level)), count, level - 1)
            self._give_back(coder, before, noisy, level)
            noisy = before
        means, out = self._of_pixels(noisy)
        around = np.zeros((count, SIDE, SIDE, self.format.channels), np.int64)
        for number, channel in enumerate(self._order):
            found = coder.take(self._pixels(number, means, out, around))
            around[..., channel] = found.reshape(around.shape[:-1]) - self._middle
        self._give_back(coder, words_of(around, self.format), noisy, 0)
        return np.ascontiguousarray(around.transpose(0, 3, 1, 2)) + self._middle

    def _placed(self, symbols: Integers, count: int, level: int) -> Integers:
        return symbols.reshape(count, SIDE, SIDE, self.format.frames) - self._halves[level]

    def _drawn(self, before: Integers, level: int) -> tuple[Integers, Normals]:
        """Where words of a level lie, in whole steps, of those of the level before, and how noise is distributed."""
        step = int(self._levels.steps[level - 1]) if level else FINE
        mean = UNIT * before * step // int(self._levels.steps[level])
        whole = mean + UNIT // 2 >> 5
        # From the last pixel to the first: a draw is made of the bits that were put last, and those of its own pixel
        # are no chance to it.
        fraction = (mean - UNIT * whole + UNIT * REACH).reshape(-1, 1)[::-1]
        scales = np.broadcast_to(self._levels.added[level], fraction.shape)
        return whole, Normals(fraction, scales, np.full(fraction.shape, 1 << WEIGHT_BITS), 2 * REACH + 1)

    def _noisier(self, before: Integers, level: int, coder: Stack) -> Integers:
        whole, noise = self._drawn(before, level)
        return whole + coder.take(noise)[::-1].reshape(whole.shape) - REACH

    def _give_back(self, coder: StackCoder, before: Integers, noisy: Integers, level: int) -> None:
        """What an encoder drew."""
        whole, noise = self._drawn(before, level)
        symbols = (noisy - whole + REACH).ravel()[::-1]
        if symbols.min() < 0 or symbols.max() > 2 * REACH:
            raise CorruptError(f"VDM: words of level {level} found that no noise makes of those of the level before")
        coder.put(noise, symbols)

    def _noisiest(self, count: int) -> Normals:
        """Distributions of the words of the last level: the same everywhere."""
        half = self._halves[-1]
        means, scales, logits = self._top.transpose(1, 0, 2)
        parts = means + UNIT * half, _indices(scales // SCALE_PARTS), mixture_weights(logits)
        means, scales, weights = (np.tile(part, (count * SIDE**2, 1)) for part in parts)
        return Normals(means, scales, weights, 2 * half + 1)

    def _before(self, noisy: Integers, level: int) -> Normals:
        """Distributions of the words of the level before."""
        noise, out = self._told("out.steps", noisy, level)
        frames, k = self.format.frames, self._size.components
        parts = out[..., : 3 * k * frames].reshape(*noisy.shape, 3, k)
        offsets, scales, logits = (parts[..., i, :] for i in range(3))
        step, before = (int(self._levels.steps[i]) for i in (level, level - 1))
        pull, half = int(self._levels.pulls[level]), self._halves[level - 1]
        mean = (UNIT * PULL * noisy[..., None] - pull * (noise[..., None] + offsets)) * step // (before * PULL)
        mean = np.clip(mean + UNIT * half, 0, 2 * UNIT * half).reshape(-1, k)
        missed = np.clip(scales // SCALE_PARTS + MISSED, 0, 2 * MISSED).reshape(-1, k)
        weights = mixture_weights(logits.reshape(-1, k))
        return Normals(mean, _indices(self._levels.spreads[level][missed]), weights, 2 * half + 1)

    def _of_pixels(self, noisy: Integers) -> tuple[Integers, Integers]:
        """Means of words, in 1/32 around zero, and what else is told of pixels."""
        noise, out = self._told("out.pixels", noisy, 0)
        return (UNIT * noisy - noise) * int(self._levels.steps[0]) // FINE, out

    def _pixels(self, number: int, means: Integers, out: Integers, x: Integers) -> Logistics:
        """Distributions of the channel that is `number` in their order, of arrays whose channels are last."""
        k = self._size.components
        offsets, scales, logits = (part.reshape(-1, k) for part in mixture(out, self._order[number], k))
        mean = channel_mean(number, means, out, x, k, self.format, operator.floordiv).reshape(-1, 1)
        scales = _indices(scales // SCALE_PARTS)
        return Logistics(mean + UNIT * self._middle + offsets, scales, mixture_weights(logits), self.format.alphabet)

    @torch.inference_mode()
    def _told(self, name: str, noisy: Integers, level: int) -> tuple[Integers, Integers]:
        """Noise of all patches in 1/32 steps, and what else a layer gives; some at a time, channels last."""
        parts = []
        told = self._tensor(self._levels.told[level])[None]
        with torch.autocast(self._device.type, enabled=False):
            for first in range(0, len(noisy), self._batch):
                part = noisy[first : first + self._batch].transpose(0, 3, 1, 2)
                planes, waves = self._tensor(part), self._tensor(self._waves(part, level))
                h = features_of(planes, waves, told, self._size, self._layer, exact_signed_log)
                parts.append([_array(y) for y in (linear_ways(planes, self._layer), self._layer(name, h))])
        ways, out = (np.concatenate(of) for of in zip(*parts, strict=True))
        return noise_of(ways, out, self._size, self.format, operator.floordiv), out

    def _waves(self, noisy: Integers, level: int) -> Integers:
        """Sines and cosines of words (n, frames, y, x), which are smaller where noise hides them."""
        found = [noisy[:, :0]]
        for number in range(self._size.waves):
            turn = noisy * int(self._levels.steps[level]) >> number
            for phase in (turn, turn + _TURN // 4):
                found.append(_SINES[phase % _TURN] * int(self._levels.seen[level, number]) // SEEN)
        return np.concatenate(found, 1)

    def _layer(self, name: str, x: Tensor) -> Tensor:
        return self._layers[name].run(x)

    def _tensor(self, x: Integers) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(x)).to(self._device, torch.float64)


def _array(x: Tensor) -> Integers:
    found: Integers = x.movedim(1, -1).to("cpu", torch.int64).numpy()
    return found


def _indices(scales: Integers) -> Integers:
    return np.clip(scales, 0, LAST_SCALE)


def network_tensors(network: VdmNetwork) -> dict[str, NDArray[Any]]:
    """The whole numbers of a network that has learned, to be saved, and its noise, to make those of other steps."""
    found = network.layer_tensors()
    found["top"] = np.rint(network.top.detach().double().numpy() * UNIT).astype(np.int32)
    noise = {f"noise.{name}": value.numpy() for name, value in network.noise.state_dict().items()}
    return found | noise | levels_of(network.noise, network.size).tensors()


def restepped(weights: Weights, steps: int) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Tensors and metadata of the same network that codes in another number of steps."""
    size = Size(**{**weights.about["size"], "steps": steps})
    noise = Noise(size.first, size.last, 1 + len(block_names(size)), size.filters)
    noise.load_state_dict({name: torch.from_numpy(weights.tensors[f"noise.{name}"]) for name in noise.state_dict()})
    tensors = {**weights.tensors, **levels_of(noise, size).tensors()}
    return tensors, {**weights.about, "size": size.about()}
