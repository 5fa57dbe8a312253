"""Tables of tiles as astropy HDUs: shown in the form that astropy knows, written again with the bytes that they had."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

from astropy.io import fits

from astrocodec.errors import FormatError
from fits_tiles.blocks import int_card, split_cards
from fits_tiles.card_format import assemble, text_card
from fits_tiles.checksums import encode_sum, sum32
from fits_tiles.headers import HeapSize, build_header, read_layout, restore_header
from fits_tiles.manifest import emptied
from fits_tiles.model_cards import MODEL_STEM
from fits_tiles.tiles_card import KEYWORD, read_tiles_card

__all__ = ["TileTableHDU", "cards_of", "forget_manifests"]

_SUMS = ("CHECKSUM", "DATASUM")


def cards_of(header: Any) -> tuple[bytes, ...]:
    """
    Return the 80-byte cards of an `astropy.io.fits.Header`: as they stand in the file where they were not changed.

    What astropy would write differently, such as a lower-case exponent, keeps its bytes.
    """
    written = getattr(header, "cards_in_file", None)
    if written is not None and not header._modified:
        return tuple(written)
    return split_cards("".join(map(_image, header.cards)).encode("latin-1", "replace"))


def _image(card: Any) -> str:
    """The text of a card as it was read, or as astropy formats it where it was changed."""
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
    owner: TileTableHDU | None = None

    def __str__(self) -> str:
        # astropy takes the length of this text for the length of the header in the file.
        raw = self.owner._unchanged_header() if self.owner is not None else None
        return str(super().__str__()) if raw is None else raw.decode("latin-1")

    def copy(self, strip: bool = False) -> Any:
        return fits.Header(super().copy(strip))


class TileTableHDU(fits.BinTableHDU):  # type: ignore[misc]
    """
    A table that holds an image; astropy turns it into a `~astropy.io.fits.CompImageHDU` when it reads it.

    An unchanged HDU is written as the table it is, card for card, with checksums where they are asked for. One whose
    image was changed is written as a compressed image.
    """

    _header: Any
    _read_cards: tuple[bytes, ...] = ()
    _read_images: tuple[str, ...] = ()
    _is_loaded = False
    _forget_manifest = False

    @classmethod
    def match_header(cls, header: Any) -> bool:
        """Tell whether a header is that of a table with an image in it."""
        extension = header.cards[0].value if header.cards[0].keyword == "XTENSION" else ""
        return str(extension).rstrip() == "BINTABLE" and KEYWORD in header

    @property
    def header(self) -> Any:
        """The header of the table in the form that astropy knows, ``ZIMAGE`` and all."""
        if not self._is_loaded:
            self._is_loaded = True
            self._load()
        return self._header

    @header.setter
    def header(self, value: Any) -> None:
        self._header = value
        self._read_cards = ()

    def _load(self) -> None:
        """Read the cards from the file, since astropy changes some as it reads them, and show them as ``ZIMAGE``."""
        cards = self._cards_in_file() or cards_of(self._header)
        where = f"HDU {self._header.get('EXTNAME', '')!r}"
        try:
            shown = _as_zimage(cards, where)
        except FormatError as error:
            if "ZIMAGE" not in self._header:
                warnings.warn(f"{error}; it is shown as a table", fits.verify.VerifyWarning, stacklevel=3)
            return
        if "ZIMAGE" in self._header:
            shown = cards
        header = _FileHeader.fromstring(b"".join(shown))
        header._modified = False
        header.cards_in_file = shown
        header.owner = self
        self._header = header
        self._read_cards = cards
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
        if not self._read_cards or len(now) != len(self._read_images):
            return None
        for card, image in zip(now, self._read_images, strict=True):
            as_read = card._image == image and not card._modified
            if not as_read and _formatted(card) != _formatted(fits.Card.fromstring(image)):
                return None
        cards = [card for card in self._read_cards if card[:8].rstrip().decode("latin-1") not in _SUMS]
        if self._forget_manifest:
            cards = emptied(cards)
        return self._with_sums(cards)

    def _with_sums(self, cards: list[bytes]) -> bytes:
        """Add the checksums that astropy has put into the shown header; ``CHECKSUM`` is that of what is written."""
        if "DATASUM" in self._header:
            cards = [*cards, text_card("DATASUM", str(self._header["DATASUM"]), str(self._header.comments["DATASUM"]))]
        if "CHECKSUM" not in self._header:
            return assemble(cards)
        comment = str(self._header.comments["CHECKSUM"])
        total = sum32(
            assemble([*cards, text_card("CHECKSUM", "0" * 16, comment)]), int(self._header.get("DATASUM") or 0)
        )
        return assemble([*cards, text_card("CHECKSUM", encode_sum(total), comment)])

    def _writeheader(self, fileobj: Any) -> Any:
        """Write the cards that were read as long as nothing has changed."""
        raw = self._unchanged_header()
        if raw is None:
            return super()._writeheader(fileobj)
        offset = fileobj.tell()
        fileobj.write(raw)
        return offset, len(raw)


def _as_zimage(cards: tuple[bytes, ...], where: str) -> tuple[bytes, ...]:
    """The cards of a table as those of the tile convention, which they may be already."""
    layout, about = read_layout(cards, where), read_tiles_card(cards, where)
    heap = HeapSize(int_card(cards, "NAXIS2", where), int_card(cards, "PCOUNT", where), table_crc=about.table_crc)
    kept = [card for card in cards if card.startswith(MODEL_STEM.encode())]
    original = restore_header(cards, where).header
    layout = replace(layout, container="zimage")
    return split_cards(build_header(layout, original, heap, fingerprint=about.fingerprint, model=kept))


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
