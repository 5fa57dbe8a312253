"""Small frames: streams are as small as JPEG-XL's, and no block of a FITS file is taken for nothing."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

import astrocodec
import fits_tiles

imagecodecs = pytest.importorskip("imagecodecs")


def stack() -> NDArray[np.uint16]:
    """Three frames of a spectrograph's acquisition: faint sky, a star that stays, a hot pixel, a few cosmic rays."""
    rng, (y, x) = np.random.default_rng(1), np.indices((100, 100))
    star = 900 * np.exp(-((y - 41) ** 2 + (x - 57) ** 2) / 9)
    frames = 1510 + rng.poisson(8 + star, (3, 100, 100)) + rng.normal(0, 2.5, (3, 100, 100))
    frames[:, 70, 20] += 300
    for frame in frames:
        frame[tuple(rng.integers(0, 100, (2, 12)))] += rng.exponential(400, 12)
    return frames.round().astype(np.uint16)


def x_rays(shape: tuple[int, int] = (220, 250)) -> NDArray[np.uint16]:
    """A cluster and two point sources on a faint background."""
    y, x = np.indices(shape)
    rate = 0.06 + 2.5 / (1 + ((y - 120) ** 2 + (x - 130) ** 2) / 300) ** 1.5
    for at in ((40, 60), (170, 200)):
        rate += 12 * np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / 4)
    return np.random.default_rng(2).poisson(rate).astype(np.uint16)


FRAMES: dict[str, NDArray[np.uint16]] = {
    "stack": stack(),
    "one of it": stack()[0],
    "tiny": stack()[0, 30:62, 40:72],
    "x-rays": x_rays(),
    "few x-rays": np.random.default_rng(3).poisson(0.016, (377, 169)).astype(np.uint16),
    "none but one": np.eye(1, 90000, 4567, dtype=np.uint16).reshape(300, 300),
}


def jpegxl(frame: NDArray[Any]) -> int:
    """The better of efforts 7 and 9 in bytes, plane by plane."""
    planes = frame.reshape(-1, *frame.shape[-2:])
    encode = imagecodecs.jpegxl_encode
    return min(sum(len(encode(p, effort=e, lossless=True, numthreads=1)) for p in planes) for e in (7, 9))


@pytest.mark.parametrize("name", FRAMES)
def test_streams_are_smaller_than_jpegxl(name: str) -> None:
    assert len(astrocodec.encode(FRAMES[name], [astrocodec.tune(FRAMES[name]), "default"])) < jpegxl(FRAMES[name])


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("cards", [0, 15, 60])
def test_a_file_has_no_block_too_many(name: str, cards: int) -> None:
    """Beside the image's cards 17 say what the table is, and two bytes each keep watch over the image's."""
    header = fits.Header([(f"KEY{number}", number) for number in range(cards)])
    plain, packed = io.BytesIO(), io.BytesIO()
    fits.PrimaryHDU(FRAMES[name].astype(np.int16), header).writeto(plain)
    fits_tiles.compress(io.BytesIO(plain.getvalue()), packed)
    image_cards = len(fits.getheader(io.BytesIO(plain.getvalue())))
    tiles = FRAMES[name].ndim - 2
    ours = 17 + tiles + -(-(2 * image_cards + 5) // 55)  # ZTILE3 of a cube
    stream = min(jpegxl(FRAMES[name]), len(astrocodec.encode(FRAMES[name].astype(np.int16))))
    most = 1 + -(-(image_cards + ours + 1) // 36) + -(-(8 + stream) // 2880)
    assert len(packed.getvalue()) <= 2880 * most
