"""Streams by the native library: whole arrays in one call, pieces in threads."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from astrocodec._native import (
    _RESIDUALS,
    _THOROUGH,
    Fault,
    NativeModel,
    Output,
    _address,
    _check,
    _error,
    _library,
    simd_level,
)
from astrocodec.stages.cuts import NO_CUTS, Cuts
from astrocodec.stages.pixels import DTYPES

_pointer, _size, _int = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
_MAX_DIMENSIONS = 32
_CAUSAL, _NO_SAMPLES = 1, 12
_task_type = ctypes.CFUNCTYPE(None, _pointer, _size)
_run_type = ctypes.CFUNCTYPE(None, _pointer, _pointer, _pointer, _size)


class _Array(ctypes.Structure):
    _fields_ = (("dtype", ctypes.c_int32), ("ndim", ctypes.c_int32), ("shape", ctypes.c_uint64 * _MAX_DIMENSIONS))

    @classmethod
    def of(cls, values: NDArray[Any]) -> _Array:
        """Type and shape of an array."""
        return cls(DTYPES.index(values.dtype.str[1:]), values.ndim, values.shape)


class _Parallel(ctypes.Structure):
    _fields_ = (("run", _run_type), ("pool", _pointer))


class _Choice(ctypes.Structure):
    _fields_ = (("model", _pointer), ("file", ctypes.c_char_p), ("file_length", _size))


class _Reference(ctypes.Structure):
    _fields_ = (("array", _Array), ("data", _pointer))

    @classmethod
    def of(cls, values: NDArray[Any]) -> _Reference:
        """An array that lives longer than this."""
        return cls(_Array.of(values), _address(values))


class _Original(ctypes.Structure):
    _fields_ = (
        *(("section", ctypes.c_char_p), ("section_length", _size), ("elements", _pointer)),
        *(("embedded", ctypes.c_char_p), ("embedded_length", _size)),
    )


class _Section(ctypes.Structure):
    _fields_ = (("id", ctypes.c_int32), ("critical", ctypes.c_int32), ("at", _size), ("length", _size))


class _Hints(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_uint32) for name in ("row_count", "column_count")),
        *((name, ctypes.POINTER(ctypes.c_uint32)) for name in ("rows", "columns")),
    )

    @classmethod
    def of(cls, hints: Cuts) -> _Hints:
        """Places below 2**32; the others are none that could be cut at."""
        kept = [[place for place in places if place < 1 << 32] for places in hints]
        return cls(*map(len, kept), *((ctypes.c_uint32 * len(places))(*places) for places in kept))


class _StreamInfo(ctypes.Structure):
    _fields_ = (
        ("array", _Array),
        *((name, ctypes.c_int32) for name in ("version", "codec", "checksum_kind", "is_whole", "low_bits")),
        ("piece", ctypes.c_uint32 * 2),
        ("fingerprint", ctypes.c_uint8 * 8),
        *((f"{name}_{what}", _size) for name in ("model", "name", "parameters", "data") for what in ("at", "length")),
        ("section_count", ctypes.c_int32),
        ("sections", _Section * 128),
    )


_library.ac_stream_encode_with.argtypes = [
    *(_pointer, _size, _pointer, _pointer, _pointer, _pointer, _pointer, _int, _pointer),
    _pointer,
]
_library.ac_stream_encode_steps.argtypes = [
    *(_pointer, _size, _pointer, _pointer, _pointer, ctypes.c_char_p, _size, _pointer, _int),
    *(_pointer, _pointer),
]
_library.ac_stream_encode_bounded.argtypes = [
    *(_pointer, _size, _pointer, _pointer, _pointer, _pointer, _int, _pointer, _pointer),
]
_library.ac_bounded_codes.argtypes = [_pointer, _pointer, _pointer, _pointer]
_library.ac_stream_decode_steps.argtypes = [
    *(_pointer, _size, _pointer, _size, _pointer, _size, _pointer, _int),
    *(_pointer, _pointer),
]
_library.ac_stream_inspect.argtypes = [_pointer, _size, _pointer, _pointer]
_library.ac_stream_decode_with.argtypes = [
    *(_pointer, _size, _pointer, _pointer, _size, _pointer, _size, _int, _pointer),
    _pointer,
]
_library.ac_reference_apply.argtypes = [_pointer, _size, _pointer, _pointer, _pointer, _pointer, _int, _pointer]
_library.ac_array_order.argtypes = [_pointer, _pointer, _pointer]
_library.ac_array_samples.argtypes = [_pointer, _pointer, _pointer, _pointer]


class Bounded(ctypes.Structure):
    """What may be lost: ``ac_bound``."""

    _fields_ = (
        *(("kind", ctypes.c_int32), ("dither", ctypes.c_int32)),
        *((name, ctypes.c_double) for name in ("value", "gain", "read_noise", "saturation")),
        *(("protect", ctypes.c_int32), ("has_blank", ctypes.c_int32), ("blank", ctypes.c_uint64), ("noise", _pointer)),
    )


@dataclass(frozen=True)
class StreamHeader:
    """What a header says.

    `is_whole`: so many bytes can hold such an array, which is not known of foreign codecs; `defect` is why not.
    `sections` are id, whether it is critical, and bytes of each. The last three are of the causal codec alone.
    """

    version: int
    codec: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    checksum_kind: int
    is_whole: bool
    defect: Exception | None
    sections: tuple[tuple[int, bool, bytes], ...]
    data: slice
    low_bits: int
    piece_shape: tuple[int, int]
    fingerprint: str

    def body_of(self, section_id: int) -> bytes | None:
        """What a section holds, None where there is none."""
        return next((body for found, _, body in self.sections if found == section_id), None)


class _Threads:
    """Runs the tasks of one call of the library in threads; what is raised on the way waits for `finish`."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._raised: list[BaseException] = []
        self._parallel = _Parallel(_run_type(self._run), None) if workers > 1 else None
        self.argument = ctypes.byref(self._parallel) if self._parallel else None

    def _run(self, _: int | None, task: int, work: int, count: int) -> None:
        call = _task_type(task)
        try:
            with ThreadPoolExecutor(min(self._workers, count)) as pool:
                list(pool.map(lambda index: call(work, index), range(count)))
        except BaseException as error:
            self._raised.append(error)

    def finish(self, status: int, what: str, fault: Fault | None = None) -> None:
        """Raise what was raised in `_run`, or what the status means."""
        self._parallel = None  # it refers to this object
        if self._raised:
            raise self._raised[0]
        _check(status, what, fault)


