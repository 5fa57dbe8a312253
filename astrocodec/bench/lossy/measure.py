"""One image through one lossy codec: what it costs, and what it does to noise and sources."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.analysis.background import Background, background_map
from astrocodec.analysis.compare.catalogue import Catalogue
from astrocodec.analysis.compare.fluxes import Fluxes, middle_and_scatter
from astrocodec.analysis.compare.source_changes import compare_sources
from astrocodec.analysis.noise.local_noise import local_noise
from astrocodec.analysis.plane import as_plane
from astrocodec.analysis.signal.sources import source_mask
from astrocodec.bench.lossy.frames import LossyFrame
from astrocodec.bench.lossy.peer import Coded, LossyPeer, NotApplicableError

__all__ = ["FLUX_RANGES", "NoNoiseError", "Prepared", "Row", "measure_frame", "prepare"]

FLUX_RANGES = ((0.0, 10.0), (10.0, 50.0), (50.0, math.inf))


class NoNoiseError(Exception):
    """The image has no noise in whose units errors could be told."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """What an image is before it is coded."""

    frame: LossyFrame
    values: NDArray[np.float64]  # 0 where there is no value
    known: NDArray[np.bool_]
    noise: NDArray[np.float64]  # of each pixel, by `local_noise`, rounding included; ADU
    typical: float  # its median, root mean square
    background: Background
    places: Catalogue


@dataclass(frozen=True)
class Row:
    """What one codec did to one image at one level."""

    frame: str
    kind: str
    shape: str
    dtype: str
    codec: str
    level: str
    bytes: int | None = None
    bits: float | None = None  # per pixel
    rms: float | None = None  # of the error, ADU
    added: float | None = None  # mean square of the error over the typical noise's variance
    added_local: float | None = None  # the same, each pixel over the variance of its own noise
    largest_sigma: float | None = None  # largest error over the typical noise
    of_bound: float | None = None  # largest error over what the codec promises
    mean_sigma: float | None = None  # mean error over the typical noise
    flux: tuple[tuple[float, float, float] | None, ...] = ()  # bias, its chance, scatter in `FLUX_RANGES`, sigma
    psf_flux: tuple[tuple[float, float, float] | None, ...] = ()
    centroid_sigma: float | None = None  # the larger median shift of x and y, over its error
    shape_slope: float | None = None  # multiplicative bias of ellipticities
    bound_bits: float | None = None  # bits of white Gaussian noise under a dithered step of the same error
    note: str = ""

    def flat(self) -> dict[str, Any]:
        """As a line of a table: fluxes in columns of their own."""
        row = asdict(self)
        for kind in ("flux", "psf_flux"):
            found = row.pop(kind) or (None,) * len(FLUX_RANGES)
            for (low, _), values in zip(FLUX_RANGES, found, strict=True):
                for name, value in zip(("bias", "chance", "scatter"), values or (None,) * 3, strict=True):
                    row[f"{kind}_{name}_{low:g}"] = value
        note = row.pop("note")
        rounded = {key: float(f"{value:.6g}") if isinstance(value, float) else value for key, value in row.items()}
        return rounded | {"note": note}


def prepare(frame: LossyFrame) -> Prepared:
    """Measure noise and sources of an image; `NoNoiseError` where there is none."""
    plane = as_plane(frame.pixels)
    local = local_noise(plane).astype(np.float64)
    noise = np.sqrt(local**2 + plane.step**2 / 12)
    known = ~plane.mask
    usable = known & np.isfinite(local) & (local > 0)
    if usable.sum() < known.sum() / 2 or not known.any():
        raise NoNoiseError("no noise is found, so errors cannot be told in its units")
    typical = float(np.median(noise[usable]))
    background = background_map(plane)
    places = frame.truth or Catalogue.found(source_mask(plane, background))
    values = np.where(known, frame.pixels, 0).astype(np.float64)
    return Prepared(frame, values, known, np.where(usable, noise, np.nan), typical, background, places)


def measure_frame(frame: LossyFrame, peers: Iterable[LossyPeer]) -> Iterator[Row]:
    """Yield a row for each codec and level; where a codec does not apply one row says why, for all levels alike."""
    prepared = prepare(frame)
    for peer in peers:
        reasons = set()
        for level in peer.levels:
            row = _named(prepared, peer.name, peer.label(level))
            try:
                coded = peer.run(frame.pixels, level, prepared.typical)
            except NotApplicableError as error:
                if str(error) not in reasons:
                    yield Row(**row, note=str(error))
                reasons.add(str(error))
                continue
            yield _measured(prepared, row, coded)


def _named(prepared: Prepared, codec: str, level: str) -> dict[str, Any]:
    frame = prepared.frame
    shape = "x".join(map(str, frame.pixels.shape))
    names = {"frame": frame.name, "kind": frame.kind, "shape": shape, "dtype": frame.pixels.dtype.name}
    return names | {"codec": codec, "level": level}


def _measured(prepared: Prepared, row: dict[str, Any], coded: Coded) -> Row:
    """Compare what came back with what went in."""
    known, sigma = prepared.known, prepared.typical
    error = np.where(known, coded.pixels, 0).astype(np.float64) - prepared.values
    if not np.isfinite(error).all():
        return Row(**row, note=f"{int((~np.isfinite(error)).sum())} pixels lost their values")
    residual = np.where(known, error, np.nan)
    errors = error[known]
    mean_square = float(np.mean(errors**2))
    added = mean_square / sigma**2
    with np.errstate(invalid="ignore"):
        local = float(np.nanmean((residual / prepared.noise) ** 2))
    sources = compare_sources(prepared.values, residual, prepared.background, prepared.places)
    moved = sources.centroids
    return Row(
        **row,
        bytes=coded.n_bytes,
        bits=8 * coded.n_bytes / error.size,
        rms=math.sqrt(mean_square),
        added=added,
        added_local=local,
        largest_sigma=float(np.abs(errors).max()) / sigma,
        of_bound=None if coded.bound is None else float(np.max(np.abs(error) / coded.bound)),
        mean_sigma=float(errors.mean()) / sigma,
        flux=_in_ranges(sources.fluxes),
        psf_flux=_in_ranges(sources.psf_fluxes),
        centroid_sigma=None if moved is None else max(moved.x_sigma, moved.y_sigma, key=abs),
        shape_slope=None if sources.shapes is None else sources.shapes.slope,
        bound_bits=0.5 * math.log2(2 * math.pi * math.e / (12 * added)) if added > 0 else None,
        note=coded.note,
    )


def _in_ranges(found: Fluxes | None) -> tuple[tuple[float, float, float] | None, ...]:
    """Median change of the fluxes, what chance makes of it, and scatter, in units of their noise."""
    if found is None:
        return ()
    sigmas = found.change / found.noise
    ranges: list[tuple[float, float, float] | None] = []
    for low, high in FLUX_RANGES:
        within = sigmas[(found.snr >= low) & (found.snr < high)]
        if within.size < 3:
            ranges.append(None)
            continue
        middle, scatter, chance = middle_and_scatter(within)
        ranges.append((middle, chance, scatter))
    return tuple(ranges)
