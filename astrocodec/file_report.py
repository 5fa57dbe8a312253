"""What a run over one file did, whatever kind of file it is: plain values that serialise to JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["Checked", "FileRun", "weakest"]

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


@dataclass
class FileRun:
    """
    One file; `fits_tiles` and `hdf5_filter` add its parts.

    Attributes
    ----------
    source, target : str
        Names as given; ``'-'`` for a file object without a name, ``''`` where nothing was written.
    original_bytes, compressed_bytes : int
        Size of the file without and with compression.
    seconds : float
        Wall time.
    checked : str
        What is known of the whole file, which is what is known of its weakest part: ``'verified'`` (compared with the
        original, or with checksums that cover every byte and were made when it was compared), ``'checksum ok'``
        (checksums of others, such as ``DATASUM``, agree), ``'decoded'`` (it decodes, and nothing says to what it
        should), ``'not checked'``.

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

    @property
    def verified(self) -> bool:
        """Whether `checked` is ``'verified'``."""
        return self.checked == "verified"

    @property
    def ratio(self) -> float:
        """Original bytes over compressed bytes; 0 for an empty result."""
        return self.original_bytes / self.compressed_bytes if self.compressed_bytes else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the report as nested dictionaries and lists, ready for ``json.dumps``."""
        return asdict(self)
