"""Code widths: tables and their bytes, what becomes of frequencies, and pieces, models and streams that have them."""

from __future__ import annotations

import copy
import functools
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from astropy.io import fits
from backends import BACKENDS, NATIVE, REFERENCE, Backend
from made_models import GENTLE, SAMPLE_KINDS, UNEVEN, UNEVEN_WIDE, UNEVEN_WILD, MadeModel, made_samples, made_table
from numpy.typing import NDArray

import astrocodec
import fits_tiles
import hdf5_filter
from astrocodec import Model, _native
from astrocodec._native.stream import array_codes
from astrocodec.errors import CorruptError, FormatError, TruncatedError
from astrocodec.stages import piece, reference, varint
from astrocodec.stages.distribution import LAYOUTS, SYMBOLS, Cells, build_tables
from astrocodec.stages.stream import data_of, read_header
from astrocodec.stages.widths import (
    MAX_TABLES,
    Choice,
    Widths,
    check_table,
    cumulative_with,
    pack_tables,
    read_tables,
    shares,
)

DEFAULT = astrocodec.load_model()
TABLES = read_tables(UNEVEN.widths)
EVEN = np.zeros(16, np.int16)
every_backend = pytest.mark.parametrize("backend", BACKENDS)
every_native = pytest.mark.parametrize("backend", NATIVE)


def converter(table: NDArray[Any], light: NDArray[np.float64]) -> NDArray[np.int64]:
    """Codes of values as a converter gives them whose boundaries are displaced."""
    codes = np.arange(light.min() - 3, light.max() + 4).astype(np.int64)
    return codes[np.searchsorted(codes + table[codes % table.size] / 64, light, side="right") - 1]


def uneven_frame(sigma: float, level: float = 1000, shape: tuple[int, int] = (200, 300)) -> NDArray[np.int64]:
    return converter(TABLES[2], np.random.default_rng(3).normal(level, sigma, shape))


def uneven_model(*tables: NDArray[Any]) -> Model:
    return replace(DEFAULT, name="uneven", base=DEFAULT, widths=pack_tables(tables))


# Tables


@pytest.mark.parametrize("period_bits", range(1, 9))
def test_tables_come_back(period_bits: int) -> None:
    tables = [made_table(np.random.default_rng(seed), period_bits, reach) for seed, reach in enumerate((0, 1, 9, 63))]
    found = read_tables(pack_tables(tables))
    assert [table.tolist() for table in found] == [table.tolist() for table in tables]


