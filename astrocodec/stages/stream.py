"""Stream: the self-describing bytes of one array. What is known here of codecs is only that they are named.

docs/format.md sections "Stream" and "Sections".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError, FormatError, TruncatedError, VersionError
from astrocodec.stages import varint
from astrocodec.stages.crc32c import crc32c
from astrocodec.stages.pixels import DTYPES

MAGIC = b"\xac\x0d"
VERSION = 1
MAX_AXES = 32
MAX_ELEMENTS = 1 << 40
MAX_SECTION, MAX_NAME = 1 << 20, 255
CHECKSUM_SIZE = 4
OF_ELEMENTS, OF_BYTES = 0, 1
MODEL, NAME, PLANES, REFERENCE, CUTS, QUANTISE, MAPS, AXES = 1, 2, 16, 17, 18, 20, 21, 22
BLANKS, LOSS, SERIES, GROWTH, PARAMETERS = 23, 24, 25, 26, 127
RESERVED = {19: "code weights"}
SECTIONS = {
    MODEL: "model",
    NAME: "name",
    PLANES: "planes",
    REFERENCE: "reference",
    CUTS: "cuts",
    QUANTISE: "quantise",
    MAPS: "maps",
    AXES: "axes",
    BLANKS: "blanks",
    LOSS: "loss",
    SERIES: "series",
    GROWTH: "growth",  # which no decoder needs to know
    PARAMETERS: "codec",
    **RESERVED,
}
# Those that are known, and whether they are critical.
_KNOWN = {
    MODEL: False,
    NAME: False,
    **dict.fromkeys((PLANES, REFERENCE, CUTS, QUANTISE, MAPS, AXES, BLANKS, SERIES, PARAMETERS), True),
    LOSS: False,
}
_CRITICAL, _DTYPE, _CHECKSUM_KIND = 0x80, 0x1F, 7


@dataclass(frozen=True)
class Section:
    """What a stream says beside type and shape."""

    id: int  # 0 to 127, see docs/format.md
    body: bytes
    is_critical: bool = False  # whether a reader that does not know it must refuse the stream

    def to_bytes(self) -> bytes:
        """The section as it stands in a stream."""
        if len(self.body) > MAX_SECTION:
            raise ValueError(f"section {self.id}: {len(self.body)} bytes found, at most {MAX_SECTION} allowed")
        head = bytes([self.id | (_CRITICAL if self.is_critical else 0)])
        return head + varint.put(len(self.body)) + self.body


@dataclass(frozen=True)
class Header:
    """What precedes the data of a stream."""

    codec: int  # id of the codec that coded the data
    dtype: np.dtype[Any]  # of the array, native byte order
    shape: tuple[int, ...]
    parameters: bytes = b""  # the codec's own
    sections: tuple[Section, ...] = ()  # the others, ascending
    checksum_kind: int = OF_ELEMENTS  # ``OF_ELEMENTS`` or ``OF_BYTES``
    parameters_at: int = 0  # where the parameters stand in the stream that was read

    def to_bytes(self) -> bytes:
        """The header's bytes."""
        kind = DTYPES.index(self.dtype.str[1:]) | self.checksum_kind << _CHECKSUM_KIND
        out = MAGIC + bytes([VERSION, self.codec, kind, len(self.shape)])
        out += b"".join(varint.put(length) for length in self.shape)
        return out + b"".join(
            section.to_bytes() for section in (*self.sections, Section(PARAMETERS, self.parameters, True))
        )

    def body_of(self, section_id: int) -> bytes | None:
        """What a section holds, None where there is none."""
        return next((section.body for section in self.sections if section.id == section_id), None)

    def check_known(self) -> None:
        """See that no section stands in the way of reading this array."""
        for section in self.sections:
            if section.id in RESERVED:
                raise VersionError(
                    f"section {section.id} ({RESERVED[section.id]}) is reserved and not read by this package: "
                    "upgrade astrocodec"
                )
            if section.is_critical and section.id not in _KNOWN:
                raise VersionError(f"section {section.id} is critical and unknown to this package: upgrade astrocodec")


