"""A decoder that knows nothing but docs/format.md decodes the golden files, and refuses what the package refuses."""

import ast
import re
from functools import cache
from pathlib import Path

import h5py
import independent_decoder as independent
import numpy as np
import pytest
from independent_decoder import CorruptError, DecodeError, MissingError, NewerError, TruncatedError
from made_streams import ALLOWED, FINGERPRINT, FORBIDDEN, example, shipped, stream_of, varint
from make_golden import CASES as PIECES
from stream_cases import CASES as STREAMS

import astrocodec
import hdf5_filter
from astrocodec import errors
from astrocodec.simulate import simulate

HERE = Path(__file__).parent
THEIRS = {
    TruncatedError: (errors.TruncatedError,),
    CorruptError: (errors.CorruptError, errors.FormatError),
    NewerError: (errors.VersionError,),
    MissingError: (errors.ModelNotFoundError, errors.CodecNotFoundError, errors.ReferenceNotFoundError),
}


@cache
def _made(name: str) -> independent.Model:
    stem = HERE / f"v1_model_{name}"
    return independent.Model(*(stem.with_suffix(end).read_bytes() for end in (".weights", ".shapes", ".widths")))


def _golden(name: str) -> bytes:
    return (HERE / f"v1_stream_{name}.acs").read_bytes()


def test_it_is_independent() -> None:
    tree = ast.parse((HERE / "independent_decoder.py").read_text(encoding="utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not {name.split(".")[0] for name in names} & {"astrocodec", "numpy", "made_models", "ctypes", "importlib"}


@pytest.mark.parametrize("name", STREAMS)
def test_stream(name: str) -> None:
    array = np.load(HERE / f"v1_stream_{name}.npy")
    models = {} if STREAMS[name].self_contained else shipped()
    data_type, shape, elements = independent.decode_stream(_golden(name), models)
    assert (data_type, shape) == (array.dtype.str[1:], array.shape)
    assert elements == array.astype(array.dtype.newbyteorder("<")).tobytes()


def test_models_inside_streams_are_of_both_kinds() -> None:
    kinds = {name: independent.read_frame(_golden(name)).sections.get(1, b"")[4:5] for name in STREAMS}
    tuned = {name: b"T" for name, case in STREAMS.items() if case.tuned}
    assert {name: kind for name, kind in kinds.items() if kind} == {**tuned, "uint16_self_contained": b"G"}
    with pytest.raises(MissingError, match=f"base {FINGERPRINT}"):
        independent.decode_stream(_golden("uint16_tuned"), {})


@pytest.mark.parametrize("name", PIECES)
def test_piece(name: str) -> None:
    samples = np.load(HERE / f"v1_piece_{name}.npy")
    data = (HERE / f"v1_piece_{name}.acp").read_bytes()
    assert independent.decode_piece(_made(PIECES[name][0]), data, *samples.shape) == samples.tolist()


def test_theexample() -> None:
    model, rows, piece = example()
    assert len(piece) == 26
    assert independent.decode_piece(model, piece, 3, 5) == rows


def test_the_example_of_the_checksum() -> None:
    assert independent.crc32c(b"123456789") == 0xE3069283


def test_chunks_and_filter_values_of_hdf5(tmp_path: Path) -> None:
    frame = simulate("ccd", shape=(256, 272), seed=1).data
    rows, columns = 16, 64
    with h5py.File(tmp_path / "night.h5", "w") as file:
        for name, dtype in (("little", "<u2"), ("big", ">u2")):
            filters = hdf5_filter.AstroCodec.tuned(frame)
            file.create_dataset(name, data=frame.astype(dtype), chunks=(rows, columns), **filters)
            file[name].id.flush()
            number, _, given, _ = file[name].id.get_create_plist().get_filter(0)
            values = independent.read_filter_values(given)
            assert (number, values.codec, values.data_type, values.chunk) == (44045, 1, "u2", (rows, columns))
            assert (values.big_endian, values.pairs) == (name == "big", False)
            tuned = independent.read_tuned_model(values.tuned, shipped())
            models = {**shipped(), tuned.fingerprint: tuned}
            assert values.fingerprint == tuned.fingerprint != FINGERPRINT
            _, chunk = file[name].id.read_direct_chunk((16, 64))
            elements = frame[rows : 2 * rows, columns : 2 * columns].astype("<u2").tobytes()
            assert independent.decode_stream(chunk, models) == ("u2", (rows, columns), elements)
            with pytest.raises(CorruptError, match="checksum"):
                independent.read_filter_values((*given[:6], given[6] ^ 1, *given[7:]))
            with pytest.raises(NewerError):
                independent.read_filter_values((2, *given[1:]))


# Damage


@pytest.mark.parametrize("name", [name for name in STREAMS if len(_golden(name)) < 1300])
def test_every_beginning_of_a_stream_is_truncated(name: str) -> None:
    stream = _golden(name)
    for length in range(len(stream)):
        with pytest.raises(TruncatedError):
            independent.decode_stream(stream[:length], shipped())
    with pytest.raises(CorruptError, match="behind"):
        independent.decode_stream(stream + b"\0", shipped())


@pytest.mark.parametrize("name", ["bool_mask", "float64_constant", "int64_scalar", "uint8_none"])
def test_a_changed_byte_is_noticed(name: str) -> None:
    size = len(_golden(name))
    for i in range(0, size, 1 + size // 50):
        damaged = bytearray(_golden(name))
        damaged[i] ^= 1 << i % 8
        with pytest.raises(DecodeError):
            independent.decode_stream(bytes(damaged), shipped())


def test_no_changed_bit_of_a_modelled_stream_changes_elements() -> None:
    model, rows, piece = example()
    data = varint(len(piece)) + piece
    elements = bytes(v for row in rows for v in row)
    stream = stream_of(1, 0, (3, 5), (), bytes.fromhex(model.fingerprint) + bytes(6), data, elements)
    models = {model.fingerprint: model}
    assert independent.decode_stream(stream, models) == ("u1", (3, 5), elements)
    for i in range(8 * len(stream)):
        damaged = bytearray(stream)
        damaged[i // 8] ^= 1 << i % 8
        try:
            found = independent.decode_stream(bytes(damaged), models)
        except DecodeError:
            continue
        # Such as a floor that this model's weights do not look at.
        assert found == ("u1", (3, 5), elements)


@pytest.mark.parametrize("name", ALLOWED)
def test_allowed(name: str) -> None:
    data_type, shape, elements = independent.decode_stream(ALLOWED[name], shipped())
    back = astrocodec.decode(ALLOWED[name])
    assert (back.dtype.str[1:], back.shape, back.tobytes()) == (data_type, shape, elements)


@pytest.mark.parametrize("name", FORBIDDEN)
def test_forbidden(name: str) -> None:
    stream, error, message = FORBIDDEN[name]
    with pytest.raises(error) as found:
        independent.decode_stream(stream, shipped())
    assert type(found.value) is error
    assert re.search(message, str(found.value))


@pytest.mark.parametrize("name", FORBIDDEN)
def test_the_package_forbids_it_too(name: str) -> None:
    stream, error, _ = FORBIDDEN[name]
    with pytest.raises(THEIRS[error]) as found:
        astrocodec.decode(stream)
    assert type(found.value) in THEIRS[error]
