"""Golden lossy streams decode to their arrays in every decoder, and what they were made of encodes to their bytes."""

from pathlib import Path

import numpy as np
import pytest
from independent_decoder import decode_stream
from lossy_cases import CASES
from test_independent_decoder import shipped

import astrocodec
from astrocodec.stages import reference

HERE = Path(__file__).parent


@pytest.mark.parametrize("name", CASES)
def test_golden_lossy_stream(name: str) -> None:
    stream, array = (HERE / f"v1_lossy_{name}.acs").read_bytes(), np.load(HERE / f"v1_lossy_{name}.npy")
    make, bound = CASES[name]
    given = make()
    assert astrocodec.encode(given, bound=bound) == stream
    for back in (astrocodec.decode(stream), reference.decode_stream(memoryview(stream))):
        assert (back.dtype, back.shape) == (array.dtype, array.shape)
        assert back.tobytes() == array.tobytes()
    kind, shape, elements = decode_stream(stream, shipped())
    assert (kind, shape) == (array.dtype.str[1:], array.shape)
    assert elements == array.astype(array.dtype.newbyteorder("<")).tobytes()


def test_they_cover_what_a_loss_can_be() -> None:
    found = [astrocodec.inspect((HERE / f"v1_lossy_{name}.acs").read_bytes()) for name in CASES]
    assert not any(info.exact for info in found)
    assert {info.loss.kind for info in found if info.loss} == {"absolute", "noise", "relative", "increase", "added"}
    assert {info.dtype.str[1:] for info in found} == {"u1", "i2", "u2", "i4", "u4", "f4", "f8"}
    assert {"trellis" in info.holds for info in found} == {"dither" in info.holds for info in found} == {False, True}
