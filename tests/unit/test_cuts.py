"""Cuts: where the encoder finds them, what they save, and that C and Python agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import astrocodec
import fits_tiles
import hdf5_filter
from astrocodec import Model, _native
from astrocodec.analysis.bits.bits_map import bits_map
from astrocodec.errors import FormatError
from astrocodec.stages import reference
from astrocodec.stages.cuts import NO_CUTS, Cuts, find_cuts, spans
from astrocodec.stages.planes import Planes, choose_pieces
from astrocodec.stages.widths import Choice

MODEL = astrocodec.load_model()


def encode_one(model: Model, samples: NDArray[np.uint16], thorough: bool, choice: Choice | None) -> bytes:
    return _native.encode_piece(_native.native_model(model), samples, thorough, choice)


def noise(height: int, width: int, sigma: float = 1) -> NDArray[np.uint16]:
    return np.random.default_rng(7).normal(994, sigma, (height, width)).round().astype(np.uint16)


def echelle(height: int = 300, width: int = 280) -> NDArray[np.uint16]:
    """As an echelle camera gives it: a dead column, a hot one, and noise."""
    frame = noise(height, width)
    frame[:, :2] = 0, 5405
    return frame


@st.composite
def broken(draw: st.DrawFn) -> NDArray[Any]:
    """Noise with offsets, dead and hot rows and columns, of several types, in one plane or a few."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.tuples(st.integers(1, 3), st.integers(14, 120), st.integers(14, 120)))
    values = rng.normal(2000, draw(st.sampled_from([0.3, 2, 60])), shape)
    for axis in draw(st.lists(st.sampled_from([1, 2]), max_size=5)):
        start = rng.integers(shape[axis])
        part = values.swapaxes(axis, 2)[..., start : start + draw(st.sampled_from([1, 2, 300]))]
        part += rng.integers(-1900, 9000)
    scale = draw(st.sampled_from([("u2", 1), ("i2", 1), ("f4", 1), ("i4", 5000), ("f8", 0.37), ("c8", 2)]))
    if scale[0] != "f8":  # that of integers times a step is told by them, which the reference does not look for
        values = values.round()
    return (values.squeeze() * scale[1]).astype(scale[0])


def hinted() -> st.SearchStrategy[Cuts]:
    """Hints in any order, some twice, some beyond the plane."""
    places = st.lists(st.integers(0, 130) | st.just(2**40), max_size=20).map(tuple)
    return st.builds(Cuts, places, places)


@settings(deadline=None, max_examples=60)
@given(broken(), st.sampled_from([None, (40, 50), (33, 7)]), st.booleans(), hinted())
def test_both_cut_alike(array: NDArray[Any], piece_shape: tuple[int, int] | None, thorough: bool, hints: Cuts) -> None:
    options: dict[str, Any] = {"piece_shape": piece_shape, "thorough": thorough}
    stream = astrocodec.encode(array, **options, cut_hints=hints)
    assert stream == reference.encode_stream(array, [(MODEL, b"")], **options, hints=hints, encode_one=encode_one)
    np.testing.assert_array_equal(astrocodec.decode(stream), array)
    found = bits_map(stream)
    # A state of 32 bits rounds away some thousandths of a bit for each symbol, more than 1e-3 of likely ones.
    rounded = array.size / 256
    assert found.bits.sum(dtype="f8") == pytest.approx(found.payload_bits, rel=1e-3, abs=16 * found.pieces + rounded)


