"""
What astropy writes for a compressed image of ours: tiles whose pixels did not change as they are, others coded anew.

astropy builds the header of the table before it loads the pixels, though loading scaled pixels changes their type; it
codes anew for every edit of the header; and it keeps the offsets of tiles that it only wrote elsewhere. Here the tiles
stay as long as their pixels do, and everything that can fail happens before a byte of a file is changed.
"""

from __future__ import annotations

import copy
import re
import warnings
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from astrocodec.errors import AstrocodecError, CorruptError
from astrocodec.inspection import embedded_model
from astrocodec.model import Model, load_model
from fits_tiles.hooks.options import current_options
from fits_tiles.hooks.tile_codec import model_of
from fits_tiles.hooks.tile_table_hdu import TileTableHDU, cards_of, header_of, text_of, without_warning
from fits_tiles.layout.blocks import split_cards
from fits_tiles.layout.card_format import assemble
from fits_tiles.layout.card_text import is_blob_card, read_blob
from fits_tiles.layout.grid import TileGrid
from fits_tiles.layout.headers import (
    ALGORITHM,
    DITHERS,
    PADDING_STEM,
    HeapSize,
    Quantization,
    TileLayout,
    build_header,
    holds_tiles,
    inflate,
    why_not_kept,
)
from fits_tiles.layout.model_cards import MODEL_STEM
from fits_tiles.layout.plain_image import refuse_what_is_no_image
from fits_tiles.layout.tiles_card import KEYWORD, fingerprint_in, read_tiles_card

__all__ = [
    "holds_our_tiles",
    "is_as_read",
    "is_grid",
    "keeps_tiles",
    "make_ready_for_others",
    "model_of_lone_tile",
    "stays",
    "table_to_write",
]

_SETTINGS = ("compression_type", "tile_shape", "quantize_level", "quantize_method", "dither_seed")
_INTEGERS_ONLY = ("RICE_1", "PLIO_1", "HCOMPRESS_1")
_SUMS = ("CHECKSUM", "DATASUM")
_SCALE = ("BSCALE", "BZERO", "BLANK")
_NOT_SCALED = ("u1", "i2", "i4", "i8")  # what FITS holds without an offset


def holds_our_tiles(hdu: Any) -> bool:
    """Tell whether the tiles of an HDU that was opened are ASTROCODEC_1, whatever it shall be written as."""
    return hdu._bintable is not None and hdu._bintable.header.get("ZCMPTYPE") == ALGORITHM


def table_to_write(hdu: Any, *, inplace: bool) -> Any:
    """
    Return the table that is to be written for an image, opened from a file or made in memory.

    With `inplace` it takes the place of the one that the HDU was opened from, otherwise the HDU is left as it is.

    Raises
    ------
    CorruptError
        If the rows of the old table are damaged, so that its tiles cannot be kept.
    TypeError
        If the pixels are a masked array, or a quantity.
    ValueError
        If the header cannot be kept in cards.
    """
    _refuse_what_is_lost(hdu)
    _undo_fixes(hdu)
    hdu.update_header()  # BITPIX and axes are those of the pixels, whatever was done to their cards
    before, header = _kept_header(hdu)
    if isinstance(hdu._bintable, TileTableHDU) and not (header is not None and _is_same(hdu, header, before)):
        hdu._bintable.refuse_doubtful(scaling=False)  # what is written is sealed
    if header is None:
        return _coded(hdu, inplace=inplace)
    old = hdu._bintable
    old.__dict__.pop("data", None)  # rows that were read would be written again, and with them cards that describe them
    if _is_same(hdu, header, before):
        old._output_checksum = hdu._output_checksum
        return old
    described = _file_header(old)
    rows = old._get_raw_data(described["NAXIS1"] * described["NAXIS2"], np.uint8, old._data_offset).tobytes()
    cards = _table_cards(hdu, header, described, rows, _container(hdu))
    return _with_cards(old if inplace else _twin(old), cards, hdu)


