"""Words of a bound: the options of every door that says how much may be lost, and what it keeps of them."""

from __future__ import annotations

from typing import Any

from astrocodec.bounds import Bound

__all__ = ["BOUND_WORDS", "asked_bound", "words_of"]

BOUND_WORDS = ("max_error", "noise_increase", "gain", "read_noise", "dither", "protect_sources", "saturation")


def _is_given(name: str, value: Any) -> bool:
    return value is not None and (value is not False or name == "dither")


def asked_bound(**words: Any) -> Bound | None:
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
