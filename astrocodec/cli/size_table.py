"""The table of sizes that a run ends with, and its JSON form."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from astrocodec.cli.failures import Failure
from astrocodec.files.file_report import ImageSizes, weakest
from astrocodec.files.printable import human_bytes, printable_name
from astrocodec.files.target import REFERENCES

if TYPE_CHECKING:
    import fits_tiles
    import hdf5_filter
    from astrocodec.cli.deletion import Deletion, SetDeletion

    FileReport: TypeAlias = fits_tiles.FileReport | hdf5_filter.FileReport
    Part: TypeAlias = fits_tiles.HduReport | hdf5_filter.DatasetReport

_HEADINGS = (
    "file",
    "{parts}",
    "original",
    "compressed",
    "ratio",
    "images",
    "image ratio",
    "bits/pixel",
    "seconds",
    "checked",
)
_HDU_HEADINGS = ("HDU", "name", "kind", "type", "shape")
_DATASET_HEADINGS = ("dataset", "kind", "type", "shape", "chunks")
_PART_HEADINGS = ("original", "compressed", "bits/pixel", "model")
_TEXT_HEADINGS = frozenset(
    {
        "file",
        "name",
        "kind",
        "type",
        "shape",
        "model",
        "note",
        "fingerprint",
        "origin",
        "dataset",
        "checked",
        "codec",
        "level",
    }
)
_LOSSY = "lossy: pixels are rounded"


@dataclass(frozen=True)
class Outcome:
    """What became of one file."""

    file: str  # its name as given
    target: str = ""  # what was written, empty where nothing was
    report: "FileReport | None" = None  # None where it failed and where nothing was done
    failure: Failure | None = None
    note: str = ""  # why nothing was done, or what else to know, in one line
    details: str = ""  # warnings or a traceback, shown with ``-v``
    deletion: "Deletion | SetDeletion | None" = None  # the input, if it is to go once this stands in the report


def align(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a table as text: names to the left, figures to the right, nothing cut."""
    columns = [
        [cell.ljust(width) if heading in _TEXT_HEADINGS else cell.rjust(width) for cell in cells]
        for heading, cells in zip(headings, zip(headings, *rows, strict=True), strict=True)
        for width in [max(map(len, cells))]
    ]
    lines = ["  ".join(line).rstrip() for line in zip(*columns, strict=True)]
    rule = "-" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:]])


def size_table(reports: Sequence["FileReport"]) -> str:
    """Table of files, and a line of totals: sizes on the disk, and apart from them those of the compressed images."""
    return align(size_headings(reports), [size_row(report) for report in reports]) + "\n" + totals_line(reports)


def size_headings(reports: Sequence["FileReport"]) -> list[str]:
    """Headings of the table of sizes of files, which may be of several formats."""
    words = {parts_word(report) for report in reports}
    return [heading.format(parts="/".join(sorted(words))) for heading in _HEADINGS]


def totals_line(reports: Sequence["FileReport"]) -> str:
    """Sum up files that succeeded, in one line."""
    original, compressed = whole_sizes(reports)
    images = ImageSizes.of(report.images for report in reports)
    count = f"{len(reports)} {'file' if len(reports) == 1 else 'files'}"
    parts = [
        f"{count}: {human_bytes(original)} -> {human_bytes(compressed)}, ratio {_ratio(original, compressed)}",
        f"images {_image_sizes(images)}, ratio {_number(images.ratio)}, {_number(images.bits_per_pixel)} bits/pixel"
        if images.pixels
        else "no image is compressed",
        f"{sum(report.seconds for report in reports):.2f} s, {_checked(reports)}",
    ]
    if needing := sum(bool(getattr(report, "references", [])) for report in reports):
        parts.append(f"{needing} need the folder {REFERENCES} beside them")
    return "; ".join(parts)


def whole_sizes(reports: Sequence["FileReport"]) -> tuple[int, int]:
    """Sum up the sizes of files on the disk: original and compressed bytes."""
    return sum(report.original_bytes for report in reports), sum(report.compressed_bytes for report in reports)


