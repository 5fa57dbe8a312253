"""Tiles of pictures through QH-VAE. docs/format.md section "QH-VAE"."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from astrocodec.errors import CorruptError
from astrocodec.lossy.adapted_scales import AdaptedScales, SizeCounts, chessboard
from astrocodec.lossy.exchange import Exchange
from astrocodec.lossy.float_weights import pack_floats, unpack_floats
from astrocodec.lossy.gaussian_tables import MEAN_UNIT
from astrocodec.lossy.hyperprior_network import MEAN_REACH, exact_scale_index
from astrocodec.lossy.integer_network import MAX_ACTIVATION, ExactNetwork, IntegerConv, loaded_layer
from astrocodec.lossy.latent_tiles import FAR, size_of
from astrocodec.lossy.qhvae_network import LEVEL_REACH, ROOTS, Prior, QhvaeNetwork, Size, level_plane
from astrocodec.lossy.transforms import LEVELS, rate_weights
from astrocodec.lossy.weights import Weights, save_weights

_FLOATS = ("encoder", "picture", "gains", "last", "lapped_analysis", "lapped_synthesis")


def _layers(prior: Prior) -> dict[str, tuple[IntegerConv, int]]:
    """Layers of the prior by name, and how large their inputs may be."""
    found: dict[str, tuple[Any, int]] = {"start": (prior.start, LEVEL_REACH)}
    found |= {f"heads{i}": (layer, MAX_ACTIVATION) for i, layer in enumerate(prior.heads)}
    found |= {f"taken{i}": (layer, MEAN_REACH) for i, layer in enumerate(prior.taken)}
    if hasattr(prior, "beside"):
        found |= {"beside": (prior.beside, MEAN_REACH)}
        found |= {f"joined{i}": (layer, MAX_ACTIVATION) for i, layer in enumerate(prior.joined)}
    found |= {f"grown{i}": (layer, MAX_ACTIVATION) for i, layer in enumerate(prior.grown)}
    return found | {f"base{i}": (layer, MEAN_REACH) for i, layer in enumerate(getattr(prior, "bases", ()))}


def save(network: QhvaeNetwork, folder: Path, system: str = "qhvae") -> Path:
    """Write the weights into a folder, under their content's name."""
    tensors: dict[str, NDArray[Any]] = {}
    for part in _FLOATS:
        if hasattr(network, part):
            tensors |= pack_floats(getattr(network, part), part)
    for name, (layer, reach) in _layers(network.prior).items():
        tensors |= ExactNetwork.of([layer], reach).tensors(f"prior.{name}")
    return save_weights(tensors, {"size": network.size.about()}, system, folder)


