"""Why a cell of a report is empty: as text beside it, or as a footnote to a table."""

from __future__ import annotations

from collections.abc import Iterator

from astrocodec.analysis.report.image_report import ImageReport

__all__ = ["Footnotes", "reason"]

# Notes on an image of which little can be measured.
_CAUSES = ("no noise to measure", "too few for a background", "no pixel counts", "needs a step", "is needed for maps")


def reason(report: ImageReport, field: str) -> str:
    """Say why a field of a report is None.

    Examples
    --------
    >>> one = ImageReport("a", "", (2, 3), "uint16", "none", None, 12, 12, 9, 12 / 9, 12.0)
    >>> reason(one, "exposure")
    'the file tells no exposure time'
    """
    if field in report.reasons:
        return report.reasons[field]
    if field == "exposure":
        return "the file tells no exposure time"
    for note in report.notes:
        if any(words in note for words in _CAUSES):
            return note
    return "the noise is finer than the image's own step" if field in ("step", "saving") else "not known"


class Footnotes:
    """
    Reasons under a table, each once, by letters.

    Examples
    --------
    >>> notes = Footnotes()
    >>> notes.mark("no noise"), notes.mark("no sources"), notes.mark("no noise")
    ('a', 'b', 'a')
    >>> list(notes)
    [('a', 'no noise'), ('b', 'no sources')]
    """

    def __init__(self) -> None:
        self._marks: dict[str, str] = {}

    def mark(self, text: str) -> str:
        """Return the letter of a reason, a new one where it is new."""
        return self._marks.setdefault(text, _letters(len(self._marks)))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Yield letters and reasons in the order of their first use."""
        return ((mark, text) for text, mark in self._marks.items())


def _letters(number: int) -> str:
    """Write 0 as a, 25 as z, 26 as aa."""
    head, last = divmod(number, 26)
    return (_letters(head - 1) if head else "") + "abcdefghijklmnopqrstuvwxyz"[last]
