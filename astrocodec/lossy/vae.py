"""VAE: each 8 x 8 pixels of a radio sky as a vector of whole numbers (docs/format.md section "VAE").

A variational autoencoder (Kingma & Welling 2014, arXiv:1312.6114) whose posterior has the width of what rounding adds:
rounded means are what is coded. Each quality has its own gain for each number (Cui et al. 2021, arXiv:2003.02012).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from astrocodec.errors import CorruptError
from astrocodec.lossy import stretch, trunk
from astrocodec.lossy.gaussian_tables import N_SCALES
from astrocodec.lossy.lattice_coder import GAUSSIAN, LatticeDecoder, LatticeEncoder, table_numbers
from astrocodec.lossy.phase_context import ExactContext, PhaseContext, at
from astrocodec.lossy.weights import FINGERPRINT_SIZE, Weights, weights_of

NOISE = 12**-0.5  # of a number that was rounded
SEEN_UNIT = 8  # what a symbol of 1 is among the inputs of the context
MIDDLE_SCALE = 24  # scale of an output of 0; 8 are one scale
_LARGEST = float(1 << 30)
CONFIGURATIONS: dict[str, dict[str, int]] = {
    "small": {"fine": 48, "coarse": 64, "blocks": 2, "vectors": 32, "qualities": 7, "seen": 12, "hidden": 32},
    "published": {"fine": 128, "coarse": 128, "blocks": 2, "vectors": 64, "qualities": 7, "seen": 24, "hidden": 64},
}


class VaeNetwork(nn.Module):
    """Encoder, decoder, prior, and the network of the symbols' distributions; arguments as in `CONFIGURATIONS`."""

    def __init__(
        self, fine: int, coarse: int, blocks: int, vectors: int, qualities: int, seen: int, hidden: int
    ) -> None:
        super().__init__()
        self.encoder = trunk.encoder(fine, coarse, blocks, vectors)
        self.decoder = trunk.decoder(fine, coarse, blocks, vectors)
        start = torch.linspace(0, 2, qualities)[:, None].repeat(1, vectors)
        self.gain = nn.Parameter(start.clone())  # logarithms
        self.back = nn.Parameter(-start)
        self.prior = nn.Parameter(torch.zeros(qualities, vectors))  # logarithm of its width
        self.context = PhaseContext(qualities, seen, hidden, 2 * vectors)

    def means(self, x: Tensor, quality: Tensor) -> Tensor:
        """Means of the posterior (n, vectors, y, x) of pictures, at a quality each."""
        means: Tensor = self.encoder(x) * self.gain[quality].exp()[:, :, None, None]
        return means

    def pictures(self, z: Tensor, quality: Tensor) -> Tensor:
        """What the decoder makes of a draw."""
        found: Tensor = self.decoder(z * self.back[quality].exp()[:, :, None, None])
        return found

    def divergence(self, means: Tensor, quality: Tensor) -> Tensor:
        """Kullback-Leibler divergence of posterior and prior, in bits for each picture."""
        prior = self.prior[quality][:, :, None, None]
        nats = prior - float(np.log(NOISE)) + (NOISE**2 + means**2) / 2 * torch.exp(-2 * prior) - 0.5
        return nats.sum((1, 2, 3)) / float(np.log(2))

    def tensors(self) -> dict[str, NDArray[Any]]:
        """All that a codec needs, to be saved."""
        return {
            **trunk.packed(self.encoder.state_dict(), "encoder"),
            **trunk.packed(self.decoder.state_dict(), "decoder"),
            **self.context.tensors(),
            "gain": self.gain.detach().exp().numpy().astype(np.float32),
            "back": self.back.detach().exp().numpy().astype(np.float32),
        }


class Built:
    """A network of a file of weights, ready to code."""

    def __init__(self, weights: Weights) -> None:
        self.fingerprint = weights.fingerprint
        sizes = {name: int(weights.about[name]) for name in CONFIGURATIONS["small"]}
        network = VaeNetwork(**sizes)
        network.encoder.load_state_dict(trunk.unpacked(weights.tensors, "encoder"))
        network.decoder.load_state_dict(trunk.unpacked(weights.tensors, "decoder"))
        self.encoder, self.decoder = network.encoder.double().eval(), network.decoder.eval()
        self.context = ExactContext(weights.tensors, network.context)
        self.size, self.qualities, self.seen = sizes["vectors"], sizes["qualities"], sizes["seen"]
        self.gain, self.back = weights.tensors["gain"], weights.tensors["back"]

    def symbols(self, vectors: NDArray[np.float64], quality: int) -> NDArray[np.int64]:
        """Whole numbers of vectors (size, y, x)."""
        scaled = vectors * self.gain[quality].astype(np.float64)[:, None, None]
        whole: NDArray[np.int64] = np.clip(np.rint(scaled), -_LARGEST, _LARGEST).astype(np.int64)
        return whole

    def walk(
        self,
        grid: tuple[int, int, int],
        quality: int,
        code: Callable[[int, slice, NDArray[np.int64], NDArray[np.int64]], NDArray[np.int64]],
    ) -> NDArray[np.int32]:
        """Symbols (n, size, y, x) of a grid (n, y, x) in the order of the stream.

        `code` is called with phase, places of the phase, their whole means and table numbers (places, size), and gives
        the symbols there.
        """
        symbols = np.zeros((grid[0], self.size, *grid[1:]), np.int32)
        for phase in range(4):
            here: NDArray[np.int64] = at(phase, symbols)
            found = []
            seen = np.clip(symbols[:, : self.seen], -32, 32).astype(np.int64) * SEEN_UNIT
            for places, outputs in self.context.run(seen, quality, phase):
                scales = np.clip(MIDDLE_SCALE + (outputs[:, self.size :] >> 3), 0, N_SCALES - 1)
                found.append(code(phase, places, *table_numbers(scales, outputs[:, : self.size])))
            if found:
                flat = np.concatenate(found).reshape(here.shape[0], *here.shape[2:], -1)
                here[:] = flat.transpose(0, 3, 1, 2)
        return symbols


