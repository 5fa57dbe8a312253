"""What the VQ-VAE and the VAE share as codecs: planes of a sky as vectors that are coded, and back.

docs/format.md section "Planes of a sky".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError
from astrocodec.lossy import stretch, trunk
from astrocodec.lossy.lattice_coder import LatticeDecoder, LatticeEncoder
from astrocodec.lossy.weights import FINGERPRINT_SIZE, Weights, weights_of

Grid = tuple[int, int, int]  # planes, rows and columns of vectors


class SkyCodec:
    """A codec of images of float32 and of integers of 16 bits, not exact.

    Parameters
    ----------
    codec_id : int
    name : str
        Also of the weights.
    make : callable
        Of weights a network ready to code, such as `astrocodec.lossy.vae.Built`.
    """

    exact = False
    install = "pip install 'astrocodec[torch]'"

    def __init__(self, codec_id: int, name: str, make: Callable[[Weights], Any]) -> None:
        self.id, self.name, self._make = codec_id, name, make
        self._made: dict[bytes, Any] = {}

    def _built(self, key: str | bytes) -> Any:
        weights = weights_of(self.name, key)
        if weights.fingerprint not in self._made:
            self._made[weights.fingerprint] = self._make(weights)
        return self._made[weights.fingerprint]

    def encode(
        self, values: NDArray[Any], *, quality: int = 3, weights: str | None = None, device: str = "cpu"
    ) -> tuple[bytes, bytes]:
        """Code an array of planes at a quality from 0, few bits, on: of the VQ-VAE to 7, of the VAE to 6."""
        planes, built = stretch.as_planes(values, self.name), self._built(weights or self.name)
        if not 0 <= quality < built.qualities:
            raise ValueError(f"codec {self.name}: quality {quality} found, 0 to {built.qualities - 1} allowed")
        scales = [stretch.measure(plane) for plane in planes]
        encoder, coder = built.encoder.to(device), LatticeEncoder()
        vectors = [
            trunk.to_vectors(encoder, stretch.stretch(plane, *scale), built.size, device)
            for plane, scale in zip(planes, scales, strict=True)
        ]
        built.put(coder, vectors, trunk.grid_of(values.shape), quality)
        return built.fingerprint + bytes([quality]), stretch.scales_to_bytes(scales) + coder.to_bytes()

    def decode(
        self, parameters: bytes, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...], *, device: str
    ) -> NDArray[Any]:
        """Give back the pixels that the symbols stand for."""
        stretch.check_written(dtype, shape, self.name)
        fingerprint, quality = self._read(parameters)
        planes, height, width = stretch.plane_shape(shape)
        scales, rest = stretch.scales_of(data, planes)
        built, coder = self._built(fingerprint), LatticeDecoder(rest)
        if quality >= built.qualities:
            raise CorruptError(
                f"codec {self.name}: quality {quality} found, these weights have 0 to {built.qualities - 1}"
            )
        values = np.empty((planes, height, width), dtype)
        decoder = built.decoder.to(device)
        for number, vectors in enumerate(built.take(coder, trunk.grid_of(shape), quality)):
            y = trunk.to_plane(decoder, vectors, device)
            values[number] = stretch.unstretch(y[:height, :width], scales[number, 0], scales[number, 1], dtype)
        coder.finish()
        return values.reshape(shape)

    def _read(self, parameters: bytes) -> tuple[bytes, int]:
        if len(parameters) != FINGERPRINT_SIZE + 1:
            raise CorruptError(f"codec {self.name}: {len(parameters)} bytes of parameters found, not 9")
        return parameters[:FINGERPRINT_SIZE], parameters[FINGERPRINT_SIZE]

    def inspect(self, parameters: bytes) -> Mapping[str, object]:
        """Tell weights and quality."""
        fingerprint, quality = self._read(parameters)
        return {"weights": fingerprint.hex(), "quality": quality, "loss": stretch.LOSS}
