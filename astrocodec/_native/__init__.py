"""The native library through ctypes: ABI check, status codes, models, pieces. Only this package uses ctypes."""

from __future__ import annotations

import ctypes
import math
import os
import weakref
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import (
    CodecNotFoundError,
    CorruptError,
    FormatError,
    ModelNotFoundError,
    NativeLibraryError,
    ReferenceNotFoundError,
    TruncatedError,
    VersionError,
)
from astrocodec.model import Model
from astrocodec.stages import network
from astrocodec.stages.widths import Choice

ABI_VERSION = 5
_PACKAGE = Path(__file__).parents[1]
_THOROUGH = 256
_RESIDUALS = 1024
_NO_TABLE, _BEST_TABLE = -1, -2
SIMD_LEVELS = {"auto": 0, "portable": 1, "avx2": 2, "avxvnni": 3, "avx512": 4, "neon": 5, "neondot": 6}
CONTEXT = np.dtype(
    [
        ("input", np.int16, network.INPUTS),
        ("linear", np.int16, network.LINEAR),
        ("mean", np.uint16),
        ("sum", np.uint16),
        ("sample", np.uint16),
        ("shift", np.uint16),
        ("area", np.uint16),
        ("unused", np.uint16),
    ],
    align=True,
)

_pointer, _size, _int, _u32 = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_uint32


class Fault(ctypes.Structure):
    """What is wrong with an input, and where: ``ac_fault``."""

    _fields_ = (
        ("status", ctypes.c_int32),
        ("reason", ctypes.c_int32),
        ("part", ctypes.c_int32),
        *((name, ctypes.c_uint64) for name in ("index", "plane", "row", "column", "at", "found", "allowed")),
        ("said", ctypes.c_char * 256),
    )

    def text(self) -> str:
        """One line that says it."""
        out = ctypes.create_string_buffer(1024)
        _library.ac_fault_text(ctypes.byref(self), out, len(out))
        return out.value.decode("utf-8", "replace")


class _Room(ctypes.Structure):
    _fields_ = (("data", _pointer), ("length", _size))


class _WidthChoice(ctypes.Structure):
    _fields_ = (("table", ctypes.c_int32), ("shift", ctypes.c_uint8))


class _Tuned(ctypes.Structure):
    _fields_ = (("steps", ctypes.c_int32), *((name, ctypes.c_float) for name in ("start", "early", "end")))


class Fitted(NamedTuple):
    """What `tune_weights` gives."""

    weights: bytes
    steps: int  # that were taken
    start: float  # bits that a context held back takes, at first
    early: float  # after two rounds
    end: float


class _TuneOptions(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int32) for name in ("steps", "round", "batch", "outputs_only")),
        ("seed", ctypes.c_uint32),
        ("simd", ctypes.c_int32),
        *((name, ctypes.c_float) for name in ("rate", "least", "charge", "rival")),
        ("tables", _pointer),
        *((name, ctypes.c_int32) for name in ("areas", "period_bits")),
    )


def _load() -> ctypes.CDLL:
    found = sorted(_PACKAGE.glob("libastrocodec*.so"))
    if not found:
        raise NativeLibraryError(
            f"no libastrocodec*.so in {_PACKAGE}: the package was not built there; "
            "run `pip install -e .` in its source folder"
        )
    library = ctypes.CDLL(str(found[-1]))
    library.ac_abi_version.restype = _u32
    version = library.ac_abi_version()
    if version != ABI_VERSION:
        raise NativeLibraryError(
            f"{found[-1].name} has ABI version {version}, this package needs {ABI_VERSION}: "
            "run `pip install -e .` in its source folder, or install it anew"
        )
    library.ac_status_string.restype = ctypes.c_char_p
    library.ac_status_string.argtypes = [_int]
    block = (ctypes.c_char_p, _size)
    library.ac_model_create.argtypes = [*block, *block, *block, ctypes.POINTER(_pointer)]
    library.ac_model_derive.argtypes = [_pointer, *block, *block, ctypes.POINTER(_pointer)]
    library.ac_model_register.argtypes = [*block, *block, *block]
    library.ac_model_free.argtypes = [_pointer]
    library.ac_model_free.restype = None
    library.ac_model_tables.argtypes = [_pointer, ctypes.POINTER(_pointer), ctypes.POINTER(_size)]
    library.ac_piece_bound.argtypes = [_u32, _u32]
    library.ac_piece_bound.restype = _size
    library.ac_piece_encode_widths.argtypes = [
        _pointer,
        _WidthChoice,
        _pointer,
        _u32,
        _u32,
        _size,
        _pointer,
        _size,
        ctypes.POINTER(_size),
        _int,
    ]
    library.ac_piece_encode_trellis.argtypes = [
        *(_pointer, _int, _pointer, _u32, _u32, _size, _pointer, _size, ctypes.POINTER(_size), _int),
    ]
    library.ac_piece_decode.argtypes = [_pointer, _pointer, _size, _pointer, _u32, _u32, _size, _int, _pointer]
    library.ac_room_free.argtypes = [_pointer]
    library.ac_room_free.restype = None
    library.ac_fault_text.argtypes = [_pointer, ctypes.c_char_p, _size]
    library.ac_piece_bits.argtypes = [_pointer, _pointer, _size, _u32, _u32, _pointer, _size, _pointer, _int]
    library.ac_piece_contexts.argtypes = [_pointer, _u32, _u32, _size, _pointer, _pointer, _size, _pointer]
    library.ac_tune.argtypes = [
        *(_pointer, _pointer, _pointer, _size, ctypes.POINTER(_TuneOptions), _pointer, _size),
        ctypes.POINTER(_Tuned),
    ]
    library.ac_learn_widths.argtypes = [_pointer, _pointer, _size, _int, _int, _int, _pointer, _pointer]
    library.ac_crc32c.argtypes = [_u32, _pointer, _size]
    library.ac_crc32c.restype = _u32
    library.ac_model_default.restype = _pointer
    library.ac_model_fingerprint.argtypes = [_pointer, _pointer]
    library.ac_model_fingerprint.restype = None
    return library


