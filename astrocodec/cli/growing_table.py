"""The table of sizes, row by row while files are finished."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from astrocodec.cli.size_table import align, size_headings, size_row
from astrocodec.files.printable import printable_name

if TYPE_CHECKING:
    from astrocodec.cli.size_table import FileReport

# As wide as cells become.
_WIDEST = ("0", "999 MB", "999 MB", "99.99", "999 MB -> 999 MB", "99.99", "99.99", "9999.99", "not checked")


class GrowingTable:
    """Rows of one width for files of these names, though most are not done yet."""

    def __init__(self, files: Sequence[str]) -> None:
        self._name = max(map(printable_name, files), key=len, default="")
        self._headings: list[str] = []

    def add(self, report: "FileReport") -> str:
        """Lay out the row of a file that succeeded; above the first one the headings."""
        first = not self._headings
        if first:
            self._headings = size_headings([report])
        headings, rule, _, row = align(self._headings, [(self._name, *_WIDEST), size_row(report)]).split("\n")
        return f"{headings}\n{rule}\n{row}" if first else row
