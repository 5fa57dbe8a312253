"""Simulated frames: their statistics are those of their parameters, and a seed fixes them."""

import doctest
import os
import subprocess
import sys
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from astrocodec.cli.simulate import simulate_command
from astrocodec.simulate import (
    PRESETS,
    Converter,
    Preset,
    configure,
    detector,
    digitise,
    observe,
    simulate,
    simulate_epochs,
    simulate_ramp,
    sky,
    uneven_widths,
)
from astrocodec.simulate.detector import Amplifier, Detector, amplifier_areas, collect, limit_to_full_well, transfer
from astrocodec.simulate.sky import Galaxies, LongSlit, Scene, Sky, Stars, make_scene

QUIET = Detector(
    dust=0.0, dark_current=0.0, hot_pixels=0.0, hot_columns=0, cosmic_rate=0.0, blooming=False, cti=0.0, serial_cti=0.0,
    bias_gradient=0.0, row_noise=0.0, column_pattern=0.0,
)  # fmt: skip
LAMP = Scene(Sky(level=1000.0, gradient=0.0, vignetting=0.0))


def rng(seed=0):
    return np.random.default_rng(seed)


# Scenes


def test_scene_of_sky_alone_has_its_level_at_the_centre_and_loses_light_at_the_corners():
    image = make_scene(Scene(Sky(level=10.0, gradient=0.0, vignetting=0.2)), (101, 101), rng())
    assert image.dtype == np.float32
    assert image[50, 50] == pytest.approx(10.0)
    assert image[0, 0] == pytest.approx(8.0, rel=1e-5)


def test_sky_gradient_grows_along_its_angle():
    image = make_scene(Scene(Sky(level=10.0, gradient=0.2, angle=0.0, vignetting=0.0)), (11, 101), rng())
    assert image[5, -1] - image[5, 0] == pytest.approx(2.0, rel=1e-5)
    assert np.ptp(image[:, 7]) == 0.0


def test_a_star_keeps_its_flux_and_width():
    stars = Stars(density=0.0, bright=25.0, brightest=1000.0, fwhm=4.0, beta=4.0)
    scene = Scene(Sky(level=1e-3, gradient=0.0, vignetting=0.0), stars=stars)
    image = make_scene(scene, (201, 201), rng(1)) - 1e-3
    assert image.sum() == pytest.approx(1000.0, rel=0.01)
    above_half = np.count_nonzero(image > image.max() / 2.0)
    assert above_half == pytest.approx(np.pi * 2.0**2, rel=0.3)


def test_star_fluxes_follow_their_power_law():
    fluxes = sky.power_law(200_000, 1.0, 1e6, 1.5, rng())
    assert np.count_nonzero(fluxes > 10.0) / fluxes.size == pytest.approx(10.0**-1.5, rel=0.05)


def test_galaxies_have_exactly_their_flux():
    galaxies = Galaxies(density=100.0, faintest=50.0, brightest=50.0001, radius=(2.0, 2.5), index=(1.0, 1.5))
    image = make_scene(Scene(Sky(0.0, 0.0, 0.0, 0.0), galaxies=galaxies), (300, 300), rng(4))
    assert image.sum() / 50.0 == pytest.approx(round(image.sum() / 50.0), abs=0.3)
    assert image.sum() > 100.0


def test_half_of_a_sersic_disc_lies_within_its_effective_radius():
    y, x = np.mgrid[-100:101, -100:101].astype(float)
    distance = np.hypot(y, x)
    profile = sky.sersic(distance, 10.0, 1.0)
    assert profile[distance < 10.0].sum() / profile.sum() == pytest.approx(0.5, abs=0.02)


def test_an_arc_has_lines_and_no_trace():
    scene = Scene(Sky(0.0, 0.0, 0.0, 0.0), slit=LongSlit(lines=12.5, tilt=0.0, arc=True))
    image = make_scene(scene, (20, 400), rng(2))
    assert np.allclose(image, image[0])
    assert image.max() > 1.0


def test_a_spectrum_has_a_trace_near_the_middle():
    scene = Scene(Sky(0.0, 0.0, 0.0, 0.0), slit=LongSlit(lines=0))
    profile = make_scene(scene, (100, 400), rng(2)).sum(axis=1)
    assert 38 <= profile.argmax() <= 66