_library = _load()


class Output(ctypes.Structure):
    """Room for a stream, taken when its length is known: ``ac_output`` of the library's own ``ac_take_room``.

    No function of Python is called back: one that a signal interrupts would give C an address of nothing.
    """

    _fields_ = (("take", _pointer), ("owner", _pointer))
    _free = _library.ac_room_free  # its own, for outputs that go when this module has gone

    def __init__(self) -> None:
        self._room = _Room()
        super().__init__(ctypes.cast(_library.ac_take_room, _pointer), ctypes.addressof(self._room))

    def to_bytes(self) -> bytes:
        """What was written."""
        return ctypes.string_at(self._room.data or 0, self._room.length)

    def __del__(self) -> None:
        self._free(ctypes.byref(self._room))


def simd_level() -> int:
    """Level that ``ASTROCODEC_SIMD`` asks for (default: the best that the processor has)."""
    name = os.environ.get("ASTROCODEC_SIMD", "auto")
    if name not in SIMD_LEVELS:
        raise ValueError(f"ASTROCODEC_SIMD={name!r} is not one of {', '.join(SIMD_LEVELS)}")
    return SIMD_LEVELS[name]


_ERRORS: dict[int, type[Exception]] = {
    11: MemoryError,
    20: TruncatedError,
    21: CorruptError,
    30: FormatError,
    31: ModelNotFoundError,
    32: VersionError,
    33: FormatError,
    34: CodecNotFoundError,
    35: ReferenceNotFoundError,
}


def _error(status: int, what: str, fault: Fault | None = None) -> Exception:
    """What a status means; a fault says it better than the status alone."""
    if fault is not None and fault.reason:
        return _ERRORS.get(status, ValueError)(fault.text())
    return _ERRORS.get(status, ValueError)(f"{what}: {_library.ac_status_string(status).decode()}")


def _check(status: int, what: str, fault: Fault | None = None) -> None:
    """Raise what a status means."""
    if status:
        raise _error(status, what, fault)


def _address(array: NDArray[np.generic]) -> int:
    """Address of an array's first element; C is never given one that is not aligned for its type."""
    if not array.flags.aligned:
        raise ValueError(f"an array of {array.dtype} at an address that is not aligned for it cannot be used here")
    address: int = array.__array_interface__["data"][0]  # quicker than array.ctypes
    return address


def _is_plane(array: NDArray[Any], dtype: type[np.generic]) -> bool:
    """Whether C can use a plane as it lies: native, aligned, rows in order, pixels side by side."""
    (height, width), (row, column), size = array.shape, array.strides, array.itemsize
    rows = height < 2 or (row >= width * size and row % size == 0)
    return (
        array.dtype == dtype and array.dtype.isnative and array.flags.aligned and rows and (width < 2 or column == size)
    )


