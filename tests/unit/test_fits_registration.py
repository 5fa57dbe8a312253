"""astropy knows ASTROCODEC_1 whichever package is imported first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

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


def test_an_astropy_laid_out_otherwise_is_a_warning_on_import(tmp_path: Path) -> None:
    fits.PrimaryHDU(np.arange(10_000, dtype=np.int16).reshape(100, 100)).writeto(tmp_path / "a.fits")
    program = """
import sys, warnings
from astropy.io.fits.hdu.compressed import settings
del settings.DEFAULT_QUANTIZE_LEVEL
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import fits_tiles
(one,) = caught
fits_tiles.compress(*sys.argv[1:3])
fits_tiles.decompress(*sys.argv[2:])
print(one.category.__name__, one.message)
"""
    found = run(program, *(tmp_path / name for name in ("a.fits", "b.fits", "c.fits")))
    assert found.startswith("RuntimeWarning astropy ")
    assert "has no name astropy.io.fits.hdu.compressed.settings.DEFAULT_QUANTIZE_LEVEL" in found
    assert (tmp_path / "c.fits").read_bytes() == (tmp_path / "a.fits").read_bytes()
