"""Radio skies, the interferometer that sees them, CLEAN, and the command that writes them."""

import doctest
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from click.testing import CliRunner

from astrocodec.cli.simulate import simulate_command
from astrocodec.simulate.clean import Clean, clean, subtract_points
from astrocodec.simulate.cosmic_web import Web, web_emission
from astrocodec.simulate.interferometer import Interferometer, baselines, briggs_weights, observation, stations
from astrocodec.simulate.radio_sky import RadioSky, at_beam, observe_radio, simulate_radio, sky_model, varied
from astrocodec.simulate.radio_sources import (
    DEGREE2,
    Halos,
    RadioGalaxies,
    add_fr1,
    add_fr2,
    add_halos,
    draw_fluxes,
)  # fmt: skip


def test_a_seed_gives_the_same_field_and_another_seed_another():
    first, again, other = (simulate_radio("noise", shape=(48, 64), seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first.data, again.data)
    assert not np.array_equal(first.sky, other.sky)


def test_point_sources_keep_their_flux_in_jansky_per_beam():
    settings = RadioSky(shape=(64, 64))
    sky = np.zeros((64, 64))
    sky[30, 40] = 0.25
    image = at_beam(sky, settings)
    assert image.max() == pytest.approx(0.25, rel=1e-3)  # a point of 1 Jy peaks at 1 Jy / beam
    assert image.sum() / settings.beam_area == pytest.approx(0.25, rel=1e-3)
    assert settings.beam_area == pytest.approx(math.pi / (4 * math.log(2)) * 9)


def test_counts_of_sources_have_the_slopes_of_the_surveys():
    galaxies = RadioGalaxies(faintest=1e-3, brightest=1.0)
    fluxes = draw_fluxes(galaxies, 30 * DEGREE2, np.random.default_rng(0))
    assert len(fluxes) == pytest.approx(30 * 313, rel=0.05)
    for low, high, slope in ((1e-3, 1e-2, 2.1), (0.01, 0.4, 1.54)):
        chosen = fluxes[(fluxes > low) & (fluxes < high)]
        middle = math.sqrt(low * high)
        expected = (middle ** (1 - slope) - high ** (1 - slope)) / (low ** (1 - slope) - high ** (1 - slope))
        assert (chosen > middle).mean() == pytest.approx(expected, abs=0.03)


def test_the_web_has_filaments_above_empty_space():
    light, density = web_emission(Web(brightness=1e-5, layers=1), (256, 256), 2.0, np.random.default_rng(1))
    assert np.quantile(light, 0.99) == pytest.approx(1e-5)
    assert np.median(light) < 0.2 * np.quantile(light, 0.99)
    assert density.std() > 0.5


@pytest.mark.parametrize(("add", "edge_is_brighter"), [(add_fr1, False), (add_fr2, True)])
def test_lobes_are_bright_where_their_kind_says(add, edge_is_brighter):
    image = np.zeros((129, 129))
    add(image, 64.0, 64.0, 1.0, 60.0, np.random.default_rng(5))
    assert image.sum() == pytest.approx(1.0, rel=0.02)
    y, x = np.indices(image.shape) - 64
    distance = np.hypot(y, x)
    inner, outer = (image[(distance > low) & (distance < high)].sum() for low, high in ((2, 15), (20, 40)))
    assert (outer > inner) == edge_is_brighter


def test_halos_form_where_matter_is_dense():
    density = np.full((200, 200), 0.01)
    density[150, 50] = 1e4
    image = np.zeros((200, 200))
    count = add_halos(image, Halos(density=200.0, relics=0.0), density, 2.0, np.random.default_rng(1))
    assert count > 0
    y, x = np.unravel_index(image.argmax(), image.shape)
    assert (y, x) == (150, 50)


def test_varied_fields_span_from_faint_to_bright():
    base = RadioSky(shape=(64, 64))
    skies = [at_beam(sky_model(replace(varied(base, seed), galaxies=None), seed), base) for seed in range(12)]
    level = np.array([np.quantile(sky, 0.99) for sky in skies]) / base.array.noise
    assert level.min() < 0.5
    assert level.max() > 3


def test_baselines_are_those_of_a_turning_earth():
    array = Interferometer(core=2, remote=3, interval=3600.0)
    places, uvw = stations(array), baselines(array)
    pairs = len(places) * (len(places) - 1) // 2
    assert uvw.shape == (8 * pairs, 3)
    first, second = np.triu_indices(len(places), 1)
    lengths = np.hypot(*(places[second] - places[first]).T)
    # Turning keeps lengths.
    assert np.allclose(np.linalg.norm(uvw.reshape(8, pairs, 3), axis=2), lengths)
    # On the meridian, at the zenith, baselines are east and north, and level.
    above = replace(array, declination=array.latitude, hours=0.001, interval=1.0)
    assert np.allclose(baselines(above)[:pairs, :2], (places[second] - places[first]), atol=20.0)


def test_uniform_weights_even_out_what_natural_ones_keep():
    uv = np.concatenate([np.zeros((50, 2)), [[5.0, 3.0]], [[-5.0, -3.0]]])
    natural, uniform = (briggs_weights(uv, 1.0, robust) for robust in (2.0, -2.0))
    assert natural[0] == pytest.approx(natural[50], rel=0.01)
    assert uniform[:50].sum() == pytest.approx(uniform[50:].sum(), rel=0.05)  # the conjugates share a cell


def test_clean_finds_points_and_leaves_noise():
    rng = np.random.default_rng(2)
    y, x = np.indices((128, 128)) - 64
    beam = np.exp(-(y**2 + x**2) / 8.0) * (1 + 0.3 * np.cos(np.hypot(y, x)))
    beam /= beam[64, 64]
    truth = np.zeros((64, 64))
    truth[20, 30], truth[50, 10] = 1.0, 0.4

    def seen(sky):
        found = np.zeros((64, 64))
        for row, column in zip(*np.nonzero(sky), strict=True):
            found += sky[row, column] * beam[64 - row : 128 - row, 64 - column : 128 - column]
        return found

    noise = rng.normal(0, 1e-3, (64, 64))
    dirty = seen(truth) + noise
    model, residual = clean(dirty, beam, 1e-3, Clean(), lambda found: dirty - seen(found))
    assert model[19:22, 29:32].sum() == pytest.approx(1.0, abs=0.02)
    assert model[49:52, 9:12].sum() == pytest.approx(0.4, abs=0.02)
    assert np.abs(residual).max() < 6e-3
    assert subtract_points(dirty.copy(), beam, 0.1, 0.0, 7)[1] == 7


@pytest.fixture(scope="module")
def images():
    pytest.importorskip("ducc0", reason="ducc0 is not installed")
    array = Interferometer(core=12, remote=8, interval=1200.0)
    settings = RadioSky(shape=(64, 96), web=None, halos=None, galaxies=RadioGalaxies(5e-3, 0.5, 80.0), array=array)
    return {kind: observe_radio(settings, kind, seed=8) for kind in ("dirty", "clean")}


def test_clean_images_are_nearer_to_the_truth_than_dirty_ones(images):
    errors = {kind: float((field.data - field.sky).std()) for kind, field in images.items()}
    assert errors["clean"] < 0.5 * errors["dirty"]
    clean_one = images["clean"]
    place = np.unravel_index(clean_one.sky.argmax(), clean_one.sky.shape)
    assert clean_one.data[place] == pytest.approx(clean_one.sky[place], rel=0.1)


def test_the_dirty_beam_is_centred_and_the_noise_is_as_asked():
    pytest.importorskip("ducc0", reason="ducc0 is not installed")
    observed = observation(Interferometer(core=12, remote=8, interval=1200.0), (64, 96), 2.0)
    beam = observed.beam()
    assert np.unravel_index(beam.argmax(), beam.shape) == (64, 96)
    assert beam.max() == pytest.approx(1.0, abs=1e-4)
    sky = np.zeros((64, 96))
    sky[10, 70] = 1.0
    seen = observed.image(observed.visibilities(sky))
    assert np.abs(seen - beam[64 - 10 : 128 - 10, 96 - 70 : 192 - 70]).max() < 5e-3
    noise = observed.image(observed.noise(np.random.default_rng(1)))
    assert noise.std() == pytest.approx(1e-4, rel=0.15)


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ducc0", None)
    with pytest.raises(ImportError, match=r"pip install 'astrocodec\[radio\]'"):
        simulate_radio("dirty", shape=(64, 64))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: simulate_radio("cleaned"), "kind is 'cleaned'; allowed are sky, noise, dirty, clean"),
        (lambda: simulate_radio("dirty", shape=(63, 64)), "even numbers from 32"),
        (lambda: simulate_radio("sky", shape=(0, 64)), "shape is"),
        (lambda: simulate_radio("sky", seed=-1), "seed is -1"),
        (lambda: RadioGalaxies(faintest=0.0), "RadioGalaxies.faintest is 0.0"),
        (lambda: Interferometer(robust=3.0), "Interferometer.robust is 3.0"),
        (lambda: Clean(gain=0.0), "Clean.gain is 0.0"),
    ],
)
def test_wrong_settings_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_the_command_writes_image_and_sky(tmp_path):
    out = tmp_path / "field.fits"
    result = CliRunner().invoke(simulate_command, [str(out), "--radio", "noise", "--shape", "40x50", "--seed", "6"])
    assert (result.exit_code, result.output) == (0, "")
    again = simulate_radio("noise", shape=(40, 50), seed=6)
    with fits.open(out) as hdus:
        hdus.verify("exception")
        assert np.array_equal(hdus[0].data, again.data)
        assert np.array_equal(hdus["SKY"].data, again.sky)
        header = hdus[0].header
        assert (header["BUNIT"], header["SIMKIND"], header["NOISE"]) == ("Jy/beam", "noise", 1e-4)
        place = WCS(header).pixel_to_world(25, 20)
        assert (place.ra.deg, place.dec.deg) == pytest.approx((180.0, 55.0))
        assert WCS(header).pixel_to_world(24, 20).ra.deg > 180.0  # east is to the left
    refused = CliRunner().invoke(simulate_command, [str(tmp_path / "b"), "--radio", "sky", "--ramp", "RAPID"])
    assert refused.exit_code == 2
    assert "--radio goes with radio images, not with --ramp" in refused.output


def test_ducc0_is_loaded_when_it_is_needed():
    code = "import sys, astrocodec.simulate; print({'astropy', 'ducc0', 'scipy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


@pytest.mark.parametrize("name", ["radio_sky", "radio_sources", "cosmic_web", "interferometer", "clean"])
def test_examples_in_docstrings(name):
    outcome = doctest.testmod(sys.modules[f"astrocodec.simulate.{name}"])
    assert outcome.attempted > 0
    assert outcome.failed == 0
