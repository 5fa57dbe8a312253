"""The benchmark of visibility codecs: what it says of known losses, and that codecs are what they are called."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("matplotlib")
pytest.importorskip("constriction")

from astrocodec.bench.tables import write_csv
from astrocodec.bench.visibilities.casacore_peers import casacore_peers
from astrocodec.bench.visibilities.coherence import ORDERS, mean_ratios
from astrocodec.bench.visibilities.curves import at, saving
from astrocodec.bench.visibilities.dithered import dithered_peer
from astrocodec.bench.visibilities.figure import image_figure, rates_figure, waterfall_figure
from astrocodec.bench.visibilities.hdf5_peers import hdf5_peers
from astrocodec.bench.visibilities.measure import Row, measure_set, theory
from astrocodec.bench.visibilities.peer import DITHERED, Coded, VisPeer
from astrocodec.bench.visibilities.rows import rows_from_csv
from astrocodec.bench.visibilities.sets import VisSet, read_set
from astrocodec.bench.visibilities.table import text
from astrocodec.bench.visibilities.white_noise import bits_and_floor
from astrocodec.cli import cli
from astrocodec.simulate.visibilities import Visibilities, VisibilitySettings

SMALL = VisibilitySettings("ska-low", stations=7, times=20, channels=32, seed=2)


@pytest.fixture(scope="module")
def data() -> VisSet:
    """A small set whose noise is known."""
    made = Visibilities(SMALL)
    block = made.block(0, SMALL.times)
    noise = np.broadcast_to(made.noise[..., None], block.vis.shape[1:]).astype(np.float32)
    vis = np.where(block.flags, 0, block.vis).astype(np.complex64)
    return VisSet(
        "small", "simulated", vis, block.flags, noise, block.uvw, made.frequencies, made.times * 86_400.0,
        made.antenna1, made.antenna2, False,
    )  # fmt: skip


def white(data: VisSet, seed: int = 1) -> np.ndarray:
    draws = np.random.default_rng(seed).standard_normal((*data.vis.shape, 2)).astype(np.float32)
    return draws.view(np.complex64)[..., 0]


def measured(data: VisSet, error: np.ndarray) -> Row:
    peer = VisPeer(
        "fake", lambda given, level: Coded((given.vis + error).astype(np.complex64), 1000, 1.0, 2.0), (0.01,)
    )
    (row,) = measure_set(data, [peer])
    return row


def test_a_known_loss_is_measured(data, tmp_path):
    row = measured(data, 0.1 * data.noise * white(data))
    assert row.added == pytest.approx(0.01, rel=0.03)
    assert row.added_trimmed == pytest.approx(0.0095, rel=0.06)
    assert 0.01 < row.added_worst < 0.013
    assert row.image_noise == pytest.approx(0.1, rel=0.3)
    assert row.delay == pytest.approx(0.01, rel=0.1)
    assert row.power == pytest.approx(0.01, rel=0.2)
    assert row.coherence < 1.2
    assert row.magnitude == pytest.approx(0, abs=0.01)
    assert row.bits == pytest.approx(8000 / data.reals)
    assert row.encode == pytest.approx(data.vis.nbytes / 1e6)
    write_csv(tmp_path / "rows.csv", [row.flat()])
    assert rows_from_csv(tmp_path / "rows.csv")[0].flat() == row.flat()


def test_errors_that_do_not_average_down_are_found(data):
    """The same error at all times is as large as white noise in each sample, and stands out of every average."""
    same = np.broadcast_to(white(data)[:1], data.vis.shape)
    row = measured(data, 0.1 * data.noise * same)
    assert row.added == pytest.approx(0.01, rel=0.15)
    assert row.power == pytest.approx(0.01 * SMALL.times, rel=0.3)
    assert row.coherence > 2
    ratios = {axis: mean_ratios(same, data.known, axis)[10] for axis in ORDERS}
    assert ratios["time"] == pytest.approx(math.sqrt(10), rel=0.1)
    assert ratios["frequency"] == pytest.approx(1, abs=0.2)


def test_biases_are_found(data):
    row = measured(data, 0.02 * data.vis * 1j)
    assert row.phase == pytest.approx(0.02, rel=0.01)
    assert measured(data, 0.1 * data.vis).magnitude > 0.1


def test_order_0_coding_reaches_white_noise_at_the_noise_asked_for(data):
    quiet = replace(data, vis=(data.noise * white(data)).astype(np.complex64), flags=np.zeros_like(data.flags))
    rows = list(measure_set(quiet, [dithered_peer()]))
    for row, asked in zip(rows, (0.1, 0.01, 0.001), strict=True):
        assert row.added == pytest.approx(asked, rel=0.03)
        assert theory(row.added) - 0.02 < row.bits < theory(row.added) + 0.12
        assert row.coherence < 1.2


def test_bits_are_compared_at_equal_noise():
    assert at([(0.01, 4.0), (0.04, 3.0)], 0.02) == pytest.approx(3.5)
    assert at([(0.01, 4.0)], 0.04) == pytest.approx(3.0)
    assert at([(0.01, 4.0)], 1e-9) is None
    base = Row("a", "file", "2x9x8x4", "Dysco AF", "8 bits", bits=9.9, nominal=4.0, added=0.02, added_trimmed=0.01)
    ours = replace(base, codec="astrocodec", bits=3.0, nominal=None, added=0.01)
    share, count = saving([base, ours], "astrocodec", "Dysco AF", 0.01)
    assert (share, count) == (pytest.approx(0.25), 1)
    assert saving([replace(row, shape="2x1x8x4") for row in (base, ours)], "astrocodec", "Dysco AF", 0.01)[1] == 0


def test_dysco_and_sisco_are_the_real_ones(data):
    pytest.importorskip("casacore.tables")
    few = [replace(peer, levels=peer.levels[2:5] or peer.levels) for peer in casacore_peers()]
    rows = {(row.codec, row.level): row for row in measure_set(data, few)}
    for name in ("Dysco AF", "Dysco RF", "Dysco Row"):
        four, six, eight = (rows[name, f"{bits} bits"] for bits in (4, 6, 8))
        assert four.added > 4 * six.added > 16 * eight.added > 0
        assert 4 < four.bits < six.bits < eight.bits
        assert eight.nominal == 8
    assert rows["Sisco", ""].note == ""
    assert 20 < rows["Sisco", ""].bits < 40
    single = replace(data, vis=data.vis[:1], flags=data.flags[:1], uvw=data.uvw[:1], times=data.times[:1])
    row, *_ = measure_set(single, [few[0]])
    assert "written twice" in row.note


def test_hdf5_codecs_keep_their_bounds(data):
    pytest.importorskip("hdf5plugin")
    rows = list(measure_set(data, hdf5_peers()))
    assert {row.codec for row in rows if not row.level and not row.note} == {"bitshuffle+lz4", "bitshuffle+zstd"}
    by_codec = {name: [row.added for row in rows if row.codec == name] for name in ("SZ3", "ZFP")}
    assert by_codec["SZ3"][0] < 0.02**2
    for added in by_codec.values():
        assert added == sorted(added)


def test_rows_come_onto_a_grid_and_what_is_no_cross_correlation_is_left_out(tmp_path):
    made = Visibilities(replace(SMALL, stations=4, channels=16))
    block = made.block(0, SMALL.times)
    vis, uvw = block.vis.copy(), block.uvw.copy()
    vis[:, 2], uvw[:, 2] = vis[:, 2].conj(), -uvw[:, 2]
    first, second = made.antenna1.copy(), made.antenna2.copy()
    first[2], second[2] = second[2], first[2]
    times, baselines = vis.shape[:2]
    keep = np.random.default_rng(1).permutation(times * baselines)[:-5]  # five rows are missing
    np.savez(
        tmp_path / "rows.npz",
        vis=vis.reshape(-1, 1, 16, 4)[keep], flags=np.zeros((len(keep), 1, 16, 4), bool),
        uvw=uvw.reshape(-1, 1, 3)[keep], freqs_hz=made.frequencies, times_jd=np.repeat(made.times, baselines)[keep],
        antenna1=np.tile(first, times)[keep][:, None], antenna2=np.tile(second, times)[keep][:, None],
    )  # fmt: skip
    found = read_set(tmp_path / "rows.npz")
    assert found.vis.shape == vis.shape
    assert (found.antenna1 < found.antenna2).all()
    order = [
        int(np.flatnonzero((made.antenna1 == a) & (made.antenna2 == b))[0])
        for a, b in zip(found.antenna1, found.antenna2, strict=True)
    ]
    there = ~found.flags
    assert there.sum() == len(keep) * 16 * 4
    assert np.array_equal(found.vis[there], block.vis[:, order][there])


def test_a_set_without_rows_is_refused(tmp_path):
    tables = pytest.importorskip("casacore.tables", reason="Measurement Sets need python-casacore")
    described = tables.required_ms_desc()
    described.update(tables.maketabdesc([tables.makearrcoldesc("DATA", 0j, valuetype="complex", ndim=2)]))
    tables.default_ms(str(tmp_path / "a.ms"), described).close()
    with pytest.raises(ValueError, match=r"a\.ms: has no rows"):
        read_set(tmp_path / "a.ms")


def test_the_command_tells_bits_and_writes_tables_and_pictures(data, tmp_path):
    np.savez(
        tmp_path / "a.npz", vis=data.vis, flags=data.flags, uvw=data.uvw, freqs_hz=data.frequencies,
        times_jd=data.times / 86_400.0, antenna1=data.antenna1, antenna2=data.antenna2,
    )  # fmt: skip
    names = ["--codec", "order-0", "-o", str(tmp_path / "a.csv"), "-o", str(tmp_path / "a.png")]
    result = CliRunner().invoke(cli, ["bench", "--vis", str(tmp_path / "a.npz"), *names])
    assert result.exit_code == 0, result.output
    assert "Bits per real at D = 1.0%" in result.output
    assert len(rows_from_csv(tmp_path / "a.csv")) == 3
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    result = CliRunner().invoke(cli, ["bench", "--vis", str(tmp_path / "a.npz"), "--codec", "order-0", "--json"])
    (file,) = json.loads(result.output)["files"]
    assert file["rows"][0]["codec"] == DITHERED
    for arguments, words in (
        (["--vis", "--lossy"], "Give --lossy"),
        (["--vis", "--codec", "x"], "no codec"),
    ):
        result = CliRunner().invoke(cli, ["bench", str(tmp_path / "a.npz"), *arguments])
        assert result.exit_code == 2
        assert words in result.output


def test_pictures_and_tables_are_made_of_what_was_measured(data):
    decoded = data.vis + 0.1 * data.noise * white(data)
    assert waterfall_figure(data, decoded, "a", 0).startswith(b"\x89PNG")
    pytest.importorskip("ducc0")
    assert image_figure(data, decoded, "a").startswith(b"\x89PNG")
    rows = list(measure_set(data, [dithered_peer()]))
    assert rates_figure(rows).startswith(b"\x89PNG")
    assert "small" in text(rows)
    with pytest.raises(ValueError, match="no curve"):
        rates_figure([])


def test_of_a_set_without_noise_only_lossless_codecs_are_measured(data):
    quiet = replace(data, noise=np.full_like(data.noise, np.nan))
    same = VisPeer("same", lambda given, level: Coded(given.vis, 100, 1.0, 1.0), (0.0,), lossless=True)
    lossy, lossless = measure_set(quiet, [dithered_peer(), same])
    assert (lossy.bits, lossy.note) == (None, "the set's noise cannot be known")
    assert (lossless.bits, lossless.note) == (800 / data.reals, "")


def test_white_noise_is_its_own_floor(data):
    noise = np.where(data.flags, 0, data.noise * white(data)).astype(np.complex64)
    bits, floor = bits_and_floor(replace(data, vis=noise), 0.01)
    assert bits == pytest.approx(floor, rel=0.01)
    assert bits_and_floor(data, 0.01)[0] > floor
