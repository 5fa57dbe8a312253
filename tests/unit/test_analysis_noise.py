"""Noise, SNR, gain and floor of simulated frames, against the truth they were made with."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("photutils", reason="photutils is not installed")

from astrocodec.analysis import (
    amplifiers,
    background_map,
    noise_floor,
    photon_transfer,
    snr_map,
    source_mask,
)
from astrocodec.analysis.frame import analyse_frame
from astrocodec.analysis.noise.entropy import poisson_read_bits_of
from astrocodec.analysis.noise.local_noise import local_noise
from astrocodec.simulate import Frame, Preset, configure, observe

# Patterns of the detector, which are noise to one frame and none of the truth compared with.
EVEN = {"prnu": 0.0, "dust": 0.0, "column_pattern": 0.0, "row_noise": 0.0, "hot_pixels": 0.0, "hot_columns": 0}


def preset(name: str, is_even: bool = False, **changes: Any) -> Preset:
    """A preset without a bias gradient, whose counts the truth could not tell from light; perhaps without patterns."""
    found = configure(name, **changes)
    patterns = EVEN if is_even else {}
    return replace(found, detector=replace(found.detector, bias_gradient=0.0, **patterns))


def truth_of(frame: Frame) -> tuple[NDArray[Any], NDArray[Any]]:
    """Standard deviation before rounding, ADU, and entropy of every pixel."""
    expected = frame.truth["expected"]
    noise, bits = np.zeros_like(expected), np.zeros_like(expected)
    for area in frame.truth["areas"]:
        amplifier = area.amplifier
        for part, light in ((area.data, 1.0), (area.overscan, 0.0)):
            electrons = light * np.maximum((expected[part] - amplifier.bias) * amplifier.gain, 0)
            noise[part] = np.sqrt(electrons + amplifier.read_noise**2) / amplifier.gain
            bits[part] = poisson_read_bits_of(electrons, amplifier.gain, amplifier.read_noise)
    return noise, bits


SETTINGS = [
    ("ccd", {}),
    ("ccd", {"exptime": 5.0}),
    ("ccd", {"bits": 14}),
    ("ccd", {"bits": 14, "left_justify": True}),
    ("cmos", {}),
    ("infrared", {}),
    ("bias", {}),
    ("flat", {}),
]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("name", "changes"), SETTINGS)
def test_noise_snr_and_floor_are_true(name: str, changes: dict[str, Any], seed: int) -> None:
    """Noise within 2 %, floor within 0.02 bits, SNR of mean 0 and width 1 where there is no source."""
    frame = observe(preset(name, is_even=True, **{"shape": (768, 832)} | changes), seed=seed, keep_expected=True)
    shift = 1 << frame.truth["preset"].converter.shift
    layout = amplifiers(frame.data)
    background = background_map(frame.data, regions=layout.regions)
    snr = snr_map(frame.data, background)
    # Hot pixels and hits of particles are neither sources nor noise.
    sky = ~source_mask(frame.data, background, snr=snr).mask & (np.abs(snr) < 5)
    noise, bits = truth_of(frame)
    assert np.median(background.noise[sky] / (shift * noise[sky])) == pytest.approx(1, abs=0.02)
    assert snr[sky].mean() == pytest.approx(0, abs=0.03)
    assert snr[sky].std() == pytest.approx(1, abs=0.015)
    assert noise_floor(frame.data, background).gaussian == pytest.approx(bits.mean(), abs=0.02)
    # Boxes of the differences are not the background's: independent estimates of one noise.
    near = local_noise(frame.data, regions=layout.regions)
    assert np.median(near[sky] / background.noise[sky]) == pytest.approx(1, abs=0.04)


@pytest.mark.parametrize(
    ("changes", "seed"),
    [({}, 1), ({}, 2), ({}, 3), ({"bits": 14}, 1), ({"exptime": 20.0}, 2), ({"shape": (512, 600)}, 3)],
)
def test_gain_and_read_noise_of_one_frame_with_overscan(changes: dict[str, Any], seed: int) -> None:
    """Within 5 %, with all patterns of the detector; the floor of the frame within 0.02 bits."""
    frame = observe(preset("ccd", **changes), seed=seed, keep_expected=True)
    found = analyse_frame(frame.data)
    assert len(found.transfers) == 2
    for (_, transfer), gain, read_noise in zip(
        found.transfers, frame.truth["gain"], frame.truth["read_noise"], strict=True
    ):
        assert transfer.is_reliable
        assert transfer.gain == pytest.approx(gain, rel=0.05)
        assert transfer.read_noise == pytest.approx(read_noise, rel=0.05)
    assert found.floor is not None
    assert found.floor.poisson_read is not None
    assert found.floor.poisson_read == pytest.approx(truth_of(frame)[1].mean(), abs=0.02)


@pytest.mark.parametrize("seed", [1, 2])
def test_gain_from_a_pair_of_flats(seed: int) -> None:
    """The response of the pixels cancels between the two."""
    flats = [observe(preset("flat"), seed=seed, exposure=n) for n in (0, 1)]
    for area in flats[0].truth["areas"]:
        found = photon_transfer([f.data for f in flats], region=area.data, overscan=area.overscan)
        assert found.method == "pair and overscan"
        assert found.gain == pytest.approx(area.amplifier.gain, rel=0.05)
        assert found.read_noise == pytest.approx(area.amplifier.read_noise, rel=0.05)


def test_one_flat_is_not_believed() -> None:
    """Its noise is mostly the response of the pixels."""
    frame = observe(preset("flat"), seed=1)
    area = frame.truth["areas"][0]
    assert not photon_transfer(frame.data, region=area.data, overscan=area.overscan).is_reliable


def test_known_bias_and_read_noise_stand_for_an_overscan() -> None:
    """As a camera's data sheet gives them."""
    frame = observe(preset("cmos", is_even=True, exptime=60.0), seed=1)
    amplifier = frame.truth["areas"][0].amplifier
    mask = source_mask(frame.data, background_map(frame.data)).mask
    found = photon_transfer(
        frame.data, bias=amplifier.bias, read_noise_adu=amplifier.read_noise / amplifier.gain, mask=mask
    )
    assert found.gain == pytest.approx(amplifier.gain, rel=0.05)


