"""Golden streams decode to their arrays, and their arrays encode to their bytes."""

from pathlib import Path

import numpy as np
import pytest
from stream_cases import CASES, FINGERPRINT, nearly_default, uneven

import astrocodec
from astrocodec._native import native_model
from astrocodec._native import stream as native_stream
from astrocodec.errors import ModelNotFoundError
from astrocodec.stages import reference
from astrocodec.stages.pixels import DTYPES
from astrocodec.stages.quantise import find_steps

HERE = Path(__file__).parent
STORED = {"uint64_stored", "uint8_none", "int64_scalar"}
TUNED = {name for name, case in CASES.items() if case.tuned}


def _stream(name: str) -> bytes:
    return (HERE / f"v1_stream_{name}.acs").read_bytes()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", CASES)
def test_golden_stream(name: str, workers: int) -> None:
    array, case = np.load(HERE / f"v1_stream_{name}.npy"), CASES[name]
    back = astrocodec.decode(_stream(name), workers=workers)
    assert (back.dtype, back.shape) == (array.dtype.newbyteorder("="), array.shape)
    assert back.tobytes() == array.astype(back.dtype).tobytes()
    if case.quantised:
        shifted, q = find_steps(back, case.quantised)
        choices, section = [(native_model(case.model), b"")], q.to_bytes(back.dtype, back.shape)
        assert native_stream.encode_steps(choices, shifted, back, section, None, False, workers) == _stream(name)
        return
    if case.flags:
        assert astrocodec.visibility.encode_flags(array) == _stream(name)
        return
    options = {"thorough": case.thorough, "self_contained": case.self_contained, "workers": workers}
    coded = astrocodec.encode(array, case.model, piece_shape=case.piece_shape, **options, **case.reference())
    assert case.with_sections(coded, back) == _stream(name)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if len(_stream(name)) < 700])
def test_the_reference_reads_and_writes_it(name: str) -> None:
    array = np.load(HERE / f"v1_stream_{name}.npy")
    back = reference.decode_stream(memoryview(_stream(name)))
    assert (back.dtype, back.shape) == (array.dtype.newbyteorder("="), array.shape)
    assert back.tobytes() == array.astype(back.dtype).tobytes()
    assert CASES[name].encode(array) == _stream(name)


def test_golden_streams_cover_what_streams_can_be() -> None:
    found = {name: astrocodec.inspect(_stream(name)) for name in CASES}
    assert {name for name, info in found.items() if info.codec == "stored"} == STORED
    rare = {"u4", "i8"}
    assert {info.dtype.str[1:] for info in found.values()} >= set(DTYPES) - rare
    assert {name for name, info in found.items() if info.embedded_model} == {*TUNED, "uint16_self_contained"}
    assert found["uint16_tuned"].model_fingerprint == nearly_default().fingerprint
    fingerprints = {info.model_fingerprint for name, info in found.items() if name not in TUNED}
    assert fingerprints - {""} == {FINGERPRINT}
    assert {found[name].model_fingerprint for name in TUNED} == {nearly_default().fingerprint, uneven().fingerprint}
    assert {len(info.shape) for info in found.values()} >= {0, 1, 2, 3, 4}
    assert max(info.low_bits for info in found.values()) > 8
    assert [section.id for section in found["uint8_unknown_section"].sections] == [7, 126, 127]
    assert found["uint16_small_planes"].piece_shape == (420, 7)
    assert found["int16_planes_three_by_three"].piece_shape == (30, 12)
    assert found["uint16_large_planes"].piece_shape == (20, 41)
    assert [name for name, info in found.items() if info.reference] == ["int32_beside"]
    assert [name for name, info in found.items() if "quantised" in info.holds] == [
        name for name, case in CASES.items() if case.quantised
    ]
    assert found["float64_steps_in_float32"].axes == (2, 0, 1)
    assert found["uint32_low_bits_of_pieces"].low_bits > 0


def test_a_tuned_model_may_stay_outside() -> None:
    array = np.load(HERE / "v1_stream_uint16_tuned.npy")
    stream = astrocodec.encode(array, nearly_default(), embed_model=False)
    assert len(stream) < len(_stream("uint16_tuned"))
    with pytest.raises(ModelNotFoundError):
        astrocodec.decode(stream)
    assert (astrocodec.decode(stream, models=[nearly_default()]) == array).all()
