"""Amplifiers: where a detector's readouts meet, and where its overscan lies."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from astrocodec.analysis.background import Region
from astrocodec.analysis.plane import Plane, as_plane


@dataclass(frozen=True)
class Amplifiers:
    """Layout of a detector, from one frame of it.

    Attributes
    ----------
    columns, rows : tuple of int
        First column or row behind each border.
    data : tuple of (slice, slice)
        Light-sensitive part of each amplifier, ``(y, x)``.
    overscan : tuple of (slice, slice)
        Overscan or prescan regions.
    """

    columns: tuple[int, ...]
    rows: tuple[int, ...]
    data: tuple[Region, ...]
    overscan: tuple[Region, ...]

    @property
    def regions(self) -> tuple[Region, ...]:
        """All regions, which together make up the frame."""
        return self.data + self.overscan


def amplifiers(image: ArrayLike | Plane) -> Amplifiers:
    """Find borders between amplifiers, and overscan."""
    plane = image if isinstance(image, Plane) else as_plane(image)
    height, width = plane.values.shape
    return Amplifiers((), (), ((slice(0, height), slice(0, width)),), ())
