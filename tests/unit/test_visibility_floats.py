"""Exact floats of visibilities: model columns, turned integers, every kind of float, damages, both decoders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import astrocodec
from astrocodec._native import visibility_blocks
from astrocodec.errors import CorruptError, FormatError
from astrocodec.stages import reference
from astrocodec.stages.stream import read_header
from astrocodec.stages.visibility import FLOATS, PARAMETERS
from astrocodec.visibility import encode


def model_block(shape: tuple[int, ...] = (12, 6, 24, 2)) -> NDArray[np.complex64]:
    """Four sources over baselines that turn, without noise."""
    rng = np.random.default_rng(5)
    t, b, f, p = np.indices(shape)
    rates, delays, fluxes = rng.uniform(-0.3, 0.3, (3, 4, shape[1], 1))[..., 0]
    total = np.zeros(shape, complex)
    for rate, delay, flux in zip(rates, delays, fluxes, strict=True):
        total += (1 + 0.2 * p) * (0.5 + flux[b]) * np.exp(1j * (rate[b] * t + delay[b] * f * (1 + 0.001 * t)))
    return total.astype(np.complex64)


def kind_of(stream: bytes) -> int | None:
    """Kind of a stream of codec 96; None of another codec's."""
    header, _ = read_header(memoryview(stream))
    return int(PARAMETERS.unpack(header.parameters)[0]) if header.codec == 96 else None


def bits_of(stream: bytes, vis: NDArray[np.complex64]) -> float:
    """For each real number."""
    return 8 * len(stream) / (2 * vis.size)


def test_models_cost_little() -> None:
    """Neighbours foretell them to a few of their last bits (a lossless storage manager leaves 8, zstd 20)."""
    vis = model_block((24, 4, 48, 1))
    stream = encode(vis)
    assert kind_of(stream) == FLOATS
    assert astrocodec.decode(stream).tobytes() == vis.tobytes()
    assert bits_of(stream, vis) < 8.5
    twice = np.repeat(vis, 2, axis=3)
    assert len(encode(twice)) < 1.1 * len(stream)
    assert astrocodec.decode(encode(vis, model="none")).tobytes() == vis.tobytes()


def test_turned_integers_cost_less() -> None:
    """Integers that were turned in phase and back are next to multiples of a power of two."""
    rng = np.random.default_rng(2)
    whole = np.rint(rng.normal(0, 2000, (3, 8, 32, 2, 2))).astype(np.float32).view(np.complex64)[..., 0]
    angle = np.exp(1j * rng.uniform(0, 6, whole.shape)).astype(np.complex64)
    vis = (whole * angle * angle.conj()).astype(np.complex64) * np.float32(2**-20)
    stream = encode(vis)
    assert kind_of(stream) == FLOATS
    assert astrocodec.decode(stream).tobytes() == vis.tobytes()
    assert bits_of(stream, vis) < 17


def odd_floats() -> dict[str, NDArray[np.generic]]:
    """Every kind of float, and shapes without neighbours."""
    vis = model_block((5, 3, 9, 2))
    parts = vis.view(np.float32).reshape(-1)
    parts[::17], parts[5::31], parts[7::37], parts[11::41] = -0.0, 1e-42, 3e38, -1.2e-38
    wild = vis.copy()
    bits = wild.view(np.uint32).reshape(-1)
    bits[3], bits[50], bits[71], bits[90] = 0x7FC12345, 0xFF800001, 0x7F800000, 0x80000000
    doubles = model_block((5, 2, 5, 1)).astype(np.complex128) * (1 + 1e-9)
    tiny = doubles.copy()
    tiny.view(np.float64)[0, 0, 0, 0], tiny.view(np.float64)[1, 1, 1, 1] = 5e-324, -1.7e308
    short = (model_block((5, 2, 5, 1)).view(np.uint32) & np.uint32(0xFFFFE000)).view(np.complex64)
    rng = np.random.default_rng(7)
    far = np.rint(rng.normal(0, 2000, (3, 4, 8, 2, 2))) * (1 + 1e-13 * rng.normal(size=(3, 4, 8, 2, 2))) * 2.0**-20
    far.reshape(-1)[::37] = rng.uniform(1, 2, far.reshape(-1)[::37].shape) * 2.0**31  # 2^51 steps of the lattice
    least = rng.integers(1, 4, (3, 4, 8, 2, 2), np.uint32)
    least[..., 1] = 0x80000000
    return {
        "far from a lattice's zero": far.view(complex)[..., 0],
        "a lattice of the least floats": least.view(np.complex64)[..., 0],
        "floats": vis,
        "not finite": wild,
        "doubles": doubles,
        "tiny doubles": tiny,
        "huge doubles": doubles * 2.0**1022,
        "few bits": short,
        "zeros": np.zeros((3, 4, 5, 2), "c8"),
        "zeros with a sign": -np.zeros((3, 4, 5, 2), "c8"),
        "one": vis[:1, :1, :1, :1].copy(),
        "one time": vis[:1].copy(),
        "one channel": vis[:, :, :1].copy(),
        "imaginary part zero": vis.real.astype(np.complex64),
    }


