"""docs/native.md: its program is built with its command, and runs."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "native.md").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")
def test_the_example_runs(tmp_path: Path) -> None:
    """Built without optimising, in a fifth of the time; tests/native has the library as setup.py compiles it."""
    program, command = (re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)[0] for kind in ("c", "sh"))
    (tmp_path / "example.c").write_text(program, encoding="utf-8")
    command = command.replace("example.c", str(tmp_path / "example.c")).replace("-o example", f"-o {tmp_path}/example")
    subprocess.run(["sh", "-c", command.replace("-O3", "-O0 -Wall -Wextra -Werror")], cwd=ROOT, check=True)
    result = subprocess.run([str(tmp_path / "example")], capture_output=True, text=True, check=True)
    assert result.stdout.endswith("of 240000 bytes, the same pixels\n")


def test_every_status_is_explained() -> None:
    header = (ROOT / "astrocodec" / "native" / "astrocodec.h").read_text(encoding="utf-8")
    statuses = set(re.findall(r"\b(AC_ERROR_\w+) =", header)) - {"AC_ERROR_MODEL"}
    assert statuses == set(re.findall(r"`(AC_ERROR_\w+)`", PAGE)) - {"AC_ERROR_MODEL"}
