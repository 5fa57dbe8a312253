"""Parts of learned lossless codecs: patches, formats, logistic tables, lanes."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.lossless.lane_rans import LaneDecoder, LaneEncoder, lane_count
from astrocodec.lossless.logistic_bits import logistic_bits
from astrocodec.lossless.logistic_tables import N_SCALES, Logistics, inverse_scales, logistic_knots, mixture_weights
from astrocodec.lossless.patches import cut, differences, from_words, join, lowest, patch_count, sums, to_words
from astrocodec.lossless.pixel_format import PixelFormat, centred, centres_of, uncentred


@pytest.mark.parametrize("shape", [(5, 33, 7), (1, 1, 1), (3, 32, 64), (2, 70, 31)])
@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("symbols", ["bytes", "words"])
def test_patches_come_back(shape: tuple[int, int, int], frames: int, symbols: str) -> None:
    planes = np.random.default_rng(0).integers(0, 65536, shape).astype(np.uint16)
    assert (sums(differences(planes)) == planes).all()
    words, form = cut(planes, frames), PixelFormat(symbols, frames)
    assert words.shape == (patch_count(shape, frames), frames, 32, 32)
    centres = centres_of(words)
    x = form.to_symbols(centred(words, centres))
    assert x.shape[1] == form.channels
    assert 0 <= x.min() <= x.max() < form.alphabet
    assert (join(uncentred(form.to_words(x), centres), shape) == planes).all()


def test_patches_are_reflected() -> None:
    """Without the border itself twice."""
    assert cut(np.arange(30, dtype=np.uint16)[None, None], 1)[0, 0, 0, 28:].tolist() == [28, 29, 28, 27]


@pytest.mark.parametrize(
    ("dtype", "low"), [("i2", -(2**15)), ("u8", 2**64 - 2**16), ("i8", -(2**63)), ("u2", 0), ("i1", -128)]
)
def test_what_is_taken_off(dtype: str, low: int) -> None:
    """Integers of any width and sign, where 16 bits hold the rest."""
    high = min(low + 65535, np.iinfo(dtype).max)
    values = np.array([[low, high]], dtype)
    assert lowest(values) == low
    assert (from_words(to_words(values, low), low, values.dtype, values.shape) == values).all()
    assert lowest(np.array([low, low + 65536], "O")) is None


def test_there_are_other_formats_not() -> None:
    for wrong in ({"symbols": "bits"}, {"frames": 0}, {"frames": 9}):
        with pytest.raises(ValueError, match="found, allowed are"):
            PixelFormat(**wrong)  # type: ignore[arg-type]
    form = PixelFormat("words", 2, False)
    assert PixelFormat.of(form.about()) == form


def test_tables_are_what_the_document_says() -> None:
    """Numbers that every machine must have."""
    assert logistic_knots()[[0, 1, 64, -1]].tolist() == [2147483648, 2164260522, 3139872686, 4294967294]
    assert inverse_scales()[[0, 32, 33, 144]].tolist() == [1 << 29, 1 << 25, 30769549, 1 << 11]
    assert len(inverse_scales()) == N_SCALES


def made(n: int, alphabet: int, components: int = 3) -> tuple[Logistics, np.ndarray]:
    rng = np.random.default_rng(n)
    means = rng.integers(-500, alphabet * 32 + 500, (n, components))
    scales = rng.integers(0, N_SCALES, (n, components))
    logistics = Logistics(means, scales, mixture_weights(rng.integers(-300, 300, (n, components))), alphabet)
    return logistics, np.clip(means[:, 0] // 32 + rng.integers(-3, 4, n), 0, alphabet - 1)


@pytest.mark.parametrize("alphabet", [256, 65536])
def test_frequencies(alphabet: int) -> None:
    """Each symbol has one; they are those of the distribution."""
    logistics, _ = made(6, alphabet)
    edges = np.arange(alphabet + 1)
    found = logistics.cumulative(slice(None), np.broadcast_to(edges, (6, alphabet + 1)))
    assert (np.diff(found, axis=1) >= 1).all()
    assert found[:, [0, -1]].tolist() == [[0, 1 << 24]] * 6
    scale = 2.0 ** ((logistics.scales - 32) / 8)[:, None]
    z = ((edges - 0.5)[:, None] - logistics.means[:, None] / 32) / scale
    wanted = (logistics.weights[:, None] / 65536 / (1 + np.exp(-z.clip(-500, 500)))).sum(-1)
    wanted[:, 0], wanted[:, -1] = 0, 1
    assert np.abs(found / 2**24 - wanted).max() < 1e-4 + alphabet / 2**24


def test_bits_to_learn_from_are_those_of_the_tables() -> None:
    logistics, symbols = made(500, 256)
    coder = LaneEncoder()
    coder.put(*logistics.intervals(symbols))
    logits = np.log(logistics.weights.clip(1e-3)) * 32
    parts = (torch.from_numpy(x.astype(np.float32)) for x in (symbols, logistics.means, logistics.scales, logits))
    assert abs(float(logistic_bits(*parts, 256).sum()) / coder.bits() - 1) < 0.01


@pytest.mark.parametrize(("n", "alphabet"), [(0, 256), (1, 256), (300, 256), (300, 65536), (20000, 256)])
def test_lanes(n: int, alphabet: int) -> None:
    """Calls of any length, one lane and several, by rows and by halving."""
    logistics, symbols = made(n, alphabet, 1)
    parts = [slice(0, n // 3), slice(n // 3, n)]
    coder = LaneEncoder()
    for part in parts:
        start, frequency = logistics.intervals(symbols)
        coder.put(start[part], frequency[part])
    data = coder.to_bytes()
    assert abs(8 * len(data) - coder.bits()) <= 64 * lane_count(n) + 32
    decoder = LaneDecoder(data, n)
    for part in parts:
        call = Logistics(logistics.means[part], logistics.scales[part], logistics.weights[part], alphabet)
        assert (decoder.take(call) == symbols[part]).all()
    decoder.finish()


def test_lanes_that_no_encoder_writes() -> None:
    logistics, symbols = made(300, 256, 1)
    coder = LaneEncoder()
    coder.put(*logistics.intervals(symbols))
    data = coder.to_bytes()
    for wrong, error in ((data[:4], TruncatedError), (data[:-1], CorruptError), (bytes(8), CorruptError)):
        with pytest.raises(error):
            LaneDecoder(wrong, 300)
    with pytest.raises(TruncatedError, match="the stream is cut"):
        LaneDecoder(data[:-4], 300).take(logistics)
    decoder = LaneDecoder(data + bytes(4), 300)
    decoder.take(logistics)
    with pytest.raises(CorruptError, match="are left"):
        decoder.finish()
    with pytest.raises(ValueError, match="intervals"):
        coder.put(np.array([5]), np.array([0]))
