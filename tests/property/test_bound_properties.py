"""Any array within any bound: refused, or every element is as near as the stream says."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import astrocodec
from astrocodec import Bound
from astrocodec.stages import reference

DTYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"]
numbers = st.one_of(
    st.floats(0.05, 9),
    st.floats(0.05, 9),
    st.sampled_from([1e-310, 1e-30, 1e-6, 0.01, 1e3, 1e12, 1e300, 0.0, -1.0, np.nan, np.inf]),
)


@st.composite
def arrays(draw: st.DrawFn) -> NDArray[Any]:
    """Noise on a level, with ends of the type, zeros and what is no number strewn in."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    shape = draw(st.sampled_from([(48, 70), (40, 64), (2, 30, 41), (900,), (5, 4), (1, 1, 1)]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    values = rng.normal(draw(st.sampled_from([0, 40, 1000])), draw(st.sampled_from([9, 1, 1e4, 0])), shape)
    if dtype.kind == "f":
        found = values.astype(dtype)
        odd = np.array([np.nan, np.inf, -np.inf, -0.0, np.finfo(dtype).max, np.finfo(dtype).tiny / 8], dtype)
    else:
        ends = np.iinfo(dtype)
        found = np.clip(np.rint(values), ends.min, ends.max).astype(dtype)
        odd = np.array([ends.min, ends.max, 0, 1], dtype)
    strewn = rng.random(shape) < draw(st.sampled_from([0, 0.005, 0.02, 0.5]))
    return np.where(strewn, rng.choice(odd, shape), found)


@st.composite
def bounds(draw: st.DrawFn, array: NDArray[Any]) -> Bound:
    """Of each kind, hostile ones too, with all that may stand beside them."""
    value = draw(numbers)
    share = f"{10 * value}%"
    asked = [("max_error", f"{value} adu"), ("max_error", f"{value} sigma"), ("max_error", share)]
    kind, text = draw(st.sampled_from([*asked, ("noise_increase", share), ("noise_increase", f"{value} adu")]))
    how: dict[str, Any] = {kind: text, "dither": draw(st.sampled_from([None, False, True]))}
    if "adu" not in text and (kind, text) != ("max_error", share) and draw(st.booleans()):
        how |= {"gain": draw(st.sampled_from([0.5, 2.0])), "read_noise": draw(st.sampled_from([None, 3.0]))}
    if draw(st.booleans()):
        how |= {"saturation": 1005.0, "blank": array.flat[0].item(), "protect_sources": draw(st.booleans())}
    return Bound(**how)


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_every_element_is_within_the_bound(data: st.DataObject) -> None:
    array = data.draw(arrays())
    try:
        bound = data.draw(bounds(array))
        stream = astrocodec.encode(array, bound=bound)
    except ValueError:
        return
    decoded, loss = astrocodec.decode(stream), astrocodec.inspect(stream).loss
    assert (decoded.dtype, decoded.shape) == (array.dtype, array.shape)
    assert reference.decode_stream(memoryview(stream)).tobytes() == decoded.tobytes()
    if loss is None:
        assert decoded.tobytes() == array.tobytes()
        return
    bits = f"u{array.itemsize}"
    same = decoded.view(bits) == array.view(bits)
    given_, found = array.astype("f8"), decoded.astype("f8")
    kept = ~np.isfinite(given_)
    if bound.saturation is not None:
        kept |= (given_ >= bound.saturation) | (array.view(bits) == array.flat[:1].view(bits))
    assert same[kept].all()
    error = np.zeros(array.shape)
    error[~same] = np.abs(found[~same] - given_[~same])
    if loss.kind == "relative":
        assert (np.sign(found) == np.sign(given_))[~kept].all()
        error[~same] /= np.abs(given_[~same])
    assert error.max() == loss.largest_error
    assert loss.largest_error <= loss.max_error
    if loss.kind in ("absolute", "relative"):
        assert loss.max_error == loss.asked
