"""What a run over one HDF5 file did, dataset by dataset: plain values that serialise to JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from astrocodec.files.file_report import FileRun, PartReport

__all__ = ["DatasetReport", "FileReport"]


@dataclass(kw_only=True)
class DatasetReport(PartReport):
    """
    One dataset of a file; most is told by `astrocodec.files.file_report.PartReport`.

    Attributes
    ----------
    chunks : tuple of int
        ``()`` where there are none.
    filters : list of str
        After the call, in their order.
    """

    chunks: tuple[int, ...] = ()
    filters: list[str] = field(default_factory=list)


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
