"""Blocks of the golden visibilities: made with integers only, so that they are the same everywhere."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from astrocodec.stages.visibility import FLOATS, INTEGERS, LATTICE, PARAMETERS
from astrocodec.stages.visibility_classes import CODED, KEPT, ZERO


class Case(NamedTuple):
    """What `encode_block` is given."""

    parameters: bytes
    values: NDArray[Any]
    classes: NDArray[np.uint8] | None
    exponents: tuple[NDArray[np.int16], NDArray[np.int16]] | None
    how: int


def _numbers(count: int, most: int, seed: int) -> NDArray[np.int64]:
    """Whole numbers either side of 0, bell-shaped."""
    z, found = seed, []
    for _ in range(4 * count):
        z = (1103515245 * z + 12345) & 0x7FFFFFFF
        found.append((z >> 8) % (most + 1))
    return np.array(found, np.int64).reshape(count, 4).sum(1) - 2 * most


def _block(shape: tuple[int, ...], most: int, seed: int, rise: int = 1) -> NDArray[np.int64]:
    """Noise on a slope along time and channels, pairs in the last axis."""
    noise = _numbers(2 * int(np.prod(shape)), most, seed).reshape(*shape, 2)
    t, b, f, p = np.indices(shape)
    slope = (f + t) * (b % 7 - 3) * most * rise
    return noise + np.stack([slope + 40 * p, 3 * most - slope], -1)


def _complex(pairs: NDArray[np.int64], kind: str) -> NDArray[Any]:
    return (pairs[..., 0] + 1j * pairs[..., 1]).astype(kind)


def _with_gaps(*shape: int) -> Case:
    _, baselines, channels, pols = shape
    values = _complex(_block(shape, 40, 1), "c8")
    classes = np.full(shape, CODED, np.uint8)
    values[1, 3] = values[2, :, 4] = 0
    classes[values == 0] = ZERO
    values[0, 5, 2, 1] = struct.unpack("<f", bytes.fromhex("0100c07f"))[0]
    values[-1, -1, 0, 0] = 1e30
    classes[0, 5, 2, 1] = classes[-1, -1, 0, 0] = KEPT
    exponents = (
        _numbers(baselines * pols, 1, 2).astype(np.int16).reshape(baselines, pols),
        np.arange(channels * pols, dtype=np.int16).reshape(channels, pols) // 3,
    )
    return Case(PARAMETERS.pack(LATTICE, 16.0, 400.0, 7), values, classes, exponents, 2)


def _floats() -> Case:
    """A smooth signal that is rounded to floats, some of each kind, and samples that are kept or absent."""
    t, b, f, p = np.indices((6, 3, 17, 2))
    x, y = (t + 3) * (f + 5 + b) ** 2, (f - 8 + b) ** 3 + 70 * t * t
    values = ((x + 1j * y) / (300 + 7 * p)).astype("c8")
    parts = values.view("f4").reshape(-1)
    parts[::53], parts[7::61], parts[20::97] = -0.0, 1e-42, 2e38
    classes = np.full(values.shape, CODED, np.uint8)
    values[1, 2, 5:9], values[3, 0, 4, 1] = 0, np.inf
    classes[1, 2, 5:9], classes[3, 0, 4, 1] = ZERO, KEPT
    return Case(PARAMETERS.pack(FLOATS, 2.0**-25, 2.0**36, 0), values, classes, None, 2)


def _integers(pairs: NDArray[np.int64], how: int) -> Case:
    return Case(PARAMETERS.pack(INTEGERS, 2.0, 500000.0, 0), (pairs * 2).astype("i4"), None, None, how)


def _near_integers() -> Case:
    """Of two rounds, next to multiples of 1/4."""
    pairs = _block((2, 34, 6, 1), 900, 5)
    values = _complex(pairs, "c16")
    values += (_complex(_block((2, 34, 6, 1), 3, 6), "c16")) / 4096
    parameters = PARAMETERS.pack(FLOATS, 2.0**-20, 2.0**36, (1024 - 2) << 8)
    return Case(parameters, (values / 4).astype("c8"), None, None, 2)


def cases() -> dict[str, Case]:
    """All of them by name."""
    doubles = _complex(_block((4, 3, 6, 2), 90, 4), "c16")
    return {
        "lattice_predicted": _with_gaps(3, 37, 5, 4),
        # The joint weights go on in a second round, of four lanes.
        "lattice_mixed": _with_gaps(3, 35, 7, 3)._replace(how=3),
        "lattice_plain": Case(PARAMETERS.pack(LATTICE, 7.5, 900.0, 1 << 31), doubles, None, None, 1),
        "floats": _floats(),
        "floats_lattice": _near_integers(),
        "floats_plain": Case(PARAMETERS.pack(FLOATS, 0.5, 2.0**36, 30), doubles / 64, None, None, 1),
        "integers": _integers(_block((2, 6, 5, 4), 3000, 3), 2),
        # Of more than 256 steps with the same joint weights, which are then found at every 16th; and so strong that
        # they leave out taps that are next to equal, and that the last bits of sums are seen.
        "integers_mixed": _integers(_block((6, 3, 62, 1), 150, 3, 20000), 3),
    }