@pytest.mark.parametrize("seed", [1, 2])
def test_counted_photons(seed: int) -> None:
    """Mostly zeros: no clipping of the few ones, and the floor of Poisson's distribution."""
    frame = observe(preset("xray"), seed=seed, keep_expected=True)
    found = analyse_frame(frame.data)
    assert found.transfer is not None
    assert found.transfer.method == "counts"
    assert found.floor_bits == pytest.approx(truth_of(frame)[1].mean(), abs=0.02)
    assert found.background is not None
    assert found.background.level.mean() == pytest.approx(np.median(frame.truth["expected"]), rel=0.05)


def test_structure_is_no_noise() -> None:
    """Waves finer than the boxes are not in the floor."""
    y, x = np.mgrid[:300, :300]
    waves = 400 * np.sin(x / 9) * np.cos(y / 7)
    image = (5000 + waves + np.random.default_rng(2).normal(0, 6, (300, 300))).round().astype(np.int16)
    found = noise_floor(image)
    assert found.gaussian == pytest.approx(np.log2(6 * np.sqrt(2 * np.pi * np.e)), abs=0.1)


def test_a_slope_is_no_noise() -> None:
    """Ten times the noise across a box."""
    image = np.add.outer(2.0 * np.arange(500), np.arange(600.0)) + np.random.default_rng(3).normal(0, 10, (500, 600))
    background = background_map(image)
    assert np.median(background.noise) == pytest.approx(10, rel=0.03)
    assert abs(np.median(snr_map(image, background))) < 0.02


@pytest.mark.parametrize("estimator", ["median", "mean", "sextractor"])
def test_level_does_not_jump_with_the_codes(estimator: Any) -> None:
    """A level of a third of a code is found in rounded noise of half a code and more."""
    image = np.random.default_rng(4).normal(100.3, 0.8, (300, 300)).round().astype(np.int16)
    allowed = 0.07 if estimator == "sextractor" else 0.03
    assert background_map(image, estimator=estimator).level.mean() == pytest.approx(100.3, abs=allowed)


def test_masked_pixels_do_not_count() -> None:
    """Neither to level nor to noise nor as sources."""
    image = np.random.default_rng(5).normal(100, 5, (200, 200))
    mask = np.zeros(image.shape, bool)
    mask[20:90, 30:120] = True
    image[mask] = 1e5
    background = background_map(image, mask=mask)
    assert background.level.mean() == pytest.approx(100, abs=0.3)
    assert background.noise.mean() == pytest.approx(5, rel=0.03)
    found = source_mask(np.ma.array(image, mask=mask), background)
    assert found.count == 0


@pytest.mark.parametrize(
    "options", [{"box": 1}, {"sigma": 0.5}, {"estimator": "mode"}, {"filter_size": 2}, {"filter_size": 0}]
)
def test_options_outside_their_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="allowed"):
        background_map(np.zeros((50, 50)), **options)
