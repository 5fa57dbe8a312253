"""
Image header to table header and back: the only file that knows the Z keywords.

A table header made here is a preamble followed by every card of the image header, in order, with the keywords renamed
that would contradict the table. Renaming is reversible, so the image header comes back byte for byte; where it is not
(an image header that already holds such keywords, or unusual padding), the original is also kept compressed.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from astrocodec.errors import CorruptError, FormatError, VersionError
from fits_tiles.blocks import CARD, card_value, find_card, int_card, split_cards
from fits_tiles.card_format import assemble, int_card_of, logical_card, text_card
from fits_tiles.model_cards import blob_cards, read_blob
from fits_tiles.z_keywords import collides, rename, rename_back

__all__ = [
    "ALGORITHM",
    "HeapSize",
    "Quantization",
    "TileLayout",
    "build_header",
    "header_crc",
    "holds_tiles",
    "inflate",
    "is_compressed_image",
    "read_layout",
    "restore_header",
]

ALGORITHM = "ASTROCODEC_1"
CONTAINER_VERSION = 1

_DITHER_NAMES = {-1: "NO_DITHER", 1: "SUBTRACTIVE_DITHER_1", 2: "SUBTRACTIVE_DITHER_2"}
NULL_PIXEL = -2147483648


@dataclass(frozen=True)
class Quantization:
    """
    How floats became integers: level as astropy counts it, dither method (-1, 1 or 2), dither seed (1 to 10000).
    """

    level: float
    method: int
    seed: int


@dataclass(frozen=True)
class TileLayout:
    """
    What a table header says about the image in the table.

    Attributes
    ----------
    container : str
        ``'zimage'`` or ``'table'``.
    algorithm : str
        Value of ``ZCMPTYPE``.
    bitpix : int
        ``BITPIX`` of the image.
    shape, tile_shape : tuple of int
        NumPy order.
    wide : bool
        Whether descriptors have 64 bits.
    quantization : Quantization or None
        None for lossless tiles.
    parameters : tuple of (str, int)
        ``ZNAMEn`` and ``ZVALn``.
    """

    container: str
    algorithm: str
    bitpix: int
    shape: tuple[int, ...]
    tile_shape: tuple[int, ...]
    wide: bool
    quantization: Quantization | None = None
    parameters: tuple[tuple[str, int], ...] = ()

    @property
    def itemsize(self) -> int:
        """Bytes of a pixel."""
        return abs(self.bitpix) // 8

    @property
    def pixel_type(self) -> str:
        """NumPy name of the pixels as they lie in the file, for example ``'>i2'``."""
        kind = "u" if self.bitpix == 8 else "i" if self.bitpix > 0 else "f"
        return f">{kind}{self.itemsize}"


@dataclass(frozen=True)
class HeapSize:
    """What is known only when every tile is written: rows, bytes, longest tile of each column, CRC-32 of the table."""

    rows: int
    heap_bytes: int = 0
    longest: tuple[int, int] = (0, 0)
    table_crc: int = 0


def build_header(
    layout: TileLayout,
    original: bytes,
    heap: HeapSize,
    *,
    model: list[bytes] | None = None,
    padding: bytes | None = None,
    checksums: bool = False,
) -> bytes:
    """
    Build the header of the table that holds an image.

    The length depends on `layout`, `original`, `model` and `padding` only, so a header can be replaced in place.

    Parameters
    ----------
    layout : TileLayout
        Image and tiles.
    original : bytes
        Header of the image HDU with ``END`` and padding.
    heap : HeapSize
        Size of the table.
    model : list of bytes, optional
        Cards of `fits_tiles.model_cards.model_cards`.
    padding : bytes, optional
        The bytes behind the image's data if they are not the usual zeros.
    checksums : bool, optional
        Leave room for ``CHECKSUM`` and ``DATASUM``.

    Returns
    -------
    bytes
        Header with ``END`` and padding.

    Raises
    ------
    ValueError
        If the original header must be kept aside and is too long for that.
    """
    ours = layout.algorithm == ALGORITHM
    cards = [*_table_cards(layout, heap), *_tile_cards(layout)]
    if checksums:
        cards += [text_card("CHECKSUM", "0" * 16, "checksum of this HDU"), text_card("DATASUM", "0", "of the table")]
    source = split_cards(original)
    kept = [card for card in source if not collides(card)]
    if ours:
        cards += model or []
        if assemble(list(source)) != original or len(kept) != len(source):
            cards += blob_cards("ACRAW", zlib.compress(original, 9), "CRC-32 of the deflated original header")
        if padding is not None:
            cards += blob_cards("ACPAD", zlib.compress(padding, 9), "CRC-32 of the deflated original padding")
        cards.append(int_card_of("ACTABCRC", heap.table_crc, "CRC-32 of the table's rows"))
        cards.append(int_card_of("ACHDRCRC", 0, "CRC-32 of the other cards"))
        cards.append(int_card_of("ACCARDS", len(kept), "cards of the image header, they follow"))
    cards += [rename(card, layout.container) for card in kept]
    if ours:
        at = next(i for i, card in enumerate(cards) if card.startswith(b"ACHDRCRC"))
        cards[at] = int_card_of("ACHDRCRC", header_crc(tuple(cards)), "CRC-32 of the other cards")
    return assemble(cards)


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
    return cards


def _tile_cards(layout: TileLayout) -> list[bytes]:
    cards = []
    if layout.container == "zimage":
        cards.append(logical_card("ZIMAGE", True, "extension contains compressed image"))
        cards.append(text_card("ZCMPTYPE", layout.algorithm, "compression algorithm"))
    else:
        cards.append(logical_card("ACIMAGE", True, "astrocodec keeps an image in this table"))
    if layout.algorithm == ALGORITHM:
        cards.append(int_card_of("ACVERS", CONTAINER_VERSION, "astrocodec container, pip install astrocodec"))
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
    cards = [text_card("ZQUANTIZ", _DITHER_NAMES[quantization.method], "quantization method")]
    if quantization.method != -1:
        cards.append(int_card_of("ZDITHER0", quantization.seed, "dithering offset when quantizing floats"))
    return [*cards, int_card_of("ZBLANK", NULL_PIXEL, "null value in the compressed array")]


def header_crc(cards: tuple[bytes, ...]) -> int:
    """CRC-32 of a table header's cards, those left out that depend on it or on the data."""
    left_out = (b"ACHDRCRC", b"CHECKSUM", b"DATASUM ")
    return zlib.crc32(b"".join(card for card in cards if card[:8] not in left_out))


