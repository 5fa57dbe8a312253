"""All lossy codecs of the benchmark, ours first."""

from __future__ import annotations

from collections.abc import Iterable

from astrocodec.bench.lossy.fits_peers import fits_peers
from astrocodec.bench.lossy.hdf5_peers import hdf5_peers
from astrocodec.bench.lossy.ours import our_peers
from astrocodec.bench.lossy.peer import LossyPeer
from astrocodec.bench.lossy.picture_peers import picture_peers

__all__ = ["lossy_peers"]


def lossy_peers(names: Iterable[str] = ()) -> list[LossyPeer]:
    """
    Choose codecs by parts of their names, by default all; fpack's is always among them, for all are compared with it.

    Raises
    ------
    ValueError
        No codec has such a name.

    Examples
    --------
    >>> [peer.name for peer in lossy_peers(["sz3"])]
    ['fpack RICE', 'SZ3']
    """
    known = [*our_peers(), *fits_peers(), *hdf5_peers(), *picture_peers()]
    wanted = [name.lower() for name in names]
    for name in wanted:
        if not any(name in peer.name.lower() for peer in known):
            raise ValueError(f"no codec is called {name!r}; known are {', '.join(peer.name for peer in known)}")
    return [
        peer
        for peer in known
        if not wanted or peer.name == "fpack RICE" or any(name in peer.name.lower() for name in wanted)
    ]
