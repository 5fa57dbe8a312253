"""Where the noise is none that a detector makes, cells are empty and say why; where it is, they are not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.fft import dctn, idctn
from scipy.ndimage import gaussian_filter

pytest.importorskip("photutils", reason="photutils is not installed")

from astrocodec.analysis import analyse_frame
from astrocodec.analysis.detector.quantisation import quantisation
from astrocodec.analysis.images.image_entry import ImageEntry
from astrocodec.analysis.noise.noise_model import block_transform, is_flags, why_no_floor
from astrocodec.analysis.plane import as_plane
from astrocodec.analysis.report.image_report import report_image
from astrocodec.analysis.signal.sources import Segmentation
from astrocodec.simulate import simulate

RNG = np.random.default_rng(11)
NOISE = RNG.normal(1000, 20, (320, 320))


def jpeg(image: Any, step: float) -> Any:
    """The image with the coefficients of its 8 x 8 blocks rounded, coarser for high frequencies."""
    rows, columns = (side // 8 for side in image.shape)
    blocks = image.reshape(rows, 8, columns, 8).swapaxes(1, 2)
    steps = step * (1 + np.add.outer(np.arange(8), np.arange(8)) / 2)
    rounded = np.rint(dctn(blocks, axes=(2, 3), norm="ortho") / steps) * steps
    return idctn(rounded, axes=(2, 3), norm="ortho").swapaxes(1, 2).reshape(image.shape)


def flags(codes: tuple[int, ...]) -> Any:
    """Clumps of flagged pixels."""
    clumps = gaussian_filter(RNG.normal(0, 1, NOISE.shape), 2) > 0.25
    return np.where(clumps, RNG.choice(codes, NOISE.shape), 0)


def plate() -> Any:
    """A photographic plate as archives keep it: coarse steps of what smooth surfaces leave, HCOMPRESS's way."""
    coarse = RNG.normal(9000, 800, (20, 20))
    return np.kron(coarse, np.ones((16, 16))) + np.kron(RNG.normal(0, 100, (40, 40)), np.ones((8, 8)))


# Image, name of it, and words of the reason.
NO_NOISE: dict[str, tuple[Any, str, str]] = {
    "flags by name": (flags((1, 2, 3)), "3 DQ", "flags, by its name"),
    "flags by their codes": (flags((2, 32, 512, 4096)), "3", "have gaps"),
    "a mask": (flags((1,)), "1", "two values only"),
    "a plate": (plate(), "0", "blocks of|have gaps|below the"),
    "resampled": (NOISE.repeat(2, 0).repeat(2, 1), "0", "blocks of 2 pixels"),
    "jpeg": (jpeg(NOISE, 24), "0", "blocks of 8 pixels"),
    "saturated": (np.minimum(NOISE, 990), "0", "have the largest value"),
}


@pytest.mark.parametrize("name", NO_NOISE)
def test_cells_are_empty_with_a_reason_where_the_noise_is_no_detectors(name: str) -> None:
    image, place, words = NO_NOISE[name]
    report, analysis = report_image(
        ImageEntry("a.fits", place, image.round().astype(np.int32)), tuned=False, peers=False
    )
    for field in ("floor_bits", "efficiency", "share_noise", "step", "saving"):
        assert getattr(report, field) is None, field
        said = report.reasons[field]
        assert said
        if field == "efficiency":
            assert any(part in said for part in words.split("|"))
            assert said in report.notes
    assert analysis.floor is None
    assert report.details["reasons"]["efficiency"] == report.reasons["efficiency"]
    assert "floor" not in report.details
    if "name" in name:
        assert report.sources is report.share_sources is report.noise is None
        assert report.reasons["sources"] == report.reasons["noise"]
    assert not any("the floor is" in note for note in report.notes)


def test_noise_of_a_detector_keeps_its_floor() -> None:
    for image in (
        simulate("ccd", shape=(300, 320), seed=4).data,
        simulate("cmos", shape=(300, 320), seed=4).data,
        NOISE.round().astype(np.int16),
        (NOISE.round() * 16).astype(np.uint16),
    ):
        report, _ = report_image(ImageEntry("a.fits", "1 SCI", image), tuned=False, peers=False)
        assert report.efficiency is not None, report.reasons
        assert 0.7 < report.efficiency <= 1
        assert report.share_noise == report.efficiency
        assert "efficiency" not in report.reasons


def test_wide_noise_that_is_not_gaussian_is_no_reason_for_more_than_all() -> None:
    """Random words of 64 bits take hardly more than they have, less than Gaussian noise as wide."""
    words = RNG.integers(0, 2**64, (100, 100), dtype=np.uint64)
    report, _ = report_image(ImageEntry("a.fits", "0", words), tuned=False, peers=False)
    assert report.efficiency == 1


def test_rows_that_leap_leave_a_floor() -> None:
    """Channels of a readout whose offsets differ by more than the noise."""
    offsets = np.where(np.arange(400) % 2, 200.0, 0.0)[:, None] + RNG.normal(0, 40, (400, 1))
    found = analyse_frame((RNG.normal(1000, 20, (400, 400)) + offsets).round().astype(np.int32))
    assert found.correlated is not None
    assert found.correlated.row_share + found.correlated.column_share <= 1
    assert found.floor_bits is not None
    assert found.floor_bits == pytest.approx(np.log2(20) + 2.05, abs=0.3)


def test_blocks_are_found_where_they_were_rounded() -> None:
    for step in (20, 40, 80):
        assert block_transform(as_plane(jpeg(NOISE, step).round())) == 8
    for image in (NOISE, NOISE[::2], gaussian_filter(NOISE, 1), simulate("ccd", shape=(320, 320), seed=1).data):
        assert block_transform(as_plane(image)) == 0
    assert block_transform(as_plane(np.full((320, 320), 5))) == 0


def test_names_of_flags() -> None:
    for name in ("DQ", "3 DQ", "ooi_mask", "MASK1", "night/quality", "sci-flags", "BPM", "4 SAMP", "NSAMP"):
        assert is_flags(name, np.dtype("i2")), name
    for name in ("SCI", "1", "maskelyne", "qualification", "flagstaff", "sampler", ""):
        assert not is_flags(name, np.dtype("i2")), name
    assert not is_flags("DQ", np.dtype("f4"))


def test_an_image_full_of_sources_has_no_background() -> None:
    plane = as_plane(NOISE.round())
    full = Segmentation(np.ones(NOISE.shape, bool), np.ones(NOISE.shape, np.int32), {})
    snr = np.zeros(NOISE.shape, np.float32)
    assert "sources cover half" in why_no_floor(plane, quantisation(plane), full, snr)
    assert why_no_floor(plane, quantisation(plane), replace(full, mask=np.zeros(NOISE.shape, bool)), snr) == ""
