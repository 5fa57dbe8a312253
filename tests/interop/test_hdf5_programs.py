"""h5dump, h5repack, netCDF4, PyTables and C programs read and write our chunks, without our Python package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
from hdf5_programs import PLUGIN_PATH, made, plain_environment, program, python

import hdf5_filter
from hdf5_filter.chunked import filter_ids

ROOT = Path(__file__).parents[2]
TYPES = (
    "u1",
    "i1",
    "u2",
    "i2",
    ">u2",
    ">i2",
    "u4",
    ">i4",
    "u8",
    ">i8",
    "f2",
    "f4",
    ">f4",
    "f8",
    ">f8",
    "c8",
    ">c16",
    "?",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A file with a dataset of every type, one tuned, one of three axes."""
    with h5py.File(tmp_path / "night.h5", "w") as file:
        for dtype in TYPES:
            file.create_dataset(
                dtype, data=made(dtype, (40, 50)), chunks=(16, 50), compression=hdf5_filter.AstroCodec()
            )
        frame = np.random.default_rng(5).normal(1000, 30, (512, 512)).astype("u2") // 8 * 8
        file.create_dataset("tuned", data=frame, chunks=(256, 256), **hdf5_filter.AstroCodec.tuned(frame, effort=1))
        hdf5_filter.write_dataset(file, "cube", made("u2", (3, 20, 30)), chunks=(1, 16, 16))
    return tmp_path


def test_h5dump_reads(folder: Path) -> None:
    result = program("h5dump", "-d", "/i2", "-y", "-w", "200", folder / "night.h5")
    assert result.returncode == 0, result.stderr
    data = result.stdout.split("DATA {")[1].split("}")[0]
    assert [int(text) for text in re.findall(r"-?\d+", data)] == made("i2", (40, 50)).ravel().tolist()
    header = program("h5dump", "-pH", "-d", "/tuned", folder / "night.h5").stdout
    assert "FILTER_ID 44045" in header
    assert "COMMENT astrocodec" in header


def test_h5repack_takes_the_filter_away_and_gives_it(folder: Path) -> None:
    plain, again = folder / "plain.h5", folder / "again.h5"
    result = program("h5repack", "-f", "NONE", folder / "night.h5", plain)
    assert result.returncode == 0, result.stderr
    result = program("h5repack", "-f", "UD=44045,0,0", "-l", "CHUNK=20x25", plain, again)
    assert result.returncode == 0, result.stderr
    with h5py.File(folder / "night.h5") as first, h5py.File(plain) as second, h5py.File(again) as third:
        for name in first:
            assert not filter_ids(second[name]), name
            assert first[name][...].tobytes() == second[name][...].tobytes() == third[name][...].tobytes(), name
            # h5repack gives chunks of two axes to datasets of two axes only.
            assert filter_ids(third[name]) == [44045] * (third[name].ndim == 2), name


def test_h5repack_with_options(folder: Path) -> None:
    """Layout version 1, option 1: thorough."""
    out = folder / "out.h5"
    result = program("h5repack", "-f", "cube:UD=44045,0,2,1,1", folder / "night.h5", out)
    assert result.returncode == 0, result.stderr
    with h5py.File(out) as file:
        plist = file["cube"].id.get_create_plist()
        codec = hdf5_filter.from_filter_options(44045, plist.get_filter_by_id(44045)[1])
        assert repr(codec) == "AstroCodec(thorough=True)"
        assert (file["cube"][...] == made("u2", (3, 20, 30))).all()


def test_h5py_with_the_variable_only(folder: Path) -> None:
    for dtype in TYPES:
        np.save(folder / f"{dtype.replace('>', 'big')}.npy", made(dtype, (40, 50)))
    code = """
import h5py, numpy as np
with h5py.File("night.h5", "r+") as file:
    for name in file:
        if len(name) < 5 and name != "cube":
            want = np.load(name.replace(">", "big") + ".npy")
            assert file[name].dtype == want.dtype, name
            assert (file[name][...] == want).all(), name
    file.create_dataset("new", data=file["cube"][...], chunks=(2, 20, 30), compression=44045)
with h5py.File("night.h5") as file:
    assert (file["new"][...] == file["cube"][...]).all()
"""
    result = python(code, folder, "h5py")
    assert result.returncode == 0, result.stderr


def test_netcdf4_reads(folder: Path) -> None:
    code = """
import netCDF4, numpy as np
with netCDF4.Dataset("night.h5") as file:
    cube = file.variables["cube"][:]
    assert cube.shape == (3, 20, 30), cube.shape
    np.save("cube.npy", np.asarray(cube))
    np.save("tuned.npy", np.asarray(file.variables["tuned"][:]))
"""
    result = python(code, folder, "netCDF4")
    assert result.returncode == 0, result.stderr
    assert (np.load(folder / "cube.npy") == made("u2", (3, 20, 30))).all()
    with h5py.File(folder / "night.h5") as file:
        assert (np.load(folder / "tuned.npy") == file["tuned"][...]).all()


