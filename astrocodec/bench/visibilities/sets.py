"""Visibility sets to measure on: real ones of the corpus and simulated ones, on a grid of times and baselines."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.simulate.visibilities import Visibilities, VisibilitySettings
from astrocodec.visibility.data import open_visibilities
from astrocodec.visibility.noise import estimate_noise

if TYPE_CHECKING:
    from astrocodec.visibility.data.visibility_set import VisibilitySet

__all__ = ["SIMULATED", "VisSet", "corpus_sets", "read_set", "read_sets", "simulated_set"]

# Simulated sets: the word stands beside every figure of theirs. 30 MB of complex64 and more.
SIMULATED = {
    "lofar-core": VisibilitySettings("lofar", stations=24, times=40, channels=96, seed=1),
    "meerkat": VisibilitySettings("meerkat", stations=32, times=30, channels=64, seed=2),
    "ska-low": VisibilitySettings("ska-low", stations=30, times=36, channels=64, seed=3),
    # What calibration predicts: no noise, so only lossless codecs have something to say.
    "lofar model": VisibilitySettings(
        "lofar", stations=16, times=40, channels=48, noise=0.0, gains=False, occupied=0.0, seed=4
    ),
    "meerkat model": VisibilitySettings(
        "meerkat", stations=16, times=40, channels=48, noise=0.0, gains=False, occupied=0.0, seed=5
    ),
    "ska-low model": VisibilitySettings(
        "ska-low", stations=16, times=40, channels=48, noise=0.0, gains=False, occupied=0.0, seed=6
    ),
}


_DEAD = 0.01  # of the median baseline's noise
_MOST = 64 << 20  # bytes of a set that are measured
_DAYS = 1e7  # times below are Julian days, above seconds


@dataclass(frozen=True, eq=False)
class VisSet:
    """Visibilities on a grid; what is not there, flagged or an autocorrelation is no sample to be measured."""

    name: str
    kind: str  # ``'corpus'``, ``'simulated'`` or ``'file'``
    vis: NDArray[np.complex64]  # [time, baseline, freq, pol]; 0 where flagged
    flags: NDArray[np.bool_]  # the same shape
    noise: NDArray[np.float32]  # of a part, [baseline, freq, pol]; NaN where it cannot be known
    uvw: NDArray[np.float64]  # m, [time, baseline, 3]
    frequencies: NDArray[np.float64]  # Hz
    times: NDArray[np.float64]  # s
    antenna1: NDArray[np.int32]  # the lower one
    antenna2: NDArray[np.int32]
    integers: bool  # whether parts are whole numbers of at most 32 bits

    @property
    def known(self) -> NDArray[np.bool_]:
        """Samples that count: neither flagged nor exactly zero, of known noise."""
        return np.asarray(~self.flags & (self.noise > 0) & (self.vis != 0))

    @property
    def reals(self) -> int:
        """Real numbers that were neither flagged nor part of an exact zero."""
        return 2 * int((~self.flags & (self.vis != 0)).sum())


def corpus_sets(folder: str | os.PathLike[str] | None = None) -> Iterator[Path]:
    """Yield the archives of a folder, by default the corpus's, which is ``visibilities`` in ``ASTROCODEC_CORPUS``."""
    yield from sorted(Path(folder or Path(os.environ.get("ASTROCODEC_CORPUS", "")) / "visibilities").glob("*.npz"))


def read_set(path: str | os.PathLike[str], kind: str = "file") -> VisSet:
    """Read the first set of a file; see `read_sets`."""
    return next(read_sets(path, kind))


def read_sets(path: str | os.PathLike[str], kind: str = "file") -> Iterator[VisSet]:
    """
    Read the sets of a file, of a Measurement Set one of each data description; of large ones the first 64 MiB.

    Sets stored as rows come onto their grid, autocorrelations are left out, and flags that cover everything are
    ignored, as are baselines and polarisations without a signal. Baselines go from the lower antenna to the higher.

    Raises
    ------
    ValueError
        Where there are no rows, or no cross-correlations.
    FormatError
        Where there are no visibilities.
    """
    found = open_visibilities(path)
    if not found or not found[0].grid.rows.size:
        raise ValueError(f"{os.fspath(path)}: has no rows; give a set with visibilities")
    for number, one in enumerate(found):
        name = Path(path).stem if kind == "corpus" else Path(path).name
        yield _read(one, name if len(found) == 1 else f"{name}[{number}]", kind)


