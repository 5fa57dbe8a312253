"""The figures of the paper itself, as its tables print them."""

from __future__ import annotations

__all__ = ["FORMATS", "MATRIX", "MATRIX_CODEC", "RATIOS", "SECONDS", "SECONDS_OF", "SOURCE"]

SOURCE = "Truong et al. 2025, arXiv:2506.08306"
_CODECS = ("IDF", "L3C", "PixelCNN++", "VDM", "JPEG-XL max", "JPEG-XL", "JPEG-LS", "JPEG-2000", "RICE")
# Table 1. Its last three lines have eight figures; VDM's is taken for the missing one.
RATIOS = {
    name: dict(zip(_CODECS if len(values) == len(_CODECS) else [c for c in _CODECS if c != "VDM"], values, strict=True))
    for name, values in {
        "LCO": (2.83, 1.67, 2.02, 3.64, 2.98, 2.78, 2.81, 2.80, 2.65),
        "Keck": (2.04, 1.89, 2.08, 2.11, 2.01, 1.97, 1.97, 1.96, 1.84),
        "Hubble": (2.94, 2.90, 3.13, 3.33, 3.26, 2.92, 2.86, 2.67, 2.64),
        "JWST-2D": (1.44, 1.38, 1.44, 1.44, 1.38, 1.33, 1.35, 1.37, 1.24),
        "SDSS-2D": (2.91, 2.36, 3.35, 3.27, 3.38, 3.14, 3.16, 3.20, 2.96),
        "JWST-2D-Res": (3.14, 2.91, 2.80, 3.35, 2.37, 3.24, 1.69, 3.08),
        "SDSS-3Dλ": (3.05, 2.29, 2.88, 3.49, 3.23, 3.24, 3.28, 3.05),
        "SDSS-3DT": (3.03, 2.59, 3.02, 3.48, 3.23, 3.24, 3.29, 3.05),
    }.items()
}
_SETS = ("LCO", "Keck", "Hubble", "JWST-2D", "SDSS-2D")
MATRIX_CODEC = "IDF"
# Table 2: lines are what was learned from, columns what was tested on.
MATRIX = {
    name: dict(zip(_SETS, values, strict=True))
    for name, values in {
        "LCO": (2.83, 1.01, 1.09, 0.84, 2.31),
        "Keck": (2.70, 2.05, 2.20, 1.19, 3.02),
        "Hubble": (0.67, 0.94, 2.94, 1.22, 0.69),
        "JWST-2D": (1.46, 1.45, 1.47, 1.44, 1.50),
        "SDSS-2D": (2.27, 1.24, 1.75, 1.02, 2.91),
        "all data": (2.82, 1.87, 2.98, 1.38, 3.18),
    }.items()
}
# Table 3: seconds to encode an image, of learned codecs to compute its likelihood, on a Xeon Silver 4112 (one thread)
# and an RTX 6000 Ada.
SECONDS_OF = {"SDSS-2D": 800 * 800, "Hubble": 4144 * 2068}
SECONDS = {
    "IDF": (0.42, 6.03),
    "L3C": (5.18, 73.04),
    "PixelCNN++": (1.48, 20.49),
    "VDM": (2301.0, 33072.0),
    "JPEG-XL max": (3.14, 87.76),
    "JPEG-XL": (0.06, 0.91),
    "JPEG-LS": (0.02, 0.316),
    "JPEG-2000": (0.09, 1.76),
    "RICE": (0.008, 0.12),
}
# Table 5, PixelCNN++: two channels of 8 bits, one of 16.
FORMATS = {
    "LCO": (1.41, 2.02),
    "Keck": (2.08, 1.83),
    "Hubble": (3.13, 2.71),
    "JWST-2D": (1.44, 1.44),
    "SDSS-2D": (3.35, 1.84),
}
