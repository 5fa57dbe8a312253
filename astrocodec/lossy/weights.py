"""Weights of learned codecs: safetensors files that are named, and found, by their content."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from astrocodec.errors import CorruptError, ModelNotFoundError
from astrocodec.files.target import Target
from astrocodec.model_folders import search_path

FOLDER = Path(__file__).parent / "weights"
_LOSSLESS = Path(__file__).parents[1] / "lossless" / "weights"
FINGERPRINT_SIZE = 8
_SUFFIX = ".safetensors"
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Weights:
    """What a file of weights holds."""

    name: str  # its name without suffix, such as "hyperprior-1a2b3c4d"
    fingerprint: bytes  # the first 8 bytes of the file's SHA-256
    tensors: Mapping[str, NDArray[Any]]
    about: Mapping[str, Any]  # how the network is built


def fingerprint_of(content: bytes) -> bytes:
    """What streams name weights by.

    >>> fingerprint_of(b"").hex()
    'e3b0c44298fc1c14'
    """
    return hashlib.sha256(content).digest()[:FINGERPRINT_SIZE]


def to_content(tensors: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> bytes:
    """The bytes of a file of weights; the same for the same weights."""
    said = {"about": json.dumps(about, sort_keys=True)}
    whole = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
    return safetensors.numpy.save(whole, said)


def save_weights(
    tensors: Mapping[str, NDArray[Any]], about: Mapping[str, Any], system: str, folder: Path = FOLDER
) -> Path:
    """Write weights into a folder, under the system's name and their content's.

    Returns
    -------
    Path
        Such as ``weights/vqvae-1a2b3c4d.safetensors``.
    """
    content = to_content(tensors, about)
    path = folder / f"{system}-{fingerprint_of(content).hex()[:8]}{_SUFFIX}"
    folder.mkdir(parents=True, exist_ok=True)
    with Target(path, overwrite=True) as target:
        target.file.write(content)
        target.commit()
    return path


def _folders() -> tuple[Path, ...]:
    return (*search_path()[:-1], FOLDER, _LOSSLESS)


def weights_of(system: str, key: str | bytes | Path) -> Weights:
    """Those of a system; ValueError for another one's."""
    weights = find_weights(key)
    if weights.about.get("system") != system:
        raise ValueError(
            f"weights {weights.name}: of system {weights.about.get('system')}, codec {system} needs its own"
        )
    return weights


def find_weights(key: str | bytes | Path) -> Weights:
    """Weights by a system's name, where the package has one of it, a file's name or path, or a fingerprint.

    By fingerprint files of any name are found in ``$ASTROCODEC_MODELS``, and those that this process has read.

    Raises
    ------
    ModelNotFoundError
        There are none such here; the message says where they were looked for.
    CorruptError
        A file is no safetensors file.
    """
    if isinstance(key, str) and (key.endswith(_SUFFIX) or Path(key).name != key):
        key = Path(key)
    if isinstance(key, Path):
        return load_weights(key)
    if isinstance(key, bytes):
        pattern, said = f"*-{key.hex()[:8]}{_SUFFIX}", f"weights {key.hex()}"
    else:
        pattern, said = (f"{key}{_SUFFIX}" if "-" in key else f"{key}-????????{_SUFFIX}"), f"weights {key!r}"
    for folder in _folders():
        found = sorted(folder.glob(pattern)) if folder.is_dir() else []
        for path in found:
            weights = load_weights(path)
            if not isinstance(key, bytes) or weights.fingerprint == key:
                return weights
    if isinstance(key, bytes) and (known := _known_or_renamed(key)):
        return known
    looked = ", ".join(map(str, _folders()))
    raise ModelNotFoundError(
        f"{said} not found in {looked}: upgrade astrocodec, or put the file where $ASTROCODEC_MODELS says"
    )


def _known_or_renamed(fingerprint: bytes) -> Weights | None:
    """Weights that were read here already, or of a file whose name does not tell its fingerprint."""
    if fingerprint in _read:
        return _read[fingerprint]
    for folder in search_path()[:-1]:
        for path in sorted(folder.glob(f"*{_SUFFIX}")) if folder.is_dir() else []:
            if fingerprint_of(path.read_bytes()) == fingerprint:
                return load_weights(path)
    return None


_read: dict[bytes, Weights] = {}


def load_weights(path: Path) -> Weights:
    """Weights of a file, which is read again where it was replaced."""
    seen = path.stat()
    return _loaded(path, (seen.st_ino, seen.st_size, seen.st_mtime_ns))


@functools.lru_cache(maxsize=16)
def _loaded(path: Path, seen: tuple[int, int, int]) -> Weights:
    content = path.read_bytes()
    try:
        tensors = safetensors.numpy.load(content)
        about = json.loads(_metadata(content)["about"])
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise CorruptError(f"{path}: not weights of astrocodec ({error})") from error
    weights = Weights(path.name.removesuffix(_SUFFIX), fingerprint_of(content), tensors, about)
    _read[weights.fingerprint] = weights
    return weights


def kept_by_weights(make: Callable[Concatenate[Weights, P], T]) -> Callable[Concatenate[Weights, P], T]:
    """What makes something of weights, once for each fingerprint and whatever else it is given."""
    kept: dict[tuple[object, ...], T] = {}

    def made(weights: Weights, /, *rest: P.args, **named: P.kwargs) -> T:
        key = (weights.fingerprint, rest, tuple(named.items()))
        if key not in kept:
            kept[key] = make(weights, *rest, **named)
        return kept[key]

    return made


def _metadata(content: bytes) -> dict[str, str]:
    length = int.from_bytes(content[:8], "little")
    found: dict[str, str] = json.loads(content[8 : 8 + length])["__metadata__"]
    return found
