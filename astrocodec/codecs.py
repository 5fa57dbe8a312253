"""Codecs: what may stand behind a stream's header (docs/format.md section "Codecs").

The C library knows *stored*, *causal* and, of visibilities, *visibility* and *flags*. Others are packages: they name
their codecs in the entry points ``astrocodec.codecs``, or call `register`. Learned codecs of this package are in
`OPTIONAL`; their modules are imported when they are used, since they need torch.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CodecNotFoundError, OptionError

GROUP = "astrocodec.codecs"
NATIVE = {0: "stored", 1: "causal", 96: "visibility", 97: "flags"}
# Of these, what encodes beside `astrocodec.encode`: it gives whole streams.
ENCODERS = {"visibility": "astrocodec.visibility:encode", "flags": "astrocodec.visibility:encode_flags"}
PRIVATE = 192  # ids from here on are never assigned
_MAX_TEXT = 255
# Codecs of this package that need more than it does: id, name, whether exact, and what makes them.
OPTIONAL = (
    (2, "idf", True, "astrocodec.lossless.idf:idf"),
    (3, "pixelcnn", True, "astrocodec.lossless.pixelcnn:pixelcnn"),
    (4, "l3c", True, "astrocodec.lossless.l3c:l3c"),
    (5, "vdm", True, "astrocodec.lossless.vdm:vdm"),
    (64, "autoencoder", False, "astrocodec.lossy.autoencoder:Autoencoder"),
    (65, "vqvae", False, "astrocodec.lossy.vqvae:vqvae"),
    (66, "vae", False, "astrocodec.lossy.vae:vae"),
    (67, "hyperprior", False, "astrocodec.lossy.hyperprior:hyperprior"),
    (68, "elic", False, "astrocodec.lossy.elic:elic"),
    (69, "qhvae", False, "astrocodec.lossy.qhvae:qhvae"),
    (98, "elic_visibility", False, "astrocodec.lossy.visibility_planes:elic_visibility"),
    (99, "qhvae_visibility", False, "astrocodec.lossy.visibility_planes:qhvae_visibility"),
)
LISTED = NATIVE | {codec_id: name for codec_id, name, _, _ in OPTIONAL}  # in docs/format.md, by id
RESEARCH = frozenset({5})  # show that something can be done, and are not for data
TORCH_INSTALL = "pip install 'astrocodec[torch]'"
_NEEDED = ("torch", "constriction", "safetensors")


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

    def encode(
        self, values: NDArray[Any], /, *_: Any, **options: Any
    ) -> tuple[bytes, bytes] | tuple[bytes, bytes, bytes]:
        """Parameters and data of an array in C order and native byte order; of one that lost within a bound, the loss.

        That is a section of docs/format.md, "Loss", which `astrocodec.inspect` tells.
        """

    def decode(
        self, parameters: bytes, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...], *, device: str
    ) -> NDArray[Any]:
        """The array; bytes that are damaged give a `FormatError`, and no more memory than dtype and shape say."""

    def inspect(self, parameters: bytes) -> Mapping[str, object]:
        """What the parameters say, for `astrocodec.inspect`."""


@runtime_checkable
class LayeredCodec(Codec, Protocol):
    """A codec whose streams hold several layers, each of which adds to those before."""

    def layers(self, parameters: bytes) -> tuple[str, ...]:
        """What a stream decodes to, the least first; the last is what `decode` gives."""

    def decode_first_layer(
        self, parameters: bytes, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...], *, device: str
    ) -> NDArray[Any]:
        """The first layer of several, of data that may be cut behind it, and that no checksum was compared of."""


_registered: dict[str, Codec] = {}


def register(codec: Codec) -> None:
    """Make a codec known in this process; one that is installed as an entry point is known without.

    Raises
    ------
    TypeError
        It lacks what a codec has, or has it of another type.
    ValueError
        Its name or id is another codec's, or a text of its no text for a stream.

    Examples
    --------
    >>> register(None)
    Traceback (most recent call last):
    TypeError: None is not a codec: it has no attribute id
    """
    for attribute in ("id", "name", "exact", "install", "encode", "decode", "inspect"):
        if not hasattr(codec, attribute):
            raise TypeError(f"{codec!r} is not a codec: it has no attribute {attribute}")
    if isinstance(codec, type):
        raise TypeError(f"{codec!r} is a class: register what it makes")
    for attribute, kind in (("id", int), ("name", str), ("exact", bool), ("install", str)):
        if type(value := getattr(codec, attribute)) is not kind:
            raise TypeError(f"codec {codec.name!r}: {attribute} is {value!r}, expected {kind.__name__}")
    if not 2 <= codec.id <= 255:
        raise ValueError(f"codec {codec.name}: id {codec.id} found, 192 to 255 are for private use")
    if not codec.name or codec.name in NATIVE.values() or not (codec.name + codec.install).isprintable():
        raise ValueError(
            f"codec {codec.name!r} (install {codec.install!r}): a name of printable characters, other than "
            f"{' and '.join(NATIVE.values())}, is needed, and one line of what to install"
        )
    if len(label(codec)) > _MAX_TEXT:
        raise ValueError(f"codec {codec.name}: name and install have {len(label(codec))} bytes, at most {_MAX_TEXT}")
    is_ours = type(codec).__module__.startswith("astrocodec.")
    for codec_id, name, _, _ in OPTIONAL:
        if (codec.id == codec_id or codec.name == name) and not is_ours:
            raise ValueError(
                f"codec {codec.name} (id {codec.id}): {name} (id {codec_id}) is one of this package; take another id "
                "and name"
            )
    for other in _registered.values():
        # Nobody assigns private ids: two packages may have the same, their streams are told apart by name.
        is_taken = other.name == codec.name or (other.id == codec.id < PRIVATE)
        if is_taken and type(other) is not type(codec) and other is not codec:
            raise ValueError(
                f"codec {codec.name} (id {codec.id}): {other.name} (id {other.id}) is registered already; "
                "take another id and name"
            )
    _registered[codec.name] = codec


def label(codec: Codec) -> bytes:
    """What a stream holds of a codec in its section "name"."""
    return f"{codec.name}\n{codec.install}".encode()


def read_label(said: bytes) -> tuple[str, str]:
    """Name and what to install of a section "name", which anybody may have written, fit to be printed."""
    name, _, install = said.decode("utf-8", "replace").partition("\n")
    return _printable(name), _printable(install)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


@functools.cache
def _installed() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))


def _load(entry: EntryPoint) -> None:
    """Import what an entry point names, and register it."""
    found = entry.load()
    codec: Codec = found() if isinstance(found, type) else found
    register(codec)
    if codec.name != entry.name:
        raise ValueError(f"it names a codec called {codec.name!r}")


def _is_here(module: str) -> bool:
    """Whether a module is installed; it is not imported."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _load_optional(key: int | str) -> None:
    """Register the codec of this package that has an id or name, if one has.

    Raises
    ------
    CodecNotFoundError
        What it needs is not installed, or cannot be imported.
    """
    for codec_id, name, _, place in OPTIONAL:
        if key in (codec_id, name) and name not in _registered:
            if absent := [module for module in _NEEDED if not _is_here(module)]:
                raise CodecNotFoundError(
                    f"codec {name!r} (id {codec_id}) needs {' and '.join(absent)}, not installed here: {TORCH_INSTALL}"
                )
            module, _, made = place.partition(":")
            try:
                codec = getattr(importlib.import_module(module), made)()
            except ImportError as error:
                raise CodecNotFoundError(
                    f"codec {name!r} (id {codec_id}) cannot be imported: {error}; {TORCH_INSTALL}"
                ) from error
            register(codec)


