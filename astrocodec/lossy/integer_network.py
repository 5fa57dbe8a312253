"""Integer-valued convolutions in float carriers: what feeds a probability is the same on any machine.

docs/format.md section "Integer networks". `IntegerConv` learns: its forward pass rounds as the format does, gradients
pass through. `ExactNetwork` runs: patches, one matrix product, a shift; every partial sum is a whole number that the
carrier holds exactly, so neither order nor library changes a bit.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

UNIT = 32  # what 1.0 is among activations
SHIFT = 8  # weights are multiples of 2^-8
MAX_ACTIVATION = 255
_BYTE = 127
_WHOLE = {torch.float32: 1 << 24, torch.float64: 1 << 53}


def _rounded(x: Tensor) -> Tensor:
    return x + (x.round() - x).detach()


def _floored(x: Tensor) -> Tensor:
    return x + (x.floor() - x).detach()


class IntegerConv(nn.Module):
    """A convolution that learns as the integers that it will be.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    kernel : int
        Side, odd.
    low, high : int, optional
        What activations are clipped to; 0 and 255, which is a rectifier, by default.
    upsample : int, optional
        Sides of the picture grow by so much: channels become pixels (`torch.nn.PixelShuffle`).
    causal : bool, optional
        Only pixels above, and left of it in its row, are seen.
    checkered : bool, optional
        Only pixels of the other colour of a chessboard are seen.
    stride : int, optional
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel: int,
        *,
        low: int = 0,
        high: int = MAX_ACTIVATION,
        upsample: int = 1,
        causal: bool = False,
        checkered: bool = False,
        stride: int = 1,
    ) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"a kernel of side {kernel} found, odd ones are allowed")
        self.low, self.high, self.upsample, self.stride = low, high, upsample, stride
        self.conv = nn.Conv2d(n_in, n_out * upsample**2, kernel, stride, kernel // 2)
        self.mask: Tensor
        self.register_buffer("mask", _mask(kernel, causal, checkered), persistent=False)

    def integers(self) -> tuple[Tensor, Tensor]:
        """Weights and biases as whole numbers, in floats."""
        assert self.conv.bias is not None
        bias = _rounded(self.conv.bias * (UNIT << SHIFT))
        return _rounded(self.conv.weight * self.mask * (1 << SHIFT)), bias

    def forward(self, x: Tensor) -> Tensor:
        """Activations, whole numbers, of activations that are whole numbers."""
        weight, bias = self.integers()
        sums = functional.conv2d(x, weight, bias, self.stride, self.conv.padding)
        y = _floored(sums / (1 << SHIFT)).clamp(self.low, self.high)
        return functional.pixel_shuffle(y, self.upsample) if self.upsample > 1 else y

    @torch.no_grad()
    def take(self, layer: ExactConv) -> None:
        """Go on from what ran: what learned, but for what rounding took."""
        assert self.conv.bias is not None
        self.conv.weight.copy_(torch.from_numpy(layer.weight) / (1 << SHIFT))
        self.conv.bias.copy_(torch.from_numpy(layer.bias) / (UNIT << SHIFT))

    def exact(self, reach: int) -> ExactConv:
        """The same to run, on inputs of at most `reach` either side of zero."""
        with torch.no_grad():
            weight, bias = (x.double().numpy() for x in self.integers())
        return ExactConv(
            weight.astype(np.int64), bias.astype(np.int64), reach, self.low, self.high, self.upsample, self.stride
        )


def _mask(kernel: int, causal: bool, checkered: bool) -> Tensor:
    mask = torch.ones(kernel, kernel)
    if causal:
        mask[kernel // 2, kernel // 2 :] = 0
        mask[kernel // 2 + 1 :] = 0
    if checkered:
        mask[torch.arange(kernel)[:, None] % 2 == torch.arange(kernel)[None] % 2] = 0
    return mask


@dataclass(frozen=True)
class ExactConv:
    """A convolution of whole numbers whose sums its carrier holds, which is seen to when it is made."""

    weight: NDArray[np.int64]  # (n_out, n_in, kernel, kernel)
    bias: NDArray[np.int64]
    reach: int  # largest input, either side of zero
    low: int
    high: int
    upsample: int = 1
    stride: int = 1

    def __post_init__(self) -> None:
        """See that there is a carrier."""
        if self.bound >= _WHOLE[torch.float64]:
            raise ValueError(f"sums of up to {self.bound} found, no float holds whole numbers beyond 2^53 exactly")

    @functools.cached_property
    def bound(self) -> int:
        """The largest sum, in parts or whole, that any input gives."""
        weights = np.abs(self.weight).reshape(len(self.weight), -1).sum(1)
        return max(int(w) * self.reach + abs(int(b)) for w, b in zip(weights, self.bias, strict=True))

    def carrier(self, device: torch.device) -> torch.dtype:
        """Single precision where it holds every sum and is not a name for less, as it may be on other devices."""
        is_whole = device.type == "cpu" and torch.get_float32_matmul_precision() == "highest"
        return torch.float32 if is_whole and self.bound < _WHOLE[torch.float32] else torch.float64

    def run(self, x: Tensor) -> Tensor:
        """Activations (n, channels, y, x), whole numbers in floats, of such."""
        dtype, kernel = self.carrier(x.device), self.weight.shape[-1]
        n, _, height, width = x.shape
        x = x.to(dtype)
        weight = torch.from_numpy(self.weight).to(x.device, dtype).flatten(1)
        bias = torch.from_numpy(self.bias).to(x.device, dtype)[:, None]
        patches = functional.unfold(x, kernel, padding=kernel // 2, stride=self.stride)
        sums = weight @ patches + bias
        y = torch.floor(sums * 2.0**-SHIFT).clamp(self.low, self.high)
        side = self.stride
        y = y.reshape(n, len(weight), -(-height // side), -(-width // side))
        return functional.pixel_shuffle(y, self.upsample) if self.upsample > 1 else y


def layer_tensors(layer: ExactConv, name: str) -> dict[str, NDArray[Any]]:
    """Weights and biases to be saved: in bytes, and those that are too large for one as places and values beside."""
    weight = layer.weight
    far = np.flatnonzero(np.abs(weight) > _BYTE)
    found: dict[str, NDArray[Any]] = {f"{name}.bias": layer.bias.astype(np.int32)}
    found[f"{name}.weight"] = weight.astype(np.int8)
    if 8 * far.size > weight.size:
        found[f"{name}.weight"] = weight.astype(np.int16 if np.abs(weight).max() < 1 << 15 else np.int32)
    elif far.size:
        found[f"{name}.far"] = np.stack([far, weight.ravel()[far]], 1).astype(np.int32)
    return found


def loaded_layer(tensors: Mapping[str, NDArray[Any]], name: str, like: IntegerConv, reach: int) -> ExactConv:
    """What `layer_tensors` saved; `like` says how the layer clips and grows."""
    weight, bias = (tensors[f"{name}.{part}"].astype(np.int64) for part in ("weight", "bias"))
    if weight.shape != tuple(like.conv.weight.shape) or bias.shape != weight.shape[:1]:
        raise ValueError(f"{name}: weights of shape {weight.shape} found, {like.conv.weight.shape} needed")
    if (far := tensors.get(f"{name}.far")) is not None:
        if far.ndim != 2 or far.shape[1] != 2 or far[:, 0].min() < 0 or far[:, 0].max() >= weight.size:
            raise ValueError(f"{name}.far: places outside of {weight.size} weights found")
        weight.ravel()[far[:, 0]] = far[:, 1]
    return ExactConv(weight, bias, reach, like.low, like.high, like.upsample, like.stride)


class ExactNetwork:
    """Convolutions one after the other on whole numbers.

    Parameters
    ----------
    layers : sequence of ExactConv
    """

    def __init__(self, layers: Sequence[ExactConv]) -> None:
        self.layers = tuple(layers)
        for before, after in zip(self.layers, self.layers[1:], strict=False):
            if max(abs(before.low), abs(before.high)) > after.reach:
                raise ValueError(f"a layer gives up to {before.low} and {before.high}, the next takes {after.reach}")

    @classmethod
    def of(cls, layers: Iterable[nn.Module], reach: int) -> ExactNetwork:
        """Those that learned, for inputs of at most `reach` either side of zero."""
        made = []
        for layer in layers:
            assert isinstance(layer, IntegerConv)
            made.append(layer.exact(reach))
            reach = max(abs(layer.low), abs(layer.high))
        return cls(made)

    def run(self, x: NDArray[Any], device: str = "cpu") -> NDArray[np.int64]:
        """Outputs (n, channels, y, x) of whole numbers, which are clipped to what the first layer takes."""
        reach = self.layers[0].reach
        where = torch.device(device if device.startswith("cuda") else "cpu")
        with torch.inference_mode(), torch.autocast(where.type, enabled=False):
            y = torch.from_numpy(np.clip(np.asarray(x, np.int64), -reach, reach)).to(where)
            for layer in self.layers:
                y = layer.run(y)
            return y.to("cpu", torch.int64).numpy()

    def tensors(self, prefix: str) -> dict[str, NDArray[Any]]:
        """Weights and biases to be saved."""
        found: dict[str, NDArray[Any]] = {}
        for i, layer in enumerate(self.layers):
            found |= layer_tensors(layer, f"{prefix}.{i}")
        return found

    @classmethod
    def loaded(
        cls, tensors: Mapping[str, NDArray[Any]], prefix: str, like: Iterable[nn.Module], reach: int
    ) -> ExactNetwork:
        """What `tensors` saved; `like` says how layers clip and grow."""
        made = []
        for i, layer in enumerate(like):
            assert isinstance(layer, IntegerConv)
            made.append(loaded_layer(tensors, f"{prefix}.{i}", layer, reach))
            reach = max(abs(layer.low), abs(layer.high))
        return cls(made)
