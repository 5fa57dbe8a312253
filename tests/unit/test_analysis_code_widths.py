"""The converter's fingerprint: widths of codes, whatever the picture's own histogram looks like."""

import re
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("photutils", reason="photutils is not installed")
pytest.importorskip("matplotlib", reason="matplotlib is not installed")

from astrocodec.analysis import quantisation
from astrocodec.analysis.detector.code_widths import CodeWidths, code_widths
from astrocodec.analysis.images.image_entry import ImageEntry
from astrocodec.analysis.report.image_report import report_image
from astrocodec.analysis.report.section import image_section
from astrocodec.analysis.report.table import terminal_table
from astrocodec.simulate import Converter, configure, observe, simulate, uneven_widths

WIDTHS = np.random.default_rng(3).uniform(0.6, 1.4, 64)


def seen_through(preset: str, **converter: object) -> CodeWidths:
    """What is found of a converter that looks at a simulated scene."""
    settings = configure(preset)
    found = quantisation(observe(replace(settings, converter=replace(settings.converter, **converter)), seed=2).data)
    assert found.code_widths is not None, found.why_no_widths
    return found.code_widths


@pytest.mark.parametrize("preset", ["ccd", "flat", "infrared", "spectrum"])
def test_a_table_of_64_is_recovered_within_its_errors(preset: str) -> None:
    found = seen_through(preset, widths=tuple(WIDTHS))
    off = (np.array(found.modulo64) - WIDTHS / WIDTHS.mean()) / found.errors64
    assert np.abs(off).max() < 4
    assert np.sqrt((off**2).mean()) < 1.6
    assert max(found.errors64) < 0.15
    assert found.period == 64
    assert found.even_share == pytest.approx(WIDTHS[::2].sum() / WIDTHS.sum(), abs=0.02)


def test_a_table_of_16_is_recovered_within_its_errors() -> None:
    widths = np.array(uneven_widths(16, 0.3))
    found = seen_through("ccd", widths=tuple(widths))
    off = (np.array(found.modulo16) - widths / widths.mean()) / found.errors16
    assert np.abs(off).max() < 4
    assert max(found.errors16) < 0.02
    assert (found.period, found.widths) == (16, found.modulo16)
    assert np.ptp(found.widths) > 0.5


@pytest.mark.parametrize("preset", ["ccd", "bias", "dark", "flat", "cmos", "infrared", "spectrum"])
def test_even_codes_are_flat_within_their_errors(preset: str) -> None:
    """Stars, two amplifiers, narrow noise: none of it looks like a converter."""
    found = quantisation(simulate(preset, seed=1).data).code_widths
    assert found is not None
    assert (found.period, found.widths) == (0, ())
    for widths, errors in ((found.modulo16, found.errors16), (found.modulo64, found.errors64)):
        known = np.isfinite(widths)
        assert (np.abs(np.array(widths)[known] - 1) < 4 * np.array(errors)[known]).all()
    assert found.even_share == pytest.approx(0.5, abs=0.01)


def test_a_converter_that_prefers_even_codes() -> None:
    """60 % of them, in noise of 200 ADU."""
    signal = np.random.default_rng(1).normal(8000, 200, 2_000_000)
    codes = np.floor(2 * (signal // 2) + (signal % 2 > 1.2)).astype(np.int64)
    found = code_widths(np.bincount(codes), 0)
    assert isinstance(found, CodeWidths)
    assert found.period == 2
    assert found.widths == pytest.approx((1.2, 0.8), abs=0.01)
    assert found.even_share == pytest.approx(0.6, abs=0.003)


def test_codes_that_never_occur_have_no_width() -> None:
    """The code below takes their place."""
    found = seen_through("ccd", missing=(3,), missing_period=8)
    assert found.period == 8
    np.testing.assert_allclose(found.widths, (1, 1, 2, 0, 1, 1, 1, 1), atol=0.06)
    assert found.modulo16[3] == found.modulo16[11] == found.errors16[3] == 0


@pytest.mark.parametrize(
    ("pixels", "why"),
    [
        (np.random.default_rng(1).normal(0, 1, (50, 50)), "between integers"),
        (np.random.default_rng(1).poisson(1.0, (100, 100)), "codes in a row are frequent enough, 12 are needed"),
        (np.array([[0, 2**40], [3, 2**41]]), "too far apart"),
        (np.floor(np.random.default_rng(1).normal(800, 30, (400, 400)).round() * 2.5).astype(int), "rescaled"),
        (np.full((30, 30), np.nan), "no pixel counts"),
    ],
)
def test_why_there_is_no_fingerprint(pixels: np.ndarray, why: str) -> None:
    found = quantisation(pixels)
    assert found.code_widths is None
    assert why in found.why_no_widths


def test_the_report_shows_it() -> None:
    """Two charts, a line on the terminal, numbers for programs; a reason where there is none."""
    preset = replace(configure("ccd", shape=(256, 288)), converter=Converter(16, widths=(1.2, 0.8)))
    entry = ImageEntry("a.fits", "0", observe(preset, seed=1).data)
    report, analysis = report_image(entry, tuned=False, peers=False)
    page = image_section(entry, report, analysis)
    assert page.count("<b>Code widths modulo") == 2
    assert "Even codes have 60" in page
    assert "uneven, repeating every 2" in terminal_table([report])
    numbers = report.to_dict()["details"]["quantisation"]
    assert len(numbers["code_widths"]["modulo64"]) == 64
    assert numbers["uneven_period"] == 2
    halves = ImageEntry("a.fits", "0", np.random.default_rng(1).normal(0, 1, (64, 64)).round(1).astype("f4"))
    report, analysis = report_image(halves, tuned=False, peers=False)
    assert re.search("float32, but [0-9]+ values", image_section(halves, report, analysis))
    floats = ImageEntry("a.fits", "0", np.random.default_rng(1).normal(0, 1, (64, 64)))
    report, analysis = report_image(floats, tuned=False, peers=False)
    page = image_section(floats, report, analysis)
    assert "Code widths modulo" not in page
    assert "not known: values between integers" in page
    assert "not known: values between integers" in terminal_table([report])
