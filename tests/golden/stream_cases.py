"""Arrays of the golden streams, and the options that encode them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import numpy as np
from made_models import made_samples
from numpy.typing import NDArray

from astrocodec import Model, encode, load_model

Array = NDArray[Any]
FINGERPRINT = "e15e5f01d16e2896"


@cache
def default_model() -> Model:
    """The shipped model that the golden streams name, by its fingerprint: it stays when the default moves on."""
    return load_model(FINGERPRINT)


@cache
def nearly_default() -> Model:
    """A tuned model, made without tuning: some weights of the default one step away from where they were."""
    base = default_model()
    weights = base.arrays()
    for field in fields(weights):
        flat = np.array(getattr(weights, field.name))
        flat.flat[::7] -= np.sign(flat.flat[::7])
        weights = replace(weights, **{field.name: flat})
    return Model(weights.to_bytes(), base.shapes, "nearly default", base)


@dataclass(frozen=True)
class Case:
    """One golden stream.

    Attributes
    ----------
    make : callable
        The array.
    tile_shape : tuple of int, optional
    thorough, tuned : bool
        Other options; a tuned model travels inside the stream.
    """

    make: Callable[[np.random.Generator], Array]
    tile_shape: tuple[int, int] | None = None
    thorough: bool = False
    tuned: bool = False

    def array(self) -> Array:
        """The array of this case."""
        return self.make(np.random.default_rng(1))

    def encode(self, array: Array) -> bytes:
        """The stream of an array."""
        model = nearly_default() if self.tuned else default_model()
        return encode(array, model, tile_shape=self.tile_shape, thorough=self.thorough)


def _sky(rng: np.random.Generator, shape: tuple[int, ...], level: float, sigma: float) -> Array:
    """A sky of normal noise with stars."""
    y, x = np.indices(shape)[-2:]
    sky = rng.normal(level, sigma, shape)
    for _ in range(8):
        at, wide = rng.random(2) * shape[-2:], rng.uniform(1, 3)
        sky += rng.exponential(40 * sigma) * np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / (2 * wide**2))
    return sky


def _with_blank(rng: np.random.Generator) -> Array:
    values = _sky(rng, (36, 41), 2e6, 3e5).astype(np.int32)
    values[5:9, 30:] = -(2**31)
    return values


def _float_bits(rng: np.random.Generator) -> Array:
    values = _sky(rng, (24, 37), 0.01, 2.5).astype("f4")
    bits = values.view("u4")
    bits[0, :4] = 0x7FC00000, 0x7F800001, 0xFFC12345, 0xFFFFFFFF
    values[3, 3:7] = np.inf, -np.inf, 0.0, -0.0
    bits[4, :2] = 1, 0x80000001
    return values


def _lattice(rng: np.random.Generator) -> Array:
    # All indices occur.
    k = np.clip(_sky(rng, (40, 44), 60, 9).round().astype(int), 0, 119)
    k.flat[:120] = np.arange(120)
    return np.asarray(np.floor(1.6 * k + 0.3 - 300), np.int16)


def _lattice_with_holes(rng: np.random.Generator) -> Array:
    k = np.sort(rng.choice(150, 100, replace=False))[np.clip(_sky(rng, (70, 80), 50, 12).round().astype(int), 0, 99)]
    return np.asarray(np.floor(181.5 * k + 3.2), np.uint16)


def _value_set(rng: np.random.Generator) -> Array:
    allowed = np.cumsum(rng.geometric(0.04, 60)) + 5000
    rank = np.clip(_sky(rng, (90, 50), 20, 6), 0, 59).astype(int)
    return np.asarray(np.sort(allowed)[rank], np.uint16)


CASES = {
    "uint16_edges": Case(lambda rng: _sky(rng, (45, 71), 1000, 12).astype(np.uint16), (32, 40)),
    "int16_big_endian": Case(lambda rng: _sky(rng, (31, 40), -20, 8).astype(">i2")),
    "int32_blank": Case(_with_blank),
    "float32_bits": Case(_float_bits),
    "float32_integers": Case(lambda rng: _sky(rng, (30, 33), -7, 40).round().astype("f4") + 0),
    "int16_lattice": Case(_lattice),
    "uint16_lattice_with_holes": Case(_lattice_with_holes),
    "uint16_set": Case(_value_set),
    "uint64_stored": Case(lambda rng: rng.integers(0, 2**64, (9, 7), np.uint64)),
    "uint64_low_bits": Case(lambda rng: rng.integers(2**63, 2**63 + 2**30, (12, 14), np.uint64)),
    "int16_cube": Case(lambda rng: _sky(rng, (3, 17, 29), 300, 6).astype(np.int16)),
    "int8_line": Case(lambda rng: (rng.normal(0, 9, 700) + 60 * np.sin(np.arange(700) / 40)).astype(np.int8)),
    "float64_constant": Case(lambda rng: np.full((20, 30), np.pi)),
    "uint8_none": Case(lambda rng: np.zeros((3, 0), np.uint8)),
    "int64_scalar": Case(lambda rng: np.array(-(2**40))),
    "int32_counts": Case(lambda rng: rng.poisson(0.03, (60, 70)).astype(np.int32)),
    "uint16_blocks": Case(lambda rng: made_samples("blocks", 60, 66) + rng.integers(0, 3000, 66, np.uint16), (40, 66)),
    "uint32_thorough": Case(lambda rng: made_samples("sparse", 1, 900).astype(np.uint32), thorough=True),
    "uint16_tuned": Case(lambda rng: _sky(rng, (33, 50), 500, 5).astype(np.uint16), tuned=True),
}