# Detector


def flat_pair(gain=2.0, read_noise=6.0, exptime=20.0, **changes):
    preset = Preset("pair", "", LAMP, replace(QUIET, amplifiers=(Amplifier(gain, 500.0, read_noise),), **changes))
    preset = replace(preset, shape=(400, 400), exptime=exptime)
    return [observe(preset, seed=5, exposure=n).data.astype(float) for n in range(2)]


def test_photon_transfer_gives_the_gain():
    first, second = flat_pair(gain=2.0)
    signal = (first.mean() + second.mean()) / 2.0 - 500.0
    variance = (first - second).var() / 2.0 - (6.0 / 2.0) ** 2
    assert signal / variance == pytest.approx(2.0, rel=0.02)
    assert signal == pytest.approx(20_000.0 / 2.0, rel=0.01)


def test_a_dark_pair_gives_the_read_noise_and_the_bias():
    first, second = flat_pair(gain=1.5, read_noise=9.0, exptime=0.0)
    assert (first - second).std() / np.sqrt(2.0) * 1.5 == pytest.approx(9.0, rel=0.02)
    assert first.mean() == pytest.approx(500.0, abs=0.1)


def test_exposures_share_the_flat_field_and_serial_numbers_do_not():
    first, second = flat_pair(prnu=0.05)
    other, _ = flat_pair(prnu=0.05, serial=1)
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.9
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.05
    assert first.std() / (first.mean() - 500.0) == pytest.approx(0.05, rel=0.1)


def test_overscan_of_each_amplifier_has_its_bias_level_and_no_light():
    frame = simulate("flat", shape=(256, 320), seed=1)
    levels = [frame.data[area.overscan].mean() for area in frame.truth["areas"]]
    assert len(levels) == 2
    for area, level in zip(frame.truth["areas"], levels, strict=True):
        # The bias rises by a gradient of 3 ADU, and charge left by transfers trails into the first columns.
        assert level == pytest.approx(area.amplifier.bias + 1.5, abs=1.0)
        assert frame.data[area.data].mean() > 10 * level


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("shape", [(8, 40), (9, 43)])
def test_areas_cover_the_frame_once(count, shape):
    layout = Detector(amplifiers=(Amplifier(),) * count, overscan=3)
    areas = amplifier_areas(shape, layout)
    hits = np.zeros(shape, int)
    image = np.zeros(detector.image_shape(shape, layout), int)
    for area in areas:
        hits[area.data] += 1
        hits[area.overscan] += 1
        image[area.image] += 1
    assert (hits == 1).all()
    assert (image == 1).all()


def test_amplifiers_keep_the_image_in_place():
    layout = replace(QUIET, amplifiers=tuple(Amplifier(1.0, 0.0, 0.0) for _ in range(4)), overscan=3)
    charge = rng().random((10, 14), dtype=np.float32) * 100
    frame = detector.read_out(charge, (10, 20), layout, rng())
    for area in amplifier_areas((10, 20), layout):
        assert np.array_equal(frame[area.data], charge[area.image])


def test_cosmic_rays_come_at_their_rate():
    charge = np.zeros((500, 500), np.float32)
    rays = replace(QUIET, cosmic_rate=1.0, thickness=1.0)
    detector.add_cosmic_rays(charge, rays, 400.0, rng(3))
    # On average 1200 electrons per pixel of path; the mean of 1/cosine is 4/3, of the log-normal factor exp(0.08).
    assert charge.sum() == pytest.approx(100 * 1200.0 * 4.0 / 3.0 * np.exp(0.08), rel=0.3)
    assert 80 < np.count_nonzero(charge) < 500


def test_blooming_conserves_charge_and_fills_the_column():
    charge = np.zeros((50, 3), np.float32)
    charge[25, 1] = 1000.0
    limit_to_full_well(charge, Detector(full_well=100.0, blooming=True))
    assert charge.max() <= 100.0
    assert charge.sum() == pytest.approx(1000.0)
    assert np.count_nonzero(charge[:, 1]) in (10, 11)
    assert not charge[:, [0, 2]].any()


def test_without_blooming_charge_above_full_well_is_drained():
    charge = np.full((4, 4), 200.0, np.float32)
    limit_to_full_well(charge, Detector(full_well=100.0, blooming=False))
    assert (charge == 100.0).all()


