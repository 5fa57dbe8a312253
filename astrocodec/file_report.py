"""What a run over one file did, whatever kind of file it is: plain values that serialise to JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["FileRun"]


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
    verified : bool or None
        True after everything was compared or every checksum checked; None where no check was asked for.

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
    verified: bool | None = None

    @property
    def ratio(self) -> float:
        """Original bytes over compressed bytes; 0 for an empty result."""
        return self.original_bytes / self.compressed_bytes if self.compressed_bytes else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the report as nested dictionaries and lists, ready for ``json.dumps``."""
        return asdict(self)