def parts_table(report: "FileReport") -> str:
    """Table of a file's HDUs or datasets, with what is known of each where anything was checked."""
    words = any(part.checked != "not checked" for part in report.parts)
    own = _HDU_HEADINGS if parts_word(report) == "HDUs" else _DATASET_HEADINGS
    headings = (*own, *_PART_HEADINGS, *(("checked",) if words else ()), "note")
    rows = [
        (
            *_own_cells(part),
            human_bytes(part.original_bytes),
            human_bytes(part.compressed_bytes),
            "" if part.bits_per_pixel is None else f"{part.bits_per_pixel:.3f}",
            f"{part.model} tuned" if part.tuned else part.model,
            *((part.checked,) if words else ()),
            _note(part),
        )
        for part in report.parts
    ]
    return align(headings, rows)


def _own_cells(part: "Part") -> tuple[str, ...]:
    """What only HDUs or only datasets have, and what they are."""
    shape = "x".join(map(str, part.shape))
    if hasattr(part, "index"):
        return str(part.index), part.name, part.kind, part.dtype, shape
    return printable_name(part.name), part.kind, part.dtype, shape, "x".join(map(str, part.chunks))


def _note(part: "Part") -> str:
    """The note on an HDU or dataset; other filters than ours are worth one too."""
    filters = getattr(part, "filters", [])
    codec = f"codec {part.codec}" if part.codec else ""
    return "; ".join(filter(None, (", ".join(filters) if filters != ["astrocodec"] else "", codec, part.note)))


def parts_word(report: "FileReport") -> str:
    """What the parts of a file are called."""
    return "HDUs" if hasattr(report, "hdus") else "arrays" if hasattr(report, "arrays") else "datasets"


def is_lossy(report: "FileReport") -> bool:
    """Whether pixels of a file were rounded when it was compressed."""
    return any(note.startswith("lossy:") for part in report.parts for note in part.note.split("; "))


def json_report(outcomes: Sequence[Outcome]) -> str:
    """Everything about a run, for programs: an object with ``files``, as `json_entry` gives them, and ``totals``."""
    reports = [outcome.report for outcome in outcomes if outcome.report]
    original, compressed = whole_sizes(reports)
    document = {
        "files": [json_entry(outcome) for outcome in outcomes],
        "totals": {
            "files": len(outcomes),
            "failed": sum(outcome.failure is not None for outcome in outcomes),
            "original_bytes": original,
            "compressed_bytes": compressed,
            "images": asdict(ImageSizes.of(report.images for report in reports)),
            "seconds": sum(report.seconds for report in reports),
        },
    }
    return json.dumps(document, indent=2)


def json_entry(outcome: Outcome) -> dict[str, Any]:
    """Everything about one file, for programs; bytes of names that are not UTF-8 are surrogates."""
    failure = outcome.failure
    return {
        "file": outcome.file,
        "target": outcome.target or None,
        "report": outcome.report.to_dict() if outcome.report else None,
        "error": {"message": failure.message, "exit_code": int(failure.code)} if failure else None,
        "note": "; ".join(filter(None, (outcome.note, _LOSSY if outcome.report and is_lossy(outcome.report) else "")))
        or None,
    }


def size_row(report: "FileReport") -> tuple[str, ...]:
    """The line of a file that succeeded in the table of sizes."""
    return (
        printable_name(report.source),
        str(len(report.parts)),
        human_bytes(report.original_bytes),
        human_bytes(report.compressed_bytes),
        _ratio(report.original_bytes, report.compressed_bytes),
        _image_sizes(report.images),
        _number(report.images.ratio),
        _number(report.images.bits_per_pixel),
        f"{report.seconds:.2f}",
        _checked([report]),
    )


def _checked(reports: Sequence["FileReport"]) -> str:
    """What is known of files, and whether one has lost something all the same."""
    word = weakest(report.checked for report in reports)
    return f"{word}, lossy" if any(map(is_lossy, reports)) else word


def _ratio(original: int, compressed: int) -> str:
    """Original over compressed."""
    return f"{original / compressed:.2f}" if compressed else "-"


def _image_sizes(images: ImageSizes) -> str:
    """From how many bytes to how many."""
    return f"{human_bytes(images.image_bytes)} -> {human_bytes(images.coded_bytes)}" if images.pixels else "-"


def _number(value: float | None) -> str:
    """Two decimals."""
    return "-" if value is None else f"{value:.2f}"
