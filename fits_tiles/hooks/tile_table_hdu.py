"""Tables of tiles as astropy HDUs: shown in the form that astropy knows, written again with the bytes that they had."""

from __future__ import annotations

import warnings
import weakref
import zlib
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.io.fits.util import decode_ascii

from astrocodec.errors import CorruptError, FormatError
from fits_tiles.layout.blocks import card_value, find_card, int_card, split_cards
from fits_tiles.layout.card_format import assemble, text_card
from fits_tiles.layout.card_text import is_blob_card
from fits_tiles.layout.checksums import encode_sum, sum32
from fits_tiles.layout.headers import HeapSize, build_header, holds_tiles, is_compressed_image, read_layout
from fits_tiles.layout.image_header import restore_header
from fits_tiles.layout.manifest import emptied
from fits_tiles.layout.model_cards import MODEL_STEM
from fits_tiles.layout.tiles_card import KEYWORD, read_tiles_card
from fits_tiles.layout.z_keywords import stray_continuations

__all__ = ["TileTableHDU", "cards_of", "forget_manifests", "header_of", "text_of", "warn_of_changes", "without_warning"]

_SUMS = ("CHECKSUM", "DATASUM")


def cards_of(header: Any) -> tuple[bytes, ...]:
    """
    Return the 80-byte cards of an `astropy.io.fits.Header`: as they stand in the file where they were not changed.

    What astropy would write differently, such as a lower-case exponent, keeps its bytes.
    """
    written = getattr(header, "cards_in_file", None)
    if isinstance(header, _FileHeader) and written is not None and not header._modified:
        return tuple(written)
    text = "".join(map(text_of, header.cards))
    if written is not None and text == without_warning(written):
        return tuple(written)
    return split_cards(text.encode("latin-1", "replace"))


class _KeptCard(fits.Card):  # type: ignore[misc]
    """A card that astropy does not "fix": its bytes stay unless it is given another value."""

    def _verify(self, option: str = "warn") -> Any:
        return fits.Card()._verify(option)  # nothing is wrong with a blank one


def header_of(cards: tuple[bytes, ...], *, kept: bool = False) -> Any:
    """Return an `astropy.io.fits.Header` in which a ``CONTINUE`` that continues nothing is a card of its own.

    In a plain file astropy never looks at such a card, and leaves it as it is. With `kept` it leaves all so.
    """
    kind = _KeptCard if kept else fits.Card
    groups: list[tuple[type[fits.Card], bytes]] = []
    for card, stray in zip(cards, stray_continuations(cards), strict=True):
        if card[:8] != b"CONTINUE":
            groups.append((kind, card))
        elif stray or not groups:
            groups.append((_KeptCard, card))
        else:
            groups[-1] = groups[-1][0], groups[-1][1] + card
    decode = without_warning if kept else _decoded
    header = fits.Header([kind.fromstring(decode((group,))) for kind, group in groups])
    header.cards_in_file = cards  # as long as no card is changed they are written so, whatever is done to the pixels
    return header


