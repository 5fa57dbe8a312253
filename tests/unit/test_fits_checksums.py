"""CHECKSUM and DATASUM agree with astropy's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from fits_tiles.layout.blocks import walk
from fits_tiles.layout.checksums import encode_sum, fits_checksums, sum32, write_checksums

HDU = fits.PrimaryHDU()


@given(st.integers(0, 2**32 - 1))
def test_encoding_agrees_with_astropy(total: int) -> None:
    assert encode_sum(total) == HDU._char_encode(~total & 0xFFFFFFFF)


@given(st.binary(min_size=4, max_size=400).map(lambda raw: raw[: len(raw) // 4 * 4]))
def test_sum_agrees_with_plain_arithmetic(raw: bytes) -> None:
    total = 0
    for at in range(0, len(raw), 4):
        total += int.from_bytes(raw[at : at + 4], "big")
        total = (total & 0xFFFFFFFF) + (total >> 32)
    assert sum32(raw) == total


def test_written_checksums_satisfy_astropy(tmp_path: Path) -> None:
    path = tmp_path / "sums.fits"
    hdu = fits.PrimaryHDU(np.random.default_rng(1).integers(0, 99, (50, 60)).astype(np.int16))
    hdu.header["CHECKSUM"] = ("0" * 16, "sum of the HDU")
    hdu.header["DATASUM"] = ("0", "sum of the data")
    hdu.writeto(path)
    with path.open("r+b") as file:
        write_checksums(file.fileno(), next(walk(file.fileno(), "sums.fits")))
    with fits.open(path, checksum=True) as opened:
        assert opened[0].header.comments["CHECKSUM"] == "sum of the HDU"
        assert opened[0].verify_checksum() == 1
        assert opened[0].verify_datasum() == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"CHECKSUM= '", b"CHECKSUM= /"), (b"DATASUM = '", b"DATASUM = /"), (b"CHECKSUM= '", b"CHECKSUM= 5")],
)
def test_a_checksum_that_cannot_be_read_does_not_agree(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(np.arange(100, dtype=np.int16)).writeto(path, checksum=True)
    path.write_bytes(path.read_bytes().replace(old, new))
    with path.open("rb") as file:
        hdu = next(walk(file.fileno(), "a.fits"))
        assert fits_checksums(file.fileno(), hdu).wrong
