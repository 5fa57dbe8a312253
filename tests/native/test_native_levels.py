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


def run(tmp_path: Path, program: str, *arguments: str) -> str:
    binary = tmp_path / program
    oracle = [] if program in ("fuzz_streams", "fuzz_chunks") else [HERE / "oracle.c"]
    sources = [HERE / f"{program}.c", *oracle, *sorted(NATIVE.rglob("*.c"))]
    flags = ["-std=c11", "-D_GNU_SOURCE", "-O2", "-fwrapv", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"]
    folders = ["-I", str(NATIVE), "-I", str(HERE)]
    command = [str(COMPILER), *flags, *folders, *map(str, sources), "-lm", "-lpthread", "-o", str(binary)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    result = subprocess.run([str(binary), *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_levels_agree_with_oracle(tmp_path: Path) -> None:
    assert "0 failures" in run(tmp_path, "levels", "1", "quick")


def test_damaged_pieces_give_the_oracle_s_status(tmp_path: Path) -> None:
    assert "damaged pieces" in run(tmp_path, "fuzz", "3", "1")


def test_damaged_streams_are_refused_or_the_array(tmp_path: Path) -> None:
    assert "damaged streams" in run(tmp_path, "fuzz_streams", "3", "1")


def test_the_hdf5_filter_refuses_damaged_chunks(tmp_path: Path) -> None:
    assert "damaged chunks" in run(tmp_path, "fuzz_chunks", "3", "1")
