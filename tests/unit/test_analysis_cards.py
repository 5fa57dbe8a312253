"""Sections in headers decide amplifiers and overscan before steps in the image do; what cannot be meant is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("photutils", reason="photutils is not installed")

import fits_tiles
from astrocodec.analysis import analyse_frame
from astrocodec.analysis.detector.header_cards import layout_of_cards
from astrocodec.analysis.detector.sections import cells, parse_section
from astrocodec.analysis.images.find_images import find_images
from astrocodec.analysis.images.fits_loss import fits_loss
from astrocodec.analysis.images.image_entry import ImageEntry, pixel_unit
from astrocodec.analysis.report.image_report import report_image

RNG = np.random.default_rng(3)
Corners = list[tuple[int, int, int, int]]


def corners(regions: Any) -> Corners:
    return [(y.start, y.stop, x.start, x.stop) for y, x in regions]


@pytest.mark.parametrize(
    ("text", "section"),
    [
        ("[1:2048,1:350]", ((1, 2048), (1, 350))),
        (" [ 1025 : 3072 , 3072 : 1025 ] ", ((1025, 3072), (1025, 3072))),
        ("[*,10]", (None, (10, 10))),
        ("[-*,2:3]", (None, (2, 3))),
        ("[1:20,1:30,1:1]", ((1, 20), (1, 30))),
        ("[1.0:20.,1:30]", ((1, 20), (1, 30))),
        ("[0:19,0:29]", ((0, 19), (0, 29))),
        ("[1:20:2,1:30]", None),
        ("[1:20]", None),
        ("1:20,1:30", None),
        ("UNKNOWN", None),
        ("[a:b,c:d]", None),
        ("", None),
        (1432085758, None),
        (None, None),
        (True, None),
    ],
)
def test_sections_are_read(text: object, section: object) -> None:
    assert parse_section(text) == section


# Cards, shape (y, x), data and overscan as first and last row and column from 0, the overscan of each amplifier.
TOLD: dict[str, tuple[dict[str, Any], tuple[int, int], Corners, Corners, Corners]] = {
    "one amplifier": (
        {"DATASEC": "[33:544,1:512]", "BIASSEC": "[545:576,1:512]"},
        (512, 576),
        [(0, 512, 32, 544)],
        [(0, 512, 544, 576), (0, 512, 0, 32)],
        [(0, 512, 544, 576)],
    ),
    "x comes first, and both ends are included": (
        {"DATASEC": "[1:20,1:40]", "BIASSEC": "[21:24,1:40]"},
        (40, 24),
        [(0, 40, 0, 20)],
        [(0, 40, 20, 24)],
        [(0, 40, 20, 24)],
    ),
    "read backwards": (
        {"DATASEC": "[512:1,400:1]", "BIASSEC": "[540:513,400:1]"},
        (400, 540),
        [(0, 400, 0, 512)],
        [(0, 400, 512, 540)],
        [(0, 400, 512, 540)],
    ),
    "a trim section": (
        {"TRIMSEC": "[9:520,1:400]"},
        (400, 540),
        [(0, 400, 8, 520)],
        [(0, 400, 0, 8), (0, 400, 520, 540)],
        [(0, 400, 520, 540)],
    ),
    "overscan alone, in the middle": (
        {"BIASSEC": "[257:288,1:100]"},
        (100, 544),
        [(0, 100, 0, 256), (0, 100, 288, 544)],
        [(0, 100, 256, 288)],
        [(0, 100, 256, 288), (0, 100, 256, 288)],
    ),
    "rows of overscan": (
        {"DATASEC": "[1:100,1:80]", "BIASSEC": "[1:100,81:100]"},
        (100, 100),
        [(0, 80, 0, 100)],
        [(80, 100, 0, 100)],
        [(80, 100, 0, 100)],
    ),
    "two amplifiers by letters": (
        {
            "DATASEC": "[57:2104,51:146]",
            "DATASECA": "[57:1080,51:146]",
            "BIASSECA": "[7:56,51:146]",
            "PRESECA": "[1:6,51:146]",
            "DATASECB": "[1081:2104,51:146]",
            "BIASSECB": "[2105:2154,51:146]",
            "PRESECB": "[2155:2160,51:146]",
        },
        (196, 2160),
        [(50, 146, 56, 1080), (50, 146, 1080, 2104)],
        [
            (50, 146, 6, 56),
            (50, 146, 2104, 2154),
            (0, 50, 0, 2160),
            (50, 146, 0, 6),
            (50, 146, 2154, 2160),
            (146, 196, 0, 2160),
        ],
        [(50, 146, 6, 56), (50, 146, 2104, 2154)],
    ),
    "four amplifiers of ARCON": (
        {
            "AMPLIST": "11 12 21 22",
            "DSEC11": "[1:100,1:50]",
            "DSEC12": "[141:240,1:50]",
            "DSEC21": "[1:100,51:100]",
            "DSEC22": "[141:240,51:100]",
            "BSEC11": "[101:120,1:50]",
            "BSEC12": "[121:140,1:50]",
            "BSEC21": "[101:120,51:100]",
            "BSEC22": "[121:140,51:100]",
        },
        (100, 240),
        [(0, 50, 0, 100), (0, 50, 140, 240), (50, 100, 0, 100), (50, 100, 140, 240)],
        [(0, 50, 100, 120), (0, 50, 120, 140), (50, 100, 100, 120), (50, 100, 120, 140)],
        [(0, 50, 100, 120), (0, 50, 120, 140), (50, 100, 100, 120), (50, 100, 120, 140)],
    ),
    "two amplifiers by numbers": (
        {"DATASEC1": "[1:50,1:90]", "DATASEC2": "[51:100,1:90]"},
        (90, 100),
        [(0, 90, 0, 50), (0, 90, 50, 100)],
        [],
        [],
    ),
    "two amplifiers side by side, of Lick": (
        {"DATASEC": "[1:2048,1:350]", "AMPSROW": 2, "AMPSCOL": 1, "COVER": 32, "TSEC": 1432085758, "ROVER": 0},
        (350, 2112),
        [(0, 350, 0, 1024), (0, 350, 1024, 2048)],
        [(0, 350, 2048, 2080), (0, 350, 2080, 2112)],
        [(0, 350, 2048, 2080), (0, 350, 2080, 2112)],
    ),
    "an amplifier in an HDU of its own": (
        {
            "DETSIZE": "[1:4096,1:4102]",
            "DETSEC": "[2048:1025,1:4096]",
            "CCDSUM": "2 2",
            "DATASEC": "[26:537,1:2048]",
            "BIASSEC": "UNKNOWN",
        },
        (2048, 577),
        [(0, 2048, 25, 537)],
        [(0, 2048, 0, 25), (0, 2048, 537, 577)],
        [(0, 2048, 537, 577)],
    ),
    "sections of the unbinned chip": (
        {"CCDSUM": "2 2", "DATASEC": "[1:1024,1:800]", "BIASSEC": "[1025:1088,1:800]"},
        (400, 544),
        [(0, 400, 0, 512)],
        [(0, 400, 512, 544)],
        [(0, 400, 512, 544)],
    ),
    "an image that was cut": (
        {"LTV1": -100.0, "LTV2": -50.0, "LTM1_1": 1.0, "DATASEC": "[1:512,1:512]", "BIASSEC": "[513:544,1:512]"},
        (400, 440),
        [(0, 400, 0, 412)],
        [(0, 400, 412, 440)],
        [(0, 400, 412, 440)],
    ),
    "a place on the chip": (
        {"CCDSEC": "[1:1024,1:200]", "LTV1": 24.0, "LTV2": 0.0, "LTM1_1": 0.5, "LTM2_2": 0.5},
        (100, 560),
        [(0, 100, 24, 536)],
        [(0, 100, 0, 24), (0, 100, 536, 560)],
        [(0, 100, 0, 24)],
    ),
    "a chip as large as the image": (
        {"DETSEC": "[4097:5120,1:400]", "CCDSUM": "2 2"},
        (200, 512),
        [(0, 200, 0, 512)],
        [],
        [],
    ),
    "a trim section where the data section is too large": (
        {"DATASEC": "[1:2080,1:2058]", "TRIMSEC": "[1:1024,1:1024]", "BIASSEC": "UNKNOWN"},
        (1030, 1040),
        [(0, 1024, 0, 1024)],
        [(0, 1024, 1024, 1040), (1024, 1030, 0, 1040)],
        [(0, 1024, 1024, 1040)],
    ),
}


@pytest.mark.parametrize("name", TOLD)
def test_cards_tell_amplifiers_and_overscan(name: str) -> None:
    cards, shape, data, overscan, bias = TOLD[name]
    layout, notes = layout_of_cards(cards, shape)
    assert layout is not None
    assert corners(layout.data) == data
    assert corners(layout.overscan) == overscan
    assert corners(region for region in layout.bias if region is not None) == bias
    assert "amplifiers and overscan are those of" in notes[0]
    count = np.zeros(shape, int)
    for region in layout.regions:
        count[region] += 1
    assert (count == 1).all(), "the regions make up the frame"


# Cards that decide nothing, and what is said of them.
NOT_TOLD: dict[str, tuple[dict[str, Any], str]] = {
    "none": ({"NAXIS": 2, "EXPTIME": 3.0}, ""),
    "unknown": ({"DATASEC": "UNKNOWN", "BIASSEC": "", "TRIMSEC": "[0:0,0:0]"}, ""),
    "too large": ({"DATASEC": "[1:4094,1:4096]"}, "DATASEC [1:4094,1:4096] reaches beyond the image of 120 x 100"),
    "from 0": ({"DATASEC": "[0:99,0:99]"}, "reaches beyond"),
    "rows and columns exchanged": ({"DATASEC": "[1:100,1:120]"}, "reaches beyond"),
    "no section": ({"DATASEC": "all of it"}, "DATASEC is 'all of it': not a section"),
    "every second pixel": ({"DATASEC": "[1:100:2,1:100]"}, "not a section"),
    "numbers": ({"TSEC": 1432085758, "DATASEC": 7, "BIASSEC": None}, ""),
    "parts that overlap": ({"DATASECA": "[1:60,1:100]", "DATASECB": "[50:110,1:100]"}, "DATASECA and DATASECB overlap"),
    "hardly a pixel": ({"DATASEC": "[1:2,1:2]"}, "too few to be true"),
    "another detector": ({"DETSEC": "[14341:16380,4101:8188]", "LTV1": -1.0}, ""),
    "no number": ({"CCDSEC": "[1:100,1:100]", "LTV1": "x", "LTM1_1": float("nan"), "CCDSUM": "b"}, ""),
}


@pytest.mark.parametrize("name", NOT_TOLD)
def test_what_cards_cannot_mean_is_told(name: str) -> None:
    cards, said = NOT_TOLD[name]
    layout, notes = layout_of_cards(cards, (100, 120))
    assert layout is None
    assert said in "; ".join(notes)
    assert not said or notes[-1] == "amplifiers and overscan are those that steps in the image show"


def test_a_wrong_overscan_leaves_the_data_section() -> None:
    for wrong in ("[111:130,1:100]", "[90:120,1:100]", "beside"):
        layout, notes = layout_of_cards({"DATASEC": "[1:100,1:100]", "BIASSEC": wrong}, (100, 120))
        assert layout is not None
        assert corners(layout.data) == [(0, 100, 0, 100)]
        assert corners(layout.overscan) == [(0, 100, 100, 120)]
        assert any("BIASSEC" in note for note in notes[1:])


def test_cards_of_the_primary_hdu_are_inherited_on_demand() -> None:
    primary = {"DATASEC": "[1:100,1:100]"}
    assert layout_of_cards({"INHERIT": True}, (100, 120), primary)[0] is not None
    assert layout_of_cards({}, (100, 120), primary)[0] is None
    binned, _ = layout_of_cards({"DATASEC": "[1:200,1:200]"}, (100, 120), {"CCDSUM": "2 2"})
    assert binned is not None


def test_overscan_that_cannot_be_seen_is_used(tmp_path: Path) -> None:
    """A frame without light has no step at its overscan; a bright band has one, and is none."""
    frame = RNG.normal(1000, 5, (200, 232))
    frame[80:120, :200] += 400
    header = fits.Header([("DATASEC", "[1:200,1:200]"), ("BIASSEC", "[201:232,1:200]"), ("BUNIT", "electron")])
    fits.PrimaryHDU(frame.round().astype("i2"), header).writeto(tmp_path / "a.fits")
    entry = next(iter(find_images(tmp_path / "a.fits")))
    assert isinstance(entry, ImageEntry)
    report, analysis = report_image(entry, tuned=False, peers=False)
    assert analysis.amplifiers is not None
    assert corners(analysis.amplifiers.data) == [(0, 200, 0, 200)]
    assert report.details["overscan"] == [[0, 200, 200, 232]]
    assert report.details["data"] == [[0, 200, 0, 200]]
    assert analysis.transfer is not None
    assert analysis.transfer.bias == pytest.approx(1000, abs=1)
    assert "amplifiers and overscan are those of DATASEC and BIASSEC" in report.notes
    assert report.unit == "electron"
    # Without the cards the band is taken for an amplifier.
    guessed = analyse_frame(entry.pixels).amplifiers
    assert guessed is not None
    assert len(guessed.data) > 1
    assert not guessed.overscan


def test_each_hdu_has_its_own_cards(tmp_path: Path) -> None:
    """One HDU per amplifier, the first with a text that has no quotes, which astropy does not read."""
    pixels = RNG.normal(500, 5, (64, 72)).astype("i2")
    hdus = [fits.PrimaryHDU()]
    for number in range(3):
        header = fits.Header([("DATASEC", f"[{number + 1}:{number + 60},1:64]"), ("BIASSEC", "[66:72,1:64]")])
        hdus.append(fits.ImageHDU(pixels, header))
    fits.HDUList(hdus).writeto(tmp_path / "amps.fits")
    written = (tmp_path / "amps.fits").read_bytes()
    (tmp_path / "amps.fits").write_bytes(written.replace(b"'[1:60,1:64]'", b" [1:60,1:64] "))
    found = [entry for entry in find_images(tmp_path / "amps.fits") if isinstance(entry, ImageEntry)]
    assert [corners(entry.layout.data) for entry in found if entry.layout] == [[(0, 64, n, n + 60)] for n in range(3)]


def test_the_unit_is_that_of_the_pixels_as_they_are_stored(tmp_path: Path) -> None:
    for cards, unit in (
        ([("BUNIT", "Jy/beam")], "Jy/beam"),
        ([("BUNIT", "K"), ("BSCALE", 0.5)], "x 0.5 K"),
        ([("BUNIT", "  ")], "ADU"),
        ([("BUNIT", 5)], "ADU"),
        ([("BSCALE", 0.5)], "x 0.5 ADU"),
    ):
        hdu = fits.PrimaryHDU(np.arange(12, dtype="i2").reshape(3, 4))
        hdu.header.update(cards)
        hdu.writeto(tmp_path / "unit.fits", overwrite=True)
        entry = next(iter(find_images(tmp_path / "unit.fits")))
        assert isinstance(entry, ImageEntry)
        assert entry.unit == unit
    assert pixel_unit({"units": "counts"}) == "counts"


def test_what_may_be_lost_is_told_in_the_unit_of_the_image(tmp_path: Path) -> None:
    hdu = fits.PrimaryHDU(np.random.default_rng(0).normal(1000, 300, (128, 128)).astype("i2"))
    hdu.header["BSCALE"] = 0.01
    hdu.writeto(tmp_path / "a.fits")
    fits_tiles.compress(tmp_path / "a.fits", tmp_path / "a.ac.fits", max_error=0.3)
    stated = fits_loss(str(tmp_path / "a.ac.fits"), 1, ())
    assert stated is not None
    assert stated.words == "astrocodec, max_error 0.3"
    assert (stated.bound == 30).all()  # of stored integers


@settings(deadline=None, max_examples=40)
@given(
    st.dictionaries(
        st.sampled_from(("DATASEC", "BIASSEC", "TRIMSEC", "DATASECA", "DATASECB", "BIASSECA", "CCDSEC", "PRESEC")),
        st.tuples(*[st.integers(-2, 45)] * 4).map(lambda n: f"[{n[0]}:{n[1]},{n[2]}:{n[3]}]"),
    ),
    st.dictionaries(st.sampled_from(("LTV1", "LTV2", "LTM1_1", "CCDSUM", "AMPSROW")), st.integers(-4, 4)),
)
def test_any_sections_give_regions_that_make_up_the_frame(sections: dict[str, Any], others: dict[str, Any]) -> None:
    """And a frame with these regions can be analysed; warnings are errors."""
    layout, notes = layout_of_cards(sections | others, (30, 40))
    assert all(isinstance(note, str) for note in notes)
    if layout is None:
        return
    count = np.zeros((30, 40), int)
    for region in layout.regions:
        count[region] += 1
    assert (count == 1).all()
    assert len(layout.bias) in (0, len(layout.data))
    analyse_frame(RNG.normal(100, 5, (30, 40)).round().astype("i2"), layout=layout)


def test_what_is_left_of_a_frame_is_cut_into_rectangles() -> None:
    assert cells((4, 4), []) == [(slice(0, 4), slice(0, 4))]
    assert corners(cells((10, 10), [(slice(2, 8), slice(3, 6))])) == [
        (0, 2, 0, 10),
        (2, 8, 0, 3),
        (2, 8, 6, 10),
        (8, 10, 0, 10),
    ]
