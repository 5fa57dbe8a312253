"""The benchmark of lossy codecs: what it says of a known loss, and that each codec loses what it is told to."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner

pytest.importorskip("photutils")
pytest.importorskip("imagecodecs")
pytest.importorskip("hdf5plugin")
pytest.importorskip("matplotlib")

from astrocodec.analysis.compare.catalogue import Catalogue
from astrocodec.bench.lossy.curves import BASE, Curve, curves, standings
from astrocodec.bench.lossy.figure import lossy_figure
from astrocodec.bench.lossy.frames import LossyFrame, simulated
from astrocodec.bench.lossy.measure import FLUX_RANGES, NoNoiseError, Row, measure_frame, prepare
from astrocodec.bench.lossy.peer import Coded, LossyPeer, NotApplicableError
from astrocodec.bench.lossy.peers import lossy_peers
from astrocodec.bench.lossy.rows import rows_from_csv
from astrocodec.bench.lossy.table import FULL_HEADINGS, full_lines, summary_lines
from astrocodec.bench.tables import write_csv
from astrocodec.cli import cli

SIGMA = 10.0


@pytest.fixture(scope="module")
def noise() -> LossyFrame:
    """White noise around 1000."""
    pixels = np.random.default_rng(3).normal(1000, SIGMA, (192, 192)).astype(np.float32)
    return LossyFrame("noise", "white noise", pixels)


def test_a_known_loss_is_measured(tmp_path: Path, noise: LossyFrame) -> None:
    """Every second pixel higher by a tenth of the noise, every other one lower, in 5 bits for each."""

    def code(image: np.ndarray, level: float, sigma: float) -> Coded:
        error = level * SIGMA * np.where(np.indices(image.shape).sum(axis=0) % 2, 1, -1)
        return Coded(image.size * 5 // 8, image + error, 2 * level * SIGMA)

    (row,) = measure_frame(noise, [LossyPeer("fake", (0.1,), "sigma", code)])
    assert row.bits == pytest.approx(5)
    assert row.added == pytest.approx(0.01, rel=0.03)
    assert row.added_local == pytest.approx(0.01, rel=0.05)
    assert row.rms == pytest.approx(1)
    assert row.largest_sigma == pytest.approx(0.1, rel=0.02)
    assert row.of_bound == pytest.approx(0.5, rel=1e-3)
    assert row.mean_sigma == pytest.approx(0, abs=1e-6)
    assert row.bound_bits == pytest.approx(0.5 * math.log2(2 * math.pi * math.e / 0.12), abs=0.03)
    assert row.flat()["bits"] == 5
    write_csv(tmp_path / "rows.csv", [row.flat()])
    (again,) = rows_from_csv(tmp_path / "rows.csv")
    assert again.flat() == row.flat()
    assert (again.flux, again.bytes) == (row.flux or (None,) * len(FLUX_RANGES), row.bytes)


def test_a_bias_of_fluxes_is_measured() -> None:
    """Pixels lower by a hundredth of the noise, of stars whose places are told: sqrt(50) hundredths of their noise."""
    rng = np.random.default_rng(4)
    places = np.arange(16, 240, 16.0)
    x, y = (axis.ravel() for axis in np.meshgrid(places, places))
    pixels = rng.normal(1000, SIGMA, (256, 256)).astype(np.float32)
    truth = Catalogue.of(x, y, np.full(x.size, 20 * SIGMA * math.sqrt(16 * math.pi)), fwhm=3.0)
    peer = LossyPeer("fake", (1.0,), "q", lambda image, level, sigma: Coded(1, image - 0.01 * SIGMA))
    (row,) = measure_frame(LossyFrame("stars", "simulated", pixels, truth), [peer])
    assert row.flux[0] is None
    bias, chance, scatter = row.flux[1] or (0, 0, 0)
    assert bias == pytest.approx(-0.01 * math.sqrt(16 * math.pi), rel=0.1)
    assert chance < 0.01 > scatter
    assert len(row.flux) == len(FLUX_RANGES)


def test_every_codec_loses_what_it_is_told_to(noise: LossyFrame) -> None:
    """fpack adds 1 / (12 q**2) of the variance, whatever coder follows; bounds hold but for a rounded float."""
    some = {BASE: (4.0, 2.0), "SZ3": (0.25,), "ZFP": (1.0,)}
    peers = [replace(peer, levels=some.get(peer.name, peer.levels[1:3])) for peer in lossy_peers()]
    rows = list(measure_frame(noise, peers))
    by_name = {(row.codec, row.level): row for row in rows}
    for codec in (BASE, "HCOMPRESS", "astropy's quantiser, our coder"):
        for q in (2, 4):
            assert by_name[codec, f"q = {q}"].added == pytest.approx(1 / (12 * q**2), rel=0.12)
    for codec, bound in (("SZ3", 0.25), ("SPERR", 0.25), ("ZFP", 1.0)):
        row = by_name[codec, f"{bound:g} sigma"]
        assert row.of_bound is not None
        assert row.of_bound < 1.0001
        assert row.largest_sigma is not None
        assert row.largest_sigma < 1.03 * bound
    for level, increase in (("0.26 %", 1.0026), ("1 %", 1.01)):
        assert by_name["astrocodec, noise +", level].added == pytest.approx(increase**2 - 1, rel=0.1)
    for row in rows:
        assert not row.codec.startswith("astrocodec,") or (row.of_bound or 2) <= 1
    assert by_name["JPEG-2000", "0.144 sigma rms"].added == pytest.approx(0.144**2, rel=0.3)
    assert "takes integers" in by_name["JPEG-LS near", "0.25 sigma"].note
    measured = [row for row in rows if row.bits is not None]
    assert {row.codec for row in rows} - {row.codec for row in measured} == {"JPEG-LS near"}
    ours, base = (by_name[codec, "q = 2"].bits for codec in ("astropy's quantiser, our coder", BASE))
    assert ours is not None
    assert base is not None
    assert ours < 0.75 * base


def test_integers_stay_integers() -> None:
    """JPEG-LS keeps its bound, of signed ones too; what takes floats only is given float32."""
    pixels = (np.random.default_rng(5).poisson(900, (128, 128)) - 1000).astype(np.int16)
    rows = list(measure_frame(LossyFrame("raw", "raw", pixels), lossy_peers(["jpeg-ls"])))
    found = {row.level: row for row in rows if row.codec == "JPEG-LS near"}
    assert found["0.5 sigma"].of_bound == 1
    assert found["0.5 sigma"].added == pytest.approx(((2 * 15 + 1) ** 2 - 1) / 12 / 900, rel=0.15)
    assert all(row.bits is not None for row in rows if row.codec == BASE)


def test_holes_are_filled_and_told() -> None:
    """NaN come back as NaN, and are not measured."""
    pixels = np.random.default_rng(5).normal(0, 1, (96, 96)).astype(np.float32)
    pixels[:5] = np.nan
    rows = list(measure_frame(LossyFrame("holes", "float", pixels), lossy_peers(["sz3"])))
    found = [row for row in rows if row.codec == "SZ3"]
    assert "480 pixels without a value" in found[0].note
    assert found[0].of_bound == pytest.approx(1, abs=0.01)


def test_what_cannot_be_coded_is_told(noise: LossyFrame) -> None:
    """One row with the reason, and no measurement of an image without noise."""

    def code(image: np.ndarray, level: float, sigma: float) -> Coded:
        raise NotApplicableError("never")

    (row,) = measure_frame(noise, [LossyPeer("none", (1.0, 2.0), "q", code)])
    assert (row.bits, row.note) == (None, "never")
    gone = LossyPeer("gone", (1.0,), "q", lambda image, level, sigma: Coded(1, np.full_like(image, np.nan)))
    assert "lost their values" in next(measure_frame(noise, [gone])).note
    with pytest.raises(NoNoiseError):
        prepare(LossyFrame("flat", "file", np.full((50, 50), 7, np.int16)))
    with pytest.raises(ValueError, match="no codec is called 'nothing'; known are"):
        lossy_peers(["nothing"])


def rows_of(codec: str, added: tuple[float, ...], bits: tuple[float, ...], frame: str = "a") -> list[Row]:
    """Measurements made up."""
    return [
        Row(
            frame, "float", "9x9", "float32", codec, f"{d:g}", 1, b, added=d, largest_sigma=d, flux=((0.1, 0.001, 0.3),)
        )
        for d, b in zip(added, bits, strict=True)
    ]


def test_codecs_are_compared_at_equal_variance() -> None:
    """Half a bit of four where the other codec measured elsewhere; levels that cost more for more loss are left out."""
    rows = rows_of(BASE, (0.005, 0.02, 0.08), (5.0, 4.0, 3.0)) + rows_of("x", (0.01, 0.015, 0.04), (4.0, 4.5, 3.0))
    rows += rows_of(BASE, (0.005, 0.02, 0.08), (5.0, 4.0, 3.0), "b") + rows_of("x", (0.005, 0.02), (5.0, 4.0), "b")
    found = curves(rows)
    assert found["a", "float"]["x"] == Curve((0.01, 0.04), (4.0, 3.0))
    assert curves(rows, local=True) == {}
    base, other = standings(rows)
    assert base.sizes == pytest.approx((1, 1, 1))
    assert other.sizes[1] == pytest.approx(math.sqrt(3.5 / 4))
    assert (other.best, other.worst, other.images) == (pytest.approx(0.875), pytest.approx(1), 2)
    assert other.largest_sigma == 0.02
    assert other.bias_sigma == 0.1
    assert [line["noise + 2 %"] for line in summary_lines(rows)] == ["+0.0 %", "-6.5 %"]
    line = dict(zip(FULL_HEADINGS, full_lines(rows)[3], strict=True))
    assert (line["codec"], line["of fpack"]) == ("x", f"{4 / 4.5:.3f}")
    assert lossy_figure(rows, ["x"])[1:4] == b"PNG"


def test_simulated_frames_know_their_stars() -> None:
    """Where the catalogue says a bright one is, one is."""
    stars = next(simulated(200))
    assert stars.truth is not None
    assert stars.truth.flux is not None
    brightest = int(stars.truth.flux.argmax())
    x, y = round(stars.truth.x[brightest]), round(stars.truth.y[brightest])
    box = stars.pixels[max(y - 8, 0) : y + 9, max(x - 8, 0) : x + 9]
    light = float((box - np.median(stars.pixels)).sum())
    assert light == pytest.approx(stars.truth.flux[brightest], rel=0.2)


def test_the_command(tmp_path: Path, noise: LossyFrame) -> None:
    """Tables for people and programs, a picture, a line for what cannot be measured."""
    name, flat = tmp_path / "noise.fits", tmp_path / "flat.fits"
    fits.HDUList([fits.PrimaryHDU(noise.pixels), fits.ImageHDU(noise.pixels[:, :100])]).writeto(name)
    fits.PrimaryHDU(np.full((80, 80), 7, np.int16)).writeto(flat)
    outputs = [str(tmp_path / "x.png"), str(tmp_path / "x.csv")]
    run = CliRunner().invoke
    result = run(cli, ["bench", "--lossy", str(name), str(flat), "--codec", "sz3", "-o", outputs[0], "-o", outputs[1]])
    assert result.exit_code == 0, result.output
    assert "noise.fits[0]: 192x192 float32" in result.output
    assert "size beside fpack at equal added variance, 2 images" in result.output
    assert "flat.fits[0]: left out: no noise is found" in result.output
    assert (tmp_path / "x.csv").read_text().count("\n") == 1 + 2 * 8
    assert (tmp_path / "x.png").read_bytes()[1:4] == b"PNG"
    again = run(cli, ["bench", "--lossy", str(name), "-e", "0", "--codec", "sz3", "--side", "64", "--json", "-q"])
    rows = json.loads(again.stdout)["files"][0]["rows"]
    assert {row["codec"] for row in rows} == {BASE, "SZ3"}
    assert rows[0]["shape"] == "64x64"
    assert run(cli, ["bench", str(name)]).exit_code == 2
    assert run(cli, ["bench", "--lossy", str(name), "--codec", "nothing"]).exit_code == 2
    assert run(cli, ["bench", "--lossy", str(name), "-o", outputs[0]]).exit_code == 5
    assert run(cli, ["bench", "--lossy", str(tmp_path / "none.fits")]).exit_code != 0
