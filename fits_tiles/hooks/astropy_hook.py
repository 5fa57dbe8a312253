"""
What is replaced inside astropy, so that it knows the tile codec ASTROCODEC_1.

astropy has no way to register a tile codec, so `register` adds one to its tables and wraps what reads and writes. It
checks first that every name it needs is there and changes nothing otherwise.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from astropy.io import fits

import astrocodec
from astrocodec.errors import CorruptError
from astrocodec.references import ReferenceInfo
from fits_tiles.files.reference_files import References
from fits_tiles.hooks.astropy_names import AstropyHookError, checked_modules
from fits_tiles.hooks.carried import carry_references, folders_of_file
from fits_tiles.hooks.options import current_options
from fits_tiles.hooks.rewritten import (
    holds_our_tiles,
    is_as_read,
    is_grid,
    make_ready_for_others,
    model_of_lone_tile,
    stays,
    table_to_write,
)
from fits_tiles.hooks.tile_codec import TileCodec, current_tile, model_of
from fits_tiles.hooks.tile_table_hdu import TileTableHDU, cards_of, forget_manifests, header_of, warn_of_changes
from fits_tiles.layout.blocks import split_cards
from fits_tiles.layout.card_text import is_blob_card
from fits_tiles.layout.grid import TileGrid, plan_tile_shape
from fits_tiles.layout.headers import ALGORITHM, IMAGE_COMMENT, holds_tiles
from fits_tiles.layout.image_header import restore_header
from fits_tiles.layout.model_cards import MODEL_STEM, model_cards
from fits_tiles.layout.z_keywords import private_keyword

__all__ = ["AstropyHookError", "register", "unregister"]

_Function = Callable[..., Any]
_undo: list[Callable[[], None]] = []
_lock = threading.RLock()
_reads_section: ContextVar[bool] = ContextVar("_reads_section", default=False)


def _replace(owner: Any, name: str, value: Any) -> None:
    inherited = name not in vars(owner)
    old = None if inherited else vars(owner)[name]
    setattr(owner, name, value)
    _undo.append(lambda: delattr(owner, name) if inherited else setattr(owner, name, old))


def _wrap(owner: Any, name: str, around: _Function) -> None:
    """Let `around` be called in the place of a function, which it gets before the arguments."""
    _replace(owner, name, _wrapped(getattr(owner, name), around))


def _wrapped(original: _Function, around: _Function) -> _Function:
    @functools.wraps(original)
    def wrapped(*arguments: Any, **keywords: Any) -> Any:
        return around(original, *arguments, **keywords)

    return wrapped


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
        _wrap(modules[name], "_validate_tile_shape", _with_default_tiles)
    _wrap(tiled, "_header_to_settings", _with_model)
    _wrap(tiled, "_iter_array_tiles", _with_tile_number)
    _wrap(compressed, "_bintable_header_to_image_header", _with_original)
    _wrap(modules["section"], "decompress_image_data_section", _with_header_type)
    _wrap(modules["section"].CompImageSection, "__getitem__", _with_whole_header)
    _wrap(modules["base"]._File, "__init__", _with_folders)
    hdu_class = compressed.CompImageHDU
    _wrap(hdu_class, "_update_header_scale_info", _unless_section)
    _wrap(hdu_class, "_get_bintable_without_data", _with_model_cards)
    _wrap(hdu_class, "_prewriteto", _with_kept_tiles)
    _wrap(hdu_class, "_writeto", _with_table)
    _wrap(hdu_class, "copy", _with_settings)
    match_header = vars(hdu_class)["match_header"].__func__
    _replace(hdu_class, "match_header", classmethod(_wrapped(match_header, _with_plain_tables)))
    for name in ("writeto", "flush"):
        _wrap(fits.HDUList, name, _without_manifests)
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


def _with_model(original: _Function, header: Any) -> Any:
    settings = original(header)
    if header["ZCMPTYPE"] == ALGORITHM:
        where = f"HDU {header.get('EXTNAME', 'COMPRESSED_IMAGE')!r}"
        names = {8: "uint8", 16: "int16", 32: "int32", 64: "int64", -32: "float32", -64: "float64"}
        quantized = header["TFIELDS"] > 1
        settings["model"] = model_of(header, where)
        settings["references"] = _references_of(header)
        settings["stored"] = "int32" if quantized else names[header["ZBITPIX"]]
        settings["where"] = where
        settings["axes"] = 3 if header["ZNAXIS"] > 2 and header["ZTILE3"] > 1 else 2
    return settings


@functools.lru_cache(maxsize=1)
def _references_in(folders: tuple[Path, ...]) -> References:
    """What finds references in stores; kept, since astropy asks anew for every section. It holds two images at most."""
    return References(folders)


def _references_of(header: Any) -> Callable[[ReferenceInfo], Any]:
    """What finds the images beside which the tiles of a table were coded."""
    folders = folders_of_file(getattr(getattr(header, "owner", None), "_file", None))

    def find(info: ReferenceInfo) -> Any:
        axes = range(header["ZNAXIS"], 0, -1)
        shape, tile_shape = (tuple(int(header[f"{stem}{n}"]) for n in axes) for stem in ("ZNAXIS", "ZTILE"))
        return _references_in(folders).of_grid(TileGrid(shape, tile_shape, abs(header["ZBITPIX"]) // 8))(info)

    return find


def _with_folders(original: _Function, self: Any, *arguments: Any, **keywords: Any) -> None:
    """Note where a file lies when it is opened: the process may go to another folder before pixels are read."""
    original(self, *arguments, **keywords)
    self.reference_folders = folders_of_file(self)


def _with_tile_number(original: _Function, *arguments: Any, **keywords: Any) -> Iterator[tuple[int, Any]]:
    """Let error messages name the tile, which astropy does not tell its codecs."""
    for row, place in original(*arguments, **keywords):
        current_tile.set(int(row) + 1)
        yield row, place
    current_tile.set(0)


def _with_default_tiles(original: _Function, *, tile_shape: Any, compression_type: str, image_header: Any) -> Any:
    if compression_type == ALGORITHM and not tile_shape and image_header["NAXIS"] > 0:
        shape = [image_header[f"NAXIS{n}"] for n in range(image_header["NAXIS"], 0, -1)]
        if min(shape) > 0:
            tile_shape = plan_tile_shape(shape, current_options().tile_shape)
    return original(tile_shape=tile_shape, compression_type=compression_type, image_header=image_header)


def _with_original(original: _Function, bintable_header: Any) -> Any:
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


def _with_plain_tables(original: _Function, cls: Any, header: Any) -> bool:
    """Let a plain table of tiles be read as a compressed image, and what cannot be read so as a table."""
    table = getattr(header, "owner", None)
    if not isinstance(table, TileTableHDU):
        return bool(original(cls, header))
    return table.show_as_image() and table.is_readable_by(cls)


def _without_manifests(original: _Function, self: Any, *arguments: Any, **keywords: Any) -> Any:
    """Let no file that astropy writes carry a manifest: it tells of the file that `fits_tiles.compress` wrote."""
    if original.__name__ == "flush" and self._file is not None:
        _refuse_twice(self)
        _write_through_link(self)
    _decode_for_other_codecs(self)
    target = self._file if original.__name__ == "flush" else arguments[0] if arguments else keywords.get("fileobj")
    carry_references(self, target)
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


def _refuse_twice(hdus: Any) -> None:
    """Raise an error where an HDU would be written over what it is to be read from once more."""
    distinct = {id(hdu): hdu for hdu in hdus}.values()
    twice = any(_is_ours(hdu) and hdu._bintable._file is hdus._file and hdus.count(hdu) > 1 for hdu in distinct)
    if twice and not _are_all_of_file(hdus[: len(distinct)], hdus._file):
        raise ValueError("an HDU stands twice in the list, and cannot be written over itself: insert a copy of it")


def _write_through_link(hdus: Any) -> None:
    """Let a file opened by a link be changed where it lies: astropy would put a larger one in the link's place."""
    if any(map(_is_ours, hdus)) and isinstance(hdus._file.name, str) and os.path.islink(hdus._file.name):
        hdus._file.name = os.path.realpath(hdus._file.name)


