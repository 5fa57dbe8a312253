"""What a run over one HDF5 file did, dataset by dataset: plain values that serialise to JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

__all__ = ["DatasetReport", "FileReport", "Kind"]

Kind = Literal["dataset", "compressed", "copied", "decompressed"]


@dataclass
class DatasetReport:
    """
    One dataset of a file.

    Attributes
    ----------
    name : str
        Its path.
    kind : str
        ``'dataset'`` (without our filter), ``'compressed'`` (has our filter after the call), ``'decompressed'``
        (had it before), ``'copied'`` (kept as it was).
    dtype : str
        Type of the elements as NumPy names it.
    shape, chunks : tuple of int
        ``()`` where there are none.
    pixels : int
        Number of elements.
    filters : list of str
        After the call, in their order.
    original_bytes, compressed_bytes : int
        Size of the elements, and of what is stored of them.
    bits_per_pixel : float or None
        None without pixels.
    model : str
        Fingerprint of the model in the filter's values or of the general one, ``''`` without our filter.
    tuned : bool
        Whether that model was fitted to this dataset and stands in its header.
    note : str
        Anything worth telling the user, ``''`` otherwise.
    """

    name: str
    kind: Kind = "dataset"
    dtype: str = ""
    shape: tuple[int, ...] = ()
    chunks: tuple[int, ...] = ()
    pixels: int = 0
    filters: list[str] = field(default_factory=list)
    original_bytes: int = 0
    compressed_bytes: int = 0
    bits_per_pixel: float | None = None
    model: str = ""
    tuned: bool = False
    note: str = ""


@dataclass
class FileReport:
    """
    One file.

    Attributes
    ----------
    source, target : str
        Names as given; ``''`` where nothing was written.
    original_bytes, compressed_bytes : int
        Size of the file before and after.
    seconds : float
        Wall time.
    verified : bool or None
        True after everything was compared or every checksum checked; None where no check was asked for.
    datasets : list of DatasetReport
        In the order of the file.

    Examples
    --------
    >>> FileReport("a.h5", "a.ac.h5", 100, 50).ratio
    2.0
    """

    source: str
    target: str
    original_bytes: int = 0
    compressed_bytes: int = 0
    seconds: float = 0.0
    verified: bool | None = None
    datasets: list[DatasetReport] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Original bytes over compressed bytes; 0 for an empty result."""
        return self.original_bytes / self.compressed_bytes if self.compressed_bytes else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the report as nested dictionaries and lists, ready for ``json.dumps``."""
        return asdict(self)
