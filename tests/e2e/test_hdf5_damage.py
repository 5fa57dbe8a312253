"""Damaged HDF5 files give errors, never wrong elements and never a crash: whatever was flipped, wherever."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from cli_process import environment
from hdf5_contents import contents
from hdf5_programs import made, program, python, tuned_model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hdf5_filter
from astrocodec._native.chunk import ChunkCodec
from astrocodec.errors import AstrocodecError, CorruptError

KINDS = ("<u2", ">i4", "<c8", ">f8")


class Sample:
    """A chunk's values, stream and pixels."""

    def __init__(self, dtype: str) -> None:
        self.pixels = made(dtype, (24, 30))
        codec = hdf5_filter.AstroCodec(tuned_model(1), try_general=False)
        with h5py.File.in_memory() as file:
            dataset = hdf5_filter.write_dataset(file, "x", self.pixels, chunks=(24, 30), codec=codec)
            self.values = [value & 0xFFFFFFFF for value in dataset.id.get_create_plist().get_filter(0)[2]]
            self.stream = dataset.id.read_direct_chunk((0, 0))[1]

    def attempt(self, values: list[int], stream: bytes) -> str:
        """Decode: ``"same"``, or the error's text; wrong pixels fail."""
        out = np.empty_like(self.pixels)
        try:
            ChunkCodec(values).decode(stream, out)
        except (AstrocodecError, ValueError) as error:
            return str(error)
        assert out.tobytes() == self.pixels.tobytes(), "wrong pixels"
        return "same"


SAMPLES = {dtype: Sample(dtype) for dtype in KINDS}


@pytest.mark.parametrize("dtype", KINDS)
def test_every_cut(dtype: str) -> None:
    sample = SAMPLES[dtype]
    for size in range(0, len(sample.stream), 7):
        assert sample.attempt(sample.values, sample.stream[:size]) != "same"
    assert sample.attempt(sample.values, sample.stream + b"\0") != "same"
    with pytest.raises(CorruptError):
        ChunkCodec(sample.values).decode(sample.stream[:-1], np.empty_like(sample.pixels))


@settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(dtype=st.sampled_from(KINDS), place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_flipped_bits_of_a_chunk(dtype: str, place: float, bit: int) -> None:
    sample = SAMPLES[dtype]
    stream = bytearray(sample.stream)
    stream[int(place * len(stream))] ^= 1 << bit
    sample.attempt(sample.values, bytes(stream))


@pytest.mark.parametrize("dtype", KINDS)
def test_flipped_bits_of_the_values(dtype: str) -> None:
    sample = SAMPLES[dtype]
    for place in range(len(sample.values)):
        for bit in (0, 3, 8, 17, 31):
            values = sample.values.copy()
            values[place] ^= 1 << bit
            assert sample.attempt(values, sample.stream) != "same"
    for count in range(3, len(sample.values)):
        assert sample.attempt(sample.values[:count], sample.stream) != "same"


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small file, all chunks of one dataset."""
    path = tmp_path_factory.mktemp("damage") / "x.h5"
    with h5py.File(path, "w") as file:
        codec = hdf5_filter.AstroCodec(tuned_model(2))
        hdf5_filter.write_dataset(file, "x", made("u2", (60, 80)), chunks=(30, 40), codec=codec)
    return path


def test_flips_in_the_chunks_of_a_file(packed: Path, tmp_path: Path) -> None:
    """In every chunk."""
    whole = packed.read_bytes()
    damaged = tmp_path / "damaged.h5"
    with h5py.File(packed) as file:
        infos = [file["x"].id.get_chunk_info(number) for number in range(4)]
    ours = [range(info.byte_offset, info.byte_offset + info.size) for info in infos]
    rng = np.random.default_rng(0)
    places = [int(rng.choice(span)) for span in ours for _ in range(25)]
    for place in places:
        raw = bytearray(whole)
        raw[place] ^= 1 << int(rng.integers(0, 8))
        damaged.write_bytes(raw)
        with h5py.File(damaged) as file, pytest.raises(AstrocodecError, match="chunk at"):
            hdf5_filter.read_dataset(file["x"])


@pytest.mark.parametrize("size", [0.1, 0.5, 0.9, 0.99])
def test_cut_files(packed: Path, tmp_path: Path, size: float) -> None:
    whole = packed.read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: int(size * len(whole))])
    with pytest.raises((AstrocodecError, OSError)):
        hdf5_filter.verify(tmp_path / "cut.h5")


def hurt(path: Path, change: Callable[[bytearray], object]) -> None:
    with h5py.File(path, "r+") as file:
        stream = bytearray(file["x"].id.read_direct_chunk((30, 40))[1])
        change(stream)
        file["x"].id.write_direct_chunk((30, 40), bytes(stream))


def newer(stream: bytearray) -> None:
    stream[2] = 9


def flipped(stream: bytearray) -> None:
    stream[-1] ^= 1


def foreign(stream: bytearray) -> None:
    stream[3] = 200


def reserved(stream: bytearray) -> None:
    stream[8:8] = bytes([0x80 | 19, 0])  # before the codec's section


# As docs/hdf5.md shows them.
@pytest.mark.parametrize(
    ("change", "line"),
    [
        (flipped, "the checksum of the decoded elements differs: the stream is damaged"),
        (newer, "needs a newer astrocodec: byte 2: stream version 9 found, this astrocodec reads 1: upgrade"),
        (foreign, "cannot be read: codec 200 is needed, a private one that is not installed: ask who wrote"),
        (reserved, "needs a newer astrocodec: section 19 (code weights), byte 8: is of a later version of the format"),
    ],
)
def test_what_other_programs_print(
    packed: Path, tmp_path: Path, change: Callable[[bytearray], object], line: str
) -> None:
    path = tmp_path / "x.h5"
    shutil.copy(packed, path)
    hurt(path, change)
    result = program("h5dump", "-d", "/x", path)
    assert result.returncode != 0
    assert line in result.stderr
    code = "import h5py\nh5py.File('x.h5')['x'][...]"
    result = python(code, tmp_path, "h5py")
    assert result.stderr.count(line) == 1
    assert "OSError: Can't synchronously read data (filter returned failure during read)" in result.stderr
    code = "import netCDF4\nnetCDF4.Dataset('x.h5').variables['x'][...]"
    result = python(code, tmp_path, "netCDF4")
    assert line in result.stderr
    assert "RuntimeError: NetCDF: HDF error" in result.stderr


def test_what_programs_print_without_the_plugin(packed: Path, tmp_path: Path) -> None:
    shutil.copy(packed, tmp_path / "x.h5")
    empty = tmp_path / "plugins"
    empty.mkdir()
    code = "import h5py\nh5py.File('x.h5')['x'][...]"
    result = python(code, tmp_path, "h5py", plugin_path=empty)
    assert (
        "OSError: Can't synchronously read data (can't find plugin. Check either HDF5_VOL_CONNECTOR, HDF5_PLUGIN_PATH"
        in result.stderr
    )
    code = "import netCDF4\nnetCDF4.Dataset('x.h5').variables['x'][...]"
    result = python(code, tmp_path, "netCDF4", plugin_path=empty)
    assert "RuntimeError: NetCDF: Filter error: undefined filter encountered" in result.stderr
    result = program("h5dump", "-d", "/x", tmp_path / "x.h5", plugin_path=empty)
    assert result.returncode != 0
    assert "h5dump error: unable to print data" in result.stderr
    code = "import h5py\nh5py.File('y.h5', 'w').create_dataset('x', (5,), chunks=(5,), compression=44045)"
    result = python(code, tmp_path, "h5py", plugin_path=empty)
    assert "ValueError: Unknown compression filter number: 44045" in result.stderr


# Run in a process of its own, since HDF5 would hold Python's signals back for ever.
ENDS = """
import sys, astrocodec.errors, hdf5_filter
for call in (hdf5_filter.verify, hdf5_filter.info, lambda path: hdf5_filter.compress(path, path + ".new", tune=False),
             lambda path: hdf5_filter.decompress(path, path + ".new")):
    try:
        call(sys.argv[1])
        print("read")
    except astrocodec.errors.FormatError as error:
        print(error)
"""


def ends(path: Path) -> list[str]:
    """How the four calls end, one line each."""
    result = subprocess.run(
        [sys.executable, "-c", ENDS, path], capture_output=True, text=True, timeout=60, env=environment()
    )
    assert result.returncode == 0, (result.returncode, result.stderr[-1000:])
    assert not path.with_name(path.name + ".new").exists()
    return result.stdout.splitlines()


@pytest.mark.parametrize("size", [0, 2**64 - 16])
def test_an_endless_heap(tmp_path: Path, size: int) -> None:
    """HDF5 goes round for ever where an object's size leads to the object itself; `size` is of number 0 or 1."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["names"] = np.array(["one", "two"], h5py.string_dtype())
    assert hdf5_filter.verify(path).sound
    raw = bytearray(path.read_bytes())
    at = raw.index(b"GCOL") + 16
    raw[at : at + 16] = struct.pack("<HHIQ", int(size > 0), 1, 0, size)
    path.write_bytes(raw)
    expected = f"{path}: byte {at}: object of no size in a global heap, after which HDF5 would read without end"
    assert [line.split(": the file")[0] for line in ends(path)] == [expected] * 4


def test_a_heap_across_the_blocks_of_a_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["names"] = np.array(["one", "two"], h5py.string_dtype())
    raw = bytearray(path.read_bytes())
    at = raw.index(b"GCOL")
    raw[at + 16 : at + 32] = bytes(16)
    path.write_bytes(raw)
    for block in (at + 1, at + 7, at + 8, 100):
        monkeypatch.setattr("hdf5_filter.heaps._BLOCK", block)
        with pytest.raises(CorruptError, match=f"byte {at + 16}"):
            hdf5_filter.verify(path)


LIKE_A_HEAP = np.frombuffer(b"GCOL\x01\0\0\0" + struct.pack("<Q", 4096) + bytes(5000), "u1")
PLACES: dict[str, Callable[[h5py.File], Any]] = {
    "contiguous": lambda file: file.create_dataset("x", data=LIKE_A_HEAP),
    "chunked": lambda file: file.create_dataset("x", data=LIKE_A_HEAP, chunks=(5000,), maxshape=(None,)),
    "attribute": lambda file: file.attrs.create("x", LIKE_A_HEAP),
    "compact": lambda file: write_compact(file, LIKE_A_HEAP),
    "opaque": lambda file: file.attrs.create("x", np.void(LIKE_A_HEAP.tobytes())),
    "around": lambda file: None,
}


def write_compact(file: h5py.File, data: np.ndarray) -> None:
    """A dataset whose elements lie in its header."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    made = h5py.h5d.create(file.id, b"x", h5py.h5t.STD_U8LE, h5py.h5s.create_simple(data.shape), plist)
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, data)


@pytest.mark.parametrize("userblock", [0, 8192])
@pytest.mark.parametrize("place", PLACES)
def test_data_that_look_like_an_endless_heap(tmp_path: Path, place: str, userblock: int) -> None:
    """HDF5 reads them as what they are; a true heap of the same file is found all the same."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", userblock_size=userblock) as file:
        file.attrs["names"] = np.array(["one", "two"], h5py.string_dtype())
        file["image"] = np.zeros((100, 200), "u2")
        PLACES[place](file)
    raw = bytearray(path.read_bytes())
    if place == "around":
        raw[: userblock // 2] = LIKE_A_HEAP.tobytes()[: userblock // 2]
        raw += LIKE_A_HEAP.tobytes()
    path.write_bytes(raw)
    assert hdf5_filter.compress(path, tmp_path / "b.h5", tune=False).verified
    assert contents(path) == contents(tmp_path / "b.h5")
    at = raw.rindex(b"GCOL", 0, raw.index(b"one\0\0\0\0\0")) + 16
    raw[at : at + 16] = bytes(16)
    path.write_bytes(raw)
    with pytest.raises(CorruptError, match=f"byte {at}: object of no size in a global heap"):
        hdf5_filter.verify(path)


def test_sequences_that_are_not_all_there(tmp_path: Path) -> None:
    """What was read before HDF5 failed must not be freed: it lies where pointers should."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        ragged = file.create_dataset("ragged", 11, h5py.vlen_dtype("i4"))
        for number in range(11):
            ragged[number] = np.arange(number, number + 3)
    raw = bytearray(path.read_bytes())
    at = raw.index(struct.pack("<3I", 5, 6, 7)) - 8
    raw[at : at + 8] = struct.pack("<Q", 2)
    path.write_bytes(raw)
    found = ends(path)
    assert found[1] == "read"  # info decodes nothing
    assert all("H5Dread failed" in found[number] for number in (0, 2, 3))
