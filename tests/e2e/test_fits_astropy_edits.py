"""
Compressed files edited through astropy stay readable, keep their pixels, and change only where they were edited.

Each kind of image meets each kind of edit, in both containers and as a compressed primary image. What must come out is
what astropy gives for an image file that is edited so, but that stored integers stay as long as no pixel is changed.
"""

from __future__ import annotations

import functools
import gc
import io
import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

import fits_tiles

Array = np.ndarray[Any, Any]
SHAPE = (48, 50)

# dtype of the stored pixels and the cards that say what they mean
KINDS: dict[str, tuple[str, dict[str, object]]] = {
    "u1": ("u1", {}),
    "i1": ("u1", {"BSCALE": 1, "BZERO": -128}),
    "i2": ("i2", {}),
    "u2": ("i2", {"BSCALE": 1, "BZERO": 32768}),
    "u2 float zero": ("i2", {"BSCALE": 1.0, "BZERO": 32768.0}),
    "i4": ("i4", {}),
    "u4": ("i4", {"BSCALE": 1, "BZERO": 2147483648}),
    "i8": ("i8", {}),
    "u8": ("i8", {"BSCALE": 1, "BZERO": 9223372036854775808}),
    "f4": ("f4", {}),
    "f8": ("f8", {}),
    "u1 scaled": ("u1", {"BSCALE": 0.5}),
    "i2 scaled": ("i2", {"BSCALE": 2.0}),
    "i2 zero": ("i2", {"BZERO": 1000.0}),
    "i4 scaled": ("i4", {"BSCALE": 0.001, "BZERO": 5.0}),
    "i8 scaled": ("i8", {"BSCALE": 0.25}),
    "f4 scaled": ("f4", {"BSCALE": 2.0, "BZERO": 1.0}),
    "u1 blank": ("u1", {"BLANK": 255}),
    "i2 blank": ("i2", {"BLANK": -32768}),
    "i4 blank": ("i4", {"BLANK": -2147483648}),
    "i2 blank 0": ("i2", {"BLANK": 0}),
    "u2 blank": ("i2", {"BSCALE": 1, "BZERO": 32768, "BLANK": -32768}),
    "i2 scaled blank": ("i2", {"BSCALE": 0.1, "BZERO": 5.0, "BLANK": -32768}),
    "i4 scaled blank": ("i4", {"BSCALE": 0.1, "BLANK": 0}),
    "f4 blank": ("f4", {"BLANK": 0}),
}
FORMS = ("zimage", "table", "primary")
pytestmark = [
    pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning"),
    pytest.mark.filterwarnings("ignore:Saving a backup"),
]


def _stored(dtype: str) -> Array:
    rng = np.random.default_rng(4)
    if dtype == "u1":
        pixels: Array = rng.poisson(100, SHAPE).astype(">u1")
        pixels[0, :3] = 0, 255, 128
    elif dtype.startswith("i"):
        pixels = rng.normal(100, 30, SHAPE).astype(f">{dtype}")
        info = np.iinfo(dtype)
        pixels[0, :4] = info.min, info.max, 0, -1
    else:
        pixels = rng.normal(100, 30, SHAPE).astype(f">{dtype}")
        pixels[0, :5] = np.nan, np.inf, -0.0, 0.0, -np.inf
        pixels.view(f">u{pixels.itemsize}")[0, 5] = pixels.view(f">u{pixels.itemsize}")[0, 0] + 7
    return pixels


def _card(keyword: str, value: object) -> bytes:
    return f"{keyword:8s}= {value!s:>20} / of the image".ljust(80).encode()


@functools.cache
def _files(kind: str, form: str) -> tuple[bytes, bytes]:
    """A plain file and the compressed one, whose headers have no spare room, so that each card makes them grow."""
    dtype, scaling = KINDS[kind]
    pixels = _stored(dtype)
    first = [b"SIMPLE  =                    T".ljust(80)]
    if form != "primary":
        first = [b"XTENSION= 'IMAGE   '".ljust(80)]
    cards = [*first, _card("BITPIX", pixels.itemsize * (-8 if dtype[0] == "f" else 8)), _card("NAXIS", 2)]
    cards += [_card("NAXIS1", SHAPE[1]), _card("NAXIS2", SHAPE[0])]
    cards += [_card("EXTEND", "T")] if form == "primary" else [_card("PCOUNT", 0), _card("GCOUNT", 1)]
    cards += [b"EXTNAME = 'SCI     '".ljust(80), b"OBJECT  = 'M31     '           / target".ljust(80)]
    cards += [_card(*item) for item in scaling.items()]
    cards += [b"HISTORY bias subtracted".ljust(80), b"EXPTIME =                 30.0 / [s]".ljust(80)]
    image = b"".join(cards).ljust(2800) + b"END".ljust(80) + pixels.tobytes()
    image += bytes(-len(image) % 2880)
    table = fits.BinTableHDU.from_columns([fits.Column("E", "1D", array=np.arange(5.0))], name="EVENTS")
    rest = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(rest)
    empty, events = rest.getvalue()[:2880], rest.getvalue()[2880:]
    plain = image + events if form == "primary" else empty + image + events
    packed = io.BytesIO()
    fits_tiles.compress(io.BytesIO(plain), packed, container="table" if form == "table" else "zimage", tune=False)
    return plain, packed.getvalue()


