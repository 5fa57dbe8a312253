"""Where model files lie: the folders of ``$ASTROCODEC_MODELS``, the user's own, and the package's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["PACKAGE", "model_files", "search_path", "user_folder"]

PACKAGE = Path(__file__).parent / "models"


def user_folder() -> Path:
    """
    Return the folder that `astrocodec models add` puts models into; it need not be there.

    A RuntimeError where the user has none: no ``$HOME``, and the system does not know who it is.


    Examples
    --------
    >>> user_folder().parts[-2:]
    ('astrocodec', 'models')
    """
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "astrocodec" / "models"


def search_path() -> tuple[Path, ...]:
    """
    Return the folders where models are looked for, in this order.

    ``$ASTROCODEC_MODELS`` is a list of folders, as ``$PATH`` is one.

    Examples
    --------
    >>> search_path()[-1] == PACKAGE
    True
    """
    named = [Path(folder) for folder in os.environ.get("ASTROCODEC_MODELS", "").split(os.pathsep) if folder]
    with suppress(RuntimeError):  # as in a container whose user is a mere number
        named.append(user_folder())
    return (*named, PACKAGE)


def model_files(folder: Path) -> Iterator[Path]:
    """
    Yield the model files of a folder, in the order of their names; none where it cannot be read.

    Examples
    --------
    >>> [path.suffix for path in model_files(PACKAGE)]
    ['.acm']
    """
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        if name.endswith(".acm") and not name.startswith(".") and os.path.isfile(folder / name):
            yield folder / name
