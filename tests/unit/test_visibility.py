"""Visibilities: bytes at a cost in noise, exact integers, what is no number, damages."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import astrocodec
from astrocodec._native import crc32c
from astrocodec.errors import CorruptError, FormatError
from astrocodec.stages import reference, varint
from astrocodec.stages.stream import Header, checksum, read_header
from astrocodec.stages.visibility import FLOATS, LATTICE, PARAMETERS
from astrocodec.visibility import encode, estimate_noise, noise_growth


def made_block(shape: tuple[int, ...], signal: float = 0, seed: int = 1) -> NDArray[np.complex64]:
    """Noise with a deviation of 1 in each part, and fringes."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(*shape, 2)).view(complex)[..., 0]
    t, b, f, _ = np.indices(shape)
    rate = rng.uniform(0, 1, shape[1])[b]
    return (noise + signal * np.exp(1j * (0.2 * f + rate * t + b))).astype(np.complex64)


@pytest.mark.parametrize(("share", "most_bits"), [("10%", 1.86), (0.01, 3.46), (1e-3, 5.13)])
def test_noise_costs_its_bits_and_no_more(share: str | float, most_bits: float) -> None:
    """Of uniform dithered steps they would be 1.98, 3.58 and 5.24 (docs/visibilities.md)."""
    vis = made_block((16, 32, 24, 2))
    stream = encode(vis, noise_increase=share, noise=np.ones(1))
    assert 8 * len(stream) / (2 * vis.size) < most_bits
    loss = astrocodec.inspect(stream).loss
    errors = astrocodec.decode(stream) - vis
    assert loss is not None
    assert loss.unit_variance <= loss.asked
    assert loss.unit_variance == pytest.approx(np.mean(np.abs(errors) ** 2) / 2, rel=1e-3)
    assert loss.unit_variance > 0.95 * loss.asked


def test_errors_are_white() -> None:
    """Whatever is averaged: times, channels, baselines, and the signal has no part in them."""
    vis = made_block((40, 40, 40, 1), signal=3)
    errors = astrocodec.decode(encode(vis, noise_increase=0.1, noise=np.ones(1))) - vis
    deviation = np.sqrt(np.mean(np.abs(errors) ** 2))
    for axes in [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]:
        means = errors.mean(axes)
        count = vis.size / means.size
        assert np.sqrt(np.mean(np.abs(means) ** 2) * count) == pytest.approx(deviation, rel=6 / np.sqrt(means.size))
    assert abs(np.vdot(vis, errors)) / np.linalg.norm(vis) / np.linalg.norm(errors) < 4 / np.sqrt(vis.size)


def test_fringes_cost_little() -> None:
    """A signal of ten noises is foreseen."""
    vis = made_block((16, 24, 32, 2), signal=10)
    plain, predicted = (len(encode(vis, noise_increase=0.01, model=model)) for model in ("none", "predicted"))
    assert predicted < 0.75 * plain
    assert len(encode(vis, noise_increase=0.01)) <= min(plain, predicted)


def lengths_by_model(vis: NDArray[np.complex64], **how: float) -> list[int]:
    """Of streams predicted, mixed, and as the encoder likes it; all hold the same."""
    streams = [encode(vis, model=model, **how) for model in ("predicted", "mixed", None)]
    assert len({astrocodec.decode(stream).tobytes() for stream in streams}) == 1
    return [len(stream) for stream in streams]


def test_a_network_knows_where_errors_are_large() -> None:
    """In each sixth channel, beside fringes that all predict alike."""
    t, b, f, p = np.indices((14, 8, 24, 2))
    vis = made_block(t.shape) * (1 + 15 * (f % 6 == 0))
    vis += (200 * np.exp(1j * 0.03 * f * t * (b + 1) * (p + 1))).astype(np.complex64)
    predicted, mixed, best = lengths_by_model(vis, noise_increase=0.01, noise=1.0)
    assert best == mixed < 0.99 * predicted