@given(st.tuples(*[st.lists(st.integers(1, 2**40), unique=True, max_size=255).map(sorted).map(tuple)] * 2))
def test_sections_come_back(places: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    cuts = Cuts(*places)
    if any(cuts):
        assert Cuts.read(cuts.to_bytes(), 2**41, 2**41) == cuts
    assert [span.stop for span in spans(2**41, cuts.rows)] == [*cuts.rows, 2**41]


def test_bad_columns_cost_what_they_hold_and_nothing_beside_them() -> None:
    frame = echelle()
    stream, without = astrocodec.encode(frame), astrocodec.encode(frame[:, 2:])
    assert astrocodec.inspect(stream).cuts == Cuts((), (1, 2))
    assert len(stream) < len(without) + 90, "a set of values, a section, two constant pieces"
    assert bits_map(stream).bits[:, 2:].sum() == bits_map(without).bits.sum()
    assert len(astrocodec.encode(np.ascontiguousarray(frame.T))) < len(without) + 90


@pytest.mark.parametrize("piece_shape", [None, (512, 512), (200, 200)])
def test_two_bad_columns_cost_the_others_less_than_a_thousandth(piece_shape: tuple[int, int] | None) -> None:
    frame = echelle(500, 600)
    streams = [astrocodec.encode(part, piece_shape=piece_shape) for part in (frame, frame[:, 2:])]
    others = [bits_map(stream).bits[:, -598:].sum(dtype="f8") for stream in streams]
    assert others[0] < 1.001 * others[1]
    assert len(streams[0]) < 1.002 * len(streams[1])


@pytest.mark.parametrize("value", [0, 5405, 60000])
@pytest.mark.parametrize("tuned", [False, True])
def test_an_absurd_first_sample_costs_its_row_little(value: int, tuned: bool) -> None:
    clean = noise(300, 300, 3)
    clean[40] = 1500  # so that no set of values makes the absurd one a near one
    model = astrocodec.tune(clean, effort=1) if tuned else MODEL
    frame, rows = clean.copy(), np.arange(7, 300, 29)
    frame[rows, 0] = value
    bits = [bits_map(astrocodec.encode(array, model)).bits for array in (frame, clean)]
    more = (bits[0] - bits[1])[:, 1:].sum(dtype="f8") / rows.size
    assert more < 150, "bits of the other pixels, for each such sample; some 25 of them see it"


@pytest.mark.parametrize("value", [0, 60000])
@pytest.mark.parametrize("rows", [1, 3])
def test_absurd_first_rows_cost_what_they_hold(value: int, rows: int) -> None:
    clean = noise(300, 300, 3)
    frame = clean.copy()
    frame[:rows] = value
    assert len(astrocodec.encode(frame)) < len(astrocodec.encode(clean)) + 60
    frame[:rows] = np.random.default_rng(1).integers(0, 65536, (rows, 300))
    assert len(astrocodec.encode(frame)) < len(astrocodec.encode(clean[rows:])) + 2 * 300 * rows + 60


def four_amplifiers(height: int, width: int) -> NDArray[np.uint16]:
    """Quarters of different levels: across each border half of the steps go up and the others down."""
    frame = noise(height, width, 2)
    frame[: height // 2, : width // 2] += 100
    frame[height // 2 :, width // 2 :] += 90
    return frame


@pytest.mark.parametrize("thorough", [False, True])
def test_borders_of_four_amplifiers_are_found(thorough: bool) -> None:
    info = astrocodec.inspect(astrocodec.encode(four_amplifiers(400, 380), thorough=thorough))
    assert info.cuts == Cuts((200,), (190,))


def test_a_model_that_saw_no_border_meets_one() -> None:
    """Weights that were fitted where no break was go far astray behind one."""
    quarter = noise(400, 400, 2)
    model = astrocodec.tune(quarter)
    size = len(astrocodec.encode(four_amplifiers(800, 800), model, piece_shape=(512, 512)))
    assert size < 1.02 * 4 * len(astrocodec.encode(quarter, model))


def test_an_amplifier_border_within_a_piece_is_cut() -> None:
    frame = noise(400, 300)
    frame[:, 130:] += 200
    frame[290:] += 30000
    info = astrocodec.inspect(astrocodec.encode(frame))
    assert (info.cuts, info.piece_shape) == (Cuts((290,), (130,)), (290, 170))


@pytest.mark.parametrize("shape", [(15, 400), (400, 15)])
def test_narrow_planes_are_not_looked_at(shape: tuple[int, int]) -> None:
    assert find_cuts(echelle(*shape), shape, lambda part: bytes(part.size**2), thorough=True) == NO_CUTS


def test_a_cut_must_pay() -> None:
    """Breaks that the rows' own noise hides are none; of others the coder decides."""
    faint = noise(200, 200, 30)
    faint[:, 100:] += 40
    tried: list[tuple[int, ...]] = []
    assert find_cuts(faint, faint.shape, lambda part: bytes(tried.append(part.shape) or 9), thorough=True) == NO_CUTS
    assert not tried
    assert find_cuts(echelle(), (300, 280), lambda part: bytes(part.size), thorough=True) == NO_CUTS
    assert find_cuts(echelle(), (300, 280), lambda part: bytes(part.size**2), thorough=True) == Cuts((), (1, 2))


@pytest.mark.parametrize(
    ("shape", "rows", "count"), [((800, 300), 128, 6), ((400, 300), 78, 6), ((218, 300), 42, 3), ((60, 300), 32, 3)]
)
def test_the_largest_breaks_are_tried_from_the_right(shape: tuple[int, int], rows: int, count: int) -> None:
    """Six of them; of a small plane three, in fewer rows, so that trials take no longer than its coding."""
    frame = noise(*shape) + (np.arange(300, dtype=np.uint16) // 30 * (100 + np.arange(300, dtype=np.uint16)))
    tried: list[tuple[int, ...]] = []
    find_cuts(frame, shape, lambda part: bytes(tried.append(part.shape) or 9), thorough=True)
    assert tried == [(rows, width) for width in (62, 32, 30, *[64, 32, 32] * (count - 1))]


def read_out() -> NDArray[np.uint16]:
    """A noisy image and a quiet overscan of the same level: no step tells where one ends."""
    frame = noise(400, 500, 40)
    frame[:, 440:] = noise(400, 60, 2)
    return frame


def test_a_hint_is_tried_where_no_step_tells_of_a_break() -> None:
    frame, hints = read_out(), Cuts((), (440,))
    assert find_cuts(frame, frame.shape, lambda part: bytes(part.size**2), thorough=True) == NO_CUTS
    stream, hinted = (astrocodec.encode(frame, cut_hints=told) for told in (NO_CUTS, hints))
    assert astrocodec.inspect(stream).cuts == NO_CUTS
    assert astrocodec.inspect(hinted).cuts == hints
    assert len(hinted) < len(stream)
    even = noise(400, 500)
    assert astrocodec.encode(even, cut_hints=hints) == astrocodec.encode(even), "a hint that does not pay"


def test_sections_of_a_header_are_hints(tmp_path: Path) -> None:
    header = fits.Header({"BIASSEC": "[441:500,1:400]", "DATASEC": "[1:440,1:400]", "DETSEC": "[5001:5440,1:400]"})
    fits.writeto(tmp_path / "a.fits", read_out().view(np.int16), header)
    for shape, tile, column in ((None, 0, 440), ((300, 250), 1, 190)):
        fits_tiles.compress(tmp_path / "a.fits", tmp_path / "b.fits", tile_shape=shape, tune=False, overwrite=True)
        with fits.open(tmp_path / "b.fits", disable_image_compression=True) as opened:
            stream = opened[1].data["COMPRESSED_DATA"][tile].tobytes()
        assert astrocodec.inspect(stream).cuts == Cuts((), (column,))


def test_the_damaged_piece_is_named_by_its_place() -> None:
    stream = bytearray(astrocodec.encode(echelle(), piece_shape=(128, 512)))
    assert astrocodec.inspect(stream).cuts == Cuts((), (1, 2))
    stream[-5] ^= 1
    with pytest.raises(FormatError, match=r"piece 8 \(plane 0, row 256, column 2\), byte \d+: "):
        astrocodec.decode(stream)
    with pytest.raises(FormatError, match=r"piece 8 \(plane 0, row 256, column 2\): "):
        reference.decode_stream(memoryview(stream))


def test_whole_files_come_back(tmp_path: Path) -> None:
    frame = echelle().view(np.int16)
    fits.writeto(tmp_path / "a.fits", frame)
    fits_tiles.compress(tmp_path / "a.fits", tmp_path / "a.ac.fits", tune=False, verify=True)
    fits_tiles.decompress(tmp_path / "a.ac.fits", tmp_path / "b.fits")
    assert (tmp_path / "b.fits").read_bytes() == (tmp_path / "a.fits").read_bytes()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("x", data=frame, chunks=frame.shape, compression=hdf5_filter.AstroCodec())
        assert astrocodec.inspect(dataset.id.read_direct_chunk((0, 0))[1]).cuts == Cuts((), (1, 2))
        np.testing.assert_array_equal(dataset[...], frame)


def test_a_break_is_more_than_twice_the_usual_step_of_every_eighth_line() -> None:
    frame = np.full((24, 60), 500, np.uint16)
    frame[::8, ::2] += 10
    tried: list[tuple[int, ...]] = []
    for height in (20, 21):
        frame[:, 30:] = frame[:, :30] + height
        find_cuts(frame, frame.shape, lambda part: bytes(tried.append(part.shape) or 9), thorough=True)
    assert tried == [(24, 60), (24, 30), (24, 30)]


def test_planes_with_cuts_share_no_piece() -> None:
    assert choose_pieces(Planes(9, 100, 120)) == (900, 0)
    assert choose_pieces(Planes(9, 100, 120), Cuts((), (7,))) == (0, 113)
