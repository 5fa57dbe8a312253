"""The report in a real browser: it is drawn, nothing is fetched, and its table can be sorted."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from astrocodec.analysis.image_entry import ImageEntry
from astrocodec.analysis.image_report import report_image
from astrocodec.analysis.report_page import page
from astrocodec.analysis.report_section import image_section
from astrocodec.simulate import simulate

pytest.importorskip("photutils")
pytest.importorskip("matplotlib")
image_module = pytest.importorskip("PIL.Image")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="module")
def browser() -> str:
    """The browser's program."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser to draw the page with: none of {', '.join(BROWSERS)} is installed")
    return found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of two images."""
    reports, sections = [], []
    for number, seconds in enumerate((10.0, 300.0)):
        frame = simulate("ccd", shape=(256, 288), seed=number, exptime=seconds)
        entry = ImageEntry(f"{number}.fits", "0", frame.data, exposure=seconds)
        one, analysis = report_image(entry, tuned=False)
        reports.append(one)
        sections.append(image_section(entry, one, analysis))
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text("".join(page(reports, sections)), encoding="utf-8")
    return path


def run(browser: str, folder: Path, *arguments: str) -> str:
    """Run the browser to its end, without a network."""
    options = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    )
    profile = f"--user-data-dir={folder / 'profile'}"
    result = subprocess.run([browser, *options, profile, *arguments], capture_output=True, text=True, timeout=90)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_drawn(browser: str, report: Path, tmp_path: Path, scheme: str) -> None:
    """Text stands out from the page in both sets of colours, and the maps have theirs."""
    shot = tmp_path / "shot.png"
    dark = ("--force-dark-mode",) if scheme == "dark" else ()
    run(browser, tmp_path, *dark, "--window-size=1240,1800", f"--screenshot={shot}", report.as_uri())
    pixels = np.asarray(image_module.open(shot).convert("RGB")).astype(int)
    assert pixels.shape[:2] == (1800, 1240)
    ground = pixels[4, 4].mean()
    assert (ground > 240) if scheme == "light" else (ground < 60)
    heading = pixels[20:80, 20:500].mean(axis=2)
    assert abs(heading - ground).max() > 150
    colourful = (pixels.max(axis=2) - pixels.min(axis=2)) > 60
    assert 0.01 < colourful.mean() < 0.6


def test_the_table_sorts_itself(browser: str, report: Path, tmp_path: Path) -> None:
    """A click on a heading, in the page as the browser then has it."""
    text = report.read_text(encoding="utf-8")
    click = "<script>document.querySelectorAll('table.all thead button')[9].click()</script></body>"
    clicked = tmp_path / "clicked.html"
    clicked.write_text(text.replace("</body>", click), encoding="utf-8")
    drawn = run(browser, tmp_path, "--dump-dom", clicked.as_uri())
    assert 'aria-sort="descending"' in drawn
    names = re.findall(r'<tr><th scope="row">(\d)\.fits\[0\]</th>', drawn)
    assert names == ["1", "0"]  # the longest exposure first
