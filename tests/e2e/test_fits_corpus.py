"""Real files come back byte for byte, and astropy reads the same pixels from the compressed ones."""

from __future__ import annotations

import gzip
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import fits_tiles

CORPUS = Path(os.environ.get("ASTROCODEC_CORPUS") or Path(__file__).resolve().parents[2] / ".." / "shared" / "corpus")
FILES = sorted(CORPUS.glob("*.fits.gz"))
SMALL = 400_000


def _small_files() -> list[Path]:
    """Files of every instrument that are quick to code."""
    return [path for path in FILES if path.stat().st_size < SMALL]


@pytest.mark.skipif(not FILES, reason="the corpus of real files is not here; point ASTROCODEC_CORPUS at it")
@pytest.mark.parametrize("container", ["zimage", "table"])
def test_real_files_come_back_byte_for_byte(tmp_path: Path, container: str) -> None:
    for path in _small_files()[:: 1 if container == "zimage" else 4]:
        packed, back = tmp_path / "packed.fits", tmp_path / "back.fits"
        report = fits_tiles.compress(path, packed, container=container, tune=False, overwrite=True)
        assert report.verified
        assert any(hdu.kind == "compressed" for hdu in report.hdus), path.name
        fits_tiles.decompress(packed, back, overwrite=True)
        with gzip.open(path) as file:
            assert back.read_bytes() == file.read(), path.name


@pytest.mark.skipif(not FILES, reason="the corpus of real files is not here; point ASTROCODEC_CORPUS at it")
def test_astropy_reads_the_same_pixels_from_real_files(tmp_path: Path) -> None:
    for path in _small_files()[::4]:
        packed = tmp_path / "packed.fits"
        fits_tiles.compress(path, packed, tune=False, overwrite=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", fits.verify.VerifyWarning)
            with fits.open(path) as plain, fits.open(packed) as tiled:
                images = [hdu for hdu in tiled if isinstance(hdu, fits.CompImageHDU)]
                originals = [hdu for hdu in plain if hdu.is_image and hdu.data is not None and hdu.data.size]
                assert len(images) == len(originals)
                for one, other in zip(images, originals, strict=True):
                    np.testing.assert_array_equal(one.data, other.data, err_msg=path.name)
                    assert one.header.tostring() == other.header.tostring(), path.name
