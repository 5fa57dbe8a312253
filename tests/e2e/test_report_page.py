"""The report in a real browser: drawn, without a network, in narrow and wide windows; its table can be sorted."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from astrocodec.analysis.compare.comparison import compare
from astrocodec.analysis.compare.page import compare_page
from astrocodec.analysis.images.image_entry import ImageEntry
from astrocodec.analysis.report.image_report import report_image
from astrocodec.analysis.report.page import page
from astrocodec.analysis.report.section import image_section, section_link
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
        sections.append(image_section(entry, one, analysis, number + 1))
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text("".join(page(reports, sections)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def hard_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of images of odd shapes and values, with long names, units and numbers."""
    rng = np.random.default_rng(3)
    stars = rng.normal(1e9, 1e6, (64, 70))
    stars[30:34, 30:34] += 1e12
    images = {
        "huge": stars,
        "tiny values": rng.normal(1e-17, 1e-18, (40, 50)).astype("f4"),
        "one row": rng.integers(0, 2**31 - 1, (1, 3000), "i4"),
        "one column": rng.integers(0, 2**31 - 1, (3000, 1), "i4"),
        "one pixel": np.full((1, 1), 2**31 - 1, "i4"),
        "few pixels": rng.integers(-(2**31), 2**31 - 1, (5, 6), "i4"),
        "large": rng.normal(2e9, 3, (200, 3000)).astype("u4"),
        "constant": np.full((50, 50), -123456789, "i4"),
    }
    reports, sections = [], []
    for number, (name, pixels) in enumerate(images.items()):
        file = f"/data/{'a_name_without_a_space' * 6}/{number}.fits"
        entry = ImageEntry(file, name, pixels, exposure=10.0**number, unit="1e-17 erg/(s.cm2.Angstrom.arcsec2)")
        one, analysis = report_image(entry, tuned=False)
        reports.append(one)
        sections.append(image_section(entry, one, analysis, number + 1))
    path = tmp_path_factory.mktemp("page") / "hard.html"
    failures = [("/data/" + "x" * 200, "reason " + "y" * 200)]
    links = [section_link(number + 1) for number in range(len(reports))]
    path.write_text("".join(page(reports, sections, failures, links=links)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two images compared, with long names and large numbers."""
    image = 1e9 * simulate("ccd", shape=(200, 200), seed=1).data.astype(float)
    found = compare(image, np.rint(image / 6e9) * 6e9, unit="1e-17 erg/(s.cm2.Angstrom.arcsec2)")
    path = tmp_path_factory.mktemp("page") / "comparison.html"
    names = ("/data/" + "a" * 200 + ".fits", "/data/$" + "b" * 200 + ".fits")
    path.write_text("".join(compare_page(names, [("0", found), ("1", found)])), encoding="utf-8")
    return path


# Chromium makes no window narrower than 500 pixels, but frames.
MEASURE = """
const frame=document.querySelector("iframe");
frame.onload=()=>{
const page=frame.contentDocument,box=e=>e.getBoundingClientRect(),texts=[];
const apart=(a,b)=>a.right<=b.left+.5||b.right<=a.left+.5||a.bottom<=b.top+.5||b.bottom<=a.top+.5;
for(const group of page.querySelectorAll(".ticks,svg")){
const inside=[...group.querySelectorAll("span,text")].filter(e=>e.textContent.trim());
inside.forEach((e,n)=>inside.slice(n+1).forEach(o=>{if(!apart(box(e),box(o)))texts.push([e.textContent,o.textContent])}))}
const pictures=[...page.querySelectorAll("img")].map(e=>[box(e).width,box(e).height,e.naturalWidth,e.naturalHeight]);
const sizes=[...page.querySelectorAll("svg text")].map(e=>e.getScreenCTM().a*parseFloat(getComputedStyle(e).fontSize))
.map(Math.abs).filter(s=>s>.1);
const wide=[...page.querySelectorAll("main *")].filter(e=>!e.closest(".scroll *,svg *")&&box(e).right>frame.width-7)
.map(e=>e.tagName+"."+e.className);
const scrolling=[...page.querySelectorAll(".scroll")].filter(e=>e.scrollWidth>e.clientWidth+1).length;
const found={scrolling,width:page.documentElement.scrollWidth,texts,pictures,smallest:Math.min(...sizes),wide};
document.body.setAttribute("data-found",JSON.stringify(found))};
"""


@pytest.mark.parametrize("width", [320, 400, 700, 1024, 1400])
@pytest.mark.parametrize("which", ["report", "hard_report", "comparison"])
def test_the_page_fits_its_window(
    browser: str, which: str, width: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """No scrolling sideways, no text over another, pictures that can be seen, text that can be read."""
    text = request.getfixturevalue(which).read_text(encoding="utf-8")
    wrapper = tmp_path / "wrapper.html"
    frame = f'<iframe width="{width}" height="900" srcdoc="{html.escape(text, quote=True)}"></iframe>'
    wrapper.write_text(f"<!DOCTYPE html><meta charset=utf-8><body><script>addEventListener('DOMContentLoaded',()=>"
                       f"{{{MEASURE}}})</script>{frame}</body>", encoding="utf-8")  # fmt: skip
    drawn = run(browser, tmp_path, f"--window-size={width + 100},1000", "--dump-dom", wrapper.as_uri())
    found = json.loads(html.unescape(re.search(r'data-found="([^"]*)"', drawn)[1]))  # type: ignore[index]
    assert found["width"] <= width
    assert not found["wide"]
    assert width < 1400 or not found["scrolling"]
    assert not found["texts"]
    assert found["smallest"] > (7 if width < 400 else 9)
    for across, down, columns, rows in found["pictures"]:
        scale = min(across / columns, down / rows)
        assert min(columns, rows) * scale > 50
        assert down <= 521


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
