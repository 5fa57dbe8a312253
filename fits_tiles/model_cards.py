"""
Bytes in header cards: the tuned model of an HDU, and what a header cannot say in clear.

A blob becomes numbered cards ``ACMOD001= '...'`` with 68 base64 characters each, behind one card with its CRC-32.
"""

from __future__ import annotations

import base64
import binascii
import zlib

from astrocodec.errors import AstrocodecError, CorruptError, ModelNotFoundError
from astrocodec.model import Model
from fits_tiles.blocks import card_value, find_card
from fits_tiles.card_format import text_card

__all__ = ["MAX_DELTA", "blob_cards", "model_cards", "read_blob", "read_fingerprint", "read_model"]

MAX_DELTA = 960
_CHARS = 68


def blob_cards(stem: str, blob: bytes, comment: str) -> list[bytes]:
    """
    Spread bytes over header cards.

    Parameters
    ----------
    stem : str
        Five letters; the cards are called ``STEM001``, ``STEM002`` and so on, the checksum ``STEMSUM``.
    blob : bytes
        At most 999 * 51 bytes.
    comment : str
        Comment of the checksum card.

    Returns
    -------
    list of bytes
        80-byte cards.

    Raises
    ------
    ValueError
        If the blob needs more than 999 cards.

    Examples
    --------
    >>> [card[:8] for card in blob_cards("ACMOD", bytes(60), "model")]
    [b'ACMODSUM', b'ACMOD001', b'ACMOD002']
    """
    text = base64.b64encode(blob).decode("ascii")
    pieces = [text[at : at + _CHARS] for at in range(0, len(text), _CHARS)] or [""]
    if len(pieces) > 999:
        raise ValueError(f"{len(blob)} bytes need {len(pieces)} {stem} cards, at most 999 fit")
    cards = [text_card(f"{stem}SUM", f"{zlib.crc32(blob):08x}", comment)]
    return cards + [text_card(f"{stem}{number:03d}", piece) for number, piece in enumerate(pieces, 1)]


def read_blob(cards: tuple[bytes, ...], stem: str, where: str) -> bytes | None:
    """
    Collect what `blob_cards` wrote; None where there are no such cards.

    Raises
    ------
    CorruptError
        If a card is missing or damaged.

    Examples
    --------
    >>> read_blob(tuple(blob_cards("ACMOD", b"weights", "model")), "ACMOD", "HDU 1")
    b'weights'
    """
    total = card_value(find_card(cards, f"{stem}SUM"))
    pieces: list[str] = []
    while isinstance(piece := card_value(find_card(cards, f"{stem}{len(pieces) + 1:03d}")), str):
        pieces.append(piece)
    if total is None and not pieces:
        return None
    try:
        blob = base64.b64decode("".join(pieces).encode("latin-1"), validate=True)
    except binascii.Error as error:
        raise CorruptError(f"{where}: the {len(pieces)} {stem}nnn cards do not hold base64 text ({error})") from error
    if f"{zlib.crc32(blob):08x}" != total:
        raise CorruptError(
            f"{where}: the {len(pieces)} {stem}nnn cards have CRC-32 {zlib.crc32(blob):08x}, {stem}SUM says {total!r}"
        )
    return blob


def model_cards(model: Model) -> list[bytes]:
    """
    Return the cards that let a reader find a model: its fingerprint, and its delta unless it is shipped.

    Raises
    ------
    ValueError
        If the model is no tuned one, or its delta is longer than `MAX_DELTA`.
    """
    cards = [text_card("ACMODEL", model.fingerprint, "fingerprint of the model of the tiles")]
    if model.is_shipped:
        return cards
    try:
        delta = model.delta()
    except ValueError as error:
        raise ValueError(f"{error}; a FITS header has no room for a whole model, tune a shipped one") from error
    if len(delta) > MAX_DELTA:
        raise ValueError(f"model {model.name} has a delta of {len(delta)} bytes, header cards take {MAX_DELTA}")
    return cards + blob_cards("ACMOD", delta, "CRC-32 of the tuned model below")


def read_fingerprint(cards: tuple[bytes, ...]) -> str:
    """Return the fingerprint in the header, ``''`` where there is none."""
    value = card_value(find_card(cards, "ACMODEL"))
    return value if isinstance(value, str) else ""


def read_model(cards: tuple[bytes, ...], where: str) -> Model | None:
    """
    Return the tuned model of an HDU's tiles, None where they need no model but shipped ones.

    Raises
    ------
    CorruptError
        If the cards are damaged or give another model than they name.
    ModelNotFoundError
        If the base of the tuned model is not installed.
    """
    delta = read_blob(cards, "ACMOD", where)
    if delta is None:
        return None
    try:
        model = Model.from_delta(delta)
    except ModelNotFoundError as error:
        raise ModelNotFoundError(f"{where}: {error}") from error
    except (AstrocodecError, ValueError) as error:
        raise CorruptError(f"{where}: the ACMODnnn cards hold no model: {error}") from error
    named = read_fingerprint(cards)
    if model.fingerprint != named:
        raise CorruptError(f"{where}: the ACMODnnn cards hold model {model.fingerprint}, ACMODEL says {named!r}")
    return model