def test_joint_weights_reach_farther() -> None:
    """What comes again after three channels is predicted, once all baselines together have learnt that."""
    repeated = np.tile(made_block((6, 16, 3, 2), seed=1) * 50, (1, 1, 8, 1))
    predicted, mixed, best = lengths_by_model(repeated + made_block(repeated.shape), noise_increase=0.01, noise=1.0)
    assert best == mixed < 0.75 * predicted


def test_noise_is_not_mixed() -> None:
    for seed in range(3):
        noise = made_block((18, 5, 9, 1), seed=seed)
        lengths = [len(encode(noise, noise_increase=0.1, model=m)) for m in (None, "none", "predicted", "mixed")]
        assert lengths[0] <= min(lengths) + 4  # lengths are foretold, but for the last words


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 2, 5, 4), (17, 3, 2, 2), (3, 35, 7, 1)])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e6])
def test_both_decoders_mix_alike(shape: tuple[int, ...], size: float) -> None:
    """Whatever the signal."""
    vis = made_block(shape, signal=size)
    vis.reshape(-1)[5::11], vis.reshape(-1)[4::13] = 0, 1e20
    stream = encode(vis, noise_increase=0.01, noise=1.0, model="mixed")
    assert reference.decode_stream(memoryview(stream)).tobytes() == astrocodec.decode(stream).tobytes()


def test_channels_of_other_scales_are_mixed_too() -> None:
    """Predictions from one for the other are as far off as numbers go; single floats would not hold them."""
    noise = np.array([1e-15, 1, 1e15, 1e3, 1e-9])[:, None] * np.ones(2)
    vis = made_block((9, 6, 5, 2), signal=50) * noise.astype(np.float32)
    stream = encode(vis, noise_increase=0.01, noise=noise, model="mixed")
    decoded = astrocodec.decode(stream)
    assert reference.decode_stream(memoryview(stream)).tobytes() == decoded.tobytes()
    assert np.all(np.abs(decoded - vis) < noise)


def test_integers_are_exact() -> None:
    """Of correlators, and floats that hold such."""
    vis = made_block((6, 10, 16, 4), signal=20) * 500
    pairs = np.round(np.stack([vis.real, vis.imag], -1)).astype("i4")
    for values in (pairs, pairs.astype("f4").view("c8")[..., 0] * np.float32(0.25), pairs.astype("i2")):
        stream = encode(values)
        assert astrocodec.inspect(stream).codec == "visibility"
        assert astrocodec.inspect(stream).exact
        assert astrocodec.decode(stream).tobytes() == values.tobytes()
    assert len(encode(pairs)) < 0.47 * pairs.nbytes


def oddities() -> dict[str, NDArray[np.complex64]]:
    """Blocks that have turned data into NaN elsewhere."""
    vis = made_block((4, 5, 8, 2))
    absent, dead, wild = vis.copy(), vis.copy(), vis.copy()
    absent[1, 2] = 0
    dead[..., 1] = 0
    wild[0, 0, 0, 0], wild[1, 1, 1, 1], wild[2, 2, 2, 1] = np.nan, complex(0, np.inf), 3e38
    wild[3, 3, 3, 0] = complex(-0.0, 0)
    return {
        "absent": absent,
        "dead polarisation": dead,
        "not finite": wild,
        "one time and channel": vis[:1, :, :1],
        "all zero": vis * 0,
        "constant": np.full_like(vis, 3 + 1j),
        "empty": vis[:0],
    }


@pytest.mark.parametrize("name", oddities())
def test_oddities_have_exact_results(name: str) -> None:
    """Zeros stay zeros, what is not finite stays as it is, and no noise is made up."""
    vis = oddities()[name]
    decoded = astrocodec.decode(encode(vis, noise_increase="1%"))
    kept = ~np.isfinite(vis) | (vis == 0) | (np.abs(vis) > 1e37)
    if name in ("one time and channel", "constant"):
        kept[:] = True
    assert np.array_equal(decoded[kept], vis[kept], equal_nan=True)
    assert decoded[np.isnan(vis)].tobytes() == vis[np.isnan(vis)].tobytes()
    assert np.all(np.abs(decoded[~kept] - vis[~kept]) < 1)
    assert np.all(decoded[~kept] != 0)


