"""The names inside astropy that the hook uses. All are looked for before anything is changed."""

from __future__ import annotations

import importlib
import inspect
from types import ModuleType
from typing import Any

import astropy
from astropy.io import fits

from astrocodec.errors import AstrocodecError

__all__ = ["AstropyHookError", "astropy_module", "checked_modules"]

_PACKAGE = "astropy.io.fits.hdu"
_NEEDED = {
    "base": ("BITPIX2DTYPE", "DTYPE2BITPIX", "_File"),
    "compressed._tiled_compression": (
        "ALGORITHMS",
        "_header_to_settings",
        "_iter_array_tiles",
        "decompress_image_data_section",
    ),
    "compressed.settings": ("COMPRESSION_TYPES", "DEFAULT_QUANTIZE_LEVEL"),
    "compressed.header": ("COMPRESSION_TYPES", "_validate_tile_shape"),
    "compressed.compressed": (
        "COMPRESSION_TYPES",
        "_validate_tile_shape",
        "_bintable_header_to_image_header",
        "CompImageHDU",
    ),
    "compressed.section": ("CompImageSection", "decompress_image_data_section"),
    "compressed._quantization": ("Quantize", "QuantizationFailedException"),
    "compressed._codecs": ("Rice1", "Gzip2", "Gzip1"),
    "compressed._compression": tuple(
        f"{way}_{name}_1_c" for way in ("compress", "decompress") for name in ("rice", "plio", "hcompress")
    ),
}
_METHODS = {
    "CompImageHDU": (
        "_add_data_to_bintable",
        "_get_bintable_without_data",
        "_prewriteto",
        "_scale_internal",
        "_update_header_scale_info",
        "_update_pseudo_int_scale_keywords",
        "_writeto",
        "copy",
    ),
    "Card": ("_verify",),
    "BinTableHDU": ("_get_raw_data", "_prewriteto", "_update_checksum", "_writeheader", "_writeto"),
    "HDUList": ("flush", "writeto"),
    "Header": ("_countblanks",),
}
# Astropy sets them when it makes an object, so that only an object shows whether they are there.
_ATTRIBUTES = {
    "CompImageHDU": (
        "_bintable",
        "_bitpix",
        "_blank",
        "_bscale",
        "_bzero",
        "_do_not_scale_image_data",
        "_file",
        "_has_data",
        "_header",
        "_new",
        "_orig_bitpix",
        "_orig_blank",
        "_orig_bscale",
        "_orig_bzero",
        "_output_checksum",
        "_scale_back",
        "_uint",
    ),
    "BinTableHDU": ("_data_offset", "_data_size", "_file", "_header", "_header_offset", "_new", "_output_checksum"),
    "HDUList": ("_file", "_resize", "_truncate"),
    "Header": ("_modified",),
    "Card": ("_image", "_modified"),
}


class AstropyHookError(AstrocodecError, ImportError):
    """astropy's inside is not laid out as the hook knows it."""


def astropy_module(name: str) -> ModuleType:
    """
    Return a module of ``astropy.io.fits.hdu``.

    Raises
    ------
    AstropyHookError
        If there is none of this name.
    """
    try:
        return importlib.import_module(f"{_PACKAGE}.{name}")
    except ImportError as error:
        raise _moved(f"module {_PACKAGE}.{name}") from error


def checked_modules() -> dict[str, ModuleType]:
    """
    Return the modules whose names are replaced or used, by the last part of their names.

    Raises
    ------
    AstropyHookError
        If one of them, or a name that is used, is not where it should be.
    """
    modules = {name: astropy_module(name) for name in _NEEDED}
    for name, attributes in _NEEDED.items():
        for attribute in attributes:
            if not hasattr(modules[name], attribute):
                raise _moved(f"name {_PACKAGE}.{name}.{attribute}")
    for owner, methods in _METHODS.items():
        for method in methods:
            if not callable(getattr(getattr(fits, owner), method, None)):
                raise _moved(f"method {owner}.{method}")
    for owner, made in _objects().items():
        for attribute in _ATTRIBUTES[owner]:
            if not hasattr(made, attribute):
                raise _moved(f"attribute {owner}.{attribute}")
    expected = ["compressed_data", "compression_type", "compressed_header"]
    section = modules["compressed.section"].decompress_image_data_section
    if list(inspect.signature(section).parameters)[:3] != expected:
        raise _moved(f"function decompress_image_data_section({', '.join(expected)}, ...)")
    return {name.rpartition(".")[2]: found for name, found in modules.items()}


def _objects() -> dict[str, Any]:
    made = {name: getattr(fits, name)() for name in _ATTRIBUTES}
    made["HDUList"].append(fits.PrimaryHDU())  # a list learns with its first HDU whether it has grown
    return made


def _moved(what: str) -> AstropyHookError:
    return AstropyHookError(
        f"astropy {astropy.__version__} has no {what}, which fits_tiles needs to add ASTROCODEC_1; it works with "
        "astropy 7.0 to 8.0. Files can still be read: fits_tiles.decompress writes plain FITS without this hook"
    )
