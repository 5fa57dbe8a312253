"""One file to its analysis: numbers for the tables, and its part of the page in a file of its own."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from astrocodec.cli.looked_at import LookedAt
from astrocodec.cli.task import ReadTask
from astrocodec.files.executor import Progress

if TYPE_CHECKING:
    from astrocodec.analysis.images.image_entry import ImageEntry
    from astrocodec.analysis.report.image_report import ImageReport


@dataclass(frozen=True)
class AnalyzeTask(ReadTask):
    """What to do with one file."""

    number: int = 0  # of the file in the run
    plane: int | None = None  # which plane of cubes
    select: frozenset[int | str] = frozenset()  # HDUs, datasets or arrays; empty: all
    tuned: bool = True  # fit the model
    peers: bool = True  # measure other codecs
    sections: int = 0  # how many images get a section of the file's page
    folder: Path | None = None  # where sections are put until the page is written


@dataclass
class Analysed(LookedAt):
    """What became of one file."""

    reports: "list[ImageReport]" = field(default_factory=list)  # one per image
    sections: list[Path] = field(default_factory=list)  # parts of the file's page, of the first images


def analyse_file(task: AnalyzeTask, workers: int = 1, progress: Progress | None = None) -> Analysed:
    """Analyse the images of a file one after the other; an exception becomes a failure that says what to do."""
    found = Analysed(task.file)
    found.look(lambda: _analyse(task, found))
    return found


def _analyse(task: AnalyzeTask, found: Analysed) -> None:
    """Image by image; one that fails does not stop the others, a file that cannot be read on does."""
    from astrocodec.analysis.images.find_images import find_images
    from astrocodec.analysis.images.image_entry import SkippedEntry

    for entry in find_images(task.path, plane=task.plane, select=task.select):
        if isinstance(entry, SkippedEntry):
            found.skipped.append((entry.title, entry.reason))
            continue
        try:
            _analyse_image(task, entry, found)
        except Exception as error:
            found.fail(error, entry.title)


def _analyse_image(task: AnalyzeTask, entry: "ImageEntry", found: Analysed) -> None:
    from astrocodec.analysis.report.image_report import report_image

    report, analysis = report_image(entry, tuned=task.tuned, peers=task.peers)
    if task.folder is not None and len(found.sections) < task.sections:
        from astrocodec.analysis.report.section import image_section

        place = task.folder / f"{task.number:06d}-{len(found.sections):04d}.html"
        text = image_section(entry, report, analysis, len(found.sections) + 1)
        place.write_bytes(text.encode("utf-8", "backslashreplace"))
        found.sections.append(place)
    found.reports.append(report)
