"""END cards as real files have them: read as astropy and cfitsio do, given back byte for byte."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import fits_tiles
from fits_tiles.layout.blocks import walk

IMAGE = np.random.default_rng(7).poisson(300, (40, 50)).astype(">i2")
_CARDS = [
    b"SIMPLE  =                    T",
    b"BITPIX  =                   16",
    b"NAXIS   =                    2",
    b"NAXIS1  =                   50",
    b"NAXIS2  =                   40",
]
_END = b"END".ljust(80)
_LONG = [b"COMMENT " + b"text" * 10] * 40

# name: cards behind the mandatory ones, and what fills the last block
ODD = {
    "NULs in the card and behind": ([b"END".ljust(80, b"\0")], b"\0"),
    "NULs behind": ([_END], b"\0"),
    "junk behind": ([_END], b"Z"),
    "bytes of no text behind": ([_END], b"\xff"),
    "NUL and junk in the card": ([b"END\0junk"], b" "),
    "text in the card": ([b"END     JUNK"], b" "),
    "bytes of no text in the card": ([b"END     \xe9\xff"], b" "),
    "junk at once": ([b"ENDjunk"], b" "),
    "equals sign": ([b"END     ="], b" "),
    "a value": ([b"END     =                    5"], b" "),
    "tab": ([b"END\tjunk"], b"\0"),
    "cards behind": ([_END, b"OBJECT  = 'M31     '"], b" "),
}
LONGER = {
    "ENDTIME": [b"ENDTIME =                    5"],
    "END-OBS": [b"END-OBS = '2020-01-01'"],
    "END_X": [b"END_X   =                    5"],
    "a keyword END": [b"END     = '2020-01-01'"],
}


def _file(cards: list[bytes], fill: bytes, image: np.ndarray = IMAGE) -> bytes:
    header = b"".join(card.ljust(80) for card in [*_CARDS, *cards])
    primary = header.ljust(-(-len(header) // 2880) * 2880, fill) + image.tobytes().ljust(2880 * 2, b"\0")
    extension = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.arange(12, dtype=np.int16), name="NEXT")]).writeto(extension)
    return primary + extension.getvalue()[2880:]


def _round_trip(path: Path, container: str) -> None:
    packed, back = path.with_name("packed.fits"), path.with_name("back.fits")
    assert fits_tiles.compress(path, packed, tune=False, container=container, overwrite=True).verified
    fits_tiles.decompress(packed, back, overwrite=True)
    assert back.read_bytes() == path.read_bytes()
    with fits.open(packed) as hdus:
        assert (hdus[1].data == IMAGE).all()
        assert hdus[1].header["NAXIS2"] == 40
        assert hdus["NEXT"].shape == (12,)


@pytest.mark.parametrize("container", ["zimage", "table"])
@pytest.mark.parametrize("name", ODD)
def test_an_odd_end_is_an_end(tmp_path: Path, name: str, container: str) -> None:
    path = tmp_path / "odd.fits"
    path.write_bytes(_file(*ODD[name]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert (fits.getdata(path) == IMAGE).all()
    _round_trip(path, container)


@pytest.mark.parametrize("name", LONGER)
def test_what_only_begins_like_end_is_a_card(tmp_path: Path, name: str) -> None:
    path = tmp_path / "long.fits"
    path.write_bytes(_file([*LONGER[name], *_LONG, _END], b" "))
    with path.open("rb") as file:
        first = next(walk(file.fileno(), path.name))
    assert (len(first.cards), first.data_start) == (46, 5760)
    assert (fits.getdata(path) == IMAGE).all()
    _round_trip(path, "table")


def test_pixels_that_are_text_are_no_header(tmp_path: Path) -> None:
    path = tmp_path / "text.fits"
    path.write_bytes(_file([b"END     junk"], b" ", np.full_like(IMAGE, 0x2020)))
    with path.open("rb") as file:
        assert [hdu.name for hdu in walk(file.fileno(), path.name)] == ["PRIMARY", "NEXT"]


def test_an_odd_end_of_the_last_hdu(tmp_path: Path) -> None:
    """Nothing but text follows up to the end of the file."""
    path = tmp_path / "table.fits"
    table = fits.TableHDU.from_columns([fits.Column("t", "I5", ascii=True, array=np.arange(900))])
    fits.HDUList([fits.PrimaryHDU(IMAGE), table]).writeto(path)
    whole = path.read_bytes()
    at = whole.rindex(_END)
    path.write_bytes(whole[:at] + b"END     junk".ljust(80) + whole[at + 80 :])
    with path.open("rb") as file:
        first, last = walk(file.fileno(), path.name)
    assert (last.start, len(last.header), last.data_bytes) == (first.stop, 2880, 900 * 5)


def test_headers_of_ours_show_no_end_inside(tmp_path: Path) -> None:
    """cfitsio stops at a keyword END: no card of that name stands in a header that we write."""
    path, packed = tmp_path / "long.fits", tmp_path / "packed.fits"
    path.write_bytes(_file([*LONGER["a keyword END"], *_LONG, _END], b" "))
    fits_tiles.compress(path, packed, tune=False, container="table")
    whole = packed.read_bytes()
    with packed.open("rb") as file:
        hdus = list(walk(file.fileno(), packed.name))
    assert not any(card[:8].rstrip() == b"END" for hdu in hdus for card in hdu.cards)
    assert whole.count(b"END     = ") == 0
