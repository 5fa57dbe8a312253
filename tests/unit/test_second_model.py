"""A shipped model that is not the default one: every door keeps it."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits

import astrocodec
import astrocodec.model
import fits_tiles
import hdf5_filter
from astrocodec._native.chunk import ChunkCodec
from astrocodec.model import Model, configured_delta, load_model
from hdf5_filter.values import FilterValues

DEFAULT = load_model("default")
FRAME = np.random.default_rng(4).poisson(90, (96, 128)).astype(np.uint16)


def changed(place: int) -> Model:
    """A model near the default one, without a base."""
    weights = bytearray(DEFAULT.weights)
    weights[place] ^= 1
    return Model(bytes(weights), DEFAULT.shapes, f"changed{place}")


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> Model:
    """A second shipped model."""
    model = replace(changed(8), name="second")
    shipped = {DEFAULT.fingerprint: DEFAULT, model.fingerprint: model}
    monkeypatch.setattr(astrocodec.model, "_shipped", lambda: shipped)
    return model


def test_a_configuration_holds_the_model_that_was_asked_for(second: Model) -> None:
    assert configured_delta(DEFAULT) == b""
    delta = configured_delta(second)
    assert 9 < len(delta) < 100
    assert Model.from_delta(delta) is second
    assert configured_delta(Model.from_delta(delta)) == delta


def test_filter_values(second: Model) -> None:
    for asked in ("second", second, second.fingerprint):
        codec = hdf5_filter.AstroCodec(asked)
        again = hdf5_filter.AstroCodec.from_filter_options(codec.filter_options)
        assert again == codec
        assert again.model is second
        assert again.get_config()["model"] == second.fingerprint
        assert not again.get_config()["tuned"]
        assert repr(again) == f"AstroCodec(model='{second.fingerprint}')"
    assert hdf5_filter.AstroCodec().filter_options == (1, 0)


def test_the_c_library_codes_with_a_model_that_differs_by_nothing() -> None:
    """It has one shipped model only, which stands for the second one here."""
    delta = replace(DEFAULT, base=DEFAULT).delta()
    codec = ChunkCodec(FilterValues(delta=delta, try_general=False).to_values())
    out = np.zeros_like(FRAME)
    codec.decode(codec.encode(FRAME), out)
    assert (out == FRAME).all()


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_zarr(second: Model, version: str) -> None:
    pytest.importorskip("zarr")
    codec_class = pytest.importorskip(f"astrocodec.zarr.{version}").AstroCodec
    if version == "v2":
        codec = codec_class(second)
        again = codec_class.from_config({k: v for k, v in codec.get_config().items() if k != "id"})
        delta = again.get_config()["delta"]
    else:
        codec = codec_class.with_model("second")
        again = codec_class.from_dict(codec.to_dict())
        assert again == codec
        delta = again.delta
    from astrocodec.zarr.chunk_stream import ChunkStream, model_text

    assert delta == model_text(second) != ""
    assert [model.fingerprint for model in ChunkStream(delta)._models()] == [second.fingerprint]
    stream = ChunkStream(delta).encode(FRAME)
    assert (ChunkStream(delta).decode(stream) == FRAME).all()


def test_fits(second: Model) -> None:
    file = io.BytesIO()
    hdu = fits_tiles.CompImageHDU(FRAME.astype("i2"), model="second", tune=False)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(file)
    with fits.open(io.BytesIO(file.getvalue()), disable_image_compression=True) as hdus:
        stream = bytes(hdus[1].data["COMPRESSED_DATA"][0])
    assert astrocodec.inspect(stream).model_fingerprint == second.fingerprint


def test_what_a_reader_could_not_rebuild_is_refused() -> None:
    shapes = bytearray(DEFAULT.shapes)
    shapes[4] ^= 1
    own = Model(DEFAULT.weights, bytes(shapes), "own")
    for model in (own, Model(changed(8).weights, bytes(shapes), "tuned", own)):
        with pytest.raises(ValueError, match="was not tuned from an installed model"):
            hdf5_filter.AstroCodec(model)
        pytest.importorskip("zarr")
        from astrocodec.zarr.v3 import AstroCodec

        with pytest.raises(ValueError, match="was not tuned from an installed model"):
            AstroCodec.with_model(model)


def test_a_model_of_the_same_shapes_is_told_by_its_difference() -> None:
    model = changed(10)
    assert hdf5_filter.AstroCodec(model).model.fingerprint == model.fingerprint
    tuned = Model(changed(12).weights, DEFAULT.shapes, "tuned", model)
    assert hdf5_filter.AstroCodec(tuned).model.fingerprint == tuned.fingerprint


def test_a_model_tuned_from_one_that_is_not_shipped_is_saved_whole() -> None:
    tuned = Model(changed(12).weights, DEFAULT.shapes, "tuned", changed(10))
    again = Model.from_bytes(tuned.to_bytes())
    assert again.fingerprint == tuned.fingerprint
    assert (astrocodec.decode(astrocodec.encode(FRAME, tuned)) == FRAME).all()


@pytest.mark.parametrize("container", ["zimage", "table"])
def test_whole_fits_files(second: Model, container: str) -> None:
    plain, packed, again = io.BytesIO(), io.BytesIO(), io.BytesIO()
    fits.PrimaryHDU(FRAME.astype("i2")).writeto(plain)
    plain.seek(0)
    report = fits_tiles.compress(plain, packed, model="second", tune=False, container=container)
    assert [entry.model for entry in report.hdus if entry.model] == [second.fingerprint]
    packed.seek(0)
    fits_tiles.decompress(packed, again)
    assert again.getvalue() == plain.getvalue()