def begin(network: QhvaeNetwork, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Go on from weights that were saved; layers that these do not have stay as they are."""
    for part in _FLOATS:
        if hasattr(network, part):
            unpack_floats(getattr(network, part), tensors, part)
    for name, (layer, reach) in _layers(network.prior).items():
        if f"prior.{name}.0.weight" in tensors:
            layer.take(loaded_layer(tensors, f"prior.{name}.0", layer, reach))


class QhvaeTiles:
    """What weights do with tiles; the encoder runs in double precision."""

    def __init__(self, weights: Weights, device: str = "cpu") -> None:
        size = size_of(Size, weights)
        network = QhvaeNetwork(size)
        for part in _FLOATS:
            if hasattr(network, part):
                unpack_floats(getattr(network, part), weights.tensors, part)
        self._prior = {
            name: ExactNetwork.loaded(weights.tensors, f"prior.{name}", [layer], reach)
            for name, (layer, reach) in _layers(network.prior).items()
        }
        self.sizes = SizeCounts(weights.tensors)
        self._network = copy.deepcopy(network).double().eval()
        self._decoder = network.eval().to(device)
        gains: Any = self._network.gains
        self._gains = [gain.logarithm.detach().exp().numpy()[..., None, None] for gain in gains]
        weights_of_rate = rate_weights(torch.arange(LEVELS)).double().numpy()[:, None, None, None]
        self._worth = size.lapped * weights_of_rate / self._gains[-1] ** 2
        self.device, self.kinds, self.heads = device, size.kinds, size.heads
        self.multiple = size.finest * 2 ** (len(size.latents) - 1)

    def _exchange(self, exchange: Exchange, shape: tuple[int, ...], level: int, encoder: _Means | None) -> list[Any]:
        """Latents of all blocks in sixteenths of a step, in or out."""
        coarse = (shape[0] // self.multiple, shape[1] // self.multiple)
        f = self._prior["start"].run(level_plane(torch.tensor([level]), coarse).numpy(), self.device)
        found: list[NDArray[np.int64]] = []
        root = np.zeros(0, np.int64)
        for number, grid, is_first in self._network.steps():
            is_new = is_first and grid > 0
            if is_new:
                f = self._prior[f"grown{grid - 1}"].run(f, self.device)
            base = np.zeros((self._gains[number].shape[1], *f.shape[2:]), np.int64)
            if is_new and f"base{grid - 1}" in self._prior:
                base[:ROOTS] = self._prior[f"base{grid - 1}"].run(root[None], self.device)[0]
            wanted = None
            if encoder is not None:
                wanted = np.clip(encoder.next_mean(number, grid, is_new) * self._gains[number][level], -FAR, FAR)
                wanted -= base / MEAN_UNIT
            worth = self._worth[level, :, 0, 0] * (number == len(self._gains) - 1)
            adapted = self.sizes.begin(f"sizes.{number}", exchange, worth)
            out = self._prior[f"heads{number}"].run(f, self.device)[0]
            if "beside" in self._prior and number == len(self._gains) - 1:
                z = base + self._on_chessboard(adapted, wanted, f, out)
            else:
                mean, scale = np.split(out, 2)
                z = base + adapted.planes(wanted, mean, exact_scale_index(scale))
            found.append(z)
            root = z if is_first else root
            if encoder is not None:
                encoder.take(number, z / MEAN_UNIT / self._gains[number][level])
            if f"taken{number}" in self._prior:
                known = np.clip(z, -MEAN_REACH, MEAN_REACH)
                f = self._prior[f"taken{number}"].run(np.concatenate([f, known[None]], 1), self.device)
        return found

    def _on_chessboard(
        self, adapted: AdaptedScales, wanted: NDArray[np.float64] | None, f: NDArray[np.int64], out: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Latents of the last block: all black squares, then the white ones."""
        black, white = chessboard(*out.shape[1:])
        sizes, found = (np.zeros((len(out) // 2, *out.shape[1:]), np.int64) for _ in range(2))
        for squares in (black, white):
            if squares is white:
                known = np.concatenate([f, self._prior["beside"].run(found[None], self.device)], 1)
                for name in ("joined0", "joined1"):
                    known = self._prior[name].run(known, self.device)
                out = out + known[0]
            mean, scale = np.split(out[:, squares], 2)
            scale = exact_scale_index(scale)
            for i, plane in enumerate(found):
                part = None if wanted is None else wanted[i][squares]
                plane[squares] = adapted.squares(part, mean[i], scale[i], i, sizes, squares)
        return found

    def encode(self, x: NDArray[np.float64], level: int, kind: str, crc: int) -> tuple[bytes, int]:
        """Bytes of a tile (channels, y, x) of 0 to 1 with sides that are multiples, and the checksum of its symbols."""
        exchange = Exchange(crc=crc)
        with torch.inference_mode():
            self._exchange(exchange, x.shape[1:], level, _Means(self._network, x))
        return exchange.to_bytes(), exchange.crc

    def decode(
        self, data: memoryview, shape: tuple[int, int, int], level: int, kind: str, crc: int
    ) -> tuple[NDArray[np.float64], int]:
        """A tile (channels, y, x), and the checksum of its symbols."""
        exchange = Exchange(data, crc)
        found = self._exchange(exchange, shape[1:], level, None)
        exchange.finish()
        network, z = self._decoder, torch.zeros(0)
        with torch.inference_mode():
            g = network.picture.start[None, :, None, None].expand(1, -1, *found[0].shape[1:])
            for number, grid, is_first in network.steps():
                g = network.picture.grow(grid, g) if is_first and grid else g
                scaled = found[number] / MEAN_UNIT / self._gains[number][level]
                z = torch.from_numpy(scaled).to(self.device, torch.float32)[None]
                g = network.picture.take(number, g, z)
            x = network.pictures(g, z, shape[0])[0].to("cpu", torch.float64).numpy()
        if not np.isfinite(x).all():
            raise CorruptError("qhvae: the symbols of a tile give no finite picture")
        return x, exchange.crc


class _Means:
    """The encoder's side of a tile: means of latents, each with what was decoded before."""

    def __init__(self, network: QhvaeNetwork, x: NDArray[np.float64]) -> None:
        self._network = network
        self._x = torch.from_numpy(np.ascontiguousarray(x))[None] - 0.5
        self._features = network.encoder.features(self._x)
        self._g: Tensor = network.picture.start[None, :, None, None].expand(1, -1, *self._features[0].shape[2:])

    def next_mean(self, number: int, grid: int, is_new: bool) -> NDArray[np.float64]:
        """Of a block of latents."""
        if is_new:
            self._g = self._network.picture.grow(grid, self._g)
        mean: NDArray[np.float64] = self._network.mean(number, self._x, self._features[grid], self._g)[0].numpy()
        return mean

    def take(self, number: int, z: NDArray[np.float64]) -> None:
        """Go on with a block as the decoder has it."""
        self._g = self._network.picture.take(number, self._g, torch.from_numpy(z)[None])