def _decode_for_other_codecs(hdus: Any) -> None:
    """Read pixels of ours that are asked for in another codec: astropy copies tiles of pixels that nobody read."""
    for hdu in hdus:
        # What was opened before registration is taken for another codec, which nobody asked for.
        if _is_ours(hdu) and hdu.compression_type != ALGORITHM and holds_our_tiles(hdu):
            _ = hdu.data


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
    ours = any(map(_is_ours, hdus))
    return ours and any("CHECKSUM" in hdu._header or "CHECKSUM" in hdu.header for hdu in hdus)


def _is_ours(hdu: Any) -> bool:
    return isinstance(getattr(hdu, "_bintable", None), TileTableHDU)


def _will_change(hdus: Any) -> bool:
    """Tell whether a list of HDUs is written with anything else than what it was read with."""
    if hdus._file is None or hdus._resize or hdus._truncate or not _are_all_of_file(hdus, hdus._file):
        return True
    of_file = all((getattr(hdu, "_bintable", None) or hdu)._file is hdus._file for hdu in hdus)
    return not of_file or any(
        (hdu._has_data or hdu._header._modified or not _is_as_read(hdu)) and not stays(hdu) for hdu in hdus
    )


def _is_as_read(hdu: Any) -> bool:
    return is_as_read(hdu.header) if _is_ours(hdu) else not hdu.header._modified