def find_codec(key: int | str, said: bytes = b"") -> Codec:
    """The codec of an id or a name, registered or installed; `said` is what the stream says of it (section "name").

    Raises
    ------
    CodecNotFoundError
        There is none here, or several of a private id and nothing tells which; the message says what to do.
    """
    name = key if isinstance(key, str) else read_label(said)[0]
    if name in _registered and key in (_registered[name].id, name):
        return _registered[name]
    _load_optional(key)
    problems = []
    for entry in _installed():
        if not isinstance(key, str) or entry.name == key:
            try:
                _load(entry)
            except Exception as error:  # one broken package must not hide the others
                problems.append(f"entry point {entry.name} ({entry.value}) cannot be used: {error}")
    found = [codec for codec in _registered.values() if key in (codec.id, codec.name) and name in ("", codec.name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise CodecNotFoundError(f"codec {key} is {' and '.join(codec.name for codec in found)} here: uninstall one")
    raise CodecNotFoundError("; ".join([missing(key, said), *problems]))


def exact_codec(name: str, **given: bool) -> str:
    """The name of a codec that files are compressed with, which must give every bit back.

    `given` says of the causal codec's options whether they are asked for.

    Raises
    ------
    OptionError
        It is not exact, or has not such an option.
    CodecNotFoundError
        It is not here.

    Examples
    --------
    >>> exact_codec("causal")
    'causal'
    """
    if name == "causal":
        return name
    if name in ENCODERS:
        raise OptionError(f"codec {name!r} is of sets of visibilities: astrocodec vis-compress writes them with it")
    if not find_codec(name).exact:
        raise OptionError(f"codec {name!r} does not give every bit back, and files are compressed without loss only")
    if asked := [option for option, is_asked in given.items() if is_asked]:
        raise OptionError(f"codec {name!r} has no {' and no '.join(asked)}, which the causal codec has: choose one")
    return name


def encoder_of(name: str) -> Callable[..., bytes]:
    """What encodes with one of `ENCODERS`."""
    module, _, function = ENCODERS[name].partition(":")
    found: Callable[..., bytes] = getattr(importlib.import_module(module), function)
    return found


def missing(key: int | str, said: bytes = b"") -> str:
    """What is needed to read a stream of a codec that is not here."""
    if isinstance(key, str):
        return f"codec {key!r} is not installed; here are {', '.join(sorted(list_codecs()))}"
    name, install = read_label(said)
    if name:
        advice = f": {install}" if install else ""
        return f"codec {name!r} (id {key}) is needed, which is not installed{advice}"
    if key < PRIVATE:
        return f"codec {key} is needed, which this package does not know: upgrade astrocodec"
    return f"codec {key} is needed, a private one that is not installed: ask who wrote the data for it"


def list_codecs() -> dict[str, bool]:
    """Names that `astrocodec.encode` takes here, and whether each codec is exact.

    Examples
    --------
    >>> list_codecs()["causal"]
    True
    """
    for entry in _installed():
        try:
            _load(entry)
        except Exception:  # listed are those that work
            continue
    whole = all(map(_is_here, _NEEDED))
    ours = {name: exact for _, name, exact, place in OPTIONAL if whole and _is_here(place.partition(":")[0])}
    others = {codec.name: codec.exact for codec in _registered.values()}
    return dict.fromkeys(("causal", *ENCODERS), True) | ours | others