def _refuse_what_is_lost(hdu: Any) -> None:
    pixels = hdu.__dict__.get("data")
    if isinstance(pixels, np.ma.MaskedArray) or hasattr(pixels, "unmasked"):
        raise TypeError(f"HDU {hdu.name!r}: the pixels are a masked array, whose mask would be lost; fill it first")
    if hasattr(pixels, "unit") and hasattr(pixels, "to_value"):
        raise TypeError(
            f"HDU {hdu.name!r}: the pixels are a quantity, whose unit {str(pixels.unit)!r} would be lost; "
            "give its `value`, and the unit as BUNIT"
        )


def _undo_fixes(hdu: Any) -> None:
    """Let a primary image begin as one: astropy 7.0 takes it for an extension and "fixes" its header."""
    header = hdu.header
    if "SIMPLE" not in header or header.cards[0].keyword == "SIMPLE":
        return
    first = copy.copy(header.cards["SIMPLE"])
    for keyword in ("SIMPLE", "XTENSION", "PCOUNT", "GCOUNT"):
        header.remove(keyword, ignore_missing=True)
    header.insert(0, first)


def stays(hdu: Any) -> bool:
    """Tell whether an image of ours is written as it was opened, though its pixels were read."""
    if getattr(hdu, "compression_type", "") != ALGORITHM:
        return False
    before, header = _kept_header(hdu)
    return header is not None and _is_same(hdu, header, before)


def keeps_tiles(hdu: Any) -> bool:
    """Tell whether the tiles of an image of ours are written as they are, whatever becomes of its header."""
    return getattr(hdu, "compression_type", "") == ALGORITHM and _kept_header(hdu)[1] is not None


def _kept_header(hdu: Any) -> tuple[Any, Any]:
    """
    Return the image as it was opened, and the header with which its tiles can be kept.

    None for the header where they cannot.
    """
    old = hdu._bintable
    if old is None or (old._file is not None and old._file.closed):
        return None, None
    before = _as_in_file(hdu)
    asked = any(_setting(before, name) != _setting(hdu, name) for name in _SETTINGS)
    if asked or not is_grid(before._bintable.header) or not _same_pixels(hdu, before):
        return before, None
    return before, _unscaled_header(hdu, before.header)


def _is_same(hdu: Any, header: Any, before: Any) -> bool:
    return (header is hdu.header and is_as_read(header)) or _texts(header) == _texts(before.header)


def is_as_read(header: Any) -> bool:
    """Tell whether a header of an image is the very one that was made from the file, and no card of it was changed."""
    return not header._modified and hasattr(header, "cards_in_file")


def _keep_lossless(hdu: Any) -> None:
    """Let integers that became floats lose nothing, where astropy's default would quantise them."""
    table = hdu._bintable
    is_float = hdu.data is not None and hdu.data.dtype.kind == "f"
    is_default = hdu.quantize_level == fits.hdu.compressed.settings.DEFAULT_QUANTIZE_LEVEL
    if table is not None and table.header["ZBITPIX"] > 0 and is_float and is_default:
        hdu.quantize_level = 0


def make_ready_for_others(hdu: Any) -> None:
    """
    Prepare an image with our tiles for being written by another algorithm.

    Raises
    ------
    ValueError
        If the HDU was opened before astropy knew our tiles, so that nobody asked for another algorithm.
    """
    if KEYWORD in hdu.header:
        raise ValueError(
            f"HDU {hdu.name!r} was opened before fits_tiles was imported, so astropy takes its tiles for "
            f"{hdu.compression_type}; nothing was written. Open the file again and repeat the change"
        )
    if hdu.data is not None:
        _agree(hdu)
        if hdu.compression_type not in _INTEGERS_ONLY:
            _keep_lossless(hdu)


def _setting(hdu: Any, name: str) -> Any:
    value = getattr(hdu, name)
    return tuple(value) if name == "tile_shape" else value


