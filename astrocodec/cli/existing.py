"""Whether an output that exists is what would be written: an interrupted batch goes on where it was."""

import errno
import filecmp
import importlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from astrocodec.cli.size_table import parts_of
from astrocodec.errors import DifferenceError, FormatError
from astrocodec.target import scratch_folder

if TYPE_CHECKING:
    from astrocodec.cli.tasks import Task


def difference_of_existing(task: "Task", workers: int, progress: Callable[[int, int], None] | None) -> str | None:
    """Compare the output that is there with the input.

    Parameters
    ----------
    task : Task
        Whose target exists.
    workers : int
        Threads over tiles.
    progress : callable, optional
        Called with bytes done and bytes in total.

    Returns
    -------
    str or None
        What is wrong with it, None where it is what would be written.
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
        return f"does not give it back: {error}"
    if report.checked != "verified":
        return f"is {report.checked}, not verified"
    if not restores and not task.options.get("quantize_level"):
        lossy = any("lossy" in part.note for part in parts_of(report))
        return "is lossy" if lossy else None
    return None


def check_alone(task: "Task", workers: int, progress: Callable[[int, int], None] | None) -> str:
    """Check the output of an earlier run whose input was deleted then.

    Parameters
    ----------
    task : Task
        Whose target exists and whose input does not.
    workers : int
        Threads over tiles.
    progress : callable, optional
        Called with bytes done and bytes in total.

    Returns
    -------
    str
        What is known of it, one of the words of reports.

    Raises
    ------
    FileNotFoundError
        It is nothing that a run would have deleted its input for.
    FormatError
        It is damaged.
    """
    package = importlib.import_module(task.kind.package)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cards of real headers; the pixels decide
        report = package.verify(task.target, workers=workers, progress=progress)
    if not any(part.kind == "compressed" for part in parts_of(report)):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), task.file)
    return str(report.checked)


def _difference_of_restored(
    task: "Task", target: Path, workers: int, progress: Callable[[int, int], None] | None
) -> str | None:
    """Restore a FITS file once more: whatever it is restored to, the bytes are the same each time."""
    import fits_tiles

    with scratch_folder(target) as folder:
        again = folder / "again.fits"
        fits_tiles.decompress(
            task.source.path, again, workers=workers, progress=progress, **{**task.options, "verify": False}
        )
        return None if filecmp.cmp(again, target, shallow=False) else "is not what it decompresses to"
