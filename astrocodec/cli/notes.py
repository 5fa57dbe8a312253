"""What a report notes of a whole file."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from astrocodec.cli.size_table import FileReport

_SHOWN = 4  # in a line


def notes_on(report: "FileReport", *, about: str = "") -> str:
    """Put a few of the notes of a report into a line, behind what it is `about`, and how many more there are."""
    notes: list[str] = getattr(report, "notes", [])
    more = [f"{len(notes) - _SHOWN} more with --json"] if len(notes) > _SHOWN else []
    return "; ".join(filter(None, [about, *notes[:_SHOWN], *more]))


def lies_elsewhere(report: "FileReport") -> str:
    """Say what of a file that was compared lies in other files, so that this was not; empty where nothing does."""
    found: list[str] = getattr(report, "elsewhere", [])
    return f"since elements of {found[0]} lie in other files, which were not checked" if found else ""
