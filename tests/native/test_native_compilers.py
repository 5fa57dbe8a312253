"""The library by every compiler that is here: no warnings, the same bytes; and what the build says without one."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NATIVE = ROOT / "astrocodec" / "native"
PORTABLE = ROOT / "tests" / "interop" / "portable"
sys.path.append(str(ROOT / "tests" / "golden"))

from make_golden import CASES, STREAMS  # noqa: E402

COMPILERS = ["gcc-9", "gcc-11", "gcc-12", "gcc-14", "clang"]
PIECES = [word for name, (model, *_) in CASES.items() for word in (model, name)]


def flags() -> list[str]:
    """What setup.py compiles with."""
    found = re.search(r'^FLAGS = "(.*)"$', (ROOT / "setup.py").read_text(), re.MULTILINE)
    assert found is not None
    return [*found[1].split(), "-g", "-Werror", "-D_GNU_SOURCE", "-I", str(NATIVE), "-I", str(HERE)]


def knows_avxvnni(compiler: str, folder: Path) -> bool:
    """As setup.py asks it."""
    program = re.search(r'^AVXVNNI = """(.*?)"""', (ROOT / "setup.py").read_text(), re.MULTILINE | re.DOTALL)
    assert program is not None
    (folder / "program.c").write_text(program[1])
    command = [compiler, "-c", str(folder / "program.c"), "-o", str(folder / "program.o")]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def compile_library(compiler: str, folder: Path, *more: str) -> list[str]:
    """Object files; nothing may be printed on the way."""
    objects = []
    for source in sorted(NATIVE.rglob("*.c")):
        objects.append(str(folder / f"{source.parent.name}_{source.stem}.o"))
        built = subprocess.run(
            [compiler, *flags(), *more, "-c", str(source), "-o", objects[-1]],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (built.returncode, built.stderr) == (0, ""), built.stderr
    return objects


def run(compiler: str, objects: list[str], sources: list[Path], *arguments: str) -> str:
    """Link a program with the library, and run it."""
    binary = Path(objects[0]).parent / sources[0].stem
    command = [compiler, *flags(), *map(str, sources), *objects, "-lm", "-lpthread", "-ldl", "-o", str(binary)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    result = subprocess.run([str(binary), *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def check(compiler: str, folder: Path, *more: str) -> None:
    """All levels against the oracle; golden files decoded, and encoded to the same bytes."""
    objects = compile_library(compiler, folder, *more)
    assert "0 failures" in run(compiler, objects, [HERE / "levels.c", HERE / "oracle.c"], "1", "quick")
    golden = str(ROOT / "tests" / "golden")
    pieces = run(compiler, objects, [PORTABLE / "decode_golden.c"], golden, *PIECES)
    assert len(pieces.splitlines()) == len(CASES)
    streams = run(compiler, objects, [PORTABLE / "decode_streams.c"], golden, *STREAMS)
    assert len(streams.splitlines()) == len(STREAMS)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_no_warnings_and_the_same_bytes(compiler: str, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    check(compiler, tmp_path, *([] if knows_avxvnni(compiler, tmp_path) else ["-DAC_NO_AVXVNNI"]))


def test_what_older_compilers_lack_can_be_left_out(tmp_path: Path) -> None:
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        pytest.skip("no C compiler")
    objects = compile_library(compiler, tmp_path, "-DAC_NO_AVXVNNI", "-O0")
    golden = str(ROOT / "tests" / "golden")
    pieces = run(compiler, objects, [PORTABLE / "decode_golden.c"], golden, *PIECES)
    assert len(pieces.splitlines()) == len(CASES)


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
