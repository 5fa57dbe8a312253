"""Every instruction set against the pixel-by-pixel oracle, by way of two C programs built here."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NATIVE = HERE.parents[1] / "astrocodec" / "native"
COMPILER = shutil.which(os.environ.get("CC", "cc"))

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler")


FLAGS = [
    "-std=c11",
    "-D_GNU_SOURCE",
    "-O2",
    "-fwrapv",
    "-ffp-contract=off",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-I",
    str(NATIVE),
    "-I",
    str(HERE),
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Build the library's objects, once for all programs."""
    folder = tmp_path_factory.mktemp("library")
    objects = []
    for source in sorted(NATIVE.rglob("*.c")):
        objects.append(folder / f"{source.parent.name}_{source.stem}.o")
        compile_to(objects[-1], "-c", source)
    return objects


def compile_to(target: Path, *arguments: str | Path) -> None:
    command = [str(COMPILER), *FLAGS, *map(str, arguments), "-o", str(target)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr


def run(library: list[Path], program: str, *arguments: str) -> str:
    binary = library[0].parent / program
    oracle = [] if program in ("fuzz_streams", "fuzz_chunks") else [HERE / "oracle.c"]
    compile_to(binary, HERE / f"{program}.c", *oracle, *library, "-lm", "-lpthread")
    result = subprocess.run([str(binary), *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_levels_agree_with_oracle(library: list[Path]) -> None:
    assert "0 failures" in run(library, "levels", "1", "quick")


def test_damaged_pieces_give_the_oracle_s_status(library: list[Path]) -> None:
    assert "damaged pieces" in run(library, "fuzz", "3", "1")


def test_damaged_streams_are_refused_or_the_array(library: list[Path]) -> None:
    assert "damaged streams" in run(library, "fuzz_streams", "3", "1")


def test_the_hdf5_filter_refuses_damaged_chunks(library: list[Path]) -> None:
    assert "damaged chunks" in run(library, "fuzz_chunks", "3", "1")
