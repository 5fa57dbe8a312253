"""Simulated epochs: registration, seeing, sky and noise of each frame are found again, and a seed fixes them."""

import doctest
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astrocodec.simulate import epochs as module
from astrocodec.simulate.epochs import FILTERS, SECONDS, EpochSettings, draw_frames, expose_epochs, simulate_epochs
from astrocodec.simulate.sky import Galaxies, Stars

CLEAR = replace(EpochSettings().detector, cosmic_rate=0.0, column_pattern=0.0)
NO_GALAXIES = Galaxies(density=0.0)
BRIGHT_STARS = Stars(300.0, 30.0, 300.0, 0.5, bright=0.0)


def level_of(frame):
    """Sky above bias, as the median of a frame with few sources."""
    return float(np.median(frame)) - 1000.0


def shift_between(first, second):
    """Shift of `second` against `first`, pixels, by phase correlation refined with the slope of the phase."""
    transforms = [np.fft.fft2((np.clip(f, 900.0, 30_000.0) - np.median(f)) * _window(f.shape)) for f in (first, second)]
    product = transforms[1] * np.conj(transforms[0])
    fy, fx = np.fft.fftfreq(first.shape[0]), np.fft.fftfreq(first.shape[1])
    low = (np.hypot(fy[:, None], fx) < 0.12) & (np.abs(product) > 0)
    rows = np.stack(np.broadcast_arrays(fy[:, None], fx))[:, low].T
    weight = np.sqrt(np.abs(product[low]))
    # Shifts below a pixel turn these low frequencies by less than half a turn: no unwrapping is needed.
    return np.linalg.lstsq(rows * weight[:, None], -np.angle(product[low]) / (2.0 * np.pi) * weight, rcond=None)[0]


def _window(shape):
    return np.hanning(shape[0])[:, None] * np.hanning(shape[1])


def test_registration_is_found_again_by_phase_correlation():
    many = Stars(1500.0, 30.0, 300.0, 0.5, bright=0.0)
    cube = simulate_epochs("r", epochs=5, shape=(300, 300), seed=3, detector=CLEAR, stars=many)
    frames = cube.truth["frames"][:, 0]
    assert np.ptp(frames["dy"]) > 0.3
    for frame, data in zip(frames[1:], cube.data[1:], strict=True):
        found = shift_between(cube.data[0].astype(float), data.astype(float))
        assert found == pytest.approx([frame["dy"] - frames[0]["dy"], frame["dx"] - frames[0]["dx"]], abs=0.04)


def width_of_star(stamp):
    """FWHM of a Moffat profile with the exponent of the simulation, by a search for least squares."""
    y, x = np.indices(stamp.shape)
    weight = np.clip(stamp - np.median(stamp), 0.0, None) ** 2
    centre = (weight * y).sum() / weight.sum(), (weight * x).sum() / weight.sum()
    distance2 = (y - centre[0]) ** 2 + (x - centre[1]) ** 2
    best = (np.inf, 0.0)
    for fwhm in np.arange(1.5, 8.0, 0.02):
        profile = (1.0 + distance2 * 4.0 * (2.0 ** (1.0 / 3.0) - 1.0) / fwhm**2) ** -3.0
        design = np.stack([profile.ravel(), np.ones(stamp.size)], axis=1)
        misfit = np.linalg.lstsq(design, stamp.ravel(), rcond=None)[1]
        best = min(best, (float(misfit[0]), float(fwhm)))
    return best[1]


def test_seeing_is_found_again_by_a_fit():
    sky = {"stars": BRIGHT_STARS, "galaxies": NO_GALAXIES, "detector": CLEAR}
    cube = simulate_epochs("gz", epochs=4, shape=(200, 200), seed=8, seeing_scatter=0.2, **sky)
    for frames, planes in zip(cube.truth["frames"], cube.data, strict=True):
        assert frames["fwhm"][0] / frames["fwhm"][1] == pytest.approx((0.9134 / 0.4770) ** 0.2)
        for frame, data in zip(frames, planes.astype(float), strict=True):
            y, x = np.unravel_index(data[20:-20, 20:-20].argmax(), (160, 160))
            stamp = data[y + 20 - 10 : y + 20 + 11, x + 20 - 10 : x + 20 + 11]
            assert width_of_star(stamp) == pytest.approx(frame["fwhm"], rel=0.06)


@pytest.mark.parametrize("name", FILTERS)
def test_sky_and_its_noise_are_those_of_filter_and_night(name):
    dark_field = {"stars": Stars(0.0, bright=0.0), "galaxies": NO_GALAXIES, "sky_gradient": 0.0, "detector": CLEAR}
    cube = simulate_epochs(name, epochs=3, shape=(200, 200), seed=4, **dark_field)
    used = FILTERS[name]
    for frame, data in zip(cube.truth["frames"][:, 0], cube.data.astype(float), strict=True):
        level = frame["sky"] * SECONDS / used.gain
        assert data.mean() - 1000.0 == pytest.approx(level + 0.002 * SECONDS / used.gain, abs=0.1)
        assert data.var() == pytest.approx(level / used.gain + used.dark_variance + 1.0 / 12.0, rel=0.04)
    assert len({float(sky) for sky in cube.truth["frames"]["sky"].ravel()}) == 3