class Beside(NamedTuple):
    """An array of which its reference leaves what is encoded."""

    section: bytes
    elements: NDArray[Any]
    embedded: bytes  # the reference's stream, or nothing


def _start(data: memoryview) -> int:
    return _address(np.frombuffer(data, np.uint8))


def encode_stream(
    choices: Sequence[tuple[NativeModel, bytes]],
    values: NDArray[np.generic],
    piece_shape: tuple[int, int] | None,
    thorough: bool,
    workers: int,
    beside: Beside | None = None,
    hints: Cuts = NO_CUTS,
    residuals: bool = False,
) -> bytes:
    """Encode a contiguous array of native byte order with the best of several models, each with its embedded bytes."""
    models = (_Choice * len(choices))(*(_Choice(model.handle, file or None, len(file)) for model, file in choices))
    output, threads = Output(), _Threads(workers)
    original = None
    if beside:
        section, elements, embedded = beside
        original = _Original(section, len(section), _address(elements), embedded or None, len(embedded))
    status = _library.ac_stream_encode_with(
        *(models, len(choices), ctypes.byref(_Array.of(values)), _address(values)),
        ctypes.byref(original) if original else None,
        (ctypes.c_uint32 * 2)(*piece_shape) if piece_shape else None,
        ctypes.byref(_Hints.of(hints)) if any(hints) else None,
        simd_level() | (_THOROUGH if thorough else 0) | (_RESIDUALS if residuals else 0),
        threads.argument,
        ctypes.byref(output),
    )
    threads.finish(status, "array")
    return output.to_bytes()


def encode_steps(
    choices: Sequence[tuple[NativeModel, bytes]],
    shifted: NDArray[np.int32],
    values: NDArray[np.generic],
    section: bytes,
    piece_shape: tuple[int, int] | None,
    thorough: bool,
    workers: int,
) -> bytes:
    """Encode floats by their steps, less their tiles' bases; the section says how they were made of them."""
    models = (_Choice * len(choices))(*(_Choice(model.handle, file or None, len(file)) for model, file in choices))
    output, threads = Output(), _Threads(workers)
    status = _library.ac_stream_encode_steps(
        *(models, len(choices), ctypes.byref(_Array.of(values)), _address(shifted), _address(values)),
        *(section, len(section), (ctypes.c_uint32 * 2)(*piece_shape) if piece_shape else None),
        *(simd_level() | (_THOROUGH if thorough else 0), threads.argument, ctypes.byref(output)),
    )
    threads.finish(status, "steps")
    return output.to_bytes()


def encode_bounded(
    choices: Sequence[tuple[NativeModel, bytes]],
    values: NDArray[np.generic],
    bound: Bounded,
    noise: NDArray[np.float32] | None,
    piece_shape: tuple[int, int] | None,
    thorough: bool,
    workers: int,
) -> bytes:
    """Encode a contiguous array of native byte order within a bound; `noise` has a number for each element."""
    models = (_Choice * len(choices))(*(_Choice(model.handle, file or None, len(file)) for model, file in choices))
    output, threads = Output(), _Threads(workers)
    bound.noise = None if noise is None else _address(noise)
    status = _library.ac_stream_encode_bounded(
        *(models, len(choices), ctypes.byref(_Array.of(values)), _address(values), ctypes.byref(bound)),
        (ctypes.c_uint32 * 2)(*piece_shape) if piece_shape else None,
        *(simd_level() | (_THOROUGH if thorough else 0), threads.argument, ctypes.byref(output)),
    )
    threads.finish(status, "array")
    return output.to_bytes()


