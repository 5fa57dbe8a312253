"""Tables, pages, charts and maps of the report; packages that are missing."""

import re
import sys
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("photutils")
pytest.importorskip("matplotlib")

from astrocodec.analysis.images.image_entry import ImageEntry, choose_plane, exposure_seconds
from astrocodec.analysis.report.charts import chart, draw_noises
from astrocodec.analysis.report.image_report import ImageReport, report_image
from astrocodec.analysis.report.maps import block_mean, displayed, map_figure, scored
from astrocodec.analysis.report.page import page
from astrocodec.analysis.report.peer_sizes import peer_sizes
from astrocodec.analysis.report.reasons import reason
from astrocodec.analysis.report.section import image_section
from astrocodec.analysis.report.table import terminal_table

NOISE = np.random.default_rng(1).normal(1000, 10, (200, 220)).astype(np.uint16)


def made_report(**changes: object) -> ImageReport:
    """A report without an analysis."""
    values = {"floor_bits": 5.0, "efficiency": 0.9, "noise": 3.0, "noise_steps": 3.0, "exposure": 10.0, **changes}
    exposure = values.pop("exposure")
    return ImageReport("a.fits", "1 [red]", (20, 30), "uint16", "none", exposure, 1200, 1200, 400, 3.0, 5.3, **values)


def test_the_numbers_are_those_of_the_noise() -> None:
    """10 ADU of noise: 5.37 bits. No command of ours rounds integers."""
    report, analysis = report_image(ImageEntry("a.fits", "0", NOISE), peers=False)
    assert report.noise == pytest.approx(10, rel=0.02)
    assert report.floor_bits == pytest.approx(5.37, abs=0.03)
    assert report.efficiency is not None
    assert 0.95 < report.efficiency < 1.02
    assert report.step is report.saving is None
    assert "no command of ours" in reason(report, "step")
    assert report.command == ""
    assert analysis.bits is not None
    assert "<section" in image_section(ImageEntry("a.fits", "0", NOISE), report, analysis)


def test_a_table_fits_the_terminal() -> None:
    """Names with brackets stay as they are; nothing is wider than the terminal, and without one nothing is broken."""
    reports = [made_report(), made_report(efficiency=None)]
    assert "a.fits[1 [red]]" in terminal_table(reports)
    for width in (60, 80, 100, 130):
        lines = terminal_table(reports, width=width).splitlines()
        assert all(len(line) <= width for line in lines)
        assert "image" in lines[0]
        assert "efficiency" in lines[0]
        assert "\u2026" not in "".join(lines)  # no number is cut
    assert "\x1b[" in terminal_table(reports[:1], width=80, colour=True)
    assert "\x1b[" not in terminal_table(reports[:1])


def test_the_summary_leaves_out_charts_without_points() -> None:
    """One exposure time is no relation."""
    reports = [made_report(exposure=None, noise_steps=None), made_report()]
    text = "".join(page(reports, [], [("<x>", "a & b")], 3))
    assert "<svg" not in text
    assert "&lt;x&gt;</b>: a &amp; b" in text
    assert "3 more images" in text
    assert text.count("<tr>") == 3
    assert "No images" in "".join(page([], []))


def test_an_empty_cell_has_its_reason_as_text() -> None:
    """Beside it where one image is shown; under a table once for all cells that share it, and a letter leads there."""
    why = {"efficiency": "values are <continuous>", "floor_bits": "values are <continuous>", "exposure": "no EXPTIME"}
    one = made_report(efficiency=None, floor_bits=None, exposure=None, reasons=why)
    text = "".join(page([one, made_report(), one], []))
    assert text.count("values are &lt;continuous&gt;") == 1
    assert text.count('-<a class="mark" href="#why-a">a</a>') == 4
    assert '<li id="why-a"><b>a</b> values are &lt;continuous&gt;</li>' in text
    assert "no EXPTIME" in text
    assert 'title="' not in text
    table = terminal_table([one, made_report()])
    assert re.search(r" -a +-a ", table)
    assert "-a: values are <continuous>" in table
    assert re.search(r"efficiency +- +values are <continuous>", terminal_table([one]))


def test_every_none_of_a_section_is_explained() -> None:
    """Also where nothing at all can be measured."""
    entry = ImageEntry("a.fits", "0", np.full((8, 9), 5, np.int16), unit="DN/s")
    report, analysis = report_image(entry, peers=False)
    why = {
        name: f"why-{name}" for name in ("floor_bits", "efficiency", "share_noise", "share_sources", "step", "noise")
    }
    text = image_section(entry, replace(report, **dict.fromkeys(why), reasons=why), analysis)
    for words in why.values():
        assert f">{words}<" in text


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (np.full((40, 50), 7, np.int16), "all pixels are equal"),
        (np.arange(30, dtype=np.int16).reshape(5, 6), "5 x 6 pixels are too few"),
        (np.full((40, 50), np.nan, np.float32), "no pixel counts"),
        (np.full((40, 50), -3e200), "1e150 and more, or masked"),
    ],
)
def test_what_cannot_be_measured_is_said_in_every_cell(pixels: np.ndarray, words: str) -> None:
    """Whatever is None, but for the exposure, has the same cause here."""
    report, _ = report_image(ImageEntry("a.fits", "0", pixels), tuned=False, peers=False)
    empty = [name for name in ("floor_bits", "efficiency", "step", "saving") if getattr(report, name) is None]
    assert "step" in empty
    assert all(words in reason(report, name) for name in empty)