def _twin(hdu: Any) -> Any:
    """Return another HDU on the same bytes of the same file, whose header can be changed alone."""
    twin = object.__new__(type(hdu))
    twin.__dict__.update(hdu.__dict__)
    twin.__dict__.pop("data", None)
    return twin


def _as_in_file(hdu: Any) -> Any:
    """Return the image as `astropy.io.fits.open` gives it."""
    table = _twin(hdu._bintable)
    table.header = _file_header(hdu._bintable, shown=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)
        return fits.CompImageHDU(bintable=table, uint=hdu._uint, do_not_scale_image_data=hdu._do_not_scale_image_data)


def _file_header(table: Any, *, shown: bool = False) -> Any:
    """The header of a table as it stands in the file, or as astropy is shown it; a copy."""
    if not isinstance(table, TileTableHDU) or not hasattr(table.header, "cards_in_file"):
        return table.header.copy()
    cards = table.header.cards_in_file if shown else table._read_cards
    header = fits.Header.fromstring(without_warning(cards))
    header.owner = table
    return header


def model_of_lone_tile(table: Any) -> Model | None:
    """Return the model that the stream of a table's only tile holds, None where there is none that can be read."""
    if table._file is None or table._file.closed:
        return None
    header = _file_header(table)
    if header["NAXIS2"] != 1:
        return None
    size, place = table._get_raw_data(2, ">i8" if "Q" in header["TFORM1"] else ">i4", table._data_offset).tolist()
    start = table._data_offset + header.get("THEAP", header["NAXIS1"]) + place
    try:
        return embedded_model(table._get_raw_data(size, np.uint8, start).tobytes())
    except (AstrocodecError, OSError, ValueError):
        return None  # a damaged tile is no reason to refuse new pixels


def _same_pixels(hdu: Any, before: Any) -> bool:
    """Compare the pixels in memory, if there are any, with those of the file, bit for bit."""
    if "data" not in hdu.__dict__:
        return True
    mine = hdu.data
    if not isinstance(mine, np.ndarray) or mine.shape != before.shape:
        return False
    try:
        header = before.header.copy()
        theirs = before.data
        before._header = header  # loading took the scaling out of it
    except AstrocodecError:
        return False  # a damaged tile is no reason to refuse new pixels
    return (
        theirs is not None and _bits(mine).dtype == _bits(theirs).dtype and np.array_equal(_bits(mine), _bits(theirs))
    )


def _bits(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    native = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))
    return native.view(f"u{native.dtype.itemsize}") if native.dtype.kind == "f" else native


def _texts(header: Any) -> list[str]:
    return [text for text in map(text_of, header.cards) if text.strip()]


def _unscaled_header(hdu: Any, before: Any) -> Any:
    """
    Return the header of `hdu` with the cards back that astropy takes out of it when it scales the pixels.

    None where other values stand in their place.
    """
    unscaled = hdu._do_not_scale_image_data or (before.get("BSCALE", 1), before.get("BZERO", 0)) == (1, 0)
    untouched = "data" not in hdu.__dict__ and (hdu._bscale, hdu._bzero) == (hdu._orig_bscale, hdu._orig_bzero)
    if hdu.header.get("BITPIX") == before["BITPIX"] and (unscaled or untouched):
        return hdu.header
    header = hdu.header.copy()
    header["BITPIX"] = before["BITPIX"]
    for keyword in _SCALE:
        if keyword in before:
            if header.get(keyword, before[keyword]) != before[keyword]:
                return None
            header.remove(keyword, ignore_missing=True)
            _put_back(header, before, keyword)
    for _ in range(max(0, header._countblanks() - before._countblanks())):
        del header[-1]  # astropy left a blank card for each that it took
    return header


