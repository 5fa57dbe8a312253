"""Chunks in C: types of HDF5, models that filter values name, streams of codecs that the library does not have."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator

import h5py
import numpy as np
import pytest
from made_models import made_model

import astrocodec
import hdf5_filter
from astrocodec._native import _library, crc32c, register_model
from astrocodec._native.chunk import ChunkCodec
from astrocodec.errors import CodecNotFoundError, CorruptError, ModelNotFoundError, VersionError
from astrocodec.model import Model
from astrocodec.stages.stream import OF_BYTES, OF_ELEMENTS, Header, Section, seal
from hdf5_filter.values import FilterValues

Decoder = ctypes.CFUNCTYPE(
    ctypes.c_int,
    *(ctypes.POINTER(ctypes.c_uint8), ctypes.c_size_t),
    *(ctypes.POINTER(ctypes.c_uint8), ctypes.c_size_t),
    *(ctypes.POINTER(ctypes.c_char), ctypes.c_size_t),
)
IMAGE = np.arange(12, dtype="<u2").reshape(3, 4)
LABEL = Section(2, b"planes\npip install astrocodec-planes")


def foreign(kind: int = OF_ELEMENTS, sections: tuple[Section, ...] = (LABEL,), data: bytes = b"seven") -> bytes:
    """A stream of a codec that is nowhere."""
    header = Header(200, IMAGE.dtype, IMAGE.shape, b"par", sections, kind).to_bytes()
    return seal(header, data, IMAGE if kind == OF_ELEMENTS else None)


def decode_chunk(stream: bytes, values: tuple[int, ...] = (1, 0)) -> np.ndarray:
    """By the filter, into an image."""
    out = np.zeros_like(IMAGE)
    ChunkCodec(values).decode(stream, out)
    return out


@pytest.fixture
def served() -> Iterator[Callable[[Callable[..., int]], None]]:
    """Set a decoder of foreign codecs for one test."""
    kept = []

    def serve(function: Callable[..., int]) -> None:
        kept.append(Decoder(function))
        _library.ac_set_decoder(ctypes.cast(kept[-1], ctypes.c_void_p))

    yield serve
    _library.ac_set_decoder(None)


def test_a_codec_that_is_not_here_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    _library.ac_set_decoder(None)
    with pytest.raises(CodecNotFoundError, match=r"'planes' \(id 200\).*pip install astrocodec-planes"):
        decode_chunk(foreign())
    with pytest.raises(CodecNotFoundError, match="codec 200 is needed, a private one"):
        decode_chunk(foreign(sections=()))
    with pytest.raises(CodecNotFoundError, match=r"'a\?\[31mb' \(id 200\)"):
        decode_chunk(foreign(sections=(Section(2, b"a\x1b[31mb"),)))
    with h5py.File.in_memory() as file:
        made = file.create_dataset("x", IMAGE.shape, "<u2", chunks=IMAGE.shape, compression=hdf5_filter.AstroCodec())
        made.id.write_direct_chunk((0, 0), foreign())
        with pytest.raises(OSError, match="filter returned failure"):
            made[...]
    assert "codec 'planes' (id 200) is needed, which is not installed: pip install" in capfd.readouterr().err


def test_a_decoder_of_foreign_codecs_is_asked(served: Callable[[Callable[..., int]], None]) -> None:
    def decode(stream: object, length: int, out: object, capacity: int, message: object, room: int) -> int:
        assert ctypes.string_at(stream, length) == foreign()  # type: ignore[arg-type]
        ctypes.memmove(out, IMAGE.tobytes(), capacity)  # type: ignore[arg-type]
        return 0

    served(decode)
    assert (decode_chunk(foreign()) == IMAGE).all()
    with h5py.File.in_memory() as file:
        made = file.create_dataset("x", IMAGE.shape, "<u2", chunks=IMAGE.shape, compression=hdf5_filter.AstroCodec())
        made.id.write_direct_chunk((0, 0), foreign())
        assert (made[...] == IMAGE).all()


def test_checksums_of_foreign_codecs_are_compared(served: Callable[[Callable[..., int]], None]) -> None:
    asked = []

    def decode(stream: object, length: int, out: object, capacity: int, message: object, room: int) -> int:
        asked.append(length)
        return 0  # zeros

    served(decode)
    with pytest.raises(CorruptError, match="checksum of the decoded elements differs"):
        decode_chunk(foreign())
    assert not decode_chunk(foreign(OF_BYTES)).any()
    damaged = bytearray(foreign(OF_BYTES))
    damaged[-6] ^= 1
    asked.clear()
    with pytest.raises(CorruptError, match="checksum of the bytes differs"):
        decode_chunk(bytes(damaged))
    assert not asked


def test_what_a_foreign_decoder_says_is_said(served: Callable[[Callable[..., int]], None]) -> None:
    def decode(stream: object, length: int, out: object, capacity: int, message: object, room: int) -> int:
        ctypes.memmove(message, b"no such planes\0", 15)  # type: ignore[arg-type]
        return 32

    served(decode)
    with pytest.raises(VersionError, match="no such planes"):
        decode_chunk(foreign())


def test_a_foreign_chunk_of_another_size_is_refused(served: Callable[[Callable[..., int]], None]) -> None:
    """Before memory is taken for what it says."""
    served(lambda *_: 0)
    header = Header(200, np.dtype("<u2"), (1 << 20, 1 << 19)).to_bytes()
    with pytest.raises(CorruptError, match="holds 1099511627776 bytes, expected are"):
        ChunkCodec((1, 0)).size(seal(header, b""))


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        *(("?", "?"), ("<f2", "f2"), (">f2", "f2"), ("<c8", "c8"), (">c8", "c8"), ("<c16", "c16")),
        *((np.dtype([("r", "<f4"), ("i", "<f4")]), "c8"), (np.dtype([("x", "<i2"), ("y", "<i2")]), "i2")),
        (h5py.enum_dtype({"NO": 0, "TRUE": 1}, "u1"), "u1"),
        (h5py.enum_dtype({"TRUE": 1, "FALSE": 0}, "i1"), "?"),
    ],
)
def test_a_chunk_is_a_stream_of_its_very_type(dtype: str | np.dtype, expected: str) -> None:
    rng = np.random.default_rng(3)
    kind = np.dtype(dtype)
    raw = rng.integers(0, 2, (9, 7 * kind.itemsize), np.uint8)
    values = raw.view(kind)
    with h5py.File.in_memory() as file:
        made = file.create_dataset("x", data=values, dtype=dtype, chunks=(9, 7), compression=hdf5_filter.AstroCodec())
        found = astrocodec.decode(made.id.read_direct_chunk((0, 0))[1])
        assert found.dtype == np.dtype(expected)
        assert found.shape == ((2, 9, 7) if expected == "i2" else (9, 7))
        assert made[...].tobytes() == values.tobytes()
        if expected != "i2":
            assert found.astype(kind.newbyteorder("<") if not kind.names else found.dtype).tobytes() == (
                values.astype(values.dtype.newbyteorder("<")).tobytes()
            )


def test_other_floats_of_two_bytes_are_kept_as_bits() -> None:
    kind = h5py.h5t.IEEE_F16LE.copy()
    kind.set_fields(15, 7, 8, 0, 7)
    kind.set_ebias(127)
    bits = np.arange(63, dtype="<u2").reshape(9, 7)
    with h5py.File.in_memory() as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((9, 7))
        plist.set_filter(44045, h5py.h5z.FLAG_MANDATORY, (1, 0))
        made = h5py.h5d.create(file.id, b"x", kind, h5py.h5s.create_simple((9, 7)), plist)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, bits, kind)
        assert (astrocodec.decode(made.read_direct_chunk((0, 0))[1]) == bits).all()


def test_values_behind_their_number_are_not_looked_at() -> None:
    with h5py.File.in_memory() as file:
        made = file.create_dataset("x", data=IMAGE, chunks=(3, 4), compression=hdf5_filter.AstroCodec())
        values, stream = made.id.get_create_plist().get_filter(0)[2], made.id.read_direct_chunk((0, 0))[1]
    assert values[2] == len(values)
    assert (decode_chunk(stream, (*values, 7, 8)) == IMAGE).all()
    roomy = [*values[:-1], 99]
    roomy[2] += 1
    roomy.append(crc32c(np.array(roomy, "<u4")))
    assert (decode_chunk(stream, tuple(roomy)) == IMAGE).all()
    with pytest.raises(CorruptError, match="contradict each other"):
        decode_chunk(stream, values[:-1])


def test_a_dataset_names_its_model() -> None:
    with h5py.File.in_memory() as file:
        made = file.create_dataset("x", data=IMAGE, chunks=(3, 4), compression=hdf5_filter.AstroCodec())
        values = made.id.get_create_plist().get_filter(0)[2]
        stream = made.id.read_direct_chunk((0, 0))[1]
    default = astrocodec.load_model("default").fingerprint
    assert FilterValues.from_values(values).fingerprint == default
    other = list(values)
    other[6] ^= 1
    other[-1] = crc32c(np.array(other[:-1], "<u4"))
    assert (decode_chunk(stream, tuple(other)) == IMAGE).all()
    # HDF5 dies of a filter that fails in a flush: such a chunk has the default model.
    assert (astrocodec.decode(bytes(ChunkCodec(other).encode(IMAGE))) == IMAGE).all()
    with h5py.File.in_memory() as file, pytest.raises(ValueError, match="error during user callback"):
        file.create_dataset("y", IMAGE.shape, "<u2", chunks=(3, 4), compression=44045, compression_opts=tuple(other))


def test_a_registered_model_is_found() -> None:
    """As base of a tuned one, and by streams that name it."""
    made = made_model(4471)
    base = Model(made.weights, made.shapes)
    tuned = Model(made.weights[:8] + bytes([made.weights[8] ^ 1]) + made.weights[9:], made.shapes, base=base)
    delta, handle = tuned.delta(), ctypes.c_void_p()
    frame = np.arange(4096, dtype="<u2").reshape(64, 64)
    stream, out = astrocodec.encode(frame, base, embed_model=False), np.zeros_like(frame)
    with pytest.raises(ModelNotFoundError, match=f"needs model {base.fingerprint}, which is neither"):
        ChunkCodec(()).decode(stream, out)
    _library.ac_model_from_delta.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p)]
    assert _library.ac_model_from_delta(delta, len(delta), ctypes.byref(handle)) == 31
    for _ in range(2):
        register_model(base)
    assert _library.ac_model_from_delta(delta, len(delta), ctypes.byref(handle)) == 0
    found = (ctypes.c_uint8 * 8)()
    _library.ac_model_fingerprint(handle, found)
    assert bytes(found).hex() == tuned.fingerprint
    _library.ac_model_free(handle)
    ChunkCodec(()).decode(stream, out)
    assert (out == frame).all()