def _read_sections(reader: varint.Reader) -> list[Section]:
    """All sections, the codec's parameters last."""
    sections: list[Section] = []
    while not sections or sections[-1].id != PARAMETERS:
        head = reader.take(1, "section")[0]
        section_id, is_critical = head & ~_CRITICAL, bool(head & _CRITICAL)
        if sections and section_id <= sections[-1].id:
            raise CorruptError(f"byte {reader.at - 1}: section {section_id} follows section {sections[-1].id}")
        if is_critical != _KNOWN.get(section_id, is_critical):
            raise CorruptError(
                f"byte {reader.at - 1}: section {section_id} is {'' if is_critical else 'not '}marked as critical"
            )
        length = reader.number(f"length of section {section_id}", MAX_SECTION)
        sections.append(Section(section_id, bytes(reader.take(length, f"section {section_id}")), is_critical))
        if section_id == NAME and length > MAX_NAME:
            raise CorruptError(f"byte {reader.at}: section {NAME} has {length} bytes, allowed are {MAX_NAME}")
    return sections


def read_header(stream: memoryview) -> tuple[Header, int]:
    """The header of a stream and its length in bytes."""
    reader = varint.Reader(stream)
    if bytes(reader.take(2, "magic")) != MAGIC:
        raise FormatError(f"begins with {bytes(stream[:2]).hex()}, an astrocodec stream begins with {MAGIC.hex()}")
    version, codec, kind, ndim = reader.take(4, "header")
    if version != VERSION:
        raise VersionError(f"stream version {version} found, this package reads {VERSION}: upgrade astrocodec")
    code, checksum_kind = kind & _DTYPE, kind >> _CHECKSUM_KIND
    if code >= len(DTYPES) or kind != code | checksum_kind << _CHECKSUM_KIND or ndim > MAX_AXES:
        raise CorruptError(
            f"bytes 4-5: data type {kind & ~(1 << _CHECKSUM_KIND)} (allowed 0..{len(DTYPES) - 1}), "
            f"{ndim} axes (allowed 0..{MAX_AXES})"
        )
    shape = tuple(reader.number("axis length", MAX_ELEMENTS) for _ in range(ndim))
    if math.prod(length for length in shape if length) > MAX_ELEMENTS:
        raise CorruptError(f"shape {shape} has more than {MAX_ELEMENTS} elements")
    *sections, last = _read_sections(reader)
    dtype = np.dtype("=" + DTYPES[code])
    at = reader.at - len(last.body)
    return Header(codec, dtype, shape, last.body, tuple(sections), checksum_kind, at), reader.at


def little_endian(values: NDArray[Any]) -> NDArray[Any]:
    """An array with its elements as streams have them; the same array on most machines."""
    return values.astype(values.dtype.newbyteorder("<"), copy=False)


def elements_of(values: NDArray[Any]) -> bytes:
    """The elements of an array in C order, little-endian."""
    return little_endian(values).tobytes()


def checksum(
    header: bytes | memoryview,
    data: bytes | memoryview,
    values: NDArray[Any] | None,
    crc: Callable[[NDArray[Any], int], int] = crc32c,
) -> bytes:
    """The end of a stream: the checksum of header and elements, or without `values` of header and data."""
    checked = np.frombuffer(data, np.uint8) if values is None else little_endian(values)
    return crc(checked, crc(np.frombuffer(header, np.uint8), 0)).to_bytes(CHECKSUM_SIZE, "little")


def seal(header: bytes, data: bytes, values: NDArray[Any] | None = None) -> bytes:
    """A stream and its checksum."""
    return header + data + checksum(header, data, values)


def data_of(stream: memoryview, at: int) -> memoryview:
    """The data behind a header of `at` bytes, and the checksum behind them."""
    if len(stream) - at < CHECKSUM_SIZE:
        raise TruncatedError(f"{len(stream)} bytes found, at least {at + CHECKSUM_SIZE} needed: the stream is cut")
    return stream[at : len(stream) - CHECKSUM_SIZE]


def check(stream: memoryview, at: int, values: NDArray[Any] | None) -> None:
    """Compare the checksum with that of the decoded elements, or without `values` of all bytes."""
    if checksum(stream[:at], data_of(stream, at), values) != stream[-CHECKSUM_SIZE:]:
        raise CorruptError("the checksum of the decoded pixels differs: the stream is damaged")
