"""`astrocodec compare`."""

import json
import math
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from astrocodec.cli.analyze_pages import write_page
from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import Failure, end, end_with, explain
from astrocodec.cli.option_types import extension_option, named_file
from astrocodec.cli.outputs import check_output, refuse_inputs
from astrocodec.cli.run_files import run_files
from astrocodec.cli.task import ReadTask
from astrocodec.files.executor import Progress
from astrocodec.files.printable import one_line
from astrocodec.files.target import Target

if TYPE_CHECKING:
    from astrocodec.analysis.compare.comparison import Comparison
    from astrocodec.analysis.images.image_entry import ImageEntry


@dataclass(frozen=True)
class CompareTask(ReadTask):
    """Two files to compare; of cubes a plane, of files with several images those selected, or all."""

    other: Path
    plane: int | None = None
    select: frozenset[int | str] = frozenset()


@dataclass(frozen=True)
class Compared:
    """How images differ, and other planes of cubes by how much; or why the files do not suit, or cannot be read."""

    parts: "list[tuple[str, Comparison]]" = field(default_factory=list)
    elsewhere: list[tuple[int, float]] = field(default_factory=list)
    refusal: str = ""
    failure: Failure | None = None


@click.command("compare")
@click.argument("a", type=named_file)
@click.argument("b", type=named_file)
@click.option(
    "-o",
    "--output",
    metavar="OUT.png|OUT.html",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a picture (of the first images), or a page.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@extension_option("HDU, dataset or array only; repeat.")
@click.option(
    "--plane", type=int, help="Plane of cubes, from 0.  [default: statistics of the middle one, equality of all]"
)
@click.option("--within", type=click.FloatRange(0), metavar="ADU", help="Count as equal what differs by no more.")
@click.option("--overwrite", is_flag=True, help="Replace the output if it exists.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only; the exit code tells.")
def compare_command(
    a: Path,
    b: Path,
    output: Path | None,
    as_json: bool,
    extensions: tuple[int | str, ...],
    plane: int | None,
    within: float | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Compare the images of B, for instance after lossy compression, with those of A.

    Any two files that `analyze` reads, ours, fpack's or others. Exit codes: 0 equal; 7 different; others as for every
    command.
    """
    if output is not None and output.suffix.lower() not in (".png", ".html", ".htm"):
        raise click.UsageError(f"-o {output}: give a name that ends in .png or .html.")
    if output is not None:
        refuse_inputs([output], [a, b])
        check_output(output, overwrite)
    task = CompareTask(a, b, plane, frozenset(extensions))
    (found,) = run_files(compare_files, [task], 1, quiet, lost=lambda file, failure: Compared(failure=failure))
    if found.refusal:
        raise click.UsageError(found.refusal)
    if found.failure:
        end(found.failure)
    parts, elsewhere = found.parts, found.elsewhere
    if output is not None and parts:
        try:
            _write(output, overwrite, (str(a), str(b)), parts)
        except Exception as error:  # becomes one line and an exit code
            end_with(error, str(output))
    if as_json:
        click.echo(_document(a, b, parts, elsewhere))
    elif not quiet:
        click.echo(_text(parts, elsewhere))
    equal = all(found.equal or (within is not None and _is_within(found, within)) for _, found in parts)
    equal = equal and all(largest <= (within or 0) for _, largest in elsewhere)
    raise click.exceptions.Exit(ExitCode.OK if equal else ExitCode.DIFFERS)


def compare_files(task: CompareTask, workers: int = 1, progress: Progress | None = None) -> Compared:
    """Compare the images of two files, plane by plane; an exception becomes a failure that says what to do."""
    current = task.file
    try:
        left = _images(task.path, task.plane, task.select)
        current = str(task.other)
        right = _images(task.other, task.plane, task.select)
        parts = _pairs(task.path, task.other, left, right)
        elsewhere = _other_planes((task.path, task.other), left, task.select, progress) if task.plane is None else []
    except click.UsageError as error:
        return Compared(refusal=error.message)
    except Exception as error:  # becomes one line and an exit code
        return Compared(failure=explain(error, current))
    return Compared(parts, elsewhere)


def _images(path: Path, plane: int | None, select: frozenset[int | str]) -> "list[ImageEntry]":
    """All images of a file."""
    from astrocodec.analysis.images.find_images import find_images
    from astrocodec.analysis.images.image_entry import ImageEntry

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cards of real headers; pixels do not depend on them
        images = [entry for entry in find_images(path, plane=plane, select=select) if isinstance(entry, ImageEntry)]
    if not images:
        raise click.UsageError(f"{path}: holds no image.")
    return images


def _pairs(a: Path, b: Path, left: "list[ImageEntry]", right: "list[ImageEntry]") -> "list[tuple[str, Comparison]]":
    """Compare the images of two files in their order."""
    import numpy as np

    from astrocodec.analysis.compare.comparison import compare

    if len(left) != len(right):
        raise click.UsageError(f"{a} has {len(left)} images, {b} {len(right)}: choose one with -e.")
    parts = []
    for one, other in zip(left, right, strict=True):
        if one.pixels.shape != other.pixels.shape or _depth(one) != _depth(other):
            shapes = (" x ".join(map(str, entry.shape)) for entry in (one, other))
            raise click.UsageError("{} and {}: one is {}, the other {}.".format(one.title, other.title, *shapes))
        images = (
            entry.pixels if entry.mask is None else np.ma.array(entry.pixels, mask=entry.mask) for entry in (one, other)
        )
        found = compare(*images, unit=one.unit, layout=one.layout)
        if told := _other_meaning(one, other):
            found = replace(found, equal=False, notes=(*found.notes, told))
        parts.append((one.name, found))
    return parts


def _other_meaning(one: "ImageEntry", other: "ImageEntry") -> str:
    """Say where equal stored pixels would not be equal values."""
    if one.meaning != other.meaning:
        (a, b), (c, d) = one.meaning, other.meaning
        return f"stored integers mean {a:g} x + {b:g} in one and {c:g} x + {d:g} in the other"
    return "" if one.unit == other.unit else f"one is in {one.unit}, the other in {other.unit}"


def _other_planes(
    files: tuple[Path, Path],
    left: "list[ImageEntry]",
    select: frozenset[int | str],
    progress: Progress | None,
) -> list[tuple[int, float]]:
    """Numbers of the other planes of cubes that differ, and their largest difference: NaN counts as infinite."""
    depths = [_depth(entry) for entry in left]
    differing = []
    for number in range(max(depths)) if max(depths) > 1 else ():
        if progress:
            progress(number, max(depths))
        largest = 0.0
        for one, other in zip(*(_images(file, number, select) for file in files), strict=True):
            largest = max(largest, _largest_difference(one, other))
        if largest > 0:
            differing.append((number, largest))
    return differing


def _depth(entry: "ImageEntry") -> int:
    """Number of planes."""
    return math.prod(entry.shape[:-2])


def _largest_difference(one: "ImageEntry", other: "ImageEntry") -> float:
    """Largest difference of two planes; infinite where one has a value and the other none."""
    import numpy as np

    known = []
    for entry in (one, other):
        missing = np.zeros(entry.pixels.shape, bool) if entry.mask is None else entry.mask
        known.append(~missing & ~np.isnan(entry.pixels) if entry.pixels.dtype.kind == "f" else ~missing)
    if not np.array_equal(known[0], known[1]):
        return math.inf
    a, b = one.pixels[known[0]], other.pixels[known[0]]
    differing = a != b  # equal infinities have no difference
    if not differing.any():
        return 0.0
    return float(np.abs(a[differing].astype(np.longdouble) - b[differing].astype(np.longdouble)).max())


def _write(output: Path, overwrite: bool, names: tuple[str, str], parts: "list[tuple[str, Comparison]]") -> None:
    """Write the picture or the page; it gets its name when it is whole."""
    if output.suffix.lower() == ".png":
        from astrocodec.analysis.compare.figure import compare_figure

        with Target(output, overwrite=overwrite) as target:
            target.file.write(compare_figure(parts[0][1], names=(one_line(names[0]), one_line(names[1]))))
            target.commit()
    else:
        from astrocodec.analysis.compare.page import compare_page

        write_page(output, compare_page(names, parts), overwrite)


def _text(parts: "list[tuple[str, Comparison]]", elsewhere: list[tuple[int, float]]) -> str:
    """Lines for people."""
    from astrocodec.analysis.compare.page import comparison_rows

    lines = []
    if elsewhere:
        number, largest = max(elsewhere, key=lambda plane: plane[1])
        planes = "1 plane" if len(elsewhere) == 1 else f"{len(elsewhere)} planes"
        lines = [
            f"different in {planes} of the cube, most in plane {number}, by up to {largest:g}; of the plane shown:"
        ]
    for place, found in parts:
        rows = comparison_rows(found)
        width = max(len(name) for name, _ in rows)
        lines += [f"image {place}:"] if place and len(parts) > 1 else []
        lines += [f"{name.ljust(width)}  {text}" for name, text in rows]
    return "\n".join(lines)


def _document(a: Path, b: Path, parts: "list[tuple[str, Comparison]]", elsewhere: list[tuple[int, float]]) -> str:
    """One object for programs."""
    images = [{"name": place, **found.to_dict()} for place, found in parts]
    return json.dumps(
        {
            "a": str(a),
            "b": str(b),
            "equal": all(found.equal for _, found in parts) and not elsewhere,
            "images": images,
            "differing_planes": [number for number, _ in elsewhere],
        },
        indent=2,
    )


def _is_within(found: "Comparison", limit: float) -> bool:
    gone = found.lost or found.gained or found.beyond
    return not gone and found.residuals is not None and found.residuals.largest <= limit