def _are_all_of_file(hdus: Any, file: Any) -> bool:
    """Tell whether HDUs are those of their file, in its order; methods that all lists have tell astropy nothing."""
    end = 0
    for hdu in hdus:
        table = getattr(hdu, "_bintable", None) or hdu
        if table._file is not file or table._header_offset != end:
            return False
        end = table._data_offset + table._data_size
    return file.compression is not None or end == file.size


def _with_header_type(
    original: _Function, compressed_data: Any, compression_type: str, compressed_header: Any, *rest: Any
) -> Any:
    # What is asked for in another codec is not yet in it; what was opened before registration is taken for RICE_1.
    stored = compressed_header.get("ZCMPTYPE", "")
    if ALGORITHM in (stored, compression_type):
        compression_type = "RICE_1" if stored == "RICE_ONE" else stored
    if stored == ALGORITHM:
        # astropy takes BLANK for a value of floats, too; of integers it changes nothing here.
        bintable, _, *indices = rest
        if isinstance(bintable, TileTableHDU):
            bintable.check_rows(compressed_data)
        rest = (bintable, fits.Header(), *indices)
        compressed_header = _without_odd_blank(compressed_header)
    return original(compressed_data, compression_type, compressed_header, *rest)


def _without_odd_blank(header: Any) -> Any:
    """A header without a ``BLANK`` that is no 32-bit integer: astropy warns of it in a plain image, and stops here."""
    blank = header.get("BLANK", 0)
    if isinstance(blank, int) and blank < 1 << 31:
        return header
    header = header.copy()
    header.remove("BLANK", remove_all=True)
    return header


def _with_whole_header(original: _Function, self: Any, index: Any) -> Any:
    """Let a section leave scaling and BLANK in the header; astropy 7.0 takes them out and misreads the next one."""
    if index is Ellipsis or self.hdu.compression_type != ALGORITHM:
        return original(self, index)
    token = _reads_section.set(True)
    try:
        return original(self, index)
    finally:
        _reads_section.reset(token)


def _unless_section(original: _Function, self: Any, dtype: Any = None) -> None:
    if not _reads_section.get():
        original(self, dtype)


def _with_model_cards(original: _Function, self: Any) -> Any:
    bintable = original(self)
    if self.compression_type == ALGORITHM:
        bintable.header["ZIMAGE"] = (1, IMAGE_COMMENT)
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


def _with_kept_tiles(original: _Function, self: Any, **keywords: Any) -> Any:
    if self.compression_type != ALGORITHM:
        if holds_our_tiles(self) and (self._has_data or self.header._modified):
            make_ready_for_others(self)
        return original(self, **keywords)
    # astropy 7.0 hands over what later ones keep in the HDU.
    self._output_checksum = keywords.get("checksum", self._output_checksum)
    table = self._tmp_bintable = table_to_write(self, inplace=keywords.get("inplace", False))
    return table._update_checksum(*([table._output_checksum] if "checksum" in keywords else []))


def _with_table(original: _Function, self: Any, fileobj: Any, inplace: bool = False, copy: bool = False) -> None:
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


def _with_settings(original: _Function, self: Any) -> Any:
    """Let a copy have the codec of the original; astropy makes RICE_1 of it and quantises floats."""
    if self.compression_type != ALGORITHM:
        return original(self)
    data = None if self.data is None else self.data.copy()
    level = 0 if holds_our_tiles(self) else self.quantize_level  # what was quantised once is not quantised again
    same = {name: getattr(self, name) for name in ("tile_shape", "quantize_method", "dither_seed")}
    header = self.header.copy()
    return type(self)(data, header, compression_type=ALGORITHM, quantize_level=level, uint=self._uint, **same)


def _cards_to_carry(hdu: Any) -> list[bytes]:
    """Model cards for a rewritten HDU: its own, those of the file it came from, or those of `options`."""
    own = getattr(hdu, "tile_model", None)
    if own is not None:
        return model_cards(own)
    if hdu._bintable is not None:
        carried = [card for card in cards_of(hdu._bintable.header) if is_blob_card(card, MODEL_STEM)]
        if carried:
            return carried
        inside = model_of_lone_tile(hdu._bintable)
        if inside is not None:
            return model_cards(inside)
    model = current_options().model
    return [] if model == "default" else model_cards(astrocodec.load_model(model))
