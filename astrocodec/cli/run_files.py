"""The course of every command over files: one engine, a progress bar, each result told as it comes."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import Failure, killed
from astrocodec.cli.progress import progress_bar
from astrocodec.cli.run_options import RunOptions
from astrocodec.cli.run_report import RunReport
from astrocodec.cli.size_table import Outcome
from astrocodec.files.executor import Work
from astrocodec.files.run_tasks import FileTask, choose_executor, run_tasks

_Task = TypeVar("_Task", bound=FileTask)
_Result = TypeVar("_Result")


def run_files(
    treat: Work[_Task, _Result],
    tasks: Sequence[_Task],
    jobs: int,
    quiet: bool,
    *,
    lost: Callable[[str, Failure], _Result],
    tell: Callable[[_Result], _Result] = lambda result: result,
) -> list[_Result]:
    """Treat files, wherever that is done.

    Parameters
    ----------
    treat : callable
        Of a module: treats one file with so many threads; an exception becomes a failure in its result.
    tasks : sequence of FileTask
        One per file.
    jobs : int
        Cores to use.
    quiet : bool
        Show no progress bar.
    lost : callable
        Makes the result of a file, by its name and why, whose process was killed.
    tell : callable
        Called with each result as it comes; gives it back as it stands then.

    Returns
    -------
    list
        Results in the order of the tasks.
    """
    executor = choose_executor(tasks, jobs)
    with progress_bar(len(tasks), quiet) as advance:
        return run_tasks(
            treat,
            tasks,
            executor,
            advance=advance,
            tell=tell,
            lost=lambda file: lost(file, killed(file, executor.at_once)),
        )


def run_and_report(
    treat: Work[_Task, Outcome], tasks: Sequence[_Task], settled: Iterable[Outcome], run: RunOptions, **how: Any
) -> list[ExitCode]:
    """Treat files, and tell of each on the terminal and in the report.

    Parameters
    ----------
    treat, tasks
        As for `run_files`.
    settled : iterable of Outcome
        Of files that need no work; they come first.
    run : RunOptions
        The options.
    **how
        Further arguments of `RunReport`.

    Returns
    -------
    list of ExitCode
        One for each file, and one more where the report could not be written.
    """
    with RunReport(run, [task.file for task in tasks], **how) as report:
        outcomes = list(map(report.add, settled))
        outcomes += run_files(treat, tasks, run.jobs, run.quiet, lost=_lost, tell=report.add)
        return report.end(outcomes)


def _lost(file: str, failure: Failure) -> Outcome:
    return Outcome(file, failure=failure)
