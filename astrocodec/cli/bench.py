"""`astrocodec bench`."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from astrocodec.bench.lossless.rows import PARTS
from astrocodec.cli.bench_lossless import SUFFIXES, LosslessOptions, bench_lossless
from astrocodec.cli.bench_tasks import Benched, BenchTask, bench_file
from astrocodec.cli.exit_codes import combine
from astrocodec.cli.failures import Failure, end_with
from astrocodec.cli.inputs import find_inputs
from astrocodec.cli.names import is_listed_name
from astrocodec.cli.option_types import extension_option
from astrocodec.cli.outputs import check_output, refuse_inputs
from astrocodec.cli.run_files import run_files
from astrocodec.cli.size_table import align
from astrocodec.cli.standard_streams import need_output
from astrocodec.files.printable import one_line
from astrocodec.files.target import Target

if TYPE_CHECKING:
    from astrocodec.bench.lossy.measure import Row
    from astrocodec.bench.visibilities.measure import Row as VisRow


@click.command("bench")
@click.argument("files", nargs=-1)
@click.option("--lossy", is_flag=True, help="Measure lossy codecs of images.")
@click.option("--vis", is_flag=True, help="Measure codecs of visibilities.")
@click.option("--codec", "codecs", metavar="NAME", multiple=True, help="Only codecs with this in their names; repeat.")
@click.option(
    "-o",
    "--output",
    "outputs",
    metavar="OUT.png|OUT.csv",
    type=click.Path(dir_okay=False, path_type=Path),
    multiple=True,
    help="Write the curves as a picture, or every figure as a table; lossless also .html and .md; repeat.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("-r", "--recursive", is_flag=True, help="Take the files in directories and below.")
@click.option("-j", "--jobs", type=click.IntRange(1), default=1, show_default=True, help="Files at once.")
@extension_option("Measure this HDU, dataset or array only; repeat.")
@click.option("--plane", type=int, help="Plane of cubes, from 0.  [default: the middle one]")
@click.option(
    "--side", type=click.IntRange(64), help="Pixels along a side, of the middle.  [default: 1024, of lossless all]"
)
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, help="Lossless: only this table; repeat.")
@click.option("--train", "steps", type=click.IntRange(1), metavar="STEPS", help="Lossless: train for each set.")
@click.option(
    "--weights",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Lossless: where weights CODEC-SYMBOLS-SET.safetensors are, and trained ones go.",
)
@click.option("--set", "settings", metavar="NAME=VALUE", multiple=True, help="Lossless: of networks, as of train.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Lossless: of training and of what is tested.")
@click.option("--files", "most", type=click.IntRange(1), metavar="N", help="Lossless: test N files of a set at most.")
@click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), help="Lossless: folder for sets of AstroCompress."
)
@click.option(
    "--with",
    "earlier",
    metavar="OUT.csv",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    multiple=True,
    help="Lossless: tell of an earlier run's table too; repeat.",
)
@click.option("--overwrite", is_flag=True, help="Replace outputs that exist.")
@click.option("-v", "--verbose", is_flag=True, help="Say what was left out; show tracebacks.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
def bench_command(
    files: tuple[str, ...],
    lossy: bool,
    vis: bool,
    codecs: tuple[str, ...],
    outputs: tuple[Path, ...],
    as_json: bool,
    recursive: bool,
    jobs: int,
    extensions: tuple[int | str, ...],
    plane: int | None,
    side: int | None,
    parts: tuple[str, ...],
    steps: int | None,
    weights: Path | None,
    settings: tuple[str, ...],
    seed: int,
    most: int | None,
    data: Path | None,
    earlier: tuple[Path, ...],
    overwrite: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Code FILES, of folders too, with codecs of others and ours, and tell what each costs.

    Without --lossy and --vis images of integers, losslessly, by learned codecs too: the tables of AstroCompress
    (Truong et al. 2025), its own figures beside. A folder, or a group of a MANIFEST.csv, is a set: 15 of 100 of its
    files are tested, of a single one the last rows. FILES may also be AstroCompress/NAME, or a clone of such a set.
    Needs `pip install 'astrocodec[analysis,bench,torch]'`.

    With --lossy images at equal noise: whole HDUs are charged. `of fpack` is the size over that of fpack's RICE tiles
    where those add the same variance; `noise +` the added variance over that of the noise, `max e` the largest error
    over the noise, and fluxes are median change and scatter in units of their own noise. Needs `pip install
    'astrocodec[analysis,bench]'`.

    With --vis sets of visibilities (Measurement Sets, uvh5, uvfits, NumPy archives), of which the first 64 MB are
    taken: bits per real at D = 10, 1 and 0.1 %, and what errors do to images and spectra. Needs
    `pip install 'astrocodec[vis,bench,torch]'`.
    """
    if lossy and vis:
        raise click.UsageError("Give --lossy for images, or --vis for visibilities, or neither for lossless codecs.")
    options = LosslessOptions(parts, steps, weights, settings, seed, most, data, earlier)
    if not files and not earlier:
        raise click.UsageError("Missing argument 'FILES...'.")
    if not (lossy or vis):
        if given := [name for name, value in (("-e", extensions), ("--plane", plane)) if value]:
            raise click.UsageError(
                f"{' and '.join(given)}: of --lossy; lossless codecs get the images that training gets."
            )
        _check_outputs(outputs, overwrite, SUFFIXES)
        if not outputs:
            need_output()
        tell = partial(_show, verbose=verbose)
        bench_lossless(
            files, codecs, outputs, side, jobs, options, tell, as_json=as_json, overwrite=overwrite, quiet=quiet
        )
    if given := options.given():
        raise click.UsageError(f"{', '.join(given)}: of lossless codecs, not of --lossy and --vis.")
    _check(outputs, overwrite, codecs, vis)
    if vis:
        paths = [Path(file) for file in files]
    else:
        paths = [entry.path for entry in find_inputs(files, is_listed_name, recursive)]
    refuse_inputs(outputs, paths)
    if not outputs:
        need_output()
    tasks = [BenchTask(path, codecs, plane, frozenset(extensions), side or 1024, vis) for path in paths]
    results = run_files(bench_file, tasks, jobs, quiet, lost=_lost, tell=partial(_show, verbose=verbose))
    rows = [row for result in results for row in result.rows]
    vis_rows = [row for result in results for row in result.vis_rows]
    failures = [failure for result in results for failure in result.failures]
    for output in outputs if rows or vis_rows else ():
        try:
            _write(output, overwrite, rows, vis_rows)
        except Exception as error:  # becomes one line and an exit code
            end_with(error, str(output))
    if as_json:
        click.echo(_document(results))
    elif rows and not quiet:
        click.echo(_text(rows))
    elif vis_rows and not quiet:
        from astrocodec.bench.visibilities.table import text

        click.echo(text(vis_rows))
    raise click.exceptions.Exit(combine([failure.code for failure in failures]))


