"""Models: integer weights and shapes, named by a hash of their bytes (docs/format.md section "Model")."""

from __future__ import annotations

import functools
import hashlib
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError, FormatError, ModelNotFoundError, OptionError, TruncatedError, VersionError
from astrocodec.model_folders import PACKAGE, model_files, search_path
from astrocodec.stages.distribution import read_knots, shapes_size
from astrocodec.stages.predict import check_weights
from astrocodec.stages.weights import Weights, apply_delta, weight_delta
from astrocodec.stages.widths import Table, read_tables

_MAGIC = b"ACM\x01"
_DELTA_VERSION = 1
DELTA_HEAD = 9  # version and fingerprint of the base
# Sizes that are refused before memory is taken for what such bytes unpack to.
_MAX_FILE, _MAX_DELTA, _MAX_WEIGHTS, _MAX_BLOCKS = 1 << 20, 1 << 16, 1 << 18, 1 << 21


@dataclass(frozen=True, eq=False)
class Model:
    """An immutable predictive model.

    Attributes
    ----------
    weights : bytes
        The weight block: integers of the network, little-endian.
    shapes : bytes
        The shape block: knots of the prototype distributions.
    name : str
        What the user called it; not part of its identity.
    base : Model or None
        The shipped model that a tuned one was made from; tuned models share its shapes.
    widths : bytes
        The block of code widths: how wide the codes of converters are. Empty where they are taken for equal.

    Examples
    --------
    >>> from astrocodec import load_model
    >>> model = load_model("default")
    >>> model.is_shipped, len(model.fingerprint)
    (True, 16)
    """

    weights: bytes
    shapes: bytes
    name: str = "unnamed"
    base: Model | None = None
    widths: bytes = b""

    @functools.cached_property
    def fingerprint(self) -> str:
        """First 16 hex digits of the SHA-256 of weights, shapes and code widths."""
        return hashlib.sha256(self.weights + self.shapes + self.widths).hexdigest()[:16]

    def __repr__(self) -> str:
        """Name and fingerprint, and that of the base; `weights` and `shapes` are thousands of bytes."""
        base = "" if self.base is None else f", base {self.base.fingerprint}"
        return f"<Model {self.name!r}, {self.fingerprint}{base}>"

    def __eq__(self, other: object) -> bool:
        """Whether two code alike, whatever they are called."""
        if not isinstance(other, Model):
            return NotImplemented
        return self is other or self._blocks() == other._blocks()

    def _blocks(self) -> tuple[bytes, bytes, bytes]:
        return self.weights, self.shapes, self.widths

    def __hash__(self) -> int:
        """Of the fingerprint."""
        return hash(self.fingerprint)

    @property
    def is_shipped(self) -> bool:
        """Whether this model comes with the package."""
        return self.base is None and self.fingerprint in _shipped()

    def arrays(self) -> Weights:
        """The weights as NumPy arrays."""
        return Weights.from_bytes(self.weights)

    def knots(self) -> NDArray[np.uint32]:
        """Cumulative functions of the prototype shapes, ``(tails, skews, 593)``, in units of 2**-30."""
        tails, skews = self.shapes[0], self.shapes[1]
        return np.frombuffer(self.shapes, "<u4", offset=4).astype(np.uint32).reshape(tails, skews, -1)

    def code_widths(self) -> tuple[Table, ...]:
        """Tables of code widths: by value modulo its size, how far the boundary below a code is displaced, in 1/64."""
        return read_tables(self.widths)

    @property
    def kind(self) -> str:
        """``"T"``, tuned: told as a difference to a shipped model; ``"G"``, general: told by itself."""
        return "T" if self.base is not None and self.base.is_shipped else "G"

    def to_bytes(self, *, whole: bool = False) -> bytes:
        """The model as the bytes of an ``.acm`` file; one that was tuned from a shipped model as difference to it.

        Parameters
        ----------
        whole : bool, optional
            A tuned model too by itself, so that a reader needs no other.

        Raises
        ------
        OptionError
            The file would be longer than a reader takes.

        Examples
        --------
        >>> from astrocodec import load_model
        >>> Model.from_bytes(load_model("default").to_bytes()).fingerprint == load_model("default").fingerprint
        True
        """
        kind = "G" if whole else self.kind
        if kind == "G" and self.fingerprint in _shipped_files():
            return _shipped_files()[self.fingerprint][1]  # the very file, whichever zlib is here
        body = self.delta() if kind == "T" else zlib.compress(self.weights + self.shapes + self.widths, 9)
        head = _MAGIC + kind.encode() + len(self.weights).to_bytes(4, "little") + body
        if len(head) + 4 > _MAX_FILE:
            raise OptionError(
                f"model {self.name!r}: its file would have {len(head) + 4} bytes, at most {_MAX_FILE} allowed: "
                "give it fewer shapes or neurons"
            )
        return head + zlib.crc32(head).to_bytes(4, "little")

    @classmethod
    def from_bytes(cls, data: bytes, name: str = "unnamed") -> Model:
        """Read what `to_bytes` wrote.

        Raises
        ------
        FormatError
            The bytes are not a model; TruncatedError, CorruptError or VersionError where the reason is known.
        ModelNotFoundError
            A tuned model whose base is not installed.
        """
        if len(data) > _MAX_FILE:
            raise FormatError(f"model {name!r}: {len(data)} bytes or more found, at most {_MAX_FILE} allowed")
        if len(data) < 13:
            raise TruncatedError(f"model {name!r}: {len(data)} bytes found, at least 13 needed")
        if data[:3] != _MAGIC[:3]:
            raise FormatError(f"model {name!r}: does not begin with 'ACM', so it is not a model file")
        if data[3] != _MAGIC[3]:
            raise VersionError(
                f"model {name!r}: format version {data[3]} is newer than this package reads (1): upgrade astrocodec"
            )
        if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
            raise CorruptError(f"model {name!r}: checksum of {len(data)} bytes differs: the file is damaged or cut")
        size, body = int.from_bytes(data[5:9], "little"), data[9:-4]
        if data[4:5] == b"T":
            tuned = cls.from_delta(body, name)
            if size != len(tuned.weights):
                raise CorruptError(f"model {name!r}: {size} bytes of weights announced, {len(tuned.weights)} found")
            return tuned
        if data[4:5] != b"G" or size > _MAX_WEIGHTS:
            raise FormatError(
                f"model {name!r}: unknown kind {data[4:5]!r} or {size} bytes of weights (at most {_MAX_WEIGHTS})"
            )
        unpacker = zlib.decompressobj()
        try:
            block = unpacker.decompress(body, _MAX_BLOCKS + 1)
        except zlib.error as error:
            raise CorruptError(f"model {name!r}: weights and shapes do not unpack: {error}") from error
        if not size < len(block) <= _MAX_BLOCKS or not unpacker.eof:
            raise CorruptError(f"model {name!r}: weights and shapes do not unpack, or to more than {_MAX_BLOCKS} bytes")
        if unpacker.unused_data:
            raise CorruptError(f"model {name!r}: {len(unpacker.unused_data)} bytes follow weights and shapes")
        shapes = block[size : size + shapes_size(block[size:])]
        widths = block[size + len(shapes) :]
        check_weights(Weights.from_bytes(block[:size]))
        read_knots(shapes)
        read_tables(widths)
        return cls(block[:size], shapes, name, None, widths)

    def save(self, path: str | Path) -> None:
        """Write an ``.acm`` file; it gets its name when it is whole."""
        from astrocodec.files.target import Target

        with Target(path, overwrite=True) as target:
            target.file.write(self.to_bytes())
            target.commit()

    def delta(self) -> bytes:
        """Difference to the shipped base: what FITS header cards and HDF5 ``cd_values`` carry.

        Raises
        ------
        ValueError
            The model is not a tuned one.
        """
        if self.base is None:
            raise ValueError(f"model {self.name!r} is not tuned from a shipped model, so it has no difference to one")
        return (
            bytes([_DELTA_VERSION])
            + bytes.fromhex(self.base.fingerprint)
            + weight_delta(self.base.arrays(), self.arrays())
            + self.widths
        )

    @classmethod
    def from_delta(cls, data: bytes, name: str = "tuned") -> Model:
        """Rebuild a tuned model from `delta` and the installed base that it names.

        Raises
        ------
        ModelNotFoundError
            The base is not installed.
        FormatError
            The bytes break the format.
        """
        if len(data) > _MAX_DELTA:
            raise FormatError(f"tuned model: {len(data)} bytes found, at most {_MAX_DELTA} allowed")
        if len(data) < DELTA_HEAD:
            raise TruncatedError(f"tuned model: {len(data)} bytes found, at least {DELTA_HEAD} needed")
        if data[0] != _DELTA_VERSION:
            raise VersionError(
                f"tuned model: version {data[0]} is newer than this package reads ({_DELTA_VERSION}): "
                "upgrade astrocodec"
            )
        base = installed_by_fingerprint(data[1:DELTA_HEAD].hex(), general=True)
        if base is None:
            raise ModelNotFoundError(
                f"tuned model: its base {data[1:DELTA_HEAD].hex()} is in none of "
                f"{', '.join(map(str, search_path()))}: upgrade astrocodec, or get that model's file and "
                "`astrocodec models add` it"
            )
        arrays, used = apply_delta(base.arrays(), data[DELTA_HEAD:])
        check_weights(arrays)
        widths = data[DELTA_HEAD + used :]
        read_tables(widths)
        tuned = cls(arrays.to_bytes(), base.shapes, name, base, widths)
        return base if tuned == base else tuned


