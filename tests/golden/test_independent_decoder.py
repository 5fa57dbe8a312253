"""Golden files decode to their arrays with a decoder that knows nothing but docs/format.md."""

import ast
from functools import cache
from pathlib import Path

import independent_decoder as independent
import numpy as np
import pytest
from make_golden import CASES as PIECES
from stream_cases import CASES as STREAMS

import astrocodec

HERE = Path(__file__).parent
SMALL_PIECES = [name for name, (_, _, height, width) in PIECES.items() if height * width <= 4200]


@cache
def _shipped() -> dict[str, independent.Model]:
    files = (Path(astrocodec.__file__).parent / "models").glob("*.acm")
    models = (independent.read_model(path.read_bytes(), {}) for path in files)
    return {model.fingerprint: model for model in models}


@cache
def _made(name: str) -> independent.Model:
    stem = HERE / f"v1_model_{name}"
    return independent.Model(stem.with_suffix(".weights").read_bytes(), stem.with_suffix(".shapes").read_bytes())


def test_it_is_independent() -> None:
    tree = ast.parse((HERE / "independent_decoder.py").read_text(encoding="utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not {name.split(".")[0] for name in names} & {"astrocodec", "numpy", "made_models", "ctypes"}


@pytest.mark.parametrize("name", STREAMS)
def test_stream(name: str) -> None:
    array = np.load(HERE / f"v1_stream_{name}.npy")
    stream = (HERE / f"v1_stream_{name}.acs").read_bytes()
    data_type, shape, elements = independent.decode_stream(stream, _shipped())
    assert (data_type, shape) == (array.dtype.str[1:], array.shape)
    assert elements == array.astype(array.dtype.newbyteorder("<")).tobytes()


@pytest.mark.parametrize("name", SMALL_PIECES)
def test_piece(name: str) -> None:
    samples = np.load(HERE / f"v1_piece_{name}.npy")
    data = (HERE / f"v1_piece_{name}.acp").read_bytes()
    assert independent.decode_tile(_made(PIECES[name][0]), data, *samples.shape) == samples.tolist()


def test_small_pieces_have_all_modes() -> None:
    assert {(HERE / f"v1_piece_{name}.acp").read_bytes()[0] for name in SMALL_PIECES} == {0, 1, 2, 3}


def test_the_example_of_the_checksum() -> None:
    assert independent.crc32c(b"123456789") == 0xE3069283


def test_damage_is_noticed() -> None:
    stream = bytearray((HERE / "v1_stream_uint64_stored.acs").read_bytes())
    stream[20] ^= 1
    with pytest.raises(independent.CorruptError, match="checksum"):
        independent.decode_stream(bytes(stream), _shipped())
