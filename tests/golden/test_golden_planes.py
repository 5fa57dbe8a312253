"""Golden streams of learned codecs on planes of visibilities, in both directions."""

from pathlib import Path

import numpy as np
import pytest
from plane_cases import NAMES, block, encoded

import astrocodec

pytest.importorskip("torch", reason="learned codecs need torch: pip install astrocodec[torch]")
pytest.importorskip("constriction")
pytest.importorskip("safetensors")

HERE = Path(__file__).parent


@pytest.mark.parametrize("name", NAMES)
def test_golden_planes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASTROCODEC_MODELS", str(HERE))
    stream, values = (HERE / f"v1_planes_{name}.acs").read_bytes(), np.load(HERE / f"v1_planes_{name}.npy")
    vis, flags = block()
    assert astrocodec.decode(stream).tobytes() == values.tobytes()
    assert encoded(name) == stream
    assert not values[flags | (vis == 0)].any()
    assert values[4, 0, 0, 1].tobytes() == vis[4, 0, 0, 1].tobytes()
    assert values[5, 5, 0, 0] == vis[5, 5, 0, 0]
