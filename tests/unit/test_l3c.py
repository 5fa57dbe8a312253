"""L3C: its latents, its whole numbers, and the published size."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import torch
from sloping_patches import network_of, patches

from astrocodec.lossless.l3c import L3cSystem, network_tensors
from astrocodec.lossless.l3c_network import SIZES, L3cNetwork, Size, latents_of
from astrocodec.lossless.pixel_format import PixelFormat
from astrocodec.lossless.signed_log import REACH, exact_signed_log, exact_signed_power, signed_log, signed_power
from astrocodec.lossy.weights import Weights


def system_of(network: L3cNetwork, batch: int = 8) -> L3cSystem:
    about = {"size": network.size.about(), "format": network.form.about()}
    return L3cSystem(Weights("l3c", bytes(8), network_tensors(network), about), "cpu", batch)


def test_signed_power_undoes_the_signed_logarithm() -> None:
    """Where a logarithm has numbers at all; to learn with, it is within one."""
    n = torch.arange(-REACH, REACH + 1).double()
    v = exact_signed_power(n)
    assert (exact_signed_log(v).abs() >= n.abs()).all()
    assert (exact_signed_log(v) == n)[n.abs() > 300].all()
    assert (exact_signed_log(v - torch.sign(n)) != n)[n != 0].all()
    assert (v - signed_power(n)).abs().max() < 1.01


@pytest.mark.parametrize("form", [PixelFormat("words"), PixelFormat("bytes", 2)], ids=str)
def test_what_learns_is_what_codes(form: PixelFormat) -> None:
    """Bits of the network that learns, of the tables and of the stream agree; wild symbols come back, too."""
    network, x = network_of(L3cNetwork, Size(6, 1, 2, 12, 2), form), patches(form)
    system = system_of(network)
    bits = system.bits(x)
    learned = network.bits(torch.from_numpy(x)).detach().numpy()
    assert np.abs(bits / learned - 1).max() < 0.02
    wild = np.random.default_rng(0).integers(0, form.alphabet, x.shape)
    for symbols in (x, wild[:1]):
        assert (system.decode_patches(system.encode_patches(symbols), len(symbols)) == symbols).all()
    assert 0 <= 8 * len(system.encode_patches(x)) - bits.sum() <= 96  # a state, and what the last word is not full of


def test_latents() -> None:
    """Whole numbers of a few levels, of each half the side before; exactly those that were learned with, but few."""
    form = PixelFormat("words")
    network = network_of(L3cNetwork, SIZES["small"], form)
    words = torch.from_numpy(patches(form)).float() - 32896
    with torch.no_grad():
        learned = latents_of(words, network.size, network.apply_layer, signed_log)
    exact = system_of(network)._latents(words.long().numpy())
    assert [z.shape[1:] for z in exact] == [(4, 16, 16), (4, 8, 8), (4, 4, 4)]
    assert all(np.abs(z).max() <= network.size.reach for z in exact)
    assert np.mean(learned[0].numpy() != exact[0]) < 0.05
    assert exact[0].std() > 0.5


def test_gradients_reach_every_layer() -> None:
    network = network_of(L3cNetwork, SIZES["small"], PixelFormat("bytes"))
    wild = np.random.default_rng(0).integers(0, 256, (4, 2, 32, 32))
    network.bits(torch.from_numpy(wild)).mean().backward()  # type: ignore[no-untyped-call]
    still = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert not still


def test_weights_of_another_shape() -> None:
    network = network_of(L3cNetwork, SIZES["tiny"], PixelFormat())
    tensors = network_tensors(network) | {"top": np.zeros((1, 2, 1), np.int32)}
    about = {"size": network.size.about(), "format": network.form.about()}
    with pytest.raises(ValueError, match="top: weights of shape"):
        L3cSystem(Weights("l3c", bytes(8), tensors, about), "cpu", 8)


def test_published_size_takes_a_step() -> None:
    """As the paper's: 64 filters, eight blocks, five latents of 25 levels, ten logistics."""
    with torch.device("meta"):
        whole = L3cNetwork(SIZES["published"], PixelFormat())
    assert sum(weight.numel() for weight in whole.parameters()) > 3_000_000
    network = L3cNetwork(Size(**{**SIZES["published"].about(), "blocks": 1}), PixelFormat())
    optimiser = torch.optim.Adam(network.parameters())
    loss = network.bits(torch.from_numpy(patches(network.form, 1))).mean()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    assert torch.isfinite(loss)