def test_a_table_that_repeats_costs_little_more_than_its_period() -> None:
    table = made_table(np.random.default_rng(1), 4)
    assert len(pack_tables([np.tile(table, 16)])) <= len(pack_tables([table])) + 2
    assert len(pack_tables([EVEN])) == 4


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ([1, 2, 3], r"shape \(3,\)"),
        ([0], r"shape \(1,\)"),
        (np.zeros(512), r"shape \(512,\)"),
        (np.zeros((2, 2)), r"shape \(2, 2\)"),
        ([64, 60], "64/64, at most 63/64"),
        ([-64, -60], "-64/64, at most 63/64"),
        ([0, 0, 63, 0], "code 2 has 1/64, at least 2/64"),
        ([63, 0, 0, 30], "code 0 has 1/64, at least 2/64"),
    ],
)
def test_broken_tables_are_refused(table: Any, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        check_table(table)


def test_the_narrowest_code_is_allowed() -> None:
    assert check_table([0, 0, 62, 0]).tolist() == [0, 0, 62, 0]


@pytest.mark.parametrize("count", [0, MAX_TABLES + 1])
def test_number_of_tables(count: int) -> None:
    with pytest.raises(FormatError, match=f"{count} tables, 1 to 15"):
        pack_tables([EVEN] * count)
    if count:
        assert len(read_tables(pack_tables([EVEN] * (count - 1)))) == count - 1


def _native_outcome(block: bytes) -> str:
    try:
        _native.NativeModel(GENTLE.weights, GENTLE.shapes, block)
    except FormatError:
        return "refused"
    return "read"


def _outcome(block: bytes) -> str:
    try:
        read_tables(block)
    except FormatError:
        return "refused"
    return "read"


def test_both_refuse_the_same_damaged_blocks() -> None:
    """Every bit of some blocks, and every length."""
    outcomes = []
    for block in (pack_tables(TABLES[:3]), pack_tables([[1, -1]])):
        damaged = [block[:end] for end in range(1, len(block))] + [block + b"\0", block + b"\1"]
        for bit in range(8 * len(block)):
            flipped = bytearray(block)
            flipped[bit // 8] ^= 1 << bit % 8
            damaged.append(bytes(flipped))
        outcomes += [(_outcome(one), _native_outcome(one), one) for one in damaged]
    assert [one for ours, native, one in outcomes if ours != native] == []
    assert {ours for ours, *_ in outcomes} == {"read", "refused"}


# Frequencies


def _cells(table: int, base: int, k: int, layout: int) -> Cells:
    return Cells(*(np.array([v]) for v in (table, base, k, layout)))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("made", [UNEVEN, UNEVEN_WILD])
def test_every_symbol_keeps_a_frequency(made: MadeModel, table: NDArray[np.int16]) -> None:
    tables = build_tables(made.shapes)
    layouts = np.searchsorted([128, 448], np.arange(len(tables.cumulative)) % 504, side="right")
    rng = np.random.default_rng(0)
    for number in rng.choice(len(layouts), 100):
        used, is_bucket = len(LAYOUTS[layouts[number]].offset), number % 504 >= 496
        for k in (1, 2, 5, 7, 8, 11) if is_bucket else [0]:
            base, every = int(rng.integers(0, 65536)), np.arange(SYMBOLS)[None]
            cells = _cells(number, base, k, layouts[number])
            found = cumulative_with(Widths(table, 5), tables, cells, every)[0]
            assert (np.diff(found[32 - used : 32 + used + (used < 32)]) >= 1).all()
            assert (found[0], found[63]) == (0, 16384)


@pytest.mark.parametrize("table", TABLES)
def test_shares_are_in_the_ratio_of_the_widths(table: NDArray[np.int16]) -> None:
    widths = Widths(table, 77)
    for k in range(1, 11):
        for first in (0, 3, 65500, -900):
            begins = shares(widths, first, k)
            assert (begins[0], begins[-1]) == (0, 64 << k)
            assert np.diff(begins).min() >= 1
            assert np.diff(begins).max() <= 255  # what a record has room for
            j = np.arange(first, first + (1 << k))
            wide = 64.0 + widths.at(j + 1) - widths.at(j)
            assert np.abs(np.diff(begins) - wide / wide.sum() * (64 << k)).max() < 1


# Pieces


@functools.cache
def _reference_piece(made: MadeModel, kind: str | float, choice: Choice) -> bytes:
    return REFERENCE.encode(made, _samples(kind), choice=choice)


def _samples(kind: str | float) -> NDArray[np.uint16]:
    """Samples of a kind, or of noise so wide on a slope."""
    if isinstance(kind, str):
        return made_samples(kind, 33, 14)
    noise = np.random.default_rng(int(10 * kind)).normal(30000, kind, (20 if kind > 5000 else 7, 251))
    return (noise + 3 * np.arange(251)).clip(0, 65535).round().astype(np.uint16)


SHIPPED = MadeModel(DEFAULT.weights, DEFAULT.shapes, 0, UNEVEN.widths)
CHOICES = [Choice(1), *(Choice(250 + table, table) for table in range(len(TABLES)))]


@every_backend
@pytest.mark.parametrize("kind", SAMPLE_KINDS)
def test_samples_come_back(backend: Backend, kind: str) -> None:
    for number, (height, width) in enumerate([(1, 2), (13, 1), (1, 1), (9, 20)]):
        samples = made_samples(kind, height, width)
        data = backend.encode(UNEVEN_WIDE, samples, choice=Choice(100, number))
        assert len(data) <= 1 + 2 * samples.size
        np.testing.assert_array_equal(backend.decode(UNEVEN_WIDE, data, height, width), samples)


@every_native
@pytest.mark.parametrize("kind", SAMPLE_KINDS)
def test_native_bytes_equal_the_reference(backend: Backend, kind: str) -> None:
    for number, choice in enumerate(CHOICES):
        made, samples = (UNEVEN, UNEVEN_WIDE, UNEVEN_WILD)[number % 3], _samples(kind)
        data = backend.encode(made, samples, choice=choice)
        assert data == _reference_piece(made, kind, choice)
        np.testing.assert_array_equal(backend.decode(made, data, *samples.shape), samples)


@every_native
@pytest.mark.parametrize("sigma", [0.6, 1, 3, 8, 20, 60, 300, 2000, 7000])
def test_native_bytes_equal_the_reference_at_every_scale(backend: Backend, sigma: float) -> None:
    """All layouts and buckets, up to those that have raw bits for their many codes."""
    for choice in CHOICES[1:]:
        samples = _samples(sigma)
        data = backend.encode(SHIPPED, samples, choice=choice)
        assert data[:1] == bytes([piece.WIDTHS])
        assert data == _reference_piece(SHIPPED, sigma, choice)
        np.testing.assert_array_equal(backend.decode(SHIPPED, data, *samples.shape), samples)


@every_native
@pytest.mark.parametrize("sigma", [1, 3, 40, 900])
@pytest.mark.parametrize("table", range(len(TABLES)))
def test_outliers_come_back_where_all_lanes_are_used(backend: Backend, sigma: float, table: int) -> None:
    """The last symbols of a frequency table stand right before the next table."""
    rng = np.random.default_rng(8)
    noise = rng.normal(30000, sigma, (256, 200))
    far = rng.random(noise.shape) < 0.01
    noise[far] += rng.choice([-1, 1], far.sum()) * 2.0 ** rng.uniform(3, 16, far.sum())
    samples = noise.clip(0, 65535).round().astype(np.uint16)
    data = backend.encode(SHIPPED, samples, choice=Choice(9, table))
    np.testing.assert_array_equal(backend.decode(SHIPPED, data, *samples.shape), samples)


@every_backend
def test_damage_is_refused(backend: Backend) -> None:
    samples = made_samples("sky", 9, 11)
    data = backend.encode(UNEVEN, samples, choice=Choice(7, 2))
    for end in range(len(data)):
        with pytest.raises(TruncatedError):
            backend.decode(UNEVEN, data[:end], 9, 11)
    with pytest.raises(CorruptError, match="table 5 of code widths"):
        backend.decode(UNEVEN, data[:8] + b"\5" + data[9:], 9, 11)
    with pytest.raises(CorruptError, match="table 2 of code widths"):
        backend.decode(GENTLE, data, 9, 11)


@every_native
def test_changed_tables_and_shifts_give_what_the_reference_gives(backend: Backend) -> None:
    """A piece read with another table, or another shift, ends in other samples or in an error, alike everywhere."""
    samples = made_samples("stripes", 12, 30)
    data = backend.encode(UNEVEN, samples, choice=Choice(7, 2))

    def outcome(codec: Backend, changed: bytes) -> object:
        try:
            return codec.decode(UNEVEN, changed, 12, 30).tobytes()
        except FormatError as error:
            return type(error)

    for changed in (data[:8] + bytes([table, shift]) + data[10:] for table in (1, 2, 3, 5) for shift in (0, 6, 8)):
        assert outcome(backend, changed) == outcome(REFERENCE, changed) != samples.tobytes()


@every_backend
def test_the_table_that_pays_is_taken_and_none_where_none_does(backend: Backend) -> None:
    made = MadeModel(DEFAULT.weights, DEFAULT.shapes, 0, pack_tables([EVEN, TABLES[2]]))
    frame = uneven_frame(4, shape=(40, 90)).astype(np.uint16)
    found = backend.encode(made, frame + np.uint16(5), choice=Choice(256 - 5))
    assert (found[0], found[8:10]) == (piece.WIDTHS, bytes([1, 251]))
    even = np.random.default_rng(4).normal(1000, 4, (40, 90)).round().astype(np.uint16)
    assert backend.encode(made, even, choice=Choice(0)) == backend.encode(made, even)
    assert backend.encode(made, even)[0] == piece.MODELLED


def test_bits_of_samples_add_up_to_the_piece() -> None:
    native = _native.native_model(uneven_model(TABLES[2]))
    for sigma in (3, 30):
        frame = uneven_frame(sigma, 1010).astype(np.uint16)
        data = _native.encode_piece(native, frame, choice=Choice(0, 0))
        bits = np.zeros(frame.shape, np.float32)
        header = _native.piece_bits(native, np.frombuffer(data, np.uint8), bits)
        assert bits.sum(dtype=float) + header == pytest.approx(8 * len(data), rel=1e-3)
        if sigma == 30:
            wide = 64 + np.roll(TABLES[2], -1) - TABLES[2]
            mean = [bits[frame % 64 == code].mean() for code in (wide.argmin(), wide.argmax())]
            assert mean[0] > mean[1] + 3


# Models


def test_a_model_keeps_its_widths() -> None:
    model = uneven_model(*TABLES)
    assert model.fingerprint != DEFAULT.fingerprint
    assert model != DEFAULT
    assert replace(model, widths=b"") == DEFAULT
    assert [table.tolist() for table in model.code_widths()] == [table.tolist() for table in TABLES]
    assert DEFAULT.code_widths() == ()
    for again in (
        Model.from_bytes(model.to_bytes()),
        Model.from_bytes(model.to_bytes(whole=True)),
        Model.from_delta(model.delta()),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ):
        assert again == model
        assert again.fingerprint == model.fingerprint
        assert again.widths == model.widths
    assert len(model.delta()) == len(replace(model, widths=b"").delta()) + len(model.widths)


def test_the_library_has_the_same_fingerprint() -> None:
    model = uneven_model(*TABLES)
    found = np.zeros(8, np.uint8)
    _native._library.ac_model_fingerprint(_native.native_model(model).handle, found.ctypes.data)
    assert found.tobytes().hex() == model.fingerprint


def test_broken_widths_break_the_model() -> None:
    with pytest.raises(FormatError, match="0 tables"):
        Model.from_delta(uneven_model(EVEN).delta()[:-4] + b"\0")
    with pytest.raises(FormatError):
        _native.NativeModel(GENTLE.weights, GENTLE.shapes, b"\0")


# Streams


@pytest.mark.parametrize(
    ("dtype", "level", "sigma"),
    [
        ("u1", 128, 7),
        *(
            (*kind, sigma)
            for kind in [("u2", 1000), (">i2", -700), ("i4", 90000), ("f4", 500)]
            for sigma in (7, 30, 200)
        ),
    ],
)
def test_streams_gain_by_the_widths_of_their_values(dtype: str, level: int, sigma: float) -> None:
    """Whatever the type and the offset, the codes are those of the values."""
    array = uneven_frame(sigma, level).astype(dtype)
    model, plain = uneven_model(TABLES[2]), astrocodec.encode(array, DEFAULT)
    stream = astrocodec.encode(array, model, embed_model=False)
    wide = 1 + (np.roll(TABLES[2], -1) - TABLES[2]) / 64
    gain = np.log2(wide[array.astype(int) % 64]).sum() / 8
    assert len(stream) < len(plain) - 0.5 * gain
    np.testing.assert_array_equal(astrocodec.decode(stream, models=[model]), array)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_reference_writes_and_reads_the_same_streams(workers: int) -> None:
    model = uneven_model(TABLES[1], TABLES[2])
    for sigma in (2, 40):
        array = uneven_frame(sigma, -300, (70, 66)).astype(np.int16)
        stream = astrocodec.encode(array, model, workers=workers)
        assert stream == reference.encode_stream(array, [(model, model.to_bytes())])
        np.testing.assert_array_equal(reference.decode_stream(memoryview(stream)), array)
        np.testing.assert_array_equal(astrocodec.decode(stream, workers=workers), array)


def test_pieces_choose_their_own_tables() -> None:
    """Two amplifiers side by side, and a part that has no converter's codes."""
    rng = np.random.default_rng(5)
    left, right = (converter(TABLES[table], rng.normal(900, 3, (64, 128))) for table in (1, 2))
    array = np.concatenate([left, right, rng.normal(900, 3, (64, 128)).round()], 1).astype(np.uint16)
    model = uneven_model(TABLES[1], TABLES[2])
    stream = astrocodec.encode(array, model, piece_shape=(64, 128))
    heads = [bytes(part)[:10] for part in _pieces(stream)]
    assert [head[0] for head in heads] == [piece.WIDTHS, piece.WIDTHS, piece.MODELLED]
    assert [head[8] for head in heads[:2]] == [0, 1]
    np.testing.assert_array_equal(astrocodec.decode(stream), array)


def _pieces(stream: bytes) -> Iterator[memoryview]:
    _, at = read_header(memoryview(stream))
    data = data_of(memoryview(stream), at)
    reader = varint.Reader(data)
    while reader.at < len(data):
        yield reader.take(reader.number("length"), "piece")


@pytest.mark.parametrize(
    "array",
    [
        pytest.param((np.tile(np.arange(300), (90, 1)) + np.arange(90)[:, None] % 7) * 61 // 2, id="lattice"),
        pytest.param(np.random.default_rng(0).normal(0, 3, (60, 90)), id="float bits"),
        pytest.param(np.random.default_rng(0).normal(2e6, 3e5, (60, 90)).astype(np.int32), id="low bits"),
        pytest.param(np.random.default_rng(0).poisson(300, (7, 60, 50)).cumsum(0).astype(np.uint16), id="chain"),
    ],
)
def test_what_is_no_code_has_no_widths(array: NDArray[Any]) -> None:
    found = array_codes(array)
    assert found is None or found[1] is None
    stream = astrocodec.encode(array, uneven_model(TABLES[0], TABLES[2]), embed_model=False)
    other = astrocodec.encode(array, DEFAULT)
    assert len(stream) == len(other)


def _encode_one(model: Model, samples: NDArray[np.uint16], thorough: bool, choice: Choice | None) -> bytes:
    return _native.encode_piece(_native.native_model(model), samples, thorough, choice)


def test_what_a_reference_leaves_has_no_widths() -> None:
    rng = np.random.default_rng(2)
    sky = rng.normal(3000, 400, (64, 90))
    before, array = (converter(TABLES[2], sky + rng.normal(0, 3, sky.shape)).astype(np.uint16) for _ in range(2))
    model = uneven_model(TABLES[2])
    stream = astrocodec.encode(array, model, embed_model=False, reference=before)
    assert (
        len(stream) == len(astrocodec.encode(array, DEFAULT, reference=before)) < len(astrocodec.encode(array, model))
    )
    assert stream == reference.encode_stream(array, [(model, b"")], reference=before, encode_one=_encode_one)


def test_codes_of_samples_are_told() -> None:
    array = uneven_frame(5, 700).astype(np.int16) - np.int16(3)
    samples, shift = array_codes(array)  # type: ignore[misc]
    np.testing.assert_array_equal((samples + shift) % 256, array.ravel() % 256)


# Files


def test_files_carry_them(tmp_path: Path) -> None:
    array = uneven_frame(4).astype(np.uint16)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, model in (("plain", DEFAULT), ("uneven", uneven_model(TABLES[2]))):
            hdf5_filter.write_dataset(file, name, array, codec=hdf5_filter.AstroCodec(model))
        sizes = [file[name].id.get_storage_size() for name in ("plain", "uneven")]
        np.testing.assert_array_equal(file["uneven"][:], array)
    assert sizes[1] < 0.98 * sizes[0]


def test_fits_cards_carry_them(tmp_path: Path) -> None:
    array = uneven_frame(4).astype(np.uint16)
    uneven_model(TABLES[2]).save(tmp_path / "uneven.acm")
    fits.PrimaryHDU(array).writeto(tmp_path / "a.fits")
    sizes = []
    for model in ("default", str(tmp_path / "uneven.acm")):
        out = tmp_path / f"{len(sizes)}.fits"
        fits_tiles.compress(tmp_path / "a.fits", out, model=model, tune=False)
        sizes.append(out.stat().st_size)
        with fits.open(out) as hdus:
            np.testing.assert_array_equal(next(hdu.data for hdu in hdus if hdu.data is not None), array)
    assert sizes[1] < sizes[0]
