"""The examples run, and say what they did."""

import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import ROOT, environment

# What the examples need beyond astropy and h5py.
NEEDS = {
    "analysis_gallery": ("photutils", "scipy", "skimage", "matplotlib"),
    "measurement_set_round_trip": ("casacore",),
    "uvh5_in_five_lines": ("pyuvdata",),
    "xarray_netcdf": ("xarray", "h5netcdf", "netCDF4"),
    "zarr_references": ("zarr", "fsspec"),
}
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path: Path, tmp_path: Path) -> None:
    """In a process of its own, with warnings as errors."""
    for module in ("h5py", *NEEDS.get(path.stem, ())):
        pytest.importorskip(module)
    command = [sys.executable, "-W", "error", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment(), timeout=100)
    assert result.returncode == 0, result.stderr
    assert "bytes" in result.stdout
    assert not list(tmp_path.iterdir())


def test_compress_directory_of_the_user(tmp_path: Path) -> None:
    """A directory on the command line."""
    from astropy.io import fits
    from cli_process import sky

    fits.PrimaryHDU(sky(60, 80)).writeto(tmp_path / "one.fits")
    command = [sys.executable, str(ROOT / "examples" / "compress_directory.py"), str(tmp_path)]
    subprocess.run(command, check=True, env=environment(), timeout=100)
    assert [path.name for path in (tmp_path / "compressed").iterdir()] == ["one.ac.fits"]