@functools.cache
def _shipped() -> dict[str, Model]:
    return {model.fingerprint: model for model, _ in _shipped_files().values()}


@functools.cache
def _shipped_files() -> dict[str, tuple[Model, bytes]]:
    """Every model of the package, by its fingerprint, and its file."""
    found = {}
    for path in model_files(PACKAGE):
        file = path.read_bytes()
        model = _named_by(path, Model.from_bytes(file))
        found[model.fingerprint] = model, file
    return found


def _named_by(path: Path, model: Model) -> Model:
    """A model with the name of its file in a folder of models, less its fingerprint if that stands behind it."""
    return replace(model, name=path.stem.removesuffix(f"-{model.fingerprint[:8]}"))


def bytes_of_file(path: Path) -> bytes:
    """The bytes of a model file; of a longer one so many that it is refused."""
    with path.open("rb") as file:
        return file.read(_MAX_FILE + 1)


@functools.lru_cache(64)
def _read(path: Path, size: int, written: int) -> Model | FormatError | ModelNotFoundError:
    """The model of a file in a folder of models, or what is wrong with it; read once while the file stays as it is."""
    try:
        return _named_by(path, Model.from_bytes(bytes_of_file(path), path.stem))
    except (FormatError, ModelNotFoundError) as error:
        return error


