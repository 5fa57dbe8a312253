"""Few chunks of a huge shape, meant so or by damage: time and memory are those of the chunks."""

from __future__ import annotations

import resource
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from cli_process import environment

import hdf5_filter
from astrocodec.errors import CorruptError, DifferenceError

SIDE = 2_000_000
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "gzip": {"compression": "gzip"},
    "ours": {"compression": hdf5_filter.AstroCodec()},
    "fletcher32": {"fletcher32": True, "shuffle": True},
    "odd chunks": {"chunks": (70, 900)},
    "floats": {"dtype": ">f4", "fillvalue": np.nan},
}
PROGRAM = """
import sys, hdf5_filter
source, packed, back = sys.argv[1:]
print(hdf5_filter.verify(source).checked)
report = hdf5_filter.compress(source, packed, tune=False)
print(report.checked, *[entry.kind for entry in report.datasets])
print(hdf5_filter.verify(packed).sound)
print(hdf5_filter.decompress(packed, back).checked)
print(hdf5_filter.verify(back, source).checked)
"""


def write_sparse(path: Path, libver: str = "earliest", **options: Any) -> None:
    """Three chunks of four million million elements, one of them at the edge."""
    options = {"dtype": "u2", "chunks": (300, 300), "fillvalue": 7, **options}
    if libver == "latest":
        options["maxshape"] = (None, None)  # HDF5's newer index for fixed shapes holds at most 2**32 chunks
    rng = np.random.default_rng(0)
    with h5py.File(path, "w", libver=libver) as file:
        dataset = file.create_dataset("x", (SIDE - 7, SIDE), **options)
        for row, column in ((0, 0), (SIDE // 2, 40), (SIDE - 200, SIDE - 150)):
            part = rng.poisson(300, (150, 150)).astype(options["dtype"])
            dataset[row : row + 150, column : column + 150] = part
        length = 10**11 if libver == "earliest" else 10**6  # HDF5's newer index is walked from its first chunk on
        words = file.create_dataset("words", (length,), h5py.string_dtype(), chunks=(50,), maxshape=(None,))
        words[length // 2 + 3] = "somewhere"


def limited(*arguments: str | Path) -> list[str]:
    """Run Python within a minute and 4 GB, and give what it prints."""
    result = subprocess.run(
        [sys.executable, "-c", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30)),
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout.splitlines()


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("kind", KINDS)
def test_little_of_a_huge_shape(tmp_path: Path, kind: str, libver: str) -> None:
    names = [tmp_path / f"{name}.h5" for name in "abc"]
    write_sparse(names[0], libver, **KINDS[kind])
    first, *others = limited(PROGRAM, *names)
    assert first in ("not checked", "decoded")
    expected = "copied" if kind == "ours" else "compressed"
    assert others == [f"verified copied {expected}", "True", "verified", "verified"]
    with h5py.File(names[2]) as file:
        assert file["x"].chunks
        assert not file["x"].compression
    sizes = [path.stat().st_size for path in names]
    assert sizes[1] <= sizes[0]
    assert sizes[2] < 20 * sizes[0]


def test_a_difference_in_a_huge_shape(tmp_path: Path) -> None:
    """In a chunk that both store, and in one that only the second does."""
    write_sparse(tmp_path / "a.h5")
    hdf5_filter.compress(tmp_path / "a.h5", tmp_path / "b.h5", tune=False)
    packed = (tmp_path / "b.h5").read_bytes()
    for name in ("a.h5", "b.h5"):
        for at in ((SIDE // 2 + 5, 43), (1_234_567, 765_432)):
            (tmp_path / "c.h5").write_bytes(packed if name == "b.h5" else (tmp_path / "a.h5").read_bytes())
            with h5py.File(tmp_path / "c.h5", "r+") as file:
                file["x"][at] = 9
            with pytest.raises(DifferenceError, match=rf"'/x' differs at \({at[0]}, {at[1]}\)"):
                hdf5_filter.verify(tmp_path / "c.h5", tmp_path / "a.h5")


@pytest.mark.parametrize("kind", ["gzip", "ours"])
def test_a_damaged_chunk_of_a_huge_shape(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.h5"
    write_sparse(path, **KINDS[kind])
    with h5py.File(path) as file:
        chunk = file["x"].id.get_chunk_info(1)
    raw = bytearray(path.read_bytes())
    raw[chunk.byte_offset + chunk.size // 2] ^= 1
    path.write_bytes(raw)
    for call in (hdf5_filter.verify, lambda path: hdf5_filter.decompress(path, tmp_path / "b.h5")):
        if call is hdf5_filter.verify or kind == "ours":
            with pytest.raises(CorruptError, match="/x"):
                call(path)
    assert not (tmp_path / "b.h5").exists()


@pytest.mark.parametrize("size", [6 + 2**28, 2**40])
@pytest.mark.parametrize("kind", ["u2", "S5", "ours"])
def test_a_shape_that_became_huge(tmp_path: Path, kind: str, size: int) -> None:
    """In the older format nothing tells that a shape is damaged, so nothing may depend on it."""
    names = [tmp_path / f"{name}.h5" for name in "abc"]
    options = {"compression": hdf5_filter.AstroCodec() if kind == "ours" else "gzip"}
    with h5py.File(names[0], "w") as file:
        dtype = "u2" if kind == "ours" else kind
        file.create_dataset(
            "x", (123_457,), dtype, chunks=(2,) if kind == "S5" else (5000,), maxshape=(None,), **options
        )
        file["x"][:6] = np.arange(6).astype(dtype)
    raw = bytearray(names[0].read_bytes())
    assert raw.count(struct.pack("<Q", 123_457)) == 1
    at = raw.index(struct.pack("<Q", 123_457))
    raw[at : at + 8] = struct.pack("<Q", size)
    names[0].write_bytes(raw)
    first, second, *others = limited(PROGRAM, *names)
    assert first in ("decoded", "not checked")
    assert second.startswith("verified ")
    assert others == ["True", "verified", "verified"]


def test_a_shape_that_its_storage_cannot_hold(tmp_path: Path) -> None:
    """Contiguous elements are all stored."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(123_457, dtype="u2")
    raw = path.read_bytes()
    for size in (123_458, 2**28, 2**40):
        path.write_bytes(raw.replace(struct.pack("<Q", 123_457), struct.pack("<Q", size)))
        program = (
            "import sys, hdf5_filter\n"
            "for call in (hdf5_filter.verify, lambda path: hdf5_filter.compress(path, path + '.new')):\n"
            "    try:\n        print(call(sys.argv[1]))\n    except Exception as error:\n"
            "        print(type(error).__name__, '/x' in str(error))"
        )
        assert limited(program, path) == ["CorruptError True"] * 2
