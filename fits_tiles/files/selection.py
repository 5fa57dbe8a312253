"""Which HDUs of a file a call is about."""

from __future__ import annotations

from collections.abc import Iterable

from fits_tiles.layout.blocks import Hdu

__all__ = ["select"]


def select(hdus: list[Hdu], extensions: Iterable[int | str] | int | str | None, source: str) -> set[int]:
    """
    Return the indices of the HDUs that were asked for, by numbers from 0 or ``EXTNAME`` in any case; None means all.

    Raises
    ------
    ValueError
        If there is no such HDU.

    Examples
    --------
    >>> select([], None, "a.fits")
    set()
    """
    if extensions is None:
        return {hdu.index for hdu in hdus}
    chosen: set[int] = set()
    for wanted in [extensions] if isinstance(extensions, (int, str)) else extensions:
        text = str(wanted).strip()
        found = {hdu.index for hdu in hdus if hdu.name.upper() == text.upper()}
        if not found and text.isdigit() and int(text) < len(hdus):
            found = {int(text)}
        if not found:
            present = ", ".join(hdu.label for hdu in hdus)
            raise ValueError(f"{source}: there is no HDU {wanted!r}; it has {present}")
        chosen |= found
    return chosen
