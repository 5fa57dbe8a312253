"""The model of an HDU in its header cards: what it differs by from a model that is installed, or the whole of it."""

from __future__ import annotations

from astrocodec.errors import AstrocodecError, CorruptError, ModelNotFoundError, OptionError
from astrocodec.model import Model, configured_delta
from fits_tiles.layout.card_text import MOST_BYTES, blob_cards, read_blob

__all__ = ["MAX_DELTA", "MODEL_STEM", "holds_whole_model", "model_cards", "read_model"]

MAX_DELTA = 4096
MODEL_STEM = "ACMOD"
_WHOLE = b"ACM"  # a model file begins so; a difference begins with its version


def model_cards(model: Model, *, whole: bool = False) -> list[bytes]:
    """
    Return the cards that let a reader rebuild a model, none for the default one.

    If they are to hold it `whole`, the default one too, a reader needs no other.

    Raises
    ------
    OptionError
        If the model cannot be told as a difference to an installed one, or is too long for cards.

    Examples
    --------
    >>> from astrocodec import load_model
    >>> model_cards(load_model("default"))
    []
    """
    if whole:
        file = model.to_bytes(whole=True)
        if len(file) > MOST_BYTES:
            raise OptionError(
                f"model {model.name!r} has {len(file)} bytes, header cards take {MOST_BYTES}: use another"
            )
        return blob_cards(MODEL_STEM, file)
    delta = configured_delta(model)
    if not delta:
        return []
    if len(delta) > MAX_DELTA:
        raise OptionError(
            f"model {model.name!r} differs from the shipped one by {len(delta)} bytes, header cards take {MAX_DELTA}; "
            "`astrocodec tune --max-bytes` makes smaller ones"
        )
    return blob_cards(MODEL_STEM, delta)


def read_model(cards: tuple[bytes, ...], where: str, named: str = "") -> Model | None:
    """
    Return the model of an HDU's tiles, None where they need no model but shipped ones.

    Raises
    ------
    CorruptError
        If the cards are damaged or give another model than the fingerprint that is named.
    ModelNotFoundError
        If the base of the tuned model is not installed.
    """
    blob = read_blob(cards, MODEL_STEM, where)
    if blob is None:
        return None
    try:
        model = Model.from_bytes(blob) if blob.startswith(_WHOLE) else Model.from_delta(blob)
    except ModelNotFoundError as error:
        raise ModelNotFoundError(f"{where}: {error}") from error
    except (AstrocodecError, ValueError) as error:
        raise CorruptError(f"{where}: the {MODEL_STEM}nnn cards hold no model: {error}") from error
    if named and model.fingerprint != named:
        raise CorruptError(
            f"{where}: the {MODEL_STEM}nnn cards hold model {model.fingerprint}, ACTILES names {named!r}"
        )
    return model


def holds_whole_model(cards: tuple[bytes, ...], where: str) -> bool:
    """Tell whether the cards hold a model by itself; `CorruptError` where they are damaged."""
    return (read_blob(cards, MODEL_STEM, where) or b"").startswith(_WHOLE)
