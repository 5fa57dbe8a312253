"""What a run over one file did, HDU by HDU: plain values that serialise to JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from astrocodec.files.file_report import Checked, FileRun
from fits_tiles.layout.blocks import padded

__all__ = ["FileReport", "HduReport", "Kind"]

Kind = Literal["image", "compressed", "copied", "decompressed"]


@dataclass
class HduReport:
    """
    One HDU of a file.

    Attributes
    ----------
    index : int
        Position in the source file, the primary HDU being 0.
    name : str
        ``EXTNAME``, or ``'PRIMARY'`` for an unnamed primary HDU, or ``''``.
    kind : str
        ``'image'`` (an uncompressed image), ``'compressed'`` (holds ASTROCODEC_1 tiles after the call),
        ``'decompressed'`` (an image restored from tiles), ``'copied'`` (passed through byte for byte).
    dtype : str
        Type of the stored pixels as NumPy names it, for example ``'int16'``; ``''`` where there is no image.
    shape : tuple of int
        Shape in NumPy order, ``()`` where there is no image.
    pixels : int
        Number of pixels.
    original_bytes, compressed_bytes : int
        Size of header and data, padding included, without and with compression.
    bits_per_pixel : float or None
        All that the pixels take (`coded_bytes`); None without pixels.
    model : str
        Fingerprint of the model that coded the tiles, ``''`` if none did.
    tuned : bool
        Whether that model was fitted to this HDU and stands in its header.
    checked : str
        What is known of its bytes, in the words of `FileReport`.
    note : str
        Anything worth telling the user, ``''`` otherwise.

    Examples
    --------
    >>> HduReport(index=0, name="PRIMARY", kind="image", shape=(4, 5), pixels=20).pixels
    20
    """

    index: int
    name: str = ""
    kind: Kind = "copied"
    dtype: str = ""
    shape: tuple[int, ...] = ()
    pixels: int = 0
    original_bytes: int = 0
    compressed_bytes: int = 0
    bits_per_pixel: float | None = None
    model: str = ""
    tuned: bool = False
    checked: Checked = "not checked"
    note: str = ""

    @property
    def image_bytes(self) -> int:
        """Size of the pixels, without header and padding."""
        return self.pixels * np.dtype(self.dtype).itemsize if self.pixels else 0

    @property
    def coded_bytes(self) -> int:
        """What the pixels take where they are compressed: all of the HDU but the header of the image."""
        header = max(0, self.original_bytes - padded(self.image_bytes))
        return max(0, self.compressed_bytes - header)

    def add_note(self, *notes: str) -> None:
        """Put further notes behind those that are there; empty ones do not count."""
        self.note = "; ".join(filter(None, (self.note, *notes)))

    def work_out_bits(self) -> None:
        """Set `bits_per_pixel`, once the sizes are known."""
        self.bits_per_pixel = 8 * self.coded_bytes / self.pixels if self.pixels else None


@dataclass
class FileReport(FileRun):
    """
    One file.

    Attributes
    ----------
    hdus : list of HduReport
        One entry per HDU of the source.

    Examples
    --------
    >>> FileReport("a", "b", hdus=[HduReport(0)]).to_dict()["hdus"][0]["index"]
    0
    """

    hdus: list[HduReport] = field(default_factory=list)

    @property
    def parts(self) -> list[HduReport]:
        """The HDUs."""
        return self.hdus