def test_growth_is_told_by_baseline() -> None:
    """Of what each has lost, nothing of those that are exact or have no samples."""
    vis = made_block((24, 5, 48, 2))
    vis[:, 2] = 0
    noise = np.array([1, 1, 1, 2, 1])[:, None, None]  # of the fourth said to be twice what it is
    stream = encode(vis, noise_increase=0.01, noise=noise)
    errors = np.abs(astrocodec.decode(stream) - vis)
    expected = np.mean(errors**2, (0, 2, 3)) / 2 / noise[:, 0, 0] ** 2
    growth = noise_growth(stream)
    assert np.isnan(growth[2])
    assert np.allclose(np.delete(growth, 2), np.delete(expected, 2), rtol=0.03)
    assert noise_growth(encode(np.round(vis * 50))).tolist() == [0] * 5
    with pytest.raises(FormatError):
        noise_growth(astrocodec.encode(np.zeros(3)))


def test_few_samples_and_strange_noises() -> None:
    """What was asked is kept to, or nothing is lost."""
    for shape in [(1, 1, 1, 1), (2, 1, 1, 1), (1, 2, 3, 1)]:
        vis = made_block(shape)
        loss = astrocodec.inspect(encode(vis, noise_increase=0.01, noise=np.ones(1))).loss
        assert loss is None or loss.unit_variance <= 0.01
    vis = made_block((4, 6, 20, 2))
    for noise in (10.0 ** np.random.default_rng(1).integers(-9, 9, vis.shape[1:]), np.full(1, 1e-30), np.full(1, 1e30)):
        stream = encode(vis, noise_increase=0.01, noise=noise)
        loss, decoded = astrocodec.inspect(stream).loss, astrocodec.decode(stream)
        shares = np.abs(decoded.astype(complex) - vis) ** 2 / 2 / noise**2
        assert np.mean(shares) <= 0.01
        assert loss is not None or decoded.tobytes() == vis.tobytes()


def test_what_has_no_noise_stays_exact() -> None:
    """Its structure is not taken for noise, nor does it say anything of other baselines' noise."""
    noise = np.random.default_rng(3).normal(size=(16, 6, 32, 2, 2)).astype("f4").view("c8")[..., 0]
    ramp = (np.arange(16) * 100)[:, None, None, None] + np.arange(32)[:, None] * 7
    constant = np.broadcast_to(noise[:1], noise.shape)
    for vis in (constant, np.repeat(noise[:8], 2, axis=0), np.broadcast_to(ramp, noise.shape)):
        made = np.ascontiguousarray(vis, np.complex64)
        assert np.isnan(estimate_noise(made)).all()
        np.testing.assert_array_equal(astrocodec.decode(encode(made, noise_increase="1%")), made)
    half = np.where((np.arange(6) % 2 == 0)[:, None, None], noise, constant)
    found = estimate_noise(half)
    assert np.isnan(found[1::2]).all()
    assert 0.6 < found[::2].min() < found[::2].max() < 1.6


def test_what_the_lattice_has_no_room_for_is_coded() -> None:
    """Integers whose unit, and rows whose length, the codec of visibilities does not take."""
    for value, kind in ((-(2**31), "i4"), (2**31, "u4")):
        vis = np.full((2, 3, 2, 2, 2), value, kind)
        np.testing.assert_array_equal(astrocodec.decode(encode(vis)), vis)
    row = np.ones((1, 1, 2**22 + 1, 1), np.complex64)
    for options in ({}, {"noise_increase": 0.1, "noise": 1.0}):
        np.testing.assert_array_equal(astrocodec.decode(encode(row, **options)), row)
    huge = np.full((1, 1, 1, 1), 3e38 + 3e38j, np.complex64)
    np.testing.assert_array_equal(astrocodec.decode(encode(huge)), huge)


