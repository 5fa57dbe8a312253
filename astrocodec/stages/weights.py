"""The network's integer weights: arrays, bytes, and the coded difference between two sets.

docs/format.md sections "Weight block" and "Tuned model".
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError, FormatError, TruncatedError, VersionError
from astrocodec.stages import network
from astrocodec.stages.bits import BitReader, BitWriter

HEADER = len(network.header(0))
_MAX_RICE = 12
_NO_DIFFERENCE = 15


@dataclass(frozen=True, eq=False)
class Weights:
    """Integer weights of one network with `hidden` neurons in each of two layers.

    Attributes
    ----------
    linear : ndarray of int16, shape (26,)
        Linear predictor: 22 neighbours in 1/8192, 4 running means in 1/1024.
    b1, b2, b3 : ndarray of int16
        Biases of the layers, shapes ``(hidden,)``, ``(hidden,)``, ``(4,)``.
    w1, w2, w3 : ndarray of int8
        Weights, shapes ``(hidden, 32)``, ``(hidden, hidden)``, ``(4, hidden)``.
    """

    linear: NDArray[np.int16]
    b1: NDArray[np.int16]
    w1: NDArray[np.int8]
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
        """Read a weight block.

        Raises
        ------
        VersionError
            A network of another kind than this package has.
        FormatError
            A length that does not fit the number of neurons.
        """
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


def limit_rows(w: NDArray[np.int8]) -> NDArray[np.int8]:
    """Shrink weights until four products of vector kernels fit 16 bits.

    Bytes i, i+1, i+4 and i+5 of a row (i = 0 or 2 modulo 8) may sum to 258 in magnitude
    (docs/format.md "Weight block").
    """
    groups = w.astype(np.int64).reshape(w.shape[0], -1, 2, 2, 2).swapaxes(2, 3).copy()
    while (over := (np.abs(groups).sum((-1, -2)) > network.MAX_GROUP_SUM)).any():
        chosen = groups[over]
        groups[over] = chosen - np.sign(chosen) * (np.abs(chosen) == np.abs(chosen).max((-1, -2), keepdims=True))
    return groups.swapaxes(2, 3).reshape(w.shape).astype(np.int8)


def _put_row(values: NDArray[np.int64], out: BitWriter) -> None:
    zigzag = np.where(values >= 0, 2 * values, -2 * values - 1)
    if not zigzag.any():
        out.write(_NO_DIFFERENCE, 4)
        return
    costs = [int((zigzag >> k).sum()) + (k + 1) * zigzag.size for k in range(_MAX_RICE)]
    k = int(np.argmin(costs))
    out.write(k, 4)
    for z in zigzag.tolist():
        out.write_rice(z, k)


def weight_delta(base: Weights, tuned: Weights) -> bytes:
    """Code `tuned` - `base`: per array a 4-bit Rice parameter (15: nothing differs), then its zigzag values.

    Raises
    ------
    ValueError
        The two have different numbers of neurons.
    """
    if base.hidden != tuned.hidden:
        raise ValueError(f"tuned model has {tuned.hidden} neurons, its base {base.hidden}")
    out = BitWriter()
    for f in fields(Weights):
        difference = getattr(tuned, f.name).astype(np.int64) - getattr(base, f.name).astype(np.int64)
        for row in difference.reshape(-1, difference.shape[-1]) if f.name in ("w1", "w2", "w3") else [difference]:
            _put_row(row.ravel(), out)
    return out.to_bytes()


def apply_delta(base: Weights, data: bytes) -> Weights:
    """Undo `weight_delta`.

    Raises
    ------
    TruncatedError, CorruptError
        The bytes end early, leave the weights' range or go on after the end.
    """
    bits = BitReader(data, "tuned model")
    arrays = []
    for f in fields(Weights):
        old = getattr(base, f.name)
        new = old.astype(np.int64).reshape((-1, old.shape[-1]) if f.name in ("w1", "w2", "w3") else (1, -1))
        for row in new:
            k = bits.read(4)
            if k == _NO_DIFFERENCE:
                continue
            for i in range(row.size):
                z = bits.read_rice(k)
                row[i] += z >> 1 if not z & 1 else -((z + 1) >> 1)
        limits = np.iinfo(old.dtype)
        if new.min() < limits.min or new.max() > limits.max:
            raise CorruptError(f"tuned model: {f.name} leaves the range of {old.dtype}")
        arrays.append(new.reshape(old.shape).astype(old.dtype))
    bits.finish()
    return Weights(*arrays)