def bounded_codes(values: NDArray[np.generic], bound: Bounded, noise: NDArray[np.float32] | None) -> NDArray[Any]:
    """What a contiguous array of native byte order is coded by within a bound; itself where nothing is lost."""
    codes = np.empty(values.shape, np.int32)
    bound.noise = None if noise is None else _address(noise)
    status = _library.ac_bounded_codes(
        *(ctypes.byref(_Array.of(values)), _address(values), ctypes.byref(bound), _address(codes))
    )
    if status == _NO_SAMPLES:
        return values
    _check(status, "array")
    return codes


def inspect_stream(stream: memoryview) -> StreamHeader:
    """The header of a stream."""
    info, fault = _StreamInfo(), Fault()
    _check(
        _library.ac_stream_inspect(_start(stream), len(stream), ctypes.byref(info), ctypes.byref(fault)),
        "stream",
        fault,
    )
    sections = info.sections[: info.section_count]
    return StreamHeader(
        version=info.version,
        codec=info.codec,
        dtype=np.dtype(DTYPES[info.array.dtype]),
        shape=tuple(info.array.shape[: info.array.ndim]),
        checksum_kind=info.checksum_kind,
        is_whole=bool(info.is_whole),
        defect=_error(fault.status, "stream", fault) if fault.status else None,
        sections=tuple((s.id, bool(s.critical), bytes(stream[s.at : s.at + s.length])) for s in sections),
        data=slice(info.data_at, info.data_at + info.data_length),
        low_bits=info.low_bits,
        piece_shape=(info.piece[0], info.piece[1]),
        fingerprint=bytes(info.fingerprint).hex() if info.codec == _CAUSAL else "",
    )


def decode_stream(
    stream: memoryview,
    models: Sequence[NativeModel],
    out: NDArray[np.generic],
    workers: int,
    reference: NDArray[Any] | None = None,
) -> None:
    """Decode a stream into a contiguous array of native byte order, whose size must be right."""
    handles, threads = (_pointer * len(models))(*(model.handle for model in models)), _Threads(workers)
    fault = Fault()
    status = _library.ac_stream_decode_with(
        *(handles, len(models), None if reference is None else ctypes.byref(_Reference.of(reference))),
        *(_start(stream), len(stream)),
        *(_address(out), out.nbytes, simd_level(), threads.argument, ctypes.byref(fault)),
    )
    threads.finish(status, "stream", fault)


def decode_steps(
    stream: memoryview, models: Sequence[NativeModel], header: StreamHeader, workers: int
) -> NDArray[np.int32]:
    """The steps, less their tiles' bases, of a stream that has them."""
    values, steps = np.empty(header.shape, header.dtype), np.empty(header.shape, np.int32)
    handles, threads = (_pointer * len(models))(*(model.handle for model in models)), _Threads(workers)
    fault = Fault()
    status = _library.ac_stream_decode_steps(
        *(handles, len(models), _start(stream), len(stream), _address(values), values.nbytes, _address(steps)),
        *(simd_level(), threads.argument, ctypes.byref(fault)),
    )
    threads.finish(status, "stream", fault)
    return steps


def apply_reference(
    section: bytes, values: NDArray[np.generic], reference: NDArray[Any], *, undo: bool = False
) -> NDArray[Any]:
    """What a reference leaves of a contiguous array of native byte order, or the array again."""
    out, fault = np.empty_like(values), Fault()
    status = _library.ac_reference_apply(
        *(section, len(section), ctypes.byref(_Array.of(values)), ctypes.byref(_Reference.of(reference))),
        *(_address(values), _address(out), int(undo), ctypes.byref(fault)),
    )
    _check(status, "reference", fault)
    return out


def array_order(values: NDArray[np.generic]) -> tuple[int, ...]:
    """The order of axes in which a stream would have a contiguous array of native byte order."""
    if not values.size:
        return tuple(range(values.ndim))
    order = (ctypes.c_int32 * _MAX_DIMENSIONS)()
    _check(_library.ac_array_order(ctypes.byref(_Array.of(values)), _address(values), order), "array")
    return tuple(order[: values.ndim])


def array_samples(values: NDArray[np.generic]) -> NDArray[np.uint16] | None:
    """What an array would be modelled from: a sample for each element, planes one after the other.

    Returns
    -------
    ndarray of uint16 or None
        One axis; None where the array would be stored.
    """
    found = array_codes(values)
    return None if found is None else found[0]


def array_codes(values: NDArray[np.generic]) -> tuple[NDArray[np.uint16], int | None] | None:
    """`array_samples` and the code of sample 0 modulo 256, which is None where samples are no codes of a converter."""
    values = np.require(values, values.dtype.newbyteorder("="), ["C", "A"])
    samples = np.empty(values.size << (values.dtype.kind == "c"), np.uint16)
    shift = ctypes.c_int32()
    status = _library.ac_array_samples(
        *(ctypes.byref(_Array.of(values)), _address(values), _address(samples), ctypes.byref(shift))
    )
    if status == _NO_SAMPLES:
        return None
    _check(status, "array")
    return samples, None if shift.value < 0 else shift.value
