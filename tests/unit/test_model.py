"""Files of models: what they hold, and what is refused."""

import zlib
from pathlib import Path

import numpy as np
import pytest

from astrocodec import encode, load_model
from astrocodec.errors import CorruptError, FormatError, ModelNotFoundError, TruncatedError, VersionError
from astrocodec.model import Model


def _general() -> Model:
    return load_model("default")


def _tuned() -> Model:
    base = _general()
    weights = base.arrays()
    weights.b3[0] += 3
    return Model(weights.to_bytes(), base.shapes, "tuned", base)


def _sealed(head: bytes) -> bytes:
    return head + zlib.crc32(head).to_bytes(4, "little")


@pytest.mark.parametrize("make", [_general, _tuned])
def test_files_read_back(make) -> None:
    model = make()
    again = Model.from_bytes(model.to_bytes())
    assert (again.weights, again.shapes, again.fingerprint) == (model.weights, model.shapes, model.fingerprint)
    assert again.base is model.base


def test_a_failed_save_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And leaves nothing else behind."""

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    _general().save(tmp_path / "m.acm")
    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="free some space"):
        _tuned().save(tmp_path / "m.acm")
    assert load_model(tmp_path / "m.acm").fingerprint == _general().fingerprint
    assert [path.name for path in tmp_path.iterdir()] == ["m.acm"]


@pytest.mark.parametrize("make", [_general, _tuned])
def test_every_cut_and_every_flip_is_noticed(make) -> None:
    data = make().to_bytes()
    rng = np.random.default_rng(0)
    for end in {*range(20), *rng.integers(0, len(data), 50).tolist(), len(data) - 1}:
        with pytest.raises((TruncatedError, CorruptError)):
            Model.from_bytes(data[:end])
    for bit in rng.integers(0, 8 * len(data), 200).tolist():
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError):
            Model.from_bytes(bytes(damaged))


def test_other_files_and_versions_are_told_apart() -> None:
    data = _general().to_bytes()
    with pytest.raises(FormatError, match="does not begin"):
        Model.from_bytes(b"PNG" + data[3:])
    with pytest.raises(VersionError, match="version 2"):
        Model.from_bytes(data[:3] + b"\2" + data[4:])
    with pytest.raises(FormatError, match="kind"):
        Model.from_bytes(_sealed(data[:4] + b"X" + data[5:-4]))


def test_bytes_behind_the_packed_blocks_are_refused() -> None:
    head = _general().to_bytes()[:-4]
    Model.from_bytes(_sealed(head))
    for extra in (b"\0", b"more", zlib.compress(b"")):
        with pytest.raises(CorruptError, match="follow"):
            Model.from_bytes(_sealed(head + extra))


def test_blocks_that_do_not_unpack_are_refused() -> None:
    head = _general().to_bytes()[:-4]
    size = int.from_bytes(head[5:9], "little")
    for body in (
        head[9:-1],
        b"",
        b"not a zlib stream",
        zlib.compress(bytes(size)),
        zlib.compress(bytes((2 << 20) + 1)),
    ):
        with pytest.raises(CorruptError, match="unpack"):
            Model.from_bytes(_sealed(head[:9] + body))


def test_length_of_general_weights_has_a_limit() -> None:
    head = _general().to_bytes()[:-4]
    with pytest.raises(FormatError, match="262145 bytes"):
        Model.from_bytes(_sealed(head[:5] + (262145).to_bytes(4, "little") + head[9:]))


@pytest.mark.parametrize("change", [-1, 1, 1 << 20])
def test_length_of_tuned_weights_must_be_theirs(change: int) -> None:
    head = _tuned().to_bytes()[:-4]
    size = int.from_bytes(head[5:9], "little")
    assert size == len(_tuned().weights)
    with pytest.raises(CorruptError, match=f"{size + change} bytes of weights announced, {size} found"):
        Model.from_bytes(_sealed(head[:5] + (size + change).to_bytes(4, "little") + head[9:]))


@pytest.mark.parametrize("make", [_general, _tuned])
def test_a_whole_file_needs_no_other_model(make, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make()
    file = model.to_bytes(whole=True)
    assert file[4:5] == b"G"
    monkeypatch.setattr("astrocodec.model._shipped", dict)
    again = Model.from_bytes(file)
    assert (again.fingerprint, again.kind, again.base) == (model.fingerprint, "G", None)


def test_kinds() -> None:
    assert (_general().kind, _tuned().kind) == ("G", "T")
    assert _tuned().to_bytes()[4:5] == b"T"


def test_the_whole_fingerprint_of_the_base_is_in_a_tuned_model() -> None:
    delta = _tuned().delta()
    assert delta[1:9] == bytes.fromhex(_general().fingerprint)
    for place in (1, 8):
        other = bytearray(delta)
        other[place] ^= 1
        with pytest.raises(ModelNotFoundError, match=f"its base {other[1:9].hex()} is in none of"):
            Model.from_delta(bytes(other))


def test_a_model_that_no_stream_takes_has_no_file() -> None:
    shapes = np.random.default_rng(0).integers(0, 256, 2 << 20).astype(np.uint8).tobytes()
    with pytest.raises(ValueError, match="at most 1048576 allowed: give it fewer shapes"):
        Model(_general().weights, shapes).to_bytes()
    with pytest.raises(FormatError, match="at most 1048576"):
        Model.from_bytes(bytes((1 << 20) + 1))


def test_networks_of_another_kind_are_refused_when_they_are_read() -> None:
    weights = bytearray(_general().weights)
    weights[4] = 3
    with pytest.raises(VersionError, match="upgrade astrocodec"):
        Model.from_bytes(Model(bytes(weights), _general().shapes).to_bytes())


def test_encode_takes_whatever_loads_as_a_model() -> None:
    """Alone and among several."""
    frame = np.random.default_rng(1).poisson(300, (64, 80)).astype(np.uint16)
    stream = encode(frame)
    file = load_model().to_bytes()
    for model in (file, ["default"], [load_model().fingerprint, file]):
        assert encode(frame, model) == stream