def _change(hdu: Any) -> None:
    hdu.data[7, 9] = 77


def _note(hdu: Any) -> None:
    hdu.header["NOTE"] = ("edited", "by a test")


def _update(path: Path, *edits: Callable[[Any], None], **keywords: Any) -> Path:
    with fits.open(path, mode="update", **keywords) as hdus:
        for edit in edits:
            edit(hdus["SCI"])
    return path


def _write(path: Path, *edits: Callable[[Any], None], checksum: bool = False, **keywords: Any) -> Path:
    with fits.open(path, **keywords) as hdus:
        for edit in edits:
            edit(hdus["SCI"])
        hdus.writeto(path.with_suffix(".out"), checksum=checksum)
    return path.with_suffix(".out")


def _touch(hdu: Any) -> None:
    assert hdu.data.shape == SHAPE


def _section(hdu: Any) -> None:
    assert hdu.section[3:5, 4:9].shape == (2, 5)


def _replace_by_equal(hdu: Any) -> None:
    hdu.data = hdu.data.copy()


def _flush_twice(path: Path, *edits: Callable[[Any], None]) -> Path:
    with fits.open(path, mode="update") as hdus:
        for edit in edits:
            edit(hdus["SCI"])
            hdus.flush()
    return path


def _list_edit(path: Path, edit: Callable[[fits.HDUList], None]) -> Path:
    with fits.open(path, mode="update") as hdus:
        edit(hdus)
    return path


def _copied(path: Path, how: Callable[[Any], Any], *edits: Callable[[Any], None]) -> Path:
    with fits.open(path) as hdus:
        for edit in edits:
            edit(hdus["SCI"])
        fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(name="NONE"), how(hdus["SCI"])]).writeto(
            path.with_suffix(".out")
        )
    return path.with_suffix(".out")


def _same(hdu: Any) -> Any:
    return hdu


def _copy(hdu: Any) -> Any:
    return hdu.copy()


# Nothing but the header may change.
HEADER_EDITS: dict[str, Callable[[Path], Path]] = {
    "update": lambda path: _update(path, _note),
    "update touched": lambda path: _update(path, _touch, _note),
    "update touched late": lambda path: _update(path, _note, _touch),
    "update section": lambda path: _update(path, _section, _note),
    "update equal": lambda path: _update(path, _replace_by_equal, _note),
    "update no memmap": lambda path: _update(path, _touch, _note, memmap=False),
    "update eager": lambda path: _update(path, _touch, _note, lazy_load_hdus=False),
    "update checksum": lambda path: _update(path, _touch, _note, checksum=True),
    "update backup": lambda path: _update(path, _note, save_backup=True),
    "update bytes": lambda path: _update(path, _note, character_as_bytes=True),
    "update no uint": lambda path: _update(path, _touch, _note, uint=False),
    "update raw": lambda path: _update(path, _touch, _note, do_not_scale_image_data=True),
    "update scale back": lambda path: _update(path, _touch, _note, scale_back=True),
    "flush twice": lambda path: _flush_twice(path, _touch, _note, _section, _note),
    "writeto": lambda path: _write(path, _note),
    "writeto touched": lambda path: _write(path, _touch, _note),
    "writeto section": lambda path: _write(path, _section, _note),
    "writeto checksum": lambda path: _write(path, _note, checksum=True),
    "writeto no uint": lambda path: _write(path, _touch, _note, uint=False),
    "writeto raw": lambda path: _write(path, _touch, _note, do_not_scale_image_data=True),
    "writeto scale back": lambda path: _write(path, _touch, _note, scale_back=True),
    "insert": lambda path: _list_edit(path, lambda h: (_note(h["SCI"]), h.insert(1, fits.ImageHDU(np.ones(5))))[1]),
    "append": lambda path: _list_edit(path, lambda h: (_note(h["SCI"]), h.append(fits.ImageHDU(np.ones(5))))[1]),
    "delete": lambda path: _list_edit(path, lambda h: (_touch(h["SCI"]), _note(h["SCI"]), h.pop("EVENTS"))[1]),
    "setval": lambda path: (fits.setval(path, "NOTE", value="edited", extname="SCI"), path)[1],
    "elsewhere": lambda path: _copied(path, _same, _touch, _note),
}
# Not even the header.
READS: dict[str, Callable[[Path], Path]] = {
    "update nothing": lambda path: _update(path),
    "update touch": lambda path: _update(path, _touch),
    "update section": lambda path: _update(path, _section),
    "update scale back": lambda path: _update(path, _touch, scale_back=True),
    "update no uint": lambda path: _update(path, _touch, uint=False),
    "writeto": lambda path: _write(path),
    "writeto touch": lambda path: _write(path, _touch),
    "writeto section": lambda path: _write(path, _section),
}
CHANGES: dict[str, Callable[[Path], Path]] = {
    "update": lambda path: _update(path, _change, _note),
    "update no memmap": lambda path: _update(path, _note, _change, memmap=False),
    "update checksum": lambda path: _update(path, _change, _note, checksum=True),
    "update flushed twice": lambda path: _flush_twice(path, _change, _note),
    "writeto": lambda path: _write(path, _change, _note),
    "copy": lambda path: _copied(path, _copy, _change, _note),
    "elsewhere": lambda path: _copied(path, _same, _change, _note),
}