def test_nights_scatter_as_the_survey_did():
    frames = draw_frames(EpochSettings("ur", epochs=2000), 1)
    assert np.percentile(frames["fwhm"][:, 1] * 0.396, [25, 50, 75]) == pytest.approx([1.30, 1.43, 1.58], rel=0.02)
    magnitudes = 20.86 - 2.5 * np.log10(frames["sky"][:, 1] / FILTERS["r"].sky_rate)
    assert np.percentile(magnitudes, [25, 50, 75]) == pytest.approx([20.70, 20.86, 21.03], abs=0.03)
    assert np.corrcoef(frames["fwhm"].T)[0, 1] == pytest.approx(1.0)
    assert abs(np.corrcoef(frames["dy"].T)[0, 1]) < 0.1
    assert frames["dx"].min() < -0.49
    assert frames["dx"].max() < 0.5


def test_sources_dim_with_the_air_and_have_colours():
    fixed = {"shift": 0.0, "seeing_scatter": 0.0, "sky_scatter": 0.0, "sky_gradient": 0.0, "detector": CLEAR}
    cube = simulate_epochs("gri", epochs=3, shape=(300, 300), seed=5, **fixed)
    light = cube.data.astype(float) - np.median(cube.data, axis=(2, 3), keepdims=True)
    frames = cube.truth["frames"]
    sums = light.sum(axis=(2, 3))
    assert sums[1] / sums[0] == pytest.approx(frames["transparency"][1] / frames["transparency"][0], rel=0.03)


def test_sources_have_colours_of_their_own():
    fixed = {"shift": 0.0, "sky_gradient": 0.0, "detector": CLEAR, "galaxies": NO_GALAXIES}
    cube = simulate_epochs("gi", shape=(300, 300), epochs=1, seed=5, stars=BRIGHT_STARS, **fixed).data.astype(float)
    light = cube - np.median(cube, axis=(1, 2), keepdims=True)
    green, infrared = light.reshape(2, 10, 30, 10, 30).sum(axis=(2, 4)).reshape(2, -1)
    brightest = np.argsort(infrared)[-10:]
    ratios = green[brightest] / infrared[brightest]
    assert ratios.max() > 1.3 * ratios.min() > 0.0


def test_cosmic_rays_are_new_in_each_frame():
    hit = replace(CLEAR, cosmic_rate=5.0)
    dark_field = {"stars": Stars(0.0, bright=0.0), "galaxies": NO_GALAXIES, "shape": (200, 200)}
    cube = simulate_epochs("r", epochs=2, seed=6, detector=hit, **dark_field).data.astype(float)
    struck = cube > np.median(cube) + 150.0
    assert (struck.sum(axis=(1, 2)) > 10).all()
    assert (struck[0] & struck[1]).sum() <= 2


def test_a_seed_fixes_epochs_and_frames_come_in_order():
    settings_ = EpochSettings("gr", epochs=3, shape=(40, 50))
    whole = simulate_epochs("gr", epochs=3, shape=(40, 50), seed=2).data
    assert np.array_equal(np.stack(list(expose_epochs(settings_, seed=2))), whole.reshape(6, 40, 50))
    assert not np.array_equal(simulate_epochs("gr", epochs=3, shape=(40, 50), seed=3).data, whole)


def test_sources_beyond_the_edge_reach_into_the_field():
    wide = Stars(20_000.0, 1000.0, 1001.0, 1.0, bright=0.0)
    frame = simulate_epochs("r", epochs=1, shape=(3, 3), seed=1, stars=wide, galaxies=NO_GALAXIES, detector=CLEAR)
    assert level_of(frame.data) > 2.0 * FILTERS["r"].sky_rate * SECONDS / FILTERS["r"].gain


@given(
    filters=st.permutations("ugriz").flatmap(lambda all_: st.integers(1, 5).map(lambda n: "".join(all_[:n]))),
    count=st.integers(1, 3),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 70)),
    seed=st.integers(0, 2**63 - 1),
)
@settings(max_examples=30, deadline=None)
def test_any_shape_gives_epochs_of_that_shape(filters, count, shape, seed):
    cube = simulate_epochs(filters, epochs=count, shape=shape, seed=seed)
    axes = (count,) if len(filters) == 1 else (len(filters),) if count == 1 else (count, len(filters))
    assert cube.data.dtype == np.uint16
    assert cube.data.shape == cube.truth["settings"].cube == (*axes, *shape)
    assert cube.truth["frames"].shape == (count, len(filters))
    header = cube.header()
    assert len(header.tostring()) % 2880 == 0
    assert (header["FILTERS"], header["NEPOCHS"], header["SIMSEED"]) == (filters, count, seed)
    assert header[f"GAIN_{filters[0]}"] == FILTERS[filters[0]].gain


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: simulate_epochs("y"), "filters is 'y'; allowed are u, g, r, i, z"),
        (lambda: simulate_epochs("rr"), "each once at most"),
        (lambda: simulate_epochs(""), "filters is ''"),
        (lambda: simulate_epochs(epochs=0), "epochs is 0"),
        (lambda: simulate_epochs(shape=(5, 0)), r"shape is \(5, 0\)"),
        (lambda: simulate_epochs("ugriz", epochs=90_000, shape=(800, 800)), "pixels of the epochs"),
        (lambda: simulate_epochs(seeing=0.0), "seeing is 0.0"),
        (lambda: simulate_epochs(transparency=(0.9, 0.8)), r"transparency\[0\] is 0.9"),
        (lambda: simulate_epochs(seed=-1), "seed is -1"),
    ],
)
def test_wrong_parameters_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_examples_in_docstrings():
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0
