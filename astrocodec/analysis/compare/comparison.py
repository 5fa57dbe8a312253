"""Compare: what is different between two images, and whether it matters."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.analysis.as_json import plain
from astrocodec.analysis.background import Background, Region, background_map
from astrocodec.analysis.compare.bound import BoundCheck, check_bound
from astrocodec.analysis.compare.catalogue import Catalogue
from astrocodec.analysis.compare.centroids import CentroidShift
from astrocodec.analysis.compare.detections import Detections, compare_detections
from astrocodec.analysis.compare.fluxes import Fluxes
from astrocodec.analysis.compare.residuals import Residuals, residual_statistics
from astrocodec.analysis.compare.shapes import ShapeChange
from astrocodec.analysis.compare.similarity import Similarity, similarity
from astrocodec.analysis.compare.sky import SkyChange, compare_sky
from astrocodec.analysis.compare.source_changes import SourceChanges, compare_sources
from astrocodec.analysis.compare.whiteness import Whiteness, whiteness
from astrocodec.analysis.detector.amplifiers import Amplifiers, amplifiers
from astrocodec.analysis.images.stated_loss import StatedLoss
from astrocodec.analysis.plane import as_plane
from astrocodec.analysis.signal.snr import snr_map
from astrocodec.analysis.signal.sources import source_mask

__all__ = ["Compared", "Comparison", "compare"]

_MOST_REGIONS = 16  # more than any detector has amplifiers
_SMALLEST = 16  # pixels along a side; below it background and sources mean nothing


@dataclass(frozen=True, eq=False)
class Compared:
    """
    The pixels behind a comparison, for figures; NaN where an image has none.

    Attributes
    ----------
    a, b, residual, snr : ndarray, [y, x]
        The images, B - A, and the signal-to-noise ratio of A (None without a background).
    noise : ndarray or None
        Noise of A at each pixel.
    lit : tuple of (slice, slice)
        Light-sensitive parts of A, ``(y, x)``; empty where they are not known.
    """

    a: NDArray[Any]
    b: NDArray[Any]
    residual: NDArray[Any]
    snr: NDArray[np.float32] | None
    noise: NDArray[np.float32] | None
    lit: tuple[Region, ...] = ()


@dataclass(frozen=True, eq=False)
class Comparison:
    """
    How two images differ; None where something does not apply, and `notes` say why.

    Attributes
    ----------
    equal : bool
        Whether shape, type and every pixel are the same; NaN equals NaN.
    shape, dtypes : tuple
        Shape of A, and types of both.
    lost, gained : int
        Pixels with a value in A only, in B only.
    beyond : int
        Pixels that are infinite or beyond 1e150 in one image, and in the other NaN or another such number.
    residuals, whiteness, fluxes, psf_fluxes, centroids, shapes, detections, sky, similarity
        What the modules of those names measure; `fluxes` are those in apertures.
    notes : tuple of str
        What is missing and why.
    bound : BoundCheck or None
        Whether the bound that B states holds; None where B states no loss.
    pixels : Compared or None
        For `compare_figure`.
    unit : str
        Of the pixels.
    """

    equal: bool
    shape: tuple[int, ...]
    dtypes: tuple[str, str]
    lost: int = 0
    gained: int = 0
    beyond: int = 0
    residuals: Residuals | None = None
    whiteness: Whiteness | None = None
    fluxes: Fluxes | None = None
    psf_fluxes: Fluxes | None = None
    centroids: CentroidShift | None = None
    shapes: ShapeChange | None = None
    detections: Detections | None = None
    sky: SkyChange | None = None
    similarity: Similarity | None = None
    notes: tuple[str, ...] = ()
    bound: BoundCheck | None = None
    pixels: Compared | None = None
    unit: str = "ADU"

    def to_dict(self) -> dict[str, Any]:
        """
        Return numbers and texts that JSON can hold; of fluxes their bins.

        Examples
        --------
        >>> import json
        >>> json.loads(json.dumps(compare(np.zeros((4, 4)), np.zeros((4, 4))).to_dict()))["equal"]
        True
        """
        return {entry.name: plain(getattr(self, entry.name)) for entry in fields(self) if entry.name != "pixels"}


def compare(
    a: ArrayLike,
    b: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    box: int = 50,
    nsigma: float = 4.5,
    radius: float = 4.0,
    unit: str = "ADU",
    layout: Amplifiers | None = None,
    truth: Catalogue | None = None,
    stated: StatedLoss | None = None,
) -> Comparison:
    """
    Compare image B, for instance after lossy compression, with image A.

    Parameters
    ----------
    a, b : array_like, [y, x]
        Images of one shape; NaN and masked pixels are left out.
    mask : array_like of bool, optional
        True for pixels that do not count.
    box, nsigma : optional
        For background and sources of A, see `background_map` and `source_mask`.
    radius : float, optional
        Of the apertures that fluxes are measured in, pixels.
    unit : str, optional
        Of the pixels, for labels.
    layout : Amplifiers, optional
        Of A, where it is known; by default `amplifiers` looks for it.
    truth : Catalogue, optional
        True sources, where they are known, as of simulated images; by default those found in A.
    stated : StatedLoss, optional
        What B says of its loss, to be checked.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        An image has not two axes, or the shapes differ.
    ImportError
        photutils or scikit-image is not installed.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> image = rng.normal(1000, 20, (200, 200)).astype("f4")
    >>> found = compare(image, np.rint(image / 10) * 10)
    >>> found.equal, round(found.residuals.deviation, 1), round(found.residuals.added_noise, 2)
    (False, 2.9, 0.01)
    """
    first: NDArray[Any] = np.ma.asanyarray(a)
    second: NDArray[Any] = np.ma.asanyarray(b)
    if first.shape != second.shape:
        raise ValueError(f"A has shape {first.shape}, B {second.shape}: only images of one shape can be compared")
    plane_a, plane_b = as_plane(first, mask), as_plane(second, mask)
    dtypes = first.dtype.name, second.dtype.name
    shape = tuple(first.shape)
    lost, gained = (int((x & ~y).sum()) for x, y in ((plane_b.mask, plane_a.mask), (plane_a.mask, plane_b.mask)))
    known = ~(plane_a.mask | plane_b.mask)
    differing = int(np.count_nonzero(np.ma.getdata(first)[known] != np.ma.getdata(second)[known]))
    exact = not differing
    beyond = _beyond(
        first, second, plane_a.mask & plane_b.mask & ~np.asarray(False if mask is None else mask, np.bool_)
    )
    equal = exact and not lost and not gained and not beyond and dtypes[0] == dtypes[1]
    notes = [] if dtypes[0] == dtypes[1] else [f"types differ: {dtypes[0]} and {dtypes[1]}"]
    check = None if stated is None else _checked(first, second, mask, stated)
    if not known.any():
        notes.append("no pixel has a value in both images")
        return Comparison(equal, shape, dtypes, lost, gained, beyond, notes=tuple(notes), bound=check, unit=unit)
    # Differences of float32 images lose digits where the sky stands on a high pedestal.
    values_a, values_b = (np.where(known, np.ma.getdata(image), 0).astype(np.float64) for image in (first, second))
    residual = values_b - values_a
    residual[~known] = np.nan
    background, lit = _background(values_a, ~known, box, notes, layout)
    noise = None if background is None else background.total_noise
    snr = None if background is None else snr_map(np.where(known, values_a, np.nan), background)
    changes, sky, detections = SourceChanges(), None, None
    if background is not None and not exact:
        seen = source_mask(as_plane(values_a, ~known), background, nsigma=nsigma, snr=snr, lit=lit)
        places = Catalogue.found(seen) if truth is None else truth
        changes = compare_sources(values_a, residual, background, places, radius=radius)
        if changes.fluxes is None:
            notes.append("no source was found: fluxes are not compared")
        other = as_plane(values_b, ~known)
        after = background_map(other, box=box, regions=background.regions)
        sky = compare_sky(background, after)
        if (after.noise > 0).any():
            again = source_mask(other, after, nsigma=nsigma, fwhm=seen.fwhm, lit=lit)
            detections = compare_detections(seen, again, truth)
    white = None if exact else whiteness(residual, values_a)
    if white is None and not exact:
        notes.append("the difference is the same everywhere, or the image too small to tell structure from noise")
    alike = similarity(_filled(values_a, known), _filled(values_b, known), background)
    return Comparison(
        equal,
        shape,
        dtypes,
        lost,
        gained,
        beyond,
        residual_statistics(residual, noise, differing),
        white,
        changes.fluxes,
        changes.psf_fluxes,
        changes.centroids,
        changes.shapes,
        detections,
        sky,
        alike,
        tuple(notes),
        check,
        Compared(np.where(known, values_a, np.nan), np.where(known, values_b, np.nan), residual, snr, noise, lit),
        unit,
    )


def _checked(a: NDArray[Any], b: NDArray[Any], mask: ArrayLike | None, stated: StatedLoss) -> BoundCheck:
    """Check a stated bound; masked pixels have no value, and those that the caller masks do not count."""
    first, second = (
        np.where(np.ma.getmaskarray(image), np.nan, np.ma.getdata(image)) if np.ma.isMaskedArray(image) else image
        for image in (a, b)
    )
    if mask is not None:
        second = np.where(np.asarray(mask, np.bool_), first, second)
    return check_bound(first, second, stated)


def _beyond(a: NDArray[Any], b: NDArray[Any], uncounted: NDArray[np.bool_]) -> int:
    """Count what differs among pixels that do not count: infinities and huge numbers are no NaN, nor one another."""
    (x, x_masked), (y, y_masked) = (
        (np.ma.getdata(image)[uncounted], np.ma.getmaskarray(image)[uncounted]) for image in (a, b)
    )
    x_missing, y_missing = x_masked | (x != x), y_masked | (y != y)
    return int(np.count_nonzero(np.where(x_missing | y_missing, x_missing != y_missing, x != y)))


def _background(
    values: NDArray[Any], mask: NDArray[np.bool_], box: int, notes: list[str], layout: Amplifiers | None
) -> tuple[Background | None, tuple[Region, ...]]:
    """Background of A, or a note why it has none, and A's light-sensitive parts."""
    if min(values.shape) < _SMALLEST:
        notes.append(f"fewer than {_SMALLEST} pixels along a side: no noise, no fluxes")
        return None, () if layout is None else layout.data
    plane = as_plane(values, mask)
    layout = layout or amplifiers(plane)
    is_plausible = len(layout.regions) <= _MOST_REGIONS
    background = background_map(plane, box=box, regions=layout.regions if is_plausible else ())
    lit = layout.data if is_plausible else ()
    if not (background.noise > 0).any():
        notes.append("A has no noise: nothing is given in sigma")
        return None, lit
    return background, lit


def _filled(image: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[Any]:
    """The image with its median where it has no value, so that these pixels are alike in A and B."""
    return image if known.all() else np.where(known, image, np.median(image[known]))
