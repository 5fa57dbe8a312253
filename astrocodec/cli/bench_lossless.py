"""`astrocodec bench` of lossless codecs: sets, weights, one task for each file, and what is written."""

import json
import shlex
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from astrocodec.cli.bench_tasks import Benched, LosslessTask, bench_share
from astrocodec.cli.exit_codes import combine
from astrocodec.cli.failures import Failure, end_with
from astrocodec.cli.inputs import find_inputs
from astrocodec.cli.names import is_learnable_name
from astrocodec.cli.outputs import refuse_inputs
from astrocodec.cli.run_files import run_files
from astrocodec.files.printable import one_line
from astrocodec.files.target import Target

if TYPE_CHECKING:
    from astrocodec.bench.lossless.image_sets import ImageSet
    from astrocodec.bench.lossless.plan import Plan
    from astrocodec.bench.lossless.rows import Row

_NONE = "no image of integers, of 3000 pixels at least, is to be tested"
SUFFIXES = (".csv", ".json", ".md", ".html", ".png")


@dataclass(frozen=True)
class LosslessOptions:
    """Of `astrocodec bench` without `--lossy` and `--vis`."""

    parts: tuple[str, ...] = ()  # empty: all
    steps: int | None = None  # of each training
    weights: Path | None = None  # folder of weights by codec, format and set
    settings: tuple[str, ...] = ()  # NAME=VALUE, of networks
    seed: int = 0
    most: int | None = None  # files of a set that are tested
    data: Path | None = None  # folder for the sets of AstroCompress
    earlier: tuple[Path, ...] = ()  # tables of earlier runs

    def given(self) -> list[str]:
        """Names of options that are set."""
        named = {
            "--part": self.parts, "--train": self.steps, "--weights": self.weights, "--set": self.settings,
            "--seed": self.seed, "--files": self.most, "--data": self.data, "--with": self.earlier,
        }  # fmt: skip
        return [name for name, value in named.items() if value]


@dataclass
class Found:
    """What came of a run."""

    rows: "list[Row]" = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    results: list[Benched] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)  # command, machine and versions of each


