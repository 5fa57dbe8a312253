"""Pixel formats of learned lossless codecs: integers as symbols of one or two bytes, frames as channels.

docs/format.md section "Patches"; after appendix C.1 of AstroCompress (Truong et al. 2025, arXiv:2506.08306).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SYMBOLS = ("bytes", "words")
_MOST_FRAMES = 8
MIDDLE = 0x8080  # where the median of a patch comes to lie: in the middle of both bytes


@dataclass(frozen=True)
class PixelFormat:
    """How 16-bit words of patches become the symbols that a network codes.

    Parameters
    ----------
    symbols : str
        ``"bytes"``: the low bytes of all frames are channels, then the high ones; ``"words"``: a channel is a frame.
    frames : int
        Planes that are coded together.
    centred : bool
        Whether the median of each patch and frame is taken off, and coded beside.
    """

    symbols: str = "bytes"
    frames: int = 1
    centred: bool = True

    def __post_init__(self) -> None:
        """See that there is such a format."""
        if self.symbols not in SYMBOLS or not 1 <= self.frames <= _MOST_FRAMES:
            raise ValueError(
                f"symbols {self.symbols!r} of {self.frames} frames found, allowed are {', '.join(SYMBOLS)} of 1 to "
                f"{_MOST_FRAMES}"
            )

    @property
    def channels(self) -> int:
        """Of a patch of symbols."""
        return self.frames * (2 if self.symbols == "bytes" else 1)

    @property
    def alphabet(self) -> int:
        """Symbols are whole numbers below this."""
        return 256 if self.symbols == "bytes" else 65536

    def to_symbols(self, words: NDArray[np.uint16]) -> NDArray[np.int64]:
        """Patches (n, channels, y, x) of words (n, frames, y, x).

        >>> PixelFormat().to_symbols(np.full((1, 1, 1, 1), 0x1234, np.uint16)).ravel().tolist()
        [52, 18]
        """
        whole = words.astype(np.int64)
        return np.concatenate([whole & 255, whole >> 8], 1) if self.symbols == "bytes" else whole

    def to_words(self, symbols: NDArray[np.int64]) -> NDArray[np.uint16]:
        """Undo `to_symbols`."""
        if self.symbols == "bytes":
            symbols = symbols[:, : self.frames] | symbols[:, self.frames :] << 8
        return symbols.astype(np.uint16)

    def about(self) -> dict[str, Any]:
        """As weights keep it."""
        return {"symbols": self.symbols, "frames": self.frames, "centred": self.centred}

    @classmethod
    def of(cls, about: Mapping[str, Any]) -> PixelFormat:
        """What `about` kept."""
        return cls(str(about["symbols"]), int(about["frames"]), bool(about["centred"]))


def centres_of(words: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Medians (n, frames) of patches, of the two in the middle the lower."""
    flat = words.reshape(*words.shape[:2], -1)
    return np.partition(flat, (flat.shape[2] - 1) // 2, axis=2)[:, :, (flat.shape[2] - 1) // 2]


def centred(words: NDArray[np.uint16], centres: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Patches whose centres lie at `MIDDLE`, modulo 65536."""
    return words - centres[:, :, None, None] + np.uint16(MIDDLE)


def uncentred(words: NDArray[np.uint16], centres: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Undo `centred`."""
    return words + centres[:, :, None, None] - np.uint16(MIDDLE)
