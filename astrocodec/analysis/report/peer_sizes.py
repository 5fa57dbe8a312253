"""Sizes that lossless codecs reach on an image: ours; RICE by astropy; JPEG-LS and JPEG-XL where imagecodecs is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.bench.peers import NotApplicableError, Peer, choose_peers, fits_codec
from astrocodec.codec import encode
from astrocodec.model import Model

__all__ = ["PeerSize", "peer_sizes"]

_WITH_IMAGECODECS = ("JPEG-LS", "JPEG-XL 7")
_LARGEST_SIDE = 1024


@dataclass(frozen=True)
class PeerSize:
    """What another codec needs for an image."""

    codec: str  # its name; the number of JPEG-XL is its effort
    n_bytes: int | None  # None where it was not measured
    pixels: int  # how many were encoded
    note: str = ""  # what was done to the pixels first, or why it was not measured

    @property
    def bits_per_pixel(self) -> float | None:
        """Of the pixels that were encoded."""
        return None if self.n_bytes is None else 8 * self.n_bytes / max(self.pixels, 1)


def peer_sizes(image: NDArray[Any], model: str | Model = "default") -> tuple[PeerSize, ...]:
    """Encode an image with ours and other codecs, losslessly and on one thread.

    Of large images it is the middle that is encoded, by all codecs alike: JPEG-XL takes half a second per megapixel. Of
    floats only ours is told: no other codec here takes them without loss.

    Examples
    --------
    >>> [size.codec for size in peer_sizes(np.arange(10000, dtype="u2").reshape(100, 100))]
    ['astrocodec', 'RICE_1', 'JPEG-LS', 'JPEG-XL 7']
    """
    part = np.ascontiguousarray(image[_middle(image.shape[0]), _middle(image.shape[1])])
    ours = PeerSize("astrocodec", len(encode(part, model)), part.size)
    if image.dtype.kind not in "iu":
        absent = f"takes no {image.dtype.name} without loss"
        return ours, *(PeerSize(name, None, part.size, absent) for name in ("RICE_1", *_WITH_IMAGECODECS))
    sizes = [ours, _size(fits_codec("RICE_1"), part)]
    try:
        sizes += [_size(peer, part) for peer in choose_peers(_WITH_IMAGECODECS)]
    except ImportError:
        sizes += [PeerSize(name, None, part.size, "imagecodecs is not installed") for name in _WITH_IMAGECODECS]
    return tuple(sizes)


def _middle(side: int) -> slice:
    """The middle of an axis."""
    start = max(0, (side - _LARGEST_SIDE) // 2)
    return slice(start, start + _LARGEST_SIDE)


def _size(peer: Peer, image: NDArray[Any]) -> PeerSize:
    stack = np.ascontiguousarray(image)[None]
    try:
        streams = peer.encode(stack)
        return PeerSize(peer.name, sum(peer.charge(stream) for stream in streams), image.size, peer.remark(stack))
    except (NotApplicableError, RuntimeError, ValueError) as error:
        return PeerSize(peer.name, None, image.size, " ".join(str(error).split()) or type(error).__name__)
