"""Tables for latents that are zero nearly everywhere: a symbol's table follows from the symbols near it.

docs/format.md section "Autoencoder". Channels are coded one after the other, each in four phases: where channels before
are large near a place, and where this one is, what stands there is likely to be large, and of the sign of those beside.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from astrocodec.lossy.lattice_coder import LatticeDecoder, LatticeEncoder, LearnedTables

REACH = 15  # symbols beyond it are escapes
BEFORE = (1, 4, 16, 64)  # steps of the mean size in channels before, in sixteenths
BESIDE = (1, 6, 12, 20, 40)  # of the mean size beside, in sixteenths
ANYWHERE = len(BEFORE)
CONTEXTS = 2 * (len(BEFORE) + 1) * (len(BESIDE) + 2)
_PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))  # rows and columns, modulo 2, in the order in which they are coded
_KNOWN = (0, 4, 8, 12)  # weights of the places beside that are known in each phase: 2 across an edge, 1 a corner
_SIGN_REACH = 3


def _sums(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of the four places across an edge, and of the four across a corner, with nothing outside; [y, x]."""
    wide = np.pad(values, 1)
    rows = wide[:, :-2] + wide[:, 2:]
    edges: NDArray[np.int64] = rows[1:-1] + wide[:-2, 1:-1] + wide[2:, 1:-1]
    corners: NDArray[np.int64] = rows[:-2] + rows[2:]
    return edges, corners


