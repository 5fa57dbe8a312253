"""What a run over one file did, HDU by HDU: plain values that serialise to JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

import numpy as np

from astrocodec.files.file_report import FileRun, Kind, PartReport
from astrocodec.model import Model, installed_by_fingerprint
from fits_tiles.layout.blocks import padded
from fits_tiles.layout.headers import TileLayout

__all__ = ["FileReport", "HduReport"]


@dataclass(kw_only=True)
class HduReport(PartReport):
    """
    One HDU of a file; most is told by `astrocodec.files.file_report.PartReport`.

    Attributes
    ----------
    index : int
        Position in the source file, the primary HDU being 0.

    Examples
    --------
    >>> HduReport("PRIMARY", index=0, kind="image", shape=(4, 5), pixels=20).pixels
    20
    """

    index: int = 0

    def tell_image(self, kind: Kind, layout: TileLayout) -> None:
        """Set what there is to say of an image."""
        self.kind, self.shape, self.pixels = kind, layout.shape, prod(layout.shape)
        self.dtype = np.dtype(layout.pixel_type).name

    def tell_model(self, fingerprint: str, model: Model | None) -> None:
        """Set the model of the tiles: the one in the header, one that is installed, or else one that a tile holds."""
        self.model = fingerprint
        known = model or (installed_by_fingerprint(fingerprint) if fingerprint else None)
        self.tuned = bool(fingerprint) and (known is None or (known is model and not known.is_shipped))

    @property
    def image_bytes(self) -> int:
        """Size of the pixels, without header and padding."""
        return self.pixels * np.dtype(self.dtype).itemsize if self.pixels else 0

    @property
    def coded_bytes(self) -> int:
        """What the pixels take where they are compressed: all of the HDU but the header of the image."""
        header = max(0, self.original_bytes - padded(self.image_bytes))
        return max(0, self.compressed_bytes - header)


@dataclass
class FileReport(FileRun):
    """
    One file.

    Attributes
    ----------
    hdus : list of HduReport
        One entry per HDU of the source.
    notes : list of str
        What to know of the whole.
    references : list of str
        Files of the store that the tiles just written need, relative to the folder of the file.

    Examples
    --------
    >>> FileReport("a", "b", hdus=[HduReport(index=0)]).to_dict()["hdus"][0]["index"]
    0
    """

    hdus: list[HduReport] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)

    @property
    def parts(self) -> list[HduReport]:
        """The HDUs."""
        return self.hdus
