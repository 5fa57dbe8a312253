"""Sizes that other lossless codecs reach on an image: RICE by astropy; JPEG-LS and JPEG-XL where imagecodecs is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.bench.peers import NotApplicableError, Peer, choose_peers, fits_codec

__all__ = ["PeerSize", "peer_sizes"]

_WITH_IMAGECODECS = ("JPEG-LS", "JPEG-XL 7")


@dataclass(frozen=True)
class PeerSize:
    """
    What another codec needs for an image.

    Attributes
    ----------
    codec : str
        Its name; the number of JPEG-XL is its effort.
    n_bytes : int or None
        None where it was not measured.
    note : str
        What was done to the pixels first, or why it was not measured.
    """

    codec: str
    n_bytes: int | None
    note: str = ""


def peer_sizes(image: NDArray[Any]) -> tuple[PeerSize, ...]:
    """
    Encode an image with other codecs, losslessly and on one thread.

    Parameters
    ----------
    image : ndarray, [y, x]
        Integers; no codec here takes floats without loss.

    Returns
    -------
    tuple of PeerSize
        RICE_1, JPEG-LS, JPEG-XL.

    Examples
    --------
    >>> [size.codec for size in peer_sizes(np.arange(10000, dtype="u2").reshape(100, 100))]
    ['RICE_1', 'JPEG-LS', 'JPEG-XL 7']
    """
    names = ("RICE_1", *_WITH_IMAGECODECS)
    if image.dtype.kind not in "iu":
        return tuple(PeerSize(name, None, f"takes no {image.dtype.name} without loss") for name in names)
    sizes = [_size(fits_codec("RICE_1"), image)]
    try:
        sizes += [_size(peer, image) for peer in choose_peers(_WITH_IMAGECODECS)]
    except ImportError:
        sizes += [PeerSize(name, None, "imagecodecs is not installed") for name in _WITH_IMAGECODECS]
    return tuple(sizes)


def _size(peer: Peer, image: NDArray[Any]) -> PeerSize:
    stack = np.ascontiguousarray(image)[None]
    try:
        streams = peer.encode(stack)
        return PeerSize(peer.name, sum(peer.charge(stream) for stream in streams), peer.remark(stack))
    except (NotApplicableError, RuntimeError, ValueError) as error:
        return PeerSize(peer.name, None, " ".join(str(error).split()) or type(error).__name__)
