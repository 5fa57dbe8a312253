"""What unpacks, or says how long it is, is held to a stated size before memory is taken for it."""

from __future__ import annotations

import base64
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import astrocodec
from astrocodec import load_model
from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.models import models_command
from astrocodec.errors import AstrocodecError, CorruptError, FormatError
from astrocodec.model import Model, installed_models
from astrocodec.stages import reference, varint
from astrocodec.stages.crc32c import crc32c
from fits_tiles.layout.card_text import blob_cards
from fits_tiles.layout.model_cards import MODEL_STEM, read_model
from hdf5_filter.values import FilterValues

DEFAULT = load_model("default")
FRAME = np.zeros((4, 5), np.uint16)


def sealed(head: bytes) -> bytes:
    """A model file with its checksum."""
    return head + zlib.crc32(head).to_bytes(4, "little")


# A general model of 60 kB that unpacks to 60 MB.
BOMB = sealed(b"ACM\x01G" + (100).to_bytes(4, "little") + zlib.compress(bytes(60 << 20), 9))


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Fails where more than 24 MiB were in use at once."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 24 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.usefixtures("little_memory")
def test_a_model_file_unpacks_to_two_mebibytes() -> None:
    with pytest.raises(CorruptError, match="more than 2097152 bytes"):
        Model.from_bytes(BOMB)


@pytest.mark.usefixtures("little_memory")
def test_a_model_inside_a_stream_unpacks_to_two_mebibytes() -> None:
    weights = bytearray(DEFAULT.weights)
    weights[8] ^= 1
    other = Model(bytes(weights), DEFAULT.shapes)
    frame = np.random.default_rng(1).poisson(300, (512, 512)).astype("u2")
    stream = astrocodec.encode(frame, other)
    embedded = other.to_bytes()
    at = stream.index(embedded)
    assert len(BOMB) < 1 << 16
    before = len(varint.put(len(embedded)))
    head = stream[: at - before] + varint.put(len(BOMB)) + BOMB
    body = stream[at + len(embedded) :]
    for decode in (astrocodec.decode, lambda data: reference.decode_stream(memoryview(data))):
        with pytest.raises(CorruptError, match="more than 2097152 bytes"):
            decode(head + body)


def test_a_file_that_is_no_model_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "frame.fits"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(FormatError, match="at most 1048576"):
        load_model(path)


@pytest.mark.usefixtures("little_memory")
def test_nor_is_one_in_a_folder_of_models_or_that_is_to_be_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "large.acm").open("wb") as file:
        file.truncate(1 << 27)
    monkeypatch.setenv("ASTROCODEC_MODELS", str(tmp_path))
    large = installed_models()[0]
    assert large.model is None
    assert "at most 1048576 allowed" in large.problem
    done = CliRunner().invoke(models_command, ["add", str(tmp_path / "large.acm")])
    assert done.exit_code == ExitCode.BAD_DATA


LONG = bytes([1]) + bytes.fromhex(DEFAULT.fingerprint) + b"\xff" * (4 << 20)


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize(
    "read",
    [
        lambda: Model.from_delta(LONG),
        lambda: Model.from_bytes(sealed(b"ACM\x01T" + (2368).to_bytes(4, "little") + LONG[: 1 << 19])),
    ],
    ids=["delta", "file"],
)
def test_a_difference_has_65536_bytes(read: Callable[[], Model]) -> None:
    with pytest.raises(FormatError, match="at most 65536"):
        read()


@pytest.mark.usefixtures("little_memory")
def test_a_zarr_configuration_too() -> None:
    chunk_stream = pytest.importorskip("astrocodec.zarr.chunk_stream")
    with pytest.raises(CorruptError, match="at most 65536"):
        chunk_stream.ChunkStream(base64.b64encode(LONG[: 1 << 20]).decode()).encode(FRAME)


@pytest.mark.usefixtures("little_memory")
def test_cards_of_ones_hold_no_model() -> None:
    cards = tuple(blob_cards(MODEL_STEM, LONG[: 999 * 55 - 4]))
    with pytest.raises(CorruptError, match="hold no model"):
        read_model(cards, "HDU 1")


def told(kind: int, axes: int, *rest: int, count: int | None = None) -> tuple[int, ...]:
    """Filter values with their checksum: type, axes, lengths of these, length of the model and the model."""
    number = 9 + len(rest) if count is None else count
    values = (1, 0, number, 1, kind, axes, 0, 0, *rest)
    return (*values, crc32c(np.array(values, "<u4")))


@pytest.mark.parametrize(
    "values",
    [
        told(2, 1, 10, 945, *[0] * 237),
        told(2, 1, 10, 2**32 - 1),
        told(2, 1, 10, 8, 0),
        told(2, 1, 0, 0),
        told(2 | 1 << 11, 1, 10, 0),
        told(14, 1, 10, 0),
        told(2, 33, *[1] * 33, 0),
        told(2, 1, 10, 0, count=12),
        told(2, 1, 10, 0, count=9),
        told(2, 1, 10, 0, count=2**32 - 1),
        (1, 0, *[0] * 300),
    ],
    ids=[
        *("945 bytes", "4 GiB", "too few", "no length", "unknown bit", "unknown type", "33 axes"),
        *("more than are there", "fewer than are needed", "2^32 - 1 values", "302 values"),
    ],
)
@pytest.mark.usefixtures("little_memory")
def test_filter_values_are_whole(values: tuple[int, ...]) -> None:
    from astrocodec._native.chunk import ChunkCodec

    with pytest.raises(CorruptError):
        FilterValues.from_values(values)
    with pytest.raises(AstrocodecError):
        ChunkCodec(values).encode(np.zeros(10, "u2"))


def test_a_whole_one_is_read() -> None:
    found = FilterValues.from_values(told(2, 1, 10, 5, 1 | 7 << 8, 9))
    assert (found.chunk, found.delta) == ((10,), b"\1\7\0\0\t")
    wide = FilterValues.from_values(told(2 | 1 << 10, 1, 0, 1, 0))
    assert wide.chunk == (1 << 32,)
