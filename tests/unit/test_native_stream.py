"""Calls of the native stream functions: threads, failures on the way, what is said of damaged streams."""

import ctypes
from typing import Any

import numpy as np
import pytest

import astrocodec
from astrocodec import _native
from astrocodec._native import stream as native_stream
from astrocodec.errors import FormatError
from astrocodec.model import load_model

IMAGE = np.random.default_rng(3).normal(700, 9, (90, 120)).astype("u2")


def test_what_a_thread_raises_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __init__(self, workers: int) -> None:
            raise RuntimeError("no threads left")

    stream = astrocodec.encode(IMAGE, piece_shape=(30, 40))
    monkeypatch.setattr(native_stream, "ThreadPoolExecutor", Broken)
    with pytest.raises(RuntimeError, match="no threads left"):
        astrocodec.encode(IMAGE, piece_shape=(30, 40), workers=2)
    with pytest.raises(RuntimeError, match="no threads left"):
        astrocodec.decode(stream, workers=2)


@pytest.mark.parametrize("omitted", [0, 5, 8])
def test_a_task_that_was_not_run_is_noticed(omitted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class Lazy:
        """Runs all tasks but one."""

        def __init__(self, workers: int) -> None:
            pass

        def __enter__(self) -> "Lazy":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def map(self, function: Any, items: range) -> list[object]:
            return [function(item) for item in items if item != omitted]

    stream = astrocodec.encode(IMAGE, piece_shape=(30, 40))
    monkeypatch.setattr(native_stream, "ThreadPoolExecutor", Lazy)
    with pytest.raises(ValueError, match="array"):
        astrocodec.encode(IMAGE, piece_shape=(30, 40), workers=2)
    with pytest.raises(ValueError, match="stream"):
        astrocodec.decode(stream, workers=2)


@pytest.mark.parametrize("workers", [1, 3])
def test_the_first_damaged_piece_is_named(workers: int) -> None:
    stream = bytearray(astrocodec.encode(IMAGE, piece_shape=(30, 40)))
    stream[len(stream) * 5 // 9 :: 500] = bytes(len(stream[len(stream) * 5 // 9 :: 500]))
    with pytest.raises(FormatError, match=r"piece [45] \(plane 0, row 30, column \d+\), byte \d+: "):
        astrocodec.decode(bytes(stream), workers=workers)


def test_a_forged_shape_takes_no_memory() -> None:
    stream = astrocodec.encode(IMAGE[:2, :50], piece_shape=(1, 40))
    forged = stream[:6] + b"\x80\x80\x40" * 2 + stream[8:]
    with pytest.raises(FormatError, match=r"bytes can hold|the stream is cut"):
        astrocodec.decode(forged)


def test_out_that_is_strided_or_swapped_is_filled() -> None:
    stream = astrocodec.encode(IMAGE)
    for out in (np.zeros((90, 240), "u2")[:, ::2], np.zeros((90, 120), ">u2"), np.zeros((120, 90), "u2").T):
        assert astrocodec.decode(stream, out=out) is out
        assert (out == IMAGE).all()


def test_a_small_buffer_is_refused() -> None:
    stream = np.frombuffer(astrocodec.encode(IMAGE), np.uint8)
    with pytest.raises(ValueError, match="output buffer too small"):
        native_stream.decode_stream(memoryview(stream.tobytes()), [], np.empty(IMAGE.size - 1, "u2"), 1)


def test_several_models_give_the_smallest_stream() -> None:
    tuned = astrocodec.tune(IMAGE, effort=1)
    streams = [astrocodec.encode(IMAGE, m, embed_model=False) for m in (tuned, load_model())]
    assert astrocodec.encode(IMAGE, (tuned, load_model()), embed_model=False) == min(streams, key=len)


def test_structures_are_as_large_as_in_c() -> None:
    """A field that is missing here would shift all behind it."""
    assert ctypes.sizeof(native_stream._Array) == 8 + 8 * 32
    assert ctypes.sizeof(native_stream._Section) == 4 + 4 + 8 + 8
    assert ctypes.sizeof(native_stream._StreamInfo) == 8 + 8 * 32 + 20 + 8 + 8 + 4 + 8 * 8 + 8 + 128 * 24
    assert ctypes.sizeof(_native.Fault) == 12 + 4 + 7 * 8 + 256