@pytest.mark.parametrize("name", odd_floats())
def test_odd_floats_come_back_bit_for_bit(name: str) -> None:
    vis = odd_floats()[name]
    stream = encode(vis)
    assert astrocodec.decode(stream).tobytes() == vis.tobytes()
    assert reference.decode_stream(memoryview(stream)).tobytes() == vis.tobytes()
    assert len(stream) <= len(astrocodec.encode(vis)) + 8


def test_nan_that_signal_stay_and_nobody_is_warned() -> None:
    for real, bits, nan in (("f4", "u4", 0x7F800001), ("f8", "u8", 0x7FF0000000000001)):
        parts = np.random.default_rng(1).normal(size=(6, 4, 16, 2, 2)).astype(real)
        parts.view(bits)[2, 1, 3, 0, 0] = nan
        vis = parts.view(f"c{2 * parts.itemsize}")[..., 0]
        assert astrocodec.decode(encode(vis)).tobytes() == vis.tobytes()
        assert astrocodec.decode(encode(vis, noise_increase="1%")).view(bits)[2, 1, 3, 0] == nan


def test_columns_of_zeros_are_next_to_nothing() -> None:
    """Of models without a polarisation, or of none at all."""
    stream = encode(np.zeros((16, 40, 200, 4), "c8"))
    assert len(stream) < 60
    assert not astrocodec.decode(stream).any()  # more samples than 65,536 for each byte
    vis = model_block((6, 6, 24, 2))
    zeros = np.zeros_like(vis)
    padded = np.concatenate([vis[..., :1], zeros, vis[..., 1:]], axis=3)
    assert len(encode(padded)) < len(encode(vis)) + 40


def test_threads_change_no_byte() -> None:
    vis = np.repeat(model_block((6, 6, 24, 2)), 20, axis=1)
    assert encode(vis, workers=1) == encode(vis, workers=3)


def outcome(decode: object, stream: bytes) -> bytes | type[Exception]:
    """The elements, or the class of the error."""
    try:
        return np.asarray(decode(memoryview(stream))).tobytes()  # type: ignore[operator]
    except FormatError as error:
        return type(error)


@pytest.mark.parametrize("scale", [1.0, 2.0**-20])
def test_both_decoders_refuse_the_same_damages(scale: float) -> None:
    """Of floats, and of a lattice."""
    vis = model_block((2, 3, 5, 2))
    if scale < 1:
        vis = (np.rint(vis.view(np.float32) * 900) * np.float32(scale) * np.float32(1.0000001)).view(np.complex64)
    vis[0, 1] = 0
    vis[1, 2, 3, 1] = np.nan
    stream = encode(vis)
    assert kind_of(stream) == FLOATS
    header, at = read_header(memoryview(stream))
    refused = 0
    for i in [*range(at - len(header.parameters), len(stream) - 4, 9), -1]:
        damaged = bytearray(stream)
        damaged[i] ^= 1 << abs(i) % 8
        kinds = outcome(astrocodec.decode, bytes(damaged)), outcome(reference.decode_stream, bytes(damaged))
        assert kinds[0] == kinds[1] or {*kinds} <= {CorruptError}, i
        refused += isinstance(kinds[0], type)
    assert refused > 10
    for length in range(0, len(stream), 41):
        kinds = outcome(astrocodec.decode, stream[:length]), outcome(reference.decode_stream, stream[:length])
        assert kinds[0] == kinds[1], length


def test_a_stream_that_does_not_give_back_its_samples_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another codec's is, which is larger."""
    vis = model_block()
    assert kind_of(encode(vis)) == FLOATS

    def wrong(*arguments: Any) -> Any:
        made = visibility_blocks.encode_block(*arguments)
        return made and (made[0][:-1] + bytes([made[0][-1] ^ 1]), made[1])

    monkeypatch.setattr("astrocodec.visibility.codec.encode_block", wrong)
    stream = encode(vis)
    assert kind_of(stream) is None
    assert astrocodec.decode(stream).tobytes() == vis.tobytes()
