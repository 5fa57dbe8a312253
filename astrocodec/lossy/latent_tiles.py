"""Tiles of pictures by way of latents: float transforms outside, exact symbols inside."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from astrocodec.errors import CorruptError
from astrocodec.lossy.exchange import Exchange
from astrocodec.lossy.float_weights import unpack_floats
from astrocodec.lossy.gaussian_tables import MEAN_UNIT
from astrocodec.lossy.transforms import LEVELS, rate_weights
from astrocodec.lossy.weights import Weights

FAR = 1 << 20  # steps beyond which no latent of a picture of 0 to 1 lies
_HYPER = 4  # latents beside each other that share hyperlatents, along each axis
_Size = TypeVar("_Size")


def size_of(kind: type[_Size], weights: Weights) -> _Size:
    """How large the network of these weights is."""
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in weights.about["size"].items()})


class LatentTiles(ABC):
    """What weights do with tiles. Analysis runs in double precision, so that hardly anything changes its rounding."""

    def __init__(self, network: Any, weights: Weights, device: str) -> None:
        transforms = network.transforms
        unpack_floats(transforms, weights.tensors, "transforms")
        self.gains = transforms.gains.logarithm.detach().double().exp().numpy()[..., None, None]
        self._analysis = copy.deepcopy(transforms).double().eval()
        self._synthesis = transforms.eval().to(device)
        # A lapped transform keeps errors as they are; of others nobody knows what a latent's error does to the picture.
        weights_of_rate = rate_weights(torch.arange(LEVELS)).double().numpy()[:, None, None, None]
        self.worth = network.size.lapped * weights_of_rate / self.gains**2
        self.device, self.kinds, self.heads = device, network.size.kinds, network.size.heads
        self._stride = transforms.stride
        self.multiple = transforms.stride * _HYPER

    @abstractmethod
    def latents(
        self, exchange: Exchange, y: NDArray[np.float64] | None, shape: tuple[int, ...], level: int, kind: str
    ) -> NDArray[Any]:
        """Latents (channels, y, x) in sixteenths of a step, coded as `kind` says; `y` are those of the encoder."""

    def encode(self, x: NDArray[np.float64], level: int, kind: str, crc: int) -> tuple[bytes, int]:
        """Bytes of a tile (channels, y, x) of 0 to 1 with sides that are multiples, and the checksum of its symbols."""
        with torch.inference_mode():
            y = self._analysis(torch.from_numpy(np.ascontiguousarray(x))[None])[0].numpy() * self.gains[level]
        exchange = Exchange(crc=crc)
        self.latents(exchange, np.clip(y, -FAR, FAR), y.shape[1:], level, kind)
        return exchange.to_bytes(), exchange.crc

    def decode(
        self, data: memoryview, shape: tuple[int, int, int], level: int, kind: str, crc: int
    ) -> tuple[NDArray[np.float64], int]:
        """A tile (channels, y, x), and the checksum of its symbols."""
        exchange = Exchange(data, crc)
        y = self.latents(exchange, None, (shape[1] // self._stride, shape[2] // self._stride), level, kind)
        exchange.finish()
        scaled = torch.from_numpy(y / MEAN_UNIT / self.gains[level]).to(self.device, torch.float32)[None]
        with torch.inference_mode():
            x = self._synthesis.inverse(scaled, shape[0])[0].to("cpu", torch.float64).numpy()
        if not np.isfinite(x).all():
            raise CorruptError("the symbols of a tile give no finite picture")
        return x, exchange.crc
