"""Whether an output that exists is what would be written: an interrupted batch goes on where it was."""

import errno
import filecmp
import importlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from astrocodec.cli.bound_options import asks_for_loss
from astrocodec.cli.notes import lies_elsewhere
from astrocodec.cli.size_table import is_lossy
from astrocodec.cli.skipping import holds_tiles
from astrocodec.errors import DifferenceError, FormatError
from astrocodec.files.target import scratch_folder

if TYPE_CHECKING:
    from astrocodec.cli.task import Task


def difference_of_existing(
    task: "Task", workers: int, progress: Callable[[int, int], None] | None
) -> tuple[str | None, str]:
    """Compare the output that is there with the input.

    Returns
    -------
    str or None
        What is wrong with it, None where it is what would be written.
    str
        Why the input must stay all the same, empty where it need not.
    """
    package = importlib.import_module(task.kind.package)
    restores = task.operation == "decompress"
    assert task.target is not None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cards of real headers; the pixels decide
            if restores and task.kind.package == "fits_tiles":
                return _difference_of_restored(task, task.target, workers, progress)
            files = (task.source.path, task.target) if restores else (task.target, task.source.path)
            report = package.verify(*files, workers=workers, progress=progress)
    except (DifferenceError, FormatError) as error:
        return f"does not give it back: {error}", ""
    elsewhere = lies_elsewhere(report)
    if report.checked != "verified" and not elsewhere:
        return f"is {report.checked}, not verified", ""
    return None if restores or not is_lossy(report) else _why_lossy_is_not_done(task), elsewhere


def check_alone(task: "Task", workers: int, progress: Callable[[int, int], None] | None) -> str:
    """Check the output of an earlier run whose input was deleted then; say what is known of it in a word of reports.

    Raises
    ------
    FileNotFoundError
        It is nothing that a run would have deleted its input for.
    FormatError
        It is damaged.
    DifferenceError
        It is lossy, and the run is not.
    """
    package = importlib.import_module(task.kind.package)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cards of real headers; the pixels decide
        report = package.verify(task.target, workers=workers, progress=progress)
    if task.operation == "decompress":
        return str(report.checked)
    if not holds_tiles(report):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), task.file)
    if is_lossy(report) and not asks_for_loss(task.options):
        raise DifferenceError(
            f"is gone, and {task.target} is lossy, which this run is not; the original must come back"
        )
    return f"{report.checked}, lossy" if is_lossy(report) else str(report.checked)


def _why_lossy_is_not_done(task: "Task") -> str:
    """Say why a lossy output is not known to be what would be written."""
    if not asks_for_loss(task.options):
        return "is lossy"
    # It is compared within its own step or bound, which need not be that of this run, nor its data these.
    return "is lossy, and existing lossy outputs cannot be compared with what this run would write"


def _difference_of_restored(
    task: "Task", target: Path, workers: int, progress: Callable[[int, int], None] | None
) -> tuple[str | None, str]:
    """Restore a FITS file once more: whatever it is restored to, the bytes are the same each time."""
    import fits_tiles

    with scratch_folder(target) as folder:
        again = folder / "again.fits"
        options = {**task.options, "verify": True}
        report = fits_tiles.decompress(task.source.path, again, workers=workers, progress=progress, **options)
        same = filecmp.cmp(again, target, shallow=False)
    keep = "" if report.verified else f"since what comes out is {report.checked}, not verified"
    return None if same else "is not what it decompresses to", keep