def _read(one: VisibilitySet, name: str, kind: str) -> VisSet:
    n_times = one.shape[0]
    block = one.read(0, max(1, min(n_times, _MOST // max(8 * math.prod(one.shape[1:]), 1))))
    vis: NDArray[Any] = block.vis if block.vis.dtype.kind == "c" else block.vis[..., 0] + 1j * block.vis[..., 1]
    flags, uvw, absent = block.flags, block.uvw, ~block.present
    times = one.grid.times[: len(vis)] * (86_400.0 if one.grid.times.max() < _DAYS else 1.0)
    first, second = (np.asarray(number, np.int32) for number in (one.grid.antenna1, one.grid.antenna2))
    if first.ndim > 1:
        first, second = first[: len(vis), 0], second[: len(vis), 0]
        vis, flags, uvw, absent, first, second, times = _gridded(
            vis[:, 0], flags[:, 0], uvw[:, 0], first, second, times
        )
    cross = first != second
    if not cross.any():
        raise ValueError(f"{name} has autocorrelations only; give a set with baselines")
    vis, flags, uvw, absent = vis[:, cross], flags[:, cross], uvw[:, cross], absent[:, cross]
    first, second = first[cross], second[cross]
    if (flags | absent[:, :, None, None]).all():
        flags = np.zeros_like(flags)
    flags = flags | absent[:, :, None, None] | ~np.isfinite(vis)
    turned = first > second
    vis = np.where(turned[:, None, None], vis.conj(), vis)
    uvw = np.where(turned[:, None], -uvw, uvw)
    clean: NDArray[np.complex64] = np.where(flags, 0, vis).astype(np.complex64)
    integers = bool((clean.real == np.rint(clean.real)).all() and (clean.imag == np.rint(clean.imag)).all())
    clean, flags, noise = _without_dead(clean, flags, estimate_noise(clean, flags))
    return VisSet(
        name, kind, clean, flags, noise, np.nan_to_num(uvw), np.atleast_1d(one.frequencies), times,
        np.minimum(first, second), np.maximum(first, second), integers,
    )  # fmt: skip


def _without_dead(
    vis: NDArray[np.complex64], flags: NDArray[np.bool_], noise: NDArray[np.float32]
) -> tuple[NDArray[np.complex64], NDArray[np.bool_], NDArray[np.float32]]:
    """Flag baselines and polarisations that hear next to nothing: a step of their noise would be nobody's wish."""
    known = np.where(noise > 0, noise, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of NaN only
        level = np.nanmedian(known, axis=1)
        dead = level < _DEAD * np.nanmedian(level, axis=0)
    flags = flags | dead[None, :, None, :]
    return np.where(flags, 0, vis), flags, np.where(dead[:, None, :], np.nan, noise).astype(np.float32)


def _gridded(
    vis: NDArray[Any], flags: NDArray[Any], uvw: NDArray[Any], first: NDArray[Any], second: NDArray[Any],
    times: NDArray[Any],
) -> tuple[NDArray[Any], ...]:  # fmt: skip
    """Rows onto [time, baseline]; cells that no row fills are absent. Of rows for one cell the last counts."""
    when, row = np.unique(times, return_inverse=True)
    pairs, column = np.unique(first.astype(np.int64) << 32 | second, return_inverse=True)
    shape = (len(when), len(pairs))
    grid_vis = np.zeros((*shape, *vis.shape[1:]), vis.dtype)
    grid_flags = np.ones((*shape, *vis.shape[1:]), np.bool_)
    grid_uvw = np.zeros((*shape, 3))
    absent = np.ones(shape, np.bool_)
    grid_vis[row, column], grid_flags[row, column], grid_uvw[row, column] = vis, flags, uvw
    absent[row, column] = False
    return (
        grid_vis, grid_flags, grid_uvw, absent, (pairs >> 32).astype(np.int32),
        (pairs & 0xFFFFFFFF).astype(np.int32), when,
    )  # fmt: skip


def simulated_set(name: str, **changes: Any) -> VisSet:
    """Make one of `SIMULATED`; its noise is estimated as that of real sets is."""
    made = Visibilities(replace(SIMULATED[name], **changes))
    blocks = list(made.blocks())
    flags = np.concatenate([block.flags for block in blocks])
    vis = np.where(flags, 0, np.concatenate([block.vis for block in blocks])).astype(np.complex64)
    noise = estimate_noise(vis, flags) if made.settings.noise else np.full(vis.shape[1:], np.nan, np.float32)
    return VisSet(
        f"{name} (simulated)", "simulated", vis, flags, noise, made.uvw(0, made.shape[0]),
        made.frequencies, made.times * 86_400.0, made.antenna1, made.antenna2, False,
    )  # fmt: skip