def _kind_of(path: Path) -> bytes:
    """Kind of a model by the head of its file."""
    try:
        with path.open("rb") as file:
            return file.read(5)[4:]
    except OSError:
        return b""


@dataclass(frozen=True)
class InstalledModel:
    """A model file on the search path."""

    path: Path
    model: Model | None
    problem: str = ""  # why it cannot be used, empty where it can


def installed_models(*, general: bool = False) -> list[InstalledModel]:
    """All model files on the search path, in its order; files that are damaged too.

    With `general` only those that are told by themselves: the bases of tuned ones.

    Examples
    --------
    >>> installed_models()[-1].model.name
    'default'
    """
    found = []
    for path in (path for folder in search_path() for path in model_files(folder)):
        if general and _kind_of(path) != b"G":
            continue
        try:
            state = path.stat()
            known = _read(path, state.st_size, state.st_mtime_ns)
        except OSError as error:
            found.append(InstalledModel(path, None, f"{path}: {error.strerror}"))
            continue
        if isinstance(known, Model):
            found.append(InstalledModel(path, known))
        else:
            found.append(InstalledModel(path, None, str(known)))
    return found


def list_models() -> list[str]:
    """Names of the models that are installed: the package's, the user's, those of ``$ASTROCODEC_MODELS``."""
    return sorted({entry.model.name for entry in installed_models() if entry.model is not None})


def load_model(source: str | Path | bytes | Model = "default") -> Model:
    """Load a model by name or fingerprint, from an ``.acm`` file or from its bytes.

    Parameters
    ----------
    source : str, Path, bytes or Model
        Name or fingerprint of an installed model, of which 8 digits may be enough; path of a file, the file's bytes, or
        a model (returned as it is). ``"default"`` is the package's own, whatever is installed beside it.

    Returns
    -------
    Model

    Raises
    ------
    ModelNotFoundError
        Neither an installed model nor a file, or several models that begin with these digits.
    FormatError
        The file is not a model.

    Examples
    --------
    >>> model = load_model()
    >>> load_model(model.fingerprint[:8]) == model
    True
    """
    if isinstance(source, Model):
        return source
    if isinstance(source, bytes | bytearray | memoryview):
        return Model.from_bytes(bytes(source))
    if (named := _installed_as(str(source))) is not None:
        return named
    path = Path(source)
    if path.is_file():
        return Model.from_bytes(bytes_of_file(path), path.stem)
    raise ModelNotFoundError(
        f"no model {str(source)!r}: installed are {', '.join(list_models())}, no file has that name, and of a "
        "fingerprint at least 8 digits are needed, in lower case"
    )


