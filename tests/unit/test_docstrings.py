"""The examples in docstrings of the stages, of the HDF5 and Zarr doors and of the analysis run."""

import doctest
import importlib
import pkgutil

import pytest

pytest.importorskip("h5py", reason="h5py is not installed")


@pytest.mark.parametrize("package", ["astrocodec.stages", "hdf5_filter", "astrocodec.zarr", "astrocodec.analysis"])
def test_examples_of_docstrings(package: str) -> None:
    if package.endswith("zarr"):
        pytest.importorskip("zarr", reason="zarr is not installed")
    if package.endswith("analysis"):
        for library in ("photutils", "skimage", "matplotlib", "zarr"):
            pytest.importorskip(library, reason=f"{library} is not installed")
    top = importlib.import_module(package)
    attempted = 0
    for entry in pkgutil.iter_modules(top.__path__):
        outcome = doctest.testmod(importlib.import_module(f"{package}.{entry.name}"))
        assert not outcome.failed, entry.name
        attempted += outcome.attempted
    assert attempted > 3
