"""Encoder and decoder that the VQ-VAE and the VAE have in common: pixels to vectors of every 8 x 8 of them, and back.

Both ways have a path without a nonlinearity: noise of a known spectrum wants a linear transform, sources the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from astrocodec.lossy.stretch import plane_shape

STRIDE = 8
# Vectors around a panel that its pixels, or pixels / 8 that its vectors, may depend on.
HALO = 8
PANEL = 64  # vectors along a side that are computed at a time, so that memory does not grow with the picture


class Residual(nn.Module):
    """x plus what two convolutions make of it."""

    def __init__(self, channels: int, hidden: int, last: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, hidden, 3, padding=1)
        self.second = nn.Conv2d(hidden, channels, last, padding=last // 2)
        nn.init.zeros_(self.second.weight)
        assert self.second.bias is not None
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Of the same shape."""
        y: Tensor = self.second(nn.functional.relu(self.first(nn.functional.relu(x))))
        return x + y


def encoder(fine: int, coarse: int, blocks: int, vectors: int) -> nn.Sequential:
    """From (n, 1, y, x) to (n, vectors, y / 8, x / 8); y and x are multiples of 8."""
    return nn.Sequential(
        nn.Conv2d(1, fine, 8, stride=4, padding=2),
        Residual(fine, fine, 3),
        nn.Conv2d(fine, coarse, 4, stride=2, padding=1),
        *(Residual(coarse, coarse // 2, 1) for _ in range(blocks)),
        nn.Conv2d(coarse, vectors, 1),
    )


def decoder(fine: int, coarse: int, blocks: int, vectors: int) -> nn.Sequential:
    """From (n, vectors, y, x) to (n, 1, 8 y, 8 x)."""
    return nn.Sequential(
        nn.Conv2d(vectors, coarse, 3, padding=1),
        *(Residual(coarse, coarse // 2, 1) for _ in range(blocks)),
        nn.ConvTranspose2d(coarse, fine, 4, stride=2, padding=1),
        Residual(fine, fine, 3),
        nn.ConvTranspose2d(fine, 1, 8, stride=4, padding=2),
    )


def grid_of(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Vectors of an array: planes, rows, columns."""
    planes, height, width = plane_shape(shape)
    return planes, -(-height // STRIDE), -(-width // STRIDE)


def _by_panels(
    run: Callable[[Tensor], Tensor], plane: Tensor, into: NDArray[Any], taken: int, given: int, device: str
) -> None:
    """Fill `into` panel by panel from `plane`; a place of the grid has so many pixels a side in either."""
    height, width = plane.shape[-2] // taken, plane.shape[-1] // taken
    for top in range(0, height, PANEL):
        for left in range(0, width, PANEL):
            above, before = max(0, top - HALO), max(0, left - HALO)
            rows = slice(above * taken, (top + PANEL + HALO) * taken)
            columns = slice(before * taken, (left + PANEL + HALO) * taken)
            found = run(plane[None, :, rows, columns].to(device))[0].cpu().numpy()
            bottom, right = min(top + PANEL, height), min(left + PANEL, width)
            inside = (
                slice((top - above) * given, (bottom - above) * given),
                slice((left - before) * given, (right - before) * given),
            )
            into[:, top * given : bottom * given, left * given : right * given] = found[:, *inside]


@torch.inference_mode()
def to_vectors(network: nn.Module, plane: NDArray[np.float32], channels: int, device: str) -> NDArray[np.float64]:
    """Vectors (channels, y / 8, x / 8) of a stretched plane of any size, reflected up to whole ones.

    In double precision: what threads and libraries change there is far less than what would change a choice.
    """
    height, width = plane.shape
    padded = np.pad(plane, ((0, -height % STRIDE), (0, -width % STRIDE)), mode="symmetric")
    found = np.empty((channels, padded.shape[0] // STRIDE, padded.shape[1] // STRIDE))
    _by_panels(network, torch.from_numpy(padded[None]).double(), found, STRIDE, 1, device)
    return found


@torch.inference_mode()
def to_plane(network: nn.Module, vectors: NDArray[np.float32], device: str) -> NDArray[np.float32]:
    """A stretched plane of whole 8 x 8 pixels from its vectors."""
    found = np.empty((1, vectors.shape[1] * STRIDE, vectors.shape[2] * STRIDE), np.float32)
    _by_panels(network, torch.from_numpy(vectors), found, 1, STRIDE, device)
    plane: NDArray[np.float32] = found[0]
    return plane


def packed(state: Mapping[str, Tensor], prefix: str) -> dict[str, NDArray[Any]]:
    """Weights to be saved: kernels in eight bits and a scale for each slice of their first axis, biases as they are."""
    found: dict[str, NDArray[Any]] = {}
    for name, value in state.items():
        weights = value.detach().numpy().astype(np.float32)
        if weights.ndim < 4:
            found[f"{prefix}.{name}"] = weights
            continue
        scale = (np.abs(weights).max((1, 2, 3), keepdims=True) / 127 + 1e-20).astype(np.float32)
        found[f"{prefix}.{name}"] = np.rint(weights / scale).astype(np.int8)
        found[f"{prefix}.{name}.scale"] = scale
    return found


def unpacked(tensors: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, Tensor]:
    """Weights back from `packed`."""
    found = {}
    for name, value in tensors.items():
        if name.startswith(prefix + ".") and not name.endswith(".scale"):
            scale = tensors.get(f"{name}.scale", np.float32(1))
            found[name.removeprefix(prefix + ".")] = torch.from_numpy(value.astype(np.float32) * scale)
    return found
