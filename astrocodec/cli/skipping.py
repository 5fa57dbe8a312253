"""Files that need no work: compressed already, not compressed, or done by an earlier run."""

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import Failure, explain
from astrocodec.cli.formats import HDF5, Format, relative_of_hdf5
from astrocodec.cli.inputs import Input
from astrocodec.cli.size_table import Outcome, human_bytes, parts_of, parts_word

if TYPE_CHECKING:
    from astrocodec.cli.size_table import FileReport

# What `fits_tiles.info` says of tiles that are not ours, and of those that `fits_tiles.compress` keeps.
_BY_ANOTHER = "compressed with "
_KEPT = ", not coded anew"


def settled_by_name(operation: str, entry: Input, kind: Format, keeps_name: bool) -> Outcome | None:
    """Settle an input that the command has nothing to do with, before outputs get their names.

    Parameters
    ----------
    operation : str
        ``compress`` or ``decompress``.
    entry : Input
        The file.
    kind : Format
        Of the command.
    keeps_name : bool
        Whether outputs are named after their inputs, and not by ``-O`` or ``-S``.

    Returns
    -------
    Outcome or None
        None where the file is to be treated.
    """
    if entry.problem:
        return refused(entry)
    relative = relative_of_hdf5(entry.path) if entry.walked and kind is HDF5 else ""
    if relative:
        return Outcome(str(entry.path), note=f"skipped, it is {relative}, not HDF5")
    named = kind.is_compressed_name(entry.path)
    asks = named and keeps_name if operation == "compress" else not named
    if not asks or entry.is_stdin or not os.path.isfile(entry.path):
        return None
    file = str(entry.path)
    listed = _listed(entry.path, kind)
    if operation == "compress":
        if isinstance(listed, Exception):
            return Outcome(file, failure=explain(listed, file))
        # A plain image under such a name is no output of ours.
        if _holds_tiles(listed):
            return Outcome(file, note="skipped, it is compressed already")
        return None if _something_is_left(listed) else Outcome(file, note="skipped, it holds nothing to compress")
    if isinstance(listed, Exception) or _holds_tiles(listed):
        return None
    if entry.walked:
        return Outcome(file, note="skipped, it is not compressed")
    text = f"{file}: is not compressed by astrocodec, there is nothing to decompress{_others(listed)}"
    return Outcome(file, failure=Failure(text, ExitCode.BAD_DATA))


def refused(entry: Input) -> Outcome:
    """Refuse an argument with a problem.

    Parameters
    ----------
    entry : Input
        As found.

    Returns
    -------
    Outcome
        A failure.
    """
    return Outcome(entry.file, failure=Failure(entry.problem, ExitCode.USAGE))


def is_compressed(path: Path, kind: Format) -> bool:
    """Whether a file has images, or datasets, of which none is left to compress.

    Parameters
    ----------
    path : pathlib.Path
        A file.
    kind : Format
        Of the command.

    Returns
    -------
    bool
        False for damaged files too: compressing them says what is wrong.
    """
    listed = _listed(path, kind)
    return not isinstance(listed, Exception) and _holds_tiles(listed) and not _something_is_left(listed)


def refuse_packed(path: Path) -> None:
    """Refuse to replace a file whose name will not suit what it is replaced by.

    Parameters
    ----------
    path : pathlib.Path
        A FITS file.

    Raises
    ------
    ValueError
        Its name or content is of gzip, bzip2 or fpack.
    """
    from fits_tiles.packed import packing_of

    with path.open("rb") as file:
        packing = packing_of(file) or ("fpack" if path.suffix.lower() == ".fz" else "")
    if packing:
        raise ValueError(f"{path}: -F would leave another kind of file under a name of {packing}; give -D instead")


def nothing_gained(report: "FileReport") -> str:
    """Say why a file is better left as it is.

    Parameters
    ----------
    report : FileReport
        Of what was made of it.

    Returns
    -------
    str
        One line; empty where it became smaller.
    """
    if not _holds_tiles(report):
        return f"no {'image' if parts_word(report) == 'HDUs' else 'dataset'} was compressed"
    if report.compressed_bytes < report.original_bytes:
        return ""
    return f"not smaller, {human_bytes(report.compressed_bytes)} instead of {human_bytes(report.original_bytes)}"


def _listed(path: Path, kind: Format) -> "FileReport | Exception":
    """List a file's HDUs or datasets, or say why it cannot be read."""
    import importlib

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found: FileReport = importlib.import_module(kind.package).info(os.fspath(path))
            return found
        except Exception as error:  # one bad file must not stop the others
            return error


def _holds_tiles(report: "FileReport") -> bool:
    """Whether anything of ours is in a file."""
    return any(part.kind == "compressed" for part in parts_of(report))


def _something_is_left(report: "FileReport") -> bool:
    """Whether a file has an image or dataset that could be compressed."""
    return any(
        part.pixels
        and part.kind != "compressed"
        and (not part.note or (part.note.startswith(_BY_ANOTHER) and _KEPT not in part.note))
        for part in parts_of(report)
    )


def _others(report: "FileReport") -> str:
    """Name what compressed a file's images instead."""
    notes = [part.note for part in parts_of(report) if part.note.startswith(_BY_ANOTHER)]
    return f" (it is {notes[0]})" if notes else ""
