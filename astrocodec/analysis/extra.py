"""The libraries of the extra ``[analysis]``, imported when they are needed."""

import importlib
from typing import Any


def require(module: str) -> Any:
    """Import a module of photutils, SciPy or astropy; the error where it is missing says what to install.

    Examples
    --------
    >>> require("photutils.background").__name__
    'photutils.background'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(
            f"analysis needs {package}, which is not installed: run `pip install astrocodec[analysis]`", name=error.name
        ) from error
