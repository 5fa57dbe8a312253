"""Codecs: what may stand behind a stream's header (docs/format.md section "Codecs").

The C library knows two, *stored* and *causal*. Others are packages: they name their codecs in the entry points
``astrocodec.codecs``, or call `register`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CodecNotFoundError

GROUP = "astrocodec.codecs"
NATIVE = {0: "stored", 1: "causal"}
_MAX_TEXT = 255


class Codec(Protocol):
    """What a codec has and does; `examples/codec_package` is one to copy.

    Attributes
    ----------
    id : int
        Byte that names it in streams: 192 to 255 for private use, others are assigned in docs/format.md.
    name : str
        What users call it by.
    exact : bool
        Whether `decode` gives back the very elements.
    install : str
        What to do where it is missing, such as ``"pip install NAME"``.
    """

    id: int
    name: str
    exact: bool
    install: str

    def encode(self, values: NDArray[Any], **options: Any) -> tuple[bytes, bytes]:
        """Parameters and data of an array in C order and native byte order."""

    def decode(
        self, parameters: bytes, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...], *, device: str
    ) -> NDArray[Any]:
        """The array; bytes that are damaged give a `FormatError`, and no more memory than dtype and shape say."""

    def inspect(self, parameters: bytes) -> Mapping[str, object]:
        """What the parameters say, for `astrocodec.inspect`."""


_registered: dict[int, Codec] = {}


def register(codec: Codec) -> None:
    """Make a codec known in this process; one that is installed as an entry point is known without.

    Raises
    ------
    ValueError
        Its id or name is another codec's, or its texts are too long for a stream.

    Examples
    --------
    >>> register(None)
    Traceback (most recent call last):
    TypeError: None is not a codec: it has no attribute id
    """
    for attribute in ("id", "name", "exact", "install", "encode", "decode", "inspect"):
        if not hasattr(codec, attribute):
            raise TypeError(f"{codec!r} is not a codec: it has no attribute {attribute}")
    if not 2 <= codec.id <= 255:
        raise ValueError(f"codec {codec.name}: id {codec.id} found, 192 to 255 are for private use")
    if len(label(codec)) > _MAX_TEXT:
        raise ValueError(f"codec {codec.name}: name and install have {len(label(codec))} bytes, at most {_MAX_TEXT}")
    for other in _registered.values():
        is_other = type(other) is not type(codec) and other is not codec
        if is_other and (other.id == codec.id or other.name == codec.name):
            raise ValueError(
                f"codec {codec.name} (id {codec.id}): {other.name} (id {other.id}) is registered already; "
                "take another id and name"
            )
    _registered[codec.id] = codec


def label(codec: Codec) -> bytes:
    """What a stream holds of a codec in its section "name"."""
    return f"{codec.name}\n{codec.install}".encode()


@functools.cache
def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _load(entry: EntryPoint) -> Codec:
    """Import what an entry point names, and register it."""
    for codec in _registered.values():
        if codec.name == entry.name:
            return codec
    found = entry.load()
    loaded: Codec = found() if isinstance(found, type) else found
    register(loaded)
    return loaded


def find_codec(key: int | str, said: bytes = b"") -> Codec:
    """The codec of an id or a name, registered or installed; `said` is what the stream says of it (section "name").

    Raises
    ------
    CodecNotFoundError
        There is none here; the message says what to install.
    """
    for codec in _registered.values():
        if key in (codec.id, codec.name):
            return codec
    problems = []
    for entry in _installed().values():
        if isinstance(key, str) and entry.name != key:
            continue
        try:
            codec = _load(entry)
        except Exception as error:  # one broken package must not hide the others
            problems.append(f"{entry.name} ({entry.value}) does not import: {error}")
            continue
        if key in (codec.id, codec.name):
            return codec
    raise CodecNotFoundError("; ".join([missing(key, said), *problems]))


def exact_codec(name: str) -> str:
    """The name of a codec that files are compressed with, which must give every bit back.

    Raises
    ------
    ValueError
        It is not exact.
    CodecNotFoundError
        It is not here.

    Examples
    --------
    >>> exact_codec("causal")
    'causal'
    """
    if name not in NATIVE.values() and not find_codec(name).exact:
        raise ValueError(f"codec {name!r} does not give every bit back, and files are compressed without loss only")
    return name


def missing(key: int | str, said: bytes = b"") -> str:
    """What is needed to read a stream of a codec that is not here."""
    parts = said.decode("utf-8", "replace").partition("\n")
    name, _, install = ("".join(c if c.isprintable() else "?" for c in part) for part in parts)
    if isinstance(key, str):
        there = ", ".join(sorted({*NATIVE.values(), *_installed(), *(codec.name for codec in _registered.values())}))
        return f"codec {key!r} is not installed; here are {there}"
    if name:
        advice = f": {install}" if install else ""
        return f"codec {name!r} (id {key}) is needed, which is not installed{advice}"
    if key < 192:
        return f"codec {key} is needed, which this package does not know: upgrade astrocodec"
    return f"codec {key} is needed, a private one that is not installed: ask who wrote the data for it"


def list_codecs() -> dict[str, bool]:
    """Names of the codecs here, and whether each is exact.

    Examples
    --------
    >>> list_codecs()["causal"]
    True
    """
    for entry in _installed().values():
        try:
            _load(entry)
        except Exception:  # listed are those that work
            continue
    return {"stored": True, "causal": True} | {codec.name: codec.exact for codec in _registered.values()}
