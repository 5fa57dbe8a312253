"""The benchmark of lossless codecs: sets, weights for each, what its tables say, the sets of AstroCompress."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("constriction")
pytest.importorskip("photutils")
pytest.importorskip("imagecodecs")
pytest.importorskip("matplotlib")

import torch

from astrocodec.bench.lossless.astrocompress import Item, astrocompress_sets, experiments_of
from astrocodec.bench.lossless.charts import lossless_figure
from astrocodec.bench.lossless.contenders import CODECS, choose_codecs, shipped
from astrocodec.bench.lossless.image_sets import BenchImage, images_of, sets_of_files
from astrocodec.bench.lossless.measure import measure_image
from astrocodec.bench.lossless.page import lossless_page
from astrocodec.bench.lossless.plan import plan
from astrocodec.bench.lossless.rows import Row, rows_from_csv
from astrocodec.bench.lossless.tables import as_markdown, mean_ratio, tables
from astrocodec.bench.lossless.trained import Training
from astrocodec.bench.tables import write_csv
from astrocodec.cli import cli
from astrocodec.learning.integer_arrays import Share

ROW = Row(
    "ratios", "a", "1", "1x8x8", 64, 128, 10.0, 2.0, "IDF", "a", "words", "01", 64, 500.0, 1e-3, 2e-3, "a machine", ""
)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Networks as small as these wait for their second thread longer than they work."""
    torch.set_num_threads(1)


