"""Puts this folder on the path, for the modules that several test folders share, and refuses to test a stale build."""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "astrocodec"


def pytest_configure() -> None:
    """Stop where the package in this source tree was not built, or its C sources were edited since."""
    found = find_spec("astrocodec")
    if found is None or found.origin is None or Path(found.origin).parent != PACKAGE:
        return  # tests of an installed package
    libraries = list(PACKAGE.glob("libastrocodec*.so"))
    if not libraries:
        raise pytest.UsageError("the native library is not built here: run `pip install -e .`")
    built = max(library.stat().st_mtime for library in libraries)
    newer = sorted(p.name for p in PACKAGE.glob("native/**/*.[ch]") if p.stat().st_mtime > built)
    if newer and "ASTROCODEC_ALLOW_STALE" not in os.environ:
        raise pytest.UsageError(
            f"the native library is older than {', '.join(newer)}: run `pip install -e .` again, or set"
            " ASTROCODEC_ALLOW_STALE=1 to test the old one"
        )


@pytest.fixture(autouse=True, scope="session")
def _no_waiting_for_disks() -> Iterator[None]:
    """Nobody pulls the plug while tests run, and flushing what they write takes a tenth of their time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield
