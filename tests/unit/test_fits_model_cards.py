"""Models in header cards: tuned ones come back, others are refused with a way out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import astrocodec
import fits_tiles
from astrocodec.errors import CorruptError
from astrocodec.model import Model, load_model
from fits_tiles.files.coders import LosslessCoder
from fits_tiles.layout.card_text import blob_cards
from fits_tiles.layout.model_cards import model_cards, read_model


def changed(model: Model, step: int, count: int, base: Model | None) -> Model:
    """Return a model of other weights."""
    weights = model.arrays()
    w1 = weights.w1.copy()
    w1.reshape(-1)[:count] //= step
    return Model(replace(weights, w1=w1).to_bytes(), model.shapes, "other", base)


@pytest.fixture(scope="module")
def shipped() -> Model:
    return load_model("default")


def test_a_shipped_model_needs_no_card(shipped: Model) -> None:
    assert model_cards(shipped) == []


def test_a_tuned_model_comes_back(shipped: Model) -> None:
    tuned = changed(shipped, 2, 100, shipped)
    found = read_model(tuple(model_cards(tuned)), "HDU 1", tuned.fingerprint)
    assert found is not None
    assert found.fingerprint == tuned.fingerprint


def test_another_model_than_is_named_is_an_error(shipped: Model) -> None:
    cards = tuple(model_cards(changed(shipped, 2, 100, shipped)))
    with pytest.raises(CorruptError, match=f"HDU 1: the ACMODnnn cards hold model .*, ACTILES names '{'0' * 16}'"):
        read_model(cards, "HDU 1", "0" * 16)


def test_a_general_model_with_the_shapes_of_a_shipped_one_is_told_as_a_difference(shipped: Model) -> None:
    custom = changed(shipped, 2, 100, None)
    assert not custom.is_shipped
    found = read_model(tuple(model_cards(custom)), "HDU 1")
    assert found is not None
    assert found.fingerprint == custom.fingerprint


def test_a_long_difference_is_refused(shipped: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fits_tiles.layout.model_cards.MAX_DELTA", 70)
    with pytest.raises(ValueError, match="header cards take 70; `astrocodec tune --max-bytes`"):
        model_cards(changed(shipped, 9, 500, shipped))


def test_a_model_with_shapes_of_its_own_is_refused_with_a_way_out(shipped: Model, tmp_path: Path) -> None:
    shapes = bytearray(shipped.shapes)
    shapes[-600] ^= 1
    Model(shipped.weights, bytes(shapes), "mine").save(tmp_path / "mine.acm")
    fits.PrimaryHDU(np.zeros((9, 9), np.int16)).writeto(tmp_path / "a.fits")
    with pytest.raises(ValueError, match=r"'mine' .* shapes are its own, .* no room .* install this one"):
        fits_tiles.compress(tmp_path / "a.fits", tmp_path / "b.fits", model=tmp_path / "mine.acm")
    assert not (tmp_path / "b.fits").exists()


@pytest.mark.parametrize("tune", [False, True])
def test_a_custom_model_travels_in_the_file(shipped: Model, tmp_path: Path, tune: bool) -> None:
    changed(shipped, 2, 20, None).save(tmp_path / "mine.acm")
    pixels = np.random.default_rng(5).normal(500, 9, (300, 310)).astype(np.int16)
    fits.PrimaryHDU(pixels).writeto(tmp_path / "a.fits")
    report = fits_tiles.compress(
        tmp_path / "a.fits", tmp_path / "b.fits", model=tmp_path / "mine.acm", tune=tune, effort=1
    )
    assert report.hdus[0].tuned
    fits_tiles.decompress(tmp_path / "b.fits", tmp_path / "c.fits")
    assert (tmp_path / "c.fits").read_bytes() == (tmp_path / "a.fits").read_bytes()
    with fits.open(tmp_path / "b.fits") as opened:
        np.testing.assert_array_equal(opened[1].data, pixels)
    with fits_tiles.options(model=astrocodec.load_model(tmp_path / "mine.acm")):
        fits.CompImageHDU(pixels, compression_type="ASTROCODEC_1").writeto(tmp_path / "d.fits")
    with fits.open(tmp_path / "d.fits") as opened:
        np.testing.assert_array_equal(opened[1].data, pixels)


def test_a_tile_falls_back_on_a_shipped_model(shipped: Model) -> None:
    tuned = changed(shipped, 2, 20, shipped)
    for base in (shipped, tuned, changed(shipped, 3, 20, None)):
        coder = LosslessCoder("int16", tuned, base)
        assert [model.fingerprint for model in coder._encoding] == [tuned.fingerprint, shipped.fingerprint]


def test_no_cards_mean_no_model() -> None:
    assert read_model((), "HDU 1") is None


def test_damaged_model_bytes_are_an_error() -> None:
    cards = blob_cards("ACMOD", b"these are no weights")
    with pytest.raises(CorruptError, match="HDU 1: the ACMODnnn cards hold"):
        read_model(tuple(cards), "HDU 1")
