"""Integer discrete flow: patches to bytes and back (codec 2). docs/format.md section "IDF"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from astrocodec.lossless.idf_network import (
    GATE_UNIT,
    LAST_SCALE,
    SCALE_PARTS,
    DenseBlock,
    IdfNetwork,
    Level,
    Size,
    extended,
    inner,
    levels_of,
    mixture_parts,
    squeeze,
)
from astrocodec.lossless.lane_rans import LaneDecoder, LaneEncoder
from astrocodec.lossless.logistic_tables import MASS_BITS, UNIT, Logistics, mixture_weights
from astrocodec.lossless.patch_codec import PatchCodec
from astrocodec.lossless.patches import SIDE
from astrocodec.lossless.pixel_format import PixelFormat
from astrocodec.lossless.signed_log import exact_signed_log
from astrocodec.lossy.integer_network import ExactConv, layer_tensors, loaded_layer
from astrocodec.lossy.weights import Weights

Integers = NDArray[np.int64]


def idf() -> PatchCodec:
    """The codec."""
    return PatchCodec(2, "idf", IdfSystem)


class ExactBlock:
    """A `DenseBlock` in whole numbers.

    Parameters
    ----------
    layers : mapping of str to ExactConv
    n_mean : int
    """

    def __init__(self, layers: Mapping[str, ExactConv], n_mean: int) -> None:
        self._layers, self._n_mean = layers, n_mean
        self._depth = sum(name.startswith("dense.") for name in layers)

    @classmethod
    def loaded(cls, tensors: Mapping[str, NDArray[Any]], prefix: str, like: DenseBlock) -> ExactBlock:
        """That of weights."""
        layers = {name: loaded_layer(tensors, f"{prefix}.{name}", layer, reach) for name, layer, reach in like.layers()}
        return cls(layers, like.n_mean)

    def run(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Means and the rest of symbols, whole numbers in doubles."""
        x = extended(x)
        h = exact_signed_log(inner(self._layers["filters"].run(x)))
        for i in range(self._depth):
            h = torch.cat([h, self._layers[f"dense.{i}"].run(h).to(h.dtype)], 1)
        out, ways = self._layers["out"].run(h).double(), inner(self._layers["linear"].run(x).double())
        gates, n = ways.shape[1] // self._n_mean, self._n_mean
        mean = ways[:, :n] + out[:, :n]
        for gate in range(1, gates):
            part = slice(gate * n, (1 + gate) * n)
            mean += torch.floor(ways[:, part] * out[:, part] / GATE_UNIT)
        return mean, out[:, gates * n :]


