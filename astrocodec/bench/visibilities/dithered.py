"""Order-0 dithered range coding: what a lattice and good tables reach without any prediction.

Steps follow the noise of baseline, polarisation and channel, and so do scales of symbols, in quarter octaves; their
distribution is a mixture of three Gaussians of zero mean that is fitted to the set. Everything is charged: maps of
noise and scale, mixture, zeros that are not flagged, samples of unknown noise as they are.
"""

from __future__ import annotations

import math
import time
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.bench.visibilities.peer import DITHERED, Coded, VisPeer
from astrocodec.bench.visibilities.sets import VisSet
from astrocodec.lossy.gaussian_tables import with_escape
from astrocodec.lossy.lattice_coder import LatticeDecoder, LatticeEncoder, exact_model

__all__ = ["dithered_peer"]

_REACH = 6.0  # of a table, in widths of its widest part that is not seldom; what is beyond is escaped
_SELDOM = 0.002
_MOST = 512  # largest scale of a table, in steps; of larger ones low bits are stored as they are
_HEADER = 64  # bytes: shape, dtype, step, mixture


def _factors(values: NDArray[Any], grain: float) -> tuple[NDArray[np.float64], int]:
    """Values [baseline, freq, pol] as products of a factor of (baseline, pol) and one of (freq, pol), and their bytes.

    Factors are powers of two in `grain` of an octave; NaN is left out.
    """
    with np.errstate(all="ignore"):
        logs = np.log2(values)
    logs[~np.isfinite(logs)] = np.nan
    of_baseline = _mean(logs, 1)
    of_channel = _mean(logs - of_baseline, 0)
    of_baseline = np.rint(np.nan_to_num(_mean(logs - of_channel, 1)) / grain)
    of_channel = np.rint(np.nan_to_num(of_channel) / grain)
    packed = sum(_packed(part) for part in (of_baseline, of_channel))
    return 2.0 ** (grain * (of_baseline + of_channel)), packed


def _best_scale(data: VisSet, typical: NDArray[Any]) -> tuple[NDArray[np.float64], int]:
    """Scales [baseline, freq, pol] and their bytes: of each baseline, or of antennas where that pays."""
    own, own_bytes = _factors(typical, 1 / 4)
    with np.errstate(all="ignore"):
        logs = np.log2(typical)
    logs[~np.isfinite(logs)] = np.nan
    of_baseline = np.nan_to_num(_mean(logs, 1))[:, 0]  # [baseline, pol]
    size = int(max(data.antenna1.max(), data.antenna2.max())) + 1
    design = np.zeros((len(of_baseline), size))
    rows = np.arange(len(of_baseline))
    design[rows, data.antenna1] += 1
    design[rows, data.antenna2] += 1
    factors = np.rint(4 * np.linalg.lstsq(design, of_baseline, rcond=None)[0]) / 4
    fitted = (design @ factors)[:, None]
    rest, rest_bytes = _factors(2.0 ** _mean(logs - fitted, 0), 1 / 4)
    shared, shared_bytes = 2.0**fitted * rest, rest_bytes + _packed(4 * factors)
    there = np.isfinite(logs)
    count = 2 * int((~data.flags).sum()) / max(int(there.sum()), 1)  # reals that one scale serves
    # A scale that is wrong by a factor f costs about log2(f) ** 2 / 3 bits a real.
    loss = [
        count * float(np.where(there, np.minimum((np.log2(scale) - logs) ** 2 / 3, 2), 0).sum()) / 8
        for scale in (own, shared)
    ]
    return (own, own_bytes) if own_bytes + loss[0] <= shared_bytes + loss[1] else (shared, shared_bytes)


def _mean(values: NDArray[Any], axis: int) -> NDArray[Any]:
    """Mean along an axis, which stays, of what is not NaN; NaN where all is."""
    there = ~np.isnan(values)
    with np.errstate(all="ignore"):
        return np.asarray(np.where(there, values, 0).sum(axis, keepdims=True) / there.sum(axis, keepdims=True))


def _packed(values: NDArray[Any]) -> int:
    """Bytes of a map of small integers."""
    return len(zlib.compress(values.astype(np.int16).tobytes(), 9))


