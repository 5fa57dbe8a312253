"""Models of the reference codec: made of blocks, or sharing another's tables."""

import numpy as np
import pytest
from made_models import GENTLE, WIDE, made_samples

from astrocodec import _native
from astrocodec.errors import FormatError, TruncatedError
from astrocodec.stages import reference


def test_models_share_tables() -> None:
    base = reference.ReferenceModel(WIDE.weights, WIDE.shapes)
    derived = reference.ReferenceModel(GENTLE.weights, base)
    native_base = _native.NativeModel(WIDE.weights, WIDE.shapes)
    native_derived = _native.NativeModel(GENTLE.weights, native_base)
    samples = made_samples("sky", 12, 20)
    assert reference.encode_piece(derived, samples) == _native.encode_piece(native_derived, samples)
    np.testing.assert_array_equal(derived.tables(), native_derived.tables())


def test_tables_are_a_copy() -> None:
    model = reference.ReferenceModel(GENTLE.weights, GENTLE.shapes)
    model.tables()[:] = 0
    assert model.tables().any()


def test_broken_weights_are_refused() -> None:
    with pytest.raises(TruncatedError, match="weight block"):
        reference.ReferenceModel(GENTLE.weights[:-1], GENTLE.shapes)
    with pytest.raises(FormatError, match="weight block"):
        reference.ReferenceModel(b"", GENTLE.shapes)


def test_output_keeps_its_samples_on_error() -> None:
    model = reference.ReferenceModel(GENTLE.weights, GENTLE.shapes)
    samples = made_samples("sky", 12, 20)
    data = np.frombuffer(reference.encode_piece(model, samples), np.uint8)
    out = np.full_like(samples, 7)
    with pytest.raises(TruncatedError, match="words end"):
        reference.decode_piece(model, data[:-2], out)
    assert (out == 7).all()


def test_output_may_be_part_of_a_frame() -> None:
    model = reference.ReferenceModel(GENTLE.weights, GENTLE.shapes)
    samples = made_samples("sky", 12, 20)
    frame = np.zeros((30, 40), np.uint16)
    reference.decode_piece(model, np.frombuffer(reference.encode_piece(model, samples), np.uint8), frame[5:17, 8:28])
    np.testing.assert_array_equal(frame[5:17, 8:28], samples)
    assert frame.sum() == samples.sum()
