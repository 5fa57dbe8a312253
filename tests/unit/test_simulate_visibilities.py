"""Simulated visibilities: real arrays, noise of the radiometer equation, blocks, files, and the command."""

import doctest
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from astrocodec.cli.simulate import simulate_command
from astrocodec.simulate import baseline_geometry, layouts, visibilities
from astrocodec.simulate.layouts import layout
from astrocodec.simulate.visibilities import Visibilities, VisibilitySettings

SMALL = VisibilitySettings("lofar", stations=6, times=5, channels=12, seed=3)
QUIET = replace(SMALL, sources=0, diffuse=0.0, outlier=0.0, occupied=0.0, drift=0.0)


@pytest.mark.parametrize("module", [baseline_geometry, layouts, visibilities])
def test_examples_run(module):
    assert doctest.testmod(module).attempted > 0
    assert doctest.testmod(module).failed == 0


def test_arrays_are_the_published_ones():
    lofar, meerkat, low = (layout(name) for name in layouts.NAMES)
    assert (len(lofar.names), len(meerkat.names), len(low.names)) == (62, 64, 512)
    separation = np.linalg.norm(lofar.places[:, None] - lofar.places, axis=-1)
    fields = separation[lofar.names.index("CS302HBA0"), lofar.names.index("CS302HBA1")]
    assert fields == pytest.approx(128.9, abs=2)  # two fields of a core station
    longest = np.linalg.norm(meerkat.places[:, None] - meerkat.places, axis=-1).max()
    assert longest == pytest.approx(7700, rel=0.02)  # 7.7 km (Jonas et al. 2016)
    assert np.hypot(*low.places[:, :2].T).max() * 2 > 65_000  # baselines out to 74 km
    with pytest.raises(ValueError, match="allowed are 2 to 64 of meerkat"):
        layout("meerkat", 65)


def test_noise_is_that_of_the_radiometer_equation_times_the_gains():
    made = Visibilities(replace(QUIET, stations=10, times=40))
    vis = made.block(0, 40).vis
    gains = made._gains.at(np.zeros(1))[0]
    level = np.abs(gains[made.antenna1, :, 0, 0] * gains[made.antenna2, :, 0, 0])
    part = (vis[..., 0] / level).real
    assert made.noise[0, 6] == pytest.approx(2800.0 / np.sqrt(2 * 48_828.125 * 4.0), rel=0.01)
    assert part.std() == pytest.approx(made.noise.mean(), rel=0.02)
    assert np.abs(np.corrcoef(part[..., 0].ravel(), part[..., 1].ravel())[0, 1]) < 0.08


def test_any_block_is_the_same_part_of_the_observation():
    made = Visibilities(SMALL)
    whole, part = made.block(0, 5), made.block(2, 4)
    assert np.array_equal(whole.vis[2:4], part.vis)
    assert np.array_equal(whole.flags[2:4], part.flags)
    assert np.array_equal(whole.uvw[2:4], part.uvw)
    other = Visibilities(replace(SMALL, seed=4)).block(0, 5)
    assert not np.array_equal(whole.vis, other.vis)


def test_a_point_source_has_the_fringes_of_its_place():
    made = Visibilities(replace(QUIET, noise=0.0, outlier=5.0))
    vis = made.block(0, 5).vis
    turned = np.angle(vis[:, :, 1:, 0] * vis[:, :, :-1, 0].conj())
    *_, lmn = made.sources.lmn
    delay = made.uvw(0, 5) @ lmn / 299_792_458.0
    expected = -2 * np.pi * delay * made.width
    cable = turned - expected[..., None]  # what is left are delays and ripples of stations, the same at all times
    wrapped = np.abs(np.exp(1j * (cable - cable[:1])) - 1)
    assert np.ptp(expected) > 0.1
    assert np.median(wrapped) < 0.02


def test_interference_is_flagged_but_for_a_little():
    made = Visibilities(replace(SMALL, times=60, channels=64, occupied=0.1))
    block = made.block(0, 60)
    assert 0.01 < block.flags.mean() < 0.4
    strong, rest = np.abs(block.vis[block.flags]), np.abs(block.vis[~block.flags])
    assert strong.mean() > 2 * rest.mean()


@pytest.mark.parametrize("ending", [".npz", ".uvh5", ".uvfits", ".ms"])
def test_files_hold_what_was_made(ending, tmp_path):
    if ending in (".uvh5", ".uvfits"):
        pyuvdata = pytest.importorskip("pyuvdata")
    tables = pytest.importorskip("casacore.tables") if ending == ".ms" else None
    out = tmp_path / f"set{ending}"
    arguments = [
        str(out),
        "--visibilities",
        "lofar",
        "--stations",
        "6",
        "--times",
        "5",
        "--channels",
        "12",
        "--seed",
        "3",
    ]
    result = CliRunner().invoke(simulate_command, arguments)
    assert result.exit_code == 0, result.output
    assert [path.name for path in tmp_path.iterdir()] == [out.name]
    expected = Visibilities(SMALL).block(0, 5)
    if tables is not None:
        table = tables.table(str(out), ack=False)
        vis, flags, uvw = (table.getcol(name) for name in ("DATA", "FLAG", "UVW"))
        table.close()
        vis, uvw = vis.conj(), -uvw
        with tables.table(f"{out}::SPECTRAL_WINDOW", ack=False) as window:
            assert window.getcol("CHAN_FREQ")[0, 0] == Visibilities(SMALL).frequencies[0]
    elif ending == ".npz":
        with np.load(out) as arrays:
            vis, flags, uvw = arrays["vis"], arrays["flags"], arrays["uvw"]
    else:
        data = pyuvdata.UVData.from_file(str(out), run_check_acceptability=False)
        data.reorder_pols([0, 2, 3, 1] if ending == ".uvfits" else [0, 1, 2, 3])
        vis, flags, uvw = data.data_array, data.flag_array, data.uvw_array
    assert np.array_equal(vis.reshape(expected.vis.shape), expected.vis)
    assert np.array_equal(flags.reshape(expected.vis.shape), expected.flags)
    assert np.allclose(uvw.reshape(expected.uvw.shape), expected.uvw, rtol=1e-6, atol=1e-3)


def test_the_command_refuses_what_cannot_be(tmp_path):
    run = CliRunner().invoke
    for arguments, text in (
        (["a.fits", "--visibilities", "lofar"], "allowed are .npz, .uvh5, .uvfits, .ms"),
        (["a.npz", "--visibilities", "meerkat", "--stations", "65"], "allowed are 2 to 64"),
        (["a.npz", "--visibilities", "lofar", "--shape", "9x9"], "--shape is of images"),
        (["a.npz", "--times", "3"], "--times needs --visibilities"),
    ):
        result = run(simulate_command, [str(tmp_path / arguments[0]), *arguments[1:]])
        assert result.exit_code == 2
        assert text in result.output
    assert not list(tmp_path.iterdir())
