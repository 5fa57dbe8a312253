"""Tables for latents that are zero nearly everywhere: a symbol's table follows from how large its neighbours were.

docs/format.md section "Autoencoder". Channels are coded one after the other; where those before are large, near the
same place, this one is likely to be.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from astrocodec.lossy.lattice_coder import LatticeDecoder, LatticeEncoder, LearnedTables

STEPS = (1, 3, 8, 20, 48, 112, 256)  # of the neighbours' mean, in sixteenths
CONTEXTS = len(STEPS) + 1
REACH = 31  # symbols beyond it are escapes


def near_sums(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums over squares of 3 x 3, with nothing outside; [y, x].

    Examples
    --------
    >>> near_sums(np.array([[1, 0, 0], [0, 0, 5]])).tolist()
    [[1, 6, 5], [1, 6, 5]]
    """
    wide = np.pad(sizes, 1)
    rows = wide[:-2] + wide[1:-1] + wide[2:]
    sums: NDArray[np.int64] = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return sums


def contexts_of(sums: NDArray[np.int64], channel: int) -> NDArray[np.int64]:
    """Contexts of a channel's places from the sums of sizes of all channels before; 0 for the first."""
    mean = 16 * sums // (9 * max(channel, 1))
    return np.searchsorted(np.array(STEPS), mean, side="right")


def count_symbols(latents: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each symbol stands in each context, [channel, context, symbol], of a latent [channel, y, x]."""
    found = np.zeros((len(latents), CONTEXTS, 2 * REACH + 1), np.int64)
    sums = np.zeros(latents.shape[1:], np.int64)
    for channel, symbols in enumerate(latents):
        contexts = contexts_of(sums, channel)
        inside = np.abs(symbols) <= REACH
        np.add.at(found[channel], (contexts[inside], symbols[inside] + REACH), 1)
        sums += near_sums(np.abs(symbols))
    return found


def to_weights(counts: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Weights of tables from counts: what was never seen is taken from other contexts, and a little from nowhere."""
    even = (counts + counts[..., ::-1]) / 2.0  # both signs alike
    channel = even.sum(1, keepdims=True)
    anywhere = channel.sum(0, keepdims=True)
    fall = 0.5 ** np.abs(np.arange(-REACH, REACH + 1)) + 1e-4
    prior = channel + anywhere / max(float(anywhere.sum()), 1.0) * 20 + fall
    mixed = even + 20 * prior / prior.sum(-1, keepdims=True)
    weights: NDArray[np.uint16] = np.maximum(mixed / mixed.max(-1, keepdims=True) * 65000, 1).astype(np.uint16)
    return weights


def tables_of(weights: NDArray[np.uint16]) -> LearnedTables:
    """Tables from weights [channel, context, symbol]."""
    return LearnedTables(-REACH, weights.reshape(-1, weights.shape[-1]))


def put_latents(coder: LatticeEncoder, latents: NDArray[np.int64], tables: LearnedTables) -> None:
    """Code a latent [channel, y, x]."""
    sums = np.zeros(latents.shape[1:], np.int64)
    for channel, symbols in enumerate(latents):
        coder.put(symbols, channel * CONTEXTS + contexts_of(sums, channel), tables)
        sums += near_sums(np.abs(symbols))


def take_latents(coder: LatticeDecoder, shape: tuple[int, int, int], tables: LearnedTables) -> NDArray[np.int64]:
    """What `put_latents` coded."""
    latents = np.empty(shape, np.int64)
    sums = np.zeros(shape[1:], np.int64)
    for channel in range(shape[0]):
        latents[channel] = coder.take(channel * CONTEXTS + contexts_of(sums, channel), tables)
        sums += near_sums(np.abs(latents[channel]))
    return latents
