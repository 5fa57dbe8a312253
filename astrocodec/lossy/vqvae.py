"""VQ-VAE: each 8 x 8 pixels of a radio sky as a few numbers of codes (docs/format.md section "VQ-VAE").

A residual quantiser codes what the levels before leave, so that the first levels of a picture are a picture. Codes are
whole numbers, their frequencies come from an integer network, and only the last step, codes to pixels, is in floats.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from math import isqrt
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from astrocodec.lossy import trunk
from astrocodec.lossy.lattice_coder import LatticeDecoder, LatticeEncoder
from astrocodec.lossy.phase_context import ExactContext, PhaseContext, at
from astrocodec.lossy.sky_codec import Grid, SkyCodec
from astrocodec.lossy.weights import Weights

CODE_UNIT = 64  # parts of one that codes are given in
_KEEP = 0.99  # of a moving average at each step
_UNUSED = 0.02  # times the mean share: codes chosen less are put onto other vectors
_CANDIDATES = 6  # sums of codes that are followed from level to level
_BLOCK = 1024  # vectors that are quantised at a time
CONFIGURATIONS: dict[str, dict[str, int]] = {
    "small": {
        "fine": 48, "coarse": 64, "blocks": 2, "vectors": 32, "levels": 8, "codes": 256, "seen": 12, "hidden": 32,
    },
    # Of the size of van den Oord et al. 2017: 128 channels, two residual blocks, 512 codes.
    "published": {
        "fine": 128, "coarse": 128, "blocks": 2, "vectors": 64, "levels": 8, "codes": 512, "seen": 24, "hidden": 64,
    },
}  # fmt: skip


class Quantiser(nn.Module):
    """A residual vector quantiser (van den Oord et al. 2017, arXiv:1711.00937; Zeghidour et al. 2021, 2107.03312).

    Each level has a codebook and codes what the levels before leave. Codes follow the vectors that chose them as moving
    averages. A vector chooses the code that is nearest once `price` times its bits are added (Chou et al. 1989).
    """

    def __init__(self, levels: int, codes: int, vectors: int) -> None:
        super().__init__()
        self.book: Tensor
        self.count: Tensor
        self.price: Tensor
        self.register_buffer("book", torch.zeros(levels, codes, vectors))
        self.register_buffer("count", torch.ones(levels, codes))
        self.register_buffer("price", torch.zeros(levels))

    def bits(self) -> Tensor:
        """What each code of each level costs by its frequency alone."""
        return -torch.log2(self.count / self.count.sum(1, keepdim=True))

    def choose(self, rest: Tensor, level: int) -> Tensor:
        """Codes for vectors of shape (n, vectors)."""
        book = self.book[level]
        cost = (book**2).sum(1) + self.price[level] * self.bits()[level]
        return torch.argmin(torch.addmm(cost, rest, book.T, alpha=-2), 1)

    @torch.no_grad()
    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Codes (n, levels), and what they add up to after each level (levels, n, vectors)."""
        total = torch.zeros_like(vectors)
        chosen, totals = [], []
        for level in range(len(self.book)):
            chosen.append(self.choose(vectors - total, level))
            total = total + self.book[level][chosen[-1]]
            totals.append(total)
        return torch.stack(chosen, 1), torch.stack(totals)

    @torch.no_grad()
    def cheapest(self, vectors: Tensor, levels: int) -> Tensor:
        """Codes (n, levels) whose sums are nearest, bits priced: several sums are followed from level to level."""
        price = self.price[levels - 1]
        bits = self.bits()
        rest = vectors[:, None]  # what each candidate leaves
        spent = torch.zeros_like(rest[:, :, 0])
        path = torch.zeros(len(vectors), 1, 0, dtype=torch.int64, device=vectors.device)
        for level, book in enumerate(self.book[:levels]):
            left = (rest**2).sum(2)[:, :, None] - 2 * rest @ book.T + (book**2).sum(1)
            cost = left + price * (spent[:, :, None] + bits[level])
            kept = 1 if level == levels - 1 else min(_CANDIDATES, len(book))
            best = torch.topk(cost.flatten(1), kept, largest=False).indices
            old, code = best // len(book), best % len(book)
            rest = torch.gather(rest, 1, old[:, :, None].expand(-1, -1, rest.shape[2])) - book[code]
            spent = torch.gather(spent, 1, old) + bits[level][code]
            path = torch.cat([torch.gather(path, 1, old[:, :, None].expand(-1, -1, level)), code[:, :, None]], 2)
        return path[:, 0]

    @torch.no_grad()
    def follow(self, vectors: Tensor, keep: float = _KEEP) -> tuple[Tensor, Tensor]:
        """`forward`, and the codes follow the vectors."""
        chosen, totals = self(vectors)
        before = torch.zeros_like(vectors)
        for level in range(len(self.book)):
            rest = vectors - before
            count = torch.bincount(chosen[:, level], minlength=self.book.shape[1]).to(rest.dtype)
            added = torch.zeros_like(self.book[level]).index_add_(0, chosen[:, level], rest)
            new = keep * self.count[level] + (1 - keep) * count
            step = ((1 - keep) / new.clamp(min=1e-6))[:, None]
            self.book[level] += step * (added - count[:, None] * self.book[level])
            self.count[level] = new.clamp(min=1e-3)
            unused = torch.nonzero(new < _UNUSED * new.mean())[:, 0]
            if len(unused):
                self.book[level][unused] = rest[torch.randint(len(rest), (len(unused),))]
                self.count[level][unused] = new.mean() * 0.2
            before = totals[level]
        return chosen, totals

    @torch.no_grad()
    def begin(self, vectors: Tensor, rounds: int = 8) -> None:
        """Set the codes level by level to means of the vectors that are nearest (Lloyd's algorithm)."""
        rest = vectors.clone()
        for level in range(len(self.book)):
            codes = len(self.book[level])
            book = rest[torch.randint(len(rest), (codes,))].clone()
            for _ in range(rounds):
                nearest = torch.argmin(torch.addmm((book**2).sum(1), rest, book.T, alpha=-2), 1)
                count = torch.bincount(nearest, minlength=codes).to(rest.dtype)
                book = torch.zeros_like(book).index_add_(0, nearest, rest) / count.clamp(min=1)[:, None]
                book[count == 0] = rest[torch.randint(len(rest), (int((count == 0).sum()),))]
            self.book[level] = book
            self.count[level] = count.clamp(min=1) * (10 * codes / len(rest))
            rest -= book[nearest]


