"""Arrays of every kind through encode and decode; damage of every kind."""

import h5py
import numpy as np
import pytest
from astropy.nddata import CCDData
from astropy.utils.masked import Masked

import astrocodec
import hdf5_filter
from astrocodec.codec import same_bits
from astrocodec.errors import AstrocodecError, FormatError, ModelNotFoundError, TruncatedError, VersionError
from astrocodec.stages.pixels import DTYPES

RNG = np.random.default_rng(7)


def frame(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    noise = RNG.normal(100, 6, shape)
    if np.dtype(dtype).kind == "b":
        return noise > 100
    return (noise + 1j * noise[::-1]).astype(dtype) if np.dtype(dtype).kind == "c" else noise.astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1,), (300,), (40, 50), (3, 20, 30), (2, 2, 9, 11)])
@pytest.mark.parametrize("order", ["<", ">"])
def test_round_trip(dtype: str, shape: tuple[int, ...], order: str) -> None:
    array = frame(shape, dtype).astype(np.dtype(dtype).newbyteorder(order))
    decoded = astrocodec.decode(astrocodec.encode(array))
    assert decoded.dtype == np.dtype(dtype)
    assert same_bits(decoded, array)


@pytest.mark.parametrize("shape", [(), (0,), (0, 5), (4, 0, 3)])
def test_no_axes_and_no_pixels(shape: tuple[int, ...]) -> None:
    array = np.zeros(shape, np.int16)
    assert same_bits(astrocodec.decode(astrocodec.encode(array)), array)


@pytest.mark.parametrize(
    "array",
    [
        np.array([[-0.0, 0.0, np.nan, np.inf, -np.inf, 1e-45, 3.4e38, -1.5]], np.float32),
        np.array([0x7FC00001, 0xFFC12345, 0x7F800001, 0x80000000], np.uint32).view(np.float32),
        RNG.integers(0, 2**64, 500, dtype=np.uint64).view(np.float64),
        np.arange(4000, dtype=np.float32).reshape(40, 100),
        np.array([-(2**63), 2**63 - 1, 0], np.int64),
        np.array([0, 2**64 - 1], np.uint64),
        np.full((50, 50), -2147483648, np.int32),
        np.where(RNG.random((64, 64)) < 0.1, -2147483648, RNG.normal(0, 30, (64, 64))).astype(np.int32),
        RNG.integers(0, 2**16, (64, 64)).astype(np.uint16),
        RNG.integers(0, 2**32, (64, 64)).astype(np.uint32),
        (RNG.normal(1000, 20, (64, 64)).astype(np.int64) << 20).astype(np.int64),
        (RNG.normal(1000, 20, (64, 64)).astype(np.uint16) << 4).astype(np.uint16),
        np.rint(181.5 * RNG.integers(20, 90, (64, 64))).astype(np.int16),
        RNG.poisson(0.02, (64, 64)).astype(np.int16),
        np.where(np.arange(64) == 9, 65535, RNG.normal(500, 4, (64, 64))).astype(np.uint16),
    ],
    ids=lambda a: f"{a.dtype}{a.shape}",
)
def test_extremes(array: np.ndarray) -> None:
    stream = astrocodec.encode(array, verify=True)
    assert same_bits(astrocodec.decode(stream), array)
    assert len(stream) <= array.nbytes + 64


@pytest.mark.parametrize(
    "array",
    [
        np.array([[0x7E01, 0xFE55, 0x7C00, 0x8000], [1, 0x8001, 0x3C00, 0xFBFF]], np.uint16).view("f2"),
        np.array([2, 1, 0, 255], np.uint8).view(bool),
        np.array([complex(np.nan, -0.0), complex(-0.0, np.inf), 1e-45 - 1e30j], np.complex64),
        np.array([[2.0**31 - 1 + 5j, -(2.0**31) + 1]], np.complex128),
        np.arange(-2048, 2048, 8).astype("f2"),
    ],
    ids=lambda a: str(a.dtype),
)
def test_every_bit_of_the_other_types(array: np.ndarray) -> None:
    """NaN payloads, signs of zero, bytes of booleans that are neither 0 nor 1; repeated until it is modelled."""
    for many in (array, np.tile(array, (60, 40)) if array.ndim > 1 else np.tile(array, 3000)):
        stream = astrocodec.encode(many, verify=True)
        assert same_bits(astrocodec.decode(stream), many)
    assert astrocodec.inspect(stream).codec == "causal"


def test_strided_views() -> None:
    whole = frame((60, 80), "u2")
    for view in (
        whole[::2, ::3],
        whole.T,
        whole[::-1, ::-1],
        np.asfortranarray(whole),
        np.broadcast_to(whole[0], (5, 80)),
    ):
        assert same_bits(astrocodec.decode(astrocodec.encode(view)), np.ascontiguousarray(view))


def test_rescaled_integers_cost_no_more_than_their_origin() -> None:
    k = np.clip(RNG.normal(60, 2, (200, 200)), 0, 255).astype(np.uint8)
    plain, rescaled = (len(astrocodec.encode(a)) for a in (k, np.rint(181.5 * k).astype(np.int16)))
    assert rescaled < plain * 1.02 + 64