@functools.lru_cache(maxsize=4)
def _built(key: str | bytes) -> Built:
    return Built(weights_of("vae", key))


class Vae:
    """The codec: images of float32 and of integers of 16 bits, not exact."""

    id = 66
    name = "vae"
    exact = False
    install = "pip install 'astrocodec[torch]'"

    def encode(
        self, values: NDArray[Any], *, quality: int = 3, weights: str = "vae", device: str = "cpu"
    ) -> tuple[bytes, bytes]:
        """Code an array of planes at a quality of 0 to 6, from about 0.2 to 1.2 bits per pixel."""
        planes, built = stretch.as_planes(values, self.name), _built(weights)
        if not 0 <= quality < built.qualities:
            raise ValueError(f"codec vae: quality {quality} found, 0 to {built.qualities - 1} allowed")
        grid = trunk.grid_of(values.shape)
        scales = [stretch.measure(plane) for plane in planes]
        symbols = np.empty((grid[0], built.size, *grid[1:]), np.int32)
        encoder = built.encoder.to(device)
        for number, (plane, scale) in enumerate(zip(planes, scales, strict=True)):
            vectors = trunk.to_vectors(encoder, stretch.stretch(plane, *scale), built.size, device)
            symbols[number] = built.symbols(vectors, quality)
        coder = LatticeEncoder()

        def code(phase: int, places: slice, whole: NDArray[np.int64], tables: NDArray[np.int64]) -> NDArray[np.int64]:
            here: NDArray[np.int64] = (
                at(phase, symbols).transpose(0, 2, 3, 1).reshape(-1, built.size)[places].astype(np.int64)
            )
            coder.put(here - whole, tables, GAUSSIAN)
            return here

        built.walk(grid, quality, code)
        return built.fingerprint + bytes([quality]), stretch.scales_to_bytes(scales) + coder.to_bytes()

    def decode(
        self, parameters: bytes, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...], *, device: str
    ) -> NDArray[Any]:
        """Give back the pixels that the symbols stand for."""
        stretch.check_written(dtype, shape, self.name)
        fingerprint, quality = self._read(parameters)
        planes, height, width = stretch.plane_shape(shape)
        scales, rest = stretch.scales_of(data, planes)
        built, coder = _built(fingerprint), LatticeDecoder(rest)
        if not 0 <= quality < built.qualities:
            raise CorruptError(f"codec vae: quality {quality} found, these weights have 0 to {built.qualities - 1}")

        def code(phase: int, places: slice, whole: NDArray[np.int64], tables: NDArray[np.int64]) -> NDArray[np.int64]:
            found = coder.take(tables, GAUSSIAN) + whole
            if np.abs(found).max(initial=0) > _LARGEST:
                raise CorruptError("codec vae: a symbol found that no encoder writes")
            return found

        symbols = built.walk(trunk.grid_of(shape), quality, code)
        coder.finish()
        values = np.empty((planes, height, width), dtype)
        decoder = built.decoder.to(device)
        for number in range(planes):
            vectors = symbols[number].astype(np.float32) * built.back[quality][:, None, None]
            y = trunk.to_plane(decoder, vectors, device)
            values[number] = stretch.unstretch(y[:height, :width], scales[number, 0], scales[number, 1], dtype)
        return values.reshape(shape)

    @staticmethod
    def _read(parameters: bytes) -> tuple[bytes, int]:
        if len(parameters) != FINGERPRINT_SIZE + 1:
            raise CorruptError(f"codec vae: {len(parameters)} bytes of parameters found, not 9")
        return parameters[:FINGERPRINT_SIZE], parameters[FINGERPRINT_SIZE]

    def inspect(self, parameters: bytes) -> Mapping[str, object]:
        """Tell weights and quality."""
        fingerprint, quality = self._read(parameters)
        return {"weights": fingerprint.hex(), "quality": quality, "loss": stretch.LOSS}
