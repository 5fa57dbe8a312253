"""
Image header to table header, and what a table header says of its image; `image_header` gives the image header back.

A table header made here is a preamble followed by every card of the image header, in order, with the keywords renamed
that would contradict the table. Renaming is reversible, so the image header comes back byte for byte; where it is not
(an image header that already holds such keywords, or unusual padding), the original is also kept compressed. A checksum
of every card tells the image's own from those that other programs add, wherever they put them.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from astrocodec.errors import CorruptError, FormatError
from fits_tiles.layout.blocks import BITPIX, CARD, card_value, count_card, find_card, int_card, split_cards
from fits_tiles.layout.card_format import assemble, int_card_of, logical_card, text_card
from fits_tiles.layout.card_sums import card_sums
from fits_tiles.layout.card_text import MOST_BYTES, blob_cards, has_blob
from fits_tiles.layout.grid import TileGrid
from fits_tiles.layout.original_card import OriginalCard
from fits_tiles.layout.tiles_card import IMAGE_VALUES, KEYWORD, TilesCard, read_tiles_card
from fits_tiles.layout.z_keywords import LEFT_ALONE, collisions, rename

__all__ = [
    "ALGORITHM",
    "DITHERS",
    "IMAGE_COMMENT",
    "PADDING_STEM",
    "RAW_STEM",
    "RENEW",
    "STANDARD_ALGORITHMS",
    "SUMS_STEM",
    "HeapSize",
    "Quantization",
    "TileLayout",
    "build_header",
    "holds_standard_tiles",
    "holds_tiles",
    "inflate",
    "is_compressed_image",
    "is_unusual",
    "read_layout",
    "why_not_kept",
]

ALGORITHM = "ASTROCODEC_1"
STANDARD_ALGORITHMS = ("RICE_1", "RICE_ONE", "GZIP_1", "GZIP_2", "PLIO_1", "HCOMPRESS_1", "NOCOMPRESS")
RENEW = "ACRENEW"
IMAGE_COMMENT = "an image; not T, which cfitsio stops at"
RAW_STEM, PADDING_STEM, SUMS_STEM = "ACRAW", "ACPAD", "ACSUM"

# Tells an HDU of ours even where its card ACTILES is damaged.
_MARK = text_card("TTYPE1", "COMPRESSED_DATA", f"pip install astrocodec; see {KEYWORD}")
DITHERS = {"NO_DITHER": -1, "SUBTRACTIVE_DITHER_1": 1, "SUBTRACTIVE_DITHER_2": 2}
_FORM = re.compile("1?[PQ]B")
NULL_PIXEL = -2147483648
_MAX_INFLATED = 16 << 20
_MOST_AXES = 99  # ZNAXIS100 has nine letters


@dataclass(frozen=True)
class Quantization:
    """How floats became integers: level as astropy counts it, dither method (-1, 1 or 2), seed (1 to 10000)."""

    level: float
    method: int
    seed: int


@dataclass(frozen=True)
class TileLayout:
    """What a table header says about the image in the table."""

    container: str  # 'zimage' or 'table'
    algorithm: str  # ZCMPTYPE
    bitpix: int  # of the image
    shape: tuple[int, ...]
    tile_shape: tuple[int, ...]
    wide: bool  # descriptors have 64 bits
    quantization: Quantization | None = None  # None for lossless tiles
    parameters: tuple[tuple[str, int], ...] = ()  # ZNAMEn and ZVALn

    @property
    def itemsize(self) -> int:
        """Bytes of a pixel."""
        return abs(self.bitpix) // 8

    @property
    def pixel_type(self) -> str:
        """NumPy name of the pixels as they lie in the file, for example ``'>i2'``."""
        kind = "u" if self.bitpix == 8 else "i" if self.bitpix > 0 else "f"
        return f">{kind}{self.itemsize}"

    @property
    def grid(self) -> TileGrid:
        """The tiles; `ValueError` where they are not such as we write."""
        return TileGrid(self.shape, self.tile_shape, self.itemsize)


@dataclass(frozen=True)
class HeapSize:
    """What is known only when every tile is written: rows, bytes, longest tile of each column, CRC-32 of the table."""

    rows: int
    heap_bytes: int = 0
    longest: tuple[int, int] = (0, 0)
    table_crc: int = 0


def why_not_kept(original: bytes) -> str:
    """
    Say why `build_header` cannot keep an image header, ``''`` where it can.

    Examples
    --------
    >>> why_not_kept(assemble([b"COMMENT".ljust(80)] * 30000))
    'its header has 30000 cards, checksums of at most 27470 can be kept'
    """
    axes = card_value(find_card(split_cards(original), "NAXIS"))
    if isinstance(axes, int) and axes > _MOST_AXES:
        return f"it has {axes} axes, keywords of at most {_MOST_AXES} can be kept"
    kept = _kept(original)
    if 2 * len(kept) > MOST_BYTES:
        return f"its header has {len(kept)} cards, checksums of at most {MOST_BYTES // 2} can be kept"
    if not _needs_raw(original, kept):
        return ""
    if len(original) > _MAX_INFLATED:
        return f"its unusual header has {len(original)} bytes, at most {_MAX_INFLATED} can be kept"
    size = len(zlib.compress(original, 9))
    if size > MOST_BYTES:
        return f"its unusual header deflates to {size} bytes, at most {MOST_BYTES} can be kept"
    return ""


def is_unusual(original: bytes) -> bool:
    """Tell whether the cards of an image header cannot all stand in that of a table, so that it is kept aside."""
    return _needs_raw(original, _kept(original))


def _kept(original: bytes) -> list[bytes]:
    """The cards of an image header that can stand in that of a table."""
    source = split_cards(original)
    return [card for card, collides in zip(source, collisions(source), strict=True) if not collides]


def _needs_raw(original: bytes, kept: list[bytes]) -> bool:
    """Tell whether these cards are not all of a header."""
    return assemble(kept) != original


def build_header(
    layout: TileLayout,
    original: bytes,
    heap: HeapSize,
    *,
    fingerprint: str = "0" * 16,
    model: list[bytes] | None = None,
    padding: bytes | None = None,
    checksums: bool = False,
    room: list[bytes] | None = None,
    renew: bool = False,
    source: OriginalCard | None = None,
) -> bytes:
    """
    Build the header of the table that holds an image whose header is `original`.

    The length depends on neither `heap` nor `fingerprint`, so a header can be replaced in place.

    Parameters
    ----------
    fingerprint : str, optional
        Of the model of the tiles; needed for ASTROCODEC_1.
    model : list of bytes, optional
        Cards of `fits_tiles.layout.model_cards.model_cards`.
    padding : bytes, optional
        The bytes behind the image's data if they are not the usual zeros.
    checksums : bool, optional
        Leave room for ``CHECKSUM`` and ``DATASUM``.
    room : list of bytes, optional
        Cards of `fits_tiles.layout.manifest.Manifest`, filled in later.
    renew : bool, optional
        Note that the image's ``CHECKSUM`` and ``DATASUM`` are of an earlier form of it.
    source : OriginalCard, optional
        What the heap keeps of the tiles that the image was decoded from.

    Raises
    ------
    ValueError
        If the original header must be kept aside and is too long for that.
    """
    ours = layout.algorithm == ALGORITHM
    cards = [*_table_cards(layout, heap), *_tile_cards(layout)]
    if checksums:
        cards += [text_card("CHECKSUM", "0" * 16, "checksum of this HDU"), text_card("DATASUM", "0", "of the table")]
    kept = _kept(original)
    if ours:
        cards += model or []
        if renew:
            cards.append(logical_card(RENEW, True, "CHECKSUM of the image is made when it is unpacked"))
        if source is not None:
            cards.append(source.to_card())
        if _needs_raw(original, kept):
            cards += blob_cards(RAW_STEM, zlib.compress(original, 9))
        if padding is not None:
            cards += blob_cards(PADDING_STEM, zlib.compress(padding, 9))
        cards += room or []
        renamed = [rename(card, layout.container) for card in kept]
        cards += blob_cards(SUMS_STEM, card_sums(renamed))
        total = len(cards) + 1 + len(renamed)
        about = TilesCard(total, len(renamed), zlib.crc32(b"".join(renamed)), heap.table_crc, fingerprint)
        cards.append(about.sealed(tuple(cards)).to_card())
        return assemble([*cards, *renamed])
    return assemble([*cards, *(rename(card, "standard") for card in kept)])


def _table_cards(layout: TileLayout, heap: HeapSize) -> list[bytes]:
    letter, width = ("Q", 16) if layout.wide else ("P", 8)
    arrays = [("COMPRESSED_DATA", f"1{letter}B({heap.longest[0]})")]
    row = width
    if layout.quantization:
        arrays += [("GZIP_COMPRESSED_DATA", f"1{letter}B({heap.longest[1]})"), ("ZSCALE", "1D"), ("ZZERO", "1D")]
        row = 2 * width + 16
    cards = [
        text_card("XTENSION", "BINTABLE", "binary table extension"),
        int_card_of("BITPIX", 8, "8-bit bytes"),
        int_card_of("NAXIS", 2, "2-dimensional binary table"),
        int_card_of("NAXIS1", row, "width of table in bytes"),
        int_card_of("NAXIS2", heap.rows, "number of rows in table"),
        int_card_of("PCOUNT", heap.heap_bytes, "size of special data area"),
        int_card_of("GCOUNT", 1, "one data group"),
        int_card_of("TFIELDS", len(arrays), "number of fields in each row"),
    ]
    for number, (name, form) in enumerate(arrays, 1):
        cards += [text_card(f"TTYPE{number}", name), text_card(f"TFORM{number}", form)]
    if layout.algorithm == ALGORITHM:
        cards[8] = _MARK
    return cards


def _tile_cards(layout: TileLayout) -> list[bytes]:
    cards = [LEFT_ALONE] if layout.algorithm == ALGORITHM else []
    if layout.container == "zimage":
        if layout.algorithm == ALGORITHM:
            # Where it says T and names an algorithm that cfitsio does not know, cfitsio sees the end of the file, and
            # appends HDUs there; 1 makes it a table to cfitsio, and is as true to astropy.
            cards.append(int_card_of("ZIMAGE", 1, IMAGE_COMMENT))
        else:
            cards.append(logical_card("ZIMAGE", True, "extension contains compressed image"))
        cards.append(text_card("ZCMPTYPE", layout.algorithm, "compression algorithm"))
    for number, length in enumerate(reversed(layout.tile_shape), 1):
        cards.append(int_card_of(f"ZTILE{number}", length, "size of tiles"))
    parameters = list(layout.parameters)
    if layout.bitpix < 0:
        level = layout.quantization.level if layout.quantization else 0
        cards += _parameter_cards(parameters)
        cards.append(text_card(f"ZNAME{len(parameters) + 1}", "NOISEBIT", "floating point quantization level"))
        cards.append(f"ZVAL{len(parameters) + 1:<4d}= {str(level).upper():>20s}".ljust(CARD).encode("ascii"))
        cards += _quantization_cards(layout.quantization)
        return cards
    return cards + _parameter_cards(parameters)


def _parameter_cards(parameters: list[tuple[str, int]]) -> list[bytes]:
    cards = []
    for number, (name, value) in enumerate(parameters, 1):
        cards += [text_card(f"ZNAME{number}", name), int_card_of(f"ZVAL{number}", value)]
    return cards


def _quantization_cards(quantization: Quantization | None) -> list[bytes]:
    if quantization is None:
        return [text_card("ZQUANTIZ", "NONE", "lossless compression")]
    name = next(name for name, method in DITHERS.items() if method == quantization.method)
    cards = [text_card("ZQUANTIZ", name, "quantization method")]
    if quantization.method != -1:
        cards.append(int_card_of("ZDITHER0", quantization.seed, "dithering offset when quantizing floats"))
    return [*cards, int_card_of("ZBLANK", NULL_PIXEL, "null value in the compressed array")]


def is_compressed_image(cards: tuple[bytes, ...]) -> bool:
    """
    Tell whether a header belongs to a tile-compressed image, by whatever algorithm.

    Images that were unpacked carelessly have such cards too, but only a table is compressed.
    """
    return card_value(find_card(cards, "ZIMAGE")) in IMAGE_VALUES and not _is_image(cards)


def _is_image(cards: tuple[bytes, ...]) -> bool:
    return find_card(cards, "SIMPLE") is not None or card_value(find_card(cards, "XTENSION")) == "IMAGE"


def holds_standard_tiles(cards: tuple[bytes, ...]) -> bool:
    """Tell whether a header is that of an image in tiles of an algorithm of the FITS standard.

    Cards of ours may be left in it: programs that do not know them take them for the image's, and no damage makes one
    of these names of ours.
    """
    return is_compressed_image(cards) and card_value(find_card(cards, "ZCMPTYPE")) in STANDARD_ALGORITHMS


def holds_tiles(cards: tuple[bytes, ...]) -> bool:
    """
    Tell whether `build_header` made this header for ASTROCODEC_1 tiles.

    Either of two cards is enough, so that a damaged one cannot hide the image; a table of others that has a card
    ``ACTILES``, too, is none of ours without the rest. Tiles without ``TFORM1`` are no table of anybody.
    """
    if _is_image(cards) or holds_standard_tiles(cards):
        return False
    like_ours = find_card(cards, KEYWORD) is not None and has_blob(cards, SUMS_STEM) and _FORM.match(_first_form(cards))
    return bool(_MARK in cards or like_ours or _lost_its_form(cards))


def _lost_its_form(cards: tuple[bytes, ...]) -> bool:
    has_tiles = find_card(cards, "ZBITPIX") is not None and find_card(cards, "ZNAXIS") is not None
    return has_tiles and find_card(cards, "TFORM1") is None and card_value(find_card(cards, "TFIELDS")) != 0


def _first_form(cards: tuple[bytes, ...]) -> str:
    return str(card_value(find_card(cards, "TFORM1")))


def read_layout(cards: tuple[bytes, ...], where: str) -> TileLayout:
    """
    Read a header that `build_header` made.

    Raises
    ------
    VersionError
        If a newer astrocodec wrote it.
    CorruptError
        If a card changed since it was written.
    FormatError
        If the cards contradict each other.
    """
    read_tiles_card(cards, where)
    naxis = count_card(cards, "ZNAXIS", where, 1)
    shape = tuple(int_card(cards, f"ZNAXIS{n}", where) for n in range(naxis, 0, -1))
    tile_shape = tuple(int_card(cards, f"ZTILE{n}", where) for n in range(naxis, 0, -1))
    form = _first_form(cards)
    if not _FORM.match(form):
        raise FormatError(f"{where}: TFORM1 is {form!r}, expected 1PB or 1QB")
    bitpix = int_card(cards, "ZBITPIX", where)
    if bitpix not in BITPIX or min(shape, default=1) < 1:
        raise CorruptError(f"{where}: ZBITPIX {bitpix} and axes {shape} are those of no image")
    return TileLayout(
        "zimage" if is_compressed_image(cards) else "table",
        ALGORITHM,
        bitpix,
        shape,
        tile_shape,
        "Q" in form,
        _read_quantization(cards, where),
    )


def _read_quantization(cards: tuple[bytes, ...], where: str) -> Quantization | None:
    name = card_value(find_card(cards, "ZQUANTIZ"))
    if name is None or name == "NONE":
        return None
    if name not in DITHERS:
        raise FormatError(f"{where}: ZQUANTIZ is {name!r}, allowed are NONE, {', '.join(DITHERS)}")
    return Quantization(0.0, DITHERS[str(name)], int_card(cards, "ZDITHER0", where, 0))


def inflate(blob: bytes, where: str) -> bytes:
    """
    Inflate what `build_header` deflated.

    Raises
    ------
    CorruptError
        If the blob is damaged or cut, has bytes behind its end, or inflates to more than 16 MiB: 200,000 cards.

    Examples
    --------
    >>> inflate(zlib.compress(b"SIMPLE"), "HDU 0")
    b'SIMPLE'
    """
    unpacker = zlib.decompressobj()
    try:
        found = unpacker.decompress(blob, _MAX_INFLATED + 1)
    except zlib.error as error:
        raise CorruptError(f"{where}: the ACRAWnnn or ACPADnnn cards do not inflate ({error})") from error
    if len(found) > _MAX_INFLATED:
        raise CorruptError(
            f"{where}: the {len(blob)} bytes of the ACRAWnnn or ACPADnnn cards inflate to more than the "
            f"{_MAX_INFLATED} bytes that a header may have"
        )
    if not unpacker.eof or unpacker.unused_data:
        raise CorruptError(f"{where}: the ACRAWnnn or ACPADnnn cards are cut, or have bytes behind their end")
    return found
