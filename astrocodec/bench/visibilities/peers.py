"""All codecs of visibilities that are measured."""

from __future__ import annotations

from astrocodec.bench.visibilities.casacore_peers import casacore_peers
from astrocodec.bench.visibilities.hdf5_peers import hdf5_peers
from astrocodec.bench.visibilities.learned_peers import learned_peers
from astrocodec.bench.visibilities.ours import our_peers
from astrocodec.bench.visibilities.peer import VisPeer

__all__ = ["visibility_peers"]


def visibility_peers(names: tuple[str, ...] = ()) -> list[VisPeer]:
    """
    Codecs whose names contain one of `names`, or all.

    Raises
    ------
    ValueError
        For a name that is in none.

    Examples
    --------
    >>> [peer.name for peer in visibility_peers(("Dysco A", "order"))]
    ['order-0 dithered', 'Dysco AF']
    """
    every = [*our_peers(), *_order_0(), *casacore_peers(), *hdf5_peers(), *learned_peers()]
    for name in names:
        if not any(name.lower() in peer.name.lower() for peer in every):
            raise ValueError(f"no codec has {name!r} in its name; there are {', '.join(peer.name for peer in every)}")
    return [peer for peer in every if not names or any(name.lower() in peer.name.lower() for name in names)]


def _order_0() -> list[VisPeer]:
    """None where its range coder, constriction, is missing."""
    try:
        from astrocodec.bench.visibilities.dithered import dithered_peer
    except ImportError:
        return []
    return [dithered_peer()]
