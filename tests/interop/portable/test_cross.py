"""Golden pieces, streams and HDF5 chunks on other processors, one of them big-endian, under an emulator."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest
from native_library import CASES, COMPILER, PIECES, STREAMS, VISIBILITIES

HERE = Path(__file__).parent

# Compiler, names of the emulator.
PROCESSORS = {
    "aarch64": ("aarch64-linux-gnu-gcc", ("qemu-aarch64-static", "qemu-aarch64")),
    "s390x": ("s390x-linux-gnu-gcc", ("qemu-s390x-static", "qemu-s390x")),
}


def _missing(what: str) -> None:
    if "cross" in os.environ.get("ASTROCODEC_REQUIRE", "").split(","):
        pytest.fail(f"{what} is not installed, and ASTROCODEC_REQUIRE demands it")
    pytest.skip(f"{what} is not installed")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of which each processor has one, so that the library is built once for each."""
    return tmp_path_factory.mktemp("cross")


@pytest.mark.parametrize(
    ("program", "arguments", "lines"),
    [
        ("decode_golden", PIECES, len(CASES)),
        ("decode_streams", [*STREAMS, *VISIBILITIES], len(STREAMS) + len(VISIBILITIES)),
    ],
    ids=["pieces", "streams"],
)
@pytest.mark.parametrize("processor", PROCESSORS)
def test_golden_files_elsewhere(processor: str, program: str, arguments: list[str], lines: int, build: Path) -> None:
    output = _run(processor, build, program, *arguments)
    assert len(output.splitlines()) == lines


@pytest.mark.parametrize(("program", "lines"), [("code_chunks", 52), ("code_bounds", 100)])
@pytest.mark.parametrize("processor", PROCESSORS)
def test_streams_made_elsewhere(processor: str, program: str, lines: int, build: Path) -> None:
    """The same as here, of chunks and within bounds, and the same elements of them."""
    if COMPILER is None:
        pytest.skip("no C compiler")
    found = _run(processor, build, program)
    assert found == _cross(COMPILER, "", build / "here", program)
    assert len(found.splitlines()) == lines


@pytest.mark.skipif(platform.machine() != "x86_64", reason="not an x86-64")
@pytest.mark.parametrize("processor", ["Haswell", "Nehalem"])
def test_streams_made_by_older_processors(processor: str, build: Path) -> None:
    """Without AVX-512, and without AVX, of one and the same build."""
    if COMPILER is None:
        pytest.skip("no C compiler")
    emulator = _installed(("qemu-x86_64-static", "qemu-x86_64"))
    here = _cross(COMPILER, "", build / "here", "code_bounds")
    assert _cross(COMPILER, f"{emulator} -cpu {processor}", build / "here", "code_bounds") == here


def test_kernels_for_neon_agree_with_the_oracle(build: Path) -> None:
    """Portable, plain NEON and NEON with dot products, the last where the processor has them."""
    assert "levels 1 5 6: 0 failures" in _run("aarch64", build, "levels", "1", "few")
    assert "levels 1 5: 0 failures" in _run("aarch64", build, "levels", "2", "one", options=" -cpu cortex-a72")


def _run(processor: str, folder: Path, program: str, *arguments: str, options: str = "") -> str:
    compiler, emulators = PROCESSORS[processor]
    if not shutil.which(compiler):
        _missing(compiler)
    return _cross(compiler, _installed(emulators) + options, folder / processor, program, *arguments)


def _installed(emulators: tuple[str, ...]) -> str:
    emulator = next((name for name in emulators if shutil.which(name)), None)
    if emulator is None:
        _missing(emulators[0])
    return str(emulator)


def _cross(compiler: str, emulator: str, folder: Path, program: str, *arguments: str) -> str:
    command = ["sh", str(HERE / "cross.sh"), compiler, emulator, str(folder), program, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
