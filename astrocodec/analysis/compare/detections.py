"""Detections: completeness and purity against magnitude, of what is found in each image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.analysis.compare.catalogue import Catalogue
from astrocodec.analysis.extra import require
from astrocodec.analysis.signal.sources import Segmentation

__all__ = ["Detections", "MagnitudeBin", "compare_detections"]

_MOST_BINS = 10


@dataclass(frozen=True)
class MagnitudeBin:
    """
    Sources of similar brightness.

    Attributes
    ----------
    low, high : float
        Range of magnitudes, -2.5 log10(flux / ADU) + zero point: bright ones first.
    count : int
        Sources of the catalogue.
    completeness_a, completeness_b : float or None
        Share of them that is found in A and in B; None where there are none.
    found_a, found_b : int
        Detections in A and in B.
    purity_a, purity_b : float or None
        Share of these that is in the catalogue; None where there are none.
    """

    low: float
    high: float
    count: int
    completeness_a: float | None
    completeness_b: float | None
    found_a: int
    found_b: int
    purity_a: float | None
    purity_b: float | None


@dataclass(frozen=True)
class Detections:
    """
    What is found in each image, against a catalogue.

    Attributes
    ----------
    has_truth : bool
        Whether the catalogue is of true sources; otherwise it is what was found in A, of which all are found in A.
    count, found_a, found_b : int
        Sources of the catalogue, detections in A and in B.
    completeness_a, completeness_b, purity_a, purity_b : float or None
        Of all magnitudes together.
    bins : tuple of MagnitudeBin
        By magnitude, the brightest first.
    """

    has_truth: bool
    count: int
    found_a: int
    found_b: int
    completeness_a: float | None
    completeness_b: float | None
    purity_a: float | None
    purity_b: float | None
    bins: tuple[MagnitudeBin, ...]


def compare_detections(
    a: Segmentation, b: Segmentation, truth: Catalogue | None = None, *, zero_point: float = 0.0, width: float = 1.0
) -> Detections | None:
    """
    Match what was found in two images with a catalogue, one to one.

    Parameters
    ----------
    a, b : Segmentation
        From `source_mask` of each image, with its own background.
    truth : Catalogue, optional
        True sources with fluxes, of those bright enough to be looked for; by default what was found in A.
    zero_point : float, optional
        Magnitude of a flux of 1 ADU.
    width : float, optional
        Of the bins, magnitudes; wider ones where there would be more than ten.

    Returns
    -------
    Detections or None
        None where neither catalogue nor images have a source.

    Raises
    ------
    ValueError
        The catalogue has no fluxes.

    Examples
    --------
    >>> from astrocodec.analysis import background_map, source_mask
    >>> image = np.random.default_rng(1).normal(100, 5, (200, 200))
    >>> image[50:55, 60:65] += 100
    >>> less = image.copy()
    >>> less[50:55, 60:65] -= 100
    >>> a, b = (source_mask(one, background_map(one)) for one in (image, less))
    >>> found = compare_detections(a, b, Catalogue.of(62, 52, 2500))
    >>> found.completeness_a, found.completeness_b, found.purity_a, found.purity_b
    (1.0, 0.0, 1.0, None)
    """
    if truth is not None and truth.flux is None:
        raise ValueError("the catalogue has no fluxes: completeness against magnitude needs them")
    at_a, at_b = (np.column_stack([one.table["x"], one.table["y"]]) for one in (a, b))
    flux_a, flux_b = (np.asarray(one.table["flux"], np.float64) for one in (a, b))
    known = at_a if truth is None else np.column_stack([truth.x, truth.y])
    flux = flux_a if truth is None or truth.flux is None else truth.flux
    if not len(known) and not len(at_b):
        return None
    radius = max(2.0, a.fwhm)
    seen_a, pure_a = _matches(known, at_a, radius)
    seen_b, pure_b = _matches(known, at_b, radius)
    magnitudes = [_magnitudes(values, zero_point) for values in (flux, flux_a, flux_b)]
    every = np.concatenate(magnitudes)
    finite = every[np.isfinite(every)]
    bins: list[MagnitudeBin] = []
    if finite.size:
        width *= max(1, np.ceil(np.ptp(finite) / width / _MOST_BINS))
        for low in np.arange(np.floor(finite.min() / width) * width, finite.max() + 1e-9, width):
            of, in_a, in_b = ((values >= low) & (values < low + width) for values in magnitudes)
            if of.any() or in_a.any() or in_b.any():
                bins.append(
                    MagnitudeBin(
                        float(low),
                        float(low + width),
                        int(of.sum()),
                        _share(seen_a[of]),
                        _share(seen_b[of]),
                        int(in_a.sum()),
                        int(in_b.sum()),
                        _share(pure_a[in_a]),
                        _share(pure_b[in_b]),
                    )
                )
    return Detections(
        truth is not None,
        len(known),
        len(at_a),
        len(at_b),
        _share(seen_a),
        _share(seen_b),
        _share(pure_a),
        _share(pure_b),
        tuple(bins),
    )


def _magnitudes(flux: NDArray[np.float64], zero_point: float) -> NDArray[np.float64]:
    """NaN for what is not above the background."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(flux > 0, zero_point - 2.5 * np.log10(flux), np.nan)


def _share(matched: NDArray[np.bool_]) -> float | None:
    return float(matched.mean()) if matched.size else None


def _matches(known: NDArray[Any], found: NDArray[Any], radius: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which of both have a partner: each the nearest of the other, within a radius."""
    hits = np.zeros(len(known), np.bool_), np.zeros(len(found), np.bool_)
    if len(known) and len(found):
        tree = require("scipy.spatial").cKDTree
        distance, nearest = tree(found).query(known)
        _, back = tree(known).query(found)
        paired = (distance <= radius) & (back[nearest] == np.arange(len(known)))
        hits[0][paired] = True
        hits[1][nearest[paired]] = True
    return hits
