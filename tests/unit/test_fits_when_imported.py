"""astropy is imported when it is needed, and knows ASTROCODEC_1 whichever package is imported first."""

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


def test_compressing_and_decompressing_need_no_astropy(tmp_path: Path) -> None:
    fits.PrimaryHDU(np.arange(10_000, dtype=np.int16).reshape(100, 100)).writeto(tmp_path / "a.fits")
    program = """
import sys, fits_tiles
a, b, c = sys.argv[1:]
fits_tiles.compress(a, b)
fits_tiles.decompress(b, c)
fits_tiles.info(b), fits_tiles.verify(b, a)
print([name for name in ("astropy", "multiprocessing", "rich") if name in sys.modules], len(sys.meta_path))
"""
    before = int(run("import sys; print(len(sys.meta_path))"))
    assert run(program, *(tmp_path / name for name in ("a.fits", "b.fits", "c.fits"))) == f"[] {before + 1}"
    assert (tmp_path / "c.fits").read_bytes() == (tmp_path / "a.fits").read_bytes()


def test_the_finder_goes_when_it_is_done() -> None:
    program = """
import sys, fits_tiles
here = [type(finder).__module__ for finder in sys.meta_path]
import astropy.io.fits
left = [type(finder).__module__ for finder in sys.meta_path]
print(here.count("fits_tiles.when_imported"), left.count("fits_tiles.when_imported"))
"""
    assert run(program) == "1 0"


def test_an_astropy_laid_out_otherwise_is_a_warning_on_import() -> None:
    program = """
import warnings, sys
import fits_tiles.when_imported as w
import fits_tiles.astropy_hook as hook
import fits_tiles.astropy_names as names
hook.unregister()
names._NEEDED["compressed.settings"] = ("NO_SUCH_NAME",)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    w.register_with_astropy()
(one,) = caught
print(one.category.__name__, one.message)
"""
    found = run(program)
    assert found.startswith("RuntimeWarning astropy ")
    assert "has no name astropy.io.fits.hdu.compressed.settings.NO_SUCH_NAME" in found


def test_names_of_the_package() -> None:
    assert set(fits_tiles.__all__) <= set(dir(fits_tiles))
    assert all(getattr(fits_tiles, name) is not None for name in fits_tiles.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = fits_tiles.nothing
