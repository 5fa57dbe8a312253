"""What a run over one file did, whatever kind of file it is: plain values that serialise to JSON."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Protocol

__all__ = ["Checked", "FileRun", "ImageSizes", "weakest"]

Checked = Literal["not checked", "decoded", "checksum ok", "verified"]
_STRENGTH: tuple[Checked, ...] = ("not checked", "decoded", "checksum ok", "verified")


def weakest(words: Iterable[Checked]) -> Checked:
    """
    Return what can be said of a whole whose parts were checked so; ``'not checked'`` of nothing.

    Examples
    --------
    >>> weakest(["verified", "decoded", "checksum ok"])
    'decoded'
    """
    return min(words, key=_STRENGTH.index, default="not checked")


class Part(Protocol):
    """What the report on an HDU or dataset tells of its image."""

    kind: Any
    pixels: int

    @property
    def image_bytes(self) -> int:
        """Size of its pixels."""

    @property
    def coded_bytes(self) -> int:
        """What they take in the compressed file."""


@dataclass(frozen=True)
class ImageSizes:
    """
    The images of a file that are compressed, apart from its tables, headers and other images.

    Attributes
    ----------
    pixels : int
        How many.
    image_bytes, coded_bytes : int
        Their size without compression, and what they take in the compressed file, models included.

    Examples
    --------
    >>> ImageSizes(100, 200, 50).ratio, ImageSizes(100, 200, 50).bits_per_pixel
    (4.0, 4.0)
    """

    pixels: int = 0
    image_bytes: int = 0
    coded_bytes: int = 0

    @property
    def ratio(self) -> float | None:
        """Image bytes over coded bytes; None without a compressed image."""
        return self.image_bytes / self.coded_bytes if self.coded_bytes else None

    @property
    def bits_per_pixel(self) -> float | None:
        """Coded bits for a pixel; None without a compressed image."""
        return 8 * self.coded_bytes / self.pixels if self.pixels else None


@dataclass
class FileRun:
    """
    One file; `fits_tiles` and `hdf5_filter` add its parts.

    Attributes
    ----------
    source, target : str
        Names as given; ``'-'`` for a file object without a name, ``''`` where nothing was written.
    original_bytes, compressed_bytes : int
        Size of the file without and with compression, as it lies on the disk: packed files count packed.
    seconds : float
        Wall time.
    checked : str
        What is known of the whole file, which is what is known of its weakest part: ``'verified'`` (compared with the
        original, or with checksums of ours that cover every byte), ``'checksum ok'``
        (checksums of others, such as ``DATASUM``, agree), ``'decoded'`` (it decodes, and nothing says to what it
        should), ``'not checked'``.

    written : os.stat_result or None
        Of the output, as `Target.commit` gave it; not part of `to_dict`.

    Examples
    --------
    >>> FileRun("a.fits", "a.ac.fits", 100, 50).ratio
    2.0
    """

    source: str
    target: str
    original_bytes: int = 0
    compressed_bytes: int = 0
    seconds: float = 0.0
    checked: Checked = "not checked"
    written: os.stat_result | None = field(default=None, repr=False, compare=False, kw_only=True)

    @property
    def verified(self) -> bool:
        """Whether `checked` is ``'verified'``."""
        return self.checked == "verified"

    @property
    def ratio(self) -> float:
        """Original bytes over compressed bytes, of the whole file; 0 for an empty result."""
        return self.original_bytes / self.compressed_bytes if self.compressed_bytes else 0.0

    @property
    def parts(self) -> Sequence[Part]:
        """HDUs or datasets."""
        return ()

    @property
    def images(self) -> ImageSizes:
        """Sizes of its compressed images."""
        coded = [part for part in self.parts if part.kind in ("compressed", "decompressed")]
        return ImageSizes(
            sum(part.pixels for part in coded),
            sum(part.image_bytes for part in coded),
            sum(part.coded_bytes for part in coded),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the report as nested dictionaries and lists, ready for ``json.dumps``."""
        entries = asdict(replace(self, written=None)) | {"images": asdict(self.images)}
        del entries["written"]
        return entries
