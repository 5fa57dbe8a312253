"""Models inside the native library: the one compiled in, tuned ones from their difference, fingerprints."""

import ctypes

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_models import GENTLE, WIDE

import astrocodec
from astrocodec import Model, load_model
from astrocodec._native import NativeModel, _library, native_model
from astrocodec.errors import CorruptError, FormatError, ModelNotFoundError, TruncatedError, VersionError

STATUS = {TruncatedError: 20, CorruptError: 21, FormatError: 30, ModelNotFoundError: 31, VersionError: 32}


def fingerprint(handle: object) -> str:
    found = (ctypes.c_uint8 * 8)()
    _library.ac_model_fingerprint(handle, found)
    return bytes(found).hex()


def from_delta(delta: bytes) -> tuple[int, str]:
    """Status and fingerprint of a tuned model."""
    handle = ctypes.c_void_p()
    status = _library.ac_model_from_delta(delta, ctypes.c_size_t(len(delta)), ctypes.byref(handle))
    if status:
        return status, ""
    name = fingerprint(handle)
    _library.ac_model_free(handle)
    return 0, name


def tuned(seed: int, most: int) -> Model:
    """A model some steps away from the shipped one."""
    base, rng = load_model(), np.random.default_rng(seed)
    weights = base.arrays()
    for block in (weights.linear, weights.b1, weights.w2, weights.b3):
        block += rng.integers(-most, most + 1, block.shape).astype(block.dtype) * (rng.random(block.shape) < 0.2)
    return Model(weights.to_bytes(), base.shapes, "tuned", base)


def test_the_default_is_compiled_in() -> None:
    assert fingerprint(_library.ac_model_default()) == load_model().fingerprint
    native, made = native_model(load_model()), NativeModel(load_model().weights, load_model().shapes)
    assert (native.tables() == made.tables()).all()


@pytest.mark.parametrize("made", [GENTLE, WIDE], ids=["16", "32"])
def test_fingerprints(made) -> None:
    native = NativeModel(made.weights, made.shapes)
    assert fingerprint(native.handle) == Model(made.weights, made.shapes).fingerprint
    derived = NativeModel(GENTLE.weights, native)
    assert fingerprint(derived.handle) == Model(GENTLE.weights, made.shapes).fingerprint


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 99), st.integers(0, 3))
def test_tuned_models_from_their_difference(seed: int, most: int) -> None:
    model = tuned(seed, most)
    assert from_delta(model.delta()) == (0, model.fingerprint)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 9), st.data())
def test_damaged_differences_are_refused_alike(seed: int, data: st.DataObject) -> None:
    delta = bytearray(tuned(seed, 2).delta())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(delta) - 1))
        delta[at] ^= 1 << data.draw(st.integers(0, 7))
    if data.draw(st.booleans()):
        del delta[data.draw(st.integers(0, len(delta))) :]
    try:
        model = Model.from_delta(bytes(delta))
        NativeModel(model.weights, model.shapes)  # checks what vector kernels need
        expected = 0, model.fingerprint
    except (FormatError, ModelNotFoundError) as error:
        expected = STATUS[type(error)], ""
    assert from_delta(bytes(delta)) == expected


def test_models_inside_streams() -> None:
    """A tuned one is unpacked by the library, a general one by the package."""
    image = np.random.default_rng(0).normal(500, 5, (40, 50)).astype("u2")
    for model in (tuned(1, 2), Model(GENTLE.weights, load_model().shapes)):
        stream = astrocodec.encode(np.tile(image, (10, 10)), model)
        assert astrocodec.inspect(stream).embedded_model
        assert (astrocodec.decode(stream) == np.tile(image, (10, 10))).all()