def is_compressed_image(cards: tuple[bytes, ...]) -> bool:
    """Tell whether a header belongs to a tile-compressed image, by whatever algorithm."""
    return card_value(find_card(cards, "ZIMAGE")) is True


def holds_tiles(cards: tuple[bytes, ...]) -> bool:
    """
    Tell whether `build_header` made this header for ASTROCODEC_1 tiles.

    Either of two cards is enough, so that a damaged one cannot hide the image.
    """
    marked = find_card(cards, "ACVERS") is not None or find_card(cards, "ACHDRCRC") is not None
    image = find_card(cards, "SIMPLE") is not None or card_value(find_card(cards, "XTENSION")) == "IMAGE"
    return marked and not image


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
    version = int_card(cards, "ACVERS", where)
    if version != CONTAINER_VERSION:
        raise VersionError(
            f"{where}: container version {version}, this astrocodec reads {CONTAINER_VERSION}; install a newer one"
        )
    written, found = int_card(cards, "ACHDRCRC", where), header_crc(cards)
    if written != found:
        raise CorruptError(
            f"{where}: the header's cards have CRC-32 {found}, ACHDRCRC says {written}: the header is damaged, or a "
            "program that does not know astrocodec edited it (if that was meant, set ACHDRCRC to the value found)"
        )
    naxis = int_card(cards, "ZNAXIS", where)
    shape = tuple(int_card(cards, f"ZNAXIS{n}", where) for n in range(naxis, 0, -1))
    tile_shape = tuple(int_card(cards, f"ZTILE{n}", where) for n in range(naxis, 0, -1))
    form = card_value(find_card(cards, "TFORM1"))
    if not isinstance(form, str) or not re.match(r"1?[PQ]B", form):
        raise FormatError(f"{where}: TFORM1 is {form!r}, expected 1PB or 1QB")
    return TileLayout(
        "zimage" if is_compressed_image(cards) else "table",
        ALGORITHM,
        int_card(cards, "ZBITPIX", where),
        shape,
        tile_shape,
        "Q" in form,
        _read_quantization(cards, where),
    )


def _read_quantization(cards: tuple[bytes, ...], where: str) -> Quantization | None:
    name = card_value(find_card(cards, "ZQUANTIZ"))
    if name is None or name == "NONE":
        return None
    methods = {text: number for number, text in _DITHER_NAMES.items()}
    if name not in methods:
        raise FormatError(f"{where}: ZQUANTIZ is {name!r}, allowed are NONE, {', '.join(methods)}")
    return Quantization(0.0, methods[str(name)], int_card(cards, "ZDITHER0", where, 0))


def restore_header(cards: tuple[bytes, ...], where: str) -> bytes:
    """
    Return the image header that a table header was built from, byte for byte.

    Raises
    ------
    CorruptError
        If the cards that keep it are damaged.
    """
    raw = read_blob(cards, "ACRAW", where)
    if raw is not None:
        return inflate(raw, where)
    count = int_card(cards, "ACCARDS", where)
    if not 0 < count <= len(cards):
        raise CorruptError(f"{where}: ACCARDS is {count}, the header has {len(cards)} cards")
    container = "zimage" if is_compressed_image(cards) else "table"
    return assemble([rename_back(card, container) for card in cards[-count:]])


def inflate(blob: bytes, where: str) -> bytes:
    """Inflate what `build_header` deflated."""
    try:
        return zlib.decompress(blob)
    except zlib.error as error:
        raise CorruptError(f"{where}: the ACRAWnnn or ACPADnnn cards do not inflate ({error})") from error