def _matrix(edits: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Every kind with every edit, in one of the forms by turns; in all of them with ASTROCODEC_MATRIX=whole."""
    whole = os.environ.get("ASTROCODEC_MATRIX") == "whole"
    return [
        (kind, form, edit)
        for row, kind in enumerate(KINDS)
        for column, edit in enumerate(edits)
        for number, form in enumerate(FORMS)
        if whole or (row + column) % len(FORMS) == number
    ]


def _read(file: Path, **keywords: Any) -> tuple[Array, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)
        with fits.open(file, memmap=False, **keywords) as hdus:
            hdu = next(hdu for hdu in hdus if hdu.header.get("EXTNAME") == "SCI")
            header = hdu.header.copy()
            return hdu.data.copy(), header


@functools.cache
def _expected(kind: str, form: str, **keywords: Any) -> tuple[Array, list[str]]:
    """Pixels and cards of the plain file, which are not to be changed."""
    with TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.fits"
        plain.write_bytes(_files(kind, form)[0])
        data, header = _read(plain, **keywords)
    data.flags.writeable = False
    return data, _cards(header)


def _cards(header: Any) -> list[str]:
    """All but those that tell a primary image, which it no longer is behind a primary HDU with cards of its own."""
    place = ("SIMPLE", "XTENSION", "PCOUNT", "GCOUNT", "EXTEND", "")
    return sorted(card.image for card in header.cards if card.keyword not in place)


def _assert_same(found: Array, expected: Array) -> None:
    assert found.dtype.newbyteorder("=") == expected.dtype.newbyteorder("=")
    np.testing.assert_array_equal(found, expected)
    if found.dtype.kind == "f":
        np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


def _start(tmp_path: Path, kind: str, form: str) -> tuple[Path, Path]:
    plain, packed = tmp_path / "plain.fits", tmp_path / "packed.fits"
    for path, content in zip((plain, packed), _files(kind, form), strict=True):
        path.write_bytes(content)
    return plain, packed


@pytest.mark.parametrize(("kind", "form", "edit"), _matrix(HEADER_EDITS))
def test_an_edit_of_the_header_leaves_every_pixel(tmp_path: Path, kind: str, form: str, edit: str) -> None:
    _, packed = _start(tmp_path, kind, form)
    result, back = HEADER_EDITS[edit](packed), tmp_path / "back.fits"
    fits_tiles.decompress(result, back)
    for keywords in ({}, {"do_not_scale_image_data": True}, {"uint": False}):
        expected, cards = _expected(kind, form, **keywords)
        for path in (result, back):
            found, header = _read(path, **keywords)
            _assert_same(found, expected)
            assert header.pop("NOTE") == "edited"
            if path == back and edit != "elsewhere":
                assert _cards(header) == cards


@pytest.mark.parametrize(("kind", "form", "edit"), _matrix(READS))
def test_reading_in_update_mode_changes_nothing(tmp_path: Path, kind: str, form: str, edit: str) -> None:
    _, packed = _start(tmp_path, kind, form)
    before = packed.read_bytes()
    assert READS[edit](packed).read_bytes() == before


@pytest.mark.parametrize(("kind", "form", "edit"), _matrix(CHANGES))
def test_a_changed_pixel_changes_alone(tmp_path: Path, kind: str, form: str, edit: str) -> None:
    plain, packed = _start(tmp_path, kind, form)
    expected, _ = _read(plain)
    expected[7, 9] = 77
    result, back = CHANGES[edit](packed), tmp_path / "back.fits"
    fits_tiles.decompress(result, back)
    for path in (result, back):
        found, header = _read(path)
        _assert_same(found, expected)
        assert (header["NOTE"], header["OBJECT"]) == ("edited", "M31")
    if edit != "copy":  # which is a new image
        with fits.open(result, disable_image_compression=True) as hdus:
            tables = [hdu for hdu in hdus if "ACTILES" in hdu.header]
            assert ["ZIMAGE" in hdu.header for hdu in tables] == [form != "table"]


def _edited(path: Path, how: str) -> None:
    if how == "append":
        fits.append(path, np.ones((3, 3)))
        return
    with fits.open(path, mode="update") as hdus:
        if how == "another HDU":
            hdus[0].header["X"] = 1
        elif how == "this HDU":
            hdus[1].header["X"] = 1
        else:
            hdus[1].data[0, 0] = 5
        hdus.flush()
        if how == "both":
            hdus[1].header["Y"] = 2


@pytest.mark.filterwarnings("ignore:non-ASCII characters")
@pytest.mark.parametrize("container", ["zimage", "table"])
@pytest.mark.parametrize("how", ["append", "another HDU", "this HDU", "a pixel", "both"])
@pytest.mark.parametrize("card", ["OBSERVER= 'José'", "COMMENT µs", "OBJECT  = 'x' / José", "HIERARCH A B C = 'José'"])
def test_latin_1_in_headers_is_as_in_plain_files(tmp_path: Path, container: str, how: str, card: str) -> None:
    """Astropy shows a question mark for it; the byte in the file stays until the header is edited."""
    plain, packed, back = (tmp_path / name for name in ("a.fits", "a.ac.fits", "b.fits"))
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.arange(600, dtype="i2").reshape(20, 30))]).writeto(plain)
    raw = bytearray(plain.read_bytes())
    at = raw.rindex(b"END     ")
    raw[at : at + 160] = card.encode("latin-1").ljust(80) + b"END".ljust(80)
    plain.write_bytes(bytes(raw))
    fits_tiles.compress(plain, packed, container=container, tune=False)
    assert repr(fits.getheader(packed, 1)) == repr(fits.getheader(plain, 1))
    for path in (plain, packed):
        _edited(path, how)
    fits_tiles.decompress(packed, back)
    assert back.read_bytes() == plain.read_bytes()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("container", ["zimage", "table"])
@pytest.mark.parametrize(
    ("card", "damage"),
    [
        ("EXTNAME = 'Détecteur'", None),
        ("EXTNAME = 'unterminated", None),
        ("EXTEND  = TRUE", None),
        ("BSCALE  = 2 / µ", None),
        ("EXTNAME = 'SCI'", (b"ACTILES = '1 ", b"ACTILES = '2 ")),
    ],
)
def test_what_astropy_cannot_read_ends_no_list(
    tmp_path: Path, container: str, card: str, damage: tuple[bytes, bytes] | None
) -> None:
    """It writes no HDU behind one whose reading fails: that is the end of the file to it."""
    plain, packed, other = (tmp_path / name for name in ("a.fits", "a.ac.fits", "b.fits"))
    sci = fits.ImageHDU(np.arange(600, dtype="i2").reshape(20, 30), name="ODD")
    fits.HDUList([fits.PrimaryHDU(), sci, fits.ImageHDU(np.ones((20, 30), "i2"), name="LAST")]).writeto(plain)
    raw = plain.read_bytes()
    at = raw.index(b"EXTNAME = 'ODD")
    plain.write_bytes(raw[:at] + card.encode("latin-1").ljust(80) + raw[at + 80 :])
    fits_tiles.compress(plain, packed, container=container, tune=False)
    if damage:
        packed.write_bytes(packed.read_bytes().replace(*damage))
    with fits.open(packed) as hdus:
        assert len(hdus) == 3
        with suppress(fits.VerifyError):
            hdus.writeto(other)
            with fits.open(other) as written:
                assert len(written) == 3
    with suppress(fits.VerifyError), fits.open(packed, mode="update") as hdus:
        for number in range(60):
            hdus[0].header[f"K{number}"] = number
    with fits.open(packed) as hdus:
        assert len(hdus) == 3


@pytest.mark.parametrize("container", ["zimage", "table"])
def test_a_file_whose_pixels_were_edited_is_closed_with_it(tmp_path: Path, container: str) -> None:
    """Not when the garbage collector comes by: the next to write it finds no one who has it open."""
    plain, packed = tmp_path / "p.fits", tmp_path / "a.ac.fits"
    fits.PrimaryHDU(np.arange(3600, dtype="i2").reshape(60, 60)).writeto(plain)
    fits_tiles.compress(plain, packed, container=container, tune=False)
    gc.collect()
    gc.disable()
    try:
        with fits.open(packed, mode="update") as hdus:
            hdus[-1].data[0] = 0
            hdus[-1].header["NOTE"] = 1
        fits_tiles.compress(plain, packed, container=container, tune=False, overwrite=True)
    finally:
        gc.enable()