def without_warning(cards: tuple[bytes, ...]) -> str:
    """The text of cards as astropy reads it, who has warned already where a character is not ASCII."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _decoded(cards)


def _decoded(cards: tuple[bytes, ...]) -> str:
    return str(decode_ascii(b"".join(cards)))


def text_of(card: Any) -> str:
    """Return the text of a card as it was read, or as astropy formats it where it was changed.

    ``card.image`` would put into form what is against the standard, for good.
    """
    if card._image is not None and not card._modified:
        return str(card._image)
    return _formatted(card)


def _formatted(card: Any) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return str(card)
        except (fits.VerifyError, ValueError):
            return str(card._image)


class _FileHeader(fits.Header):  # type: ignore[misc]
    """A header whose length, and whose text as long as nothing changed, are those in the file."""

    cards_in_file: tuple[bytes, ...] | None = None
    # Weak, as a circle would keep an edited file open until the garbage collector comes by.
    _owner: weakref.ref[TileTableHDU] | None = None

    @property
    def owner(self) -> TileTableHDU | None:
        """The table whose header this is."""
        return None if self._owner is None else self._owner()

    @owner.setter
    def owner(self, table: TileTableHDU) -> None:
        self._owner = weakref.ref(table)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_owner"}

    def __str__(self) -> str:
        # astropy takes the length of this text for the length of the header in the file.
        owner = self.owner
        raw = owner._unchanged_header() if owner is not None else None
        return str(super().__str__()) if raw is None else raw.decode("latin-1")

    def copy(self, strip: bool = False) -> Any:
        return fits.Header(super().copy(strip))


class TileTableHDU(fits.BinTableHDU):  # type: ignore[misc]
    """
    A table that holds an image; astropy turns it into a `~astropy.io.fits.CompImageHDU` when it reads it, unless
    ``disable_image_compression`` is given.

    An unchanged HDU is written as the table it is, card for card, with checksums where they are asked for. One whose
    image was changed is given its cards by `take`.
    """

    _header: Any
    _read_cards: tuple[bytes, ...] = ()
    _read_images: tuple[str, ...] = ()
    _checked_rows: weakref.ref[Any] | None = None  # which would keep the file open
    _is_loaded = False
    _forget_manifest = False

    @classmethod
    def match_header(cls, header: Any) -> bool:
        """Tell whether a header is that of a table with an image in it."""
        extension = header.cards[0].value if header.cards[0].keyword == "XTENSION" else ""
        return str(extension).rstrip() == "BINTABLE" and KEYWORD in header

    @property
    def header(self) -> Any:
        """The header of the table; in the form that astropy knows, ``ZIMAGE`` and all, once it is shown as an image."""
        if not self._is_loaded:
            self._is_loaded = True
            # astropy changes some cards as it reads them.
            self._read_cards = self._cards_in_file() or cards_of(self._header)
            self._show(self._read_cards)
        return self._header

    @header.setter
    def header(self, value: Any) -> None:
        self._header = value
        self._read_cards = ()

    def take(self, cards: tuple[bytes, ...]) -> None:
        """Let other cards be written than those that were read."""
        self._is_loaded = True
        self._read_cards = cards
        self._show(cards)
        self.show_as_image()
        self._header._modified = True

    @property
    def container(self) -> str:
        """The container in the file: ``'zimage'`` or ``'table'``."""
        return "zimage" if is_compressed_image(self._read_cards) else "table"

    def show_as_image(self) -> bool:
        """Give a plain table the header of the tile convention; return whether there is an image to show."""
        if "ZIMAGE" in self.header:
            return bool(self.header["ZIMAGE"])
        if not holds_tiles(self._read_cards):
            return False  # another's table with a card ACTILES
        try:
            shown = _as_zimage(self._read_cards, f"HDU {card_value(find_card(self._read_cards, 'EXTNAME')) or ''!r}")
        except FormatError as error:
            self._warn_of_table(error)
            return False
        self._show((*shown, *filter(_is_sum, self._read_cards)))
        return True

    def is_readable_by(self, image_class: Any) -> bool:
        """
        Tell whether astropy can show this table as an image; it is given back the header in the file otherwise.

        An error while it reads an HDU is to astropy the end of the file, and update mode writes no HDU behind that.
        """
        trial = object.__new__(type(self))
        trial.__dict__.update(self.__dict__)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                image_class(bintable=trial)
        except Exception as error:
            self._show(self._read_cards)
            self._warn_of_table(error)
            return False
        return True

    def _warn_of_table(self, error: Exception) -> None:
        warnings.warn(f"{error}; it is shown as a table", fits.verify.VerifyWarning, stacklevel=5)

    def check_rows(self, rows: Any) -> None:
        """
        Compare the rows of the table, and the cards that tell what they mean, with ``ACTILES``, before tiles are read.

        Raises
        ------
        CorruptError
        """
        if not holds_tiles(self._read_cards) or (self._checked_rows is not None and self._checked_rows() is rows):
            return
        where = f"HDU {self.name!r}"
        written = read_tiles_card(self._read_cards, where).table_crc
        if (found := zlib.crc32(rows.view(np.ndarray).tobytes())) != written:
            raise CorruptError(
                f"{where}: the {len(rows)} rows of its table have CRC-32 {found:08x}, {KEYWORD} says {written:08x}"
            )
        self.refuse_doubtful(scaling=True)
        self._checked_rows = weakref.ref(rows)

    def refuse_doubtful(self, *, scaling: bool) -> None:
        """
        Raise an error where cards of the image changed and no ``CHECKSUM`` says that it was meant.

        With `scaling`, only where the scaling of the pixels may be among them.

        Raises
        ------
        CorruptError
        """
        if not holds_tiles(self._read_cards):
            return
        where = f"HDU {self.name!r}"
        found = restore_header(self._read_cards, where)
        if found.changed and (found.scaling or not scaling) and not self._is_summed():
            raise CorruptError(
                f"{where}: {found.changed[0]}: the header is damaged, or a program that does not know astrocodec "
                "edited it and wrote no CHECKSUM, then `fits-decompress --edited` takes it as it is now"
            )

    def _is_summed(self) -> bool:
        """Tell whether the HDU in the file has the ``CHECKSUM`` that its card says."""
        size = self._data_offset - self._header_offset + self._data_size
        raw = self._get_raw_data(size, np.uint8, self._header_offset).tobytes()
        return "CHECKSUM" in self._header and "DATASUM" in self._header and sum32(raw) == 0xFFFFFFFF

    def _show(self, cards: tuple[bytes, ...]) -> None:
        header = _FileHeader.fromstring(without_warning(cards))
        header._modified = False
        header.cards_in_file = cards
        header.owner = self
        self._header = header
        self._read_images = tuple(card._image for card in header.cards if card.keyword not in _SUMS)

    def _cards_in_file(self) -> tuple[bytes, ...]:
        if self._file is None or self._file.closed or self._data_offset is None:
            return ()
        place = self._file.tell()
        self._file.seek(self._header_offset)
        raw = self._file.read(self._data_offset - self._header_offset)
        self._file.seek(place)
        return split_cards(bytes(raw))

    def _unchanged_header(self) -> bytes | None:
        """The header to write as long as nothing but checksums changed since it was read; None where more did."""
        now = [card for card in self._header.cards if card.keyword not in _SUMS]
        blanks = len(self._read_images) - len(now)  # checksums use up those at the end
        kept = self._read_images[: len(now)]
        if not self._read_cards or blanks < 0 or "".join(self._read_images[len(now) :]).strip():
            return None
        for card, image in zip(now, kept, strict=True):
            as_read = card._image == image and not card._modified
            if not as_read and _formatted(card) != _formatted(fits.Card.fromstring(image)):
                return None
        cards = emptied(self._read_cards) if self._forget_manifest else list(self._read_cards)
        return assemble(self._with_sums(cards))

    def _with_sums(self, cards: list[bytes]) -> list[bytes]:
        """Give cards the checksums that astropy has put into the shown header; ``CHECKSUM`` of what is written."""
        out, left = [], [keyword for keyword in _SUMS if keyword in self._header]
        for card in cards:
            keyword = card[:8].rstrip().decode("latin-1")
            if keyword in left:
                left.remove(keyword)
                card = card if card_value(card) == str(self._header[keyword]) else self._sum_card(keyword)
            elif _is_sum(card):
                continue
            out.append(card)
        out += [self._sum_card(keyword) for keyword in left]
        if "CHECKSUM" not in self._header or tuple(out) == self._read_cards:
            return out
        place = next(number for number, card in enumerate(out) if card[:9] == b"CHECKSUM=")
        comment = str(self._header.comments["CHECKSUM"])
        out[place] = text_card("CHECKSUM", "0" * 16, comment)
        total = sum32(assemble(out), int(self._header.get("DATASUM") or 0))
        out[place] = text_card("CHECKSUM", encode_sum(total), comment)
        return out

    def _sum_card(self, keyword: str) -> bytes:
        return text_card(keyword, str(self._header[keyword]), str(self._header.comments[keyword]))

    def _writeheader(self, fileobj: Any) -> Any:
        """Write the cards that were read as long as nothing has changed."""
        raw = self._unchanged_header()
        if raw is None:
            return super()._writeheader(fileobj)
        offset = 0
        with suppress(AttributeError, OSError):  # as astropy does: `filebytes` writes to what tells no place
            offset = fileobj.tell()
        fileobj.write(raw)
        return offset, len(raw)


def _is_sum(card: bytes) -> bool:
    return card[:8].rstrip().decode("latin-1") in _SUMS


def _as_zimage(cards: tuple[bytes, ...], where: str) -> tuple[bytes, ...]:
    """The cards of a table as those of the tile convention, which they may be already."""
    layout, about = read_layout(cards, where), read_tiles_card(cards, where)
    heap = HeapSize(int_card(cards, "NAXIS2", where), int_card(cards, "PCOUNT", where), table_crc=about.table_crc)
    kept = [card for card in cards if is_blob_card(card, MODEL_STEM)]
    found = restore_header(cards, where)
    if found.changed:
        warn_of_changes(found.changed[0])
    layout = replace(layout, container="zimage")
    return split_cards(build_header(layout, found.header, heap, fingerprint=about.fingerprint, model=kept))


def warn_of_changes(first: str) -> None:
    """Warn that cards are not those that were written, and of which first."""
    warnings.warn(
        f"The cards of a compressed image changed since fits_tiles wrote them; its header is taken as it is ({first})",
        fits.verify.VerifyWarning,
        stacklevel=3,
    )


def forget_manifests(hdus: Any) -> None:
    """
    Have the manifests emptied that tables of tiles carry, before a list of HDUs is written.

    What astropy writes is another file than the one that the manifest tells of.
    """
    for hdu in hdus:
        table = getattr(hdu, "_bintable", None)
        if isinstance(table, TileTableHDU) and table._read_cards and not table._forget_manifest:
            table._forget_manifest = True
            table._header._modified = True