def test_the_unit_of_the_file_is_written() -> None:
    """In captions, tiles, the detector's table and on the terminal; one unit for all images is in the heading."""
    entry = ImageEntry("a.fits", "0", NOISE, unit="DN & more")
    report, analysis = report_image(entry, tuned=False, peers=False)
    text = image_section(entry, report, analysis)
    assert "ADU" not in text
    assert "DN &amp; more, zscale" in text
    assert re.search(r"background</th><td>\d+\.\d+ DN &amp; more<", text)
    rounded = replace(entry, pixels=NOISE.astype(np.float32) + np.float32(0.1), can_be_rounded=True)
    found = report_image(rounded, tuned=False, peers=False)
    assert found[0].command == "astrocodec fits-compress --noise-increase 1%"
    integers = report_image(replace(entry, can_be_rounded=True), tuned=False, peers=False)[0]
    assert integers.saving is not None
    assert 0.05 < integers.saving < 0.95
    assert re.search(r"<b>[45] DN &amp; more</b>", image_section(rounded, *found))
    assert re.search(r"step +[45] DN & more", terminal_table([found[0]]))
    assert "noise<small> (DN &amp; more)</small>" in "".join(page([report, report], []))
    mixed = "".join(page([report, made_report()], []))
    assert "noise<small>" not in mixed
    assert "3.00<small> ADU</small>" in mixed


def test_a_gain_that_its_error_exceeds_is_no_gain() -> None:
    """A bias frame has no photons that would tell it."""
    entry = ImageEntry("a.fits", "0", NOISE)
    report, analysis = report_image(entry, tuned=False, peers=False)
    assert analysis.transfer is not None
    known = replace(analysis.transfer, gain=2.0, gain_error=0.5, read_noise_adu=3.0)
    assert "2 ± 0.5 electrons per ADU" in image_section(entry, report, replace(analysis, transfer=known))
    unknown = image_section(entry, report, replace(analysis, transfer=replace(known, gain_error=7.0)))
    assert "its error would be larger" in unknown
    assert "electrons" not in unknown


def test_charts_of_equal_images_share_no_names() -> None:
    """Names of clip paths and markers are those of one figure."""
    entry = ImageEntry("a.fits", "0", NOISE)
    report, analysis = report_image(entry, tuned=False, peers=False)
    text = "".join(image_section(entry, report, analysis, number) for number in (1, 2))
    names = re.findall(r'\bid="([^"]+)"', text)
    assert len(names) > 50
    assert len(names) == len(set(names))


def test_a_chart_is_the_same_every_time() -> None:
    """Pages can be compared; two charts on a page share no names."""
    first, again = (chart("Noise", lambda axes: draw_noises(axes, [1.0, 10.0], [2.2, 5.5])) for _ in range(2))
    other = chart("Noise", lambda axes: draw_noises(axes, [1.0, 20.0], [2.2, 5.5]))
    assert first == again
    assert first != other
    assert "currentColor" in first
    assert 'role="img"' in first


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan])
def test_maps_of_one_value(value: float) -> None:
    """A scale with one number, or none."""
    image = np.full((50, 60), value)
    for found in (displayed(image), scored(image, "viridis")):
        assert "data:image/png;base64," in map_figure(found, "a", "b", "c")
        assert len(found.ticks) <= 1


def test_block_mean_leaves_out_what_is_not_known() -> None:
    """NaN only where a whole block is NaN."""
    image = np.arange(16.0).reshape(4, 4)
    image[0, 0] = image[2:, 2:] = np.nan
    small = block_mean(image, 2)
    assert small[0, 0] == pytest.approx((1 + 4 + 5) / 3)
    assert np.isnan(small[1, 1])
    assert block_mean(np.ones((1, 1000)), 100).shape == (1, 100)


def test_without_imagecodecs_the_others_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """RICE needs astropy only."""
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    sizes = peer_sizes(NOISE)
    assert [size.n_bytes is not None for size in sizes] == [True, True, False, False]
    assert sizes[-1].note == "imagecodecs is not installed"


def test_floats_have_no_peers() -> None:
    """Said for each codec."""
    sizes = peer_sizes(NOISE.astype("f4") / 3)
    assert [size.n_bytes is not None for size in sizes] == [True, False, False, False]


@pytest.mark.parametrize("package", ["photutils.background", "PIL.Image"])
def test_a_missing_package_is_named_with_the_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install."""
    from astrocodec.analysis.extra import require

    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r"pip install astrocodec\[analysis\]"):
        require(package)


def test_planes_and_exposures() -> None:
    """What is asked for, or the middle; times of any header."""
    assert choose_plane((4, 5, 6), -1) == choose_plane((4, 5, 6), 3)
    assert choose_plane((4, 5, 6), 4) == "plane 4 asked for, it has 4"
    assert choose_plane((0, 5)) == "no pixels"
    assert exposure_seconds([{"EXPTIME": "none"}, {"EXPTIME": -1, "XPOSURE": 2}]) == 2.0
    assert exposure_seconds([{"EXPTIME": float("nan")}]) is None
