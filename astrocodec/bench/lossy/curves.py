"""Rate-distortion curves: bits per pixel against added variance, and how codecs compare at equal noise."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from astrocodec.bench.lossy.measure import Row
from astrocodec.bench.tables import geometric_mean

__all__ = ["BASE", "TARGETS", "Curve", "Standing", "curves", "standings"]

BASE = "fpack RICE"
# Added variance over that of the noise, about what fpack does at q = 4, 2 and 1.
TARGETS = (0.005, 0.02, 0.08)
# How far beyond its ends a curve is continued, a factor of the variance.
_BEYOND = 1.6


@dataclass(frozen=True)
class Curve:
    """Bits per pixel of one codec on one image at rising loss.

    Attributes
    ----------
    added, bits : tuple of float
        Added variance over that of the noise, rising, and bits per pixel.
    """

    added: tuple[float, ...]
    bits: tuple[float, ...]

    def at(self, added: float) -> float | None:
        """Bits per pixel at an added variance: a straight line in its logarithm between what was measured.

        None far beyond the ends: nothing was measured there.

        Examples
        --------
        >>> curve = Curve((0.01, 0.04), (4.0, 3.0))
        >>> curve.at(0.02), curve.at(0.05) < 3, curve.at(1.0)
        (3.5, True, None)
        """
        if len(self.added) < 2 or not self.added[0] / _BEYOND <= added <= self.added[-1] * _BEYOND:
            return None
        place = min(max(int(np.searchsorted(self.added, added)), 1), len(self.added) - 1)
        low, high = (math.log2(self.added[n]) for n in (place - 1, place))
        share = (math.log2(added) - low) / (high - low)
        return self.bits[place - 1] + share * (self.bits[place] - self.bits[place - 1])


@dataclass(frozen=True)
class Standing:
    """How a codec stands beside fpack at equal added variance, over all images.

    Attributes
    ----------
    codec : str
        Its name.
    sizes : tuple of float or None
        Size over fpack's at each of `TARGETS`, geometric mean; None where nothing was measured.
    best, worst : float or None
        Of single images at the second of them.
    images : int
        How many images these are.
    largest_sigma : float or None
        Largest error there over the noise, of all images, of the nearest level.
    bias_sigma : float or None
        Largest median change of fluxes there, of all images and ranges of SNR with at least some tens of sources.
    """

    codec: str
    sizes: tuple[float | None, ...]
    best: float | None
    worst: float | None
    images: int
    largest_sigma: float | None
    bias_sigma: float | None


def curves(rows: Iterable[Row], *, local: bool = False) -> dict[tuple[str, str], dict[str, Curve]]:
    """Curve of each codec by image, which is its name and kind; levels that came out worse than others are left out.

    With `local`, the added variance is that of each pixel over that of its own noise, which is not the same where noise
    differs over an image.
    """
    points: dict[tuple[str, str], dict[str, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        added = row.added_local if local else row.added
        if row.bits is not None and added:
            points[row.frame, row.kind][row.codec].append((added, row.bits))
    found: dict[tuple[str, str], dict[str, Curve]] = {}
    for image, codecs in points.items():
        found[image] = {}
        for codec, measured in codecs.items():
            kept: list[tuple[float, float]] = []
            for added, bits in sorted(measured):
                if not kept or (added > kept[-1][0] and bits < kept[-1][1]):
                    kept.append((added, bits))
            found[image][codec] = Curve(tuple(added for added, _ in kept), tuple(bits for _, bits in kept))
    return found


def standings(rows: Sequence[Row]) -> list[Standing]:
    """Compare every codec with fpack, in the order in which they were measured."""
    by_image = curves(rows)
    return [_standing(codec, rows, by_image) for codec in dict.fromkeys(row.codec for row in rows)]


def _standing(codec: str, rows: Sequence[Row], by_image: dict[tuple[str, str], dict[str, Curve]]) -> Standing:
    sizes = []
    middle = TARGETS[len(TARGETS) // 2]
    ratios: dict[float, list[float]] = {target: [] for target in TARGETS}
    for codecs in by_image.values():
        for target in TARGETS:
            ours, base = (codecs[name].at(target) if name in codecs else None for name in (codec, BASE))
            if ours is not None and base is not None:
                ratios[target].append(ours / base)
    for target in TARGETS:
        sizes.append(geometric_mean(ratios[target]) if ratios[target] else None)
    near = _near(codec, rows, middle)
    biases = [
        abs(values[0])
        for row in near
        for values in (*row.flux, *row.psf_flux)
        if values is not None and values[1] < 0.1 * max(values[2], 1e-9)  # chance of a hundred and more sources
    ]
    return Standing(
        codec,
        tuple(sizes),
        min(ratios[middle], default=None),
        max(ratios[middle], default=None),
        len(ratios[middle]),
        max((row.largest_sigma for row in near if row.largest_sigma is not None), default=None),
        max(biases, default=None),
    )


def _near(codec: str, rows: Sequence[Row], added: float) -> list[Row]:
    """Of each image the level nearest to an added variance, within a factor of three."""
    nearest: dict[tuple[str, str], Row] = {}
    for row in rows:
        if row.codec != codec or not row.added or abs(math.log(row.added / added)) > math.log(3):
            continue
        held = nearest.get((row.frame, row.kind))
        if held is None or abs(math.log(row.added / added)) < abs(math.log((held.added or 1) / added)):
            nearest[row.frame, row.kind] = row
    return list(nearest.values())
