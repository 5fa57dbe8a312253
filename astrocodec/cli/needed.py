"""HDF5 files that other files of a run lead to: those lose their elements or links if these are deleted."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from astrocodec.cli.formats import HDF5
from astrocodec.cli.size_table import Outcome
from astrocodec.cli.tasks import Destination, Task


def keep_needed(planned: Sequence[Task | Outcome]) -> list[Task | Outcome]:
    """Find inputs that are not to be deleted, since other inputs lead to them under their names.

    Parameters
    ----------
    planned : sequence of Task or Outcome
        Of all jobs that share the work.

    Returns
    -------
    list of Task or Outcome
        The same, some tasks with a reason to keep the input.
    """
    readers: dict[str, str] = {}
    for task in planned:
        if isinstance(task, Task) and _deletes(task):
            # What is wrong with a file is told when it is treated.
            with suppress(Exception):
                from hdf5_filter.pointing import files_named_in

                for needed in files_named_in(task.source.path):
                    readers.setdefault(needed, task.file)
    return [_kept(entry, readers) for entry in planned]


def _kept(entry: Task | Outcome, readers: dict[str, str]) -> Task | Outcome:
    """Give a task its reason to keep the input."""
    if not isinstance(entry, Task) or not _deletes(entry):
        return entry
    reader = readers.get(os.path.realpath(entry.source.path), entry.file)
    return entry if reader == entry.file else replace(entry, keep=f"since {reader} leads to it")


def _deletes(task: Task) -> bool:
    """Whether an HDF5 file is to be deleted."""
    return task.kind is HDF5 and task.destination is Destination.DELETE_INPUT
