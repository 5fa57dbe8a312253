"""Scales that symbols correct, mixtures of normal tables, latents without context, counts to begin with."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("constriction")

import torch

import astrocodec
from astrocodec.learning.count_sizes import counted
from astrocodec.lossy import hyperprior_network, hyperprior_weights
from astrocodec.lossy.adapted_scales import SizeCounts, band_of
from astrocodec.lossy.exchange import Exchange
from astrocodec.lossy.factorized_latents import rooted, unrooted
from astrocodec.lossy.gaussian_tables import MEAN_UNIT, UNITY_SCALE
from astrocodec.lossy.lattice_coder import encode_lattice
from astrocodec.lossy.mixed_tables import MIXED, class_costs, class_masses
from astrocodec.lossy.rooted_planes import RootedPlanes
from astrocodec.lossy.weights import load_weights, save_weights


@pytest.mark.parametrize("number", [0, 80, 160, 19, 99, 179, 110, 239])
def test_tables_are_whole_and_even(number: int) -> None:
    """Frequencies of at least 1 and a sum of 2^24; a symbol and its negative alike, but for rounding."""
    first, frequencies = MIXED.table(number)
    assert frequencies.sum() == 1 << 24
    assert frequencies.min() >= 1
    assert 2 * -first + 1 == len(frequencies) - 1
    assert np.abs(frequencies[:-1] - frequencies[-2::-1]).max() <= 2


def test_costs_are_logarithms_rounded_up() -> None:
    """Of shares of 2^24, in 1/64 bits, from whole numbers alone."""
    costs, masses = class_costs(), np.maximum(class_masses(), 256)
    exact = 64 * (24 - np.log2(masses))
    assert ((costs - exact > -1e-9) & (costs - exact < 1 + 1e-9)).all()


@pytest.mark.parametrize("wrong", [-9, 12])
def test_wrong_scales_cost_little(wrong: int) -> None:
    """Of scales that are wrong by up to two octaves few bits are lost, of many; and the symbols come back."""
    symbols = np.rint(np.random.default_rng(1).normal(0, 2, (6, 32, 32)))
    sizes = []
    for scale in (UNITY_SCALE + 6, UNITY_SCALE + 6 + wrong):
        scales, zeros, worth = np.full(symbols.shape, scale), np.zeros(symbols.shape, np.int64), np.zeros(6)
        out = Exchange()
        given = SizeCounts({}).begin("sizes", out, worth).planes(symbols, zeros, scales)
        back = SizeCounts({}).begin("sizes", Exchange(out.to_bytes()), worth).planes(None, zeros, scales)
        assert np.array_equal(given, MEAN_UNIT * symbols)
        assert np.array_equal(back, given)
        sizes.append(len(out.to_bytes()))
    unheeded = encode_lattice(symbols.astype(np.int64), np.full(symbols.shape, UNITY_SCALE + 6 + wrong))
    assert len(unheeded) > 1.2 * sizes[0]
    assert sizes[1] < 1.08 * sizes[0]


def test_bands_double() -> None:
    """Channels 2^n - 1 to 2^(n+1) - 2 are a band; the last holds the rest."""
    assert [int(band_of(np.array(2**n - 1))) for n in range(10)] == [0, 1, 2, 3, 4, 5, 6, 7, 7, 7]
    assert [int(band_of(np.array(2**n - 2))) for n in range(1, 10)] == [0, 1, 2, 3, 4, 5, 6, 7, 7]


def test_the_cosine_transform_of_means_keeps_errors() -> None:
    """It is orthonormal, and comes back."""
    y = np.random.default_rng(2).normal(3, 1, (5, 8, 12))
    roots, rest = rooted(y)
    assert np.allclose(unrooted(roots, rest), y)
    assert np.isclose((roots**2).sum() + (rest**2).sum(), (y**2).sum())
    assert np.abs(roots[1:16]).mean() < np.abs(roots[0]).mean() / 4


def test_means_that_go_on_cost_little() -> None:
    """Of the first two channels; what comes back is within half a coefficient's step, on both sides the same."""
    y = np.zeros((3, 32, 32))
    y[0] = 40 + np.linspace(0, 9, 32)
    means, scales = np.zeros((2, *y.shape), np.int64)
    scales[:] = 30
    worth, planes = np.zeros(3), RootedPlanes({}, SizeCounts({}), "scale")
    out = Exchange()
    found = planes.code(out, y, means, scales, 3, worth)
    assert np.abs(found / 16 - y).max() < 2
    again = planes.code(Exchange(out.to_bytes()), None, means, scales, 3, worth)
    assert np.array_equal(found, again)
    plain = Exchange()
    SizeCounts({}).begin("sizes.scale", plain, worth).planes(y, means, scales)
    assert len(out.to_bytes()) < len(plain.to_bytes()) / 2


def test_counts_of_pictures_make_streams_shorter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all kinds, where pictures are like those that were counted."""
    monkeypatch.setenv("ASTROCODEC_MODELS", str(tmp_path))
    torch.manual_seed(4)
    network = hyperprior_network.HyperpriorNetwork(hyperprior_network.Size(8, 12, 6))
    bare = load_weights(hyperprior_weights.save(network, tmp_path))
    y, x = np.mgrid[:64, :64] / 64
    picture = (0.5 + 0.4 * np.sin(6 * x) * np.cos(5 * y))[None].astype(np.float32)
    tensors = {**bare.tensors, **counted(bare, 4 * [picture], 1)}
    assert tensors["roots.mean-scale"].shape == (8, 32)
    assert tensors["sizes.joint.near"].shape == (80, 5, 16)
    with_counts = save_weights(tensors, bare.about, "hyperprior", tmp_path)
    for kind in hyperprior_network.KINDS:
        options = {"codec": "hyperprior", "kind": kind, "quality": 4}
        stream = astrocodec.encode(picture[0], weights=with_counts, **options)
        without = astrocodec.encode(picture[0], weights=tmp_path / f"{bare.name}.safetensors", **options)
        assert len(stream) < len(without)
        assert np.abs(astrocodec.decode(stream) - picture[0]).max() < 0.2
