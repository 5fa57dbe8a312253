"""Figures: no text lies over another, whatever the numbers; pictures show the light-sensitive part by zscale."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("photutils")
pytest.importorskip("matplotlib")

from astropy.visualization import ZScaleInterval

from astrocodec.analysis.compare.charts import draw_fluxes, draw_histogram, draw_spectrum
from astrocodec.analysis.compare.comparison import compare
from astrocodec.analysis.compare.figure import compare_figure, comparison_maps
from astrocodec.analysis.compare.stacking import rounded, stack_noise, stacking_figure
from astrocodec.analysis.detector.amplifiers import Amplifiers
from astrocodec.analysis.report import maps as report_maps
from astrocodec.analysis.report.charts import draw_bits_by_snr, draw_exposures, draw_noises, draw_snr_and_bits
from astrocodec.analysis.report.figure_style import new_figure, plain_log, spaced
from astrocodec.analysis.report.maps import displayed, enlarged, scored
from astrocodec.analysis.report.numbers import short_numbers

RNG = np.random.default_rng(5)
Draw = Callable[[Any], object]


def texts_of(axes: Any) -> Iterator[tuple[str, Any]]:
    """Every text that is drawn in axes and beside them, with its box."""
    axes.figure.canvas.draw()
    legend = axes.get_legend()
    drawn = [*axes.get_xticklabels(), *axes.get_yticklabels(), *axes.texts, axes.xaxis.label, axes.yaxis.label]
    drawn += [axes.xaxis.offsetText, axes.yaxis.offsetText, *(legend.get_texts() if legend else ())]
    for text in drawn:
        if text.get_visible() and text.get_text().strip():
            box = text.get_window_extent()
            inside = axes.get_window_extent().padded(axes.figure.dpi)
            if box.overlaps(inside):
                yield text.get_text(), box


def check_apart(axes: Any) -> list[str]:
    """No two texts touch, and none leaves the figure."""
    found = list(texts_of(axes))
    for (first, one), (second, other) in itertools.combinations(found, 2):
        assert not one.overlaps(other), f"{first!r} and {second!r} overlap"
    width, height = axes.figure.canvas.get_width_height()
    for text, box in found:
        assert box.x0 > -1, text
        assert box.y0 > -1, text
        assert box.x1 < width + 1, text
        assert box.y1 < height + 1, text
    return [text for text, _ in found]


def pixels(brightest: float, bits: float = 5.0, shape: tuple[int, int] = (60, 80)) -> tuple[Any, Any, Any]:
    """Signal-to-noise ratios up to so much, lengths, and where sources are."""
    snr = RNG.normal(0, 1, shape)
    sources = RNG.random(shape) < 0.3
    snr[sources] += np.geomspace(3, brightest, int(sources.sum()))
    return snr, RNG.normal(bits, 1, shape).clip(0), sources


def fluxes(values: tuple[float, float]) -> Any:
    """Charts of a comparison of images with levels and noise of this size."""
    level, noise = values
    image = level + RNG.normal(0, noise, (96, 96))
    for x in range(8, 90, 12):
        image[x - 1 : x + 2, x - 1 : x + 2] += 60 * noise
    return compare(image, image + RNG.normal(0, noise / 3, image.shape), unit="erg / (s cm2 Angstrom)")


CHARTS: dict[str, Draw] = {
    "exposures": lambda axes: draw_exposures(axes, [0.1, 10, 3000], [3.1, 2.0, 1.5]),
    "long exposures": lambda axes: draw_exposures(axes, [1e9, 1.1e9, 1.2e9], [3e9, 2e9, 1e9]),
    "exposures of nine decades": lambda axes: draw_exposures(axes, [1e-5, 1, 1e9], [1e-9, 2e-9, 1e-10]),
    "exposures much alike": lambda axes: draw_exposures(axes, [1234567.01, 1234567.02], [1.0001, 1.0002]),
    "one exposure": lambda axes: draw_exposures(axes, [1e9, 1e9], [2.5, 2.5]),
    "exposures a little over three": lambda axes: draw_exposures(axes, [31, 95, 60], [2.5, 2.6, 2.4]),
    "noises": lambda axes: draw_noises(axes, [1.0, 10.0, 40], [2.2, 5.5, 8]),
    "noises of many decades": lambda axes: draw_noises(axes, [1e-6, 1.0, 1e9], [0.1, 2, 33]),
    "noises alike": lambda axes: draw_noises(axes, [5e8, 5.01e8], [31, 31]),
    "bits by ratio": lambda axes: draw_bits_by_snr(axes, *pixels(300)),
    "bits by ratio, all faint": lambda axes: draw_bits_by_snr(
        axes, *(part * 0.01 for part in pixels(1)[:2]), pixels(1)[2]
    ),
    "bits by ratio, all bright": lambda axes: draw_bits_by_snr(
        axes, np.full((9, 9), 1e9), np.ones((9, 9)), np.ones((9, 9), bool)
    ),
    "ratio and bits": lambda axes: draw_snr_and_bits(axes, *pixels(90), 4.2),
    "ratio and bits to 1e9": lambda axes: draw_snr_and_bits(axes, *pixels(1e9), 4.2),
    "ratio and bits to 1e15": lambda axes: draw_snr_and_bits(axes, *pixels(1e15, 1e6), 4.2),
    "ratio and bits of one pixel": lambda axes: draw_snr_and_bits(axes, *pixels(5, shape=(1, 1)), None),
    "ratio and bits of a row": lambda axes: draw_snr_and_bits(axes, *pixels(5, shape=(1, 999)), None),
    "differences": lambda axes: draw_histogram(axes, fluxes((100, 9))),
    "differences of 1e9": lambda axes: draw_histogram(axes, replace(fluxes((1e12, 1e9)), unit="1e-17 erg/s/cm2/A")),
    "differences of 1e-9": lambda axes: draw_histogram(axes, fluxes((1e-7, 1e-9))),
    "spectrum": lambda axes: draw_spectrum(axes, fluxes((1e12, 1e9)).whiteness),
    "fluxes": lambda axes: draw_fluxes(axes, fluxes((100, 9)).fluxes),
}


# Legends and the numbers on bars need the width that the page gives them.
WIDE = ("bits by", "ratio and bits", "noises")
SIZES = [(name, width) for name in CHARTS for width in (2.6, 3.3, 4.5, 9.0) if width > 4 or not name.startswith(WIDE)]


@pytest.mark.parametrize(("name", "width"), SIZES)
def test_no_text_of_a_chart_lies_over_another(name: str, width: float) -> None:
    """Measured in the figure as it is drawn; each axis keeps a number."""
    with new_figure(width, 2.8) as figure:
        axes = figure.add_subplot()
        CHARTS[name](axes)
        check_apart(axes)
        for axis in (axes.xaxis, axes.yaxis):
            shown = [label.get_text() for label in axis.get_ticklabels() if label.get_text()]
            assert shown or name == "bits by ratio"
            assert max(map(len, shown)) <= 14


@pytest.mark.parametrize("counts", [(1, 2, 4, 8), tuple(range(1, 33)), (1, 1000)])
def test_stacks_of_many_frames(counts: tuple[int, ...]) -> None:
    """A tick for each number of frames, a label where there is room."""
    frames = (RNG.normal(1e9, 1e8, (16, 16)) for _ in range(counts[-1]))
    found = stack_noise(frames, {"plain": rounded(1e8, dither=False)}, sky=1e9, counts=counts)
    axes = stacking_figure(found, width=4).axes[0]
    axes.get_legend().remove()
    assert "1" in check_apart(axes)


def test_an_axis_keeps_zero_and_its_powers_of_ten() -> None:
    """Of labels that find no room, the ones that say least go first."""
    with new_figure(2.4, 2.4) as figure:
        axes = figure.add_subplot()
        axes.plot([-40000, 40000], [1, 1e12])
        axes.set_xticks(range(-40000, 40001, 5000))
        spaced(axes.xaxis)
        plain_log(axes.yaxis)
        shown = check_apart(axes)
    assert "0" in shown
    assert 2 <= sum("," in text for text in shown) <= 5
    assert any(text.startswith("1e") for text in shown)


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0, 5e8, 1e9], ["0", "5e8", "1e9"]),
        ([1e9 + 1, 1e9 + 2], ["1,000,000,001", "1,000,000,002"]),
        ([-0.25, 0.0, 0.25], ["-0.25", "0.00", "0.25"]),
        ([1e-17, 2e-17], ["1e-17", "2e-17"]),
        ([16384, 32768], ["16,384", "32,768"]),
        ([-40000, 0, 40000], ["-40,000", "0", "40,000"]),
        ([], []),
    ],
)
def test_numbers_are_short_and_differ(values: list[float], texts: list[str]) -> None:
    """As few digits as tell them apart."""
    assert short_numbers(values) == texts


def test_limits_are_those_of_zscale_without_overscan() -> None:
    """astropy's own limits of the light-sensitive pixels; the overscan is black."""
    image = RNG.normal(1000, 10, (30, 60))
    image[:, 30:] = 300
    lit = ((slice(0, 30), slice(0, 30)),)
    found = displayed(image, lit)
    assert (found.low, found.high) == pytest.approx(ZScaleInterval().get_limits(image[:, :30]))
    assert (found.shades[:, 30:] == 0).all()
    assert displayed(image).low < 400


