"""Analysis: how much of an image is noise, where the bits of its stream go, and what a codec could save.

Images are two-dimensional arrays ``[y, x]``; numbers are in ADU, the unit of their pixels, unless said otherwise. Most
functions need photutils and SciPy: ``pip install astrocodec[analysis]``. They import them when they are called.
"""

from astrocodec.analysis.background import Background, background_map
from astrocodec.analysis.bits.allocation import Allocation, allocation
from astrocodec.analysis.bits.bits_map import bits_map
from astrocodec.analysis.bits.stream_bits import BitsMap
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
    "Correlated",
    "CosmicRays",
    "Floor",
    "FrameAnalysis",
    "Quantisation",
    "Segmentation",
    "SuggestedStep",
    "Transfer",
    "allocation",
    "amplifiers",
    "analyse_frame",
    "background_map",
    "bayer_phase",
    "bits_map",
    "correlated_noise",
    "cosmic_rays",
    "noise_floor",
    "photon_transfer",
    "quantisation",
    "snr_map",
    "source_mask",
    "suggested_step",
]
