"""Damage and strides of pieces without a network: native library and reference judge alike."""

from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest
from pieces_without_network import MODEL, Samples, anything, assert_both_refuse, decode, octaves, plate, x_rays

from astrocodec import _native
from astrocodec.errors import FormatError, TruncatedError
from astrocodec.stages import counts, differences


class Case(NamedTuple):
    mode: ModuleType
    samples: Callable[[np.random.Generator, int, int], Samples]


CASES = {
    "plate": Case(differences, plate),
    "anything": Case(differences, anything),
    "x-rays": Case(counts, x_rays),
    "octaves": Case(counts, octaves),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@pytest.mark.parametrize("case", [CASES["plate"], CASES["x-rays"]], ids=["plate", "x-rays"])
def test_strides_are_respected(case: Case) -> None:
    whole = case.samples(np.random.default_rng(5), 60, 90)
    part = whole[3:53, 10:71]
    data = _native.encode_piece(MODEL, part)
    assert data == case.mode.encode(part.copy())
    out = np.full((60, 90), 7, np.uint16)
    inner = out[3:53, 10:71]
    _native.decode_piece(MODEL, np.frombuffer(data, np.uint8), inner)
    np.testing.assert_array_equal(inner, part)
    inner[:] = 7
    assert (out == 7).all()


@every_case
def test_truncation_is_noticed(case: Case) -> None:
    data = case.mode.encode(case.samples(np.random.default_rng(4), 9, 11))
    for size in range(1, len(data)):
        assert_both_refuse(case.mode, data[:size], 9, 11, TruncatedError)
    for tail in (b"\0", b"\0\0"):
        assert_both_refuse(case.mode, data + tail, 9, 11)


@every_case
def test_bit_flips_are_judged_alike(case: Case) -> None:
    samples = case.samples(np.random.default_rng(5), 12, 10)
    data = case.mode.encode(samples)
    for bit in range(8, 8 * len(data)):  # the first byte tells the mode
        damaged = bytearray(data)
        damaged[bit >> 3] ^= 1 << (bit & 7)
        try:
            back = case.mode.decode(bytes(damaged), 12, 10)
        except FormatError as error:
            with pytest.raises(type(error)):
                decode(bytes(damaged), 12, 10)
        else:
            np.testing.assert_array_equal(decode(bytes(damaged), 12, 10), back)
            assert (back != samples).any()
