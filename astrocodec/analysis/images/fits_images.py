"""Images of FITS files: the stored integers, masked where they are blank, or floats."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.analysis.bits.bits_map import bits_map
from astrocodec.analysis.detector.header_cards import layout_of_cards
from astrocodec.analysis.images.fits_contents import contents_of
from astrocodec.analysis.images.fits_loss import fits_loss
from astrocodec.analysis.images.image_entry import (
    ImageEntry,
    Part,
    Plane,
    SkippedEntry,
    choose_plane,
    exposure_seconds,
    pixel_unit,
)
from astrocodec.stages.quantise import TYPES

__all__ = ["fits_images"]

_UNNAMED = ("", "PRIMARY", "COMPRESSED_IMAGE")
# BZERO by which FITS, having one sign per BITPIX, stores the other one.
_OTHER_SIGN = {("u1", -128): "i1", ("i2", 2**15): "u2", ("i4", 2**31): "u4", ("i8", 2**63): "u8"}


def fits_images(path: str, plane: int | None, rows: bool = False) -> Iterator[Part]:
    """Yield the HDUs of a file, plain, packed or tile-compressed, with a plane of cubes.

    An empty primary HDU in front of extensions is passed over. A FormatError tells what is not FITS, or damaged.
    """
    from astropy.io import fits

    import fits_tiles

    report = fits_tiles.info(path)  # says what is wrong with a damaged file, which astropy may read in part
    plain = sum(entry.compressed_bytes for entry in report.hdus)
    packed = min(1.0, os.path.getsize(path) / max(plain, 1))  # below 1 for .gz and .bz2
    # Lazy: astropy reads the pixels of an HDU when they are asked for.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cards of real headers; pixels do not depend on them
        with fits.open(path, do_not_scale_image_data=True, memmap=packed == 1.0) as hdus:
            for number, hdu in enumerate(hdus):
                if number == 0 and not hdu.header.get("NAXIS") and len(hdus) > 1:
                    continue
                stored = report.hdus[number].compressed_bytes if number < len(report.hdus) else 0
                name = str(number) if hdu.name in _UNNAMED else f"{number} {hdu.name}"
                keys: frozenset[int | str] = frozenset({number, hdu.name} - {""})

                def load(
                    hdu: Any = hdu, name: str = name, number: int = number, stored: int = stored
                ) -> ImageEntry | SkippedEntry:
                    chosen = choose_plane(tuple(hdu.shape), plane, rows=rows) if hdu.is_image else "a table"
                    if isinstance(chosen, str):
                        is_empty = hdu.is_image and not hdu.shape
                        return SkippedEntry(
                            path, name, chosen, None if is_empty else functools.partial(contents_of, hdu)
                        )
                    return _entry(path, name, number, hdu, hdus[0].header, round(stored * packed), chosen, packed < 1)

                yield keys, load


def _entry(
    path: str, name: str, number: int, hdu: Any, primary: Any, stored: int, chosen: Plane, packed: bool
) -> ImageEntry:
    shape = tuple(hdu.shape)
    pixels = np.atleast_2d(np.asarray(hdu.section[chosen.index] if len(shape) > 2 else hdu.data))
    pixels, mask, note = _meant(pixels, hdu.header)
    cards, of_file = _readable(hdu.header), _readable(primary)
    layout, told = layout_of_cards(cards, (pixels.shape[0], pixels.shape[1]), of_file)
    scale = hdu.header.get("BSCALE", 1)
    compression = str(getattr(hdu, "compression_type", "") or ("gzip of the file" if packed else "none"))
    return ImageEntry(
        path,
        name,
        pixels,
        mask,
        shape,
        chosen.chosen,
        round(stored / chosen.count),
        "astrocodec" if compression.startswith("ASTROCODEC") else compression,
        exposure_seconds([cards, of_file]),
        ours := compression.startswith("ASTROCODEC"),
        "; ".join(filter(None, [chosen.note, note, *told])),
        functools.partial(bits_map, path, hdu=number) if ours and len(shape) == 2 else None,
        pixel_unit(cards, scale),
        layout,
        pixels.dtype.str[1:] in TYPES and not ours and "ACLOSSY" not in cards,
        (float(scale), float(hdu.header.get("BZERO", 0))) if note else (1.0, 0.0),
        functools.partial(fits_loss, path, number, chosen.index) if hasattr(hdu, "compression_type") else None,
        "ACADDOF" in cards,
    )


def _readable(header: Any) -> dict[str, Any]:
    """Values by keyword; of cards against the standard, such as texts without quotes, what stands there."""
    from astropy.io.fits import VerifyError

    found: dict[str, Any] = {}
    for card in header.cards:
        try:
            keyword, value = card.keyword, card.value
        except (VerifyError, ValueError):
            keyword, value = card.image[:8].strip(), card.image[10:].split(" /")[0].strip(" '")
        found.setdefault(keyword, value)
    return found


def _meant(stored: NDArray[Any], header: Any) -> tuple[NDArray[Any], NDArray[np.bool_] | None, str]:
    """Native integers of the sign that the file means, and where they are blank; floats as they are."""
    native = np.array(stored, dtype=stored.dtype.newbyteorder("="), order="C")
    zero, scale = header.get("BZERO", 0), header.get("BSCALE", 1)
    plain = scale == 1 and zero == 0
    if native.dtype.kind not in "iu":
        return native, None, "" if plain else f"stored floats; the file means {scale:g} x + {zero:g}"
    blank = header.get("BLANK")
    mask = None if blank is None else native == blank
    if mask is not None and not mask.any():
        mask = None
    kind = _OTHER_SIGN.get((native.dtype.str[1:], zero)) if scale == 1 else None
    if kind is not None:
        bits = native.view(f"u{native.dtype.itemsize}")
        return (bits ^ bits.dtype.type(1 << (8 * native.dtype.itemsize - 1))).view(kind), mask, ""
    return native, mask, "" if plain else f"stored integers; the file means {scale:g} x + {zero:g}"