def near_sums(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums over squares of 3 x 3, with nothing outside; [y, x].

    Examples
    --------
    >>> near_sums(np.array([[1, 0, 0], [0, 0, 5]])).tolist()
    [[1, 6, 5], [1, 6, 5]]
    """
    edges, corners = _sums(sizes)
    sums: NDArray[np.int64] = sizes + edges + corners
    return sums


class _Channel:
    """What is known of a channel [y, x] while its phases are coded."""

    def __init__(self, number: int, before: NDArray[np.int64]) -> None:
        mean = 16 * before // (9 * max(number, 1))
        self.before = np.searchsorted(np.array(BEFORE), mean, side="right")
        self.symbols = np.zeros(before.shape, np.int64)

    def phases(self) -> Iterator[tuple[tuple[slice, slice], NDArray[np.int64], NDArray[np.int64]]]:
        """Places of each phase, their contexts, and the sign with which symbols are coded there."""
        for phase, (y, x) in enumerate(_PHASES):
            here = slice(y, None, 2), slice(x, None, 2)
            contexts, signs = self.before[here] * (len(BESIDE) + 2), np.ones_like(self.before[here])
            if phase:
                edges, corners = _sums(np.abs(self.symbols))
                mean = 16 * (2 * edges + corners)[here] // _KNOWN[phase]
                contexts = contexts + 1 + np.searchsorted(np.array(BESIDE), mean, side="right")
                edges, corners = _sums(np.clip(self.symbols, -_SIGN_REACH, _SIGN_REACH))
                signs = np.sign(2 * edges + corners)[here]
            yield here, 2 * contexts + (signs != 0), np.where(signs < 0, -1, 1)


def count_symbols(latents: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each symbol stands in each context, [channel, context, symbol], of a latent [channel, y, x]."""
    found = np.zeros((len(latents), CONTEXTS, 2 * REACH + 1), np.int64)
    sums = np.zeros(latents.shape[1:], np.int64)
    for number, symbols in enumerate(latents):
        channel = _Channel(number, sums)
        for here, contexts, signs in channel.phases():
            coded = signs * symbols[here]
            inside = np.abs(coded) <= REACH
            np.add.at(found[number], (contexts[inside], coded[inside] + REACH), 1)
            channel.symbols[here] = symbols[here]
        sums += near_sums(np.abs(symbols))
    return found


def to_weights(counts: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Weights of tables from counts: what was seldom seen is taken from contexts that are like it, and from all."""
    shape = (len(counts), len(BEFORE) + 1, len(BESIDE) + 2, 2, 2 * REACH + 1)
    by_place = counts.reshape(shape).astype(np.float64)
    by_place[..., 0, :] += by_place[..., 0, ::-1]  # where no sign is likely, both are alike
    every = by_place.sum((1, 2, 3), keepdims=True)
    fall = 0.5 ** np.abs(np.arange(-REACH, REACH + 1)) + 1e-3
    mixed = every + every[..., ::-1] + fall
    for part in (by_place.sum((1, 2), keepdims=True), by_place.sum(1, keepdims=True), by_place):
        mixed = part + 8 * mixed / mixed.sum(-1, keepdims=True)
    weights: NDArray[np.uint16] = np.maximum(mixed / mixed.max(-1, keepdims=True) * 65000, 1).astype(np.uint16)
    return weights.reshape(counts.shape)


def to_even_weights(counts: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Weights of one table for all contexts of a channel, [channel, 1, symbol]: of latents without surroundings."""
    fall = 0.5 ** np.abs(np.arange(-REACH, REACH + 1)) + 1e-3
    every = counts.sum(1, keepdims=True) + fall
    weights: NDArray[np.uint16] = np.maximum(every / every.max(-1, keepdims=True) * 65000, 1).astype(np.uint16)
    return weights


def tables_of(weights: NDArray[np.uint16]) -> LearnedTables:
    """Tables from weights [channel, context, symbol], of all contexts or of one that stands for all."""
    return LearnedTables(-REACH, weights.reshape(-1, weights.shape[-1]))


def thinned(
    latents: NDArray[np.int64], weights: NDArray[np.uint16], worth: float, largest: int, calm: int
) -> NDArray[np.int64]:
    """Latents of fewer bits: symbols up to `largest` go nearer to zero where that saves `worth` bits a squared step.

    Larger ones stand for bright sources, which would be dimmed; so would they where steps of the mean before are above
    `calm`.
    """
    bits = -np.log2(weights / weights.sum(-1, keepdims=True, dtype=np.int64))
    found = np.zeros_like(latents)
    sums = np.zeros(latents.shape[1:], np.int64)
    for number, symbols in enumerate(latents):
        channel = _Channel(number, sums)
        for here, contexts, signs in channel.phases():
            contexts = np.minimum(contexts, weights.shape[1] - 1)
            given, is_calm = symbols[here], channel.before[here] <= calm
            chosen = given.copy()
            for _ in range(largest):
                nearer = chosen - np.sign(chosen)
                now, then = (
                    bits[number, contexts, np.clip(signs * one, -REACH, REACH) + REACH] for one in (chosen, nearer)
                )
                error = (given - nearer) ** 2 - (given - chosen) ** 2
                is_worth = (chosen != nearer) & (now - then > worth * error) & is_calm & (np.abs(chosen) <= largest)
                if not is_worth.any():
                    break
                chosen = np.where(is_worth, nearer, chosen)
            channel.symbols[here] = found[number][here] = chosen
        sums += near_sums(np.abs(found[number]))
    return found


def _numbers(channel: int, contexts: NDArray[np.int64], of_channel: int) -> NDArray[np.int64]:
    """Of tables, of which a channel has all or one."""
    return channel * of_channel + np.minimum(contexts, of_channel - 1)


def put_latents(coder: LatticeEncoder, latents: NDArray[np.int64], tables: LearnedTables) -> None:
    """Code a latent [channel, y, x]."""
    sums = np.zeros(latents.shape[1:], np.int64)
    for number, symbols in enumerate(latents):
        channel = _Channel(number, sums)
        for here, contexts, signs in channel.phases():
            coder.put(signs * symbols[here], _numbers(number, contexts, len(tables) // len(latents)), tables)
            channel.symbols[here] = symbols[here]
        sums += near_sums(np.abs(symbols))


def take_latents(coder: LatticeDecoder, shape: tuple[int, int, int], tables: LearnedTables) -> NDArray[np.int64]:
    """What `put_latents` coded."""
    latents = np.empty(shape, np.int64)
    sums = np.zeros(shape[1:], np.int64)
    for number in range(shape[0]):
        channel = _Channel(number, sums)
        for here, contexts, signs in channel.phases():
            numbers = _numbers(number, contexts, len(tables) // shape[0])
            channel.symbols[here] = signs * coder.take(numbers, tables)
        latents[number] = channel.symbols
        sums += near_sums(np.abs(latents[number]))
    return latents
