"""Analysis: how much of an image is noise, where the bits of its stream go, and what a codec could save.

Images are two-dimensional arrays ``[y, x]``; numbers are in ADU, the unit of their pixels, unless said otherwise. Most
functions need photutils and SciPy: ``pip install astrocodec[analysis]``. They import them when they are called.
"""

from astrocodec.analysis.background import Background, background_map
from astrocodec.analysis.bits.allocation import Allocation, allocation
from astrocodec.analysis.bits.bits_map import bits_map
from astrocodec.analysis.bits.stream_bits import BitsMap
from astrocodec.analysis.compare.apertures import compare_fluxes
from astrocodec.analysis.compare.catalogue import Catalogue
from astrocodec.analysis.compare.centroids import CentroidShift, compare_centroids, windowed
from astrocodec.analysis.compare.comparison import Comparison
from astrocodec.analysis.compare.detections import Detections, compare_detections
from astrocodec.analysis.compare.fluxes import Fluxes
from astrocodec.analysis.compare.psf_fluxes import compare_psf_fluxes
from astrocodec.analysis.compare.residuals import Residuals, residual_statistics
from astrocodec.analysis.compare.shapes import ShapeChange, compare_shapes
from astrocodec.analysis.compare.similarity import Similarity, similarity
from astrocodec.analysis.compare.sky import SkyChange, compare_sky
from astrocodec.analysis.compare.source_changes import SourceChanges, compare_sources
from astrocodec.analysis.compare.whiteness import Whiteness, whiteness
from astrocodec.analysis.denoising.cross_correlation import cross_correlation
from astrocodec.analysis.denoising.filters import fft_filtered, gaussian_filtered
from astrocodec.analysis.denoising.fluxes import (
    PeakLoss,
    flux_edges,
    flux_histogram,
    histogram_discrepancy,
    mean_relative_error,
    peak_loss,
)
from astrocodec.analysis.detector.amplifiers import Amplifiers, amplifiers
from astrocodec.analysis.detector.bayer import BayerPhase, bayer_phase
from astrocodec.analysis.detector.photon_transfer import Transfer, photon_transfer
from astrocodec.analysis.detector.quantisation import Quantisation, quantisation
from astrocodec.analysis.frame import FrameAnalysis, analyse_frame
from astrocodec.analysis.noise.correlated import Correlated, correlated_noise
from astrocodec.analysis.noise.floor import Floor, noise_floor
from astrocodec.analysis.noise.step import SuggestedStep, suggested_step
from astrocodec.analysis.signal.cosmic_rays import CosmicRays, cosmic_rays
from astrocodec.analysis.signal.snr import snr_map
from astrocodec.analysis.signal.sources import Segmentation, source_mask

__all__ = [
    "Allocation",
    "Amplifiers",
    "Background",
    "BayerPhase",
    "BitsMap",
    "Catalogue",
    "CentroidShift",
    "Comparison",
    "Correlated",
    "CosmicRays",
    "Detections",
    "Floor",
    "Fluxes",
    "FrameAnalysis",
    "PeakLoss",
    "Quantisation",
    "Residuals",
    "Segmentation",
    "ShapeChange",
    "Similarity",
    "SkyChange",
    "SourceChanges",
    "SuggestedStep",
    "Transfer",
    "Whiteness",
    "allocation",
    "amplifiers",
    "analyse_frame",
    "background_map",
    "bayer_phase",
    "bits_map",
    "compare_centroids",
    "compare_detections",
    "compare_fluxes",
    "compare_psf_fluxes",
    "compare_shapes",
    "compare_sky",
    "compare_sources",
    "correlated_noise",
    "cosmic_rays",
    "cross_correlation",
    "fft_filtered",
    "flux_edges",
    "flux_histogram",
    "gaussian_filtered",
    "histogram_discrepancy",
    "mean_relative_error",
    "noise_floor",
    "peak_loss",
    "photon_transfer",
    "quantisation",
    "residual_statistics",
    "similarity",
    "snr_map",
    "source_mask",
    "suggested_step",
    "whiteness",
    "windowed",
]
