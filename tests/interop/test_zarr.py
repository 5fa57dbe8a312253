"""Zarr arrays of both formats, within shards too; a process that knows the codec by its entry points alone."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.utils.masked import Masked
from hdf5_programs import made, tuned_model

import astrocodec

zarr = pytest.importorskip("zarr", reason="zarr is not installed")
numcodecs = pytest.importorskip("numcodecs", reason="numcodecs is not installed")

from astrocodec.analysis.images.zarr_images import zarr_images  # noqa: E402
from astrocodec.errors import OptionError  # noqa: E402
from astrocodec.zarr import v2, v3  # noqa: E402
from astrocodec.zarr.loss import loss_of  # noqa: E402

TYPES = ("u1", "i2", "u2", "i4", "u8", "f2", "f4", "f8", "c8", "c16", "?")


@pytest.fixture(autouse=True)
def _registered() -> None:
    """Entry points exist only where the package is installed; here it may run from its source tree."""
    numcodecs.registry.register_codec(v2.AstroCodec)
    zarr.registry.register_codec("astrocodec", v3.AstroCodec)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shards", [None, (32, 40)])
def test_format_3(tmp_path: Path, dtype: str, shards: Any) -> None:
    data = made(dtype, (60, 70))
    codec = v3.AstroCodec(thorough=True)
    array = zarr.create_array(
        tmp_path / "a",
        shape=data.shape,
        chunks=(16, 20),
        shards=shards,
        dtype=dtype,
        serializer=codec,
        compressors=None,
    )
    array[:] = data
    again = zarr.open_array(tmp_path / "a", mode="r")
    assert again[:].tobytes() == data.tobytes()
    assert (again[17:40, -3] == data[17:40, -3]).all()
    text = json.dumps(json.loads((tmp_path / "a" / "zarr.json").read_text())["codecs"])
    assert '"astrocodec"' in text
    assert '"thorough": true' in text


@pytest.mark.parametrize("dtype", [*TYPES, ">i4", ">f8", ">c8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_format_2(tmp_path: Path, dtype: str, order: Any) -> None:
    data = made(dtype, (60, 70))
    kind = np.dtype(dtype)
    told = None if kind.isnative else kind.str
    codec = v2.AstroCodec(dtype=told)
    array = zarr.create_array(
        tmp_path / "a", shape=data.shape, chunks=(16, 20), dtype=dtype, zarr_format=2, compressors=codec, order=order
    )
    array[:] = data
    again = zarr.open_array(tmp_path / "a", mode="r")
    assert np.array_equal(again[:], data)
    assert json.loads((tmp_path / "a" / ".zarray").read_text())["compressor"]["id"] == "astrocodec"


@pytest.mark.parametrize("dtype", ["?", "f2", "c8", "c16", ">c8", "i4"])
@pytest.mark.parametrize("version", [2, 3])
def test_a_chunk_is_a_stream_that_knows_its_type(dtype: str, version: Any) -> None:
    """Whoever finds its bytes needs neither Zarr nor its metadata."""
    data, store = made(dtype, (16, 20)), dict[str, Any]()
    codec = {"serializer": v3.AstroCodec(), "compressors": None}
    if version == 2:
        codec = {"compressors": v2.AstroCodec(dtype=dtype)}
    array = zarr.create_array(store, shape=data.shape, chunks=data.shape, dtype=dtype, zarr_format=version, **codec)
    array[:] = data
    stream = store["c/0/0" if version == 3 else "0.0"].to_bytes()
    found = astrocodec.decode(stream)
    assert found.dtype == np.dtype(dtype).newbyteorder("=")
    assert np.array_equal(found, data)


UNCODED = ["<U5", "S4", "datetime64[s]", "timedelta64[ms]", [("a", "i4"), ("b", "f4")], "V6", str]


@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
@pytest.mark.parametrize("shards", [None, (10,)])
@pytest.mark.parametrize("dtype", UNCODED, ids=str)
def test_types_that_are_not_coded_are_refused_when_the_array_is_created(dtype: Any, shards: Any) -> None:
    store: dict[str, Any] = {}
    with pytest.raises(TypeError, match=r"^arrays of .* are not coded"):
        zarr.create_array(
            store, shape=(20,), chunks=(5,), shards=shards, dtype=dtype, serializer=v3.AstroCodec(), compressors=None
        )
    assert not store


@pytest.mark.parametrize("dtype", UNCODED, ids=str)
def test_format_2_refuses_them_where_it_is_told_and_at_the_first_chunk(dtype: Any) -> None:
    with pytest.raises(TypeError, match=r"^arrays of .* are not coded"):
        v2.AstroCodec(dtype=dtype)
    with pytest.raises(TypeError, match="allowed are u1"):
        v2.AstroCodec().encode(np.zeros(3, dtype))


@pytest.mark.parametrize("dtype", [">i2", ">u4", ">i8", ">f2", ">f4", ">f8", ">c8", ">c16"])
@pytest.mark.parametrize("shards", [None, (32, 40)])
def test_big_endian_in_format_3(dtype: str, shards: Any) -> None:
    data, store = made(dtype, (60, 70)), dict[str, Any]()
    array = zarr.create_array(
        store,
        shape=data.shape,
        chunks=(16, 20),
        shards=shards,
        dtype=dtype,
        serializer=v3.AstroCodec(),
        compressors=None,
    )
    array[:] = data
    again = zarr.open_array(store, mode="r")[:]
    assert np.array_equal(again, data)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("shape", [(), (0,), (0, 5), (4, 0)])
def test_no_axes_and_no_elements(zarr_format: Any, shape: tuple[int, ...]) -> None:
    codec = (
        {"compressors": v2.AstroCodec()} if zarr_format == 2 else {"serializer": v3.AstroCodec(), "compressors": None}
    )
    store: dict[str, Any] = {}
    chunks = tuple(max(1, n) for n in shape)
    array = zarr.create_array(store, shape=shape, chunks=chunks, dtype="i2", zarr_format=zarr_format, **codec)
    array[...] = np.full(shape, 7, "i2")
    again = zarr.open_array(store, mode="r")[...]
    assert again.shape == shape
    assert (again == 7).all()


def test_the_tuned_model_stands_in_the_metadata(tmp_path: Path) -> None:
    model = tuned_model(3)
    data = np.random.default_rng(0).normal(1000, 20, (64, 64)).astype("u2")
    codec = v3.AstroCodec.with_model(model)
    array = zarr.create_array(
        tmp_path / "a", shape=data.shape, chunks=(64, 64), dtype="u2", serializer=codec, compressors=None
    )
    array[:] = data
    assert (zarr.open_array(tmp_path / "a", mode="r")[:] == data).all()
    for made_codec in (v2.AstroCodec(model), numcodecs.get_codec(v2.AstroCodec(model).get_config())):
        assert (made_codec.decode(made_codec.encode(data)) == data).all()
    stream = (tmp_path / "a" / "c" / "0" / "0").read_bytes()
    assert (astrocodec.decode(stream, models=[model]) == data).all()


def test_big_endian_chunks_need_their_type() -> None:
    with pytest.raises(TypeError, match=r"need AstroCodec\(dtype='>i4'\)"):
        v2.AstroCodec().encode(made(">i4", (4, 5)))


def test_options_of_another_codec_are_refused_at_once() -> None:
    """Not when the first chunk is written, and not dropped."""
    for make in (v2.AstroCodec, v3.AstroCodec):
        with pytest.raises(TypeError, match="no option level"):
            make(options={"level": 3})
        with pytest.raises(ValueError, match=r"'planes' has no .*thorough"):
            make(codec="planes", thorough=True)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(("array_type", "codec_type"), [("f4", "<i4"), ("<i4", ">i4"), ("c8", "<f4"), ("i2", "<f2")])
def test_a_codec_of_another_type_keeps_the_order(array_type: str, codec_type: str, order: str) -> None:
    """The bytes of the chunk come back as they were."""
    data = np.random.default_rng(0).integers(0, 100, (20, 30)).astype(array_type)
    options: dict[str, Any] = {"zarr_format": 2, "order": order, "compressors": v2.AstroCodec(dtype=codec_type)}
    store = zarr.storage.MemoryStore()
    array = zarr.create_array(store, shape=(20, 30), chunks=(20, 15), dtype=data.dtype, **options)
    array[...] = data
    assert (zarr.open_array(store)[...] == data).all()


def test_a_mask_is_not_dropped_unseen() -> None:
    codec = v2.AstroCodec()
    with pytest.raises(TypeError, match="mask would be lost"):
        codec.encode(np.ma.masked_array([1, 2], [0, 1]))
    with pytest.raises(TypeError, match="mask would be lost"):
        codec.encode(Masked(np.ones(2), [True, False]))
    assert codec.decode(codec.encode(np.ma.masked_array([1, 2], [0, 0]))).tolist() == [1, 2]


def test_a_damaged_chunk(tmp_path: Path) -> None:
    array = zarr.create_array(
        tmp_path / "a", shape=(20, 20), chunks=(20, 20), dtype="u2", serializer=v3.AstroCodec(), compressors=None
    )
    array[:] = made("u2", (20, 20))
    chunk = tmp_path / "a" / "c" / "0" / "0"
    raw = bytearray(chunk.read_bytes())
    raw[-1] ^= 1
    chunk.write_bytes(raw)
    with pytest.raises(astrocodec.errors.CorruptError, match="checksum"):
        array[:]


def test_entry_points() -> None:
    """In an installed package."""
    try:
        points = importlib.metadata.distribution("astrocodec").entry_points
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the package runs from its source tree, without entry points")
    found = {point.group: point.load() for point in points if "codecs" in point.group}
    assert found == {"numcodecs.codecs": v2.AstroCodec, "zarr.codecs": v3.AstroCodec}


BOUNDS = [{"max_error": "0.5sigma", "dither": False}, {"noise_increase": 0.01, "gain": 2.0}, {"max_error": "1%"}]


def _lossy_array(store: Any, version: int, data: Any, words: dict[str, Any], **options: Any) -> Any:
    codec = {"serializer": v3.AstroCodec(**words), "compressors": options.pop("compressors", None)}
    if version == 2:
        codec = {"compressors": v2.AstroCodec(dtype=data.dtype.str, **words)}
    sides = {"shape": data.shape, "chunks": (64, 64), "dtype": data.dtype, "zarr_format": version}
    array = zarr.create_array(store, **sides, **codec, **options)
    array[:] = data
    return zarr.open_array(store, mode="r")


@pytest.mark.parametrize("words", BOUNDS)
@pytest.mark.parametrize(("version", "options"), [(2, {}), (3, {"compressors": "auto"}), (3, {"shards": (128, 128)})])
@pytest.mark.parametrize("dtype", ["<f4", ">i2"])
def test_a_bound_is_kept_and_told(
    version: int, options: dict[str, Any], words: dict[str, Any], dtype: str, tmp_path: Path
) -> None:
    data = np.random.default_rng(1).normal(1000, 20, (2, 100, 150)).astype(dtype)[0]
    array = _lossy_array(tmp_path / "a", version, data, words, **dict(options))
    changes = np.abs(array[:] - data.astype("f8"))
    found = loss_of(array)
    shares = changes / data if found.is_relative else changes
    assert shares.max() == pytest.approx(found.largest_error)
    assert 0 < found.largest_error <= found.max_error
    assert (changes**2).mean() == pytest.approx(found.variance)
    (entry,) = (load() for _, load in zarr_images(str(tmp_path / "a"), None))
    stated = entry.loss()
    assert stated.bound.shape == data.shape
    assert (stated.bound > 0).all()


def test_fill_values_are_kept_within_a_bound() -> None:
    data = np.random.default_rng(1).normal(0, 20, (64, 100)).astype("f4")
    data[5:20] = -999
    found = _lossy_array({}, 3, data, {"max_error": 3}, fill_value=-999)[:]
    assert ((found == -999) == (data == -999)).all()
    assert 2.9 < np.abs(found - data).max() <= 3


def test_bounds_that_go_with_nothing_else_are_refused() -> None:
    store: dict[str, Any] = {}
    with pytest.raises(TypeError, match="losslessly only"):
        _lossy_array(store, 3, np.zeros((9, 9), "i8"), {"max_error": 3})
    assert not store
    for wrong in ({"gain": 2}, {"max_error": 3, "planes": "residuals"}, {"max_error": 3, "codec": "vqvae"}):
        with pytest.raises((ValueError, OptionError)):
            v3.AstroCodec(**wrong)
    with pytest.raises(TypeError, match="give dtype"):
        v2.AstroCodec(max_error=3)
    with pytest.raises(TypeError, match="no filter goes before"):
        v2.AstroCodec(max_error=3, dtype="<i2").encode(np.zeros(20, "u1"))


def test_an_array_without_chunks_has_lost_nothing_yet() -> None:
    codec = v3.AstroCodec(max_error=3)
    array = zarr.create_array({}, shape=(9, 9), chunks=(9, 9), dtype="f4", serializer=codec, compressors=None)
    assert (loss_of(array).asked, loss_of(array).largest_error) == ("max_error 3", 0)
    exact = zarr.create_array({}, shape=(9, 9), dtype="f4", serializer=v3.AstroCodec(), compressors=None)
    exact[:] = 5
    assert loss_of(exact) is None
