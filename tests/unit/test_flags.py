"""Flags: both backends write and read the same, and what is alike costs next to nothing."""

import numpy as np
import pytest

import astrocodec
from astrocodec.stages import flags as stage
from astrocodec.stages import reference
from astrocodec.visibility import encode_flags

SHAPES = [(), (1,), (7,), (3, 4), (5, 3, 4), (2, 3, 4, 5), (2, 2, 3, 1, 2), (6, 1, 5, 1), (1, 1, 1, 9)]


@pytest.mark.parametrize("shape", SHAPES)
def test_both_write_the_same_and_read_it(shape: tuple[int, ...]) -> None:
    for share in (0.0, 0.2, 0.9):
        given = np.asarray(np.random.default_rng(len(shape)).random(shape) < share)
        stream = encode_flags(given)
        assert stream == stage.encode_flags(given)
        for found in (astrocodec.decode(stream), reference.decode_stream(memoryview(stream))):
            assert found.dtype == bool
            assert np.array_equal(found, given)
            assert found.shape == shape


def test_rows_of_one_axis_are_times_and_baselines() -> None:
    times = np.random.default_rng(1).random((40, 9)) < 0.3  # of each baseline, for all times but one
    given = np.tile(times[:9], (10, 1))
    given[50] = True
    told, untold = (encode_flags(given.reshape(90, 9, 1), baselines=n) for n in (9, None))
    assert len(told) < len(untold) / 1.5
    assert told == stage.encode_flags(given.reshape(90, 9, 1), 9)
    assert np.array_equal(astrocodec.decode(told), given.reshape(90, 9, 1))


def test_alike_flags_take_few_bytes_and_many_are_cut_into_parts() -> None:
    given = np.zeros((65536 + 7, 256), bool)
    given[65530:, 5] = True
    stream = encode_flags(given)
    assert len(stream) < 120
    assert np.array_equal(astrocodec.decode(stream), given)
    info = astrocodec.inspect(stream)
    assert (info.codec, info.exact, info.loss) == ("flags", True, None)


def test_what_encode_flags_refuses_and_what_it_stores() -> None:
    for wrong in (np.zeros((2, 3)), np.zeros(3, np.uint8)):
        with pytest.raises(TypeError, match="booleans"):
            encode_flags(wrong)
    for rows in (0, 7, -1):
        with pytest.raises(ValueError, match="baselines"):
            encode_flags(np.zeros((6, 2, 2), bool), baselines=rows)
    with pytest.raises(TypeError, match="mask"):
        encode_flags(np.ma.masked_array([True, False], [False, True]))
    with pytest.raises(TypeError, match="float"):
        encode_flags(np.zeros((6, 2, 2), bool), baselines=1.5)  # type: ignore[arg-type]
    assert astrocodec.decode(encode_flags(np.zeros((4, 0, 2), bool))).shape == (4, 0, 2)
    odd = np.array([2, 0, 255, 1], np.uint8).view(bool)
    assert astrocodec.decode(encode_flags(odd)).view(np.uint8).tolist() == [1, 0, 1, 1]