class IdfSystem:
    """The flow of weights.

    Parameters
    ----------
    weights : Weights
    device : str
    batch : int
        Patches that a network is given at a time.
    """

    def __init__(self, weights: Weights, device: str, batch: int) -> None:
        self.format = PixelFormat.of(weights.about["format"])
        size = Size(**weights.about["size"])
        like = _network_like(size, self.format)
        self._plan: tuple[Level, ...] = levels_of(size, self.format.channels)
        self._device, self._batch = torch.device(device), batch
        self._flows: list[list[ExactBlock]] = []
        self._priors: list[ExactBlock] = []
        for i, (level, flows) in enumerate(zip(self._plan, like.flows, strict=True)):
            blocks = [block for block in flows if isinstance(block, DenseBlock)]  # type: ignore[attr-defined]
            loaded = [ExactBlock.loaded(weights.tensors, f"flow.{i}.{j}", b) for j, b in enumerate(blocks)]
            self._flows.append(loaded)
            if level.given_up:
                prior = like.priors[i]
                assert isinstance(prior, DenseBlock)
                self._priors.append(ExactBlock.loaded(weights.tensors, f"prior.{i}", prior))
        self._top = weights.tensors["top"].astype(np.int64)
        if self._top.ndim != 3 or self._top.shape[:2] != (self._plan[-1].channels, 3):
            raise ValueError(f"top: weights of shape {self._top.shape} found, {self._plan[-1].channels} x 3 x n needed")

    def encode_patches(self, x: Integers) -> bytes:
        """Bytes of patches."""
        return self._encoded(x).to_bytes()

    def bits(self, x: Integers) -> NDArray[np.float64]:
        """Bits of each patch, of the frequencies that it is coded with."""
        found = np.zeros(len(x))
        for symbols, logistics in self._calls(x):
            frequency = logistics.intervals(symbols)[1]
            found += (MASS_BITS - np.log2(frequency)).reshape(len(x), -1).sum(1)
        return found

    def decode_patches(self, data: memoryview | bytes, count: int) -> Integers:
        """The patches of bytes."""
        coder = LaneDecoder(data, count * self.format.channels * SIDE**2)
        last = self._plan[-1]
        shape = (count, last.channels, last.side, last.side)
        x = self._placed(coder.take(self._top_logistics(count)), np.zeros(shape, np.int64))
        for number in reversed(range(len(self._plan))):
            level = self._plan[number]
            if level.given_up:
                mean, more = self._run(self._priors[number], x)
                given = self._placed(coder.take(self._logistics(mean, more)), mean)
                x = np.concatenate([x, given], 1)
            for order, block in reversed(list(zip(level.orders, self._flows[number], strict=True))):
                x = self._moved(x, level, order, block, -1)
            x = _unsqueezed(x) if level.squeezes else x
        coder.finish()
        return x + self.format.alphabet // 2

    def _encoded(self, x: Integers) -> LaneEncoder:
        coder = LaneEncoder()
        for symbols, logistics in self._calls(x):
            coder.put(*logistics.intervals(symbols))
        return coder

    def _calls(self, x: Integers) -> list[tuple[Integers, Logistics]]:
        """Symbols and their distributions, as a decoder comes to know them: the last level first."""
        x = x - self.format.alphabet // 2
        calls: list[tuple[Integers, Logistics]] = []
        for number, level in enumerate(self._plan):
            x = squeeze(x) if level.squeezes else x
            for order, block in zip(level.orders, self._flows[number], strict=True):
                x = self._moved(x, level, order, block, 1)
            if level.given_up:
                x, given = x[:, : -level.given_up], x[:, -level.given_up :]
                mean, more = self._run(self._priors[number], x)
                calls.append((self._symbols(given, mean), self._logistics(mean, more)))
        calls.append((self._symbols(x, np.zeros_like(x)), self._top_logistics(len(x))))
        return calls[::-1]

    def _moved(self, x: Integers, level: Level, order: Sequence[int], block: ExactBlock, sign: int) -> Integers:
        """Channels after a flow, or, of sign -1, before it."""
        kept, moved = list(order[: -level.moved]), list(order[-level.moved :])
        mean, _ = self._run(block, x[:, kept])
        x = x.copy()
        x[:, moved] = self._wrapped(x[:, moved] + sign * (mean + UNIT // 2 >> 5))
        return x

    def _wrapped(self, x: Integers) -> Integers:
        middle = self.format.alphabet // 2
        return (x + middle) % self.format.alphabet - middle

    def _symbols(self, x: Integers, mean: Integers) -> Integers:
        """Symbols from 0 on, in the middle where they are what is expected."""
        return (self._wrapped(x - (mean + UNIT // 2 >> 5)) + self.format.alphabet // 2).ravel()

    def _placed(self, symbols: Integers, mean: Integers) -> Integers:
        """Undo `_symbols`."""
        return self._wrapped(symbols.reshape(mean.shape) - self.format.alphabet // 2 + (mean + UNIT // 2 >> 5))

    def _logistics(self, mean: Integers, more: Integers) -> Logistics:
        """Distributions of the symbols of a block's outputs."""
        offsets, scales, logits = mixture_parts(more, mean.shape[1])
        middle = UNIT * (self.format.alphabet // 2) + mean - UNIT * (mean + UNIT // 2 >> 5)
        k = offsets.shape[-1]
        weights = mixture_weights(logits.reshape(-1, k))
        scales = np.clip(scales.reshape(-1, k) // SCALE_PARTS, 0, LAST_SCALE)
        return Logistics((middle[..., None] + offsets).reshape(-1, k), scales, weights, self.format.alphabet)

    def _top_logistics(self, count: int) -> Logistics:
        """Those of the last level, which nothing tells of."""
        last = self._plan[-1]
        channels, _, k = self._top.shape
        place = (last.side, last.side)
        more = np.broadcast_to(self._top.reshape(1, -1, 1, 1), (count, channels * 3 * k, *place))
        return self._logistics(np.zeros((count, channels, *place), np.int64), more)

    @torch.inference_mode()
    def _run(self, block: ExactBlock, x: Integers) -> tuple[Integers, Integers]:
        """Outputs of a block for all patches, some at a time."""
        parts = []
        with torch.autocast(self._device.type, enabled=False):
            for first in range(0, len(x), self._batch):
                part = torch.from_numpy(x[first : first + self._batch]).to(self._device, torch.float64)
                parts.append([y.to("cpu", torch.int64).numpy() for y in block.run(part)])
        mean, more = (np.concatenate(of) for of in zip(*parts, strict=True))
        return mean, more


def _unsqueezed(x: Integers) -> Integers:
    n, channels, height, width = x.shape
    y = np.empty((n, channels // 4, 2 * height, 2 * width), np.int64)
    for part, (i, j) in zip(np.split(x, 4, axis=1), ((0, 0), (1, 1), (0, 1), (1, 0)), strict=True):
        y[:, :, i::2, j::2] = part
    return y


def _network_like(size: Size, form: PixelFormat) -> IdfNetwork:
    """A network that has the layers' shapes, and takes no memory."""
    with torch.device("meta"):
        return IdfNetwork(size, form)


def network_tensors(network: IdfNetwork) -> dict[str, NDArray[Any]]:
    """The whole numbers of a network that has learned, to be saved."""
    found: dict[str, NDArray[Any]] = {}
    blocks: list[tuple[str, Any]] = [(f"prior.{i}", block) for i, block in enumerate(network.priors)]
    for i, flows in enumerate(network.flows):
        assert isinstance(flows, nn.ModuleList)
        blocks += [(f"flow.{i}.{j}", block) for j, block in enumerate(flows)]
    for prefix, block in blocks:
        for name, layer, reach in block.layers():
            found |= layer_tensors(layer.exact(reach), f"{prefix}.{name}")
    found["top"] = np.rint(network.top.detach().double().numpy() * UNIT).astype(np.int32)
    return found
