"""Golden streams decode to their arrays, and their arrays encode to their bytes."""

from pathlib import Path

import numpy as np
import pytest
from stream_cases import CASES, FINGERPRINT, nearly_default

import astrocodec
from astrocodec.errors import ModelNotFoundError

HERE = Path(__file__).parent
STORED = {"uint64_stored", "uint8_none", "int64_scalar"}


def _stream(name: str) -> bytes:
    return (HERE / f"v1_stream_{name}.acs").read_bytes()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", CASES)
def test_golden_stream(name: str, workers: int) -> None:
    array = np.load(HERE / f"v1_stream_{name}.npy")
    back = astrocodec.decode(_stream(name), workers=workers)
    assert (back.dtype, back.shape) == (array.dtype.newbyteorder("="), array.shape)
    assert back.tobytes() == array.astype(back.dtype).tobytes()
    assert CASES[name].encode(array) == _stream(name)


def test_golden_streams_cover_what_streams_can_be() -> None:
    found = {name: astrocodec.inspect(_stream(name)) for name in CASES}
    assert {name for name, info in found.items() if info.mode == "stored"} == STORED
    assert {str(info.dtype) for info in found.values()} >= {"uint16", "int16", "int32", "float32", "uint64", "float64"}
    assert {name for name, info in found.items() if info.embedded_model} == {"uint16_tuned"}
    assert found["uint16_tuned"].model_fingerprint == nearly_default().fingerprint
    assert {info.model_fingerprint for info in found.values()} - {"", nearly_default().fingerprint} == {FINGERPRINT}
    assert {len(info.shape) for info in found.values()} >= {0, 1, 2, 3}
    assert max(info.low_bits for info in found.values()) > 8


def test_a_tuned_model_may_stay_outside() -> None:
    array = np.load(HERE / "v1_stream_uint16_tuned.npy")
    stream = astrocodec.encode(array, nearly_default(), embed_model=False)
    assert len(stream) < len(_stream("uint16_tuned"))
    with pytest.raises(ModelNotFoundError):
        astrocodec.decode(stream)
    assert (astrocodec.decode(stream, models=[nearly_default()]) == array).all()
