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
    """Treat files as `run_tasks` does, below a progress bar unless `quiet`; `lost` gets a file's name and a failure."""
    executor = choose_executor(tasks, jobs)

    def killed_there(file: str) -> _Result:
        return lost(file, killed(file, executor.at_once))

    with progress_bar(len(tasks), quiet) as advance:
        return run_tasks(treat, tasks, executor, advance=advance, tell=tell, lost=killed_there)


def run_and_report(
    treat: Work[_Task, Outcome], tasks: Sequence[_Task], settled: Iterable[Outcome], run: RunOptions, **how: Any
) -> list[ExitCode]:
    """Treat files, and tell of each, and before them of those that are settled, as `RunReport` does; give its codes."""
    with RunReport(run, [task.file for task in tasks], **how) as report:
        outcomes = list(map(report.add, settled))
        outcomes += run_files(treat, tasks, run.jobs, run.quiet, lost=_lost, tell=report.add)
        return report.end(outcomes)


def _lost(file: str, failure: Failure) -> Outcome:
    return Outcome(file, failure=failure)