def test_zeros_with_a_sign_cost_nothing() -> None:
    """Absent samples of some correlators are -0.0: they are zeros, not bits to be kept."""
    vis = made_block((4, 6, 32, 2))
    vis[:, :, 20:] = complex(-0.0, -0.0)
    plus = np.where(vis == 0, 0, vis)
    assert len(encode(vis, noise_increase=0.01)) == len(encode(plus, noise_increase=0.01))
    assert np.all(astrocodec.decode(encode(vis, noise_increase=0.01))[:, :, 20:] == 0)
    assert astrocodec.decode(encode(vis)).tobytes() == vis.tobytes()


def test_flagged_samples_do_not_count() -> None:
    """Interference in them is no noise, and is decoded like all else."""
    vis = made_block((8, 6, 32, 2))
    flags = np.zeros(vis.shape, bool)
    flags[:, :, 5:15] = True
    vis[flags] *= 1000
    stream = encode(vis, noise_increase=0.01, flags=flags)
    loss = astrocodec.inspect(stream).loss
    assert loss is not None
    errors = astrocodec.decode(stream)[~flags] - vis[~flags]
    assert np.mean(np.abs(errors) ** 2) / 2 == pytest.approx(0.01, rel=0.1)
    assert astrocodec.decode(encode(vis, noise_increase=0.01, flags=np.ones_like(flags))).shape == vis.shape


