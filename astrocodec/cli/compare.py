"""`astrocodec compare`."""

import json
import math
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

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
    from numpy.typing import NDArray

    from astrocodec.analysis.compare.comparison import Comparison
    from astrocodec.analysis.images.contents import Contents
    from astrocodec.analysis.images.image_entry import ImageEntry


@dataclass(frozen=True)
class CompareTask(ReadTask):
    """Two files to compare; of cubes a plane, of files with several images those selected, or all."""

    other: Path
    plane: int | None = None
    select: frozenset[int | str] = frozenset()


@dataclass(frozen=True)
class Rest:
    """A part that is no image, or that has no partner in the other file."""

    name: str
    what: str
    result: str  # ``'equal'``, ``'different'``, ``'not compared'`` or, where nothing is amiss, ``'left aside'``

    @property
    def is_right(self) -> bool:
        """Whether nothing speaks against that the files are equal."""
        return self.result in ("equal", "left aside")


@dataclass(frozen=True)
class Found:
    """The parts of a file: images, vectors as images of one row, and what the others hold."""

    images: "list[ImageEntry]"
    vectors: "list[ImageEntry]"
    others: "list[tuple[Rest, Contents]]"


@dataclass(frozen=True)
class OtherPlane:
    """A plane of cubes, beside the one that is shown, that differs."""

    number: int
    largest: float  # difference, infinite where only one file has a value
    within: bool = False  # whether all cubes keep there the bounds that they state


@dataclass(frozen=True)
class Compared:
    """How images, other planes of cubes and the rest differ; or why the files do not suit, or cannot be read."""

    parts: "list[tuple[str, Comparison]]" = field(default_factory=list)
    unlike: frozenset[int] = frozenset()  # numbers of parts whose equal pixels would not be equal values
    elsewhere: list[OtherPlane] = field(default_factory=list)
    rest: list[Rest] = field(default_factory=list)
    refusal: str = ""
    failure: Failure | None = None


