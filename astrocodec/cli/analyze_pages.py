"""Pages of `analyze`: where they go, and how they get there."""

import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from astrocodec.cli.analyze_tasks import Analysed
from astrocodec.files.target import Target

_PAGE_SUFFIXES = (".html", ".htm")


@dataclass(frozen=True)
class PagePlan:
    """Which pages there will be."""

    first: Path  # the page to open: of all files, or of the only one
    own: tuple[Path, ...] = ()  # a page for each file, in their order; empty where the first page is all

    @property
    def existing(self) -> Path | None:
        """A page that would be replaced."""
        return next((path for path in (self.first, *self.own) if os.path.lexists(path)), None)

    def link(self, number: int, base: Path) -> str:
        """Link from a page to that of a file; empty where there is no such file."""
        return _link(self.own[number], base) if 0 <= number < len(self.own) else ""


def plan_pages(output: Path, files: Sequence[Path]) -> PagePlan:
    """Say which pages `-o` asks for: a page and a folder beside it, or a folder, whose first page is index.html.

    Raises
    ------
    NotADirectoryError
        The output is a file, but no page.
    FileNotFoundError
        The folder of the page does not exist.
    """
    from astrocodec.analysis.report.names import page_names

    if output.suffix.lower() in _PAGE_SUFFIXES and not output.is_dir():
        if not output.parent.exists():
            raise FileNotFoundError(errno.ENOENT, "no such folder", str(output.parent))
        if len(files) == 1:
            return PagePlan(output)
        first, folder = output, output.with_name(f"{output.stem}_files")
    else:
        first, folder = output / "index.html", output
    if os.path.lexists(folder) and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file: name a page that ends in .html, or a folder")
    return PagePlan(first, tuple(folder / name for name in page_names(map(os.fspath, files))))


def write_pages(plan: PagePlan, results: Sequence[Analysed], *, overwrite: bool) -> None:
    """Put the pages together, section by section; each gets its name when it is whole, the first one last."""
    from astrocodec.analysis.report.page import Place, page

    reports = [report for result in results for report in result.reports]
    failures = [failure for result in results for failure in _failures(result)]
    if not plan.own:
        (result,) = results
        links = _section_links(result)
        left_out = len(reports) - len(result.sections)
        write_page(plan.first, page(reports, _texts(result), failures, left_out, links=links), overwrite)
        return
    plan.own[0].parent.mkdir(parents=True, exist_ok=True)
    with_page = [number for number, result in enumerate(results) if result.reports]
    links = []
    for place, number in enumerate(with_page):
        result, path = results[number], plan.own[number]
        neighbours = [with_page[n] if 0 <= n < len(with_page) else -1 for n in (place - 1, place + 1)]
        around = Place(
            os.path.basename(result.file.rstrip(os.sep)),
            _link(plan.first, path),
            *(plan.link(other, path) for other in neighbours),
        )
        inside = _section_links(result)
        left_out = len(result.reports) - len(result.sections)
        pieces = page(result.reports, _texts(result), _failures(result), left_out, links=inside, place=around)
        write_page(path, pieces, overwrite)
        links += [plan.link(number, plan.first) + inner for inner in inside]
    write_page(plan.first, page(reports, (), failures, links=links), overwrite)


def _link(path: Path, base: Path) -> str:
    """Return a link from one page to another."""
    return quote(os.path.relpath(path, base.parent))


def _section_links(result: Analysed) -> list[str]:
    """Return for each image where its section is on its page; empty for images without one."""
    from astrocodec.analysis.report.section import section_link

    return [section_link(n + 1) if n < len(result.sections) else "" for n in range(len(result.reports))]


def _failures(result: Analysed) -> list[tuple[str, str]]:
    """Name what was left out of a file, and why."""
    return [(result.file, failure.message) for failure in result.failures] + result.skipped


def _texts(result: Analysed) -> Iterator[str]:
    return (section.read_text(encoding="utf-8") for section in result.sections)


def write_page(path: Path, pieces: Iterator[str], overwrite: bool) -> None:
    """Write a page piece by piece; it gets its name when it is whole."""
    with Target(path, overwrite=overwrite) as target:
        for piece in pieces:
            target.file.write(piece.encode("utf-8", "backslashreplace"))
        target.commit()
