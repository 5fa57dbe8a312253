"""The course of the commands for visibilities: a file or a directory from input to output, told as others are."""

import errno
import glob
import os
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import click

from astrocodec.cli.exit_codes import ExitCode, combine
from astrocodec.cli.failures import Failure, explain
from astrocodec.cli.inputs import is_pattern
from astrocodec.cli.planning import refuse_report_file
from astrocodec.cli.run_files import run_and_report
from astrocodec.cli.run_options import RunOptions
from astrocodec.cli.size_table import Outcome
from astrocodec.files.executor import Progress


@dataclass(frozen=True)
class VisTask:
    """What to do with one set of visibilities; no target: its output takes its place."""

    path: Path
    target: Path | None
    operation: Literal["compress", "decompress"]
    overwrite: bool
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """The input's name, as printed."""
        return str(self.path)

    @property
    def may_be_hdf5(self) -> bool:
        """Whether HDF5 will read it, as it will what is written."""
        return True


def treat_visibilities(
    arguments: Sequence[str], run: RunOptions, task_of: Callable[[Path, Path], VisTask], namer: str
) -> None:
    """Run over all inputs and exit; `namer` is the function of `astrocodec.visibility.files` that names outputs."""
    from astrocodec.visibility import files

    paths = [
        Path(name)
        for argument in arguments
        for name in (sorted(glob.glob(argument)) if is_pattern(argument) else [argument])
    ]
    if not paths:
        raise click.UsageError(f"no file matches {arguments[0]!r}.")
    if run.output is not None and (len(paths) > 1 or run.outdir is not None):
        raise click.UsageError("-O takes a single input, and goes not with --outdir.")
    tasks, targets, settled = [], set[Path](), []
    for path in dict.fromkeys(paths):
        folder = path.parent if run.outdir is None else run.outdir
        target = Path(run.output) if run.output is not None else folder / getattr(files, namer)(path)
        if target in targets:
            failure = Failure(f"{path}: {target} is the output of another input too; give --outdir", ExitCode.EXISTS)
            settled.append(Outcome(str(path), failure=failure))
            continue
        targets.add(target)
        tasks.append(task_of(path, target))
    refuse_report_file(run, [path for task in tasks for path in (task.path, task.target) if path is not None])
    raise click.exceptions.Exit(combine(run_and_report(run_visibilities, tasks, settled, run)))


def run_visibilities(task: VisTask, workers: int, progress: Progress | None = None) -> Outcome:
    """Treat one set; an exception becomes a failure that says what to do."""
    from astrocodec.visibility import files

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            options = {**task.options, "workers": workers, "progress": progress}
            if not os.path.lexists(task.path):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), task.file)
            if task.target is None:
                report = files.compress_in_place(task.path, **options)
            else:
                task.target.parent.mkdir(parents=True, exist_ok=True)
                run = getattr(files, task.operation)
                report = run(task.path, task.target, overwrite=task.overwrite, **options)
            details = "" if task.operation == "decompress" else _growth_lines(report.target)
            return Outcome(task.file, report.target, report, note="; ".join(report.notes), details=details)
        except Exception as error:  # one bad file must not stop the others
            failure = explain(error, task.file)
            trace = traceback.format_exc() if failure.code == ExitCode.INTERNAL else ""
            return Outcome(task.file, failure=failure, details=trace)


def _growth_lines(path: str) -> str:
    """What each baseline of a file lost, a line each."""
    from astrocodec.visibility.files import growth_in

    return "\n".join(
        f"{name}: baseline {number}: variance of noise grown by {share:.3%}"
        for name, shares in growth_in(path).items()
        for number, share in enumerate(shares.tolist())
    )
