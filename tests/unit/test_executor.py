"""One engine under all commands: whatever executor does the work, order, progress and lost files come out alike."""

from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner

import fits_tiles
from astrocodec.cli import cli, run_files
from astrocodec.cli.exit_codes import ExitCode
from astrocodec.files.executor import Clean, Executor, Here, Progress, ProgressOf, Work
from astrocodec.files.processes import Processes
from astrocodec.files.run_tasks import choose_executor, run_tasks
from astrocodec.files.target import Target


@dataclass(frozen=True)
class Backwards:
    """The last item first; one of them may be lost, with what it had begun to write."""

    lost: int = -1
    at_once: int = 1
    threads: int = 1

    def results(
        self, work: Work[Any, Any], items: Sequence[Any], progress: ProgressOf, clean: Clean[Any]
    ) -> Generator[tuple[int, Any], None, None]:
        for number in reversed(range(len(items))):
            if number == self.lost:
                clean(items[number], 4711)
            yield number, None if number == self.lost else work(items[number], self.threads, None)


@dataclass(frozen=True)
class Threads:
    """Threads, which tell their progress."""

    at_once: int = 3
    threads: int = 1

    def results(
        self, work: Work[Any, Any], items: Sequence[Any], progress: ProgressOf, clean: Clean[Any]
    ) -> Generator[tuple[int, Any], None, None]:
        with ThreadPoolExecutor(self.at_once) as pool:
            running = {
                pool.submit(work, item, self.threads, lambda *done, number=number: progress(number, *done)): number
                for number, item in enumerate(items)
            }
            for future in as_completed(running):
                yield running[future], future.result()


@dataclass(frozen=True)
class Double:
    """A task."""

    number: int
    target: Path | None = None
    may_be_hdf5: bool = False

    @property
    def file(self) -> str:
        return f"file {self.number}"


def double(task: Double, threads: int, progress: Progress | None) -> int:
    """The work of the task."""
    if progress:
        progress(1, 2)
    return 2 * task.number


@pytest.mark.parametrize(
    ("executor", "told"),
    [(Here(), 8), (Threads(), 8), (Backwards(), 4), (Processes(2), 4)],
    ids=lambda value: str(value),
)
def test_results_stand_in_the_order_of_the_tasks(executor: Executor, told: int) -> None:
    """However they came; each is told once, and the progress bar ends where all are done."""
    advanced: list[tuple[str, float]] = []
    heard: list[int] = []
    results = run_tasks(
        double,
        [Double(number) for number in range(4)],
        executor,
        advance=lambda file, done: advanced.append((file, done)),
        tell=lambda result: heard.append(result) or result,
        lost=lambda file: pytest.fail(file),
    )
    assert results == [0, 2, 4, 6]
    assert sorted(heard) == results
    assert (len(advanced), advanced[-1][1]) == (told, 4)


def test_half_an_output_of_a_lost_worker_is_removed(tmp_path: Path) -> None:
    """The others are done; what was there before stays."""
    tasks = [Double(number, tmp_path / f"{number}.out") for number in range(3)]
    (tmp_path / "1.out").write_text("old")
    with Target(tmp_path / "1.out", overwrite=True):
        (half,) = (path.name for path in tmp_path.iterdir() if path.suffix == ".part")
    process = half.split(".")[-2].split("-")[0]
    (tmp_path / half.replace(process, "4711")).touch()
    results = run_tasks(
        double,
        tasks,
        Backwards(lost=1),
        advance=lambda file, done: None,
        tell=lambda result: result,
        lost=lambda file: -1,
    )
    assert results == [0, -1, 4]
    assert [path.name for path in tmp_path.iterdir()] == ["1.out"]


@pytest.mark.parametrize("command", ["fits-compress", "fits-decompress", "verify", "info", "analyze", "compare"])
def test_every_command_runs_on_another_executor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """And tells alike of a file that was lost with its worker; the other one is treated."""
    if command in ("analyze", "compare"):
        for library in ("photutils", "skimage", "matplotlib"):
            pytest.importorskip(library)
    files = [tmp_path / name for name in ("a.fits", "b.fits")]
    for file in files:
        fits.writeto(file, np.random.default_rng(1).poisson(100, (40, 50)).astype("i2"))
        if command in ("fits-decompress", "verify"):
            fits_tiles.compress(file, file.with_suffix(".ac.fits"), tune=False)
    if command in ("fits-decompress", "verify"):
        files = [file.with_suffix(".ac.fits") for file in files]
    options = {
        "fits-compress": ["--no-tune"],
        "fits-decompress": ["--overwrite"],
        "analyze": ["--no-tune", "--no-peers"],
    }
    arguments = [command, *options.get(command, []), *map(str, files)]
    asked = []

    def choose(tasks: Sequence[Any], jobs: int) -> Executor:
        asked.append(choose_executor(tasks, jobs))
        return Backwards(lost=0)

    monkeypatch.setattr(run_files, "choose_executor", choose)
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == ExitCode.SYSTEM, result.output
    cause = "a worker process was killed (out of memory?); the log of the system tells more"
    assert f"astrocodec: {files[0]}: {cause}\n" in result.stderr
    assert asked == [Here()]
    if command != "compare":
        assert f"{files[1]}" in result.stdout
