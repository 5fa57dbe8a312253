"""HDF5 chunks on other processors, one of them big-endian: the same streams as here."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from test_cross import PROCESSORS

HERE = Path(__file__).parent
NATIVE = HERE.parents[2] / "astrocodec" / "native"
# These look for a host library, or fit models; neither reads a chunk.
LEFT_OUT = ("plugin.c", "host.c", "geometry.c")


def streams(compiler: str, emulator: list[str], folder: Path) -> str:
    """Build the program with a compiler and run it."""
    binary = folder / "code_chunks"
    every = (path for path in sorted(NATIVE.rglob("*.c")) if path.parent.name != "tuning")
    sources = [str(path) for path in every if path.name not in LEFT_OUT]
    command = [
        compiler,
        "-std=c11",
        "-D_GNU_SOURCE",
        "-O1",
        "-fwrapv",
        "-ffp-contract=off",
        "-static",
        "-I",
        str(NATIVE),
    ]
    command += [str(HERE / "code_chunks.c"), *sources, "-lm", "-o", str(binary)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return subprocess.run([*emulator, str(binary)], capture_output=True, text=True, check=True, timeout=100).stdout


@pytest.mark.parametrize("processor", PROCESSORS)
def test_chunks_elsewhere(processor: str, tmp_path: Path) -> None:
    compiler, emulators = PROCESSORS[processor]
    emulator = next((name for name in emulators if shutil.which(name)), None)
    here = shutil.which(os.environ.get("CC", "cc"))
    if not shutil.which(compiler) or emulator is None or here is None:
        pytest.skip(f"{compiler} or {emulators[-1]} is not installed")
    (tmp_path / "here").mkdir()
    found = streams(compiler, [emulator], tmp_path)
    assert found == streams(here, [], tmp_path / "here")
    assert len(found.splitlines()) == 52
