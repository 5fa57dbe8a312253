"""The library by other compilers that are here: no warnings, the same bytes; and what the build says without one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from native_library import (
    COMPILER,
    EXHAUSTIVE,
    NATIVE,
    PROGRAMS,
    ROOT,
    check_golden_files,
    check_golden_pieces,
    compile_library,
    flags,
    run,
)

COMPILERS = ["gcc-9", "gcc-11", "gcc-12", "gcc-14", "clang"]
# Enough to decode by: -O3 takes three times as long to compile, and is what test_native_levels.py has.
QUICK = () if EXHAUSTIVE else ("-O1",)


def is_the_usual_one(compiler: str) -> bool:
    """Whether the package's own build, and test_native_levels.py, use it."""
    return COMPILER is not None and os.path.realpath(str(shutil.which(compiler))) == os.path.realpath(COMPILER)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_no_warnings_and_the_same_bytes(compiler: str, tmp_path: Path) -> None:
    """All levels against the oracle; golden files decoded, and encoded to the same bytes."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    if is_the_usual_one(compiler):
        pytest.skip(f"{compiler} is what test_native_levels.py builds with")
    objects = compile_library(compiler, tmp_path, *QUICK, of_learners=QUICK and ("-O0",))
    assert "0 failures" in run(compiler, objects, PROGRAMS / "levels.c", "1", "quick" if EXHAUSTIVE else "few")
    check_golden_files(compiler, objects)


@pytest.mark.skipif(COMPILER is None, reason="no C compiler")
def test_what_older_compilers_lack_can_be_left_out(tmp_path: Path) -> None:
    check_golden_pieces(str(COMPILER), compile_library(str(COMPILER), tmp_path, "-DAC_NO_AVXVNNI", "-O0"))


def build(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run setup.py in the source tree, with its output elsewhere."""
    pytest.importorskip("setuptools", "77")
    folders = ["--build-temp", str(tmp_path), "--build-lib", str(tmp_path)]
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--force", *folders]
    found = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert not list(tmp_path.rglob("*.so"))
    return found


@pytest.mark.parametrize("environment", [{"CC": "/nonexistent/cc"}, {"CC": "gcc", "PATH": "/nonexistent"}])
def test_without_a_compiler_one_line_says_so(environment: dict[str, str], tmp_path: Path) -> None:
    found = build(tmp_path, **environment)
    line = f"error: astrocodec needs a C compiler, and {environment['CC']!r} was not found: install gcc (9 or newer)"
    assert found.returncode == 1
    assert found.stderr.count("\n") == 1
    assert found.stderr.startswith(line)


def test_a_compiler_without_headers_is_named_in_one_line(tmp_path: Path) -> None:
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        pytest.skip("no C compiler")
    found = build(tmp_path, CC=f"{compiler} -nostdinc")
    assert found.returncode == 1
    assert found.stderr.count("\n") == 1
    assert "the headers of libc" in found.stderr
    assert compiler in found.stderr


@pytest.mark.parametrize("option", ["-ffast-math", "-Ofast"])
def test_inexact_floats_are_refused(tmp_path: Path, option: str) -> None:
    """By the compiler: a library built so might decode other pixels than it was given."""
    compiler = next(filter(shutil.which, ("cc", *COMPILERS)))
    source = NATIVE / "kernels" / "portable.c"
    command = [compiler, *flags(), option, "-c", str(source), "-o", str(tmp_path / "portable.o")]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode != 0
    assert "build it without -ffast-math" in built.stderr