@dataclass(frozen=True)
class _Mixture:
    """Three Gaussians of zero mean, in units of the scale."""

    weights: NDArray[np.float64]
    widths: NDArray[np.float64]

    @classmethod
    def fitted(cls, values: NDArray[Any]) -> _Mixture:
        """By expectation and maximisation, over at most some hundred thousand values."""
        squares = values[:: max(1, len(values) // 50_000)].astype(np.float64) ** 2
        weights, widths = np.array([0.5, 0.4, 0.1]), np.array([0.7, 1.2, 4.0])
        for _ in range(25):
            dense = weights / widths * np.exp(-0.5 * squares[:, None] / widths**2) + 1e-300
            shares = dense / dense.sum(axis=1, keepdims=True)
            total = shares.sum(axis=0) + 1e-9
            weights, widths = total / total.sum(), np.sqrt((shares * squares[:, None]).sum(axis=0) / total + 1e-6)
        return cls(weights, widths)

    def weights_of(self, scale: float) -> tuple[int, NDArray[np.int64]]:
        """The first of the integers -reach .. reach that a table has for a scale in steps, and their weights."""
        wide = self.widths[self.weights > _SELDOM].max()
        reach = max(2, math.ceil(_REACH * scale * float(wide)))
        edges = (np.arange(-reach, reach + 2) - 0.5) / scale
        below = np.zeros(len(edges))
        for weight, width in zip(self.weights, self.widths, strict=True):
            below += weight * np.array([0.5 * math.erfc(-edge / (width * math.sqrt(2))) for edge in edges])
        return -reach, np.rint(np.maximum(np.diff(below), 0) * (1 << 40)).astype(np.int64)


class _Scales:
    """Tables of scales in quarter octaves from the least on, as the lattice coder takes them."""

    def __init__(self, mixture: _Mixture, least: int, count: int) -> None:
        scales = [2.0 ** ((least + number) / 4) for number in range(count)]
        self.shifts = np.array([max(0, math.ceil(math.log2(scale / _MOST))) for scale in scales])
        self._rows = []
        for scale, shift in zip(scales, self.shifts, strict=True):
            first, weights = mixture.weights_of(scale / (1 << int(shift)))
            self._rows.append((first, with_escape(weights)))
        self._models = [exact_model(row) for _, row in self._rows]

    def __len__(self) -> int:
        return len(self._rows)

    def table(self, number: int) -> tuple[int, NDArray[np.int64]]:
        return self._rows[number]

    def model(self, number: int) -> Any:
        return self._models[number]


def _run(data: VisSet, added: float) -> Coded:
    start = time.process_time()
    noise, n_bytes = _factors(data.noise.astype(np.float64), 1 / 8)
    lattice = (data.vis != 0) & (data.noise > 0)
    raw = (data.vis != 0) & ~lattice
    n_bytes += 8 * int(raw.sum()) + _HEADER
    zeros = (data.vis == 0) & ~data.flags
    n_bytes += len(zlib.compress(np.packbits(zeros).tobytes(), 9)) if zeros.any() else 0
    known = data.known & lattice
    shares = ((noise / data.noise) ** 2)[None]
    step = math.sqrt(12 * added / max(float(np.broadcast_to(shares, known.shape)[known].mean()), 1e-30)) * noise
    steps = np.broadcast_to(step[None], data.vis.shape)[lattice]
    places = np.stack([data.vis.real[lattice], data.vis.imag[lattice]], axis=-1) / steps[:, None]
    dither = np.random.Generator(np.random.Philox(1)).random(places.shape, np.float32) - 0.5
    symbols = np.rint(places + dither).astype(np.int64)
    # Scales of the symbols, from the mean of their squares without what sticks out.
    magnitude = np.zeros(data.vis.shape)
    magnitude[lattice] = np.sqrt((places**2).mean(axis=-1))
    counted = np.where(lattice, magnitude, np.nan)
    with np.errstate(all="ignore"):
        typical = np.exp(_mean(np.log(np.where(counted > 0, counted, np.nan)), 0))[0]
    scale, more = _best_scale(data, typical)
    n_bytes += more
    index = np.rint(4 * np.log2(np.maximum(scale, 2.0**-3))).astype(int)
    indices = np.broadcast_to(index[None], data.vis.shape)[lattice]
    mixture = _Mixture.fitted((places / 2.0 ** (indices / 4)[:, None]).ravel())
    least = int(indices.min()) if indices.size else 0
    scales = _Scales(mixture, least, int(np.ptp(indices)) + 1 if indices.size else 1)
    numbers = np.repeat(indices - least, 2)
    shifts = scales.shifts[numbers]
    high = symbols.ravel() >> shifts
    n_bytes += (int(shifts.sum()) + 7) // 8  # low bits, as they are
    coder = LatticeEncoder()
    coder.put(high, numbers, scales)
    coded = coder.to_bytes()
    n_bytes += len(coded)
    middle = time.process_time()
    decoder = LatticeDecoder(coded)
    if not np.array_equal(decoder.take(numbers, scales), high):
        raise AssertionError("order-0 coding does not come back")  # ours to mend
    decoder.finish()
    vis = data.vis.copy()
    back = ((symbols - dither) * steps[:, None]).astype(np.float32)
    vis[lattice] = back[:, 0] + 1j * back[:, 1]
    return Coded(vis, n_bytes, middle - start, time.process_time() - middle)


def dithered_peer() -> VisPeer:
    """Levels are the added variance asked for."""
    return VisPeer(DITHERED, _run, (0.1, 0.01, 0.001), unit="D")