def _put_back(header: Any, before: Any, keyword: str) -> None:
    """Insert a card behind the nearest of those that it stood behind."""
    place = before.index(keyword)
    present = [text_of(card) for card in header.cards]
    found = next((text for text in map(text_of, reversed(before.cards[:place])) if text in present), present[-1])
    header.insert(present.index(found), copy.copy(before.cards[place]), useblanks=False, after=True)


def _coded(hdu: Any, *, inplace: bool) -> Any:
    """The pixels coded anew."""
    if _loaded(hdu) is None:
        return _put(hdu, hdu._get_bintable_without_data(), None, inplace=inplace)
    _keep_lossless(hdu)  # of the HDU too, not only of what is written now: the next write is of floats perhaps
    if hdu._scale_back and not hdu._do_not_scale_image_data and hdu.data.dtype.str[1:] in _NOT_SCALED:
        for keyword in ("BSCALE", "BZERO"):  # of other pixels, which were unsigned or scaled
            hdu.header.remove(keyword, ignore_missing=True)
    written = _scaled_back(hdu) if hdu._scale_back and hdu.data.dtype.kind == "f" else hdu
    _agree(written)
    _keep_lossless(written)
    table = written._get_bintable_without_data()
    written._add_data_to_bintable(table)
    table._output_checksum = False
    table._prewriteto(inplace=inplace)
    table = _put(hdu, table, _finished(written, table), inplace=inplace)
    if inplace and hdu._bintable is not None and written is hdu:
        _read_from_now_on(hdu)
    return table


def _loaded(hdu: Any) -> Any:
    """The pixels, read by the tiles that the file has and not by those that it shall have."""
    wanted = hdu.tile_shape
    if hdu._bintable is not None and "data" not in hdu.__dict__:
        hdu.tile_shape = _lengths(hdu._bintable.header, "ZTILE")
    try:
        return hdu.data
    finally:
        hdu.tile_shape = wanted


def _scaled_back(hdu: Any) -> Any:
    """A twin whose pixels are integers again; in `hdu` they stay what the user sees."""
    twin = _twin(hdu)
    twin._header = hdu.header.copy()
    twin.__dict__["data"] = hdu.data.copy()
    twin._scale_internal(fits.hdu.base.BITPIX2DTYPE[hdu._orig_bitpix], blank=hdu._orig_blank)
    return twin


def _agree(hdu: Any) -> None:
    """Let the header tell the type of the pixels in memory, which astropy forgets where BLANK made them floats."""
    bitpix = fits.hdu.base.DTYPE2BITPIX[hdu.data.dtype.name]
    if hdu.header["BITPIX"] != bitpix:
        hdu._bitpix = hdu.header["BITPIX"] = bitpix
        if bitpix < 0:
            hdu.header.remove("BLANK", ignore_missing=True)
            hdu._blank = None
    hdu.update_header()
    hdu._update_pseudo_int_scale_keywords()


def _read_from_now_on(hdu: Any) -> None:
    """Let sections be read by the scaling of the tiles that were written."""
    header = hdu.header
    hdu._bitpix = hdu._orig_bitpix = header["BITPIX"]
    hdu._bscale = hdu._orig_bscale = header.get("BSCALE", 1)
    hdu._bzero = hdu._orig_bzero = header.get("BZERO", 0)
    hdu._blank = hdu._orig_blank = header.get("BLANK") if hdu._bitpix > 0 else None


def _put(hdu: Any, table: Any, cards: tuple[bytes, ...] | None, *, inplace: bool) -> Any:
    """Let a new table take the place of the one that the HDU was opened from."""
    old = hdu._bintable
    if inplace and old is not None:
        old.header, old.data = table.header, table.data
        old._output_checksum = False
        old._prewriteto(inplace=True)
        table = old
    if cards is None:
        table._output_checksum = hdu._output_checksum
        return table
    return _with_cards(table, cards, hdu)


