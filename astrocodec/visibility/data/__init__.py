"""Sets of visibilities in files: Measurement Sets, uvh5, uvfits and NumPy archives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from astrocodec.visibility.data.visibility_set import VisibilitySet

__all__ = ["open_visibilities"]


def open_visibilities(path: str | os.PathLike[str], column: str = "DATA") -> list[VisibilitySet]:
    """
    Open the visibilities of a file or directory; of a Measurement Set there is one for each data description.

    Parameters
    ----------
    path : path
        A Measurement Set, a uvh5 or uvfits file, or a NumPy archive (`docs/visibilities.md`).
    column : str, optional
        Which visibilities of a Measurement Set.

    Returns
    -------
    list of VisibilitySet

    Raises
    ------
    FormatError
        It holds none.
    ImportError
        python-casacore, pyuvdata or h5py is needed, and not installed.

    Examples
    --------
    >>> import numpy as np, pathlib, tempfile
    >>> from astrocodec.visibility.data import open_visibilities
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.npz"
    >>> vis = np.ones((4, 1, 8, 2), "c8")
    >>> antennas = {"antenna1": [0], "antenna2": [1]}
    >>> np.savez(path, vis=vis, flags=vis == 0, freqs_hz=np.arange(8.0), times_jd=np.arange(4.0), **antennas)
    >>> (found,) = open_visibilities(path)
    >>> found.shape, [block.vis.shape for block in found.blocks(times=3)]
    ((4, 1, 8, 2), [(3, 1, 8, 2), (1, 1, 8, 2)])
    """
    if Path(path).is_dir():
        from astrocodec.visibility.data.measurement_set import open_measurement_set

        return list(open_measurement_set(path, column))
    with open(path, "rb") as file:
        head = file.read(8)
    if head[:4] == b"PK\3\4":
        from astrocodec.visibility.data.npz import NpzSet

        return [NpzSet(path)]
    if head == b"\x89HDF\r\n\x1a\n":
        from astrocodec.visibility.data.uvh5 import Uvh5Set

        return [Uvh5Set(path)]
    from astrocodec.visibility.data.uvfits import UvfitsSet

    return [UvfitsSet(path)]