def test_transfer_trails_grow_with_the_number_of_transfers_and_conserve_charge():
    charge = np.zeros((100, 2), np.float32)
    charge[10, 0] = charge[80, 1] = 1000.0
    transfer(charge, 1e-3)
    assert charge[10, 0] == pytest.approx(1000.0 * 0.999**11, rel=1e-5)
    assert charge[80, 1] == pytest.approx(1000.0 * 0.999**81, rel=1e-5)
    assert charge.sum(axis=0) == pytest.approx([1000.0, 1000.0], rel=1e-5)
    assert not charge[:10, 0].any()


def test_hot_pixels_and_columns_are_fixed():
    hot = replace(QUIET, hot_pixels=0.01, hot_rate=100.0, hot_columns=2, hot_column_rate=50.0)
    first, second = detector.dark_rate((100, 100), hot), detector.dark_rate((100, 100), hot)
    assert np.array_equal(first, second)
    assert 90 <= np.count_nonzero(first) <= 350


def test_bayer_mosaic_repeats_with_two_pixels():
    frame = simulate("flat", shape=(64, 64), bayer=True).data.astype(float) - 1000.0
    green, red, blue = frame[0::2, 1:20:2].mean(), frame[0::2, 0:20:2].mean(), frame[1::2, 1:20:2].mean()
    assert red / green == pytest.approx(0.62, rel=0.03)
    assert blue / green == pytest.approx(0.71, rel=0.03)


def test_collected_charge_is_poissonian():
    charge = collect(np.full((300, 300), 10.0, np.float32), replace(QUIET, prnu=0.0), 10.0, rng())
    assert charge.var() / charge.mean() == pytest.approx(1.0, rel=0.03)
    assert (charge == np.rint(charge)).all()


# Converter


def test_a_plain_converter_rounds_and_clips():
    signal = np.array([[-5.0, 0.4, 0.6, 1.4, 4094.7, 1e9]], np.float32)
    assert digitise(signal, Converter(bits=12)).tolist() == [[0, 0, 1, 1, 4095, 4095]]


@pytest.mark.parametrize("period", [2, 4, 16])
def test_code_widths_give_their_occupancy(period):
    widths = uneven_widths(period, 0.4)
    assert np.mean(widths) == pytest.approx(1.0)
    signal = rng().uniform(800.0, 800.0 + 64.0 * period, (1000, 400)).astype(np.float32)
    codes = digitise(signal, Converter(bits=12, widths=widths))
    counts = np.bincount((codes % period).ravel(), minlength=period)
    assert counts / counts.mean() == pytest.approx(widths, rel=0.05)


def test_uneven_codes_favour_even_ones_in_a_frame():
    even = [np.mean(simulate("ccd", shape=(256, 256), uneven_codes=flag).data % 2 == 0) for flag in (False, True)]
    assert even[0] == pytest.approx(0.5, abs=0.01)
    assert even[1] == pytest.approx(0.5 + 0.5 * 0.2, abs=0.02)


def test_missing_codes_are_absent_and_the_code_below_takes_their_place():
    signal = np.arange(4096, dtype=np.float32)[None]
    codes = digitise(signal, Converter(bits=12, missing=(0, 1, 100)))
    assert codes[0, :3].tolist() == [2, 2, 2]
    assert codes[0, 99:102].tolist() == [99, 99, 101]
    codes = digitise(signal, Converter(bits=12, missing=(3,), missing_period=4))
    assert not np.any(codes % 4 == 3)


@given(
    bits=st.integers(12, 16),
    widths=st.lists(st.floats(0.0, 4.0), min_size=1, max_size=16).filter(lambda w: sum(w) > 0.1),
    values=st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=30),
)
@settings(max_examples=60, deadline=None)
def test_any_converter_is_monotonic_and_within_its_scale(bits, widths, values):
    converter = Converter(bits=bits, widths=tuple(widths), shift=16 - bits)
    codes = digitise(np.sort(np.array([values], np.float32)), converter)
    assert (np.diff(codes) >= 0).all()
    assert codes.min() >= 0
    assert codes.max() <= converter.full_scale << converter.shift
    assert not np.any(codes % (1 << converter.shift))


# Frames


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_makes_a_frame_that_its_seed_fixes(name):
    first, again = (simulate(name, shape=(96, 160), seed=7, keep_expected=True) for _ in range(2))
    other = simulate(name, shape=(96, 160), seed=8)
    assert first.data.dtype == np.uint16
    assert first.data.shape == first.truth["expected"].shape == (96, 160)
    assert np.array_equal(first.data, again.data)
    assert not np.array_equal(first.data, other.data)
    assert first.data.max() <= (1 << PRESETS[name].converter.bits) - 1
    assert np.median(first.data - first.truth["expected"]) == pytest.approx(0.0, abs=2.0)


def test_presets_look_like_what_they_are():
    assert simulate("bias", shape=(128, 128)).data.std() < 20
    assert np.median(simulate("flat", shape=(128, 128)).data) > 10_000
    assert simulate("cmos", shape=(128, 128)).data.max() <= 4095
    xray = simulate("xray", shape=(256, 256)).data
    assert np.mean(xray == 0) > 0.8
    assert xray.max() >= 1


def test_exposures_of_one_seed_show_one_scene_with_other_noise():
    first, second = (simulate("ccd", shape=(200, 200), exposure=n, keep_expected=True) for n in range(2))
    assert np.array_equal(first.truth["expected"], second.truth["expected"])
    assert not np.array_equal(first.data, second.data)


def test_signed_infrared_frames_have_their_bias_subtracted():
    frame = simulate("infrared", shape=(128, 128), dtype="int32", exptime=0.0, keep_expected=True)
    assert frame.truth["bias"] == (0.0,) * 4
    assert not frame.truth["expected"].any()
    assert frame.data.dtype == np.int32
    assert frame.data.mean() == pytest.approx(0.0, abs=1.0)
    assert frame.data.min() < 0
    expected_noise = np.sqrt(2.0) * np.hypot(13.5 / 2.5, 1.5)
    assert frame.data.std() == pytest.approx(expected_noise, rel=0.1)


def test_int16_frames_hold_the_same_numbers():
    wide, narrow = (simulate("ccd", shape=(40, 40), bits=14, dtype=dtype).data for dtype in ("uint16", "int16"))
    assert narrow.dtype == np.int16
    assert np.array_equal(wide, narrow)


def test_fewer_bits_keep_the_full_scale_in_electrons():
    coarse, fine = (simulate("flat", shape=(64, 96), bits=bits) for bits in (12, 16))
    ratio = np.median(fine.data) / np.median(coarse.data)
    assert ratio == pytest.approx(16.0, rel=0.01)
    assert coarse.truth["gain"][0] == 16.0 * fine.truth["gain"][0]


def test_left_justified_data_have_empty_low_bits():
    frame = simulate("cmos", shape=(40, 40), left_justify=True)
    assert not np.any(frame.data & 15)
    assert frame.data.max() > 4095 // 4


@given(
    preset=st.sampled_from(sorted(PRESETS)),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 70)),
    seed=st.integers(0, 2**63 - 1),
)
@settings(max_examples=60, deadline=None)
def test_any_shape_and_seed_gives_a_frame_of_that_shape(preset, shape, seed):
    frame = simulate(preset, shape=shape, seed=seed)
    assert frame.data.shape == shape
    assert frame.header()["SIMSEED"] == seed


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: simulate("plate"), "preset is 'plate'; allowed are ccd"),
        (lambda: simulate(shape=(0, 10)), r"shape is \(0, 10\)"),
        (lambda: simulate(shape=(10**6, 10**6)), "shape is"),
        (lambda: simulate(bits=11), "Converter.bits is 11; allowed is 12 to 16"),
        (lambda: simulate(exptime=float("nan")), "exptime is nan"),
        (lambda: simulate(seed=-1), "seed is -1"),
        (lambda: simulate(arc=True), "Choose that preset"),
        (lambda: simulate(dtype="int16"), "bits plus shift of int16 data is 16"),
        (lambda: simulate(dtype="float32"), "dtype is 'float32'"),
        (lambda: uneven_widths(3, 0.1), "period is 3"),
        (lambda: Converter(missing=(0, 1), missing_period=2), "no code"),
        (lambda: Detector(amplifiers=()), "0 amplifiers"),
        (lambda: amplifier_areas((4, 4), Detector(overscan=4)), "at least 1 rows and 5 columns"),
        (lambda: Stars(slope=0.0), "Stars.slope is 0.0"),
    ],
)
def test_wrong_parameters_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