def _installed_as(text: str) -> Model | None:
    """The installed model of a name or fingerprint, the package's first."""
    for model in _shipped().values():  # no folder is looked at for the package's own
        if text in (model.name, model.fingerprint):
            return model
    models = [entry.model for entry in installed_models() if entry.model is not None]
    for model in models:
        if text in (model.name, model.fingerprint):
            return model
    if not re.fullmatch("[0-9a-f]{8,15}", text):
        return None
    found = {model.fingerprint: model for model in reversed(models) if model.fingerprint.startswith(text)}
    if len(found) > 1:
        raise ModelNotFoundError(f"several models begin with {text}: {', '.join(found)}; give more digits")
    return next(iter(found.values()), None)


def on_installed_base(model: Model) -> Model | None:
    """Express a model by its difference to an installed one, None where it has other shapes than any of them.

    The weights stay, and so the fingerprint.
    """
    if model.is_shipped or (model.base is not None and model.base.is_shipped):
        return model
    installed = (entry.model for entry in installed_models(general=True) if entry.model is not None)
    for base in (*_shipped().values(), *_of_files.values(), *installed):
        if base.shapes == model.shapes and len(base.weights) == len(model.weights):
            return replace(model, base=base)
    return None


def configured_delta(model: Model) -> bytes:
    """What filter values and codec configurations hold of a model: nothing for the default one.

    Another shipped model is one that does not differ from itself, so that it is not taken for the default. One of other
    shapes than are installed is an OptionError: a reader could not rebuild it.


    Examples
    --------
    >>> configured_delta(load_model("default"))
    b''
    """
    if model.fingerprint == load_model("default").fingerprint:
        return b""
    known = on_installed_base(model)
    if known is None:
        raise OptionError(
            f"model {model.name!r} ({model.fingerprint}) was not tuned from an installed model: its shapes are its own,"
            f" and there is no room here for its {len(model.to_bytes())} bytes. Tune an installed one, "
            "install this one (astrocodec models add FILE), here and wherever the data will be read, or make "
            "a file that is self-contained (--self-contained)"
        )
    return (replace(known, base=known) if known.base is None else known).delta()


def find_model(fingerprint: str, models: Iterable[Model], file: bytes | None = None) -> Model:
    """The model that a stream names: one of those given, an installed one, or that of the file inside the stream.

    Examples
    --------
    >>> find_model(load_model("default").fingerprint, []).name
    'default'
    """
    for model in models:
        if model.fingerprint == fingerprint:
            return model
    found = installed_by_fingerprint(fingerprint)
    if found is not None:
        return found
    if file is None:
        raise ModelNotFoundError(
            f"the stream needs model {fingerprint}, which is neither given nor in any of "
            f"{', '.join(map(str, search_path()))}: upgrade astrocodec, get the model's file and "
            "`astrocodec models add` it, or pass the tuned model that was stored beside the stream as models=[...]"
        )
    model = Model.from_bytes(file, "inside the stream")
    if model.fingerprint != fingerprint:
        raise CorruptError(f"the model inside is {model.fingerprint}, the stream names {fingerprint}")
    return model


def installed_by_fingerprint(fingerprint: str, *, general: bool = False) -> Model | None:
    """The installed model with this fingerprint, if there is one; `general` as for `installed_models`."""
    for known in (_shipped(), _of_files):
        if fingerprint in known:
            return known[fingerprint]
    models = (entry.model for entry in installed_models(general=general) if entry.model is not None)
    return next((model for model in models if model.fingerprint == fingerprint), None)


_of_files: dict[str, Model] = {}


def keep_for_reading(model: Model) -> None:
    """Let this process find a general model by its fingerprint that a file brought along, as if it were installed."""
    _of_files[model.fingerprint] = model
