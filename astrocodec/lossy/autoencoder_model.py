"""The trained denoising autoencoder on whole planes: latents of a plane of any size, and the plane of latents."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError
from astrocodec.lossy.autoencoder_network import CONFIGURATIONS, MAX_LATENT, STRIDE, TILE, Autoencoder, ExactChain
from astrocodec.lossy.autoencoder_pixels import Span, from_tiles, given_fluxes, seen_levels, to_tiles
from astrocodec.lossy.latent_contexts import CONTEXTS, REACH, tables_of
from astrocodec.lossy.lattice_coder import LearnedTables
from astrocodec.lossy.weights import Weights

MARGIN = 16  # pixels around a plane that are coded too, so that its edge is none to the network
_BAND, _HALO = 16_384, 8  # numbers of a latent channel that are worked at a time, and rows beside that they see
_AT_ONCE = 8  # tiles: their patches take 20 MB each


@dataclass(frozen=True)
class Model:
    """Networks and tables of a file of weights."""

    name: str
    fingerprint: bytes
    size: str
    about: Mapping[str, Any]
    encoder: ExactChain
    decoder: ExactChain
    table_weights: NDArray[np.uint16]

    @functools.cached_property
    def tables(self) -> LearnedTables:
        """Those of the latents."""
        return tables_of(self.table_weights)

    @property
    def is_dense(self) -> bool:
        """Whether it works on tiles, as the paper's does."""
        return CONFIGURATIONS[self.size].is_dense

    def latent_shape(self, shape: tuple[int, int]) -> tuple[int, int, int]:
        """Shape of the latent of a plane."""
        channels = CONFIGURATIONS[self.size].latent
        if self.is_dense:
            down, across = (-(-n // (TILE // 2)) for n in shape)
            return channels, down, across
        height, width = (-(-(n + 2 * MARGIN) // STRIDE) for n in shape)
        return channels, height, width

    def encode(self, plane: NDArray[Any], noise: float, span: Span | None, device: str) -> NDArray[np.int64]:
        """The latent of a plane."""
        shape = self.latent_shape((plane.shape[0], plane.shape[1]))
        if span is not None:
            tiles = to_tiles(span.seen(plane).astype(np.uint8))
            parts = [
                self.encoder.run(tiles[n : n + _AT_ONCE, None], device)[:, :, 0, 0]
                for n in range(0, len(tiles), _AT_ONCE)
            ]
            return np.concatenate(parts).T.reshape(shape)
        room = [(MARGIN, STRIDE * count - n - MARGIN) for count, n in zip(shape[1:], plane.shape, strict=True)]
        picture = seen_levels(np.pad(plane, room, "symmetric"), noise)
        return in_bands(self.encoder, picture[None], STRIDE, 1, device)

    def decode(
        self, latent: NDArray[np.int64], shape: tuple[int, int], noise: float, span: Span | None, device: str
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Fluxes of a plane of `shape`, and their standard deviations where the network tells them, else NaN."""
        if span is not None:
            rows = latent.reshape(len(latent), -1).T[:, :, None, None]
            parts = [self.decoder.run(rows[n : n + _AT_ONCE], device)[:, 0] for n in range(0, len(rows), _AT_ONCE)]
            fluxes = span.given(from_tiles(np.concatenate(parts), shape))
            return fluxes, np.full(shape, np.nan)
        picture = in_bands(self.decoder, latent, 1, STRIDE, device)
        inner = picture[:, MARGIN : MARGIN + shape[0], MARGIN : MARGIN + shape[1]]
        return given_fluxes(inner[0], noise), given_fluxes(np.maximum(inner[1], 0), noise)


def in_bands(chain: ExactChain, picture: NDArray[np.int64], down: int, up: int, device: str) -> NDArray[np.int64]:
    """What a network gives for a picture (channels, y, x), a band of rows at a time, which changes no number.

    A row of the latent stands for `down` rows that go in, or gives `up` rows that come out.
    """
    rows, found = picture.shape[1] // down, []
    band = min(64, max(8, _BAND * down // picture.shape[2]))
    for start in range(0, rows, band):
        stop = min(start + band, rows)
        low, high = max(start - _HALO, 0), min(stop + _HALO, rows)
        given = chain.run(picture[None, :, low * down : high * down], device)[0]
        found.append(given[:, (start - low) * up : (stop - low) * up])
    return np.concatenate(found, axis=1)


@functools.lru_cache(maxsize=4)
def _model_of(fingerprint: bytes, weights: _Held) -> Model:
    held = weights.held
    size = held.about.get("size")
    if held.about.get("system") != "autoencoder" or size not in CONFIGURATIONS:
        raise CorruptError(f"weights {held.name}: they are {held.about}, not those of an autoencoder known here")
    like = Autoencoder(CONFIGURATIONS[size])
    try:
        encoder = ExactChain.loaded(held.tensors, "encoder", like.encoder, like.reach)
        decoder = ExactChain.loaded(held.tensors, "decoder", like.decoder, MAX_LATENT)
        tables = held.tensors["tables"]
        contexts = 1 if CONFIGURATIONS[size].is_dense else CONTEXTS
        if tables.shape != (CONFIGURATIONS[size].latent, contexts, 2 * REACH + 1):
            raise ValueError(f"tables of shape {tables.shape} found")
    except (KeyError, ValueError) as error:
        raise CorruptError(f"weights {held.name}: {error}") from error
    return Model(held.name, fingerprint, size, held.about, encoder, decoder, tables)


class _Held:
    """Weights that a cache may hold: equal where their fingerprints are."""

    def __init__(self, held: Weights) -> None:
        self.held = held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and other.held.fingerprint == self.held.fingerprint

    def __hash__(self) -> int:
        return hash(self.held.fingerprint)


def model_of(weights: Weights) -> Model:
    """Networks and tables of weights."""
    return _model_of(weights.fingerprint, _Held(weights))
