"""VDM: its noise, its bound, its whole numbers, and the published size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import torch
from sloping_patches import network_of, patches

import astrocodec
from astrocodec.errors import CorruptError, FormatError
from astrocodec.inspection import codec_of
from astrocodec.lossless.pixel_format import PixelFormat
from astrocodec.lossless.vdm import VdmSystem, network_tensors, restepped
from astrocodec.lossless.vdm_levels import FINE, MISSED, REACH, levels_of
from astrocodec.lossless.vdm_network import RATIO, SIZES, Size, VdmNetwork
from astrocodec.lossless.vdm_noise import Noise, Schedule
from astrocodec.lossy.weights import Weights, save_weights

FEW = Size(**{**SIZES["tiny"].about(), "filters": 6, "gates": 2, "components": 2, "steps": 3})


def weights_of(network: VdmNetwork) -> Weights:
    about = {"system": "vdm", "size": network.size.about(), "format": network.form.about()}
    return Weights("vdm", bytes(8), network_tensors(network), about)


def test_the_schedule_rises() -> None:
    """Whatever its parameters are; its ends are those that it has."""
    schedule = Schedule(-1.0, 9.0)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in (schedule.line, schedule.slopes, schedule.offsets, schedule.shares):
            parameter.add_(2 * torch.randn(parameter.shape))
        levels = schedule(torch.linspace(0, 1, 101))
    assert (levels.diff() > 0).all()
    assert (float(levels[0]), float(levels[-1])) == (-1.0, pytest.approx(9.0, rel=1e-6))


def test_levels() -> None:
    """Noise has a deviation of two steps at each level; what is missed adds to it; told is whole."""
    size = Size(**{**FEW.about(), "steps": 8})
    levels = levels_of(Noise(size.first, size.last, 3, size.filters), size)
    steps = levels.steps / FINE
    assert (np.diff(steps) > 0).all()
    added = np.exp2((levels.added - 32) / 8) * steps
    deviations = np.sqrt(np.cumsum(added**2 + steps**2 / 12))
    assert np.abs(deviations / steps / RATIO - 1).max() < 0.06
    assert (np.diff(levels.spreads, axis=1) >= 0).all()
    backwards = np.sqrt(deviations[1:] ** 2 - deviations[:-1] ** 2) / steps[:-1]  # where nothing is known
    assert np.abs(8 * np.log2(backwards) + 32 - levels.spreads[1:, MISSED]).max() < 1
    assert all(later * step >= 32896 * FINE for later, step in zip(levels.halves, levels.steps, strict=True))


@pytest.mark.parametrize("form", [PixelFormat("words"), PixelFormat("bytes", 2)], ids=str)
def test_what_learns_is_what_codes(form: PixelFormat) -> None:
    """The guess that is learned from is that bound, on the mean; a stream has beside it what was drawn at first."""
    network, x = network_of(VdmNetwork, FEW, form), patches(form, 4)
    system = VdmSystem(weights_of(network), "cpu", 4)
    bits = system.bits(x)
    with torch.no_grad():
        network.train(False)
        guessed = []
        for turn in range(8):  # each looks at other patches' pixels and steps
            order = np.random.default_rng(turn).permutation(len(x))
            guessed.append(float(network.bits(torch.from_numpy(x[order])).mean()))
    assert abs(np.mean(guessed) / bits.mean() - 1) < 0.02
    coder = system.encoded(x)
    assert abs(8 * (len(coder.to_bytes()) - coder.first_bytes) / bits.sum() - 1) < 0.02
    wild = np.random.default_rng(0).integers(0, form.alphabet, x.shape)
    for symbols in (x, wild[:1]):
        assert (system.decode_patches(system.encode_patches(symbols), len(symbols)) == symbols).all()


def test_other_numbers_of_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same network codes in as many steps as is asked for; streams are marked."""
    monkeypatch.setenv("ASTROCODEC_MODELS", str(tmp_path))
    weights = weights_of(network_of(VdmNetwork, FEW, PixelFormat("words")))
    values = np.random.default_rng(0).normal(500, 5, (32, 32)).astype(np.uint16)
    for steps in (1, 5):
        tensors, about = restepped(weights, steps)
        path = save_weights(tensors, about, "vdm", tmp_path)
        stream = astrocodec.encode(values, codec="vdm", weights=path)
        assert astrocodec.inspect(stream).parameters["status"] == "research"
        assert codec_of(stream) == "vdm (id 5, research)"
        assert (astrocodec.decode(stream) == values).all()


def test_damaged_bytes_are_told() -> None:
    """By draws that do not come back, by words that no noise makes, or by words that are missing."""
    system, x = VdmSystem(weights_of(network_of(VdmNetwork, FEW, PixelFormat())), "cpu", 8), patches(PixelFormat(), 1)
    data = system.encode_patches(x)
    for at in range(3, len(data), len(data) // 6):
        changed = bytearray(data)
        changed[at] ^= 4
        with pytest.raises(FormatError):
            system.decode_patches(bytes(changed), 1)
    for count in (2, 0):
        with pytest.raises(FormatError):
            system.decode_patches(data, count)
    with pytest.raises(CorruptError, match="no noise makes"):
        system._give_back(None, np.zeros((1, 32, 32, 1), int), np.full((1, 32, 32, 1), REACH + 1), 1)  # type: ignore[arg-type]


def test_gradients_reach_every_parameter() -> None:
    network = network_of(VdmNetwork, SIZES["small"], PixelFormat("words"))
    wild = np.random.default_rng(0).integers(30000, 36000, (4, 1, 32, 32))
    network.bits(torch.from_numpy(wild)).mean().backward()  # type: ignore[no-untyped-call]
    still = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert not still


def test_weights_of_another_shape() -> None:
    network = network_of(VdmNetwork, SIZES["tiny"], PixelFormat())
    whole = weights_of(network)
    short = np.zeros((1, 1), np.int32)
    for name, said in (("top", "top: weights of shape"), ("levels.seen", "levels.seen: weights of shape")):
        with pytest.raises(ValueError, match=said):
            VdmSystem(replace(whole, tensors={**whole.tensors, name: short}), "cpu", 8)
    with pytest.raises(ValueError, match="lattice steps"):
        VdmSystem(replace(whole, tensors={**whole.tensors, "levels.steps": np.full(3, 1)}), "cpu", 8)


def test_published_size_takes_a_step() -> None:
    """As the paper's, but for attention: 128 channels, four blocks there, two between, four back."""
    with torch.device("meta"):
        whole = VdmNetwork(SIZES["published"], PixelFormat())
    assert sum(weight.numel() for weight in whole.layers.parameters()) > 2_900_000
    network = VdmNetwork(Size(**{**SIZES["published"].about(), "blocks": 1, "middle": 0}), PixelFormat())
    optimiser = torch.optim.Adam(network.parameters())
    loss = network.bits(torch.from_numpy(patches(network.form, 1))).mean()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    assert torch.isfinite(loss)
