"""A decoder of visibilities that knows nothing but docs/format.md decodes golden streams and others."""

import ast
from pathlib import Path

import numpy as np
import pytest
from independent_decoder import CorruptError, MissingError, TruncatedError
from independent_visibilities import decode_visibilities

from astrocodec.visibility import encode

HERE = Path(__file__).parent


def test_it_is_independent() -> None:
    tree = ast.parse((HERE / "independent_visibilities.py").read_text(encoding="utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not {name.split(".")[0] for name in names} & {"astrocodec", "numpy", "ctypes", "importlib"}


@pytest.mark.parametrize("name", ["integers", "integers_mixed", "lattice_mixed", "lattice_plain", "lattice_predicted"])
def test_golden(name: str) -> None:
    block = np.load(HERE / f"v1_visibility_{name}.npy")
    _, shape, elements = decode_visibilities((HERE / f"v1_visibility_{name}.acs").read_bytes())
    assert (shape, elements) == (block.shape, block.tobytes())


@pytest.mark.parametrize("name", ["floats", "floats_lattice", "floats_plain"])
def test_floats_are_named(name: str) -> None:
    with pytest.raises(MissingError, match="floats"):
        decode_visibilities((HERE / f"v1_visibility_{name}.acs").read_bytes())


@pytest.mark.parametrize("shape", [(3, 35, 4, 1), (2, 3, 5, 3), (1, 1, 40, 2), (9, 2, 1, 4)])
@pytest.mark.parametrize("model", ["none", "predicted", "mixed"])
def test_dithered(shape: tuple[int, ...], model: str) -> None:
    """With slopes, holes, and samples far off."""
    rng = np.random.default_rng(7)
    vis = rng.normal(size=(*shape, 2)).astype("f4").view("c8")[..., 0] + np.arange(shape[2], dtype="f4")[:, None]
    vis.ravel()[::11], vis.ravel()[5::31] = 0, np.inf
    stream = encode(vis, noise_increase="1%", noise=1.0, model=model)
    decoded = np.frombuffer(decode_visibilities(stream)[2], "c8").reshape(shape)
    finite = np.isfinite(vis)
    assert np.array_equal(vis[~finite], decoded[~finite])
    assert 0 < np.abs(decoded[finite] - vis[finite]).max() < 1


def test_damage_is_told() -> None:
    stream = (HERE / "v1_visibility_lattice_plain.acs").read_bytes()
    for at in (30, 200, len(stream) - 2):
        with pytest.raises((CorruptError, TruncatedError)):
            decode_visibilities(stream[:at] + bytes([stream[at] ^ 4]) + stream[at + 1 :])
    with pytest.raises(TruncatedError):
        decode_visibilities(stream[:40])
