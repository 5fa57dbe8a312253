"""A lossy codec as the benchmark sees it: one way of coding, at several levels of loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Coded", "LossyPeer", "NotApplicableError", "without_holes"]

Image = NDArray[Any]


class NotApplicableError(Exception):
    """The codec cannot hold these pixels, or is not installed; the text says which."""


@dataclass(frozen=True, eq=False)
class Coded:
    """An image after coding and decoding."""

    n_bytes: int  # all that stands in the file because of it
    pixels: Image
    bound: float | Image | None = None  # largest error that the codec promises, ADU; None where it promises none
    note: str = ""  # what was done to the pixels first


@dataclass(frozen=True)
class LossyPeer:
    """A lossy codec with its setting."""

    name: str  # as printed in tables
    levels: tuple[float, ...]  # from little loss to much
    unit: str  # of the levels: ``'q'``, ``'sigma'``, ``'%'`` or ``'dB'``
    code: Callable[[Image, float, float], Coded]  # takes an image [y, x], a level, and the noise of the image, ADU
    kinds: str = "fiu"  # kinds of pixels that it takes as they are; others are given as float32
    ours: bool = field(default=False, kw_only=True)

    def label(self, level: float) -> str:
        """Name a level as people write it."""
        return f"q = {level:g}" if self.unit == "q" else f"{level:g} {self.unit}"

    def run(self, image: Image, level: float, noise: float) -> Coded:
        """Code and decode an image; `NotApplicableError` where the codec fails on it."""
        if image.dtype.kind not in self.kinds:
            image = image.astype(np.float32)
        try:
            found = self.code(image, level, noise)
        except NotApplicableError:
            raise
        except ImportError as error:
            raise NotApplicableError(
                f"{error.name or error} is not installed: pip install 'astrocodec[bench]'"
            ) from error
        except Exception as error:  # libraries of others raise whatever they like
            raise NotApplicableError(f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]) from error
        if found.pixels.shape != image.shape:
            raise NotApplicableError(f"gave back {found.pixels.shape} for {image.shape}")
        return found


def without_holes(image: Image) -> tuple[Image, str]:
    """Fill NaN and infinities with the median, for codecs that cannot hold them; their places are not charged."""
    if image.dtype.kind != "f" or np.isfinite(image).all():
        return image, ""
    finite = np.isfinite(image)
    filled = np.where(finite, image, np.median(image[finite])).astype(image.dtype)
    return filled, f"{int((~finite).sum())} pixels without a value filled in, their places not charged"
