"""The benchmarks' arithmetic: what is charged, what a table says."""

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from astrocodec.bench.datasets import corpus_files, find_corpus, frames
from astrocodec.bench.fits_size import charged_bytes, charged_bytes_of_file
from astrocodec.bench.peers import NotApplicableError, choose_peers, from_unsigned, measure, to_unsigned
from astrocodec.bench.tables import geometric_mean, markdown, read_csv, write_csv, write_provenance

STACKS = {
    "uint8": np.arange(200, dtype=np.uint8).reshape(1, 10, 20),
    "uint16": np.arange(65000, 65200, dtype=np.uint16).reshape(1, 10, 20),
    "negative int16": np.arange(-300, -100, dtype=np.int16).reshape(2, 10, 10),
    "narrow int32": (np.arange(200, dtype=np.int32) - 100_000).reshape(1, 10, 20),
    "wide int32": (np.arange(200, dtype=np.int32) * 9_000_000 - 900_000_000).reshape(1, 10, 20),
}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Make a corpus of one file with two images and a table."""
    pixels = np.arange(600, dtype=np.uint16).reshape(20, 30)
    hdus = [
        fits.PrimaryHDU(),
        fits.ImageHDU(pixels),
        fits.BinTableHDU.from_columns([]),
        fits.ImageHDU(pixels.astype("f4")),
    ]
    fits.HDUList(hdus).writeto(tmp_path / "frame.fits.gz")
    (tmp_path / "MANIFEST.csv").write_text("file,group,kind\nframe.fits.gz,camera,raw-int\nother.fits,x,float\n")
    return tmp_path


def test_corpus_gives_stored_and_meant_integers(corpus: Path) -> None:
    """BZERO is not applied to `stored`, and is to `pixels`."""
    (source,) = corpus_files(root=corpus)
    image, floats = frames(source)
    assert (source.group, image.hdu, floats.hdu) == ("camera", 1, 3)
    assert image.stored.dtype == np.int16
    assert image.stored.min() == -32768
    assert image.pixels.dtype == np.uint16
    assert image.planes.shape == (1, 20, 30)
    assert np.array_equal(image.planes[0], np.arange(600).reshape(20, 30))


def test_corpus_is_chosen_by_name_and_kind(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment variable names the directory."""
    monkeypatch.setenv("ASTROCODEC_CORPUS", str(corpus))
    assert [source.name for source in corpus_files(["float"])] == ["other.fits"]
    assert corpus_files(names=["nothing"]) == []


def test_missing_corpus_says_what_to_set(tmp_path: Path) -> None:
    """The message names the directory and the variable."""
    with pytest.raises(FileNotFoundError, match="ASTROCODEC_CORPUS"):
        find_corpus(tmp_path)


@pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS.keys())
def test_unsigned_planes_come_back(stack: np.ndarray) -> None:
    """Offsets and halves lose nothing."""
    planes, offset = to_unsigned(stack)
    assert planes.dtype in (np.uint8, np.uint16)
    restored = from_unsigned(planes, offset, stack)
    assert restored.dtype == stack.dtype
    assert np.array_equal(restored, stack)


def test_floats_and_huge_spans_are_not_applicable() -> None:
    """JPEG codecs cannot hold them."""
    with pytest.raises(NotApplicableError, match="float32"):
        to_unsigned(np.zeros((1, 2, 2), np.float32))
    with pytest.raises(NotApplicableError, match="span"):
        to_unsigned(np.array([[[0, 2**40]]]))


def test_every_peer_is_lossless_and_charged() -> None:
    """Codecs that apply give a size and the same pixels, which `measure` checks."""
    pytest.importorskip("imagecodecs")
    pytest.importorskip("zstandard")
    noise = np.random.default_rng(1).normal(1000, 5, (1, 64, 64)).astype(np.uint16)
    for peer in choose_peers():
        result = measure(peer, noise)
        assert result.n_bytes is not None, result
        assert 1000 < result.n_bytes < noise.nbytes + 2000, result


def test_a_peer_that_loses_pixels_is_refused() -> None:
    """A codec that is not lossless must not appear in a table."""
    pytest.importorskip("imagecodecs")
    (peer,) = choose_peers(["JPEG-LS"])
    broken = type(peer)("broken", peer.encode, lambda streams, like: np.zeros_like(like))
    with pytest.raises(AssertionError, match="other pixels"):
        measure(broken, np.ones((1, 8, 8), np.uint16))


def test_an_unknown_peer_is_named_with_the_known_ones() -> None:
    """The message lists what there is."""
    pytest.importorskip("imagecodecs")
    with pytest.raises(KeyError, match="JPEG-LS"):
        choose_peers(["JPEG-1"])


def test_fits_charge_is_table_and_extra_cards() -> None:
    """Padding is free, a card costs 80 bytes."""
    pixels = np.random.default_rng(2).integers(0, 500, (32, 32)).astype(np.int16)
    sizes = []
    for extra in (0, 3):
        hdu = fits.CompImageHDU(pixels, compression_type="RICE_1", tile_shape=(32, 32))
        for number in range(extra):
            hdu.header[f"EXTRA{number}"] = number
        target = io.BytesIO()
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(target)
        sizes.append(charged_bytes(target.getvalue()))
    assert sizes[1] - sizes[0] == 3 * 80
    assert sizes[0] < pixels.nbytes + 40 * 80


def test_a_file_is_charged_for_what_its_original_does_not_hold() -> None:
    """An image that is stored as it is costs its pixels; a table costs nothing."""
    plain = io.BytesIO()
    table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=np.arange(5))])
    fits.HDUList([fits.PrimaryHDU(np.zeros((10, 10), np.int16)), table]).writeto(plain)
    assert charged_bytes_of_file(plain.getvalue(), plain.getvalue()) == 200


def test_tables(tmp_path: Path) -> None:
    """CSV comes back, Markdown aligns numbers and says n/a."""
    rows = [{"codec": "a|b", "ratio": 0.5}, {"codec": "c", "ratio": math.nan}]
    write_csv(tmp_path / "t.csv", rows)
    assert [row["ratio"] for row in read_csv(tmp_path / "t.csv")] == ["0.5", "nan"]
    assert markdown(rows).splitlines() == ["| codec | ratio |", "|---|---:|", "| a\\|b | 0.500 |", "| c | n/a |"]
    assert geometric_mean([2, 8]) == pytest.approx(4)
    assert math.isnan(geometric_mean([]))


def test_provenance_keeps_earlier_runs(tmp_path: Path) -> None:
    """A table made in two runs names both."""
    write_provenance(tmp_path / "t.csv")
    path = write_provenance(tmp_path / "t.csv", keep_earlier=True)
    runs = json.loads(path.read_text())
    assert path.name == "t.json"
    assert len(runs) == 2
    assert {"command", "commit", "processor", "packages"} <= runs[0].keys()
