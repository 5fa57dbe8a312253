"""Golden streams of learned lossless codecs, in both directions."""

from pathlib import Path

import numpy as np
import pytest
from lossless_cases import array, encoded, names

import astrocodec

pytest.importorskip("torch", reason="learned codecs need torch: pip install astrocodec[torch]")
pytest.importorskip("constriction")
pytest.importorskip("safetensors")

HERE = Path(__file__).parent


@pytest.mark.parametrize("name", names())
def test_golden_lossless(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASTROCODEC_MODELS", str(HERE))
    stream, values = (HERE / f"v1_lossless_{name}.acs").read_bytes(), np.load(HERE / f"v1_lossless_{name}.npy")
    assert astrocodec.inspect(stream).parameters["coded by"] == name.partition("_")[0]
    assert np.array_equal(values, array())
    assert np.array_equal(astrocodec.decode(stream), values)
    assert encoded(name) == stream


def test_each_stream_has_weights() -> None:
    """And none is forgotten."""
    assert names()
    assert {path.stem for path in HERE.glob("v1_lossless_*.acs")} == {f"v1_lossless_{name}" for name in names()}
