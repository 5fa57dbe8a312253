"""What other programs do to compressed files: nothing of it loses a card or a pixel, and the report tells of it."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from fits_mutation import compressed_archive, compressed_sample, try_mutations

import fits_tiles
from astrocodec.errors import AstrocodecError, CorruptError, DifferenceError, FormatError, TruncatedError
from fits_tiles.files.container import EMPTY_PRIMARY
from fits_tiles.layout.blocks import BLOCK, walk
from fits_tiles.layout.checksums import fits_checksums, write_checksums

PIXELS = np.random.default_rng(7).poisson(300, (60, 70)).astype(np.uint16)


def _plain(folder: Path, *, primary: bool) -> Path:
    """Write a file with images and a table."""
    sci = fits.PrimaryHDU(PIXELS) if primary else fits.ImageHDU(PIXELS, name="SCI")
    sci.header["OBJECT"] = "M31"
    sci.header["EXPTIME"] = 4.1e-5
    sci.header["HISTORY"] = "first"
    table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=np.arange(5))], name="CAT")
    err = fits.ImageHDU(PIXELS[:20].astype(np.int32), name="ERR")
    path = folder / "plain.fits"
    hdus = [sci, table, err] if primary else [fits.PrimaryHDU(), sci, table, err]
    fits.HDUList(hdus).writeto(path)
    return path


@pytest.fixture(params=["zimage", "table"])
def container(request: pytest.FixtureRequest) -> str:
    """Return the name of a container."""
    return str(request.param)


def _without_fits_tiles(code: str, path: Path) -> None:
    fits_tiles.unregister()
    try:
        with contextlib.chdir(path.parent), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(code, {"fits": fits, "name": str(path)})
    finally:
        fits_tiles.register()


def _fitscheck(path: Path) -> None:
    code = "import sys; from astropy.io.fits.scripts import fitscheck; sys.exit(fitscheck.main([*sys.argv[1:]]))"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, "--write", "--force", path], check=False)


def _astropy_checksum(path: Path) -> None:
    with fits.open(path) as opened:
        opened.writeto(path.with_name("summed.fits"), checksum=True)
    path.with_name("summed.fits").replace(path)


def _bare_astropy_checksum(path: Path) -> None:
    _without_fits_tiles(
        "with fits.open(name) as h: h.writeto('summed.fits', checksum=True)\n"
        "import os\nos.replace('summed.fits', name)",
        path,
    )


@pytest.mark.parametrize("add", [_fitscheck, _astropy_checksum, _bare_astropy_checksum])
@pytest.mark.parametrize("primary", [False, True])
def test_checksums_added_by_others(tmp_path: Path, container: str, primary: bool, add: Callable[[Path], None]) -> None:
    plain, packed, back = _plain(tmp_path, primary=primary), tmp_path / "a.ac.fits", tmp_path / "b.fits"
    fits_tiles.compress(plain, packed, container=container, tune=False)
    add(packed)
    assert b"CHECKSUM" in packed.read_bytes()
    report = fits_tiles.verify(packed)
    assert report.checked == "checksum ok"
    assert fits_tiles.decompress(packed, back).checked == "checksum ok"
    with fits.open(plain) as expected, fits.open(back) as found, fits.open(packed) as shown:
        assert len(found) == len(expected)
        for one, other, third in zip(found, expected, shown[len(shown) - len(expected) :], strict=True):
            if isinstance(other, fits.BinTableHDU):
                continue
            ignored = {"CHECKSUM", "DATASUM"}
            assert [c for c in one.header if c not in ignored] == [c for c in other.header if c not in ignored]
            np.testing.assert_array_equal(one.data, other.data)
            if third.data is not None:
                np.testing.assert_array_equal(third.data, other.data)


def test_added_cards_stay_where_they_were_put(tmp_path: Path, container: str) -> None:
    plain, packed, back = _plain(tmp_path, primary=False), tmp_path / "a.ac.fits", tmp_path / "b.fits"
    fits_tiles.compress(plain, packed, container=container, tune=False)
    _without_fits_tiles(
        "with fits.open(name, mode='update', disable_image_compression=True) as h:\n"
        "    header = h[1].header\n"
        "    header['HISTORY'] = 'second'\n"
        "    header.insert('OBJECT', ('INHERIT', True), after=True)\n"
        "    header.insert('TTYPE1', ('EXTVER', 2))\n"
        "    header['COMMENT'] = 'LONGSTRN follows'\n"
        "    header['LONGSTRN'] = 'OGIP 1.0'",
        packed,
    )
    report = fits_tiles.decompress(packed, back, edited=True)
    assert report.hdus[1].checked == "decoded"
    with fits.open(back) as found:
        names = list(found["SCI"].header)
        assert names[:5] == ["XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2"]
        assert names[names.index("OBJECT") + 1] == "INHERIT"
        assert list(found["SCI"].header["HISTORY"]) == ["first", "second"]
        assert {"EXTVER", "LONGSTRN", "COMMENT", "BZERO"} <= set(names)
        np.testing.assert_array_equal(found["SCI"].data, PIXELS)


@pytest.mark.parametrize("bare", [False, True])
def test_hdus_moved_removed_and_inserted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, container: str, bare: bool
) -> None:
    plain, packed = _plain(tmp_path, primary=False), tmp_path / "a.ac.fits"
    fits_tiles.compress(plain, packed, container=container, tune=False)
    code = (
        "with fits.open(name) as h:\n"
        "    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(name='NEW'), h[3], h[1]]).writeto('moved.fits')\n"
        "    h.insert(2, fits.ImageHDU(name='NEW')); h.writeto('inserted.fits')\n"
        "    del h['CAT']; h.writeto('removed.fits')"
    )
    if bare:
        _without_fits_tiles(
            f"kwargs = dict(disable_image_compression=True)\n{code.replace('(name)', '(name, **kwargs)')}", packed
        )
    else:
        monkeypatch.chdir(tmp_path)
        exec(code, {"fits": fits, "name": str(packed)})
    for edited in ("moved", "inserted", "removed"):
        path, back = tmp_path / f"{edited}.fits", tmp_path / f"{edited}.plain.fits"
        if edited == "removed" and bare:
            # One HDU in the place of another, without a checksum, cannot be told from damage.
            with pytest.raises(CorruptError, match=r"HDU 2 \('NEW'\): the header in bytes .*--edited"):
                fits_tiles.verify(path)
        else:
            assert fits_tiles.verify(path).checked == "not checked"
        report = fits_tiles.decompress(path, back, edited=edited == "removed" and bare)
        assert report.checked != "verified"
        with fits.open(path) as shown, fits.open(back) as found:
            assert [hdu.name for hdu in shown] == [hdu.name for hdu in found]
            for hdus in (shown, found):
                np.testing.assert_array_equal(hdus["SCI"].data, PIXELS)
                np.testing.assert_array_equal(hdus["ERR"].data, PIXELS[:20])
                assert hdus["SCI"].header["OBJECT"] == "M31"
        with fits.open(path, disable_image_compression=True) as tables:
            assert ("ZIMAGE" in tables["SCI"].header) == (container == "zimage")


def test_a_last_hdu_that_is_gone_is_noticed(tmp_path: Path, container: str) -> None:
    plain, packed, cut = _plain(tmp_path, primary=False), tmp_path / "a.ac.fits", tmp_path / "cut.fits"
    fits_tiles.compress(plain, packed, container=container, tune=False)
    with packed.open("rb") as file:
        ends = [hdu.stop for hdu in walk(file.fileno(), "a")]
    for end in ends[1:-1]:
        cut.write_bytes(packed.read_bytes()[:end])
        for check in (fits_tiles.verify, lambda path: fits_tiles.decompress(path, None)):
            with pytest.raises(TruncatedError, match="but was written with 4 HDUs: it was cut short"):
                check(cut)
        assert fits_tiles.decompress(cut, None, edited=True).checked == "checksum ok"


@pytest.mark.parametrize("summed", [False, True])
def test_flips_in_copied_hdus_are_noticed(tmp_path: Path, container: str, summed: bool) -> None:
    plain, packed, damaged = _plain(tmp_path, primary=False), tmp_path / "a.ac.fits", tmp_path / "d.ac.fits"
    fits_tiles.compress(plain, packed, container=container, tune=False)
    if summed:
        _fitscheck(packed)
    raw = packed.read_bytes()
    with packed.open("rb") as file:
        table = list(walk(file.fileno(), "a"))[2]
    for place in (table.data_start + 3, table.start + 80 * 9 + 12):
        damaged.write_bytes(raw[:place] + bytes([raw[place] ^ 4]) + raw[place + 1 :])
        for check in (fits_tiles.verify, lambda path: fits_tiles.decompress(path, None)):
            with pytest.raises(CorruptError, match=r"HDU 2 \('CAT'\)"):
                check(damaged)


def test_bytes_behind_the_last_hdu_are_guarded(tmp_path: Path) -> None:
    plain, packed = _plain(tmp_path, primary=True), tmp_path / "a.ac.fits"
    plain.write_bytes(plain.read_bytes() + b"tail" * 100)
    fits_tiles.compress(plain, packed, tune=False)
    assert fits_tiles.verify(packed).verified
    raw = packed.read_bytes()
    packed.write_bytes(raw[:-1] + b"!")
    with pytest.raises(CorruptError, match=r"400 bytes from byte \d+ on belong to no HDU"):
        fits_tiles.verify(packed)


def test_a_plain_file_is_never_called_verified(tmp_path: Path) -> None:
    plain = _plain(tmp_path, primary=True)
    assert fits_tiles.verify(plain).checked == "not checked"
    with fits.open(plain) as opened:
        opened.writeto(tmp_path / "summed.fits", checksum=True)
    assert fits_tiles.verify(tmp_path / "summed.fits").checked == "checksum ok"
    raw = bytearray((tmp_path / "summed.fits").read_bytes())
    raw[2 * BLOCK] ^= 1
    (tmp_path / "summed.fits").write_bytes(bytes(raw))
    with pytest.raises(CorruptError, match=r"does not have the (DATASUM|CHECKSUM) that its card says"):
        fits_tiles.verify(tmp_path / "summed.fits")


def test_header_edits_through_the_hook_are_no_damage(tmp_path: Path, container: str) -> None:
    plain, packed, back = _plain(tmp_path, primary=False), tmp_path / "a.ac.fits", tmp_path / "b.fits"
    fits_tiles.compress(plain, packed, container=container, tune=False)
    with fits.open(packed, mode="update") as opened:
        opened[0].header["OBSERVER"] = "me"
        opened["CAT"].data["a"][0] = 77
    report = fits_tiles.decompress(packed, back)
    assert report.checked == "not checked"
    with fits.open(back) as found:
        assert found[0].header["OBSERVER"] == "me"
        assert found["CAT"].data["a"][0] == 77
        np.testing.assert_array_equal(found["SCI"].data, PIXELS)


@pytest.mark.parametrize(
    "card", [b"A\tB     = 5", b"NOTE    = 'two\nlines'", b"NOTE2   = 'carriage\rreturn'", b"OBJ\t\t\t\t\t= 1"]
)
def test_control_characters_in_cards_come_back(tmp_path: Path, container: str, card: bytes) -> None:
    plain, packed, back = _plain(tmp_path, primary=False), tmp_path / "a.ac.fits", tmp_path / "b.fits"
    raw = plain.read_bytes()
    at = raw.index(b"EXPTIME =")
    plain.write_bytes(raw[:at] + card.ljust(80) + raw[at + 80 :])
    fits_tiles.compress(plain, packed, container=container, tune=False)
    assert fits_tiles.decompress(packed, back).verified
    assert back.read_bytes() == plain.read_bytes()


@pytest.mark.parametrize("text", [b"J. Smith".ljust(68, b"\0"), b"M\xfcller\0\0", b"\0" * 68])
def test_nuls_of_c_programs_come_back_beside_checksums(tmp_path: Path, container: str, text: bytes) -> None:
    plain, packed, back = tmp_path / "p.fits", tmp_path / "a.ac.fits", tmp_path / "b.fits"
    fits.PrimaryHDU(PIXELS, fits.Header([("OBSERVER", "x" * 68)])).writeto(plain, checksum=True)
    plain.write_bytes(plain.read_bytes().replace(b"'" + b"x" * 68 + b"'", (b"'" + text + b"'").ljust(70)))
    with plain.open("r+b") as file:
        write_checksums(file.fileno(), next(walk(file.fileno(), "")))
    fits_tiles.compress(plain, packed, container=container, tune=False)
    assert fits_tiles.verify(packed).checked == "verified"
    assert fits_tiles.decompress(packed, back).verified
    assert back.read_bytes() == plain.read_bytes()


@pytest.mark.parametrize(
    "card",
    [
        b"HIERARCH ESO DET TLM2 END = 4.100e-05 / value at readout",
        b"OBSERVER= 'Mu\xf1oz'",
        b"COMMENT 20 \xb0C",
        b"object  = 'm31'",
        b"ID_DARK =                  NaN",
        b"OBJ2    = 'unterminated",
        b"KEYWORD = 1 2",
        b"EXPTIME = 1.5d3",
        b"KEY=5",
        b"DATE-OBS= 2020-01-01 / no quotes",
        b"INDEF   = INDEF",
        b"LONGNAME= 'ends with &'",
    ],
)
def test_cards_that_astropy_would_write_differently(tmp_path: Path, container: str, card: bytes) -> None:
    """All HDUs can be read, and a copy that astropy makes of an untouched image gives the same bytes back."""
    plain, packed, back = _plain(tmp_path, primary=False), tmp_path / "a.ac.fits", tmp_path / "b.fits"
    raw = plain.read_bytes()
    at = raw.index(b"EXPTIME =")
    plain.write_bytes(raw[:at] + card.ljust(80) + raw[at + 80 :])
    fits_tiles.compress(plain, packed, container=container, tune=False)
    assert fits_tiles.decompress(packed, back).verified
    assert back.read_bytes() == plain.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(packed) as shown:
            np.testing.assert_array_equal(shown[1].data, PIXELS)
            assert [hdu.name for hdu in shown] == ["PRIMARY", "SCI", "CAT", "ERR"]
        with fits.open(packed) as opened:
            opened.writeto(tmp_path / "copy.fits", output_verify="ignore")
    fits_tiles.decompress(tmp_path / "copy.fits", back, overwrite=True)
    assert back.read_bytes() == plain.read_bytes()


def test_files_are_equal_that_give_back_the_same(tmp_path: Path) -> None:
    plain, packed, other = _plain(tmp_path, primary=True), tmp_path / "a.ac.fits", tmp_path / "b.ac.fits"
    fits_tiles.compress(plain, packed, tune=False)
    fits_tiles.compress(plain, other, tune=False, container="table", tile_shape=(20, 20))
    same = tmp_path / "same.ac.fits"
    same.write_bytes(packed.read_bytes())
    for original in (same, other, plain):
        assert fits_tiles.verify(packed, original).verified
    plain.write_bytes(plain.read_bytes() + b"tail")
    with pytest.raises(DifferenceError, match="0 bytes follow the last HDU, the original has 4"):
        fits_tiles.verify(packed, plain)
    fits_tiles.compress(plain, other, tune=False, overwrite=True)
    with pytest.raises(DifferenceError, match="0 bytes follow the last HDU, the original has 4"):
        fits_tiles.verify(packed, other)


@pytest.mark.parametrize("how", ["zimage", "table"])
def test_one_byte_changes_of_all_kinds_of_hdu(tmp_path: Path, how: str) -> None:
    """A sample; `benchmarks/bench_mutation.py` does the same with thousands."""
    tally = try_mutations(compressed_sample(tmp_path, how), 250, seed=29)
    assert not tally.wrong
    parts = {end.partition(":")[0] for end in tally.ends}
    assert len(parts) >= 15, "not all kinds of HDU were hit"
    assert sum(count for end, count in tally.ends.items() if end.endswith("error")) > 100


def test_one_byte_changes_never_give_other_original_tiles(tmp_path: Path) -> None:
    tally = try_mutations(compressed_archive(tmp_path), 16, seed=6, to="original")
    assert not tally.wrong
    assert sum(count for end, count in tally.ends.items() if end.endswith("error")) > 5


def test_cards_removed_and_added_without_a_checksum(tmp_path: Path, container: str) -> None:
    """A header that became longer or shorter was edited: damage does neither."""
    plain, packed, back = _plain(tmp_path, primary=False), tmp_path / "a.ac.fits", tmp_path / "b.fits"
    fits_tiles.compress(plain, packed, container=container, tune=False)
    _without_fits_tiles(
        "with fits.open(name, mode='update', disable_image_compression=True) as h:\n"
        "    h[0].header['OBSERVER'] = 'me'; del h[1].header['OBJECT']",
        packed,
    )
    assert fits_tiles.verify(packed).checked == "not checked"
    report = fits_tiles.decompress(packed, back)
    assert "1 card removed since it was compressed" in report.hdus[1].note
    with fits.open(plain) as expected, fits.open(back) as found:
        assert found[0].header["OBSERVER"] == "me"
        names = [name for name in expected["SCI"].header if name != "OBJECT"]
        assert list(found["SCI"].header) == names
        np.testing.assert_array_equal(found["SCI"].data, PIXELS)


def test_a_last_hdu_deleted_with_astropy_is_no_damage(tmp_path: Path, container: str) -> None:
    plain, packed = _plain(tmp_path, primary=False), tmp_path / "a.ac.fits"
    fits_tiles.compress(plain, packed, container=container, tune=False)
    with fits.open(packed, mode="update") as opened:
        del opened["ERR"]
    assert fits_tiles.verify(packed).checked == "not checked"
    assert [hdu.name for hdu in fits_tiles.decompress(packed, None).hdus] == ["PRIMARY", "SCI", "CAT"]


def test_files_of_which_a_part_stays_compressed_are_whole_files(tmp_path: Path, container: str) -> None:
    plain, packed, part = _plain(tmp_path, primary=True), tmp_path / "a.ac.fits", tmp_path / "part.fits"
    fits_tiles.compress(plain, packed, container=container, tune=False)
    for chosen in [1], ["ERR"]:
        fits_tiles.decompress(packed, part, extensions=chosen, overwrite=True)
        assert fits_tiles.verify(part).verified  # the manifest stood in HDU 1
        with fits.open(part) as opened:
            np.testing.assert_array_equal(opened["ERR"].data, PIXELS[:20])
        fits_tiles.decompress(part, tmp_path / "b.fits", overwrite=True)
        assert (tmp_path / "b.fits").read_bytes() == plain.read_bytes()
    fits_tiles.compress(part, tmp_path / "again.ac.fits", container=container, tune=False)
    assert fits_tiles.verify(tmp_path / "again.ac.fits", plain).verified
    raw = bytearray(part.read_bytes())
    raw[raw.index(b"'M31") + 2] ^= 1
    part.write_bytes(bytes(raw))
    with pytest.raises(AstrocodecError, match=r"part\.fits: HDU") as caught:
        fits_tiles.compress(part, tmp_path / "again.ac.fits", tune=False, overwrite=True)
    assert "please report" not in str(caught.value)


def test_a_part_of_a_file_of_which_less_is_known_is_not_sealed(tmp_path: Path, container: str) -> None:
    packed, part = tmp_path / "a.ac.fits", tmp_path / "part.fits"
    fits_tiles.compress(_plain(tmp_path, primary=True), packed, container=container, tune=False)
    raw = bytearray(packed.read_bytes())
    raw[raw.index(b"'CAT") + 1] ^= 1
    packed.write_bytes(raw)
    for chosen in [1], ["ERR"]:
        assert fits_tiles.decompress(packed, part, extensions=chosen, edited=True, overwrite=True).checked != "verified"
        assert fits_tiles.verify(part).checked == "not checked"


def test_the_bits_of_a_primary_image_are_the_same_whoever_counts(tmp_path: Path, container: str) -> None:
    packed = tmp_path / "a.ac.fits"
    written = fits_tiles.compress(_plain(tmp_path, primary=True), packed, container=container, tune=False)
    reports = [written, fits_tiles.verify(packed), fits_tiles.info(packed), fits_tiles.decompress(packed, None)]
    assert len({report.images for report in reports}) == 1


def test_a_note_without_a_keyword_keeps_its_primary_hdu(tmp_path: Path, container: str) -> None:
    """Only a card that is blank in all its bytes says nothing."""
    packed, back = tmp_path / "a.ac.fits", tmp_path / "b.fits"
    fits.PrimaryHDU(PIXELS).writeto(tmp_path / "plain.fits")
    fits_tiles.compress(tmp_path / "plain.fits", packed, container=container, tune=False)
    _without_fits_tiles(
        "with fits.open(name, mode='update', disable_image_compression=True) as h:\n"
        "    h[0].header.append(('', 'note'), end=True)",
        packed,
    )
    for to in ("image", "rice"):
        fits_tiles.decompress(packed, back, to=to, overwrite=True)
        assert b"note" in back.read_bytes()
    rice = tmp_path / "rice.fits"
    image = fits.CompImageHDU(PIXELS, fits.PrimaryHDU(PIXELS).header, compression_type="RICE_1")
    primary = fits.PrimaryHDU()
    primary.header.append(("", "note"), end=True)
    fits.HDUList([primary, image]).writeto(rice)
    fits_tiles.compress(rice, packed, container=container, tune=False, overwrite=True)
    assert b"note" in packed.read_bytes()


@pytest.mark.parametrize("keyword", ["TUNIT3", "ACRAW001", "ZBLANK"])
def test_long_strings_of_colliding_keywords_hide_no_hdu(tmp_path: Path, container: str, keyword: str) -> None:
    plain, packed, back = tmp_path / "plain.fits", tmp_path / "a.ac.fits", tmp_path / "b.fits"
    primary = fits.PrimaryHDU(PIXELS)
    primary.header["OBJECT"] = "M31"
    primary.header[keyword] = "y" * 100
    fits.HDUList([primary, fits.ImageHDU(PIXELS, name="SCI")]).writeto(plain)
    fits_tiles.compress(plain, packed, container=container, tune=False)
    with fits.open(packed) as shown:
        assert len(shown) == 3
        assert shown[1].header["OBJECT"] == "M31"
        assert shown[1].header[keyword] == "y" * 100
    fits_tiles.decompress(packed, back)
    assert back.read_bytes() == plain.read_bytes()


@pytest.mark.parametrize("behind", ["BITPIX", "BSCALE", "OBJECT"])
@pytest.mark.parametrize("card", [b"CONTINUE  'stray&'", b"CONTINUE no text"])
def test_a_card_that_continues_nothing_hides_no_hdu(tmp_path: Path, container: str, card: bytes, behind: str) -> None:
    """astropy joins it to the card before, which it cannot read then; in a plain image it never looks at that."""
    plain, packed, back = tmp_path / "plain.fits", tmp_path / "a.ac.fits", tmp_path / "b.fits"
    sci = fits.ImageHDU(PIXELS.astype("i2"), name="SCI")
    sci.header["BSCALE"], sci.header["OBJECT"] = 2.0, "M31"
    fits.HDUList([fits.PrimaryHDU(), sci, fits.ImageHDU(PIXELS, name="ERR")]).writeto(plain)
    raw = plain.read_bytes()
    place = raw.index(behind.encode("ascii").ljust(8) + b"=", BLOCK) + 80
    end = raw.index(b"END".ljust(80), BLOCK)
    plain.write_bytes(raw[:place] + card.ljust(80) + raw[place : end + 80] + raw[end + 160 :])
    fits_tiles.compress(plain, packed, container=container, tune=False)
    with fits.open(packed) as shown, fits.open(plain) as expected:
        assert [hdu.name for hdu in shown] == ["PRIMARY", "SCI", "ERR"]
        np.testing.assert_array_equal(shown["SCI"].data, expected["SCI"].data)
    fits_tiles.decompress(packed, back)
    assert back.read_bytes() == plain.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)
        with fits.open(packed, mode="update", output_verify="ignore") as opened:
            opened["SCI"].header["GAIN"] = 2
    fits_tiles.decompress(packed, back, overwrite=True)
    assert card.ljust(80) in back.read_bytes()


@pytest.mark.parametrize("how", ["update", "writeto"])
@pytest.mark.parametrize("edit", ["header", "pixels", "both"])
@pytest.mark.parametrize(
    "cards",
    [
        (b"HISTORY foo", b"CONTINUE  'abc'"),
        (b"COMMENT foo&", b"CONTINUE  'abc&'", b"CONTINUE  'd'"),
        (b"ANY     = 'x&'", b"COMMENT hi", b"CONTINUE  'abc'"),
        (b"HIERARCH ESO ANY = 'x&'", b"CONTINUE  'abc'"),
        (b"ANY     = 1", b"CONTINUE  'abc'"),
    ],
)
def test_a_card_that_continues_nothing_keeps_its_bytes(
    tmp_path: Path, container: str, cards: tuple[bytes, ...], edit: str, how: str
) -> None:
    """Whatever else is changed; the pixels and the other cards are those of the same edit of a plain file."""
    plain, packed, new, back = (tmp_path / f"{name}.fits" for name in ("plain", "packed", "new", "back"))
    _write_odd(plain, cards)
    fits_tiles.compress(plain, packed, container=container, tune=False)
    with fits.open(packed, mode="update" if how == "update" else "readonly", memmap=False) as opened:
        if edit != "pixels":
            opened[1].header["OBJECT"] = "new"
        if edit != "header":
            opened[1].data[0, 0] = 7
        if how == "writeto":
            opened.writeto(new)
    fits_tiles.verify(written := packed if how == "update" else new)
    fits_tiles.decompress(written, back)
    assert b"".join(card.ljust(80) for card in cards) in back.read_bytes()
    with fits.open(back) as opened:
        assert opened[1].header["OBJECT"] == ("old" if edit == "pixels" else "new")
        assert opened[1].data[0, 0] == (0 if edit == "header" else 7)


@pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning")
@pytest.mark.parametrize("verify", ["ignore", "warn", "fix", "silentfix"])
@pytest.mark.parametrize("edit", ["pixels", "both", "new"])
@pytest.mark.parametrize(
    "card",
    [
        b"SEEING  = NaN",
        b"RA      = 12:34:56.7",
        b"DATE    = 2020-01-01",
        b"FILTER  = N/A",
        b"ANY     = 1.5e0",
        b"HIERARCH ESO X = NaN",
        b"ANY     = 'unterminated",
    ],
)
def test_odd_cards_are_sealed_as_they_are_written(
    tmp_path: Path, container: str, card: bytes, edit: str, verify: str
) -> None:
    """With each `output_verify`; a card that is not to be mended keeps its bytes."""
    plain, packed, new, back = (tmp_path / f"{name}.fits" for name in ("plain", "packed", "new", "back"))
    _write_odd(plain, (card,))
    fits_tiles.compress(plain, packed, container=container, tune=False)
    with fits.open(packed) as opened:
        if edit == "new":
            made = fits_tiles.CompImageHDU(opened[1].data, opened[1].header, tune=False)
            fits.HDUList([fits.PrimaryHDU(), made]).writeto(new, output_verify=verify)
        else:
            opened[1].data[0, 0] = 7
            if edit == "both":
                opened[1].header["OBJECT"] = "new"
            opened.writeto(new, output_verify=verify)
    fits_tiles.verify(new)
    fits_tiles.decompress(new, back)
    if verify == "ignore":
        assert card.ljust(80) in back.read_bytes()
    with fits.open(new) as opened:
        assert opened[1].data[0, 0] == (0 if edit == "new" else 7)


def _write_odd(path: Path, cards: tuple[bytes, ...]) -> None:
    """Write an image with cards that astropy would not write, and OBJECT behind them."""
    hdu = fits.ImageHDU(np.arange(30, dtype="i2").reshape(5, 6))
    hdu.header.update({f"KEY{number}": number for number in range(len(cards))})
    hdu.header["OBJECT"] = "old"
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    raw = path.read_bytes()
    at = raw.index(b"KEY0    =")
    path.write_bytes(raw[:at] + b"".join(card.ljust(80) for card in cards) + raw[at + 80 * len(cards) :])


@pytest.mark.parametrize("keyword", ["ACBUNIT", "ACTILES", "ACMOD001", "ACSUM001", "ACRENEW", "ACFIL001"])
def test_image_cards_with_names_of_ours_survive_edits(tmp_path: Path, container: str, keyword: str) -> None:
    plain, packed, back = tmp_path / "plain.fits", tmp_path / "a.ac.fits", tmp_path / "b.fits"
    primary = fits.PrimaryHDU(PIXELS)
    primary.header[keyword] = "x"
    primary.header.append((keyword, "y"))
    primary.writeto(plain)
    fits_tiles.compress(plain, packed, container=container, tune=False)
    with fits.open(packed, mode="update") as opened:
        opened[1].header["GAIN"] = 2
    fits_tiles.decompress(packed, back)
    with fits.open(back) as found:
        assert found[0].header["GAIN"] == 2
        assert [card.value for card in found[0].header.cards if card.keyword == keyword] == ["x", "y"]


@pytest.mark.parametrize("form", ["J", "PB()"])
@pytest.mark.parametrize("kept", ["", "ACTILES", "AC"])
def test_tables_with_cards_of_ours_are_tables(tmp_path: Path, container: str, kept: str, form: str) -> None:
    plain, packed, back = _plain(tmp_path, primary=True), tmp_path / "a.ac.fits", tmp_path / "b.fits"
    fits_tiles.compress(plain, packed, container=container, tune=False)
    with fits.open(packed, disable_image_compression=True) as opened:
        cards = [card for card in opened[1].header.cards if kept and card.keyword.startswith(kept)]
    arrays = np.array([np.arange(3, dtype="u1"), np.arange(2, dtype="u1")], object)
    column = fits.Column("a", form, array=np.arange(2) if form == "J" else arrays)
    table = fits.BinTableHDU.from_columns([column], header=fits.Header(cards or {"ACTILES": "of the camera"}))
    if form != "J":
        table.header.remove("ACSUM001", ignore_missing=True)
    fits.append(plain, table.data, table.header)
    fits_tiles.compress(plain, packed, container=container, tune=False, overwrite=True)
    assert fits_tiles.verify(packed).verified
    with fits.open(packed) as opened:
        assert len(opened[-1].data) == 2
    fits_tiles.decompress(packed, back)
    assert back.read_bytes() == plain.read_bytes()


@pytest.mark.parametrize("keyword", ["ACFILTER", "ACMODE", "ACSUMMIT", "ACRAWDAT", "ACPADDED"])
def test_image_cards_whose_names_begin_like_ours_are_the_image_s(tmp_path: Path, container: str, keyword: str) -> None:
    plain, packed, back = tmp_path / "plain.fits", tmp_path / "a.ac.fits", tmp_path / "b.fits"
    fits.HDUList([fits.PrimaryHDU(PIXELS, fits.Header([(keyword, "V")])), fits.ImageHDU(PIXELS)]).writeto(plain)
    fits_tiles.compress(plain, packed, container=container)
    assert fits_tiles.verify(packed).verified
    fits_tiles.decompress(packed, back)
    assert back.read_bytes() == plain.read_bytes()
    with fits.open(packed, mode="update") as opened:
        opened[1].header["GAIN"] = 2
        opened[2].header["GAIN"] = 2
    fits_tiles.decompress(packed, back, overwrite=True)
    assert list(fits.getheader(back)).count(keyword) == 1
    assert fits.getheader(back)[keyword] == "V"


def test_a_copied_table_brings_no_manifest_of_another_file(tmp_path: Path, container: str) -> None:
    first, second = tmp_path / "1.ac.fits", tmp_path / "2.ac.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(PIXELS, name="A")]).writeto(tmp_path / "plain.fits", checksum=True)
    fits_tiles.compress(tmp_path / "plain.fits", first, container=container, tune=False)
    _without_fits_tiles("import numpy\nfits.append(name, numpy.arange(3000).reshape(30, 100))", first)
    assert fits_tiles.compress(first, second, container=container, tune=False).verified
    assert fits_tiles.verify(second).verified
    assert fits_tiles.verify(second, first).verified
    with second.open("rb") as file:
        end = list(walk(file.fileno(), "2"))[1].stop
    second.write_bytes(second.read_bytes()[:end])
    assert fits_tiles.verify(second).checked == "checksum ok"


def test_damage_to_an_edited_header_is_told_by_its_checksum(tmp_path: Path, container: str) -> None:
    packed = tmp_path / "a.ac.fits"
    fits.PrimaryHDU(PIXELS).writeto(tmp_path / "plain.fits", checksum=True)
    fits_tiles.compress(tmp_path / "plain.fits", packed, container=container, tune=False)
    _without_fits_tiles(
        "with fits.open(name, mode='update', disable_image_compression=True) as h:\n"
        "    h[1].header['EXPTIME'] = 500; h[1].add_checksum()",
        packed,
    )
    assert fits_tiles.verify(packed).hdus[1].checked == "checksum ok"
    raw = bytearray(packed.read_bytes())
    raw[raw.index(b"500", raw.index(b"EXPTIME =")) + 1] ^= 1
    packed.write_bytes(bytes(raw))
    for check in (fits_tiles.verify, lambda path: fits_tiles.decompress(path, None)):
        with pytest.raises(CorruptError, match="HDU 1 does not have the CHECKSUM that its card says"):
            check(packed)


def test_checksums_are_right_after_edits(tmp_path: Path, container: str) -> None:
    plain, packed, back = tmp_path / "plain.fits", tmp_path / "a.ac.fits", tmp_path / "b.fits"
    table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=np.arange(5))], name="CAT")
    fits.HDUList([fits.PrimaryHDU(PIXELS), table]).writeto(plain, checksum=True)
    fits_tiles.compress(plain, packed, container=container, tune=False)
    with fits.open(packed) as opened:
        opened[1].header["OBJECT"] = "M32"
        opened[1].data[3, 3] = 7
        opened["CAT"].data["a"][0] = 99
        opened.writeto(tmp_path / "edited.fits")
    assert fits_tiles.verify(tmp_path / "edited.fits").checked == "checksum ok"
    for to in ("image", "rice"):
        fits_tiles.decompress(tmp_path / "edited.fits", back, to=to, overwrite=True)
        with fits.open(back, checksum=True) as found:  # warnings are errors
            image = found[0] if to == "image" else found[1]
            assert image.data[3, 3] == 7
            assert found["CAT"].data["a"][0] == 99


def test_a_size_that_swallows_the_next_hdu_is_damage(tmp_path: Path, container: str) -> None:
    packed = tmp_path / "a.ac.fits"
    table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=np.arange(100))], name="CAT")
    fits.HDUList([fits.PrimaryHDU(PIXELS), table, fits.ImageHDU(name="NONE")]).writeto(tmp_path / "plain.fits")
    fits_tiles.compress(tmp_path / "plain.fits", packed, container=container, tune=False)
    raw = packed.read_bytes()
    at = raw.index(b"NAXIS2  =                  100", raw.index(b"XTENSION= 'BINTABLE'", 2 * BLOCK))
    packed.write_bytes(raw[: at + 27] + b"9" + raw[at + 28 :])  # 900 rows
    for check in (fits_tiles.verify, lambda path: fits_tiles.decompress(path, None)):
        with pytest.raises(CorruptError, match=r"HDU 2 \('CAT'\): .* at byte \d+ another HDU begins"):
            check(packed)


@pytest.mark.parametrize("stem", [b"ACRAW", b"ACSUM", b"ACFIL"])
def test_a_card_of_bytes_that_lost_its_equals_sign_is_damage(tmp_path: Path, container: str, stem: bytes) -> None:
    packed = tmp_path / "a.ac.fits"
    primary = fits.PrimaryHDU(PIXELS)
    primary.header["ZBITPIX"] = 5  # collides, so that the header is kept whole
    primary.writeto(tmp_path / "plain.fits")
    fits_tiles.compress(tmp_path / "plain.fits", packed, container=container, tune=False)
    raw = packed.read_bytes()
    packed.write_bytes(raw.replace(stem + b"001=", stem + b"0019"))
    for check in (fits_tiles.verify, lambda path: fits_tiles.decompress(path, None)):
        with pytest.raises(CorruptError, match=rf"card {stem.decode()}001 is missing or damaged"):
            check(packed)


def test_every_byte_of_a_plain_empty_primary_is_guarded(tmp_path: Path, container: str) -> None:
    plain, packed, damaged = _plain(tmp_path, primary=False), tmp_path / "a.ac.fits", tmp_path / "d.ac.fits"
    fits_tiles.compress(plain, packed, container=container, tune=False)
    raw = packed.read_bytes()
    for place in range(0, BLOCK, 37):
        damaged.write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
        with pytest.raises(AstrocodecError, match=r"d\.ac\.fits"):
            fits_tiles.decompress(damaged, None)


def test_damage_after_an_hdu_was_appended(tmp_path: Path, container: str) -> None:
    plain, packed = _plain(tmp_path, primary=False), tmp_path / "a.ac.fits"
    fits_tiles.compress(plain, packed, container=container, tune=False)
    _without_fits_tiles("import numpy\nfits.append(name, numpy.arange(3000).reshape(30, 100))", packed)
    assert fits_tiles.verify(packed).checked == "not checked"
    raw = bytearray(packed.read_bytes())
    with packed.open("rb") as file:
        raw[list(walk(file.fileno(), "a"))[2].data_start + 3] ^= 4
    packed.write_bytes(bytes(raw))
    with pytest.raises(CorruptError, match=r"HDU 2 \('CAT'\): the data in bytes"):
        fits_tiles.decompress(packed, None)


@pytest.mark.parametrize("add", [_fitscheck, _astropy_checksum, _bare_astropy_checksum])
@pytest.mark.parametrize("primary", [False, True])
def test_an_hdu_appended_after_checksums_were_added(
    tmp_path: Path, container: str, primary: bool, add: Callable[[Path], None]
) -> None:
    plain, packed, back = _plain(tmp_path, primary=primary), tmp_path / "a.ac.fits", tmp_path / "b.fits"
    fits_tiles.compress(plain, packed, container=container, tune=False)
    add(packed)
    _without_fits_tiles("import numpy\nfits.append(name, numpy.ones((3, 4)))", packed)
    assert fits_tiles.verify(packed).checked == "not checked"
    fits_tiles.decompress(packed, back)
    with fits.open(plain) as before, fits.open(back) as after:
        assert len(after) == len(before) + 1
        assert (after[0 if primary else 1].data == PIXELS).all()
    raw = bytearray(packed.read_bytes())
    with packed.open("rb") as file:
        raw[next(hdu.data_start for hdu in walk(file.fileno(), "a") if hdu.name == "CAT") + 3] ^= 4
    packed.write_bytes(bytes(raw))
    with pytest.raises(CorruptError, match="CAT"):
        fits_tiles.verify(packed)


_INSERT = """
import numpy
with fits.open(name, mode="update") as h:
    h.insert(1, fits.ImageHDU(numpy.ones((4, 4)), name="NEW"))