# Files


def test_header_describes_the_frame():
    frame = simulate("ccd", shape=(64, 320), seed=3, exptime=5.0)
    header = frame.header()
    assert (header["GAIN"], header["RDNOISE"], header["EXPTIME"], header["SIMSEED"]) == (1.6, 5.2, 5.0, 3)
    assert header["DATASEC1"] == "[1:140,1:64]"
    assert header["BIASSEC1"] == "[141:160,1:64]"
    assert header["BIASSEC2"] == "[161:180,1:64]"
    assert "not an observation" in str(header["HISTORY"])


def run(*arguments):
    return CliRunner().invoke(simulate_command, [str(argument) for argument in arguments])


def test_command_writes_the_frame(tmp_path):
    out = tmp_path / "frame.fits"
    result = run(out, "--shape", "48x64", "--seed", 9, "--uneven-codes")
    assert (result.exit_code, result.output) == (0, "")
    with fits.open(out) as hdus:
        hdus.verify("exception")
        assert hdus[0].data.dtype.name == "uint16"
        assert np.array_equal(hdus[0].data, simulate("ccd", shape=(48, 64), seed=9, uneven_codes=True).data)
    assert fits.getheader(out, do_not_scale_image_data=True)["BZERO"] == 32768
    assert [path.name for path in tmp_path.iterdir()] == ["frame.fits"]


def test_command_writes_extensions_of_cubes_that_their_headers_reproduce(tmp_path):
    out = tmp_path / "chips.fits"
    assert run(out, "--shape", "30x40", "--extensions", 2, "--planes", 3, "--preset", "cmos").exit_code == 0
    with fits.open(out) as hdus:
        assert hdus[0].data is None
        assert [hdu.name for hdu in hdus[1:]] == ["CHIP1", "CHIP2"]
        for hdu in hdus[1:]:
            card = hdu.header
            for plane in range(3):
                frame = observe(
                    configure("cmos", shape=(30, 40), serial=card["SIMSERNO"]), seed=card["SIMSEED"], exposure=plane
                )
                assert np.array_equal(hdu.data[plane], frame.data)


@pytest.mark.parametrize(("integrations", "axes"), [(1, (3,)), (2, (2, 3))])
def test_command_writes_a_ramp_that_its_header_reproduces(tmp_path, integrations, axes):
    out = tmp_path / "ramp.fits"
    result = run(
        out, "--ramp", "BRIGHT2", "--groups", 3, "--integrations", integrations, "--shape", "30x41", "--seed", 4
    )
    assert (result.exit_code, result.output) == (0, "")
    with fits.open(out) as hdus:
        hdus.verify("exception")
        (hdu,) = hdus
        assert hdu.data.dtype == np.uint16
        assert hdu.data.shape == (*axes, 30, 41)
        card = hdu.header
        again = simulate_ramp(
            card["READPATT"], groups=card["NGROUPS"], integrations=card["NINTS"], shape=(30, 41), seed=card["SIMSEED"]
        )
        assert np.array_equal(hdu.data, again.data)
    assert out.stat().st_size % 2880 == 0


def test_command_writes_epochs_with_the_truth_of_each_frame(tmp_path):
    out = tmp_path / "epochs.fits"
    assert run(out, "--epochs", 2, "--filters", "gri", "--shape", "40x50", "--seed", 4).exit_code == 0
    again = simulate_epochs("gri", epochs=2, shape=(40, 50), seed=4)
    with fits.open(out) as hdus:
        hdus.verify("exception")
        assert np.array_equal(hdus[0].data, again.data)
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "FRAMES"]
        rows = hdus["FRAMES"].data
        assert rows["filter"].tolist() == ["g", "r", "i"] * 2
        assert rows["epoch"].tolist() == [0, 0, 0, 1, 1, 1]
        for name in ("dy", "dx", "fwhm", "sky", "transparency"):
            assert np.array_equal(rows[name], again.truth["frames"][name].ravel())
    assert [path.name for path in tmp_path.iterdir()] == ["epochs.fits"]