def write(path: Path, pixels: Any, **cards: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.PrimaryHDU(pixels, fits.Header(cards)).writeto(path)
    return path


def noise(shape: tuple[int, ...] = (64, 64), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(300, 6, shape).astype(np.uint16)


def test_one_command_over_folders(tmp_path: Path) -> None:
    """Weights are trained for each set and for all, into a folder, and are there the next time."""
    for number, name in enumerate(("near", "far")):
        for one in range(2):
            write(tmp_path / name / f"{one}.fits", noise(seed=2 * number + one), EXPTIME=5.0 * (number + 1))
    folders, weights = [str(tmp_path / "near"), str(tmp_path / "far")], str(tmp_path / "weights")
    chosen = [word for name in ("idf", "LS", "causal") for word in ("--codec", name)]
    outputs = [tmp_path / f"out.{suffix}" for suffix in ("md", "png", "csv", "json", "html")]
    options = ["--train", "1", "--set", "size=tiny", "--weights", weights, "--side", "64", "-q"]
    options += [word for part in ("ratios", "matrix", "formats") for word in ("--part", part)]
    names = [word for output in outputs for word in ("-o", str(output))]
    result = CliRunner().invoke(cli, ["bench", *folders, *chosen, *options, *names])
    assert result.exit_code == 0, result.output
    assert sorted(path.stem for path in Path(weights).glob("*.safetensors")) == [
        "idf-bytes-far",
        "idf-bytes-near",
        "idf-words-all data",
        "idf-words-far",
        "idf-words-near",
    ]
    rows = rows_from_csv(tmp_path / "out.csv")
    assert {(row.part, row.codec) for row in rows} == {
        *(("ratios", codec) for codec in ("IDF", "JPEG-LS", "causal", "causal, tuned")),
        ("matrix", "IDF"),
        ("formats", "IDF"),
    }
    assert {(row.trained, row.dataset) for row in rows if row.part == "matrix"} == {
        (learned, tested) for learned in ("near", "far", "all data") for tested in ("near", "far")
    }
    for row in rows:
        assert row.exposure == {"near": 5, "far": 10}[row.dataset]
        assert row.noise == pytest.approx(6, rel=0.2)
        assert row.ratio is not None
        assert row.ratio > 1
        if row.codec == "IDF":
            assert row.model_bits is not None
            assert 0 < 8 * (row.bytes or 0) / row.model_bits - 1 < 0.1
    text = (tmp_path / "out.md").read_text()
    for title in ("Table 1", "Table 2", "Table 5", "Streams against the likelihood"):
        assert title in text
    page = (tmp_path / "out.html").read_text()
    assert "Figure 2" in page
    assert "Figure 5" in page
    assert (tmp_path / "out.png").read_bytes()[1:4] == b"PNG"
    (run,) = json.loads((tmp_path / "out.json").read_text())
    assert {"command", "processor", "packages"} <= run.keys()
    again = CliRunner().invoke(cli, ["bench", "--with", str(tmp_path / "out.csv"), "-o", str(tmp_path / "again.md")])
    assert again.exit_code == 0, again.output
    assert (tmp_path / "again.md").read_text() == text


def test_run_times(tmp_path: Path) -> None:
    """Of the first image of each set; the machine is named, the paper's stand beside."""
    for one in range(20):
        write(tmp_path / "a" / f"{one}.fits", noise(seed=one))
    page = tmp_path / "a.html"
    names = ["--part", "times", "--codec", "JPEG-LS", "-o", str(page), "--json", "--with"]
    write_csv(tmp_path / "earlier.csv", [ROW.flat()])
    result = CliRunner().invoke(cli, ["bench", str(tmp_path / "a"), *names, str(tmp_path / "earlier.csv")])
    assert result.exit_code == 0, result.output
    _, row = json.loads(result.stdout)["rows"]
    assert (row["part"], row["codec"]) == ("times", "JPEG-LS")
    assert 0 < row["decode"] < 1
    assert row["machine"] in page.read_text()
    assert "33072" in page.read_text()


def test_without_weights_the_shipped_ones_are_taken(tmp_path: Path) -> None:
    """And generalisation and formats are left out, with what they need; so is a codec that is not here."""
    sets = sets_of_files([write(tmp_path / "a" / f"{one}.fits", noise(seed=one)) for one in range(2)], 0)
    made = plan(sets, ["PixelCNN++", "causal"], False, ("ratios", "matrix", "formats"), Training(tmp_path))
    assert made.wanted == {"a": {shipped("PixelCNN++"): ("ratios",), shipped("causal"): ("ratios",)}}
    assert [name for name, _ in made.left_out] == ["matrix of IDF", "formats of PixelCNN++"]
    assert all("--train" in why for _, why in made.left_out)


def test_what_is_not_installed_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = sets_of_files([write(tmp_path / "a" / f"{one}.fits", noise(seed=one)) for one in range(2)], 0)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    made = plan(sets, ["JPEG-LS", "causal"], False, ("ratios",), Training(tmp_path))
    assert made.wanted == {"a": {shipped("causal"): ("ratios",)}}
    assert made.left_out == [("JPEG-LS", "the benchmarks need imagecodecs: pip install 'astrocodec[bench]'")]


def test_of_a_single_file_the_last_rows_are_tested(tmp_path: Path) -> None:
    """Of cubes the first plane, but whole stacks of three; the middle where a side is given."""
    planes = noise((2, 40, 60))
    (found,) = sets_of_files([write(tmp_path / "a" / "x.fits", planes)], 0)
    (image,) = images_of(found.tested[0], None)
    assert np.array_equal(image.stack, planes[:1, 34:])
    (image,) = images_of(Share(found.tested[0].path), 20)
    assert np.array_equal(image.stack, planes[:1, 10:30, 20:40])
    stack = noise((3, 40, 40))
    (image,) = images_of(Share(write(tmp_path / "b" / "x.fits", stack)), None)
    assert np.array_equal(image.stack, stack)


def test_what_a_network_does_not_take_is_told() -> None:
    """The causal codec coded it inside: there is no likelihood. Only part of an image goes to what takes minutes."""
    wide = (noise((1, 40, 40)).astype(np.int64) ** 3).astype(np.int32)
    (row,) = measure_image("a", BenchImage("wide", wide, None), {shipped("IDF"): ("ratios",)})
    assert (row.model_bits, row.note) == (None, "coded by causal inside")
    assert "1 streams of learned codecs were coded by the causal codec" in as_markdown(tables([row]))


def test_ratios_are_means_of_images() -> None:
    """Of two formats the better one counts, as in the paper; where an image failed there is no mean."""
    other = replace(ROW, image="2", bytes=32)
    assert mean_ratio([ROW, other]) == 3
    assert mean_ratio([ROW, other, replace(ROW, symbols="bytes", bytes=16)]) == 8
    assert mean_ratio([ROW, replace(other, bytes=None)]) is None
    (first, *_) = tables([ROW, replace(ROW, dataset="b", bytes=32), replace(ROW, codec="RICE", trained="", bytes=128)])
    assert [line["IDF"] for line in first.lines] == [2, 4, 2]  # the mean is of sets that all codecs take
    assert first.lines[1]["RICE"] is None
    assert next(line for line in first.paper if line["set"] == "Keck")["PixelCNN++"] == 2.08
    assert next(line for line in first.paper if line["set"] == "SDSS-3DT")["VDM"] is None


def test_a_network_that_was_not_used_is_not_timed() -> None:
    """Tables say so; and nothing of learned codecs where none was measured."""
    rows = [replace(ROW, part="times"), replace(ROW, part="times", model_bits=None, encode=9.0, image="2")]
    (line,) = tables(rows)[0].lines
    assert (line["images"], line["encode, s"]) == (1, 0.001)
    assert "1 streams of learned codecs were coded by the causal codec inside. Their times" in tables(rows)[0].said
    assert tables(rows[1:])[0].lines[0]["encode, s/Mpixel"] is None
    assert "Learned" not in tables([replace(ROW, codec="RICE", trained="", model_bits=None)])[0].said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: ["a,b", "1,2"], "columns a, b"),
        (lambda lines: [], "no line"),
        (lambda lines: [lines[0], lines[1] + ",1"], "line 2: more or fewer"),
        (lambda lines: [lines[0], "ratios,x"], "line 2: more or fewer"),
        (lambda lines: [lines[0], lines[1].replace(",64,", ",x,", 1)], "line 2: invalid"),
        (lambda lines: [lines[0], lines[1].replace(",64,", ",0,", 1)], "line 2: part 'ratios'"),
        (lambda lines: ["\udcff"], "is no table"),
    ],
)
def test_damaged_tables_are_told(tmp_path: Path, change: Any, said: str) -> None:
    """In one line, by `--with`."""
    path = tmp_path / "a.csv"
    write_csv(path, [ROW.flat()])
    lines = change(path.read_text().splitlines())
    path.write_bytes("".join(f"{line}\n" for line in lines).encode(errors="surrogateescape"))
    result = CliRunner().invoke(cli, ["bench", "--with", str(path)])
    assert (result.exit_code, said in result.output) == (2, True), result.output
    write_csv(path, [ROW.flat()])
    path.with_suffix(".json").write_text('{"a": 1}')
    result = CliRunner().invoke(cli, ["bench", "--with", str(path)])
    assert (result.exit_code, "a list of runs" in result.output) == (2, True), result.output


