"""Code widths of a frame: tables of displaced code boundaries, learned from a sample where they pay.

What is learned from are the contexts of tuning, and what a model predicts of them. docs/encoder.md, "Code widths".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from astrocodec import _native
from astrocodec.model import Model
from astrocodec.stages.widths import pack_tables

Tables = NDArray[np.int16]  # (areas, period)

_PERIODS = (16, 64, 256)
_FIRST_PERIOD = 64
# Contexts that say whether there is anything to be learned, and that tables are learned from.
_FIRST_LOOK, _ENOUGH = 50_000, 150_000
_LEAST_CONTEXTS = 4096
# Part of the size that a first table must save for more to be learned.
_LEAST_GAIN = 0.0005


class _Found(NamedTuple):
    tables: Tables
    even: float  # bits of a sample without tables
    uneven: float  # with them

    def bits(self, pixels: int, overhead: float) -> float:
        """Bits of so many pixels, and of the tables, of which each byte costs `overhead`."""
        return self.uneven * pixels + 8 * overhead * len(pack_tables(list(self.tables)))


def with_code_widths(
    model: Model,
    contexts: NDArray[np.void],
    pixels: int,
    overhead: float,
    go_on: Callable[[Model, Tables], Model],
) -> Model | None:
    """Give a model tables, unless these promise nothing.

    Parameters
    ----------
    model : Model
        Predicts the samples.
    contexts : ndarray of ``_native.CONTEXT``
        Of samples that are codes, with their ``shift``, and ``area``, from 0 on: parts of the frame that may have
        tables of their own. The areas are lost.
    pixels : int
        Of the frame.
    overhead : float
        What a byte of the model costs in bytes.
    go_on : callable
        Lets a model learn on with the tables that it is given.
    """
    if contexts.size < _LEAST_CONTEXTS:
        return None
    areas = contexts["area"].copy()
    contexts["area"] = 0  # one table for all, at first
    step = -(-contexts.size // _ENOUGH)
    contexts, areas = contexts[::step].copy(), areas[::step]
    first = _learn(model, contexts[:: -(-contexts.size // _FIRST_LOOK)], np.zeros((1, _FIRST_PERIOD), np.int16))
    gain = 1 - first.uneven / first.even
    if gain < _LEAST_GAIN or first.bits(pixels, overhead) >= first.even * pixels:
        return None
    models = [model, go_on(model, first.tables)]

    def bits(pair: tuple[Model, _Found]) -> float:
        return pair[1].bits(pixels, overhead) + 8 * overhead * len(pair[0].delta())

    model, found = min(((one, _learn(one, contexts, first.tables)) for one in models), key=bits)
    return dataclasses.replace(model, widths=pack_tables(list(_best(model, contexts, areas, found, pixels, overhead))))


def _learn(model: Model, contexts: NDArray[np.void], start: Tables) -> _Found:
    return _Found(*_native.learn_widths(_native.native_model(model), contexts, start))


def _best(
    model: Model, contexts: NDArray[np.void], areas: NDArray[np.uint16], found: _Found, pixels: int, overhead: float
) -> Tables:
    """Tables of the period, and one or one for each area, that samples held back are smallest with."""

    def bits(one: _Found) -> float:
        return one.bits(pixels, overhead)

    whole = np.tile(found.tables, max(_PERIODS) // _FIRST_PERIOD)
    starts = [whole.reshape(1, -1, period).mean(1).astype(np.int16) for period in _PERIODS if period != _FIRST_PERIOD]
    best = min([found, *(_learn(model, contexts, start) for start in starts)], key=bits)
    if areas.any():
        contexts["area"] = areas
        best = min(best, _learn(model, contexts, np.repeat(best.tables, int(areas.max()) + 1, axis=0)), key=bits)
    return best.tables
