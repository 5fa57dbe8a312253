"""Words of a bound: the options of every door that says how much may be lost, and what it keeps of them."""

from __future__ import annotations

from typing import Any, TypedDict, Unpack

from astrocodec.bounds import Bound

__all__ = ["BOUND_WORDS", "BoundWords", "asked_bound", "words_of"]


class BoundWords(TypedDict, total=False):
    """What each of the words may be; `astrocodec.Bound` says what they are."""

    max_error: float | str | None
    noise_increase: float | str | None
    gain: float | None
    read_noise: float | None
    dither: bool | None
    protect_sources: bool
    saturation: float | None


BOUND_WORDS = tuple(BoundWords.__annotations__)


def _is_given(name: str, value: Any) -> bool:
    return value is not None and (value is not False or name == "dither")


def asked_bound(**words: Unpack[BoundWords]) -> Bound | None:
    """Return the bound that is asked for in `BOUND_WORDS`, None where nothing may be lost.

    Raises
    ------
    TypeError, ValueError
        As of `astrocodec.Bound`; also where its options are given without a bound.

    Examples
    --------
    >>> asked_bound(max_error=None, protect_sources=False) is None, asked_bound(max_error="1%").kind
    (True, 'relative')
    """
    if unknown := words.keys() - set(BOUND_WORDS):
        raise TypeError(f"unexpected option {min(unknown)!r}; those of a bound are {', '.join(BOUND_WORDS)}")
    return Bound(**words) if any(_is_given(*item) for item in words.items()) else None


def words_of(bound: Bound | None) -> dict[str, Any]:
    """Return what was asked, as plain values.

    Examples
    --------
    >>> words_of(Bound("0.5sigma", dither=False)), words_of(None)
    ({'max_error': '0.5sigma', 'dither': False}, {})
    """
    found = {name: getattr(bound, name) for name in BOUND_WORDS} if bound else {}
    return {name: value for name, value in found.items() if _is_given(name, value)}
