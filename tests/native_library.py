"""The C library compiled by hand, and programs linked with it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
NATIVE = ROOT / "astrocodec" / "native"
PROGRAMS = ROOT / "tests" / "native"
PORTABLE = ROOT / "tests" / "interop" / "portable"
GOLDEN = ROOT / "tests" / "golden"
sys.path.append(str(GOLDEN))

from make_golden import CASES, STREAMS  # noqa: E402

# Arguments of the two programs that read golden files.
PIECES = [word for name, (model, *_) in CASES.items() for word in (model, name)]
VISIBILITIES = sorted(path.stem.removeprefix("v1_") for path in GOLDEN.glob("v1_visibility_*.acs"))
COMPILER = shutil.which(os.environ.get("CC", "cc"))
# Whether also that is tried which takes minutes and has a quicker representative.
EXHAUSTIVE = os.environ.get("ASTROCODEC_EXHAUSTIVE") == "1"


def flags() -> list[str]:
    """What setup.py compiles with."""
    found = re.search(r'^FLAGS = "(.*)"$', (ROOT / "setup.py").read_text(), re.MULTILINE)
    assert found is not None
    return [*found[1].split(), "-Werror", "-D_GNU_SOURCE", "-I", str(NATIVE), "-I", str(PROGRAMS)]


def knows_avxvnni(compiler: str, folder: Path) -> bool:
    """As setup.py asks it."""
    program = re.search(r'^AVXVNNI = """(.*?)"""', (ROOT / "setup.py").read_text(), re.MULTILINE | re.DOTALL)
    assert program is not None
    (folder / "program.c").write_text(program[1])
    command = [compiler, "-c", str(folder / "program.c"), "-o", str(folder / "program.o")]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def compile_library(compiler: str, folder: Path, *more: str, of_learners: tuple[str, ...] = ()) -> list[str]:
    """Object files; nothing may be printed on the way.

    `of_learners` are options for what fits a model, which takes half of the time at any level but -O0.
    """
    objects = []
    if not knows_avxvnni(compiler, folder):
        more = (*more, "-DAC_NO_AVXVNNI")
    for source in sorted(NATIVE.rglob("*.c")):
        objects.append(str(folder / f"{source.parent.name}_{source.stem}.o"))
        last = of_learners if source.parent.name == "tuning" else ()
        _succeed([compiler, *flags(), *more, *last, "-c", str(source), "-o", objects[-1]], silent=True)
    return objects


def run(compiler: str, objects: list[str], program: Path, *arguments: str) -> str:
    """Link a program with the library, and run it."""
    binary = Path(objects[0]).parent / program.stem
    oracle = [str(PROGRAMS / "oracle.c")] if program.stem in ("levels", "fuzz") else []
    command = [compiler, *flags(), str(program), *oracle, *objects, "-lm", "-lpthread", "-ldl", "-o", str(binary)]
    _succeed(command)
    return _succeed([str(binary), *arguments])


def check_golden_pieces(compiler: str, objects: list[str]) -> None:
    """Decode them, and encode them to the same bytes."""
    lines = run(compiler, objects, PORTABLE / "decode_golden.c", str(GOLDEN), *PIECES)
    assert len(lines.splitlines()) == len(CASES)


def check_golden_files(compiler: str, objects: list[str]) -> None:
    """Decode pieces and streams, and encode them to the same bytes."""
    check_golden_pieces(compiler, objects)
    lines = run(compiler, objects, PORTABLE / "decode_streams.c", str(GOLDEN), *STREAMS, *VISIBILITIES)
    assert len(lines.splitlines()) == len(STREAMS) + len(VISIBILITIES)


def _succeed(command: list[str], silent: bool = False) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert not silent or result.stderr == "", result.stderr
    return result.stdout
