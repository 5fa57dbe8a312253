"""The examples in docstrings run."""

import doctest
import importlib
import pkgutil

import pytest

pytest.importorskip("h5py", reason="h5py is not installed")


PACKAGES = [
    "astrocodec.stages",
    "astrocodec.files",
    "fits_tiles",
    "hdf5_filter",
    "astrocodec.zarr",
    "astrocodec.analysis",
]


@pytest.mark.parametrize("package", PACKAGES)
def test_examples_of_docstrings(package: str) -> None:
    if package.endswith("zarr"):
        pytest.importorskip("zarr", reason="zarr is not installed")
    if package.endswith("analysis"):
        for library in ("photutils", "skimage", "matplotlib", "zarr"):
            pytest.importorskip(library, reason=f"{library} is not installed")
    top = importlib.import_module(package)
    attempted = 0
    for entry in pkgutil.walk_packages(top.__path__, f"{package}."):
        outcome = doctest.testmod(importlib.import_module(entry.name))
        assert not outcome.failed, entry.name
        attempted += outcome.attempted
    assert attempted > 3
