"""astropy knows ASTROCODEC_1 whichever package is imported first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import fits_tiles

ROOT = Path(fits_tiles.__file__).parents[1]
KNOWN = "from astropy.io.fits.hdu.compressed._tiled_compression import ALGORITHMS; print('ASTROCODEC_1' in ALGORITHMS)"


def run(program: str, *arguments: str | Path) -> str:
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-W", "error", "-c", program, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "imports",
    [
        "import fits_tiles; import astropy.io.fits",
        "import fits_tiles; from astropy.io import fits",
        "import astropy.io.fits; import fits_tiles",
        "import fits_tiles; fits_tiles.CompImageHDU",
        "import fits_tiles; fits_tiles.register()",
        "from fits_tiles import unregister, register; unregister(); register()",
        "import fits_tiles, importlib; importlib.import_module('astropy.io.fits.convenience')",
    ],
)
def test_either_order_registers(imports: str) -> None:
    assert run(f"{imports}; {KNOWN}") == "True"


def test_unregister_is_the_last_word() -> None:
    assert run(f"import fits_tiles; fits_tiles.unregister(); {KNOWN}") == "False"