def _check(outputs: Sequence[Path], overwrite: bool, codecs: tuple[str, ...], vis: bool) -> None:
    """Refuse what cannot be done, before the work."""
    _check_outputs(outputs, overwrite, (".png", ".csv"))
    try:
        if vis:
            from astrocodec.bench.visibilities.peers import visibility_peers

            visibility_peers(codecs)
        else:
            from astrocodec.bench.lossy.peers import lossy_peers

            lossy_peers(codecs)
    except ValueError as error:
        raise click.UsageError(f"--codec: {error}.") from None


def _check_outputs(outputs: Sequence[Path], overwrite: bool, suffixes: Sequence[str]) -> None:
    for output in outputs:
        if output.suffix.lower() not in suffixes:
            raise click.UsageError(f"-o {output}: give a name that ends in {' or '.join(suffixes)}.")
        check_output(output, overwrite)


def _lost(file: str, failure: Failure) -> Benched:
    return Benched(file, failures=[failure])


def _show(result: Benched, verbose: bool) -> Benched:
    """Print what went wrong, and what was left out where that is all or was asked for."""
    for failure in result.failures:
        click.echo(f"astrocodec: {failure.message}", err=True)
    told = result.rows or result.vis_rows or result.lossless_rows or result.failures
    for title, reason in result.skipped if verbose or not told else ():
        click.echo(one_line(f"{title}: left out: {reason}"), err=True)
    for trace in result.traces if verbose else ():
        click.echo(trace, err=True)
    return result


def _write(output: Path, overwrite: bool, rows: "Sequence[Row]", vis_rows: "Sequence[VisRow]") -> None:
    """Write the picture or the table; it gets its name when it is whole."""
    if output.suffix.lower() == ".png" and vis_rows:
        from astrocodec.bench.visibilities.figure import rates_figure

        data = rates_figure(vis_rows)
    elif output.suffix.lower() == ".png":
        from astrocodec.bench.lossy.figure import lossy_figure
        from astrocodec.bench.lossy.ours import our_peers

        data = lossy_figure(rows, [peer.name for peer in our_peers()])
    else:
        from astrocodec.bench.tables import csv_text

        data = csv_text([row.flat() for row in vis_rows or rows]).encode()
    with Target(output, overwrite=overwrite) as target:
        target.file.write(data)
        target.commit()


def _text(rows: "Sequence[Row]") -> str:
    """Tables for people: one of each image, and of several one of all."""
    from astrocodec.bench.lossy.table import FULL_HEADINGS, full_lines, summary_lines

    parts = []
    images = list(dict.fromkeys(row.frame for row in rows))
    for image in images:
        of_image = [row for row in rows if row.frame == image]
        title = f"{image}: {of_image[0].shape} {of_image[0].dtype}"
        parts.append(f"{one_line(title)}\n{align(FULL_HEADINGS, full_lines(of_image))}")
    if len(images) > 1:
        lines = summary_lines(rows)
        table = align(tuple(lines[0]), [tuple(line.values()) for line in lines])
        parts.append(f"size beside fpack at equal added variance, {len(images)} images\n{table}")
    return "\n\n".join(parts)


def _document(results: Sequence[Benched]) -> str:
    """Everything about a run, for programs."""
    files = [
        {
            "file": result.file,
            "rows": [row.flat() for row in result.vis_rows or result.rows],
            "skipped": [{"part": title, "reason": reason} for title, reason in result.skipped],
            "errors": [{"message": one.message, "exit_code": int(one.code)} for one in result.failures],
        }
        for result in results
    ]
    return json.dumps({"files": files}, indent=2)
