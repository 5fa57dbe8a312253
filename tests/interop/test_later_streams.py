"""Streams of later versions, with sections and codecs not known here: each its own error, through every door."""

import io
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import astrocodec
import fits_tiles
from astrocodec.cli.exit_codes import ExitCode
from astrocodec.errors import CodecNotFoundError, VersionError
from astrocodec.stages.stream import Section, read_header, seal

h5py = pytest.importorskip("h5py")
import hdf5_filter  # noqa: E402

FRAME = np.random.default_rng(8).poisson(60, (64, 80)).astype(np.int16)


def changed(**header: object) -> bytes:
    """The stream of the frame with another header, and the checksum that suits it."""
    stream = memoryview(astrocodec.encode(FRAME))
    found, at = read_header(stream)
    return seal(replace(found, **header).to_bytes(), bytes(stream[at:-4]), FRAME)


def newer() -> bytes:
    """A stream of version 2."""
    stream = bytearray(astrocodec.encode(FRAME))
    stream[2] = 2
    return bytes(stream)


STREAMS = {
    "newer version": (newer(), VersionError, "version 2"),
    "critical section": (changed(sections=(Section(40, b"", True),)), VersionError, "section 40"),
    "reserved section": (changed(sections=(Section(19, b"x", True),)), VersionError, "code weights"),
    "codec": (changed(codec=77, sections=(Section(2, b"sharp\npip install sharp"),)), CodecNotFoundError, "'sharp'"),
    "nameless codec": (changed(codec=77), CodecNotFoundError, "77"),
}
cases = pytest.mark.parametrize("name", STREAMS)


def in_hdf5(folder: Path, name: str) -> Path:
    """Put a stream into a chunk."""
    path = folder / "a.h5"
    with h5py.File(path, "w") as file:
        options = hdf5_filter.AstroCodec()
        dataset = file.create_dataset("x", FRAME.shape, FRAME.dtype, chunks=FRAME.shape, compression=options)
        dataset.id.write_direct_chunk((0, 0), STREAMS[name][0])
    return path


def in_fits(folder: Path, name: str) -> Path:
    """Put a stream into a tile, as a program of a later version would: all checksums are right."""
    path = folder / "a.ac.fits"
    plain = io.BytesIO()
    fits.writeto(plain, FRAME)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fits_tiles.files.coders.astrocodec.encode", lambda *a, **k: STREAMS[name][0])
        fits_tiles.compress(io.BytesIO(plain.getvalue()), path, tune=False, verify=False)
    return path


def command(*words: object) -> "subprocess.CompletedProcess[str]":
    """Run a command in a process of its own."""
    paths = [str(Path(astrocodec.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    words = (sys.executable, "-m", "astrocodec", *words)
    return subprocess.run([*map(str, words)], capture_output=True, text=True, check=False, env=environment)


@cases
def test_python(name: str) -> None:
    """`decode`; `inspect` tells all that it can of what only decoding needs."""
    stream, kind, words = STREAMS[name]
    with pytest.raises(kind, match=words):
        astrocodec.decode(stream)
    if "codec" in name:
        assert astrocodec.inspect(stream).shape == FRAME.shape


@cases
def test_h5py(tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """HDF5 passes no words on: they are printed; `read_dataset` raises them."""
    _, kind, words = STREAMS[name]
    with h5py.File(in_hdf5(tmp_path, name)) as file:
        with pytest.raises(OSError, match="filter returned failure"):
            file["x"][...]
        assert words in capfd.readouterr().err
        with pytest.raises(kind, match=words):
            hdf5_filter.read_dataset(file["x"])


@cases
def test_h5dump(tmp_path: Path, name: str) -> None:
    """A program without Python."""
    if shutil.which("h5dump") is None:
        pytest.skip("h5dump is not installed")
    environment = {**os.environ, "HDF5_PLUGIN_PATH": str(Path(astrocodec.__file__).parent)}
    words = ["h5dump", "-d", "/x", str(in_hdf5(tmp_path, name))]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode != 0
    assert STREAMS[name][2] in done.stderr


@cases
def test_fits(tmp_path: Path, name: str) -> None:
    """Through astropy and whole files."""
    _, kind, words = STREAMS[name]
    path = in_fits(tmp_path, name)
    with pytest.raises(kind, match=words):
        fits.getdata(path)
    with pytest.raises(kind, match=words):
        fits_tiles.decompress(path, tmp_path / "a.fits")
    assert not (tmp_path / "a.fits").exists()


@cases
@pytest.mark.parametrize("make", [in_fits, in_hdf5])
def test_commands(tmp_path: Path, name: str, make: object) -> None:
    """The exit code says that something is to be installed."""
    assert callable(make)
    done = command("verify", make(tmp_path, name))
    assert done.returncode == ExitCode.NEEDS_INSTALL, done.stderr
    assert STREAMS[name][2] in done.stderr
