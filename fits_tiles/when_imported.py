"""Registration with astropy as soon as astropy is imported, before this package or after it."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["register_with_astropy"]

_ASTROPY = "astropy.io.fits"


def register_with_astropy() -> None:
    """Register the tile codec now if `astropy.io.fits` is there, otherwise as soon as something imports it."""
    if _ASTROPY in sys.modules:
        _register()
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def _register() -> None:
    from fits_tiles import astropy_hook

    if not hasattr(astropy_hook, "register"):
        return  # it is being imported and has just imported astropy; it calls again when it is whole
    try:
        astropy_hook.register()
    except astropy_hook.AstropyHookError as error:
        # compress and decompress do not need the hook, so they stay usable.
        warnings.warn(str(error), RuntimeWarning, stacklevel=2)


class _Finder(MetaPathFinder):
    """Lets the other finders find astropy, and registers when the module has been executed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _ASTROPY:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module: ModuleType) -> None:
                execute(module)
                _register()

            spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec
