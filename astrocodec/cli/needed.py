"""HDF5 files that others of a run lead to: those lose elements or links if these are deleted or replaced."""

import os
import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import Failure
from astrocodec.cli.formats import FITS, HDF5
from astrocodec.cli.size_table import Outcome
from astrocodec.cli.task import Destination, Task
from astrocodec.files.file_kind import is_hdf5
from astrocodec.files.run_tasks import look_at

_SECONDS = 10.0  # of computing, for one object of a file; millions of links take less


def keep_needed(planned: Sequence[Task | Outcome]) -> list[Task | Outcome]:
    """Find inputs and old outputs that must stay, since files of the run lead to them under their names.

    Takes what is planned for all jobs that share the work; gives it back, some tasks with a reason to keep the input,
    or refused.
    """
    if not any(isinstance(entry, Task) and (_deletes(entry) or _replaces(entry)) for entry in planned):
        return list(planned)
    paths = list(dict.fromkeys(filter(None, [*map(_searched, planned), *_old_outputs(planned)])))
    readers = _Readers()
    for path, names in zip(paths, look_at(partial(_names_in, _SECONDS), paths, apart=True), strict=True):
        readers.note(path, "HDF5 does not survive it" if names is None else names)
    return [_kept(entry, readers) for entry in planned]


@dataclass
class _Readers:
    """Files by the names that they lead to, and why others could not be searched for such names."""

    names: dict[str, list[str]] = field(default_factory=dict)
    patterns: dict[re.Pattern[str], list[str]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def note(self, path: str, names: set[str | re.Pattern[str]] | str) -> None:
        """Note the names in a file, or why they are not known."""
        if isinstance(names, str):
            self.reasons[path] = f"since {path}, which may lead to it, cannot be searched: {names}"
            return
        for name in names:
            if isinstance(name, str):
                self.names.setdefault(name, []).append(path)
            else:
                self.patterns.setdefault(name, []).append(path)

    def of(self, path: str) -> list[str]:
        """Files that lead to one, itself last."""
        found: list[str] = []
        for name in {os.path.basename(path), os.path.basename(os.path.realpath(path))}:
            found += self.names.get(name, ())
            for pattern, readers in self.patterns.items():
                found += readers if pattern.fullmatch(name) else ()
        return sorted(found, key=lambda reader: reader == path)

    def reason_to_keep(self, path: str) -> str:
        """Say which file leads to one, or which other one may; empty where none does."""
        found = self.of(path)
        if found:
            return f"since {found[0]} leads to it" if found[0] != path else "since it leads to itself under this name"
        return next((reason for other, reason in self.reasons.items() if other != path), "")


def _names_in(seconds: float, path: str) -> set[str | re.Pattern[str]] | str:
    """Find the names in a file, or say why that cannot be; the process ends where one object takes too long."""
    from hdf5_filter.pointing import files_named_in

    try:
        if not is_hdf5(path):
            return set()
        # HDF5 may go round for ever in damage; to search files for that would be to read them completely.
        return files_named_in(path, lambda: signal.setitimer(signal.ITIMER_VIRTUAL, seconds))
    except Exception as error:  # what else is wrong with it is told when it is treated
        return str(error)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _searched(entry: Task | Outcome) -> str | None:
    """Path of what may lead to other files: an input, or its output where an earlier run deleted the input."""
    for path in (entry.file, str(entry.target or "")):
        if os.path.isfile(path):
            return path
    return None


def _old_outputs(planned: Sequence[Task | Outcome]) -> list[str]:
    """Paths of outputs in other folders: their inputs may be gone, and they are not among those of this run."""
    roots = set()
    for entry in planned:
        if isinstance(entry, Task) and _deletes(entry) and entry.target is not None:
            root = entry.target.parent
            if root != entry.source.path.parent:
                roots.add(root.parents[len(entry.source.subfolder.parts) - 1] if entry.source.subfolder.parts else root)
    return [str(path) for root in sorted(roots) for path in sorted(root.rglob("*")) if HDF5.is_compressed_name(path)]


def _kept(entry: Task | Outcome, readers: _Readers) -> Task | Outcome:
    """Give a task its reason to keep the input, or refuse it."""
    if isinstance(entry, Task) and _replaces(entry) and (found := readers.of(str(entry.target))):
        text = f"{entry.file}: {entry.target} stays, since {found[0]} leads to it; give -O or --outdir for another name"
        return Outcome(entry.file, str(entry.target), failure=Failure(text, ExitCode.EXISTS))
    if not isinstance(entry, Task) or not _deletes(entry):
        return entry
    reason = readers.reason_to_keep(entry.file)
    return replace(entry, keep=reason) if reason else entry


def _deletes(task: Task) -> bool:
    """Whether an HDF5 file is to be deleted."""
    return task.kind != FITS and task.destination is Destination.DELETE_INPUT


def _replaces(task: Task) -> bool:
    """Whether the output of an HDF5 file is to replace another file."""
    return task.kind != FITS and task.replaced is not None