def bench_lossless(
    files: Sequence[str],
    codecs: Sequence[str],
    outputs: Sequence[Path],
    side: int | None,
    jobs: int,
    options: LosslessOptions,
    tell: "partial[Benched]",
    *,
    as_json: bool,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Measure, write, print and end."""
    found = Found()
    try:
        from astrocodec.bench.lossless.rows import rows_from_csv
        from astrocodec.bench.tables import provenance

        for table in options.earlier:
            found.rows += rows_from_csv(table)
            if (about := table.with_suffix(".json")).is_file():
                found.runs += _runs(about)
    except ValueError as error:
        raise click.UsageError(f"--with {error}.") from error
    except OSError as error:
        end_with(error, " ".join(map(str, options.earlier)))
    with ExitStack() as stack:
        if files:
            found.runs.append(provenance() | {"command": _command()})
            try:
                sets = _sets(files, options, outputs, stack)
                empty = [one for one in sets if not one.planes()]
                if not (sets := [one for one in sets if one not in empty]):
                    raise ValueError(
                        f"{' '.join(files)}: no image of integers, of 3000 pixels at least, is to be tested"
                    )
                made = _plan(sets, codecs, options, stack, quiet)
            except (ImportError, OSError, ValueError) as error:
                if type(error) is ValueError:
                    raise click.UsageError(f"{error}.") from error
                end_with(error, " ".join(files))
            found.left_out += [(one.name, _NONE) for one in empty] + made.left_out
            tasks = _tasks(sets, made, side)
            found.results = run_files(bench_share, tasks, jobs, quiet, lost=_lost, tell=tell)
    found.rows += [row for result in found.results for row in result.lossless_rows]
    failures = [failure for result in found.results for failure in result.failures]
    for output in sorted(outputs, key=lambda path: SUFFIXES.index(path.suffix.lower())) if found.rows else ():
        try:
            _write(output, overwrite, found)
        except ValueError as error:
            raise click.UsageError(f"-o {output}: {error}.") from error
        except Exception as error:  # becomes one line and an exit code
            end_with(error, str(output))
    _print(found, as_json, quiet)
    if not found.rows and not failures:
        raise click.UsageError("Nothing was measured, and no output is written.")
    raise click.exceptions.Exit(combine([failure.code for failure in failures]))


def _runs(path: Path) -> list[dict[str, Any]]:
    """Command, machine and versions of the runs of a table."""
    try:
        runs = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: is no JSON ({error})") from error
    needed = {"command", "processor", "date"}
    if not (isinstance(runs, list) and all(isinstance(run, dict) and needed <= run.keys() for run in runs)):
        raise ValueError(f"{path}: a list of runs with {', '.join(sorted(needed))} is needed beside the table")
    return runs


def _sets(
    files: Sequence[str], options: LosslessOptions, outputs: Sequence[Path], stack: ExitStack
) -> "list[ImageSet]":
    """Of folders and files, and of AstroCompress."""
    from astrocodec.bench.lossless.astrocompress import OWNER, astrocompress_sets, is_clone
    from astrocodec.bench.lossless.image_sets import sets_of_files

    named = [
        name
        for name in files
        if (not Path(name).exists() and name.startswith(OWNER)) or is_clone(Path(name.partition(":")[0]))
    ]
    others = [name for name in files if name not in named]
    sets = []
    if others:
        paths = [entry.path for entry in find_inputs(others, is_learnable_name, recursive=True)]
        refuse_inputs(outputs, paths)
        sets += sets_of_files(paths, options.seed, options.most)
    if named:
        data = options.data or Path(stack.enter_context(TemporaryDirectory()))
        for name in named:
            folder = data / Path(name.partition(":")[0]).resolve().name
            sets += astrocompress_sets(name, folder, options.most)
    return sets


def _plan(
    sets: "Sequence[ImageSet]", codecs: Sequence[str], options: LosslessOptions, stack: ExitStack, quiet: bool
) -> "Plan":
    """Choose codecs and weights, and train what was asked for."""
    from astrocodec.bench.lossless.contenders import choose_codecs
    from astrocodec.bench.lossless.plan import plan
    from astrocodec.bench.lossless.rows import PARTS
    from astrocodec.bench.lossless.trained import Training

    if wrong := [setting for setting in options.settings if "=" not in setting]:
        raise ValueError(f"--set {wrong[0]}: NAME=VALUE is needed, such as size=small")
    training = Training(
        options.weights or Path(stack.enter_context(TemporaryDirectory())),
        options.steps,
        options.seed,
        dict(setting.split("=", 1) for setting in options.settings),
        partial(click.echo, err=True) if not quiet else lambda line: None,
    )
    return plan(sets, choose_codecs(codecs), bool(codecs), options.parts or PARTS, training)


def _tasks(sets: "Sequence[ImageSet]", made: "Plan", side: int | None) -> list[LosslessTask]:
    """A file each; times are taken of the first of a set."""
    tasks = []
    for one in sets:
        wanted = tuple(made.wanted.get(one.name, {}).items())
        for number, share in enumerate(one.tested):
            mine = wanted if number == 0 else tuple((who, _untimed(parts)) for who, parts in wanted)
            tasks.append(LosslessTask(share.path, one.name, share.rows, side, mine))
    return tasks


def _untimed(parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(part for part in parts if part != "times")


def _lost(file: str, failure: Failure) -> Benched:
    return Benched(file, failures=[failure])


def _write(output: Path, overwrite: bool, found: Found) -> None:
    """A table, a text, a page or a picture; it gets its name when it is whole."""
    from astrocodec.bench.lossless.tables import as_markdown, tables
    from astrocodec.bench.tables import csv_text

    suffix = output.suffix.lower()
    if suffix == ".csv":
        data = csv_text([row.flat() for row in found.rows]).encode()
    elif suffix == ".md":
        left_out = "".join(f"\n* {name}: {why}" for name, why in found.left_out)
        data = (as_markdown(tables(found.rows)) + (f"\n\nLeft out:\n{left_out}" if left_out else "") + "\n").encode()
    elif suffix == ".json":
        data = (json.dumps(found.runs, indent=2) + "\n").encode()
    elif suffix == ".html":
        from astrocodec.bench.lossless.page import lossless_page

        said = [f"{run['command']} ({run['processor']}, {run['date']})" for run in found.runs]
        data = lossless_page(found.rows, found.left_out, said).encode()
    else:
        from astrocodec.bench.lossless.charts import lossless_figure

        data = lossless_figure(found.rows)
    with Target(output, overwrite=overwrite) as target:
        target.file.write(data)
        target.commit()


def _command() -> str:
    return shlex.join(["astrocodec", *sys.argv[1:]])


def _print(found: Found, as_json: bool, quiet: bool) -> None:
    """Tables for people, or everything for programs."""
    from astrocodec.bench.lossless.tables import as_markdown, tables

    if as_json:
        document = {
            "rows": [row.flat() for row in found.rows],
            "left_out": [{"part": name, "reason": why} for name, why in found.left_out],
            "errors": [
                {"message": one.message, "exit_code": int(one.code)}
                for result in found.results
                for one in result.failures
            ],
        }
        click.echo(json.dumps(document, indent=2))
        return
    for name, why in found.left_out:
        click.echo(one_line(f"{name}: left out: {why}"), err=True)
    if found.rows and not quiet:
        click.echo(as_markdown(tables(found.rows)))
