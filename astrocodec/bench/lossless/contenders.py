"""The codecs of the benchmark: those of its paper, and ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import astrocodec
from astrocodec.bench.lossless.rows import SHIPPED
from astrocodec.bench.peers import Peer, choose_peers
from astrocodec.codecs import find_codec
from astrocodec.errors import CodecNotFoundError, ModelNotFoundError

__all__ = [
    "CODECS",
    "LARGEST_SIDES",
    "LEARNED",
    "OURS",
    "Contender",
    "choose_codecs",
    "learned_codec",
    "shipped",
    "why_missing",
    "why_no_weights",
]

LEARNED = {"IDF": "idf", "L3C": "l3c", "PixelCNN++": "pixelcnn", "VDM": "vdm"}
OTHERS = {
    "JPEG-XL max": "JPEG-XL 10",
    "JPEG-XL": "JPEG-XL 7",
    "JPEG-LS": "JPEG-LS",
    "JPEG-2000": "JPEG-2000",
    "RICE": "RICE_1",
}
OURS = ("causal", "causal, tuned")
CODECS = (*LEARNED, *OTHERS, *OURS)  # in the order of the paper's columns
# Of codecs that take minutes for a patch the middle is taken, so many pixels along a side.
LARGEST_SIDES = {"VDM": 128}


@dataclass(frozen=True)
class Contender:
    """A codec, and of a learned one its weights."""

    codec: str  # one of `CODECS`
    weights: Path | None = None  # None: the package's own
    trained: str = ""  # as a row has it
    name: str = ""  # of a learned one in the registry

    def peer(self) -> Peer:
        """What encodes and decodes a stack of planes."""
        if self.codec in OTHERS:
            return choose_peers([OTHERS[self.codec]])[0]
        options: dict[str, Any] = {"codec": self.name, "weights": self.weights} if self.name else {}

        def encode(stack: NDArray[Any]) -> list[bytes]:
            model = astrocodec.tune(stack) if self.codec == OURS[1] else "default"
            return [astrocodec.encode(stack, model, **options)]

        return Peer(self.codec, encode, lambda streams, like: np.asarray(astrocodec.decode(streams[0])))


def choose_codecs(parts: Sequence[str]) -> list[str]:
    """Those whose names have one of these parts; all where there are none. ValueError for a part that no name has."""
    for part in parts:
        if not any(part.lower() in codec.lower() for codec in CODECS):
            raise ValueError(f"no codec has {part!r} in its name; known are {', '.join(CODECS)}")
    return [codec for codec in CODECS if not parts or any(part.lower() in codec.lower() for part in parts)]


def learned_codec(name: str) -> Any:
    """A `PatchCodec` of the registry, with its systems and their likelihoods."""
    return find_codec(name)


def why_missing(codec: str) -> str:
    """Why a codec is not here at all, empty where it is."""
    try:
        if codec in LEARNED:
            learned_codec(LEARNED[codec])
        elif codec in OTHERS:
            shipped(codec).peer()
    except (CodecNotFoundError, ImportError) as error:
        return " ".join(str(error).split())
    return ""


def why_no_weights(codec: str) -> str:
    """Why a learned codec cannot be used without weights of one's own, empty where it can."""
    try:
        learned_codec(LEARNED[codec]).system()
    except ModelNotFoundError as error:
        return " ".join(str(error).split())
    return ""


def shipped(codec: str) -> Contender:
    """A codec with the package's own weights, where it is a learned one."""
    return Contender(codec, None, SHIPPED, LEARNED[codec]) if codec in LEARNED else Contender(codec)
