"""The header of an image, given back from that of the table that holds it, with what other programs did to it since."""

from __future__ import annotations

from dataclasses import dataclass

from astrocodec.errors import CorruptError, FormatError
from fits_tiles.layout.blocks import split_cards
from fits_tiles.layout.card_format import assemble
from fits_tiles.layout.card_sums import read_sums
from fits_tiles.layout.card_text import read_blob
from fits_tiles.layout.headers import RAW_STEM, SUMS_STEM, inflate, is_compressed_image
from fits_tiles.layout.image_cards import ImageCards, find_image_cards
from fits_tiles.layout.tiles_card import KEYWORD, TilesCard, read_tiles_card
from fits_tiles.layout.z_keywords import collisions, of_table, rename, rename_back, standard_order

__all__ = ["ImageHeader", "restore_header"]

# So few letters may be what damage made of a blank card.
_DAMAGED_BLANK = 8


@dataclass(frozen=True)
class ImageHeader:
    """The header of the image in a table, and what other programs did to it."""

    header: bytes  # byte for byte what it was unless it was edited
    added: tuple[bytes, ...] = ()  # since; they are in `header`
    removed: int = 0
    # What says that the image's own cards are not all there: damage, or an edit that cannot be told from damage.
    changed: tuple[str, ...] = ()
    scaling: bool = False  # BSCALE, BZERO or BLANK may be among what changed

    @property
    def edits(self) -> str:
        """What was done to the header since it was written, in words; ``''`` where nothing was."""
        if self.changed:
            return "header edited since it was compressed"
        counts = ((len(self.added), "added"), (self.removed, "removed"))
        done = " and ".join(f"{count} card{'s' * (count > 1)} {word}" for count, word in counts if count)
        return f"{done} since it was compressed" if done else ""


def restore_header(cards: tuple[bytes, ...], where: str) -> ImageHeader:
    """
    Return the image header that a table header was built from, with what was added to it since.

    Raises
    ------
    CorruptError
        If the cards that keep it, or those that describe the table, are damaged.
    """
    about = read_tiles_card(cards, where)
    try:
        units = read_sums(read_blob(cards, SUMS_STEM, where) or b"", about.image_cards)
    except FormatError as error:
        raise CorruptError(f"{where}: the ACSUMnnn cards do not tell of the image's cards: {error}") from error
    container = "zimage" if is_compressed_image(cards) else "table"
    found = find_image_cards([card for card in cards if not of_table(card)], units)
    raw = read_blob(cards, RAW_STEM, where)
    whole = None if raw is None else inflate(raw, where)
    changed = _changes(found, about, len(cards))
    added = tuple(card for _, card in found.added)
    edited = bool(added or changed or found.missing)
    if whole is not None and not edited:
        return ImageHeader(whole)
    image = _merged(found, container, None if whole is None else split_cards(whole))
    header = assemble(standard_order(image) if edited else image)
    return ImageHeader(header, added, len(found.missing), changed, bool(changed) and _may_be_scaling(found, container))


def _may_be_scaling(found: ImageCards, container: str) -> bool:
    """Tell whether a card of the scaling may be one that is not there any more, or the changed one that is."""
    if len(found.added) < len(found.missing) or not found.missing:
        return True
    names = [rename(name.ljust(8), container)[:8] for name in (b"BSCALE", b"BZERO", b"BLANK")]
    return any(sum(map(int.__ne__, card[:8], name)) < 2 for _, card in found.added for name in names)


def _changes(found: ImageCards, about: TilesCard, total: int) -> tuple[str, ...]:
    """Say why the image's own cards are not all there, as far as that can be said."""
    missing = [f"card {place + 1} of the image is not there any more" for place in found.missing]
    # Damage makes no header shorter: whoever did, removed cards.
    if missing and (found.added or total + len(missing) != about.all_cards):
        return (*missing, *(f"{card.rstrip()!r} is new" for _, card in found.added))
    if not missing and found.crc != about.image_crc:
        return (f"the cards of the image have CRC-32 {found.crc:08x}, {KEYWORD} says {about.image_crc:08x}",)
    if empty := [card for _, card in found.added if b"\0" in card]:
        return tuple(f"{card.rstrip()!r} is new, and holds bytes that no program writes" for card in empty)
    # Whoever adds a card makes the header longer, or uses a blank one up; otherwise a keyword was damaged.
    whole_cards = all(len(card.replace(b" ", b"")) > _DAMAGED_BLANK for _, card in found.added)
    if found.added and total - len(found.added) + (found.refilled if whole_cards else 0) < about.all_cards:
        return tuple(f"{card.rstrip()!r} is new, and one that was written is gone" for _, card in found.added)
    return ()


def _merged(found: ImageCards, container: str, whole: tuple[bytes, ...] | None) -> list[bytes]:
    """The image's cards in their order, those that were added in their places among them."""
    own = [None if card is None else rename_back(card, container) for card in found.own]
    out: list[bytes] = []
    added = list(found.added)

    def add(behind: int) -> None:
        while added and added[0][0] <= behind:
            out.append(rename_back(added.pop(0)[1], container))

    place = 0
    for card, collides in zip(whole or own, collisions(whole) if whole else [False] * len(own), strict=True):
        if not collides:
            add(place)
            card = own[place]
            place += 1
        if card is not None:
            out.append(card)
    add(len(own))
    return out
