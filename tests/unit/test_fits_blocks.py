"""The block walker: offsets, sizes, cards of headers as real files have them, and what bad files get."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from astrocodec.errors import FormatError, TruncatedError
from fits_tiles.layout.blocks import Hdu, card_value, find_card, int_card, walk


def _walk(path: Path) -> list[Hdu]:
    with path.open("rb") as file:
        return list(walk(file.fileno(), path.name))


def _mixed_file(path: Path) -> None:
    table = fits.BinTableHDU.from_columns([fits.Column("v", "PJ()", array=np.array([[1, 2], [3]], dtype=object))])
    text = fits.TableHDU.from_columns([fits.Column("t", "I5", ascii=True, array=np.arange(3))])
    image = fits.ImageHDU(np.zeros((7, 5), np.float64), name="SCI")
    fits.HDUList([fits.PrimaryHDU(np.arange(60, dtype=np.int16).reshape(3, 4, 5)), table, text, image]).writeto(path)


def test_walk_finds_what_astropy_finds(tmp_path: Path) -> None:
    path = tmp_path / "mixed.fits"
    _mixed_file(path)
    found = _walk(path)
    with fits.open(path) as expected:
        places = [(hdu.fileinfo()["hdrLoc"], hdu.fileinfo()["datLoc"], hdu.fileinfo()["datSpan"]) for hdu in expected]
    assert [(hdu.start, hdu.data_start, hdu.stop - hdu.data_start) for hdu in found] == places
    assert found[0].data_bytes == 120
    assert found[3].name == "SCI"
    assert found[3].label == "HDU 3 ('SCI')"


def test_walk_sizes_random_groups(tmp_path: Path) -> None:
    path = tmp_path / "groups.fits"
    groups = fits.GroupData(np.zeros((4, 1, 1, 2, 2), np.float32), bitpix=-32, parnames=["A", "B"], pardata=[1.0, 2.0])
    fits.GroupsHDU(groups).writeto(path)
    hdu = _walk(path)[0]
    assert hdu.data_bytes == 4 * 4 * (2 + 4)
    assert hdu.stop == path.stat().st_size


def test_walk_takes_illegal_keywords_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "illegal.fits"
    fits.PrimaryHDU(np.zeros((2, 2), np.uint8)).writeto(path)
    raw = bytearray(path.read_bytes())
    end = raw.index(b"END" + b" " * 77)
    raw[end : end + 160] = b"GAIN.SPE=                  1.5 / \xe9lectrons".ljust(80) + b"END".ljust(80)
    path.write_bytes(raw)
    hdu = _walk(path)[0]
    assert hdu.cards[-1].startswith(b"GAIN.SPE=")
    assert card_value(find_card(hdu.cards, "GAIN.SPE")) == b"1.5"


def test_bytes_behind_the_last_hdu_belong_to_none(tmp_path: Path) -> None:
    path = tmp_path / "tail.fits"
    fits.PrimaryHDU(np.zeros((2, 2), np.uint8)).writeto(path)
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"some notes")
    assert _walk(path)[-1].stop == size


@pytest.mark.parametrize("size", [0, 1, 29, 80, 2879, 2880, 2999, 5761, 8639])
def test_every_cut_is_named(tmp_path: Path, size: int) -> None:
    path = tmp_path / "cut.fits"
    _mixed_file(path)
    os.truncate(path, size)
    with pytest.raises(FormatError, match=r"cut\.fits") as caught:
        _walk(path)
    assert isinstance(caught.value, TruncatedError) or size < 30


def test_missing_padding_at_the_end_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "short.fits"
    fits.PrimaryHDU(np.zeros((2, 2), np.uint8)).writeto(path)
    os.truncate(path, 2884)
    assert _walk(path)[0].stop == 2884


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG" + bytes(5000))
    with pytest.raises(FormatError, match=r"picture.png: not a FITS file .*PNG.*begins with 'SIMPLE"):
        _walk(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"BITPIX  =                   16", b"BITPIX  =                   17", "BITPIX is 17, allowed are 8, 16"),
        (b"NAXIS   =                    3", b"NAXIS   =                 1000", "NAXIS is 1000"),
        (b"NAXIS2  =                    4", b"NAXIS2  =                   -4", "negative length"),
        (b"NAXIS2  =                    4", b"NAXIS9  =                    4", "NAXIS2 must be an integer"),
        (b"NAXIS2  =                    4", b"NAXIS2  =                  4.5", "NAXIS2 must be an integer"),
        (b"NAXIS2  =                    4", b"NAXIS2  =  4000000000000000000", "cut short"),
    ],
)
def test_impossible_headers_are_named(tmp_path: Path, old: bytes, new: bytes, message: str) -> None:
    path = tmp_path / "wrong.fits"
    _mixed_file(path)
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(FormatError, match=rf"wrong\.fits: HDU 0.*{message}"):
        _walk(path)


def test_int_card_wants_an_integer() -> None:
    with pytest.raises(FormatError, match="HDU 1: PCOUNT must be an integer, found no such card"):
        int_card((), "PCOUNT", "HDU 1")
    assert int_card((), "PCOUNT", "HDU 1", 0) == 0