def test_pytables_reads(folder: Path) -> None:
    code = """
import tables, numpy as np
with tables.open_file("night.h5") as file:
    np.save("cube.npy", file.root.cube[...])
    np.save("c8.npy", file.root.c8[3:9])
"""
    result = python(code, folder, "tables")
    assert result.returncode == 0, result.stderr
    assert (np.load(folder / "cube.npy") == made("u2", (3, 20, 30))).all()
    assert (np.load(folder / "c8.npy") == made("c8", (40, 50))[3:9]).all()


def test_three_libraries_in_one_process(folder: Path) -> None:
    """Each wheel brings a libhdf5 of its own; the filter must talk to the one that called."""
    code = """
import warnings
warnings.simplefilter("ignore")
import h5py, netCDF4, tables
want = h5py.File("night.h5")["cube"][...]
with netCDF4.Dataset("night.h5") as file:
    assert (file.variables["cube"][:] == want).all()
with tables.open_file("night.h5") as file:
    assert (file.root.cube[...] == want).all()
with h5py.File("h5py.h5", "w") as file:
    file.create_dataset("x", data=want, chunks=(1, 16, 16), compression=44045)
with netCDF4.Dataset("netcdf.nc", "w") as file:
    file.createDimension("x", 30)
    file.createDimension("y", 20)
    v = file.createVariable("x", "u2", ("y", "x"), chunksizes=(20, 30))
    v[:] = want[0]
print(h5py.version.hdf5_version, netCDF4.__hdf5libversion__, tables.hdf5_version)
with h5py.File("h5py.h5") as file:
    values = file["x"].id.get_create_plist().get_filter(0)[2]
    assert (values[5], *values[8:11]) == (3, 1, 16, 16), values
"""
    result = python(code, folder, "h5py", "netCDF4", "tables")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("linked", ["shared", "static"])
def test_c_program_reads_and_writes(folder: Path, linked: str) -> None:
    """examples/read_hdf5.c, with the system's HDF5 as a shared library and inside the program."""
    binary = build_c(ROOT / "examples" / "read_hdf5.c", folder, linked)
    result = subprocess.run(
        [str(binary), str(folder / "night.h5"), "/cube"],
        capture_output=True,
        text=True,
        env=plain_environment(),
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    want = made("u2", (3, 20, 30))
    assert f"{want.size} elements" in result.stdout
    assert f"sum {int(want.sum())}" in result.stdout


def test_plugin_folder_holds_one_library() -> None:
    """HDF5 opens whatever is called lib*.so in its plugin path."""
    assert len([path for path in PLUGIN_PATH.iterdir() if path.name.startswith("lib") and ".so" in path.name]) == 1


def test_the_plugin_needs_no_hdf5() -> None:
    """Neither its functions at load time nor its library."""
    tool = shutil.which("nm")
    if tool is None:
        pytest.skip("nm is not installed (Debian: binutils)")
    library = next(PLUGIN_PATH.glob("libastrocodec*.so"))
    symbols = subprocess.run([tool, "-D", str(library)], capture_output=True, text=True, check=True).stdout
    assert not re.findall(r" U H5\w+", symbols)
    assert sorted(re.findall(r" T (H5\w+)", symbols)) == ["H5PLget_plugin_info", "H5PLget_plugin_type"]


def build_c(source: Path, folder: Path, linked: str) -> Path:
    """Compile a program with the system's HDF5."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    base = Path("/usr/include/hdf5/serial")
    archives = sorted(Path("/usr/lib").glob("*/hdf5/serial"))
    if compiler is None or not (base / "hdf5.h").exists() or not archives:
        pytest.skip("no C compiler or no HDF5 to build with (Debian: libhdf5-dev)")
    binary = folder / f"{source.stem}_{linked}"
    if linked == "shared":
        libraries = [f"-L{archives[0]}", "-lhdf5"]
    else:
        archive = archives[0] / "libhdf5.a"
        if not archive.exists():
            pytest.skip("no static libhdf5 (Debian: libhdf5-dev)")
        names = ["-lcrypto", "-lcurl", "-lsz", "-lz", "-ldl", "-lm", "-lpthread"]
        libraries = ["-rdynamic", "-Wl,--whole-archive", str(archive), "-Wl,--no-whole-archive", *names]
    command = [compiler, "-Wall", "-Wextra", "-Werror", f"-I{base}", str(source), "-o", str(binary), *libraries]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode and linked == "static":
        pytest.skip(f"HDF5 cannot be linked statically here: {result.stderr.splitlines()[-1]}")
    assert result.returncode == 0, result.stderr
    return binary
