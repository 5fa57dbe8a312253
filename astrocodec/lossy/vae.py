"""VAE: each 8 x 8 pixels of a radio sky as a vector of whole numbers (docs/format.md section "VAE").

A variational autoencoder (Kingma & Welling 2014, arXiv:1312.6114) whose posterior has the width of what rounding adds:
rounded means are what is coded. Each quality has its own gain for each number (Cui et al. 2021, arXiv:2003.02012).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from astrocodec.errors import CorruptError
from astrocodec.lossy import trunk
from astrocodec.lossy.gaussian_tables import N_SCALES
from astrocodec.lossy.lattice_coder import GAUSSIAN, LatticeDecoder, LatticeEncoder, table_numbers
from astrocodec.lossy.phase_context import ExactContext, PhaseContext, at
from astrocodec.lossy.sky_codec import Grid, SkyCodec
from astrocodec.lossy.weights import Weights

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

    def put(self, coder: LatticeEncoder, vectors: list[NDArray[np.float64]], grid: Grid, quality: int) -> None:
        """Code vectors."""
        symbols = np.empty((grid[0], self.size, *grid[1:]), np.int32)
        for number, plane in enumerate(vectors):
            symbols[number] = self.symbols(plane, quality)

        def code(phase: int, places: slice, whole: NDArray[np.int64], tables: NDArray[np.int64]) -> NDArray[np.int64]:
            here: NDArray[np.int64] = (
                at(phase, symbols).transpose(0, 2, 3, 1).reshape(-1, self.size)[places].astype(np.int64)
            )
            coder.put(here - whole, tables, GAUSSIAN)
            return here

        self.walk(grid, quality, code)

    def take(self, coder: LatticeDecoder, grid: Grid, quality: int) -> Iterator[NDArray[np.float32]]:
        """Vectors of each plane."""

        def code(phase: int, places: slice, whole: NDArray[np.int64], tables: NDArray[np.int64]) -> NDArray[np.int64]:
            found = coder.take(tables, GAUSSIAN) + whole
            if np.abs(found).max(initial=0) > _LARGEST:
                raise CorruptError("codec vae: a symbol found that no encoder writes")
            return found

        for symbols in self.walk(grid, quality, code):
            yield symbols.astype(np.float32) * self.back[quality][:, None, None]

    def walk(
        self,
        grid: Grid,
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


def vae() -> SkyCodec:
    """Make the codec: qualities from about 0.2 to 1.2 bits per pixel."""
    return SkyCodec(66, "vae", Built)
