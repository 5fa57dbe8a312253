"""Sets of files, what of each is learned from and what is tested on, and the images of the latter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.analysis.images.find_images import find_images
from astrocodec.analysis.images.image_entry import ImageEntry
from astrocodec.learning.integer_arrays import Share, integer_arrays, learned_and_held_back

__all__ = ["BenchImage", "ImageSet", "images_of", "middle", "sets_of_files"]

_STACKS = 3  # planes that are one image, as the paper's of SDSS; of other cubes the first plane is


@dataclass(frozen=True)
class ImageSet:
    """Images of one kind."""

    name: str
    paths: tuple[Path, ...]  # given to a training, which holds back what it is judged by
    tested: tuple[Share, ...]

    def planes(self) -> int:
        """Of its first image; 0 where it has none, 1 where a file cannot be read, which is told when it is measured."""
        found = 0
        for share in self.tested:
            try:
                for image in images_of(share, None):
                    return len(image.stack)
            except (OSError, ValueError):
                found = 1
        return found


@dataclass(frozen=True, eq=False)
class BenchImage:
    """One image."""

    title: str
    stack: NDArray[Any]  # [plane, y, x]
    exposure: float | None


def sets_of_files(paths: Sequence[Path], seed: int, most: int | None = None) -> list[ImageSet]:
    """Sets by directory, or by the groups of a manifest; tested is what a training with this seed holds back.

    That is 15 of 100 files, of a set of a single file the last 15 of 100 rows; `most` files of a set are tested.
    """
    learned, held = learned_and_held_back(paths, seed)
    return [
        ImageSet(
            name, tuple(dict.fromkeys(share.path for share in learned[name] + held[name])), tuple(held[name][:most])
        )
        for name in sorted(held)
    ]


def images_of(share: Share, side: int | None) -> Iterator[BenchImage]:
    """Images of a file's share, the middle of each where `side` says how many pixels of it are taken along a side."""
    exposure = _exposure(share.path)
    for number, array in enumerate(integer_arrays(share.path)):
        height = array.shape[-2]
        part = array[..., round(share.rows[0] * height) : round(share.rows[1] * height), :]
        planes = part.reshape(-1, *part.shape[-2:])
        stack = planes if len(planes) == _STACKS else planes[:1]
        if stack.size:
            yield BenchImage(f"{share.path.name}[{number}]", middle(stack, side), exposure)


def middle(stack: NDArray[Any], side: int | None) -> NDArray[Any]:
    """The middle of planes."""
    if side is None:
        return np.ascontiguousarray(stack)
    top, left = (max(0, (length - side) // 2) for length in stack.shape[1:])
    return np.ascontiguousarray(stack[:, top : top + side, left : left + side])


def _exposure(path: Path) -> float | None:
    """The first exposure time that a file tells."""
    for entry in find_images(path):
        if isinstance(entry, ImageEntry) and entry.exposure is not None:
            return entry.exposure
    return None
