"""The frame of streams: header, sections, checksum."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import astrocodec
from astrocodec.errors import CorruptError, FormatError, TruncatedError, VersionError
from astrocodec.stages import stream
from astrocodec.stages.pixels import DTYPES
from astrocodec.stages.stream import Header, Section, check, data_of, read_header, seal

HEADER = Header(200, np.dtype("c8"), (3, 0, 70000), b"abc", (Section(1, b"m"), Section(96, b"", True)), stream.OF_BYTES)

sections = st.lists(st.integers(0, 126), unique=True, max_size=5).flatmap(
    lambda ids: st.tuples(
        *(
            st.builds(
                Section,
                st.just(i),
                st.binary(max_size=255),
                st.just(stream._KNOWN[i]) if i in stream._KNOWN else st.booleans(),
            )
            for i in sorted(ids)
        )
    )
)


@given(
    st.integers(0, 255),
    st.sampled_from(DTYPES),
    st.lists(st.integers(0, 1 << 12), max_size=3),
    st.binary(max_size=300),
    sections,
    st.integers(0, 1),
)
def test_headers_come_back(
    codec: int, dtype: str, shape: list[int], parameters: bytes, found: tuple[Section, ...], kind: int
) -> None:
    header = Header(codec, np.dtype(dtype), tuple(shape), parameters, found, kind)
    data = header.to_bytes()
    again, at = read_header(memoryview(data + b"data"))
    assert at == len(data)
    assert data[again.parameters_at : at] == parameters
    assert replace(again, parameters_at=0) == header
    for end in range(at):
        with pytest.raises(TruncatedError):
            read_header(memoryview(data[:end]))


def test_bytes_of_a_header() -> None:
    assert HEADER.to_bytes().hex(" ") == ("ac 0d 01 c8 8c 03 03 00 f0 a2 04 01 01 6d e0 00 ff 03 61 62 63")
    assert Header(0, np.dtype("b1"), ()).to_bytes().hex(" ") == "ac 0d 01 00 0a 00 ff 00"


def test_sections_that_are_not_known_stand_in_the_way_only_if_they_are_critical() -> None:
    replace(HEADER, sections=(Section(90, b"x"),)).check_known()
    with pytest.raises(VersionError, match=r"section 96 is critical and unknown.*upgrade astrocodec"):
        HEADER.check_known()
    for number, name in stream.RESERVED.items():
        for is_critical in (False, True):
            with pytest.raises(VersionError, match=rf"section {number} \({name}\) is reserved"):
                replace(HEADER, sections=(Section(number, b"", is_critical),)).check_known()


def test_too_long_a_section_is_not_written() -> None:
    Section(5, bytes(1 << 20)).to_bytes()
    with pytest.raises(ValueError, match="section 5: 1048577 bytes found, at most 1048576 allowed"):
        Section(5, bytes((1 << 20) + 1)).to_bytes()


def test_other_bytes_are_no_stream() -> None:
    with pytest.raises(FormatError, match="begins with 5349"):
        read_header(memoryview(b"SIMPLE  ="))


@pytest.mark.parametrize("values", [np.arange(6, dtype=">i4").reshape(2, 3), None])
def test_the_checksum_is_of_elements_or_of_bytes(values: np.ndarray | None) -> None:
    header = HEADER.to_bytes()
    sealed = seal(header, b"data", values)
    check(memoryview(sealed), len(header), values)
    assert bytes(data_of(memoryview(sealed), len(header))) == b"data"
    with pytest.raises(TruncatedError):
        data_of(memoryview(sealed[: len(header) + 3]), len(header))
    for at in (*range(len(header)), len(sealed) - 1):
        damaged = bytearray(sealed)
        damaged[at] ^= 1
        with pytest.raises(CorruptError, match="checksum"):
            check(memoryview(damaged), len(header), values)
    damaged = bytearray(sealed)
    damaged[len(header)] ^= 1
    if values is None:
        with pytest.raises(CorruptError, match="checksum"):
            check(memoryview(damaged), len(header), values)
    else:
        check(memoryview(damaged), len(header), values)  # the codec's data are its own affair


def test_the_reference_needs_no_library() -> None:
    """Not even a package that could load it."""
    golden = Path(__file__).parents[1] / "golden" / "v1_stream_int32_counts.acs"
    package = Path(astrocodec.__file__).parent
    program = f"""
import importlib.util as util, sys
spec = util.spec_from_file_location("astrocodec", {str(package / "__init__.py")!r},
                                    submodule_search_locations=[{str(package)!r}])
sys.modules["astrocodec"] = util.module_from_spec(spec)
from astrocodec.stages.reference import decode_stream
found = decode_stream(memoryview(open({str(golden)!r}, "rb").read()))
print(found.shape, any(name.startswith("astrocodec._native") for name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(60, 70) False"