def test_a_long_ramp_is_written_in_little_memory(tmp_path):
    out = tmp_path / "ramp.fits"
    tracemalloc.start()
    assert run(out, "--ramp", "RAPID", "--groups", 200, "--shape", "128x128").exit_code == 0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert out.stat().st_size > 2 * 200 * 128 * 128
    assert peak < 2 * 200 * 128 * 128


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--groups", "3"], "--groups needs --ramp"),
        (["--filters", "gr"], "--filters needs --epochs"),
        (["--ramp", "RAPID", "--planes", "3"], "--planes goes with frames, not with --ramp"),
        (["--ramp", "RAPID", "--uneven-codes"], "--uneven-codes goes with frames, not with --ramp"),
        (["--epochs", "3", "--preset", "cmos"], "--preset goes with frames, not with --epochs"),
        (["--ramp", "RAPID", "--epochs", "3"], "--epochs goes with epochs, not with --ramp"),
        (["--epochs", "3", "--groups", "2"], "--groups goes with ramps, not with --epochs"),
        (["--epochs", "3", "--filters", "xy"], "filters is 'xy'"),
        (["--ramp", "RAPID", "--shape", "9000x9000", "--groups", "900"], "pixels of the ramp"),
        (["--ramp", "FASTR1"], "FASTR1"),
    ],
)
def test_command_refuses_options_of_two_kinds(tmp_path, arguments, words):
    result = run(tmp_path / "cube.fits", *arguments)
    assert result.exit_code == 2
    assert words in result.output
    assert not list(tmp_path.iterdir())


def test_command_refuses_to_overwrite_unless_told(tmp_path):
    out = tmp_path / "frame.fits"
    out.write_text("mine")
    refused = run(out, "--shape", "8x8")
    assert refused.exit_code == 5
    assert refused.output == f"astrocodec: {out}: exists already; give --overwrite to replace it\n"
    assert out.read_text() == "mine"
    assert run(out, "--shape", "8x8", "--overwrite").exit_code == 0
    assert fits.getdata(out).shape == (8, 8)


@pytest.mark.parametrize(
    "arguments",
    [["--arc"], ["--shape", "8"], ["--shape", "0x8"], ["--bits", "9"], ["--planes", "9999", "--shape", "999x999"]],
)
def test_command_refuses_wrong_options(tmp_path, arguments):
    result = run(tmp_path / "frame.fits", *arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert not list(tmp_path.iterdir())


def test_command_reports_a_missing_folder_and_leaves_nothing(tmp_path):
    result = run(tmp_path / "nowhere" / "frame.fits", "--shape", "8x8")
    assert result.exit_code == 6
    assert f"{tmp_path / 'nowhere'}: no such file or directory" in result.output
    assert result.output.count("\n") == 1


def test_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    out = tmp_path / "frame.fits"
    assert run(out, "--shape", "8x8").exit_code == 0
    before = out.read_bytes()

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    assert run(out, "--shape", "8x8", "--seed", 1, "--overwrite").exit_code == 6
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["frame.fits"]


def test_a_full_disk_is_named(tmp_path):
    out = tmp_path / "frame.fits"
    code = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000)); from astrocodec.cli import main; "
    command = [sys.executable, "-c", f"{code}main(['simulate', {str(out)!r}, '--shape', '300x300'])"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 6
    assert done.stderr.startswith(f"astrocodec: {out}: no space left")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_pipe_is_not_replaced(tmp_path):
    out = tmp_path / "pipe"
    os.mkfifo(out)
    result = run(out, "--shape", "8x8", "--overwrite")
    assert result.exit_code == 5
    assert "is a device or pipe" in result.output
    assert out.is_fifo()


def test_imports_stay_light():
    code = "import sys, astrocodec.cli.simulate; print({'astropy', 'torch', 'scipy'} & set(sys.modules))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "set()"


@pytest.mark.parametrize("module", ["astrocodec.simulate", "astrocodec.simulate.sky", "astrocodec.simulate.detector"])
def test_examples_in_docstrings(module):
    outcome = doctest.testmod(sys.modules[module])
    assert outcome.attempted > 0
    assert outcome.failed == 0
