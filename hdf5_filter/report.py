"""What a run over one HDF5 file did, dataset by dataset: plain values that serialise to JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from astrocodec.files.file_report import Checked, FileRun

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
        Size of the elements, and of what is stored of them where they are compressed.
    bits_per_pixel : float or None
        None without pixels.
    model : str
        Fingerprint of the model in the filter's values or of the general one, ``''`` if our filter codes it nowhere.
    tuned : bool
        Whether that model was fitted to this dataset and stands in its header.
    checked : str
        What is known of it: ``'verified'`` (compared with the original), ``'checksum ok'`` (every byte of it stands
        under a checksum, of the codec or of HDF5, and these agree), ``'decoded'`` (it can be read), ``'not checked'``.
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
    checked: Checked = "not checked"
    note: str = ""

    @property
    def image_bytes(self) -> int:
        """Size of the elements."""
        return self.original_bytes

    @property
    def coded_bytes(self) -> int:
        """What is stored of them where they are compressed."""
        return self.compressed_bytes


@dataclass
class FileReport(FileRun):
    """
    One file.

    Attributes
    ----------
    datasets : list of DatasetReport
        In the order of the file.
    sound : bool
        Whether `verify` read all of the file and found nothing wrong. How much that says is told by `checked`: in a
        plain file of HDF5's older format, which has no checksums, it says little.
    notes : list of str
        Anything worth telling of the file: links that lead to other files, references to deleted objects.
    elsewhere : list of str
        Paths of datasets whose elements lie in other files, so that they are ``'not checked'``.

    Examples
    --------
    >>> FileReport("a", "b", datasets=[DatasetReport("x")]).to_dict()["datasets"][0]["name"]
    'x'
    """

    datasets: list[DatasetReport] = field(default_factory=list)
    sound: bool = False
    notes: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    @property
    def verified(self) -> bool:
        """Whether it is `sound`, or was compared; before an original is deleted, ask `checked` instead."""
        return self.sound or self.checked == "verified"

    @property
    def parts(self) -> list[DatasetReport]:
        """The datasets."""
        return self.datasets

    def compared(self, elsewhere: Mapping[str, str], links: Sequence[str]) -> None:
        """Note that the file was compared with its original, but for datasets that lie elsewhere."""
        self.checked, self.sound = "not checked" if elsewhere else "verified", True
        self.elsewhere = list(elsewhere)
        self.notes += [f"the link {link}" for link in links]
        self.notes += [f"{name}: {note}, not checked" for name, note in elsewhere.items()]
        for entry in self.datasets:
            entry.checked = "not checked" if entry.name in elsewhere else "verified"
            entry.note = elsewhere.get(entry.name, entry.note)
