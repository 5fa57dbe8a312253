"""What a run over one file did, whatever kind of file it is: plain values that serialise to JSON."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

__all__ = ["Checked", "FileRun", "ImageLoss", "ImageSizes", "Kind", "PartReport", "weakest"]

Checked = Literal["not checked", "decoded", "checksum ok", "verified"]
Kind = Literal["image", "dataset", "compressed", "copied", "decompressed"]
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


@dataclass(frozen=True)
class ImageLoss:
    """
    What the pixels of an image or dataset differ by from those of its original.

    Attributes
    ----------
    asked : str
        As the options take it.
    is_relative : bool
        Errors are shares of each pixel's value; else they are in the image's unit, BSCALE applied.
    max_error, largest_error : float
        No pixel differs by more; the largest difference there is.
    variance : float
        Mean of the squared differences, in the square of the image's unit: what was added to the variance.
    noise_increase : float or None
        By what share the noise has grown, of the tile where it did most; None where it was not measured.

    Examples
    --------
    >>> str(ImageLoss("noise_increase 1%", False, 2.5, 2.25, 1.5, 0.0098))
    'noise_increase 1%, within 2.5 (largest error 2.25), added variance 1.5, noise grown by 0.98%'
    """

    asked: str
    is_relative: bool
    max_error: float
    largest_error: float
    variance: float
    noise_increase: float | None

    def __str__(self) -> str:
        """In a few words, for people."""
        of = " of each value" if self.is_relative else ""
        words = f"{self.asked}, within {self.max_error:.6g}{of} (largest error {self.largest_error:.6g})"
        grown = "" if self.noise_increase is None else f", noise grown by {self.noise_increase:.2%}"
        return f"{words}, added variance {self.variance:.6g}{grown}"


@dataclass(kw_only=True)
class PartReport:
    """
    One HDU or dataset of a file; `fits_tiles` and `hdf5_filter` say what theirs has beside.

    Attributes
    ----------
    name : str
        ``EXTNAME``, ``'PRIMARY'`` for an unnamed primary HDU, or ``''``; path of a dataset.
    kind : str
        ``'image'``, ``'dataset'`` (not compressed by us), ``'compressed'`` (is so after the call), ``'decompressed'``
        (was so before it), ``'copied'`` (kept as it was).
    dtype : str
        Type of the stored pixels as NumPy names it, for example ``'int16'``; ``''`` where there are none.
    shape : tuple of int
        Shape in NumPy order, ``()`` where there is none.
    pixels : int
        Number of pixels or elements.
    original_bytes, compressed_bytes : int
        Size without and with compression: of an HDU header and data, padding included, of a dataset its elements.
    bits_per_pixel : float or None
        All that the pixels take; None without pixels.
    model : str
        Fingerprint of the model that coded them, ``''`` if none of ours did.
    codec : str
        Name and id of the codec that coded them, ``''`` where that is the causal one or none of ours.
    tuned : bool
        Whether that model was fitted to this part and stands in its header.
    checked : str
        What is known of it, in the words of `FileRun`.
    note : str
        Anything worth telling the user, ``''`` otherwise.
    loss : ImageLoss or None
        What its pixels lost within a bound; None where none did.
    """

    name: str = field(default="", kw_only=False)
    kind: Kind = "copied"
    dtype: str = ""
    shape: tuple[int, ...] = ()
    pixels: int = 0
    original_bytes: int = 0
    compressed_bytes: int = 0
    bits_per_pixel: float | None = None
    model: str = ""
    codec: str = ""
    tuned: bool = False
    checked: Checked = "not checked"
    note: str = ""
    loss: ImageLoss | None = None

    @property
    def image_bytes(self) -> int:
        """Size of the pixels alone."""
        return self.original_bytes

    @property
    def coded_bytes(self) -> int:
        """What they take where they are compressed."""
        return self.compressed_bytes

    def add_note(self, *notes: str) -> None:
        """Put further notes behind those that are there; empty ones do not count."""
        self.note = "; ".join(filter(None, (self.note, *notes)))

    def tell_loss(self, found: ImageLoss) -> None:
        """Set what was lost, and note it for people."""
        self.loss = found
        self.add_note(f"lossy: {found}")

    def work_out_bits(self) -> None:
        """Set `bits_per_pixel`, once the sizes are known."""
        self.bits_per_pixel = 8 * self.coded_bytes / self.pixels if self.pixels else None


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

    @classmethod
    def of(cls, parts: Iterable[PartReport | ImageSizes]) -> ImageSizes:
        """Sum up."""
        known = [(part.pixels, part.image_bytes, part.coded_bytes) for part in parts]
        return cls(*map(sum, zip(*known, strict=True)))

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
    def parts(self) -> Sequence[PartReport]:
        """HDUs or datasets."""
        return ()

    @property
    def images(self) -> ImageSizes:
        """Sizes of its compressed images."""
        return ImageSizes.of(part for part in self.parts if part.kind in ("compressed", "decompressed"))

    def to_dict(self) -> dict[str, Any]:
        """Return the report as nested dictionaries and lists, ready for ``json.dumps``."""
        entries = asdict(replace(self, written=None)) | {"images": asdict(self.images)}
        del entries["written"]
        return entries
