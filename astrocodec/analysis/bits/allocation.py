"""Allocation: bits of a file on sources, on background, by signal-to-noise ratio, and on what is no pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.analysis.bits.stream_bits import BitsMap
from astrocodec.analysis.signal.sources import Segmentation

# Evenly spaced around the background, by factors of two above it.
SNR_EDGES = (-np.inf, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0, np.inf)


@dataclass(frozen=True, eq=False)
class Allocation:
    """Where the bits of a file went; all parts add up to `total`.

    Attributes
    ----------
    total : float
        Bits of the stream or HDU.
    sources, background, headers : float
        Bits on pixels of the source mask, on all others, and on no pixel.
    per_source : ndarray of float64
        Bits on the numbered pixels of each source.
    snr_edges : tuple of float
        Borders of the bins of the signal-to-noise ratio.
    snr_bits : ndarray of float64
        Bits in each bin, and last those of pixels without a ratio.
    snr_pixels : ndarray of int64
        Pixels in each bin, and last those without a ratio.
    """

    total: float
    sources: float
    background: float
    headers: float
    per_source: NDArray[np.float64]
    snr_edges: tuple[float, ...]
    snr_bits: NDArray[np.float64]
    snr_pixels: NDArray[np.int64]


def allocation(
    bits: BitsMap,
    segmentation: Segmentation,
    snr: NDArray[np.float32],
    edges: tuple[float, ...] = SNR_EDGES,
) -> Allocation:
    """Add up the bits of an image by what is on its pixels.

    Parameters
    ----------
    bits : BitsMap
        Of an image with two axes.
    segmentation : Segmentation
        From `source_mask`.
    snr : ndarray of float32, [y, x]
        From `snr_map`.
    edges : tuple of float, optional
        Ascending borders of SNR bins.

    Raises
    ------
    ValueError
        The shapes differ.

    Examples
    --------
    >>> import numpy as np, astrocodec
    >>> from astrocodec.analysis import background_map, bits_map, snr_map, source_mask
    >>> image = np.random.default_rng(1).normal(100, 5, (200, 200)).astype(np.uint16)
    >>> image[50:60, 50:60] += 100
    >>> background = background_map(image)
    >>> bits = bits_map(astrocodec.encode(image))
    >>> found = allocation(bits, source_mask(image, background), snr_map(image, background))
    >>> abs(found.sources + found.background + found.headers - found.total) < 1
    True
    """
    if not bits.bits.shape == snr.shape == segmentation.mask.shape:
        raise ValueError(f"maps of shapes {bits.bits.shape}, {snr.shape}, {segmentation.mask.shape}: they must be one")
    code = bits.bits.ravel()
    everything = float(code.sum(dtype=np.float64))
    on_sources = float(code[segmentation.mask.ravel()].sum(dtype=np.float64))
    labels = segmentation.labels
    numbered = labels > 0
    per_source = np.bincount(labels[numbered] - 1, bits.bits[numbered], segmentation.count).astype(np.float64)
    which = np.searchsorted(np.asarray(edges[1:-1], np.float32), snr.ravel(), side="right").astype(np.intp)
    which[np.isnan(snr.ravel())] = len(edges) - 1
    return Allocation(
        float(bits.total_bits),
        on_sources,
        everything - on_sources,
        # The coder's rounding belongs to no pixel either.
        bits.total_bits - everything,
        per_source,
        edges,
        np.bincount(which, code, len(edges)).astype(np.float64),
        np.bincount(which, minlength=len(edges)).astype(np.int64),
    )


def as_numbers(found: Allocation) -> dict[str, Any]:
    """What JSON can hold of it; infinite edges as None."""
    return {
        "total_bits": found.total,
        "source_bits": found.sources,
        "background_bits": found.background,
        "header_bits": found.headers,
        "snr_edges": [float(e) if np.isfinite(e) else None for e in found.snr_edges],
        "snr_bits": found.snr_bits.tolist(),
        "snr_pixels": found.snr_pixels.tolist(),
    }
