"""Mixing of visibilities: a network of whole numbers that weighs predictions and corrects scales.

Readable reference of docs/format.md section "Mixing"; native/visibility/mixing.h does the same. The first layer is
trained beforehand (`visibility_mixing_weights`) and part of the format, the second one stands in a group.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from astrocodec.stages.visibility_mixing_weights import BIASES, HIDDEN, INPUTS, OUTPUTS, TURNED, WEIGHTS
from astrocodec.stages.visibility_steps import EIGHTHS

LEAST = -32  # of the output that corrects scales
SIZE = OUTPUTS * (HIDDEN + 1)  # bytes of the second layer
MOST = 64  # of an input, and of an output, either side of zero; of a hidden number, twice as much
POWERS, HALVED = 4, 6  # inputs that are powers; the one whose logarithm is halved
_OFF = (TURNED,) * POWERS + (0,) * (INPUTS - POWERS)  # what is taken off the inputs
_HALF = tuple(int(i == HALVED) for i in range(INPUTS))
_EIGHTHS = np.array(EIGHTHS, np.float64)


def eighths(numbers: NDArray[np.float64]) -> NDArray[np.int64]:
    """Logarithms of positive numbers in eighths of octaves.

    >>> eighths(np.array([1.0, 2.0, 0.4]))
    array([  0,   8, -12])
    """
    return (numbers.astype(np.float32).view(np.uint32) >> np.uint32(20)).astype(np.int64) - 1016


def logarithms(inputs: list[NDArray[np.float64]]) -> NDArray[np.int64]:
    """What the first layer sees of its inputs, [input, lane]."""
    known = zip(inputs, _OFF, _HALF, strict=True)
    return np.stack([np.clip((eighths(x) - off) >> half, -MOST, MOST) for x, off, half in known])


def hidden(inputs: list[NDArray[np.float64]]) -> NDArray[np.int64]:
    """Numbers of the first layer, [number, lane], from what it is given."""
    sums = np.array(WEIGHTS) @ logarithms(inputs) + np.array(BIASES)[:, None]
    found: NDArray[np.int64] = np.clip(sums >> 6, 0, 2 * MOST)
    return found


def outputs(layer: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of the second layer, [output, lane]; its biases count 64."""
    found: NDArray[np.int64] = np.clip((layer[:, :-1] @ numbers + 64 * layer[:, -1:]) >> 6, -MOST, MOST)
    return found


def factor(number: NDArray[np.int64]) -> NDArray[np.float64]:
    """2 to the power of an eighth of a number.

    >>> factor(np.array([0, 8, -4]))
    array([1.        , 2.        , 0.70710678])
    """
    return np.asarray(np.ldexp(_EIGHTHS[number & 7], (number >> 3) - 52))


def read_layer(data: bytes) -> NDArray[np.int64]:
    """The second layer, [output, hidden numbers and bias].

    >>> read_layer(bytes(SIZE)).shape
    (4, 9)
    """
    return np.frombuffer(data, np.int8).astype(np.int64).reshape(OUTPUTS, HIDDEN + 1)
