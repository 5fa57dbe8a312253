"""PixelCNN++: what its windows see, its whole numbers pixel by pixel and at once, and the published size."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import torch
from sloping_patches import patches

from astrocodec.learning.train_lossless import lossless_recipe
from astrocodec.lossless.pixel_format import PixelFormat
from astrocodec.lossless.pixelcnn import PixelCnnSystem
from astrocodec.lossless.pixelcnn_maps import gate_shares
from astrocodec.lossless.pixelcnn_network import PixelCnnNetwork
from astrocodec.lossless.pixelcnn_parameters import words_of
from astrocodec.lossless.pixelcnn_plan import SIZES, Plan
from astrocodec.lossless.window_conv import RIGHT, Window
from astrocodec.lossy.weights import load_weights


def network_of(size: str, form: PixelFormat) -> PixelCnnNetwork:
    torch.manual_seed(3)
    made = lossless_recipe("pixelcnn", form, {"size": size}).network
    assert isinstance(made, PixelCnnNetwork)
    with torch.no_grad():  # it is to say something
        made.layer("out.0").conv.weight.mul_(20)
    return made


def system_of(size: str, form: PixelFormat, folder: Path) -> PixelCnnSystem:
    recipe = lossless_recipe("pixelcnn", form, {"size": size})
    return PixelCnnSystem(load_weights(recipe.save(network_of(size, form), folder)), "cpu", 8)


def test_windows() -> None:
    assert RIGHT.mask().tolist() == [[1, 1], [1, 1]]
    assert Window(1, 2, 1, itself=False).mask().tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert Window(1, 1, 1, here=False).mask().tolist() == [[1, 1, 1]]


@pytest.mark.parametrize("form", [PixelFormat("words"), PixelFormat("bytes", 2)], ids=str)
def test_a_pixel_depends_on_those_before_it_only(form: PixelFormat) -> None:
    """On grids of half the side too; a word that changes is seen by some pixel behind it."""
    network = network_of("deep", form)
    x = torch.from_numpy(patches(form, 1, 32896)).float() - form.alphabet // 2
    words = words_of(x.movedim(1, -1), form).movedim(-1, 1)
    with torch.no_grad():
        before = network.maps(words)
        for y, column in ((0, 0), (9, 13), (16, 31)):
            other = words.clone()
            other[:, :, y, column] += 900
            after = network.maps(other)
            for name in ("out", "ways"):
                changed = (before[name] != after[name]).any(1)[0].flatten()
                assert changed[32 * y + column + 1 :].any()
                assert not changed[: 32 * y + column + 1].any()


@pytest.mark.parametrize("form", [PixelFormat("words"), PixelFormat("bytes", 2)], ids=str)
def test_pixel_by_pixel_is_as_at_once(form: PixelFormat, tmp_path: Path) -> None:
    """On several grids, with several channels; the stream is as long as it should be, and learning said so."""
    system, x = system_of("deep", form, tmp_path), patches(form, level=32896)
    data, bits = system.encode_patches(x), system.bits(x)
    assert (system.decode_patches(memoryview(data), len(x)) == x).all()
    assert 0 <= 8 * len(data) - bits.sum() <= 96  # a state, and what the last word is not full of
    with torch.no_grad():
        learned = network_of("deep", form).bits(torch.from_numpy(x))
    assert learned.numpy() == pytest.approx(bits, rel=2e-2)


def test_gates_are_the_logistic_function() -> None:
    shares = gate_shares()
    exact = 256 / (1 + np.exp(-np.arange(-255, 256) / 32))
    assert np.abs(shares.numpy() - exact).max() < 1
    assert shares[255] == 128


def test_lockstep_is_far_faster_than_all_maps_for_each_pixel(tmp_path: Path) -> None:
    """What a decoder without kept maps spends on a pixel, times all pixels, against what ours spends on all."""
    form = PixelFormat("words")
    system, x = system_of("tiny", form, tmp_path), patches(form, 48, 32896)
    data = system.encode_patches(x)
    start = time.process_time()
    system.decode_patches(data, len(x))
    ours = time.process_time() - start
    start = time.process_time()
    system.bits(x)
    assert 1024 * (time.process_time() - start) > 20 * ours


def test_published_size_builds() -> None:
    """As the paper's: five blocks of 160 filters on each of three grids, 12 logistics."""
    form = PixelFormat()
    with torch.device("meta"):
        network = PixelCnnNetwork(SIZES["published"], form)
    assert sum(p.numel() for p in network.parameters()) > 20_000_000
    steps = Plan(SIZES["published"], form).steps
    assert sum(step.kind == "gated" for step in steps) == 2 * (15 + 17)