class VqvaeNetwork(nn.Module):
    """Encoder, quantiser, decoder, and the network of the codes' frequencies; arguments as in `CONFIGURATIONS`."""

    def __init__(
        self, fine: int, coarse: int, blocks: int, vectors: int, levels: int, codes: int, seen: int, hidden: int
    ) -> None:
        super().__init__()
        self.encoder = trunk.encoder(fine, coarse, blocks, vectors)
        self.decoder = trunk.decoder(fine, coarse, blocks, vectors)
        self.quantiser = Quantiser(levels, codes, vectors)
        self.context = PhaseContext(levels, seen, hidden, codes)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """All that a codec needs, to be saved."""
        book = torch.round(self.quantiser.book * CODE_UNIT).clamp(-32767, 32767)
        return {
            **trunk.packed(self.encoder.state_dict(), "encoder"),
            **trunk.packed(self.decoder.state_dict(), "decoder"),
            **self.context.tensors(),
            "book": book.numpy().astype(np.int16),
            "count": self.quantiser.count.numpy().astype(np.float32),
            "price": self.quantiser.price.numpy().astype(np.float32),
        }


@functools.cache
def _powers() -> NDArray[np.int64]:
    """2^(-j/32) in units of 2^-28, each the integer below; j from 0 to 31."""
    one = 1 << 160
    root = 2 * one
    for _ in range(5):
        root = isqrt(root * one)
    found, power = [], one
    for _ in range(32):
        found.append(power >> 132)
        power = power * one // root
    return np.array(found, np.int64)