def test_sparse_counts_are_small() -> None:
    counts = RNG.poisson(0.01, (512, 512)).astype(np.int16)
    assert 8 * len(astrocodec.encode(counts)) / counts.size < 0.1


def test_constant_pieces_are_tiny() -> None:
    assert len(astrocodec.encode(np.full((2048, 2048), 1234, np.uint16))) < 160


def test_threads_and_pieces_give_the_same_pixels() -> None:
    array = frame((300, 400), "u2")
    one = astrocodec.encode(array, piece_shape=(64, 100))
    assert one == astrocodec.encode(array, piece_shape=(64, 100), workers=2)
    assert same_bits(astrocodec.decode(one, workers=2), array)


def test_out() -> None:
    array = frame((30, 40), "i4")
    stream, out = astrocodec.encode(array), np.empty((30, 40), ">i4")
    assert astrocodec.decode(stream, out=out) is out
    assert (out == array).all()
    with pytest.raises(ValueError, match="out has dtype"):
        astrocodec.decode(stream, out=np.empty((30, 41), "i4"))


def test_inspect() -> None:
    stream = astrocodec.encode(frame((30, 40), "f4"))
    info = astrocodec.inspect(stream)
    assert (info.version, info.codec, info.codec_id, info.exact) == (1, "causal", 1, True)
    assert (info.checksum, info.shape, info.dtype) == ("elements", (30, 40), np.dtype("f4"))
    assert (info.n_bytes, info.bits_per_pixel) == (len(stream), 8 * len(stream) / 1200)
    assert (info.piece_shape, info.model_fingerprint) == ((30, 40), astrocodec.load_model().fingerprint)
    assert [(section.id, section.name, section.is_critical) for section in info.sections] == [(127, "codec", True)]
    stored = astrocodec.inspect(astrocodec.encode(np.zeros(0, ">c8")))
    assert (stored.codec, stored.codec_id, stored.dtype, stored.shape) == ("stored", 0, np.dtype("c8"), (0,))


@pytest.mark.parametrize(
    ("shape", "wanted", "found"),
    [
        ((500, 6, 6), None, (3000, 6)),
        ((3, 1200, 700), None, (600, 700)),
        ((9, 100, 200), (256, 256), (200, 200)),
        ((9, 100, 200), (64, 90), (64, 90)),
        ((9, 100, 200), (5000, 5000), (900, 200)),
        ((2, 100, 200), (150, 300), (100, 200)),
        ((70000, 3), None, (35000, 3)),
        ((70000, 3), (1 << 20, 9), (65536, 3)),
    ],
)
def test_pieces_hold_whole_planes_or_parts_of_one(
    shape: tuple[int, ...], wanted: tuple[int, int] | None, found: tuple[int, int]
) -> None:
    array = RNG.poisson(50, shape).astype(np.uint16)
    stream = astrocodec.encode(array, piece_shape=wanted)
    assert astrocodec.inspect(stream).piece_shape == found
    assert same_bits(astrocodec.decode(stream, workers=2), array)


def test_small_planes_cost_no_headers() -> None:
    cube = RNG.normal(300, 5, (500, 6, 6)).astype(np.uint16)
    assert len(astrocodec.encode(cube)) < 1.02 * len(astrocodec.encode(cube.reshape(3000, 6)))


def test_a_self_contained_stream_needs_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    image = RNG.normal(500, 5, (300, 400)).astype(np.uint16)
    tuned = astrocodec.tune(image, effort=1)
    for model in (astrocodec.load_model(), tuned):
        stream = astrocodec.encode(image, model, self_contained=True)
        inside = next(section for section in astrocodec.inspect(stream).sections if section.name == "model")
        assert inside.n_bytes == len(model.to_bytes(whole=True)) > 30000
        with monkeypatch.context() as patch:
            patch.setattr("astrocodec.model.installed_by_fingerprint", lambda *a, **k: None)
            assert same_bits(astrocodec.decode(stream), image)
            with pytest.raises(ModelNotFoundError):
                astrocodec.decode(astrocodec.encode(image, model, embed_model=False))
    with pytest.raises(ValueError, match="choose one"):
        astrocodec.encode(image, embed_model=False, self_contained=True)


@pytest.mark.parametrize("bad", [np.zeros(3, "c32"), np.array(["a"]), np.zeros(2, "f16"), np.zeros(2, "M8[s]")])
def test_unsupported_dtypes(bad: np.ndarray) -> None:
    with pytest.raises(TypeError, match="allowed are"):
        astrocodec.encode(bad)


def test_bad_options() -> None:
    array = np.zeros((4, 4), np.uint8)
    for piece_shape in ((0, 4), (4,), (1 << 14, 1 << 13)):
        with pytest.raises(ValueError, match="piece_shape"):
            astrocodec.encode(array, piece_shape=piece_shape)
    with pytest.raises(ValueError, match="workers"):
        astrocodec.encode(array, workers=0)
    with pytest.raises(ModelNotFoundError, match="no model 'nowhere'"):
        astrocodec.encode(array, model="nowhere")