def _with_cards(table: Any, cards: tuple[bytes, ...], hdu: Any) -> Any:
    """Give a table the header that is to be written, byte for byte: it is sealed."""
    if isinstance(table, TileTableHDU):
        table.take(cards)
    else:
        table.header = header_of(cards, kept=True)
        table.header._modified = True
    summed = "DATASUM" in table.header and hdu._output_checksum != "remove"
    table._output_checksum = True if summed else hdu._output_checksum
    return table


def _finished(hdu: Any, table: Any) -> tuple[bytes, ...] | None:
    """The header that `fits_tiles.compress` would write, or None where tiles lie across planes."""
    if not is_grid(table.header):
        return None
    rows = table.data.view(np.ndarray).tobytes()
    return _table_cards(hdu, hdu.header, table.header, rows, _container(hdu))


def _container(hdu: Any) -> str:
    """The container of the table that an image was opened from; a new image is one to every astropy."""
    return hdu._bintable.container if isinstance(hdu._bintable, TileTableHDU) else "zimage"


def is_grid(table: Any) -> bool:
    """Tell whether the tiles are such as `fits_tiles.compress` makes."""
    try:
        TileGrid(_lengths(table, "ZNAXIS"), _lengths(table, "ZTILE"), 1)
    except ValueError:
        return False
    return True


def _table_cards(hdu: Any, image: Any, table: Any, rows: bytes, container: str) -> tuple[bytes, ...]:
    """Return the header of the table for an image header; `table` describes rows and tiles."""
    where = f"HDU {hdu.name!r}"
    cards = cards_of(table)
    crc = zlib.crc32(rows)
    if holds_tiles(cards) and read_tiles_card(cards, where).table_crc != crc:
        raise CorruptError(
            f"{where}: the rows of the table do not have the CRC-32 that {KEYWORD} says; nothing written"
        )
    longest = [int(found[1]) if (found := re.search(r"\((\d+)\)", form)) else 0 for form in _columns(table)]
    model = model_of(table, where)
    layout, header = _layout(table, container), assemble(list(cards_of(image)))
    refuse_what_is_no_image(header, layout, where, primary=header.startswith(b"SIMPLE"))
    if why := why_not_kept(header):
        raise ValueError(f"{where}: {why}; write this image as `fits.ImageHDU`, or with fewer cards")
    padding = read_blob(cards, PADDING_STEM, where)
    built = build_header(
        layout,
        header,
        HeapSize(table["NAXIS2"], table["PCOUNT"], (longest[0], longest[1] if len(longest) > 1 else 0), crc),
        fingerprint=fingerprint_in(cards) or (model or load_model(current_options().model)).fingerprint,
        model=[card for card in cards if is_blob_card(card, MODEL_STEM)],
        padding=None if padding is None else inflate(padding, where),
        checksums=any(keyword in header for keyword in _SUMS for header in (image, table)),
        renew=any(keyword in image for keyword in _SUMS),
    )
    return split_cards(built)


def _columns(table: Any) -> list[str]:
    """``TFORMn`` of the columns that point into the heap."""
    return [table[f"TFORM{n}"] for n in range(1, table["TFIELDS"] + 1) if re.match("1?[PQ]", table[f"TFORM{n}"])]


def _lengths(table: Any, stem: str) -> tuple[int, ...]:
    return tuple(table[f"{stem}{n}"] for n in range(table["ZNAXIS"], 0, -1))


def _layout(table: Any, container: str) -> TileLayout:
    quantization = None
    if table["TFIELDS"] > 1:
        names = {table[f"ZNAME{n}"]: table[f"ZVAL{n}"] for n in range(1, 10) if f"ZNAME{n}" in table}
        method = DITHERS[table.get("ZQUANTIZ", "NO_DITHER")]
        quantization = Quantization(names.get("NOISEBIT", 0.0), method, table.get("ZDITHER0", 0))
    return TileLayout(
        container,
        ALGORITHM,
        table["ZBITPIX"],
        _lengths(table, "ZNAXIS"),
        _lengths(table, "ZTILE"),
        "Q" in table["TFORM1"],
        quantization,
    )
