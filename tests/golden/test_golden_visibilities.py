"""Golden visibilities decode to their blocks by both decoders, and what was encoded gives their bytes."""

from pathlib import Path

import numpy as np
import pytest
from visibility_cases import cases

import astrocodec
from astrocodec._native.visibility_blocks import encode_block
from astrocodec.stages import reference
from astrocodec.stages.stream import data_of, read_header

HERE = Path(__file__).parent


@pytest.mark.parametrize("name", cases())
def test_golden_visibilities(name: str) -> None:
    stream = (HERE / f"v1_visibility_{name}.acs").read_bytes()
    block, case = np.load(HERE / f"v1_visibility_{name}.npy"), cases()[name]
    assert astrocodec.decode(stream).tobytes() == block.tobytes()
    assert reference.decode_stream(memoryview(stream)).tobytes() == block.tobytes()
    header, at = read_header(memoryview(stream))
    assert header.parameters == case.parameters
    made = encode_block(*case)
    assert made is not None
    assert (made[0], made[1].tobytes()) == (bytes(data_of(memoryview(stream), at)), block.tobytes())