def frequencies(outputs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows that sum to 2^24 of outputs, which are bits in units of 1/32: each at least 1."""
    below = outputs.max(1, keepdims=True) - outputs
    weights = _powers()[below & 31] >> np.minimum(below >> 5, 60)
    sums = np.cumsum(weights, 1)
    count = outputs.shape[1]
    shares = sums * ((1 << 24) - count) // sums[:, -1:]
    found: NDArray[np.int64] = np.diff(shares, axis=1, prepend=0) + 1
    return found


class Built:
    """A network of a file of weights, ready to code."""

    def __init__(self, weights: Weights) -> None:
        self.fingerprint = weights.fingerprint
        sizes = {name: int(weights.about[name]) for name in CONFIGURATIONS["small"]}
        network = VqvaeNetwork(**sizes)
        network.encoder.load_state_dict(trunk.unpacked(weights.tensors, "encoder"))
        network.decoder.load_state_dict(trunk.unpacked(weights.tensors, "decoder"))
        self.encoder, self.decoder = network.encoder.double().eval(), network.decoder.eval()
        self.context = ExactContext(weights.tensors, network.context)
        self.qualities, self.size, self.seen = sizes["levels"], sizes["vectors"], sizes["seen"]
        self.book = weights.tensors["book"].astype(np.int64)
        self.quantiser = network.quantiser.double()
        self.quantiser.book = torch.from_numpy(self.book / CODE_UNIT)
        self.quantiser.count, self.quantiser.price = (
            torch.from_numpy(weights.tensors[name].astype(np.float64)) for name in ("count", "price")
        )

    def choose(self, vectors: NDArray[np.float64], levels: int) -> NDArray[np.int64]:
        """Codes (levels, n) of vectors (n, size): of the sums of codes that are followed, the cheapest."""
        blocks = torch.split(torch.from_numpy(vectors), _BLOCK)
        return torch.cat([self.quantiser.cheapest(block, levels) for block in blocks]).numpy().T

    def put(self, coder: LatticeEncoder, vectors: list[NDArray[np.float64]], grid: Grid, quality: int) -> None:
        """Code the codes of vectors."""
        codes = np.empty((quality + 1, *grid), np.int64)
        for number, plane in enumerate(vectors):
            flat = np.ascontiguousarray(plane.reshape(len(plane), -1).T)
            codes[:, number] = self.choose(flat, quality + 1).reshape(quality + 1, *grid[1:])

        def code(level: int, phase: int, places: slice, rows: NDArray[np.int64]) -> NDArray[np.int64]:
            chosen: NDArray[np.int64] = at(phase, codes[level]).reshape(-1)[places]
            coder.put_rows(chosen, rows)
            return chosen

        self.walk(grid, quality + 1, code)

    def take(self, coder: LatticeDecoder, grid: Grid, quality: int) -> Iterator[NDArray[np.float32]]:
        """Sums of codes of each plane."""
        total = self.walk(grid, quality + 1, lambda level, phase, places, rows: coder.take_rows(rows))
        for plane in total:
            yield (plane / np.float32(CODE_UNIT)).astype(np.float32)

    def walk(
        self,
        grid: Grid,
        levels: int,
        code: Callable[[int, int, slice, NDArray[np.int64]], NDArray[np.int64]],
    ) -> NDArray[np.int32]:
        """Sums of codes (n, size, y, x), in units of 1/64, of a grid (n, y, x) in the order of the stream.

        `code` is called with level, phase, places of the phase and their frequencies, and gives the codes there.
        """
        total = np.zeros((grid[0], self.book.shape[2], *grid[1:]), np.int32)
        for level in range(levels):
            for phase in range(4):
                here = at(phase, total)
                codes = [
                    code(level, phase, places, frequencies(outputs))
                    for places, outputs in self.context.run(total[:, : self.seen] >> 1, level, phase)
                ]
                if codes:
                    added = self.book[level][np.concatenate(codes)].astype(np.int32)
                    here += added.reshape(here.shape[0], *here.shape[2:], -1).transpose(0, 3, 1, 2)
        return total


def vqvae() -> SkyCodec:
    """Make the codec: a quality is the last level of the quantiser, each of about 0.12 bits per pixel."""
    return SkyCodec(65, "vqvae", Built)
