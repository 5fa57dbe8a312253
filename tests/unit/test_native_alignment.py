"""Arrays however they lie in memory: C is given aligned ones only, and the same bytes come out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import astrocodec
from astrocodec import _native, load_model
from astrocodec._native import chunk as native_chunk
from astrocodec.stages.pixels import DTYPES

MODEL = _native.native_model(load_model("default"))
SHAPE = (48, 64)


def values(dtype: str) -> np.ndarray[Any, Any]:
    """An image of small numbers."""
    return np.random.default_rng(5).poisson(60, SHAPE).astype(dtype)


def misaligned(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The same at an odd address."""
    memory = bytearray(array.nbytes + 1)
    found = np.frombuffer(memory, array.dtype, array.size, 1).reshape(array.shape)
    found[...] = array
    assert array.itemsize == 1 or not found.flags.aligned
    return found


def in_structure(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The same as a field of packed rows."""
    table = np.zeros(array.shape, [("a", "u1"), ("pixel", array.dtype), ("b", "u1")])
    table["pixel"] = array
    return table["pixel"]


def frozen(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The same, read-only."""
    array = array.copy()
    array.flags.writeable = False
    return array


class Image(np.ndarray):  # type: ignore[type-arg]
    """A subclass that changes what indexing gives."""

    def __getitem__(self, index: Any) -> Any:
        raise AssertionError("not to be indexed")


LAYOUTS: dict[str, Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]] = {
    "plain": lambda a: a,
    "misaligned": misaligned,
    "field": in_structure,
    "reversed": lambda a: np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1],
    "every other": lambda a: np.repeat(np.repeat(a, 2, 0), 2, 1)[::2, ::2],
    "columns first": np.asfortranarray,
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "part of rows": lambda a: np.pad(a, ((1, 2), (3, 4)))[1:-2, 3:-4],
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "misaligned big-endian": lambda a: misaligned(a.astype(a.dtype.newbyteorder(">"))),
    "misaligned columns first": lambda a: misaligned(a.T.copy()).T,
    "read-only": frozen,
    "subclass": lambda a: a.view(Image),
    "as_array": lambda a: np.ma.MaskedArray(a),
}
REPEATED = {
    "one row": lambda a: np.broadcast_to(a[0], a.shape),
    "one column": lambda a: np.broadcast_to(a[:, :1], a.shape),
    "one pixel": lambda a: np.broadcast_to(a[0, 0], a.shape),
}


@pytest.mark.parametrize("layout", [*LAYOUTS, *REPEATED])
@pytest.mark.parametrize("dtype", DTYPES)
def test_an_array_gives_the_stream_of_its_copy(dtype: str, layout: str) -> None:
    plain = values(dtype)
    laid = (LAYOUTS | REPEATED)[layout](plain)
    copied = np.array(np.asarray(laid), dtype, order="C")
    stream = astrocodec.encode(laid)
    assert stream == astrocodec.encode(copied)
    assert (astrocodec.decode(stream) == copied).all()


@pytest.mark.parametrize("dtype", ["u2", "i4", "f8"])
@pytest.mark.parametrize(
    "layout", ["plain", "misaligned", "field", "reversed", "columns first", "big-endian", "part of rows"]
)
def test_a_stream_is_decoded_into_whatever_there_is(dtype: str, layout: str) -> None:
    expected = values(dtype)
    out = LAYOUTS[layout](np.zeros_like(expected))
    astrocodec.decode(astrocodec.encode(expected), out=out)
    assert (out == expected).all()


def test_nothing_is_decoded_into_what_cannot_be_written() -> None:
    expected = values("u2")
    with pytest.raises(ValueError, match="read-only"):
        astrocodec.decode(astrocodec.encode(expected), out=frozen(expected))
    with pytest.raises(ValueError, match="read-only"):
        _native.decode_piece(MODEL, np.frombuffer(b"\0\7\0", np.uint8), frozen(expected))
    with pytest.raises(ValueError, match="read-only"):
        native_chunk.ChunkCodec(()).decode(native_chunk.ChunkCodec(()).encode(expected), frozen(expected))


@pytest.mark.parametrize("start", range(4))
def test_a_stream_may_begin_anywhere(start: int) -> None:
    expected = values("u2")
    stream = astrocodec.encode(expected, workers=2)
    padded = memoryview(bytes(start) + stream + b"behind")[start : start + len(stream)]
    assert (astrocodec.decode(padded) == expected).all()
    assert astrocodec.inspect(padded) == astrocodec.inspect(stream)


@pytest.mark.parametrize("layout", [*LAYOUTS, *REPEATED])
def test_pieces(layout: str) -> None:
    laid = (LAYOUTS | REPEATED)[layout](values("u2"))
    plain = np.array(np.asarray(laid), np.uint16, order="C")
    piece = _native.encode_piece(MODEL, laid)
    assert piece == _native.encode_piece(MODEL, plain)
    positions = np.arange(0, plain.size, 7, dtype=np.uint32)
    contexts = _native.piece_contexts(plain, positions)
    assert (_native.piece_contexts(laid, misaligned(positions)) == contexts).all()
    options = {"steps": 2, "first_round": 1, "batch": 32, "outputs_only": False, "seed": 1}
    rates = {"rate": 0.1, "least": 0.0, "charge": 0.0}
    contexts = np.resize(contexts, 256)
    fitted = _native.tune_weights(MODEL, MODEL, contexts, **options, **rates)
    assert _native.tune_weights(MODEL, MODEL, misaligned(contexts), **options, **rates) == fitted


@pytest.mark.parametrize(
    "layout", ["plain", "misaligned", "field", "reversed", "every other", "columns first", "part of rows"]
)
def test_pieces_into_planes(layout: str) -> None:
    plain = values("u2")
    data = np.frombuffer(_native.encode_piece(MODEL, plain), np.uint8)
    out = LAYOUTS[layout](np.zeros_like(plain))
    _native.decode_piece(MODEL, np.repeat(data, 2)[::2], out)
    assert (out == plain).all()
    bits, expected = LAYOUTS[layout](np.zeros(SHAPE, np.float32)), np.zeros(SHAPE, np.float32)
    assert _native.piece_bits(MODEL, data, bits) == _native.piece_bits(MODEL, data, expected)
    assert (bits == expected).all()
    assert expected.any()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_checksums_are_those_of_the_bytes_in_order(layout: str) -> None:
    laid = LAYOUTS[layout](values("i4"))
    raw = np.frombuffer(np.asarray(laid).tobytes(), np.uint8)
    assert _native.crc32c(np.asarray(laid)) == _native.crc32c(raw)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_chunks(layout: str) -> None:
    codec = native_chunk.ChunkCodec(())
    laid = np.asarray(LAYOUTS[layout](values("i4")))
    stream = codec.encode(laid)
    assert stream == codec.encode(np.frombuffer(laid.tobytes(), np.uint8))
    out = LAYOUTS[layout](np.zeros_like(laid))
    if out.flags.writeable:
        codec.decode(stream, np.asarray(out).view(laid.dtype))
        assert np.asarray(out).view(laid.dtype).tobytes() == laid.tobytes()


def test_an_address_that_is_not_aligned_never_reaches_c() -> None:
    with pytest.raises(ValueError, match="not aligned"):
        _native._address(misaligned(values("u2")))
