"""The table of tiles: one row per tile with the place of its stream in the heap."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from astrocodec.errors import CorruptError
from fits_tiles.layout.blocks import Hdu, int_card, read_at
from fits_tiles.layout.headers import ALGORITHM, HeapSize, TileLayout
from fits_tiles.layout.tiles_card import read_tiles_card

__all__ = ["CodedTile", "TileTable", "needs_wide"]

_NARROW_LIMIT = 2**31 - 1


@dataclass(frozen=True)
class CodedTile:
    """A tile as it goes to the heap."""

    stream: bytes
    plain: bool = False  # gzipped floats that would not quantise
    scale: float = 0.0  # of quantised floats
    zero: float = 0.0


def needs_wide(data_bytes: int, tiles: int) -> bool:
    """
    Tell whether the heap may outgrow 32-bit descriptors, the worst case being stored tiles.

    Examples
    --------
    >>> needs_wide(10**6, 4), needs_wide(2**31, 1)
    (False, True)
    """
    return data_bytes + 128 * tiles > _NARROW_LIMIT


def _row_type(layout: TileLayout) -> np.dtype[np.void]:
    descriptor = (">i8" if layout.wide else ">i4", (2,))
    fields: list[tuple[str, object]] = [("COMPRESSED_DATA", descriptor)]
    if layout.quantization:
        fields += [("GZIP_COMPRESSED_DATA", descriptor), ("ZSCALE", ">f8"), ("ZZERO", ">f8")]
    return np.dtype([(name, *kind) if isinstance(kind, tuple) else (name, kind) for name, kind in fields])


class TileTable:
    """
    Rows of the table, filled tile by tile or read from a file.

    They are structured: descriptors ``(length, offset)``, scale and zero of quantised floats.

    Examples
    --------
    >>> layout = TileLayout("zimage", "ASTROCODEC_1", 16, (4, 4), (4, 4), False)
    >>> table = TileTable.empty(layout, 1)
    >>> table.add(0, CodedTile(b"abc"))
    >>> table.size().heap_bytes
    3
    """

    def __init__(self, layout: TileLayout, rows: npt.NDArray[np.void]) -> None:
        self.layout = layout
        self.rows = rows
        self.heap_bytes = 0

    @classmethod
    def empty(cls, layout: TileLayout, tiles: int) -> TileTable:
        """Return a table of zeros for this many tiles."""
        return cls(layout, np.zeros(tiles, _row_type(layout)))

    @classmethod
    def read(cls, fd: int, hdu: Hdu, layout: TileLayout, tiles: int, where: str) -> TileTable:
        """
        Read the table of an HDU and check it against the header.

        Raises
        ------
        CorruptError
            If the number or width of the rows, their checksum, or a descriptor does not fit.
        """
        kind = _row_type(layout)
        found = tuple(int_card(hdu.cards, name, where) for name in ("NAXIS1", "NAXIS2"))
        if found != (kind.itemsize, tiles):
            raise CorruptError(
                f"{where}: the table has {found[1]} rows of {found[0]} bytes, {tiles} tiles need {tiles} rows of "
                f"{kind.itemsize} bytes"
            )
        raw = read_at(fd, hdu.data_start, tiles * kind.itemsize, where)
        found_crc = zlib.crc32(raw)
        written = read_tiles_card(hdu.cards, where).table_crc if layout.algorithm == ALGORITHM else found_crc
        if found_crc != written:
            raise CorruptError(
                f"{where}: the rows in bytes {hdu.data_start} to {hdu.data_start + len(raw)} have CRC-32 "
                f"{found_crc:08x}, ACTILES says {written:08x}"
            )
        return cls(layout, np.frombuffer(raw, kind))

    def add(self, tile: int, coded: CodedTile) -> None:
        """Enter a tile whose stream goes to the end of the heap."""
        row = self.rows[tile]
        column = "GZIP_COMPRESSED_DATA" if coded.plain else "COMPRESSED_DATA"
        row[column] = (len(coded.stream), self.heap_bytes)
        if self.layout.quantization:
            row["ZSCALE"], row["ZZERO"] = coded.scale, coded.zero
        self.heap_bytes += len(coded.stream)

    def place(self, tile: int) -> tuple[int, int, bool]:
        """Return offset in the heap, length, and whether the tile is gzipped floats."""
        length, offset = (int(n) for n in self.rows["COMPRESSED_DATA"][tile])
        if self.layout.quantization and length == 0:
            length, offset = (int(n) for n in self.rows["GZIP_COMPRESSED_DATA"][tile])
            return offset, length, True
        return offset, length, False

    def size(self) -> HeapSize:
        """Return what the header says about the finished table."""
        names = [name for name in ("COMPRESSED_DATA", "GZIP_COMPRESSED_DATA") if name in (self.rows.dtype.names or ())]
        longest = [int(self.rows[name][:, 0].max(initial=0)) for name in names]
        return HeapSize(
            len(self.rows), self.heap_bytes, (longest[0], longest[-1] if len(longest) > 1 else 0), self.crc()
        )

    def crc(self) -> int:
        """CRC-32 of the rows."""
        return zlib.crc32(self.rows.tobytes())
