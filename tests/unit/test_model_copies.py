"""Models and what holds them: copied, pickled, in other threads and processes, after they were used."""

from __future__ import annotations

import copy
import dataclasses
import gc
import io
import multiprocessing
import os
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pytest

import astrocodec
from astrocodec import _native
from astrocodec._native import chunk as native_chunk
from astrocodec.model import Model, load_model

FRAME = np.random.default_rng(3).poisson(300, (128, 128)).astype(np.uint16)
DEFAULT = load_model("default")


def tuned() -> Model:
    """A model of its own handle, used once."""
    weights = bytearray(DEFAULT.weights)
    weights[8] ^= 3
    model = Model(bytes(weights), DEFAULT.shapes, "changed", DEFAULT)
    astrocodec.encode(FRAME, model)
    return model


def general() -> Model:
    """A used model with shapes of its own."""
    weights = bytearray(DEFAULT.weights)
    weights[10] ^= 3
    model = Model(bytes(weights), DEFAULT.shapes, "general")
    astrocodec.encode(FRAME, model)
    return model


def by_pickle(protocol: int) -> Callable[[Any], Any]:
    """A round trip."""
    return lambda thing: pickle.loads(pickle.dumps(thing, protocol))


WAYS = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle{protocol}": by_pickle(protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("make", [tuned, general, lambda: DEFAULT], ids=["tuned", "general", "shipped"])
def test_copies_are_equal(way: str, make: Callable[[], Model]) -> None:
    """As values; the name does not count, weights and shapes do."""
    model = make()
    copied = WAYS[way](model)
    assert copied == model
    assert {model: 1}[copied] == 1
    assert dataclasses.replace(model, name="another") == model
    others = [dataclasses.replace(model, weights=model.weights[:-1] + b"\x55"), model.fingerprint, None]
    others += [dataclasses.replace(model, shapes=model.shapes[:-1] + b"\x55")]
    assert not any(model == other for other in others)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("make", [tuned, general, lambda: DEFAULT], ids=["tuned", "general", "shipped"])
def test_a_used_model_is_copied_without_its_address(way: str, make: Callable[[], Model]) -> None:
    model = make()
    stream = astrocodec.encode(FRAME, model, embed_model=False)
    again = WAYS[way](model)
    assert (again.weights, again.shapes, again.name) == (model.weights, model.shapes, model.name)
    assert again.fingerprint == model.fingerprint
    del model
    gc.collect()
    assert (astrocodec.decode(stream, models=[again]) == FRAME).all()
    assert astrocodec.encode(FRAME, again, embed_model=False) == stream


def test_the_native_model_has_one_owner() -> None:
    native = _native.native_model(tuned())
    assert copy.copy(native) is native
    assert copy.deepcopy([native])[0] is native
    with pytest.raises(TypeError, match="Pickle the Model"):
        pickle.dumps(native)


@pytest.mark.parametrize("way", WAYS)
def test_a_chunk_codec_is_copied_by_its_values(way: str) -> None:
    codec = native_chunk.ChunkCodec((1, 1))
    stream = codec.encode(FRAME)
    again, out = WAYS[way](codec), np.zeros_like(FRAME)
    assert again._values is not codec._values
    del codec
    again.decode(stream, out)
    assert (out == FRAME).all()


@pytest.mark.parametrize("way", WAYS)
def test_the_doors_options_are_copied(way: str) -> None:
    hdf5_filter = pytest.importorskip("hdf5_filter")
    coders = pytest.importorskip("fits_tiles.files.coders")
    model = tuned()
    option = WAYS[way](hdf5_filter.AstroCodec(model))
    assert option.filter_options == hdf5_filter.AstroCodec(model).filter_options
    assert option.model.fingerprint == model.fingerprint
    coder = WAYS[way](coders.LosslessCoder(">i2", model))
    pixels = FRAME.astype(">i2")
    assert (coder.decode(0, coder.encode(0, pixels), pixels.shape) == pixels).all()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("version", ["v2", "v3"])
def test_zarr_codecs_are_copied(way: str, version: str) -> None:
    pytest.importorskip("zarr")
    codec_class = pytest.importorskip(f"astrocodec.zarr.{version}").AstroCodec
    made = codec_class(tuned()) if version == "v2" else codec_class.with_model(tuned())
    again = WAYS[way](made)
    assert again == made
    assert (again.get_config() == made.get_config()) if version == "v2" else (again.to_dict() == made.to_dict())


def encode_there(model: Model) -> bytes:
    """In another process."""
    return astrocodec.encode(FRAME, model, embed_model=False, workers=2)


@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_models_travel_to_processes(start: str) -> None:
    models = [tuned(), general(), DEFAULT]
    expected = [encode_there(model) for model in models]
    with ProcessPoolExecutor(1, multiprocessing.get_context(start)) as pool:
        assert list(pool.map(encode_there, models)) == expected
    assert [encode_there(model) for model in models] == expected


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_frees_what_is_its_own() -> None:
    model = tuned()
    stream = encode_there(model)
    child = os.fork()
    if child == 0:
        try:
            same = encode_there(model) == stream
            del model
            gc.collect()
            os._exit(0 if same else 3)
        except BaseException:
            os._exit(4)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert encode_there(model) == stream


def test_threads_share_a_model_that_none_has_used() -> None:
    weights = bytearray(DEFAULT.weights)
    weights[8] ^= 3
    expected = encode_there(Model(bytes(weights), DEFAULT.shapes, "shared", DEFAULT))
    model = Model(bytes(weights), DEFAULT.shapes, "shared", DEFAULT)
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(encode_there(copy.copy(model)))) for _ in range(4)]
    threads += [threading.Thread(target=lambda: found.append(encode_there(model))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 8


def test_a_base_outlives_what_was_made_from_it() -> None:
    base = general()
    made = _native.NativeModel(base.weights, _native.native_model(base))
    before = made.tables()
    del base
    gc.collect()
    assert (made.tables() == before).all()


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda hdu: hdu.copy()], ids=["copy", "deepcopy", "method"])
@pytest.mark.parametrize("level", [None, 16.0])
def test_a_written_hdu_is_copied_with_its_settings(way: Callable[[Any], Any], level: float | None) -> None:
    fits_tiles = pytest.importorskip("fits_tiles")
    from astropy.io import fits

    def written(hdu: Any) -> bytes:
        file = io.BytesIO()
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(file)
        return file.getvalue()

    pixels = FRAME.astype("f4" if level else "i2")
    hdu = fits_tiles.CompImageHDU(
        pixels, model=tuned(), tune=False, effort=3, tile_shape=(32, 64), quantize_level=level
    )
    before = written(hdu)
    again = way(hdu)
    assert type(again) is fits_tiles.CompImageHDU
    assert (again.tile_shape, again._tune, again._effort) == ((32, 64), False, 3)
    assert again.tile_model.fingerprint == hdu.tile_model.fingerprint
    del hdu
    gc.collect()
    with fits.open(io.BytesIO(written(again))) as hdus, fits.open(io.BytesIO(before)) as expected:
        assert (hdus[1].data == expected[1].data).all()
        assert hdus[1].tile_shape == (32, 64)