def test_noise_follows_baselines_and_channels() -> None:
    """Each has its own."""
    vis = made_block((12, 6, 64, 2))
    expected = np.linspace(1, 3, 6)[:, None, None] * np.linspace(1, 2, 64)[:, None] * np.array([1, 5])
    found = estimate_noise(vis * expected)
    assert np.percentile(np.abs(found / expected - 1), 95) < 0.25
    assert np.isnan(estimate_noise(vis[:1, :, :1])).all()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"noise_increase": 0}, ValueError),
        ({"noise_increase": "much"}, ValueError),
        ({"noise_increase": 0.01, "flags": np.zeros((1, 1))}, ValueError),
        ({"noise_increase": True}, ValueError),
        ({"model": "best"}, ValueError),
        ({"workers": 1.5}, TypeError),
        ({"noise_increase": 0.01, "noise": np.ones(7)}, ValueError),
        ({"noise_increase": 0.01, "noise": 1j}, TypeError),
        ({"noise_increase": 0.01, "flags": np.ma.masked_array(np.zeros((2, 2, 4, 1)), 1)}, TypeError),
    ],
)
def test_options_are_checked(options: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        encode(made_block((2, 2, 4, 1)), **options)  # type: ignore[arg-type]


def test_arrays_are_checked() -> None:
    with pytest.raises(TypeError, match="float32"):
        encode(np.zeros((2, 2, 2, 2), "f4"))
    with pytest.raises(ValueError, match="shape"):
        encode(np.zeros((2, 2), "c8"))
    with pytest.raises(ValueError, match="exact"):
        encode(np.zeros((2, 2, 2, 2, 2), "i4"), noise_increase=0.01)


def outcome(decode: object, stream: bytes) -> bytes | type[Exception]:
    """The elements, or the class of the error."""
    try:
        return np.asarray(decode(memoryview(stream))).tobytes()  # type: ignore[operator]
    except FormatError as error:
        return type(error)


@pytest.mark.parametrize("model", ["predicted", "mixed"])
def test_both_decoders_refuse_the_same_damages(model: str) -> None:
    """Whatever byte of parameters and data is changed or missing, with the header's checksum made right or not."""
    vis = made_block((2, 5, 4, 2), signal=2)
    vis[0, 1] = 0
    vis[1, 2, 3, 1] = np.nan
    stream = encode(vis, noise_increase=0.05, model=model)
    header, at = read_header(memoryview(stream))
    whole = astrocodec.decode(stream).tobytes()
    refused = 0
    for i in [*range(at - len(header.parameters), len(stream) - 4, 6), -1, -4]:
        damaged = bytearray(stream)
        damaged[i] ^= 1 << abs(i) % 8
        kinds = outcome(astrocodec.decode, bytes(damaged)), outcome(reference.decode_stream, bytes(damaged))
        assert kinds[0] == kinds[1] or {*kinds} <= {CorruptError}, i
        refused += kinds[0] != whole
    assert refused > 20
    for length in range(0, len(stream), 23):
        kinds = outcome(astrocodec.decode, stream[:length]), outcome(reference.decode_stream, stream[:length])
        assert kinds[0] == kinds[1], length


def sealed(shape: tuple[int, ...], parameters: bytes, data: bytes, dtype: str = "c8") -> bytes:
    """A stream whose checksum is not right, since nothing decodes to it."""
    header = Header(96, np.dtype(dtype), shape, parameters).to_bytes()
    return header + data + checksum(header, data, None, crc32c)


@pytest.mark.parametrize(
    ("shape", "parameters", "dtype"),
    [
        ((1 << 20, 1 << 10, 1, 1), PARAMETERS.pack(LATTICE, 1, 400, 0), "c8"),
        ((1, 1, 1 << 23, 1), PARAMETERS.pack(LATTICE, 1, 400, 0), "c8"),
        ((2, 2, 2), PARAMETERS.pack(LATTICE, 1, 400, 0), "c8"),
        ((2, 2, 2, 2), PARAMETERS.pack(3, 1, 400, 0), "c8"),
        ((2, 2, 2, 2), PARAMETERS.pack(FLOATS, 3, 400, 0), "c8"),
        ((2, 2, 2, 2), PARAMETERS.pack(FLOATS, 1, 400, 23), "c8"),
        ((2, 2, 2, 2), PARAMETERS.pack(FLOATS, 1, 400, 874 << 8), "c8"),
        ((2, 2, 2, 2, 2), PARAMETERS.pack(FLOATS, 1, 400, 0), "i4"),
        ((2, 2, 2, 2), PARAMETERS.pack(LATTICE, np.nan, 400, 0), "c8"),
        ((2, 2, 2, 2), PARAMETERS.pack(LATTICE, 1, np.inf, 0), "c8"),
        ((2, 2, 2, 2), PARAMETERS.pack(LATTICE, 1, 400, 0), "f4"),
        ((2, 2, 2, 2, 2), PARAMETERS.pack(LATTICE, 1, 400, 0), "i4"),
        ((2, 2, 2, 2), b"", "c8"),
    ],
)
def test_what_the_format_forbids_is_refused(shape: tuple[int, ...], parameters: bytes, dtype: str) -> None:
    """Sizes before memory is taken for them."""
    stream = sealed(shape, parameters, bytes(2100), dtype)
    with pytest.raises(CorruptError):
        astrocodec.decode(stream)
    with pytest.raises(CorruptError):
        reference.decode_stream(memoryview(stream))


def test_many_polarisations_are_not_predicted() -> None:
    """A walk holds much for each, which a few bytes could ask for."""
    few, many = made_block((2, 2, 3, 64), signal=9), made_block((2, 2, 3, 65), signal=9)
    for vis in (few, many):
        streams = [encode(vis, noise_increase=0.01, noise=1.0, model=model) for model in ("none", "mixed")]
        assert (streams[0] == streams[1]) == (vis is many)
    stream = bytearray(encode(many, noise_increase=0.01, noise=1.0, model="none"))
    reader = varint.Reader(memoryview(bytes(stream)), read_header(memoryview(stream))[1])
    reader.take(reader.number("length of steps"), "steps")
    reader.number("length of a group")
    stream[reader.at] |= 1
    for decode in (astrocodec.decode, reference.decode_stream):
        with pytest.raises(CorruptError, match="65 polarisations is predicted, at most 64"):
            decode(bytes(stream))