@pytest.fixture(scope="module", params=["u2", "f4", "stored"])
def stream(request: pytest.FixtureRequest) -> bytes:
    if request.param == "stored":
        return astrocodec.encode(RNG.integers(0, 2**64, 40, dtype=np.uint64))
    return astrocodec.encode(frame((24, 31), request.param))


def test_every_prefix_is_refused(stream: bytes) -> None:
    for end in range(len(stream)):
        with pytest.raises(FormatError):
            astrocodec.decode(stream[:end])
    with pytest.raises(TruncatedError):
        astrocodec.decode(stream[:40])


def test_trailing_bytes_are_refused(stream: bytes) -> None:
    for more in (b"\0", b"abcd"):
        with pytest.raises(FormatError):
            astrocodec.decode(stream + more)


def test_no_flipped_bit_goes_unseen(stream: bytes) -> None:
    for position in range(8 * len(stream)):
        damaged = bytearray(stream)
        damaged[position // 8] ^= 1 << position % 8
        with pytest.raises((AstrocodecError, MemoryError)):
            astrocodec.decode(bytes(damaged))


def test_newer_versions_say_so(stream: bytes) -> None:
    with pytest.raises(VersionError, match="upgrade astrocodec"):
        astrocodec.decode(stream[:2] + b"\x02" + stream[3:])


def test_other_data_is_no_stream() -> None:
    with pytest.raises(FormatError, match="does not begin with ac0d"):
        astrocodec.decode(b"SIMPLE  =                    T")


def test_masks_are_not_lost_unnoticed() -> None:
    """A stream has no place for them."""
    with pytest.raises(TypeError, match="mask would be lost"):
        astrocodec.encode(np.ma.masked_array([1, 2], [0, 1]))
    assert astrocodec.decode(astrocodec.encode(np.ma.masked_array([1, 2], [0, 0]))).tolist() == [1, 2]


def test_masks_of_lists_and_of_astropy_are_not_lost_unnoticed() -> None:
    """NumPy's own conversion drops them."""
    mask = np.eye(2, 3, dtype=bool)
    rows = [np.ma.masked_array([1, 2], [0, 1]), np.ma.masked_array([1, 2], [0, 0])]
    for data in (rows, (rows,), Masked(np.ones((2, 3)), mask), CCDData(np.ones((2, 3)), unit="adu", mask=mask)):
        with pytest.raises(TypeError, match="mask would be lost"):
            astrocodec.encode(data)
    assert astrocodec.decode(astrocodec.encode(CCDData(np.ones((2, 3)), unit="adu"))).tolist() == [[1, 1, 1]] * 2
    assert astrocodec.decode(astrocodec.encode([rows[1], (3, 4)])).tolist() == [[1, 2], [3, 4]]


def test_masks_of_lazy_arrays_are_not_lost_unnoticed() -> None:
    """Those of Dask have their mask once they are computed."""

    class Lazy:
        def __init__(self, mask: bool) -> None:
            self.mask_of_all = mask

        def compute(self) -> np.ndarray:
            return np.ma.masked_array([1.0, 2.0], self.mask_of_all)

        def __array__(self, *_: object, **__: object) -> np.ndarray:
            return np.array([1.0, 2.0])

    for data in (Lazy(True), [Lazy(False), Lazy(True)]):
        with pytest.raises(TypeError, match="mask would be lost"):
            astrocodec.encode(data)
        with h5py.File.in_memory() as file, pytest.raises(TypeError, match="mask would be lost"):
            hdf5_filter.write_dataset(file, "x", data)
    assert astrocodec.decode(astrocodec.encode([Lazy(False)])).tolist() == [[1, 2]]


@pytest.mark.parametrize(
    "data",
    [
        [np.array([2**63 + 1], "u8"), np.array([-1], "i8")],
        [[2**53 + 1], [0.5]],
        ([np.int64(2**62), 1j],),
        [-1, 2**63],
    ],
    ids=str,
)
def test_integers_of_lists_are_not_rounded_unnoticed(data: object) -> None:
    with pytest.raises(TypeError, match="integers of a list would become"):
        astrocodec.encode(data)
    with h5py.File.in_memory() as file, pytest.raises(TypeError, match="integers of a list would become"):
        hdf5_filter.write_dataset(file, "x", data)
    assert astrocodec.decode(astrocodec.encode([[2**53], [0.5]])).tolist() == [[2**53], [0.5]]


@pytest.mark.parametrize("axes", [33, 64])
def test_more_axes_than_a_stream_has(axes: int) -> None:
    with pytest.raises(ValueError, match=f"{axes} axes found, at most 32 allowed"):
        astrocodec.encode(np.zeros((1,) * axes))
    assert astrocodec.decode(astrocodec.encode(np.zeros((1,) * 32))).shape == (1,) * 32
