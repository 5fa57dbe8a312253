"""Files that need no work: compressed already, not compressed, or done by an earlier run."""

import importlib
import os
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import Failure, explain, killed
from astrocodec.cli.formats import FITS, HDF5, Format, relative_of_hdf5
from astrocodec.cli.inputs import Input
from astrocodec.cli.size_table import Outcome, parts_word
from astrocodec.files.printable import human_bytes
from astrocodec.files.run_tasks import look_at

if TYPE_CHECKING:
    from astrocodec.cli.size_table import FileReport

# What `fits_tiles.info` says of tiles that are not ours, and of those that `fits_tiles.compress` keeps.
_BY_ANOTHER = "compressed with "
_KEPT = ", not coded anew"


def settled_by_name(operation: str, inputs: Sequence[Input], kind: Format, keeps_name: bool) -> list[Outcome | None]:
    """Settle inputs that the command has nothing to do with, before outputs get their names; None for the others.

    `keeps_name` tells whether outputs are named after their inputs, and not by ``-O`` or ``-S``.
    """

    def has_other_name(entry: Input) -> bool:
        named = kind.is_compressed_name(entry.path)
        asks = named and keeps_name if operation == "compress" else not named
        return asks and not entry.is_stdin and os.path.isfile(entry.path)

    settled = [_settled_unread(entry, kind) for entry in inputs]
    asked = [at for at, entry in enumerate(inputs) if settled[at] is None and has_other_name(entry)]
    looks = look_at(partial(_look, kind), [inputs[at].path for at in asked], apart=kind is not FITS and len(inputs) > 1)
    for at, found in zip(asked, looks, strict=True):
        file = inputs[at].file
        settled[at] = Outcome(file, failure=killed(file)) if found is None else _settled(operation, inputs[at], found)
    return settled


def _settled_unread(entry: Input, kind: Format) -> Outcome | None:
    """Settle what is no file, or of another format by its first bytes."""
    if entry.problem:
        return refused(entry)
    relative = relative_of_hdf5(entry.path) if entry.walked and kind is HDF5 else ""
    return Outcome(entry.file, note=f"skipped, it is {relative}, not HDF5") if relative else None


def _settled(operation: str, entry: Input, look: "FileReport | Failure") -> Outcome | None:
    """Settle a file whose name is that of an output, or for `decompress` not that of one."""
    if operation == "compress":
        if isinstance(look, Failure):
            return Outcome(entry.file, failure=look)
        # A plain image under such a name is no output of ours.
        if holds_tiles(look):
            return Outcome(entry.file, note="skipped, it is compressed already")
        return None if _something_is_left(look) else Outcome(entry.file, note="skipped, it holds nothing to compress")
    if isinstance(look, Failure) or holds_tiles(look):
        return None
    if entry.walked:
        return Outcome(entry.file, note="skipped, it is not compressed")
    text = f"{entry.file}: is not compressed by astrocodec, there is nothing to decompress{_others(look)}"
    return Outcome(entry.file, failure=Failure(text, ExitCode.BAD_DATA))


def refused(entry: Input) -> Outcome:
    """Refuse an argument with a problem."""
    return Outcome(entry.file, failure=Failure(entry.problem, ExitCode.USAGE))


def is_compressed(path: Path, kind: Format) -> bool:
    """Whether a file has images, or datasets, of which none is left to compress.

    False for damaged files too: compressing them says what is wrong.
    """
    look = _look(kind, path)
    return not isinstance(look, Failure) and holds_tiles(look) and not _something_is_left(look)


def refuse_packed(path: Path) -> None:
    """Refuse to replace a file whose name, of gzip, bzip2 or fpack, will not suit what takes its place."""
    from fits_tiles.files.packed import packing_of

    with path.open("rb") as file:
        packing = packing_of(file) or ("fpack" if path.suffix.lower() == ".fz" else "")
    if packing:
        raise ValueError(f"{path}: -F would leave another kind of file under a name of {packing}; give -D instead")


def nothing_gained(report: "FileReport") -> str:
    """Say why a file is better left as it is, by the report on what was made of it; empty where it became smaller."""
    if not holds_tiles(report):
        return f"no {'image' if parts_word(report) == 'HDUs' else 'dataset'} was compressed"
    if report.compressed_bytes < report.original_bytes:
        return ""
    return f"not smaller, {human_bytes(report.compressed_bytes)} instead of {human_bytes(report.original_bytes)}"


def _look(kind: Format, path: Path) -> "FileReport | Failure":
    """List a file's HDUs or datasets, or say why there is no such list."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found: FileReport = importlib.import_module(kind.package).info(os.fspath(path))
            return found
        except Exception as error:  # one bad file must not stop the others
            return explain(error, str(path))


def holds_tiles(report: "FileReport") -> bool:
    """Whether anything of ours is in a file."""
    return any(part.kind == "compressed" for part in report.parts)


def _something_is_left(report: "FileReport") -> bool:
    """Whether a file has an image or dataset that could be compressed."""
    return any(
        part.pixels
        and part.kind != "compressed"
        and (not part.note or (part.note.startswith(_BY_ANOTHER) and _KEPT not in part.note))
        for part in report.parts
    )


def _others(report: "FileReport") -> str:
    """Name what compressed a file's images instead."""
    notes = [part.note for part in report.parts if part.note.startswith(_BY_ANOTHER)]
    return f" (it is {notes[0]})" if notes else ""