def _limit(value: str) -> float | Literal["bound"]:
    """Parse the largest difference that counts as none."""
    if value == "bound":
        return "bound"
    try:
        limit = float(value)
    except ValueError:
        limit = math.nan
    if not limit >= 0:
        raise click.BadParameter(f"{value!r} is no difference; give a number from 0, or 'bound'")
    return limit


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
@click.option(
    "--within", type=_limit, metavar="ADU|bound", help="Count as equal what differs by no more, or B's stated bound."
)
@click.option("--overwrite", is_flag=True, help="Replace the output if it exists.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only; the exit code tells.")
def compare_command(
    a: Path,
    b: Path,
    output: Path | None,
    as_json: bool,
    extensions: tuple[int | str, ...],
    plane: int | None,
    within: float | Literal["bound"] | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Compare the images of B, for instance after lossy compression, with those of A.

    Any two files that `analyze` reads, ours, fpack's or others. Tables and other data must be equal; header cards and
    attributes are not compared. Of a lossy B it is told which bound it states, and whether that holds. Exit codes: 0
    equal; 7 different, or not compared; others as for every command.
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
    parts = found.parts
    if output is not None and parts:
        try:
            _write(output, overwrite, (str(a), str(b)), found)
        except Exception as error:  # becomes one line and an exit code
            end_with(error, str(output))
    if as_json:
        click.echo(_document(a, b, found))
    elif not quiet:
        click.echo(_text(found))
    equal = all(
        one.equal or (within is not None and number not in found.unlike and _is_within(one, within))
        for number, (_, one) in enumerate(parts)
    )
    equal = equal and all(one.within if within == "bound" else one.largest <= (within or 0) for one in found.elsewhere)
    equal = equal and all(one.is_right for one in found.rest)
    raise click.exceptions.Exit(ExitCode.OK if equal else ExitCode.DIFFERS)


def compare_files(task: CompareTask, workers: int = 1, progress: Progress | None = None) -> Compared:
    """Compare the images of two files, plane by plane; an exception becomes a failure that says what to do."""
    current = task.file
    try:
        left = _parts(task.path, task.plane, task.select)
        current = str(task.other)
        right = _parts(task.other, task.plane, task.select)
        pairs, alone = _pairs(task.path, task.other, left, right)
        parts, unlike = _compared(pairs)
        rest = alone + _others(task.path, task.other, left.others, right.others)
        elsewhere = _other_planes((task.path, task.other), pairs, task.select, progress) if task.plane is None else []
    except click.UsageError as error:
        return Compared(refusal=error.message)
    except Exception as error:  # becomes one line and an exit code
        return Compared(failure=explain(error, current))
    return Compared(parts, unlike, elsewhere, rest)


def _parts(path: Path, plane: int | None, select: frozenset[int | str]) -> Found:
    """All that a file holds."""
    from astrocodec.analysis.images.find_images import find_images
    from astrocodec.analysis.images.image_entry import ImageEntry

    found = Found([], [], [])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cards of real headers; pixels do not depend on them
        for entry in find_images(path, plane=plane, select=select, rows=True):
            if isinstance(entry, ImageEntry):
                (found.images if len(entry.shape) > 1 else found.vectors).append(entry)
            elif entry.contents is not None:
                found.others.append((Rest(entry.name, entry.reason, "not compared"), entry.contents()))
    if not found.images and not found.vectors:
        raise click.UsageError(f"{path}: holds no image.")
    return found


def _pairs(a: Path, b: Path, left: Found, right: Found) -> "tuple[list[tuple[ImageEntry, ImageEntry]], list[Rest]]":
    """Pair images, and vectors, in the order of their files; vectors that have no partners are named.

    Images of added variance are left aside where only one file has them.
    """
    aside: list[Rest] = []
    if len(left.images) != len(right.images):
        left, right, aside = *(_without_variances(found) for found in (left, right)), _variances(left, right)
    count, other_count = len(left.images), len(right.images)
    if not count and not other_count:
        count, other_count = len(left.vectors), len(right.vectors)
    if count != other_count:
        raise click.UsageError(f"{a} has {count} images, {b} {other_count}: choose one with -e.")
    pairs = list(zip(left.images, right.images, strict=True))
    if len(left.vectors) == len(right.vectors):
        return pairs + list(zip(left.vectors, right.vectors, strict=True)), aside
    alone = [Rest(entry.title, "of one axis", "not compared") for entry in (*left.vectors, *right.vectors)]
    return pairs, aside + alone


def _without_variances(found: Found) -> Found:
    return replace(found, images=[entry for entry in found.images if not entry.is_added_variance])


def _variances(*files: Found) -> list[Rest]:
    images = [entry for found in files for entry in found.images if entry.is_added_variance]
    return [Rest(entry.title, "the variance that a loss added", "left aside") for entry in images]


def _others(a: Path, b: Path, left: "list[tuple[Rest, Contents]]", right: "list[tuple[Rest, Contents]]") -> list[Rest]:
    """Compare what is no image, in the order of the files; where one has more, nothing says what belongs together."""
    if len(left) != len(right):
        return [
            replace(rest, name=f"{file}[{rest.name}]") for file, others in ((a, left), (b, right)) for rest, _ in others
        ]
    return [
        replace(rest, result="equal" if contents == other else "different")
        for (rest, contents), (_, other) in zip(left, right, strict=True)
    ]


def _compared(pairs: "list[tuple[ImageEntry, ImageEntry]]") -> "tuple[list[tuple[str, Comparison]], frozenset[int]]":
    """Compare pairs of images; also the numbers of those that mean something else by their pixels."""
    import numpy as np

    from astrocodec.analysis.compare.comparison import compare

    parts, unlike = [], set()
    for number, (one, other) in enumerate(pairs):
        if one.pixels.shape != other.pixels.shape or _depth(one) != _depth(other):
            shapes = (" x ".join(map(str, entry.shape)) for entry in (one, other))
            raise click.UsageError("{} and {}: one is {}, the other {}.".format(one.title, other.title, *shapes))
        images = (
            entry.pixels if entry.mask is None else np.ma.array(entry.pixels, mask=entry.mask) for entry in (one, other)
        )
        stated = other.loss() if other.loss else None
        found = compare(*images, unit=one.unit, layout=one.layout, stated=stated)
        if told := _other_meaning(one, other):
            found = replace(found, equal=False, notes=(*found.notes, told))
            unlike.add(number)
        parts.append((one.name, found))
    return parts, frozenset(unlike)


def _other_meaning(one: "ImageEntry", other: "ImageEntry") -> str:
    """Say where equal stored pixels would not be equal values."""
    if one.meaning != other.meaning:
        (a, b), (c, d) = one.meaning, other.meaning
        return f"stored numbers mean {a:g} x + {b:g} in one and {c:g} x + {d:g} in the other"
    return "" if one.unit == other.unit else f"one is in {one.unit}, the other in {other.unit}"


def _other_planes(
    files: tuple[Path, Path],
    pairs: "list[tuple[ImageEntry, ImageEntry]]",
    select: frozenset[int | str],
    progress: Progress | None,
) -> list[OtherPlane]:
    """The other planes of cubes that differ, and their largest difference: NaN counts as infinite."""
    depth = max(_depth(one) for one, _ in pairs)
    names = [{entry.name for entry in images} for images in zip(*pairs, strict=True)]
    differing = []
    for number in range(depth) if depth > 1 else ():
        if progress:
            progress(number, depth)
        largest, within = 0.0, True
        for one, other in zip(
            *(_planes(*what, number, select) for what in zip(files, names, strict=True)), strict=True
        ):
            difference = _largest_difference(one, other)
            largest, within = max(largest, difference), within and (difference == 0 or _keeps_bound(one, other))
        if largest > 0:
            differing.append(OtherPlane(number, largest, within))
    return differing


def _keeps_bound(one: "ImageEntry", other: "ImageEntry") -> bool:
    """Whether a plane is as near to the other file's as it states."""
    from astrocodec.analysis.compare.bound import check_bound

    stated = other.loss() if other.loss else None
    return stated is not None and bool(check_bound(_masked(one), _masked(other), stated).holds)


def _masked(entry: "ImageEntry") -> "NDArray[Any]":
    """Pixels, NaN where there is none."""
    import numpy as np

    return entry.pixels if entry.mask is None else np.where(entry.mask, np.nan, entry.pixels)


def _planes(path: Path, names: set[str], number: int, select: frozenset[int | str]) -> "Iterator[ImageEntry]":
    """A plane of all cubes that have it, of those of these names."""
    from astrocodec.analysis.images.find_images import find_images
    from astrocodec.analysis.images.image_entry import ImageEntry

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = (entry for entry in find_images(path, plane=number, select=select) if isinstance(entry, ImageEntry))
        yield from (entry for entry in found if _depth(entry) > 1 and entry.name in names)


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


def _write(output: Path, overwrite: bool, names: tuple[str, str], found: Compared) -> None:
    """Write the picture or the page; it gets its name when it is whole."""
    if output.suffix.lower() == ".png":
        from astrocodec.analysis.compare.figure import compare_figure

        with Target(output, overwrite=overwrite) as target:
            target.file.write(compare_figure(found.parts[0][1], names=(one_line(names[0]), one_line(names[1]))))
            target.commit()
    else:
        from astrocodec.analysis.compare.page import compare_page

        write_page(output, compare_page(names, found.parts, _beside(found)), overwrite)


def _beside(found: Compared) -> list[str]:
    """Sentences on what is different apart from the planes that are shown, or was not compared."""
    lines = []
    if found.elsewhere:
        most = max(found.elsewhere, key=lambda plane: plane.largest)
        planes = "1 plane" if len(found.elsewhere) == 1 else f"{len(found.elsewhere)} planes"
        lines = [f"different in {planes} of the cube, most in plane {most.number}, by up to {most.largest:g}"]
    return lines + [f"{one.result}: {one.name} ({one.what})" for one in found.rest if one.result != "equal"]


def _text(found: Compared) -> str:
    """Lines for people."""
    from astrocodec.analysis.compare.page import comparison_rows

    lines = [one_line(line) for line in _beside(found)]
    if lines:
        lines[-1] += f"; of the {'plane' if found.elsewhere else 'images'} shown:"
    for place, part in found.parts:
        rows = comparison_rows(part)
        width = max(len(name) for name, _ in rows)
        lines += [f"image {place}:"] if place and len(found.parts) > 1 else []
        lines += [f"{name.ljust(width)}  {text}" for name, text in rows]
    if equal := [one.name for one in found.rest if one.result == "equal"]:
        lines.append(one_line(f"equal too: {', '.join(equal)}"))
    return "\n".join(lines)


def _document(a: Path, b: Path, found: Compared) -> str:
    """One object for programs."""
    images = [{"name": place, **part.to_dict()} for place, part in found.parts]
    same = all(part.equal for _, part in found.parts) and all(one.is_right for one in found.rest)
    return json.dumps(
        {
            "a": str(a),
            "b": str(b),
            "equal": same and not found.elsewhere,
            "images": images,
            "differing_planes": [plane.number for plane in found.elsewhere],
            "others": [asdict(one) for one in found.rest],
        },
        indent=2,
    )


def _is_within(found: "Comparison", limit: float | Literal["bound"]) -> bool:
    if limit == "bound":
        return found.bound is not None and bool(found.bound.holds)
    gone = found.lost or found.gained or found.beyond
    return not gone and found.residuals is not None and found.residuals.largest <= limit
