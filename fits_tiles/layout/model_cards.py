"""The tuned model of an HDU in its header cards: what it differs by from a model that is shipped."""

from __future__ import annotations

from astrocodec.errors import AstrocodecError, CorruptError, ModelNotFoundError
from astrocodec.model import Model, configured_delta
from fits_tiles.layout.card_text import blob_cards, read_blob

__all__ = ["MAX_DELTA", "MODEL_STEM", "model_cards", "read_model"]

MAX_DELTA = 944
MODEL_STEM = "ACMOD"


def model_cards(model: Model) -> list[bytes]:
    """
    Return the cards that let a reader rebuild a model, none for the default one.

    Raises
    ------
    ValueError
        If the model cannot be told as a difference to a shipped one, or that is longer than `MAX_DELTA`.

    Examples
    --------
    >>> from astrocodec import load_model
    >>> model_cards(load_model("default"))
    []
    """
    delta = configured_delta(model)
    if not delta:
        return []
    if len(delta) > MAX_DELTA:
        raise ValueError(
            f"model {model.name!r} differs from the shipped one by {len(delta)} bytes, header cards take {MAX_DELTA}; "
            "`astrocodec tune --max-bytes` makes smaller ones"
        )
    return blob_cards(MODEL_STEM, delta)


def read_model(cards: tuple[bytes, ...], where: str, named: str = "") -> Model | None:
    """
    Return the tuned model of an HDU's tiles, None where they need no model but shipped ones.

    Parameters
    ----------
    cards : tuple of bytes
        Cards of the table header.
    where : str
        What messages call the HDU.
    named : str, optional
        Fingerprint that the model must have.

    Raises
    ------
    CorruptError
        If the cards are damaged or give another model than is named.
    ModelNotFoundError
        If the base of the tuned model is not installed.
    """
    delta = read_blob(cards, MODEL_STEM, where)
    if delta is None:
        return None
    try:
        model = Model.from_delta(delta)
    except ModelNotFoundError as error:
        raise ModelNotFoundError(f"{where}: {error}") from error
    except (AstrocodecError, ValueError) as error:
        raise CorruptError(f"{where}: the {MODEL_STEM}nnn cards hold no model: {error}") from error
    if named and model.fingerprint != named:
        raise CorruptError(
            f"{where}: the {MODEL_STEM}nnn cards hold model {model.fingerprint}, ACTILES names {named!r}"
        )
    return model
