"""Damaged files give an error that names file, HDU and tile, and never wrong pixels."""

from __future__ import annotations

import errno
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fits_tiles
from astrocodec.errors import AstrocodecError, CodecNotFoundError, CorruptError, FormatError, TruncatedError
from fits_tiles import DifferenceError
from fits_tiles.layout.blocks import BLOCK, int_card, split_cards, walk
from fits_tiles.layout.card_format import assemble, int_card_of
from fits_tiles.layout.headers import HeapSize, build_header, read_layout
from fits_tiles.layout.image_header import restore_header
from fits_tiles.layout.tiles_card import read_tiles_card


class Sample:
    """A compressed file and the bytes of its original."""

    def __init__(self, packed: Path) -> None:
        self.packed = packed
        self.original = packed.with_name("plain.fits").read_bytes()

    def __iter__(self) -> Iterator[Any]:
        return iter((self.packed, self.original))


@pytest.fixture(scope="module", params=["zimage", "table"])
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Return a file with a primary image and an extension, in either container."""
    folder = tmp_path_factory.mktemp(request.param)
    rng = np.random.default_rng(3)
    primary = fits.PrimaryHDU(rng.normal(500, 9, (90, 70)).astype(np.int16))
    primary.header["OBJECT"] = "M31"
    second = fits.ImageHDU(rng.normal(0, 1, (40, 30)).astype(np.float32), name="SCI")
    fits.HDUList([primary, second]).writeto(folder / "plain.fits")
    fits_tiles.compress(folder / "plain.fits", folder / "packed.fits", container=request.param, tile_shape=(32, 32))
    return Sample(folder / "packed.fits")


def _attempt(raw: bytes, folder: Path) -> bytes | str:
    """Decompress damaged bytes: the result, or the message of the error."""
    damaged, back = folder / "damaged.fits", folder / "back.fits"
    damaged.write_bytes(raw)
    try:
        fits_tiles.decompress(damaged, back, overwrite=True)
    except AstrocodecError as error:
        message = str(error)
    else:
        return back.read_bytes()
    assert "damaged.fits" in message
    assert not list(folder.glob(".*.part"))
    return message


def test_every_cut_at_a_block(sample: Sample, tmp_path: Path) -> None:
    packed, original = sample
    raw = packed.read_bytes()
    with packed.open("rb") as file:
        hdu_ends = {hdu.stop: hdu.index for hdu in walk(file.fileno(), "packed.fits")}
    for size in [*range(0, len(raw), BLOCK), *range(1, len(raw), 1999)]:
        found = _attempt(raw[:size], tmp_path)
        if hdu_ends.get(size) and size < len(raw):
            # A whole file in FITS, but not the one that was written.
            assert "ends with HDU" in str(found) or "HDU 1, which holds the primary image, is missing" in str(found)
        elif isinstance(found, bytes):
            # Only padding behind an HDU was lost.
            assert original.startswith(found)
            assert any(0 < end - size < BLOCK for end in hdu_ends)
        else:
            assert "not a FITS file" in found or "HDU" in found


@settings(max_examples=400, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_flipped_bits_never_give_wrong_pixels(sample: Sample, tmp_path: Path, place: float, bit: int) -> None:
    packed, original = sample
    raw = bytearray(packed.read_bytes())
    raw[int(place * len(raw))] ^= 1 << bit
    found = _attempt(bytes(raw), tmp_path)
    assert isinstance(found, str) or found == original


def test_every_bit_of_the_first_cards_counts(sample: Sample, tmp_path: Path) -> None:
    packed, original = sample
    raw = packed.read_bytes()
    with packed.open("rb") as file:
        start = list(walk(file.fileno(), "packed.fits"))[1].start
    for place in range(start, start + 80 * 20, 3):
        found = _attempt(_flip(raw, place), tmp_path)
        assert isinstance(found, str) or found == original


def _flip(raw: bytes, place: int) -> bytes:
    return raw[:place] + bytes([raw[place] ^ 16]) + raw[place + 1 :]


def test_messages_name_hdu_and_tile(sample: Sample, tmp_path: Path) -> None:
    packed, _ = sample
    raw = packed.read_bytes()
    with packed.open("rb") as file:
        hdu = list(walk(file.fileno(), "packed.fits"))[2]
    rows = int.from_bytes(raw[hdu.data_start : hdu.data_start + 4], "big")
    heap = hdu.data_start + 8 * 2
    assert "HDU 2 ('SCI'), tile 1 of 2 (bytes" in str(_attempt(_flip(raw, heap + rows // 2), tmp_path))
    assert "HDU 2 ('SCI'), tile 2 of 2 (bytes" in str(_attempt(_flip(raw, heap + rows + 9), tmp_path))
    assert "HDU 2 ('SCI'): the rows in bytes" in str(_attempt(_flip(raw, hdu.data_start + 9), tmp_path))
    card = raw.index(b"EXTNAME = 'SCI", hdu.start)
    assert "HDU 2" in str(_attempt(_flip(raw, card + 40), tmp_path))
    assert "of the image is not there any more" in str(_attempt(_flip(raw, card + 40), tmp_path))


def test_a_changed_tile_is_corrupt_not_cut(sample: Sample, tmp_path: Path) -> None:
    """Many a changed bit makes a stream ask for more bytes; the file has all that it should have."""
    packed, _ = sample
    raw = packed.read_bytes()
    with packed.open("rb") as file:
        hdu = list(walk(file.fileno(), "packed.fits"))[1]
    heap = hdu.data_start + int_card(hdu.cards, "NAXIS1", "") * int_card(hdu.cards, "NAXIS2", "")
    damaged = tmp_path / "damaged.fits"
    for place in range(100):
        at = heap + place * int_card(hdu.cards, "PCOUNT", "") // 100
        damaged.write_bytes(raw[:at] + bytes([raw[at] ^ (1 << place % 8)]) + raw[at + 1 :])
        for read in (fits_tiles.verify, lambda path: fits_tiles.decompress(path, None)):
            with pytest.raises((FormatError, CodecNotFoundError), match="HDU 1, tile") as caught:
                read(damaged)
            assert not isinstance(caught.value, TruncatedError)
            assert "too early" not in str(caught.value)


def test_a_tile_that_names_an_unknown_model_is_damaged(sample: Sample, tmp_path: Path) -> None:
    """The header lists the model of the tiles, and it is here: no astrocodec that could be installed would help."""
    raw = bytearray(sample.packed.read_bytes())
    fingerprint = bytes.fromhex(fits_tiles.info(sample.packed).hdus[1].model)
    place = raw.index(fingerprint)
    raw[place] ^= 1
    message = _attempt(bytes(raw), tmp_path)
    assert isinstance(message, str)
    assert re.search(r"HDU 1.*tile 1 of .*neither shipped nor that of the header.*: the tile is damaged", message)
    (tmp_path / "damaged.fits").write_bytes(raw)
    with pytest.raises(CorruptError, match="the tile is damaged"):
        fits_tiles.verify(tmp_path / "damaged.fits")


def test_verify_finds_what_differs(sample: Sample, tmp_path: Path) -> None:
    packed, original = sample
    assert fits_tiles.verify(packed).verified
    other = tmp_path / "other.fits"
    other.write_bytes(original)
    assert fits_tiles.verify(packed, other).verified
    other.write_bytes(_flip(original, 2880 + 2 * 75 + 1))
    with pytest.raises(DifferenceError, match=r"HDU 0 \('PRIMARY'\): pixel \(1, 5\)"):
        fits_tiles.verify(packed, other)
    other.write_bytes(original.replace(b"'M31", b"'M32"))
    with pytest.raises(
        DifferenceError, match=r"HDU 0 \('PRIMARY'\): header card 7 is .*M31.*, the original's is .*M32"
    ):
        fits_tiles.verify(packed, other)
    other.write_bytes(original[: original.index(b"XTENSION")])
    with pytest.raises(DifferenceError, match="has 2 HDUs, the original"):
        fits_tiles.verify(packed, other)


def test_compress_refuses_cut_files_and_leaves_nothing(sample: Sample, tmp_path: Path) -> None:
    _, original = sample
    cut = tmp_path / "cut.fits"
    for size in (100, 2880, 4000, len(original) - 3000):
        cut.write_bytes(original[:size])
        with pytest.raises(TruncatedError, match=r"cut\.fits: HDU [01]"):
            fits_tiles.compress(cut, tmp_path / "out.fits")
    assert os.listdir(tmp_path) == ["cut.fits"]


def test_astropy_gets_an_error_not_wrong_pixels(sample: Sample, tmp_path: Path) -> None:
    packed, _ = sample
    raw = packed.read_bytes()
    with packed.open("rb") as file:
        hdu = list(walk(file.fileno(), "packed.fits"))[2]
    damaged = tmp_path / "damaged.fits"
    damaged.write_bytes(_flip(raw, hdu.data_start + 16 + 50))
    with fits.open(damaged) as opened, pytest.raises(AstrocodecError, match="HDU 'SCI', tile 1: its "):
        _ = opened[2].data


def test_a_wrong_encoder_is_caught_before_the_file_appears(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tmp_path / "plain.fits"
    plain.write_bytes(sample.original)
    from fits_tiles.files import coders

    encode = coders.astrocodec.encode

    def wrong(pixels: Any, **keywords: Any) -> bytes:
        return encode(pixels + 1, **keywords)

    monkeypatch.setattr(coders.astrocodec, "encode", wrong)
    with pytest.raises(DifferenceError, match=r"HDU 0 \('PRIMARY'\): pixel \(0, 0\)"):
        fits_tiles.compress(plain, tmp_path / "out.fits")
    assert os.listdir(tmp_path) == ["plain.fits"]


def test_an_encoder_of_damaged_streams_is_caught_before_the_file_appears(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tmp_path / "plain.fits"
    plain.write_bytes(sample.original)
    from fits_tiles.files import coders

    encode = coders.astrocodec.encode

    def damaging(pixels: Any, **keywords: Any) -> bytes:
        return _flip(encode(pixels, **keywords), 90)

    monkeypatch.setattr(coders.astrocodec, "encode", damaging)
    with pytest.raises(DifferenceError, match=r"tile 1 of .*in the new file, which was not kept") as caught:
        fits_tiles.compress(plain, tmp_path / "out.fits")
    assert not isinstance(caught.value, FormatError)
    assert os.listdir(tmp_path) == ["plain.fits"]


def test_an_interrupt_while_tuning_is_an_interrupt(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tmp_path / "plain.fits"
    fits.PrimaryHDU(np.zeros((200, 200), np.int16)).writeto(plain)

    def interrupted(*arguments: Any, **keywords: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("astrocodec.tune", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fits_tiles.compress(plain, tmp_path / "out.fits")
    assert os.listdir(tmp_path) == ["plain.fits"]


def test_astropy_names_hdu_and_tile_of_a_damaged_stream(sample: Sample, tmp_path: Path) -> None:
    raw = sample.packed.read_bytes()
    with sample.packed.open("rb") as file:
        hdu = list(walk(file.fileno(), "packed.fits"))[2]
    rows = int.from_bytes(raw[hdu.data_start : hdu.data_start + 4], "big")
    damaged = tmp_path / "damaged.fits"
    damaged.write_bytes(_flip(raw, hdu.data_start + 8 * 2 + rows + 60))
    with fits.open(damaged) as opened:
        with pytest.raises(FormatError, match=r"HDU 'SCI', tile 2: its \d+ bytes do not decode"):
            _ = opened["SCI"].data
        with pytest.raises(FormatError, match=r"HDU 'SCI', tile 2: its \d+ bytes do not decode"):
            _ = opened["SCI"].section[35:, :]
        assert opened["SCI"].section[:10].shape == (10, 30)


def test_a_full_disk_leaves_nothing_behind(sample: Sample, tmp_path: Path) -> None:
    plain = tmp_path / "plain.fits"
    plain.write_bytes(sample.original)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"out\.fits|File too large") as caught:
            fits_tiles.compress(plain, tmp_path / "out.fits")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.errno == errno.EFBIG
    assert "free some space" in str(caught.value)
    assert os.listdir(tmp_path) == ["plain.fits"]


def test_a_killed_run_leaves_the_target_alone(sample: Sample, tmp_path: Path) -> None:
    plain = tmp_path / "plain.fits"
    plain.write_bytes(sample.original)
    code = (
        "import os, signal, sys, fits_tiles\n"
        "def kill(done, total):\n"
        "    if done > 4000: os.kill(os.getpid(), signal.SIGKILL)\n"
        "fits_tiles.compress(sys.argv[1], sys.argv[2], progress=kill)\n"
    )
    out = tmp_path / "out.fits"
    folder = Path(fits_tiles.__file__).parents[1]
    run = subprocess.run([sys.executable, "-c", code, plain, out], check=False, cwd=folder)
    assert run.returncode < 0
    assert not out.exists()
    assert plain.read_bytes() == sample.original


def test_memory_does_not_follow_what_a_header_claims(tmp_path: Path) -> None:
    path = tmp_path / "huge.fits"
    fits.PrimaryHDU(np.zeros((4, 4), np.int16)).writeto(path)
    raw = path.read_bytes().replace(b"NAXIS1  =                    4", b"NAXIS1  =         400000000000")
    path.write_bytes(raw)
    with pytest.raises(TruncatedError, match=r"its data need bytes 2880 to 3200000002880"):
        fits_tiles.compress(path, tmp_path / "out.fits")


def test_memory_does_not_follow_what_a_consistent_header_claims(sample: Sample, tmp_path: Path) -> None:
    raw = sample.packed.read_bytes()
    with sample.packed.open("rb") as file:
        hdu = list(walk(file.fileno(), "packed.fits"))[2]
    claims = {b"ZNAXIS1 ": 1 << 20, b"ZNAXIS2 ": 1 << 21}
    original = [
        int_card_of(card[:8].decode(), claims[b"Z" + card[:7]]) if b"Z" + card[:7] in claims else card
        for card in split_cards(restore_header(hdu.cards, "sample").header)
    ]
    layout, about = read_layout(hdu.cards, "sample"), read_tiles_card(hdu.cards, "sample")
    layout = replace(layout, shape=(1 << 21, 1 << 20), tile_shape=(1 << 20, 1 << 20))
    heap = HeapSize(2, int_card(hdu.cards, "PCOUNT", "sample"), table_crc=about.table_crc)
    header = build_header(layout, assemble(original), heap, fingerprint=about.fingerprint)
    message = _attempt(raw[: hdu.start] + header + raw[hdu.data_start :], tmp_path)
    assert "HDU 2 ('SCI'), tile 1 of 2" in str(message)
    assert "the stream holds float32 pixels of shape (34, 30), expected float32 (1048576, 1048576)" in str(message)
