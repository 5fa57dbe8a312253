"""Patches to learn from: of integer arrays of files, with equal weight for each group and each file of it.

Files are read a few at a time. Step n learns from what the seed and n give, so a run that was stopped goes on with the
same patches.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from astrocodec.learning.integer_arrays import Share, integer_arrays, learned_and_held_back
from astrocodec.lossless.patches import SIDE, Words, cut, differences, lowest, to_words
from astrocodec.lossless.pixel_format import PixelFormat, centred, centres_of

# A pool serves so many steps, and has so many patches of each of so many files; of few groups a network would forget
# the others.
_POOL_STEPS, _POOL_FILES, _POOL_PATCHES = 100, 32, 128
_HELD_BACK = 64  # patches of a file that tell how good a network is


@functools.lru_cache(maxsize=32)
def _planes_of(share: Share, is_residual: bool) -> tuple[Words, ...]:
    """Words (planes, y, x) of the arrays of a file whose range fits 16 bits."""
    found = []
    for array in integer_arrays(share.path):
        height = array.shape[-2]
        part = array[..., round(share.rows[0] * height) : round(share.rows[1] * height), :]
        if part.size and (low := lowest(part)) is not None:
            words = to_words(part, low)
            found.append(differences(words) if is_residual else words)
    return tuple(found)


class TrainingPatches:
    """What steps learn from, and what a network is judged by.

    Parameters
    ----------
    paths : sequence of Path
        FITS and HDF5 files.
    form : PixelFormat
    seed : int
    batch : int, optional
        Patches of a step.
    planes : str, optional
        ``"residuals"``: differences from plane to plane.

    Raises
    ------
    ValueError
        There is nothing to learn from.
    """

    def __init__(
        self, paths: Sequence[Path], form: PixelFormat, seed: int, batch: int = 64, planes: str = "auto"
    ) -> None:
        self.form, self.seed, self.batch, self._is_residual = form, seed, batch, planes == "residuals"
        self._learned, self._held = learned_and_held_back(paths, seed)
        self._learned = {group: found for group, files in self._learned.items() if (found := self._usable(files))}
        if not self._learned:
            raise ValueError(f"none of the {len(paths)} files holds an integer image whose range fits 16 bits")
        self._pool: tuple[int, Words] | None = None

    def _usable(self, files: Sequence[Share]) -> list[Share]:
        return [share for share in files if any(map(len, _planes_of(share, self._is_residual)))]

    @property
    def groups(self) -> list[str]:
        """Names of the groups that are learned from."""
        return sorted(self._learned)

    def at(self, step: int) -> Tensor:
        """Symbols (batch, channels, 32, 32) of a step, int64, some of them mirrored."""
        number = step // _POOL_STEPS
        if self._pool is None or self._pool[0] != number:
            self._pool = number, self._drawn(np.random.default_rng([self.seed, 1, number]))
        rng = np.random.default_rng([self.seed, 2, step])
        pool = self._pool[1]
        chosen = pool[rng.integers(len(pool), size=self.batch)]
        mirrored = rng.random(self.batch) < 0.5
        chosen[mirrored] = chosen[mirrored][..., ::-1]
        return torch.from_numpy(self.symbols(chosen))

    def symbols(self, words: Words) -> NDArray[np.int64]:
        """As the network is given them."""
        return self.form.to_symbols(centred(words, centres_of(words)) if self.form.centred else words)

    def _drawn(self, rng: np.random.Generator) -> Words:
        """A pool of patches."""
        parts = []
        names = self.groups
        turns = [rng.permutation(names) for _ in range(-(-_POOL_FILES // len(names)))]
        for group in np.concatenate(turns)[:_POOL_FILES]:
            files = self._learned[str(group)]
            arrays = _planes_of(files[rng.integers(len(files))], self._is_residual)
            sizes = np.array([array.size for array in arrays], float)
            planes = arrays[rng.choice(len(arrays), p=sizes / sizes.sum())]
            parts.append(np.concatenate([self._crop(planes, rng) for _ in range(_POOL_PATCHES)]))
        return np.concatenate(parts)

    def _crop(self, planes: Words, rng: np.random.Generator) -> Words:
        """One patch (1, frames, 32, 32) of anywhere."""
        first = rng.integers(max(1, len(planes) - self.form.frames + 1))
        y, x = (rng.integers(max(1, side - SIDE + 1)) for side in planes.shape[1:])
        return cut(planes[first : first + self.form.frames, y : y + SIDE, x : x + SIDE], self.form.frames)

    def held_back(self) -> Mapping[str, NDArray[np.int64]]:
        """Symbols of patches of each group that are never learned from, at most some 100 of a file, evenly spread."""
        found: dict[str, NDArray[np.int64]] = {}
        for group in self.groups:
            parts = []
            for share in self._held[group]:
                patches = [cut(planes, self.form.frames) for planes in _planes_of(share, self._is_residual)]
                apart = -(-sum(map(len, patches)) // _HELD_BACK)
                parts += [of[::apart] for of in patches]
            if parts:
                found[group] = self.symbols(np.concatenate(parts))
        return found
