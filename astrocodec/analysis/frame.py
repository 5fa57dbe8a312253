"""Analysis of one image: everything that this package can say of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.analysis.amplifiers import Amplifiers, amplifiers
from astrocodec.analysis.background import Background, background_map
from astrocodec.analysis.bayer import BayerPhase, bayer_phase
from astrocodec.analysis.bits import BitsMap, bits_map
from astrocodec.analysis.correlated import Correlated, correlated_noise
from astrocodec.analysis.cosmic_rays import CosmicRays, cosmic_rays
from astrocodec.analysis.floor import Floor, noise_floor
from astrocodec.analysis.photon_transfer import Transfer, photon_transfer
from astrocodec.analysis.plane import as_plane
from astrocodec.analysis.quantisation import Quantisation, quantisation
from astrocodec.analysis.snr import snr_map
from astrocodec.analysis.sources import Segmentation, source_mask
from astrocodec.analysis.step import SuggestedStep, suggested_step
from astrocodec.codec import Buffer, encode

_TINY = 8


@dataclass(frozen=True, eq=False)
class FrameAnalysis:
    """What is known of an image and of its stream; None where it does not apply, and `notes` say why.

    Attributes
    ----------
    shape : tuple of int
    dtype : str
    raw_bytes, stored_bytes : int
        Of the pixels, and of their stream or the file they came from.
    ratio, bits_per_pixel : float
        `raw_bytes` over `stored_bytes`; bits of the stream for each pixel.
    floor_bits, efficiency : float or None
        Noise floor in bits per pixel, and its share of `bits_per_pixel`.
    share_noise, share_sources : float or None
        Share of the stream's bits that is noise by the floor; that lies on pixels of sources.
    suggested_step : SuggestedStep or None
        Step for 1 % added noise.
    amplifiers, background, snr, segmentation, bits, transfer, floor, quantisation, bayer, correlated, cosmic_rays
        Results of the functions of those names.
    notes : tuple of str
        What is missing and why.
    """

    shape: tuple[int, ...]
    dtype: str
    raw_bytes: int
    stored_bytes: int
    ratio: float
    bits_per_pixel: float
    floor_bits: float | None = None
    efficiency: float | None = None
    share_noise: float | None = None
    share_sources: float | None = None
    suggested_step: SuggestedStep | None = None
    amplifiers: Amplifiers | None = None
    background: Background | None = None
    snr: NDArray[np.float32] | None = None
    segmentation: Segmentation | None = None
    bits: BitsMap | None = None
    transfer: Transfer | None = None
    transfers: tuple[Transfer, ...] = ()
    floor: Floor | None = None
    quantisation: Quantisation | None = None
    bayer: BayerPhase | None = None
    correlated: Correlated | None = None
    cosmic_rays: CosmicRays | None = None
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Numbers and texts that JSON can hold; of maps their median, share or count."""
        out: dict[str, Any] = {
            name: getattr(self, name)
            for name in (
                *("dtype", "raw_bytes", "stored_bytes", "ratio", "bits_per_pixel", "floor_bits", "efficiency"),
                *("share_noise", "share_sources"),
            )
        }
        out["shape"] = list(self.shape)
        out["notes"] = list(self.notes)
        return out


def analyse_frame(image: ArrayLike, *, stream: Buffer | None = None, encode_it: bool = True) -> FrameAnalysis:
    """Analyse an image and its stream."""
    values = np.asarray(image)
    stream = encode(values) if stream is None and encode_it else stream
    n = len(stream) if stream is not None else values.nbytes
    plane = as_plane(values)
    background = background_map(plane)
    snr = snr_map(plane, background)
    segmentation = source_mask(plane, background, snr=snr)
    floor = noise_floor(plane, background)
    bits = bits_map(stream) if stream is not None else None
    bpp = 8 * n / max(1, values.size)
    noise = float(np.median(background.noise))
    share = float(bits.bits[segmentation.mask].sum() / bits.total_bits) if bits else None
    return FrameAnalysis(
        values.shape,
        values.dtype.name,
        values.nbytes,
        n,
        values.nbytes / max(1, n),
        bpp,
        floor.best,
        floor.best / bpp,
        min(1.0, floor.best / bpp),
        share,
        suggested_step(noise, unit=plane.step),
        amplifiers(plane),
        background,
        snr,
        segmentation,
        bits,
        photon_transfer(values),
        (),
        floor,
        quantisation(plane),
        bayer_phase(plane),
        correlated_noise(plane, background),
        cosmic_rays(plane, background),
    )
