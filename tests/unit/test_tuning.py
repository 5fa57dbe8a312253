from collections.abc import Callable

import numpy as np
import pytest

import astrocodec
from astrocodec.codec import same_bits
from astrocodec.errors import CorruptError, FormatError, ModelNotFoundError, VersionError
from astrocodec.model import Model


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    rng = np.random.default_rng(3)
    smooth = np.cumsum(np.cumsum(rng.normal(0, 1, (300, 400)), 0), 1) / 40
    return (smooth - smooth.min() + rng.normal(20, 1.5, smooth.shape)).clip(0).astype(np.uint16)


@pytest.fixture(scope="module")
def tuned(frame: np.ndarray) -> Model:
    return astrocodec.tune(frame, effort=3)


def test_tuning_pays_for_itself(frame: np.ndarray, tuned: Model) -> None:
    general = astrocodec.encode(frame)
    assert len(astrocodec.encode(frame, tuned)) < len(general)
    assert len(tuned.delta()) <= 944


def test_embedded_and_separate_models(frame: np.ndarray, tuned: Model) -> None:
    assert (astrocodec.decode(astrocodec.encode(frame, tuned)) == frame).all()
    bare = astrocodec.encode(frame, tuned, embed_model=False)
    assert (astrocodec.decode(bare, models=[tuned]) == frame).all()
    with pytest.raises(ModelNotFoundError, match=tuned.fingerprint):
        astrocodec.decode(bare)


def test_delta_rebuilds_the_model(tuned: Model, tmp_path) -> None:
    again = Model.from_delta(tuned.delta())
    assert again.fingerprint == tuned.fingerprint
    tuned.save(tmp_path / "m.acm")
    assert astrocodec.load_model(tmp_path / "m.acm").fingerprint == tuned.fingerprint


def test_little_data_is_not_tuned() -> None:
    assert astrocodec.tune(np.zeros((16, 16), np.uint16)).is_shipped


def test_a_small_budget_is_kept(frame: np.ndarray) -> None:
    model = astrocodec.tune(frame, max_bytes=300, effort=2)
    assert model.is_shipped or len(model.delta()) <= 300


@pytest.mark.parametrize(("option", "value"), [("effort", 0), ("effort", 10), ("max_bytes", 3)])
def test_bad_options(frame: np.ndarray, option: str, value: int) -> None:
    with pytest.raises(ValueError, match=option):
        astrocodec.tune(frame, **{option: value})


def test_damaged_models(tuned: Model) -> None:
    data = tuned.to_bytes()
    for damaged, kind in (
        (data[:-3], CorruptError),
        (b"XYZ" + data[3:], FormatError),
        (data[:3] + b"\x02" + data[4:], VersionError),
        (data[:20] + bytes([data[20] ^ 1]) + data[21:], CorruptError),
    ):
        with pytest.raises(kind):
            astrocodec.load_model(damaged)
    with pytest.raises(ModelNotFoundError, match=f"its base {'00' * 8} is "):
        Model.from_delta(tuned.delta()[:1] + bytes(8) + tuned.delta()[9:])


def test_shipped_models() -> None:
    assert "default" in astrocodec.list_models()
    model = astrocodec.load_model()
    assert model.is_shipped
    assert Model.from_bytes(model.to_bytes()).fingerprint == model.fingerprint


@pytest.mark.parametrize("make", [lambda a: a.astype("c8") * (1 + 2j), lambda a: a.astype("f2"), lambda a: a > 300])
def test_other_types_are_tuned(frame: np.ndarray, make: Callable[[np.ndarray], np.ndarray]) -> None:
    array = make(frame)
    model = astrocodec.tune(array, effort=1)
    assert same_bits(astrocodec.decode(astrocodec.encode(array, model)), array)
    assert model.is_shipped == (array.dtype == bool)
