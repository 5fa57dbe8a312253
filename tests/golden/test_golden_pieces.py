"""Golden pieces decode to their samples, and their samples encode to their bytes, with every backend."""

from pathlib import Path

import numpy as np
import pytest
from backends import BACKENDS, Backend
from lossless_cases import names as lossless_cases
from lossy_cases import CASES as LOSSY
from made_models import MadeModel
from make_golden import CASES, MODELS
from plane_cases import NAMES as PLANES
from stream_cases import CASES as STREAMS
from visibility_cases import cases as visibility_cases

HERE = Path(__file__).parent


def _model(name: str) -> MadeModel:
    stem = HERE / f"v1_model_{name}"
    weights, shapes, widths = (stem.with_suffix(end).read_bytes() for end in (".weights", ".shapes", ".widths"))
    return MadeModel(weights, shapes, 0, widths)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CASES)
def test_golden_piece(backend: Backend, name: str) -> None:
    model, _, _, _, *how = CASES[name]
    made = _model(model)
    data = (HERE / f"v1_piece_{name}.acp").read_bytes()
    samples = np.load(HERE / f"v1_piece_{name}.npy").astype(np.uint16)
    np.testing.assert_array_equal(backend.decode(made, data, *samples.shape), samples)
    assert backend.encode(made, samples, False, *how) == data


def test_golden_files_are_all_known() -> None:
    """Files that no case reads would pin nothing."""
    expected = {f"v1_piece_{name}{end}" for name in CASES for end in (".acp", ".npy")}
    expected |= {f"v1_model_{name}{end}" for name in MODELS for end in (".weights", ".shapes", ".widths")}
    expected |= {f"v1_stream_{name}{end}" for name in STREAMS for end in (".acs", ".npy")}
    expected |= {f"v1_lossy_{name}{end}" for name in LOSSY for end in (".acs", ".npy")}
    expected |= {f"v1_visibility_{name}{end}" for name in visibility_cases() for end in (".acs", ".npy")}
    expected |= {f"v1_lossless_{name}{end}" for name in lossless_cases() for end in (".acs", ".npy", ".safetensors")}
    expected |= {f"v1_planes_{name}{end}" for name in PLANES for end in (".acs", ".npy", ".safetensors")}
    assert {path.name for path in HERE.glob("v1_*")} == expected


def test_modes_are_all_covered() -> None:
    heads = {name: (HERE / f"v1_piece_{name}.acp").read_bytes()[:3] for name in CASES}
    modes = {name: head[0] for name, head in heads.items()}
    assert {name for name, mode in modes.items() if mode not in (1, 3, 4, 5, 6)} == {"raw", "constant"}
    assert sum(mode == 4 for mode in modes.values()) >= 5
    assert sum(mode == 1 for mode in modes.values()) >= 10
    assert sum(mode == 6 for mode in modes.values()) >= 4
    assert sum(mode == 5 for mode in modes.values()) >= 2
    assert {head[1] for head in heads.values() if head[0] == 1} >= {0, 1, 2, 5}  # log2 of the number of states
    assert {head[1] for head in heads.values() if head[0] == 3} >= {1, 2, 3}  # predictors
