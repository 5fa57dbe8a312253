"""The network's integer weights: arrays, bytes, and the coded difference between two sets.

docs/format.md sections "Weight block" and "Tuned model".
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError, FormatError, TruncatedError, VersionError
from astrocodec.stages import network
from astrocodec.stages.bits import BitReader, BitWriter

HEADER = len(network.header(0))
_MAX_RICE = 12
# Of each layer; the first sees inputs of -63 to 63, the others activations of 0 to 127.
LOWEST_INPUTS = {1: -network.INPUT_MAX, 2: 0, 3: 0}
_NO_DIFFERENCE = 15


@dataclass(frozen=True, eq=False)
class Weights:
    """Integer weights of one network with `hidden` neurons in each of two layers."""

    linear: NDArray[np.int16]  # (26,): linear predictor: 22 neighbours in 1/8192, 4 running means in 1/1024
    b1: NDArray[np.int16]  # biases of the layers, shapes ``(hidden,)``, ``(hidden,)``, ``(4,)``
    w1: NDArray[np.int8]  # weights, shapes ``(hidden, 32)``, ``(hidden, hidden)``, ``(4, hidden)``
    b2: NDArray[np.int16]
    w2: NDArray[np.int8]
    b3: NDArray[np.int16]
    w3: NDArray[np.int8]

    @property
    def hidden(self) -> int:
        """Neurons in each hidden layer."""
        return self.b1.size

    def to_bytes(self) -> bytes:
        """The weight block of docs/format.md."""
        body = b"".join(
            getattr(self, f.name).astype(getattr(self, f.name).dtype.newbyteorder("<")).tobytes() for f in fields(self)
        )
        return network.header(self.hidden) + body

    @classmethod
    def from_bytes(cls, data: bytes) -> Weights:
        """Read a weight block."""
        if len(data) < HEADER:
            raise TruncatedError(f"weight block: {len(data)} bytes found, its header alone has {HEADER}")
        h, at = data[network.NEURONS_AT], HEADER
        if h not in network.HIDDEN or data[:HEADER] != network.header(h):
            raise VersionError(
                f"weight block begins with {data[:HEADER].hex(' ')}, this package knows "
                f"{' and '.join(network.header(n).hex(' ') for n in network.HIDDEN)}: upgrade astrocodec"
            )
        arrays = []
        for dtype, shape in _layout(h):
            count = int(np.prod(shape))
            size = count * np.dtype(dtype).itemsize
            if at + size > len(data):
                raise TruncatedError(f"weight block: {len(data)} bytes are too few for {h} neurons")
            arrays.append(
                np.frombuffer(data, dtype, count, at).astype(np.dtype(dtype).newbyteorder("=")).reshape(shape)
            )
            at += size
        if at != len(data):
            raise FormatError(f"weight block: {len(data)} bytes found, {at} expected for {h} neurons")
        return cls(*arrays)


def _layout(h: int) -> list[tuple[str, tuple[int, ...]]]:
    return [
        (f"<i{size}", (rows, columns) if name in ("w1", "w2", "w3") else (columns,))
        for name, rows, columns, size in network.fields(h)
    ]


def half_sums(w: NDArray[np.int8], bias: NDArray[np.int16], lowest: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Smallest and largest sums ``(row, half)`` of weights times inputs of `lowest` (-63 or 0) and more.

    The bias counts in a row's first half (docs/format.md "Weight block").
    """
    halves = w.astype(np.int64).reshape(w.shape[0], 2, -1)
    highest = network.INPUT_MAX if lowest else network.ACTIVATION_MAX
    first = np.stack([bias.astype(np.int64), np.zeros(bias.shape, np.int64)], 1)
    ends = halves * lowest, halves * highest
    return first + np.minimum(*ends).sum(2), first + np.maximum(*ends).sum(2)


def limit_rows(weights: Weights) -> Weights:
    """Shrink the largest weights until the sums of half a row fit 16 bits (docs/format.md "Weight block")."""
    limited = {}
    for layer, lowest in LOWEST_INPUTS.items():
        w, bias = getattr(weights, f"w{layer}"), getattr(weights, f"b{layer}")
        while True:
            low, high = half_sums(w, bias, lowest)
            if low.min() >= -32768 and high.max() <= 32767:
                break
            halves = w.astype(np.int64).reshape(w.shape[0], 2, -1)
            # Weights of one sign where inputs have one.
            too_low, too_high = (low < -32768)[..., None], (high > 32767)[..., None]
            counts = np.where(
                too_low & ((halves < 0) | (lowest < 0)) | too_high & ((halves > 0) | (lowest < 0)), halves, 0
            )
            largest = np.abs(counts).max(2, keepdims=True)
            w = (halves - np.sign(counts) * (np.abs(counts) == largest)).reshape(w.shape).astype(np.int8)
        limited[f"w{layer}"] = w
    return replace(weights, **limited)


def write_row(values: NDArray[np.int64], out: BitWriter) -> None:
    """Add a row of differences (docs/format.md "Tuned model")."""
    zigzag = np.where(values >= 0, 2 * values, -2 * values - 1)
    if not zigzag.any():
        out.write(_NO_DIFFERENCE, 4)
        return
    costs = [int((zigzag >> k).sum()) + (k + 1) * zigzag.size for k in range(_MAX_RICE)]
    k = int(np.argmin(costs))
    out.write(k, 4)
    for z in zigzag.tolist():
        out.write_rice(z, k)


def read_row(old: NDArray[np.int64], bits: BitReader) -> NDArray[np.int64]:
    """The row that `write_row` made of its difference to `old`."""
    k = bits.read(4)
    if k == _NO_DIFFERENCE:
        return old
    zigzag = np.array([bits.read_rice(k) for _ in range(old.size)], np.int64)
    return old + np.where(zigzag & 1, -((zigzag + 1) >> 1), zigzag >> 1)


def weight_delta(base: Weights, tuned: Weights) -> bytes:
    """Code `tuned` - `base`: per array a 4-bit Rice parameter (15: nothing differs), then its zigzag values."""
    if base.hidden != tuned.hidden:
        raise ValueError(f"tuned model has {tuned.hidden} neurons, its base {base.hidden}")
    out = BitWriter()
    for f in fields(Weights):
        difference = getattr(tuned, f.name).astype(np.int64) - getattr(base, f.name).astype(np.int64)
        for row in difference.reshape(-1, difference.shape[-1]) if f.name in ("w1", "w2", "w3") else [difference]:
            write_row(row.ravel(), out)
    return out.to_bytes()


def apply_delta(base: Weights, data: bytes) -> tuple[Weights, int]:
    """Undo `weight_delta`; returns how many bytes it had too."""
    bits = BitReader(data, "tuned model")
    arrays = []
    for f in fields(Weights):
        old = getattr(base, f.name)
        new = old.astype(np.int64).reshape((-1, old.shape[-1]) if f.name in ("w1", "w2", "w3") else (1, -1))
        new = np.stack([read_row(row, bits) for row in new])
        limits = np.iinfo(old.dtype)
        if new.min() < limits.min or new.max() > limits.max:
            raise CorruptError(f"tuned model: {f.name} leaves the range of {old.dtype}")
        arrays.append(new.reshape(old.shape).astype(old.dtype))
    return Weights(*arrays), bits.end()
