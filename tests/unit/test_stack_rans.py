"""The stack: what is put last is taken first, draws come back, and normal tables are those of the distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest

from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.lossless.logistic_tables import Logistics
from astrocodec.lossless.normal_tables import Normals
from astrocodec.lossless.stack_rans import StackCoder, first_words, lanes_of


def normals(means: np.ndarray, index: int = 48, alphabet: int = 65) -> Normals:
    """Of a scale of four symbols, unless another is said."""
    return Normals(means[:, None], np.full((len(means), 1), index), np.full((len(means), 1), 1 << 16), alphabet)


def test_normal_tables() -> None:
    """Frequencies are those of the normal distribution, of an alphabet of any size; ends get what lies beyond."""
    symbols = np.arange(65)
    found = normals(np.full(65, 32 * 32 + 11)).intervals(symbols)[1] / 2**24
    edges = [(s - 0.5 - 32 - 11 / 32) / 4 for s in range(66)]
    needed = np.diff([0, *(0.5 * (1 + math.erf(e / math.sqrt(2))) for e in edges[1:-1]), 1])
    assert np.abs(found - needed).max() < 1e-5
    wide = normals(np.array([32 * 70000]), 144, 200_000).cumulative(slice(None), np.array([[0, 70000, 200_000]]))
    assert wide[0, 0] == 0
    assert wide[0, 2] == 1 << 24
    assert abs(wide[0, 1] / 2**24 - 0.5) < 0.01


def test_bits_back() -> None:
    """A latent that is drawn, and paid for with its own bits, costs nothing but what was drawn at first."""
    rng = np.random.default_rng(0)
    means = rng.integers(600, 1400, 3000)
    coder = StackCoder(16)
    first = coder.to_bytes()
    drawn = coder.take(normals(means))
    assert abs((32 * drawn - means).std() / 128 - 1) < 0.05
    assert abs(8 * (coder.first_bytes - 64) / (3000 * 4.05) - 1) < 0.05  # log2(4 sqrt(2 pi e)) bits
    coder.put(normals(means), drawn)
    assert coder.to_bytes()[:128] == first
    reader = StackCoder(16, coder.to_bytes())
    reader.finish()


def test_a_decoder_goes_the_other_way() -> None:
    """And finds the first words at the end; symbols of calls of any length come back."""
    rng = np.random.default_rng(1)
    coder, done = StackCoder(16), []
    for count in (1, 100, 17, 2000):
        pixels, table = rng.integers(0, 256, count), rng.integers(0, 8192, count)
        logistics = Logistics.single(table, np.full(count, 90), 256)
        latents = coder.take(normals(table % 2048))
        coder.put(logistics, pixels)
        done.append((logistics, pixels, table, latents))
    data = coder.to_bytes()
    reader = StackCoder(16, data)
    for logistics, pixels, table, latents in reversed(done):
        assert (reader.take(logistics) == pixels).all()
        reader.put(normals(table % 2048), latents)
    reader.finish()
    assert len(data) % 4 == 0


def test_damage() -> None:
    """Cut bytes, bytes too many, and bits that do not come back."""
    pixels = np.arange(2000) % 256
    logistics = Logistics.single(np.zeros(2000, np.int64), np.full(2000, 90), 256)
    coder = StackCoder(lanes_of(1))
    coder.put(logistics, pixels)
    data = coder.to_bytes()
    for cut, error in ((data[:100], TruncatedError), (data[:-2], CorruptError), (bytes(128), CorruptError)):
        with pytest.raises(error):
            StackCoder(16, cut)
    with pytest.raises(TruncatedError, match="cut"):
        StackCoder(16, data[:-8]).take(logistics)
    for changed in (data[:200] + bytes([data[200] ^ 1]) + data[201:], data + bytes(4)):
        reader = StackCoder(16, changed)
        reader.take(logistics)
        with pytest.raises(CorruptError, match="do not come back"):
            reader.finish()


def test_first_words_look_random() -> None:
    words = first_words(0, 1 << 14)
    assert (words == np.concatenate([first_words(0, 5), first_words(5, (1 << 14) - 5)])).all()
    assert len(np.unique(words)) > (1 << 14) - 5
    assert abs(np.unpackbits(words.astype(np.uint32).view(np.uint8)).mean() - 0.5) < 0.005