def _plane(array: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """A plane to be read, copied only where C cannot use it as it lies."""
    return array if _is_plane(array, dtype) else np.array(array, dtype, order="C")


def _stride(plane: NDArray[Any]) -> int:
    """Elements from row to row."""
    height, width = plane.shape
    return plane.strides[0] // plane.itemsize if height > 1 else width


def _into(out: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """What C may write a plane to: `out` itself, or a plane to be copied there."""
    if not out.flags.writeable:
        raise ValueError("the array to write to is read-only")
    return out if _is_plane(out, dtype) else np.empty(out.shape, dtype)


def _list(array: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Elements to be read one after the other, copied only where they do not lie so."""
    return np.require(array, dtype, ["C", "A"])


class NativeModel:
    """A model inside the native library; freed with this object, which therefore has no copies."""

    _is_borrowed = False
    _free = _library.ac_model_free  # its own, for models that go when this module has gone

    def __init__(self, weights: bytes, shapes: bytes | NativeModel, widths: bytes = b"") -> None:
        handle = _pointer()
        if isinstance(shapes, NativeModel):
            self._base = shapes
            status = _library.ac_model_derive(
                *(shapes.handle, weights, len(weights), widths, len(widths)), ctypes.byref(handle)
            )
        else:
            status = _library.ac_model_create(
                *(weights, len(weights), shapes, len(shapes), widths, len(widths)), ctypes.byref(handle)
            )
        self.handle: int | None = None
        _check(status, "model")
        self.handle = handle.value

    def __del__(self) -> None:
        if getattr(self, "handle", None) and not self._is_borrowed:
            self._free(self.handle)

    def __copy__(self) -> Self:
        """Return this object: a model never changes, and its memory has one owner."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """Return this object, as `__copy__` does."""
        return self

    def __reduce__(self) -> NoReturn:
        """Refuse: an address means nothing to another process; `astrocodec.model.Model` is what travels."""
        raise TypeError("a NativeModel cannot be pickled: its memory is this process's own. Pickle the Model instead")

    @classmethod
    def compiled_in(cls, fingerprint: str) -> NativeModel | None:
        """The shipped model inside the library, if it has this fingerprint."""
        handle, found = _library.ac_model_default(), (ctypes.c_uint8 * 8)()
        if not handle:
            raise MemoryError("no memory for the shipped model")
        _library.ac_model_fingerprint(handle, found)
        if bytes(found).hex() != fingerprint:
            return None
        self = cls.__new__(cls)
        self.handle, self._is_borrowed = handle, True
        return self

    def tables(self) -> NDArray[np.uint16]:
        """Cumulative frequencies, shape ``(tables, 64)``; a copy."""
        data, count = _pointer(), _size()
        _check(_library.ac_model_tables(self.handle, ctypes.byref(data), ctypes.byref(count)), "tables")
        values = np.frombuffer(ctypes.string_at(data.value or 0, count.value * 64 * 2), np.uint16)
        return values.reshape(-1, 64).copy()


def register_model(model: Model) -> None:
    """Make a general model known to the library, as base of tuned ones and for the streams that name it."""
    _check(
        _library.ac_model_register(
            *(model.weights, len(model.weights), model.shapes, len(model.shapes), model.widths, len(model.widths))
        ),
        f"model {model.fingerprint}",
    )


_made: weakref.WeakKeyDictionary[Model, NativeModel] = weakref.WeakKeyDictionary()


def native_model(model: Model) -> NativeModel:
    """A model inside the native library: made at first use, and kept as long as the model is."""
    made = _made.get(model)
    if made is None:
        made = NativeModel.compiled_in(model.fingerprint) if model.base is None else None
        if made is None:
            shapes = model.shapes if model.base is None else native_model(model.base)
            made = NativeModel(model.weights, shapes, model.widths)
        _made[model] = made
    return made


def encode_piece(
    model: NativeModel,
    samples: NDArray[np.uint16],
    thorough: bool = False,
    choice: Choice | None = None,
    odd: int | None = None,
) -> bytes:
    """Encode one plane of uint16 samples ``(y, x)``, contiguous along x.

    `thorough` tries every piece mode; `choice` says which code widths the piece may have. With `odd`, 0 or 1, the
    samples are those of a trellis, at most 32767, and have no code widths.
    """
    samples = _plane(samples, np.uint16)
    height, width = samples.shape
    out = np.empty(_library.ac_piece_bound(height, width), np.uint8)
    length = _size()
    simd = simd_level() | (_THOROUGH if thorough else 0)
    plane = (_address(samples), height, width, _stride(samples), _address(out), out.size, ctypes.byref(length), simd)
    if odd is not None:
        status = _library.ac_piece_encode_trellis(model.handle, odd, *plane)
    else:
        widths = _WidthChoice(_NO_TABLE, 0)
        if choice is not None:
            widths = _WidthChoice(_BEST_TABLE if choice.table is None else choice.table, choice.shift)
        status = _library.ac_piece_encode_widths(model.handle, widths, *plane)
    _check(status, f"piece of {height}x{width}")
    return out[: length.value].tobytes()


def decode_piece(model: NativeModel, data: NDArray[np.uint8], out: NDArray[np.uint16]) -> None:
    """Decode one piece into `out` ``(y, x)``, contiguous along x."""
    height, width = out.shape
    data, plane, fault = _list(data, np.uint8), _into(out, np.uint16), Fault()
    status = _library.ac_piece_decode(
        *(model.handle, _address(data), data.size, _address(plane), height, width, _stride(plane), simd_level()),
        ctypes.byref(fault),
    )
    _check(status, f"piece of {height}x{width}", fault)
    if plane is not out:
        out[...] = plane


def piece_bits(model: NativeModel, data: NDArray[np.uint8], out: NDArray[np.float32]) -> float:
    """Code length of every sample of a piece into `out` ``(y, x)``; returns the bits that belong to no sample."""
    height, width = out.shape
    data, plane = _list(data, np.uint8), _into(out, np.float32)
    header = ctypes.c_double()
    status = _library.ac_piece_bits(
        model.handle,
        _address(data),
        data.size,
        height,
        width,
        _address(plane),
        _stride(plane),
        ctypes.byref(header),
        simd_level(),
    )
    _check(status, f"piece of {height}x{width}")
    if plane is not out:
        out[...] = plane
    return header.value


def piece_contexts(
    samples: NDArray[np.uint16],
    positions: NDArray[np.uint32],
    out: NDArray[np.void] | None = None,
    places: NDArray[np.uint32] | None = None,
) -> NDArray[np.void]:
    """Contexts (dtype ``CONTEXT``) at ascending flat `positions` of a plane, in `out` if given, at its `places`."""
    samples, positions = _plane(samples, np.uint16), _list(positions, np.uint32)
    height, width = samples.shape
    out = np.empty(positions.size, CONTEXT) if out is None else out
    if places is not None:
        places = _list(places, np.uint32)
    status = _library.ac_piece_contexts(
        *(_address(samples), height, width, _stride(samples), _address(positions)),
        *(None if places is None else _address(places), positions.size, _address(out)),
    )
    _check(status, f"piece of {height}x{width}")
    return out


def crc32c(data: NDArray[np.generic], crc: int = 0) -> int:
    """CRC-32C of an array's bytes, in C order."""
    data = np.require(data, requirements=["C", "A"])
    return int(_library.ac_crc32c(crc, _address(data), data.nbytes))


def _areas_and_bits(tables: NDArray[np.int16]) -> tuple[int, int]:
    return len(tables), tables.shape[1].bit_length() - 1


def learn_widths(
    model: NativeModel, contexts: NDArray[np.void], start: NDArray[np.int16]
) -> tuple[NDArray[np.int16], float, float]:
    """Tables of code widths fitted to at least 256 `contexts` (dtype ``CONTEXT``) as a model predicts them.

    The fit begins at `start`, ``(areas, period)``.

    Returns
    -------
    tables : ndarray of int16, (areas, period)
        Displacements in 1/64 of a code.
    without, with_tables : float
        Bits that a sample takes of those held back.
    """
    contexts = _list(contexts, CONTEXT)
    tables, bits = np.array(start, np.int16, order="C"), (ctypes.c_double * 2)()
    status = _library.ac_learn_widths(
        *(model.handle, _address(contexts), contexts.size, *_areas_and_bits(tables), simd_level()),
        *(_address(tables), ctypes.byref(bits)),
    )
    _check(status, "widths of codes")
    return tables, bits[0], bits[1]


def tune_weights(
    base: NativeModel,
    start: NativeModel,
    contexts: NDArray[np.void],
    *,
    steps: int,
    first_round: int,
    batch: int,
    outputs_only: bool,
    seed: int,
    rate: float,
    least: float,
    charge: float,
    rival: float = math.inf,
    tables: NDArray[np.int16] | None = None,
) -> Fitted:
    """Weight block fitted from `start` to at least 256 `contexts` (dtype ``CONTEXT``).

    It is given up where `early` exceeds `rival`. With `tables` (``(areas, period)``) samples are coded by the widths of
    codes that these say.
    """
    contexts = _list(contexts, CONTEXT)
    out = np.empty(1 << 14, np.uint8)
    counts = (steps, first_round, batch, int(outputs_only))
    options = _TuneOptions(*counts, seed, simd_level(), rate, least, charge, rival)
    if tables is not None:
        tables = np.require(tables, np.int16, ["C", "A"])
        options.tables, options.areas, options.period_bits = _address(tables), *_areas_and_bits(tables)
    tuned = _Tuned()
    status = _library.ac_tune(
        *(base.handle, start.handle, _address(contexts), contexts.size),
        *(ctypes.byref(options), _address(out), out.size, ctypes.byref(tuned)),
    )
    _check(status, "tuning")
    weights = out[: network.block_size(int(out[network.NEURONS_AT]))].tobytes()
    return Fitted(weights, tuned.steps, tuned.start, tuned.early, tuned.end)
