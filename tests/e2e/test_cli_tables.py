"""Tables of sizes: files as they lie on the disk, and apart from them the images that are compressed."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from cli_process import sky, succeed_here

from astrocodec.cli.size_table import Outcome, json_report, size_table
from astrocodec.files.file_report import ImageSizes
from fits_tiles import FileReport, HduReport


@pytest.fixture
def mostly_table(tmp_path: Path) -> Path:
    """Write an image with a long header, and a table that is eight times as large."""
    image = fits.PrimaryHDU(sky(200, 300))
    for number in range(2000):
        image.header[f"KEY{number}"] = number
    noise = np.random.default_rng(1).normal(size=120_000)
    table = fits.BinTableHDU.from_columns([fits.Column("x", "D", array=noise)])
    path = tmp_path / "night.fits"
    fits.HDUList([image, table]).writeto(path)
    return path


def report_of(*arguments: str | Path) -> dict[str, object]:
    """JSON report of the one file that a command treats."""
    (entry,) = json.loads(succeed_here(*arguments, "--json"))["files"]
    report: dict[str, object] = entry["report"]
    return report


@pytest.mark.parametrize("container", ["zimage", "table"])
def test_tables_and_headers_are_no_image(mostly_table: Path, container: str) -> None:
    """The codec's ratio and its bits per pixel are those of the file without them."""
    bare = mostly_table.with_name("bare.fits")
    fits.writeto(bare, sky(200, 300))
    options = ("--no-tune", "--container", container)
    alone, whole = (report_of("fits-compress", *options, path)["images"] for path in (bare, mostly_table))
    assert isinstance(alone, dict)
    assert isinstance(whole, dict)
    assert whole["pixels"] == 200 * 300
    assert whole["image_bytes"] == 2 * 200 * 300
    # What tells an edited card from a damaged one is ours: five bytes of a card.
    assert whole["coded_bytes"] == pytest.approx(alone["coded_bytes"] + 5 * 2000, abs=2 * 2880)
    packed = mostly_table.with_name("night.ac.fits")
    again = report_of("verify", packed)["images"]
    assert isinstance(again, dict)
    # An empty primary HDU stands before the image; it is charged where the file is made.
    assert 0 <= whole["coded_bytes"] - again["coded_bytes"] <= 2880
    succeed_here("fits-decompress", packed, "-O", mostly_table.with_name("back.fits"))


def test_the_table_tells_both_ratios(mostly_table: Path) -> None:
    """In its columns and in the line of totals."""
    lines = succeed_here("fits-compress", "--no-tune", mostly_table).decode().splitlines()
    headings = lines[0].split("  ")
    assert [heading.strip() for heading in headings if heading] == [
        "file",
        "HDUs",
        "original",
        "compressed",
        "ratio",
        "images",
        "image ratio",
        "bits/pixel",
        "seconds",
        "checked",
    ]
    original, packed = mostly_table.stat().st_size, mostly_table.with_name("night.ac.fits").stat().st_size
    assert f"ratio {original / packed:.2f}; images 120 kB -> " in lines[-1]
    ratio = float(lines[-1].split("ratio ")[2].split(",")[0])
    bits = float(lines[-1].split(" bits/pixel")[0].split()[-1])
    assert ratio > 1.5 > original / packed
    assert bits == pytest.approx(16 / ratio, rel=0.01)


def test_packed_inputs_count_packed(mostly_table: Path) -> None:
    """As they lie on the disk; the image's own ratio stays what it is."""
    packed = mostly_table.with_name("packed.fits.gz")
    packed.write_bytes(gzip.compress(mostly_table.read_bytes()))
    plain, zipped = (report_of("fits-compress", "--no-tune", path) for path in (mostly_table, packed))
    assert plain["original_bytes"] == mostly_table.stat().st_size
    assert zipped["original_bytes"] == packed.stat().st_size
    assert zipped["images"] == plain["images"]


def test_files_without_a_compressed_image_have_no_ratio_of_images() -> None:
    """Nor bits per pixel, though a plain image may be there."""
    plain = HduReport(kind="image", dtype="int16", pixels=50, original_bytes=2980, compressed_bytes=2980)
    report = FileReport("a.fits", "", 2980, 2980, hdus=[plain])
    assert report.images == ImageSizes(0, 0, 0)
    row, totals = size_table([report]).splitlines()[2:]
    assert row.split() == ["a.fits", "1", "2.98", "kB", "2.98", "kB", "1.00", "-", "-", "-", "0.00", "not", "checked"]
    assert "no image is compressed" in totals
    assert json.loads(json_report([Outcome("a.fits", report=report)]))["totals"]["images"] == {
        "pixels": 0,
        "image_bytes": 0,
        "coded_bytes": 0,
    }


def test_totals_sum_pixels_up() -> None:
    """Of files of different depths, whole bits over whole pixels."""
    reports = [
        FileReport(
            name,
            "",
            9000,
            5760,
            hdus=[
                HduReport(
                    kind="compressed", dtype=kind, pixels=size, original_bytes=5760, compressed_bytes=2880 + coded
                )
            ],
        )
        for name, kind, size, coded in (("a", "int16", 1000, 500), ("b", "float32", 500, 1000))
    ]
    assert [report.images for report in reports] == [ImageSizes(1000, 2000, 500), ImageSizes(500, 2000, 1000)]
    assert "images 4.00 kB -> 1.50 kB, ratio 2.67, 8.00 bits/pixel" in size_table(reports).splitlines()[-1]


def test_every_hdu_that_was_left_has_its_reason(mostly_table: Path) -> None:
    """In the table of -v and in the JSON report."""
    with fits.open(mostly_table, mode="append") as hdus:
        hdus.append(fits.ImageHDU(name="NONE"))
        hdus.append(fits.ImageHDU(sky(30, 40), name="LEFT"))
    report = report_of("fits-compress", "--no-tune", "-e", "0", "-e", "1", "-e", "2", mostly_table)
    hdus = report["hdus"]
    assert isinstance(hdus, list)
    assert [hdu["note"] for hdu in hdus] == ["", "a table", "no pixels", "not chosen"]
    image = hdus[0]
    assert image["bits_per_pixel"] == pytest.approx(8 * report["images"]["coded_bytes"] / 60_000)  # type: ignore[index]


def test_transcoded_images_keep_their_ratio(mostly_table: Path) -> None:
    """Of the pixels over our tiles, not of RICE's."""
    succeed_here("fits-compress", "--no-tune", mostly_table)
    packed = mostly_table.with_name("night.ac.fits")
    plain, rice = (
        report_of("fits-decompress", "--to", to, packed, "-O", mostly_table.with_name(to)) for to in ("image", "rice")
    )
    assert plain["images"] == rice["images"]
    assert rice["original_bytes"] == mostly_table.with_name("rice").stat().st_size < plain["original_bytes"]  # type: ignore[operator]
