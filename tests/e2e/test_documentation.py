"""README.md and the pages in docs are true: commands and programs run, links lead somewhere, results are current."""

import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from astropy.io import fits
from cli_process import ROOT, environment, succeed, succeed_here

from astrocodec.simulate import simulate

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "benchmarks" / "README.md"])
# A page's programs may use files that those of the page before it wrote.
PROGRAMS = (
    ("README.md",),
    ("docs/fits.md", "docs/errors.md"),
    ("docs/hdf5.md",),
    ("docs/zarr.md",),
    ("docs/simulate.md",),
    ("docs/analysis.md",),
    ("docs/lossy.md",),
)


def blocks(page: str, language: str) -> list[str]:
    """Fenced blocks of a language."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files that the pages speak of."""
    frame = simulate("ccd", shape=(512, 544), seed=1)
    fits.PrimaryHDU(frame.data, frame.header()).writeto(tmp_path / "frame.fits")
    night = [fits.PrimaryHDU(frame.data), fits.ImageHDU(frame.data, name="SCI")]
    fits.HDUList(night).writeto(tmp_path / "night.fits")
    return tmp_path


def test_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In their order; those that are not ours, which install, are left to continuous integration."""
    monkeypatch.chdir(tmp_path)
    lines = [line for block in blocks("README.md", "sh") for line in block.splitlines()]
    for line in lines:
        if line.startswith("astrocodec "):
            succeed_here(*shlex.split(line)[1:])
    assert (tmp_path / "again.fits").read_bytes() == (tmp_path / "frame.fits").read_bytes()


@pytest.mark.parametrize("page", ["docs/cli.md", "docs/simulate.md"])
def test_commands_of_a_page_run(folder: Path, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, in one folder."""
    monkeypatch.chdir(folder)
    if page == "docs/simulate.md":
        (folder / "frame.fits").unlink()
    (block,) = blocks(page, "sh")
    for line in block.splitlines():
        succeed_here(*shlex.split(line, comments=True)[1:])


def test_the_first_block_ends_verified(tmp_path: Path) -> None:
    """On the simulated frame, with a table of sizes."""
    simulated, compressed = (
        succeed(*shlex.split(line)[1:], cwd=tmp_path).decode()
        for line in blocks("README.md", "sh")[0].splitlines()
        if line.startswith("astrocodec ")
    )
    assert "frame.fits" in simulated + compressed
    assert compressed.rstrip().endswith("verified")


def test_the_second_block_runs_the_tests_with_the_constraints() -> None:
    """Continuous integration runs it as it stands."""
    block = blocks("README.md", "sh")[1]
    assert "-c constraints.txt" in block
    assert "[test]" in block
    assert block.rstrip().endswith("python -m pytest")


@pytest.mark.parametrize("pages", PROGRAMS, ids=lambda pages: pages[-1])
def test_programs_run(pages: Sequence[str], folder: Path) -> None:
    """One after the other, with warnings as errors."""
    program = "\n".join(block for page in pages for block in blocks(page, "python"))
    command = [sys.executable, "-W", "error", "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment(), timeout=100)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    """Relative links, and their places on a page."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        name, _, place = target.partition("#")
        linked = page.parent / name if name else page
        assert linked.exists(), target
        if place:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
            assert place in slugs, target


def test_the_tests_of_all_cases_are_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs" / "cases.md").read_text("utf-8"))
    assert len(named) > 30
    for file, function in named:
        assert f"def {function}" in (ROOT / file).read_text("utf-8"), f"{file} has no {function}"


def test_the_index_lists_every_page() -> None:
    """docs/index.md."""
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        if page.name != "index.md":
            assert f"({page.relative_to(ROOT / 'docs').as_posix()})" in index


def test_the_results_are_the_committed_ones() -> None:
    """As `benchmarks/readme_table.py` writes them."""
    command = [sys.executable, str(ROOT / "benchmarks" / "readme_table.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert result.returncode == 0, result.stderr