"""
_CHANGE_AND_APPEND = """
import numpy
with fits.open(name, mode="update") as h:
    h["CAT"].header["STATUS"] = "done"
    h["CAT"].add_checksum()
with fits.open(name, mode="update") as h:
    h.append(fits.ImageHDU(numpy.ones((4, 4)), name="NEW"))
"""
_CHANGE_DATA_AND_APPEND = """
import numpy
with fits.open(name, mode="update") as h:
    h["ERR"].data = h["ERR"].data + 1
    h["ERR"].add_checksum()
with fits.open(name, mode="update") as h:
    h.append(fits.ImageHDU(numpy.ones((4, 4)), name="NEW"))
"""


@pytest.mark.parametrize("code", [_INSERT, _CHANGE_AND_APPEND, _CHANGE_DATA_AND_APPEND])
@pytest.mark.parametrize("primary", [False, True])
def test_hdus_are_added_where_others_got_new_checksums(
    tmp_path: Path, container: str, primary: bool, code: str
) -> None:
    """The new one has none. What changed without one is damage all the same."""
    plain, packed, back = _plain(tmp_path, primary=primary), tmp_path / "a.ac.fits", tmp_path / "b.fits"
    with fits.open(plain, mode="update") as opened:
        for hdu in opened:
            hdu.header["STATUS"] = "raw"
            hdu.add_checksum(when="earlier")
    fits_tiles.compress(plain, packed, container=container, tune=False, extensions=[0 if primary else 1])
    _without_fits_tiles(code, packed)
    assert fits_tiles.verify(packed).checked == "not checked"
    fits_tiles.decompress(packed, back)
    with fits.open(plain) as before, fits.open(back) as after:
        assert len(after) == len(before) + 1 + (primary and code == _INSERT)  # what is in between keeps both
        assert (after["NEW"].data == 1).all()
        assert (after["ERR"].data == before["ERR"].data + (code == _CHANGE_DATA_AND_APPEND)).all()
        place = next(hdu for hdu in after if hdu.data is not None and hdu.data.shape == PIXELS.shape)
        assert (place.data == PIXELS).all()
    raw = packed.read_bytes()
    with packed.open("rb") as file:
        hdus = {hdu.name: hdu for hdu in walk(file.fileno(), "a")}
    for at in (hdus["CAT"].data_start + 3, raw.index(b"STATUS", hdus["CAT"].start) + 12):
        flipped = bytearray(raw)
        flipped[at] ^= 4
        packed.write_bytes(bytes(flipped))
        with pytest.raises(CorruptError, match="'CAT'"):
            fits_tiles.verify(packed)


@pytest.mark.parametrize("how", ["update", "writeto"])
@pytest.mark.parametrize("name", ["SCI", "ERR"])
def test_tiles_coded_anew_by_others_are_theirs(tmp_path: Path, name: str, how: str) -> None:
    """astropy without us writes RICE_1 and keeps our cards beside it; the other images are as good as before."""
    plain, packed, back = _plain(tmp_path, primary=False), tmp_path / "a.ac.fits", tmp_path / "b.fits"
    fits_tiles.compress(plain, packed, tune=False)
    code = f"import numpy\nwith fits.open(name, mode='update') as h:\n    h['{name}'].data = numpy.ones((60, 70), 'i2')"
    if how == "writeto":
        code = code.replace(", mode='update'", "") + "\n    h.writeto(name, overwrite=True)"
    _without_fits_tiles(code, packed)
    with fits.open(packed) as opened:
        assert opened[name]._bintable.header["ZCMPTYPE"] == "RICE_1"
        assert "ACTILES" in opened[name]._bintable.header
        expected = opened[name].data.copy()
    fits_tiles.verify(packed)
    fits_tiles.decompress(packed, back)
    fits_tiles.decompress(packed, tmp_path / "part.fits", extensions=["ERR" if name == "SCI" else "SCI"])
    fits_tiles.compress(packed, tmp_path / "again.fits", tune=False, original=False)  # or they may stay as they are
    fits_tiles.decompress(tmp_path / "again.fits", tmp_path / "plain again.fits")
    for path in (back, tmp_path / "part.fits", tmp_path / "plain again.fits"):
        with fits.open(plain) as before, fits.open(path) as after:
            for hdu in before:
                if hdu.name == name:
                    np.testing.assert_array_equal(after[name].data, expected)
                elif hdu.data is not None:
                    np.testing.assert_array_equal(after[hdu.name].data, hdu.data)
    with fits.open(tmp_path / "plain again.fits") as after:
        assert not [keyword for keyword in after[name].header if keyword.startswith(("ACTILES", "ACSUM", "ACFIL"))]


def test_a_header_of_ours_beside_other_tiles(tmp_path: Path, container: str) -> None:
    """Who reads a header needs no codec, and may give it to an image of its own."""
    plain, packed, other = _plain(tmp_path, primary=False), tmp_path / "a.ac.fits", tmp_path / "rice.fits"
    fits_tiles.compress(plain, packed, container=container, tune=False)
    _without_fits_tiles(
        "import numpy\nhdu = fits.CompImageHDU(numpy.ones((60, 70), 'i2'), fits.getheader(name, 1))\n"
        "fits.HDUList([fits.PrimaryHDU(), hdu]).writeto('rice.fits')",
        packed,
    )
    assert fits_tiles.verify(other).checked in ("not checked", "checksum ok")
    fits_tiles.compress(other, tmp_path / "again.fits", tune=False)
    fits_tiles.decompress(tmp_path / "again.fits", tmp_path / "back.fits")
    with fits.open(tmp_path / "back.fits") as opened:
        assert opened[1].header["OBJECT"] == "M31"
        assert (opened[1].data == np.ones((60, 70))).all()


def test_an_extension_with_a_card_of_primary_hdus(tmp_path: Path, container: str) -> None:
    plain, packed, back = _plain(tmp_path, primary=False), tmp_path / "a.ac.fits", tmp_path / "b.fits"
    raw = plain.read_bytes()
    at = raw.index(b"EXPTIME =")
    plain.write_bytes(raw[:at] + b"SIMPLE  =                    T".ljust(80) + raw[at + 80 :])
    fits_tiles.compress(plain, packed, container=container, tune=False)
    fits_tiles.decompress(packed, back)
    assert back.read_bytes() == plain.read_bytes()


def test_a_card_that_uses_up_a_blank_one(tmp_path: Path, container: str) -> None:
    plain, packed, back = tmp_path / "plain.fits", tmp_path / "a.ac.fits", tmp_path / "b.fits"
    primary = fits.PrimaryHDU(PIXELS)
    for _ in range(3):
        primary.header.append(fits.Card(), end=True)
    primary.writeto(plain)
    fits_tiles.compress(plain, packed, container=container, tune=False)
    _without_fits_tiles(
        "with fits.open(name, mode='update', disable_image_compression=True) as h: h[1].header['OBSERVER'] = 'me'",
        packed,
    )
    fits_tiles.decompress(packed, back)
    assert fits.getheader(back)["OBSERVER"] == "me"


def test_checksums_that_use_up_blank_cards_leave_no_manifest(tmp_path: Path, container: str) -> None:
    plain, packed = tmp_path / "plain.fits", tmp_path / "a.ac.fits"
    fits.PrimaryHDU(PIXELS.astype("i2")).writeto(plain)
    raw = plain.read_bytes()
    end = raw.index(b"END".ljust(80))
    plain.write_bytes(raw[:end] + b" " * 240 + raw[end : end + 80] + raw[end + 320 :])
    fits_tiles.compress(plain, packed, container=container, tune=False)
    table = fits.BinTableHDU.from_columns([fits.Column("q", "J", array=np.arange(3))], name="CAT")
    with fits.open(packed, mode="update", checksum=True) as opened:
        opened.append(table)
    assert fits_tiles.verify(packed).checked == "not checked"
    fits_tiles.decompress(packed, tmp_path / "b.fits")
    with fits.open(tmp_path / "b.fits") as found:
        assert found["CAT"].data["q"].tolist() == [0, 1, 2]
        assert found[0].header._countblanks() == 3


@pytest.mark.parametrize("to", ["image", "rice"])
def test_a_primary_image_that_becomes_an_extension_gets_new_checksums(tmp_path: Path, container: str, to: str) -> None:
    plain, packed, back = tmp_path / "plain.fits", tmp_path / "a.ac.fits", tmp_path / "b.fits"
    fits.PrimaryHDU(PIXELS).writeto(plain, checksum=True)
    fits_tiles.compress(plain, packed, container=container, tune=False)
    fits.setval(packed, "OBSERVER", value="me")
    fits_tiles.decompress(packed, back, to=to)
    with fits.open(back, checksum=True, disable_image_compression=True) as found:  # warns where one is wrong
        assert "CHECKSUM" in found[1].header
    if to == "rice":
        fits_tiles.compress(back, packed, tune=False, overwrite=True)
        fits_tiles.decompress(packed, back, overwrite=True)
        fits_tiles.verify(back)


@pytest.mark.parametrize("dtype", ["i2", "u2", "f4"])
@pytest.mark.parametrize("loaded", [False, True])
def test_a_header_that_is_cleared_leaves_the_pixels(tmp_path: Path, container: str, loaded: bool, dtype: str) -> None:
    plain, packed, back = tmp_path / "plain.fits", tmp_path / "a.ac.fits", tmp_path / "b.fits"
    pixels = PIXELS.astype(dtype)
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(pixels)]).writeto(plain)
    fits_tiles.compress(plain, packed, container=container, tune=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)
        with fits.open(packed) as opened:
            assert not loaded or opened[1].data is not None
            opened[1].header.clear()
            opened.writeto(tmp_path / "c.ac.fits", output_verify="fix")
    fits_tiles.decompress(tmp_path / "c.ac.fits", back)
    stored = pixels.view("i2") ^ np.int16(-32768) if dtype == "u2" and not loaded else pixels
    with fits.open(back) as found:
        np.testing.assert_array_equal(found[1].data, stored)


def test_an_image_that_loses_its_pixels_hides_no_other(tmp_path: Path, container: str) -> None:
    packed, back = tmp_path / "a.ac.fits", tmp_path / "b.fits"
    fits_tiles.compress(_plain(tmp_path, primary=False), packed, container=container, tune=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tiles do not suit an image without pixels
        with fits.open(packed, mode="update") as opened:
            opened["SCI"].data = None
    fits_tiles.verify(packed)
    fits_tiles.decompress(packed, back)
    with fits.open(back) as found:
        assert found[1].data is None
        np.testing.assert_array_equal(found["ERR"].data, PIXELS[:20])


@pytest.mark.parametrize("size", [512, 1216, BLOCK])
@pytest.mark.parametrize("filler", [b"\0", b" ", b"\xff"])
@pytest.mark.parametrize("alone", [False, True])
def test_a_lost_block_of_the_first_table_hides_no_image(
    tmp_path: Path, container: str, alone: bool, filler: bytes, size: int
) -> None:
    """It holds the manifest, and what follows it looks like bytes that belong to no HDU."""
    packed = tmp_path / "a.ac.fits"
    images = [fits.ImageHDU(PIXELS.astype("i2"), name=name) for name in ("A", "B")]
    fits.HDUList([fits.PrimaryHDU(), *images[: 1 if alone else 2]]).writeto(tmp_path / "plain.fits")
    fits_tiles.compress(tmp_path / "plain.fits", packed, container=container, tune=False)
    raw = packed.read_bytes()
    packed.write_bytes(raw[:BLOCK] + filler * size + raw[BLOCK + size :])
    for read in (fits_tiles.verify, lambda path: fits_tiles.decompress(path, None)):
        with pytest.raises(CorruptError, match="from byte 2880 on belong to no HDU"):
            read(packed)
    assert fits_tiles.decompress(packed, None, edited=True).checked == "not checked"


def test_zeros_behind_a_plain_file_are_no_damage(tmp_path: Path) -> None:
    fits.PrimaryHDU(PIXELS).writeto(tmp_path / "tape.fits")
    for tail in (bytes(7 * BLOCK), b"of another program"):
        with (tmp_path / "tape.fits").open("ab") as file:
            file.write(tail)
        assert fits_tiles.verify(tmp_path / "tape.fits").checked == "not checked"


def test_swapped_sectors_are_damage_though_the_checksum_agrees(tmp_path: Path, container: str) -> None:
    """The sum of FITS does not see in which order its words stand."""
    plain, packed = tmp_path / "plain.fits", tmp_path / "a.ac.fits"
    values = np.arange(2000, dtype=">i4")
    table = fits.BinTableHDU.from_columns([fits.Column("q", "J", array=values)], name="CAT")
    fits.HDUList([fits.PrimaryHDU(PIXELS), table]).writeto(plain, checksum=True)
    fits_tiles.compress(plain, packed, container=container, tune=False)
    raw = bytearray(packed.read_bytes())
    at = raw.index(values.tobytes())
    raw[at : at + 512], raw[at + 512 : at + 1024] = raw[at + 512 : at + 1024], raw[at : at + 512]
    packed.write_bytes(raw)
    for read in (fits_tiles.verify, lambda path: fits_tiles.decompress(path, None)):
        with pytest.raises(CorruptError, match=r"'CAT'.* the data in bytes .* has not the CRC-32"):
            read(packed)


@pytest.mark.parametrize("end", [b"END".ljust(80), b"END     junk".ljust(80)])
def test_an_extension_that_says_simple_is_an_extension(end: bytes) -> None:
    """Its header was copied from a primary one; its checksums, stale ones too, are those that it had."""
    file = io.BytesIO()
    image = fits.ImageHDU(np.arange(12000, dtype="i2").reshape(100, 120), name="SCI")
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(file, checksum=True)
    raw = bytearray(file.getvalue())
    at = raw.index(b"END     ", 2880)
    raw[at : at + 160] = b"SIMPLE  =                    T / conforms to FITS standard".ljust(80) + end
    packed, again = io.BytesIO(), io.BytesIO()
    fits_tiles.compress(io.BytesIO(raw), packed, tune=False)
    fits_tiles.decompress(io.BytesIO(packed.getvalue()), again)
    assert again.getvalue() == bytes(raw)


def test_a_table_of_tiles_that_looks_like_another_table_is_damage() -> None:
    """Two flipped bits next to each other, in the cards by which it is known."""
    file, packed = io.BytesIO(), io.BytesIO()
    image = np.arange(9000, dtype="i2").reshape(90, 100)
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(image), fits.ImageHDU(image[::-1])]).writeto(file)
    fits_tiles.compress(io.BytesIO(file.getvalue()), packed, container="table", tune=False)
    data = bytearray(packed.getvalue())
    at = data.rindex(b"XTENSION")
    data[at + 719] ^= 1
    data[at + 720] ^= 1
    for act in (fits_tiles.verify, lambda source: fits_tiles.decompress(source, io.BytesIO())):
        with pytest.raises(CorruptError, match="the header is damaged, or a program"):
            act(io.BytesIO(data))


@pytest.mark.parametrize("filler", [b"\0", b"\xff", b" "])
def test_a_lost_sector_of_a_header_hides_no_table_of_tiles(container: str, filler: bytes) -> None:
    """It may hold all the cards by which the table is known; Z-cards are left, which are those of tiles alone."""
    file, packed = io.BytesIO(), io.BytesIO()
    images = [fits.ImageHDU(PIXELS.astype("i2"), name=name) for name in ("A", "B")]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(file)
    fits_tiles.compress(io.BytesIO(file.getvalue()), packed, container=container, tune=False)
    raw, again = packed.getvalue(), io.BytesIO()
    for at in range(BLOCK // 512 * 512, 2 * BLOCK, 512):
        data = raw[:at] + filler * 512 + raw[at + 512 :]
        try:
            fits_tiles.decompress(io.BytesIO(data), again)
        except FormatError:
            continue
        assert again.getvalue() == file.getvalue()  # blanks that were blanks


def test_swapped_sectors_of_a_header_are_damage_though_the_checksum_agrees(container: str) -> None:
    """Cards get behind END, where nobody reads them."""
    file, packed = io.BytesIO(), io.BytesIO()
    image = fits.ImageHDU(PIXELS.astype("i2"), fits.Header([(f"KEY{n}", n) for n in range(24)]))
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(file, checksum=True)
    fits_tiles.compress(io.BytesIO(file.getvalue()), packed, container=container, tune=False)
    raw = bytearray(packed.getvalue())
    end = raw.index(b"END".ljust(80), BLOCK)
    end -= end % 4
    raw[end - 480 : end + 480] = raw[end : end + 480] + raw[end - 480 : end]
    for act in (fits_tiles.verify, lambda source: fits_tiles.decompress(source, io.BytesIO())):
        with pytest.raises(CorruptError):
            act(io.BytesIO(raw))


def test_an_empty_primary_before_an_extension_that_says_simple_stays() -> None:
    """It is not the place that a compressed primary image leaves."""
    extension = fits.ImageHDU(np.arange(600, dtype="i2").reshape(20, 30))
    extension.header["PCOUNT"] = 0
    plain = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), extension]).writeto(plain)
    raw = bytearray(plain.getvalue())
    at = raw.index(b"END     ", 2880)
    raw[at : at + 160] = b"SIMPLE  =                    T".ljust(80) + b"END".ljust(80)
    file = EMPTY_PRIMARY + bytes(raw[2880:])
    packed, again = io.BytesIO(), io.BytesIO()
    fits_tiles.compress(io.BytesIO(file), packed, tune=False)
    fits_tiles.decompress(io.BytesIO(packed.getvalue()), again)
    assert again.getvalue() == file


@pytest.mark.parametrize("container", ["zimage", "table"])
@pytest.mark.parametrize("where", [0, 1, -1])
@pytest.mark.parametrize("stray", ["XTENSION= 'IMAGE   '", "XTENSION= 'BINTABLE'", "SIMPLE  =                    F"])
@pytest.mark.parametrize("is_primary", [True, False])
def test_stray_first_cards_change_nothing(container: str, where: int, stray: str, is_primary: bool) -> None:
    """Wherever they stand behind the first card, in a primary image or an extension."""
    image = np.arange(600, dtype="i2").reshape(20, 30)
    plain = io.BytesIO()
    hdus = [fits.PrimaryHDU(image)] if is_primary else [fits.PrimaryHDU(), fits.ImageHDU(image)]
    fits.HDUList(hdus).writeto(plain)
    raw = plain.getvalue()
    start = raw.index(b"SIMPLE  =" if is_primary else b"XTENSION")
    cards = [raw[at : at + 80] for at in range(start, start + 2880, 80)]
    cards = cards[: cards.index(b"END".ljust(80))]
    least = next(n for n, card in enumerate(cards) if card.startswith(b"NAXIS2")) + 1
    cards.insert({0: least, 1: least + 1, -1: len(cards)}[where], stray.encode().ljust(80))
    header = b"".join([*cards, b"END".ljust(80)]).ljust(2880)
    file = raw[:start] + header + raw[start + 2880 :]
    packed, again = io.BytesIO(), io.BytesIO()
    fits_tiles.compress(io.BytesIO(file), packed, tune=False, container=container)
    report = fits_tiles.decompress(io.BytesIO(packed.getvalue()), again)
    assert again.getvalue() == file
    assert report.verified


def test_comments_that_begin_like_checksums_stay(tmp_path: Path) -> None:
    """Where checksums are made anew, the first card of each is, and nothing else."""
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(np.arange(600, dtype="i2").reshape(20, 30)).writeto(path, checksum=True)
    raw = path.read_bytes()
    at = raw.index(b"END".ljust(80))
    notes = b"CHECKSUM of the raw file was fine".ljust(80) + b"DATASUM   see log".ljust(80)
    path.write_bytes(raw[:at] + notes + b"END".ljust(80) + raw[at + 240 :])
    with path.open("r+b") as file:
        (hdu,) = walk(file.fileno(), "a.fits")
        write_checksums(file.fileno(), hdu)
        (hdu,) = walk(file.fileno(), "a.fits")
        assert fits_checksums(file.fileno(), hdu).whole
    assert notes in path.read_bytes()


def test_a_lost_sector_of_blank_cards_is_damage() -> None:
    """Zeros are no cards that somebody added."""
    plain, packed = io.BytesIO(), io.BytesIO()
    hdu = fits.PrimaryHDU(np.arange(600, dtype="i2").reshape(20, 30))
    for _ in range(20):
        hdu.header.append(("", "", ""), end=True)
    hdu.header["LAST"] = 1
    hdu.writeto(plain)
    fits_tiles.compress(io.BytesIO(plain.getvalue()), packed, tune=False)
    data = bytearray(packed.getvalue())
    at = data.rindex(b"LAST    =") - 1000
    data[at : at + 512] = bytes(512)
    for act in (fits_tiles.verify, lambda source: fits_tiles.decompress(source, io.BytesIO())):
        with pytest.raises(CorruptError):
            act(io.BytesIO(data))
