"""Whatever the hook uses inside astropy is looked for first, and its absence is one clear error."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import pytest
from astropy.io import fits

import fits_tiles
from fits_tiles.hooks import astropy_hook, astropy_names

FOLDER = Path(fits_tiles.__file__).parent / "hooks"
OBJECTS = [(owner, name) for owner, names in astropy_names._ATTRIBUTES.items() for name in names]
METHODS = [(owner, name) for owner, names in astropy_names._METHODS.items() for name in names]


def test_every_private_name_that_is_used_is_looked_for() -> None:
    looked_for = {name for tables in (astropy_names._ATTRIBUTES, astropy_names._METHODS) for name in _flat(tables)}
    looked_for |= set(_flat(astropy_names._NEEDED))
    used, own = set(), set()
    for stem in ("astropy_hook", "astropy_codecs", "rewritten", "tile_table_hdu", "hdu"):
        for node in ast.walk(ast.parse((FOLDER / f"{stem}.py").read_text())):
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
                used.add(node.attr)
            elif isinstance(node, ast.FunctionDef):
                own.add(node.name)
            elif isinstance(node, ast.ClassDef):
                own |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
                own |= {part.attr for part in ast.walk(node) if _is_set_on_self(part)}
    own.add("_tmp_bintable")  # is asked for with a default, since astropy does not always set it
    assert used - own <= looked_for


def _is_set_on_self(node: ast.AST) -> TypeGuard[ast.Attribute]:
    is_set = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    return is_set and ast.unparse(node.value) == "self"


def _flat(tables: dict[str, tuple[str, ...]]) -> list[str]:
    return [name for names in tables.values() for name in names]


class _Hidden:
    """Shows an object but for one attribute."""

    def __init__(self, shown: Any, hidden: str) -> None:
        self.__dict__.update(shown=shown, hidden=hidden)

    def __getattr__(self, name: str) -> Any:
        if name == self.hidden:
            raise AttributeError(name)
        return getattr(self.shown, name)

    def __call__(self) -> Any:
        return self.shown()


def _assert_refused(message: str) -> None:
    fits_tiles.unregister()
    with pytest.raises(fits_tiles.AstropyHookError, match=rf"astropy \d.*{message} fits_tiles needs"):
        fits_tiles.register()
    assert not astropy_hook._undo


@pytest.fixture(autouse=True)
def _registered_again(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let later tests find astropy registered."""
    yield
    monkeypatch.undo()
    fits_tiles.register()


@pytest.mark.parametrize(("owner", "name"), OBJECTS)
def test_an_attribute_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, owner: str, name: str) -> None:
    monkeypatch.setattr(astropy_names, "_objects", _objects_without(astropy_names._objects, owner, name))
    _assert_refused(rf"has no attribute {owner}\.{name}, which")


def _objects_without(original: Callable[[], dict[str, Any]], owner: str, name: str) -> Callable[[], dict[str, Any]]:
    def objects() -> dict[str, Any]:
        made = original()
        made[owner] = _Hidden(made[owner], name)
        return made

    return objects


@pytest.mark.parametrize(("owner", "name"), METHODS)
def test_a_method_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, owner: str, name: str) -> None:
    found = getattr(fits, owner)
    monkeypatch.setattr(fits, owner, _Hidden(found, name))
    _assert_refused(rf"has no method {owner}\.{name}, which")


@pytest.mark.parametrize(
    ("module", "name"),
    [("base", "DTYPE2BITPIX"), ("base", "BITPIX2DTYPE"), ("compressed.settings", "DEFAULT_QUANTIZE_LEVEL")],
)
def test_a_name_that_is_missing_keeps_no_one_from_importing(tmp_path: Path, module: str, name: str) -> None:
    pixels = np.random.default_rng(1).normal(100, 5, (60, 70)).astype("f4")
    fits.PrimaryHDU(pixels).writeto(tmp_path / "a.fits")
    program = f"""
import sys, warnings
import astropy.io.fits.hdu.{module} as module
del module.{name}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import fits_tiles
print(*[f"{{one.category.__name__}}: {{one.message}}" for one in caught])
a, b, c = sys.argv[1:]
fits_tiles.compress(a, b, quantize_level=16, tune=False)
fits_tiles.decompress(b, c)
"""
    paths = [tmp_path / name for name in ("a.fits", "b.fits", "c.fits")]
    command = [sys.executable, "-c", program, *map(str, paths)]
    run = subprocess.run(command, check=True, capture_output=True, text=True, cwd=FOLDER.parents[1])
    assert re.match(rf"RuntimeWarning: astropy \d.* has no name astropy.io.fits.hdu.{module}.{name}, which", run.stdout)
    with fits.open(paths[2]) as hdus:
        np.testing.assert_allclose(hdus[0].data, pixels, atol=1)