def test_a_file_that_cannot_be_read_does_not_end_the_others(tmp_path: Path) -> None:
    """Folders of one name are two sets; where nothing is measured a run says so."""
    for one in ("a/raw", "b/raw"):
        write(tmp_path / one / "x.fits", noise())
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "x.fits").write_bytes(b"SIMPLE  =                    T".ljust(5000))
    names = [str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "c"), "--part", "ratios", "--codec", "JPEG-LS"]
    write(tmp_path / "a" / "raw" / "y.fits", noise())
    result = CliRunner().invoke(cli, ["bench", *names, "--json"])
    assert result.exit_code == 3, result.output
    said = json.loads(result.stdout)
    assert [row["dataset"] for row in said["rows"]] == ["a-raw", "b-raw"]
    assert "x.fits" in said["errors"][0]["message"]
    result = CliRunner().invoke(cli, ["bench", names[0], "--part", "matrix", "--codec", "JPEG-LS"])
    assert (result.exit_code, "Nothing was measured" in result.output) == (2, True)


@pytest.mark.parametrize("manifest", [b"file,group,kind\nx.fits,../y,raw-int\n", b"a\n1\n", b"\xff\xfe"])
def test_manifests_that_name_no_groups_are_told(tmp_path: Path, manifest: bytes) -> None:
    write(tmp_path / "x.fits", noise())
    (tmp_path / "MANIFEST.csv").write_bytes(manifest)
    with pytest.raises(ValueError, match=r"MANIFEST.csv: "):
        sets_of_files([tmp_path / "x.fits"], 0)


def test_rows_come_back(tmp_path: Path) -> None:
    rows = [ROW, replace(ROW, exposure=None, noise=None, bytes=None, model_bits=None, encode=None, note="a, b")]
    write_csv(tmp_path / "rows.csv", [row.flat() for row in rows])
    assert rows_from_csv(tmp_path / "rows.csv") == rows
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="columns a, b found"):
        rows_from_csv(tmp_path / "other.csv")


def test_pictures_need_two_images() -> None:
    with pytest.raises(ValueError, match="two images"):
        lossless_figure([ROW])
    assert "<svg" not in lossless_page([ROW], [("VDM", "<none>")], ["astrocodec bench a"])


def test_codecs_by_name() -> None:
    assert choose_codecs([]) == list(CODECS)
    assert choose_codecs(["xl"]) == ["JPEG-XL max", "JPEG-XL"]
    with pytest.raises(ValueError, match="'gzip'"):
        choose_codecs(["gzip"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--lossy", "--part", "times"], "of lossless codecs"),
        (["--plane", "1"], "of --lossy"),
        (["--set", "size"], "NAME=VALUE"),
        (["--codec", "gzip"], "known are"),
        (["-o", "a.pdf"], ".html"),
        ([], "no image of integers"),
    ],
)
def test_bad_options(tmp_path: Path, arguments: list[str], said: str) -> None:
    path = write(tmp_path / "a.fits", noise() if arguments else noise().astype(np.float32))
    result = CliRunner().invoke(cli, ["bench", str(path), *arguments])
    assert result.exit_code == 2
    assert said in result.output


def cloned(root: Path, name: str, files: dict[str, Any]) -> Path:
    """A clone of a set, as its lists name images; `files` are HDUs by split."""
    folder = root / name
    (folder / "splits").mkdir(parents=True)
    for split, hdus in files.items():
        path = folder / "data" / f"{split}.fits"
        path.parent.mkdir(exist_ok=True)
        fits.HDUList(hdus).writeto(path)
        said = {"image_id": f"x_{split}", "image": f"./data/{split}.fits", "telescope": "LCO", "exposure_time": 30.0}
        (folder / "splits" / f"tiny_{split}.jsonl").write_text(json.dumps(said) + "\n")
    return folder


def test_clone_of_ramps(tmp_path: Path) -> None:
    """First reads, and differences of reads modulo 65536, from the command too."""
    ramp = np.cumsum(noise((1, 3, 64, 64)) - np.uint16(302), 1, dtype=np.uint16)
    hdus = [fits.PrimaryHDU(), fits.ImageHDU(ramp, name="SCI")]
    clone = cloned(tmp_path, "SBI-16-3D", {"train": hdus, "test": hdus})
    sets = {one.name: one for one in astrocompress_sets(str(clone), tmp_path / "data")}
    assert sorted(sets) == ["JWST-2D", "JWST-2D-Res"]
    assert [len(one.paths) for one in sets.values()] == [1, 2]
    (first,) = images_of(sets["JWST-2D"].tested[0], None)
    assert np.array_equal(first.stack[0], ramp[0, 0])
    assert first.exposure == 30
    (second,) = images_of(sets["JWST-2D-Res"].tested[1], None)
    assert np.array_equal(second.stack[0], ramp[0, 2] - ramp[0, 1])
    result = CliRunner().invoke(
        cli, ["bench", str(clone), "--part", "ratios", "--codec", "causal, tuned", "--codec", "LS", "--json"]
    )
    assert result.exit_code == 0, result.output
    assert {row["dataset"] for row in json.loads(result.stdout)["rows"]} == set(sets)


def test_clones_of_images_and_cubes(tmp_path: Path) -> None:
    """Hubble's HDUs 1 and 4, amplifiers apart, telescopes, filters and epochs."""
    plane, empty = noise((60, 64)), fits.ImageHDU()
    hubble = [fits.PrimaryHDU(), fits.ImageHDU(plane), empty, empty, fits.ImageHDU(plane + 1)]
    found = astrocompress_sets(str(cloned(tmp_path, "SBI-16-2D", {"train": hubble, "test": hubble})), tmp_path / "h")
    assert [(one.name, len(one.paths), len(one.tested)) for one in found] == [("Hubble", 2, 2)]
    cube = noise((3, 5, 64, 64))
    parts = {name: pixels for name, _, pixels in experiments_of("GBI-16-4D", Item("x", cube, None, ""))}
    assert list(parts) == ["SDSS-2D", "SDSS-3Dλ", "SDSS-3DT"]
    assert np.array_equal(parts["SDSS-3Dλ"], cube[0, 1:4])
    assert np.array_equal(parts["SDSS-3DT"], cube[:3, 2])
    for name, expected in (("GBI-16-2D-Legacy", "LCO"), ("GBI-16-2D", "Keck")):
        files = {split: [fits.PrimaryHDU(plane)] for split in ("train", "test")}
        (one,) = astrocompress_sets(str(cloned(tmp_path, name, files)), tmp_path / name / "made", most=1)
        assert one.name == expected
    with pytest.raises(ValueError, match="known of AstroCompress"):
        astrocompress_sets("AstroCompress/SBI-8-2D", tmp_path)


def test_sets_through_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for `datasets.load_dataset`, which gives such items; too new and missing ones say what to install."""

    def load_dataset(name: str, configuration: str, **options: Any) -> list[dict[str, Any]]:
        assert (name, configuration) == ("AstroCompress/GBI-16-4D", "full")
        assert options.pop("split") in ("train", "test")
        assert options == {"streaming": True, "trust_remote_code": True}
        return [{"image": noise((1, 5, 60, 60), seed).tolist(), "image_id": f"cube{seed}"} for seed in range(3)]

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    sets = astrocompress_sets("AstroCompress/GBI-16-4D:full", tmp_path, most=2)
    assert [(one.name, len(one.paths), len(one.tested)) for one in sets] == [("SDSS-2D", 2, 2), ("SDSS-3Dλ", 2, 2)]
    assert (sets[0].planes(), sets[1].planes()) == (1, 3)

    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("Dataset scripts are no longer supported, but found GBI-16-4D.py")

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=refuse))
    with pytest.raises(ImportError, match=r"no longer supported.*datasets<4"):
        astrocompress_sets("AstroCompress/GBI-16-4D", tmp_path)
    monkeypatch.setitem(sys.modules, "datasets", None)
    result = CliRunner().invoke(cli, ["bench", "AstroCompress/GBI-16-4D"])
    assert result.exit_code == 4
    assert "pip install 'datasets<4'" in result.output
