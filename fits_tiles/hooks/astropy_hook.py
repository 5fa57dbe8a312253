"""
Everything that touches the inside of astropy: the ASTROCODEC_1 tile codec, the quantiser, the standard tile codecs.

astropy has no way to register a tile codec, so `register` adds one to its tables and wraps what reads and writes. It
checks first that every name it needs is there and changes nothing otherwise.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits

import astrocodec
from astrocodec.errors import CorruptError
from fits_tiles.hooks.astropy_names import AstropyHookError, astropy_module, checked_modules
from fits_tiles.hooks.context import current_options, current_tile
from fits_tiles.hooks.rewritten import (
    holds_our_tiles,
    is_grid,
    keep_lossless,
    make_ready_for_others,
    stays,
    table_to_write,
)
from fits_tiles.hooks.tile_codec import TileCodec, model_of
from fits_tiles.hooks.tile_table_hdu import TileTableHDU, cards_of, forget_manifests, header_of, warn_of_changes
from fits_tiles.layout.blocks import split_cards
from fits_tiles.layout.card_text import is_blob_card
from fits_tiles.layout.grid import plan_tile_shape
from fits_tiles.layout.headers import ALGORITHM, holds_tiles, restore_header
from fits_tiles.layout.model_cards import MODEL_STEM, model_cards
from fits_tiles.layout.z_keywords import private_keyword

__all__ = ["AstropyHookError", "c_decoder", "dequantize", "quantize", "register", "standard_codec", "unregister"]

_undo: list[Callable[[], None]] = []
_lock = threading.RLock()
_reads_section: ContextVar[bool] = ContextVar("_reads_section", default=False)


def _replace(owner: Any, name: str, value: Any) -> None:
    inherited = name not in vars(owner)
    old = None if inherited else vars(owner)[name]
    setattr(owner, name, value)
    _undo.append(lambda: delattr(owner, name) if inherited else setattr(owner, name, old))


def register() -> None:
    """
    Teach astropy the tile codec ``ASTROCODEC_1`` and the plain-table container; a second call does nothing.

    Raises
    ------
    AstropyHookError
        If this astropy is laid out differently. Nothing has been changed then.

    Examples
    --------
    >>> register(); register()
    """
    with _lock:
        if not _undo:
            _register()


def _register() -> None:
    modules = checked_modules()
    tiled, compressed = modules["_tiled_compression"], modules["compressed"]
    tiled.ALGORITHMS[ALGORITHM] = TileCodec
    _undo.append(lambda: tiled.ALGORITHMS.pop(ALGORITHM))
    for name in ("settings", "header", "compressed"):
        _replace(modules[name], "COMPRESSION_TYPES", (*modules[name].COMPRESSION_TYPES, ALGORITHM))
    for name in ("header", "compressed"):
        _replace(modules[name], "_validate_tile_shape", _with_default_tiles(modules[name]._validate_tile_shape))
    _replace(tiled, "_header_to_settings", _with_model(tiled._header_to_settings))
    _replace(tiled, "_iter_array_tiles", _with_tile_number(tiled._iter_array_tiles))
    _replace(
        compressed, "_bintable_header_to_image_header", _with_original(compressed._bintable_header_to_image_header)
    )
    section = modules["section"]
    _replace(section, "decompress_image_data_section", _with_header_type(section.decompress_image_data_section))
    _replace(section.CompImageSection, "__getitem__", _with_whole_header(section.CompImageSection.__getitem__))
    hdu_class = compressed.CompImageHDU
    _replace(hdu_class, "_update_header_scale_info", _unless_section(hdu_class._update_header_scale_info))
    _replace(hdu_class, "_get_bintable_without_data", _with_model_cards(hdu_class._get_bintable_without_data))
    _replace(hdu_class, "_prewriteto", _with_kept_tiles(hdu_class._prewriteto))
    _replace(hdu_class, "_writeto", _with_table(hdu_class._writeto))
    _replace(hdu_class, "copy", _with_settings(hdu_class.copy))
    _replace(hdu_class, "match_header", classmethod(_with_plain_tables(vars(hdu_class)["match_header"].__func__)))
    for name in ("writeto", "flush"):
        _replace(fits.HDUList, name, _without_manifests(getattr(fits.HDUList, name)))
    fits.register_hdu(TileTableHDU)
    _undo.append(lambda: fits.unregister_hdu(TileTableHDU))


def unregister() -> None:
    """
    Put astropy back as it was; a second call does nothing.

    Examples
    --------
    >>> unregister(); register()
    """
    with _lock:
        while _undo:
            _undo.pop()()


def _with_model(original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    @functools.wraps(original)
    def header_to_settings(header: Any) -> dict[str, Any]:
        settings = original(header)
        if header["ZCMPTYPE"] == ALGORITHM:
            where = f"HDU {header.get('EXTNAME', 'COMPRESSED_IMAGE')!r}"
            names = {8: "uint8", 16: "int16", 32: "int32", 64: "int64", -32: "float32", -64: "float64"}
            quantized = header["TFIELDS"] > 1
            settings["model"] = model_of(header, where)
            settings["stored"] = "int32" if quantized else names[header["ZBITPIX"]]
            settings["where"] = where
            settings["axes"] = 3 if header["ZNAXIS"] > 2 and header["ZTILE3"] > 1 else 2
        return settings

    return header_to_settings


def _with_tile_number(original: Callable[..., Iterator[tuple[int, Any]]]) -> Callable[..., Iterator[tuple[int, Any]]]:
    """Let error messages name the tile, which astropy does not tell its codecs."""

    @functools.wraps(original)
    def iter_array_tiles(*arguments: Any, **keywords: Any) -> Iterator[tuple[int, Any]]:
        for row, place in original(*arguments, **keywords):
            current_tile.set(int(row) + 1)
            yield row, place
        current_tile.set(0)

    return iter_array_tiles


def _with_default_tiles(original: Callable[..., tuple[int, ...]]) -> Callable[..., tuple[int, ...]]:
    @functools.wraps(original)
    def validate_tile_shape(*, tile_shape: Any, compression_type: str, image_header: Any) -> tuple[int, ...]:
        if compression_type == ALGORITHM and not tile_shape and image_header["NAXIS"] > 0:
            shape = [image_header[f"NAXIS{n}"] for n in range(image_header["NAXIS"], 0, -1)]
            if min(shape) > 0:
                tile_shape = plan_tile_shape(shape, current_options().tile_shape)
        return original(tile_shape=tile_shape, compression_type=compression_type, image_header=image_header)

    return validate_tile_shape


def _with_original(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(original)
    def bintable_header_to_image_header(bintable_header: Any) -> Any:
        header = original(bintable_header)
        if bintable_header.get("ZCMPTYPE") != ALGORITHM:
            return header
        cards, restored = cards_of(bintable_header), False
        if holds_tiles(cards):
            try:
                found = restore_header(cards, "compressed header")
            except CorruptError as error:
                changed: tuple[str, ...] = (str(error),)
            else:
                changed = found.changed
                header = header_of(split_cards(found.header))
                restored = True
            if changed:
                warn_of_changes(changed[0])
        if not restored:
            for keyword in {card.keyword for card in header.cards if private_keyword(card.keyword)}:
                header.remove(keyword, remove_all=True)
        return header

    return bintable_header_to_image_header


def _with_plain_tables(original: Callable[..., bool]) -> Callable[..., bool]:
    """Let a plain table of tiles be read as a compressed image."""

    @functools.wraps(original)
    def match_header(cls: Any, header: Any) -> bool:
        table = getattr(header, "owner", None)
        return table.show_as_image() if isinstance(table, TileTableHDU) else original(cls, header)

    return match_header


def _without_manifests(original: Callable[..., Any]) -> Callable[..., Any]:
    """Let no file that astropy writes carry a manifest: it tells of the file that `fits_tiles.compress` wrote."""

    @functools.wraps(original)
    def write(self: Any, *arguments: Any, **keywords: Any) -> Any:
        will_change = _will_change(self)
        if original.__name__ == "writeto" and will_change and len(arguments) < 4 and _has_sums(self):
            keywords.setdefault("checksum", True)  # astropy would leave those that it read, right or wrong
        if keywords.get("checksum") or will_change:
            forget_manifests(self)
        file = self._file
        found = original(self, *arguments, **keywords)
        if original.__name__ == "flush":
            _take_new_file(self, file)
        return found

    return write


def _take_new_file(hdus: Any, old: Any) -> None:
    """Finish what astropy leaves half done where it has put another file in the place of the old one."""
    if old is not None and hdus._file is not None:
        # It takes a file that may be mapped into memory for one that must be, and then refuses to scale pixels.
        hdus._file.strict_memmap = old.strict_memmap
    for hdu in hdus:
        table = getattr(hdu, "_bintable", None)
        if table is not None:
            # Before astropy 8 an image has no file of its own until then; its table has, and is not told.
            hdu._file = None
            if table._file is None or table._file.closed:
                table._file = hdus._file


def _has_sums(hdus: Any) -> bool:
    """Tell whether a file with images of ours has checksums."""
    ours = any(isinstance(getattr(hdu, "_bintable", None), TileTableHDU) for hdu in hdus)
    return ours and any("CHECKSUM" in hdu._header or "CHECKSUM" in hdu.header for hdu in hdus)


def _will_change(hdus: Any) -> bool:
    """Tell whether a list of HDUs is written with anything else than what it was read with."""
    if hdus._file is None or hdus._resize or hdus._truncate:
        return True
    of_file = all((getattr(hdu, "_bintable", None) or hdu)._file is hdus._file for hdu in hdus)
    return not of_file or any(
        (hdu._has_data or hdu._header._modified or hdu.header._modified) and not stays(hdu) for hdu in hdus
    )


def _with_header_type(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def decompress_section(compressed_data: Any, compression_type: str, compressed_header: Any, *rest: Any) -> Any:
        # An HDU that was opened before registration still believes that it holds RICE_1.
        if compressed_header.get("ZCMPTYPE") == ALGORITHM:
            compression_type = ALGORITHM
            # astropy takes BLANK for a value of floats, too; of integers it changes nothing here.
            bintable, _, *indices = rest
            if isinstance(bintable, TileTableHDU):
                bintable.check_rows(compressed_data)
            rest = (bintable, fits.Header(), *indices)
        return original(compressed_data, compression_type, compressed_header, *rest)

    return decompress_section


def _with_whole_header(original: Callable[..., Any]) -> Callable[..., Any]:
    """Let a section leave scaling and BLANK in the header; astropy 7.0 takes them out and misreads the next one."""

    @functools.wraps(original)
    def getitem(self: Any, index: Any) -> Any:
        if index is Ellipsis or self.hdu.compression_type != ALGORITHM:
            return original(self, index)
        token = _reads_section.set(True)
        try:
            return original(self, index)
        finally:
            _reads_section.reset(token)

    return getitem


def _unless_section(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def update_header_scale_info(self: Any, dtype: Any = None) -> None:
        if not _reads_section.get():
            original(self, dtype)

    return update_header_scale_info


def _with_model_cards(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def get_bintable_without_data(self: Any) -> Any:
        bintable = original(self)
        if self.compression_type == ALGORITHM:
            # Cards of the image with names of ours are kept with its header, where the table is sealed.
            private = {card.keyword for card in bintable.header.cards if private_keyword(card.keyword)}
            if private and not is_grid(bintable.header):
                names = ", ".join(sorted(private))
                raise ValueError(f"HDU {self.name!r}: cards {names} cannot be kept beside tiles across planes")
            for keyword in private:
                bintable.header.remove(keyword, remove_all=True)
            for card in _cards_to_carry(self):
                bintable.header.append(fits.Card.fromstring(card), end=True)
        return bintable

    return get_bintable_without_data


def _with_kept_tiles(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def prewriteto(self: Any, **keywords: Any) -> Any:
        if self.compression_type != ALGORITHM:
            if holds_our_tiles(self) and (self._has_data or self.header._modified):
                make_ready_for_others(self)
            return original(self, **keywords)
        # astropy 7.0 hands over what later ones keep in the HDU.
        self._output_checksum = keywords.get("checksum", self._output_checksum)
        table = self._tmp_bintable = table_to_write(self, inplace=keywords.get("inplace", False))
        return table._update_checksum(*([table._output_checksum] if "checksum" in keywords else []))

    return prewriteto


def _with_table(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def writeto(self: Any, fileobj: Any, inplace: bool = False, copy: bool = False) -> None:
        # An HDU that astropy writes without preparing it, as it does for file objects, is as it was opened.
        table = getattr(self, "_tmp_bintable", None) or self._bintable
        is_new = table is not None and table._file is None
        if is_new:
            table._new = True  # once more, where a list holds it twice
        if self.compression_type != ALGORITHM:
            original(self, fileobj, inplace=inplace, copy=copy)
        else:
            table._writeto(fileobj, inplace=inplace, copy=copy)
        if inplace and is_new:
            # Otherwise the next flush would take it for a new HDU and write it wherever the file stands.
            self._bintable = table
            table._new = False
        elif inplace and self.compression_type == ALGORITHM:
            table.__dict__.pop("data", None)  # the next to need the rows reads them from the file

    return writeto


def _with_settings(original: Callable[..., Any]) -> Callable[..., Any]:
    """Let a copy have the codec of the original; astropy makes RICE_1 of it and quantises floats."""

    @functools.wraps(original)
    def copy(self: Any) -> Any:
        if self.compression_type != ALGORITHM:
            return original(self)
        data = None if self.data is None else self.data.copy()
        keep_lossless(self)
        same = {
            name: getattr(self, name) for name in ("tile_shape", "quantize_level", "quantize_method", "dither_seed")
        }
        return type(self)(data, self.header.copy(), compression_type=ALGORITHM, uint=self._uint, **same)

    return copy


def _cards_to_carry(hdu: Any) -> list[bytes]:
    """Model cards for a rewritten HDU: its own, those of the file it came from, or those of `options`."""
    own = getattr(hdu, "tile_model", None)
    if own is not None:
        return model_cards(own)
    if hdu._bintable is not None:
        carried = [card for card in cards_of(hdu._bintable.header) if is_blob_card(card, MODEL_STEM)]
        if carried:
            return carried
    model = current_options().model
    return [] if model == "default" else model_cards(astrocodec.load_model(model))


def quantize(
    pixels: npt.NDArray[Any], row: int, level: float, method: int, bitpix: int
) -> tuple[npt.NDArray[np.int32], float, float] | None:
    """
    Quantise a tile of floats with astropy's quantiser.

    Parameters
    ----------
    pixels : ndarray of float32 or float64
        Free of NaN.
    row : int
        Number of the tile plus the dither seed, 0 without dither.
    level : float
        Steps per sigma of the noise, or minus the step.
    method : int
        -1, 1 or 2.
    bitpix : int
        -32 or -64.

    Returns
    -------
    tuple of (int32 ndarray of the same shape, scale, zero), or None where the tile does not quantise
    """
    quantization = astropy_module("compressed._quantization")
    coder = quantization.Quantize(row=row, dither_method=method, quantize_level=level, bitpix=bitpix)
    try:
        integers, scale, zero = coder.encode_quantized(pixels)
    except quantization.QuantizationFailedException:
        return None
    return integers.reshape(pixels.shape), scale, zero


def dequantize(
    integers: npt.NDArray[np.int32], row: int, scale: float, zero: float, method: int, bitpix: int
) -> npt.NDArray[Any]:
    """Undo `quantize`; the result has the shape of `integers`."""
    coder = astropy_module("compressed._quantization").Quantize(
        row=row, dither_method=method, quantize_level=None, bitpix=bitpix
    )
    return np.asarray(coder.decode_quantized(integers, scale, zero)).reshape(integers.shape)


def standard_codec(algorithm: str, itemsize: int, pixels: int) -> Any:
    """Return astropy's codec for ``RICE_1``, ``GZIP_1`` or ``GZIP_2`` tiles of this many pixels."""
    codecs = astropy_module("compressed._codecs")
    if algorithm == "RICE_1":
        return codecs.Rice1(blocksize=32, bytepix=itemsize, tilesize=pixels)
    return codecs.Gzip2(itemsize=itemsize) if algorithm == "GZIP_2" else codecs.Gzip1()


def c_decoder(name: str) -> Callable[..., bytes]:
    """Return astropy's function in C that decodes ``rice``, ``plio`` or ``hcompress`` tiles."""
    function: Callable[..., bytes] = getattr(astropy_module("compressed._compression"), f"decompress_{name}_1_c")
    return function
