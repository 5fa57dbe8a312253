"""The tests of memory layouts once more, by a library that stops where an address is not aligned."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPILER = shutil.which(os.environ.get("CC", "cc"))
FLAGS = ["-std=c11", "-O0", "-fPIC", "-shared", "-fwrapv", "-ffp-contract=off"]
SANITISE = ["-fsanitize=alignment", "-fno-sanitize-recover=alignment"]


@pytest.mark.skipif(COMPILER is None, reason="no C compiler")
def test_no_address_is_misaligned(tmp_path: Path) -> None:
    package = tmp_path / "astrocodec"
    shutil.copytree(ROOT / "astrocodec", package, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    sources = sorted(map(str, (package / "native").rglob("*.c")))
    library = ["-I", str(package / "native"), "-lm", "-o", str(package / "libastrocodec.so")]
    built = subprocess.run(
        [str(COMPILER), *FLAGS, *SANITISE, *sources, *library], capture_output=True, text=True, check=False
    )
    if "ubsan" in built.stderr:
        pytest.skip("the compiler has no sanitiser")
    assert built.returncode == 0, built.stderr
    arguments = "(a.ctypes.data + 1, 2, 2, 2, p.ctypes.data, None, 1, o.ctypes.data)"
    arrays = "a = np.zeros(9, 'u2'); p = np.zeros(1, 'u4'); o = np.zeros(1, _native.CONTEXT); "
    probe = f"import numpy as np; from astrocodec import _native; {arrays}_native._library.ac_piece_contexts{arguments}"
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    stopped = subprocess.run(
        [sys.executable, "-c", probe], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert "misaligned address" in stopped.stderr  # it does stop
    tests = [str(ROOT / "tests" / "unit" / "test_native_alignment.py"), "-q", "-p", "no:cacheprovider"]
    found = subprocess.run(
        [sys.executable, "-m", "pytest", *tests],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