def test_limits_come_from_all_columns() -> None:
    """Every thousandth pixel of an image with a thousand columns is the first one of its row."""
    image = RNG.normal(1000, 10, (1000, 1000))
    image[:, 0] = 0
    found = displayed(image)
    assert 900 < found.low < 990
    assert 1010 < found.high < 1100


def test_most_pixels_equal_leave_a_picture() -> None:
    """zscale then finds a single value; what counts are the few others."""
    image = np.zeros((200, 200))
    image[50:60, 50:60] = RNG.poisson(40, (10, 10)) + 1.0
    found = displayed(image)
    assert found.high > found.low == 0
    assert np.ptp(found.shades) > 0.9
    image[:] = 5
    image[0, 0] = 6
    assert displayed(image).high > 5


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (7, 4000), (4000, 3), (2, 3), (600, 500), (300, 301)])
def test_pictures_of_any_shape_can_be_seen(shape: tuple[int, int]) -> None:
    """At most four times as long as wide, and large enough."""
    for found in (displayed(RNG.normal(5, 1, shape)), scored(RNG.normal(5, 1, shape), "viridis")):
        drawn = enlarged(found.shades).shape
        assert max(drawn) <= 4.2 * min(drawn)
        assert 128 <= max(drawn) <= 600
        assert (max(shape) > 4 * min(shape)) == ("not to scale" in found.note)
        down, across = found.factors
        assert found.shades.shape == (shape[0] // down, shape[1] // across)


@pytest.mark.parametrize(("level", "spread"), [(1e9, 1.0), (1e-17, 1e-18), (1e9, 1e9), (30000, 2), (-1e12, 1e-2)])
def test_ticks_of_a_map_fit_a_narrow_one(level: float, spread: float) -> None:
    """Both ends differ, and together they are hardly longer than 260 pixels."""
    found = displayed(level + RNG.normal(0, spread, (64, 64)))
    texts = [text for _, text in found.ticks]
    assert len(set(texts)) == len(texts) >= 2
    assert len("".join(texts)) <= 42
    assert len(texts) == 2 or len("".join(texts)) <= report_maps._ROOM


def test_both_images_of_a_comparison_are_shown_alike() -> None:
    """One scale, in the unit of the pixels; the overscan is left out of it."""
    image = RNG.normal(1000, 10, (200, 200))
    image[:, 180:] = RNG.normal(300, 2, (200, 20))
    maps = comparison_maps(compare(image, image + 40, unit="DN"))
    (_, first_unit, first), (_, _, second) = maps[:2]
    assert (first.low, first.high) == (second.low, second.high)
    assert first.low > 900
    assert first_unit == "DN, zscale"
    assert second.shades[:, :180].mean() > first.shades[:, :180].mean() + 0.2


def test_overscan_that_the_header_tells_is_left_out() -> None:
    """Also where no step shows it."""
    image = np.tile(np.linspace(0, 1000, 200), (200, 1)) + RNG.normal(0, 1, (200, 200))
    whole, left = slice(0, 200), slice(0, 80)
    layout = Amplifiers((), (), ((whole, left),), ())
    assert comparison_maps(compare(image, image + 1, layout=layout))[0][2].high < 450
    assert comparison_maps(compare(image, image + 1))[0][2].high > 900


def test_names_of_a_comparison_stay_over_their_own_map(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long names are cut in their middle; a dollar sign starts no formula."""
    figures = []
    monkeypatch.setattr("astrocodec.analysis.compare.figure.png_of", lambda figure, **_: figures.append(figure) or b"")
    image = RNG.normal(1e9, 1e8, (64, 64))
    long = "/a" * 100 + "/$x_{"
    compare_figure(compare(image, image * 1.01, unit="$ counts per second and pixel"), names=(long + "1", long + "2"))
    (figure,) = figures
    figure.canvas.draw()
    titles = [axes.title for axes in figure.findobj(lambda part: hasattr(part, "title") and hasattr(part, "xaxis"))]
    titles += [axes._left_title for axes in figure.findobj(lambda part: hasattr(part, "_left_title"))]
    boxes = [title.get_window_extent() for title in titles if title.get_text()]
    assert len(boxes) >= 4
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    assert any(title.get_text().startswith("A: /a") and "$x_{1" in title.get_text() for title in titles)
