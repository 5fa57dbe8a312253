"""Integer discrete flow: its plan, its whole numbers, and the published size."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import torch

from astrocodec.lossless.idf import IdfSystem, _unsqueezed, network_tensors
from astrocodec.lossless.idf_network import SIZES, IdfNetwork, Size, levels_of, squeeze, wrapped
from astrocodec.lossless.pixel_format import PixelFormat
from astrocodec.lossless.signed_log import REACH, exact_signed_log, signed_log
from astrocodec.lossy.weights import Weights


def system_of(network: IdfNetwork, batch: int = 8) -> IdfSystem:
    about = {"size": network.size.about(), "format": network.form.about()}
    return IdfSystem(Weights("idf", bytes(8), network_tensors(network), about), "cpu", batch)


def slopes(form: PixelFormat, count: int = 2) -> np.ndarray:
    """Patches of noise on a slope."""
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:32, :32]
    words = rng.normal(32896 + 2 * x + y, 3, (count, form.frames, 32, 32)).astype(np.uint16)
    return form.to_symbols(words)


def test_levels_give_up_all_but_a_pixel() -> None:
    """Each level halves what is left; the published flow stops sooner."""
    levels = levels_of(SIZES["small"], 1)
    assert [level.side for level in levels] == [16, 16, 8, 8, 4, 4, 2, 2, 1, 1]
    given = sum(level.given_up * level.side**2 for level in levels)
    assert given + levels[-1].channels * levels[-1].side ** 2 == 1024
    published = levels_of(SIZES["published"], 2)
    assert [(level.channels, level.side, len(level.orders), level.moved) for level in published] == [
        (8, 16, 8, 2),
        (16, 8, 8, 4),
        (32, 4, 8, 8),
    ]
    assert all(sorted(order) == list(range(level.channels)) for level in published for order in level.orders)
    assert len({order for level in published for order in level.orders}) == 24


def test_squeezing_is_undone() -> None:
    x = np.arange(2 * 3 * 4 * 6).reshape(2, 3, 4, 6)
    assert (_unsqueezed(squeeze(x)) == x).all()
    assert squeeze(torch.from_numpy(x)).tolist() == squeeze(x).tolist()


def test_signed_logarithm() -> None:
    """In whole numbers, and nearly so to learn with."""
    v = torch.cat([torch.arange(-5000, 5001), torch.tensor([-(2**22), 2**22])]).float()
    exact = exact_signed_log(v)
    assert exact[-1] == -exact[-2] == REACH
    assert (exact == -exact_signed_log(-v)).all()
    assert (exact - signed_log(v)).abs().max() <= 1
    assert (exact != signed_log(v)).float().mean() < 0.01


@pytest.mark.parametrize("symbols", ["bytes", "words"])
@pytest.mark.parametrize("halves", [True, False])
def test_what_learns_is_what_codes(symbols: str, halves: bool) -> None:
    """Bits of the network that learns and of the tables agree; symbols come back where flows wrap around, too."""
    torch.manual_seed(1)
    form = PixelFormat(symbols)
    network = IdfNetwork(Size(4, 2, 1, 4, 4, 1, 2, halves), form)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.endswith("out.conv.weight"):
                weight.mul_(3)
    system, x = system_of(network), slopes(form)
    learned = network.bits(torch.from_numpy(x)).detach().numpy()
    assert np.abs(system.bits(x) / learned - 1).max() < 0.02
    wild = np.random.default_rng(0).integers(0, form.alphabet, x.shape)
    for patches in (x[:1], wild[:1]):
        assert (system.decode_patches(system.encode_patches(patches), len(patches)) == patches).all()


def test_wrapping() -> None:
    """Into half an alphabet either side of zero."""
    assert wrapped(torch.tensor([-129.0, -128, 127, 128]), 256).tolist() == [127, -128, 127, -128]


def test_lifting_takes_a_slope_off() -> None:
    """Before anything is learned a plane's slope costs next to nothing."""
    form = PixelFormat("words")
    network, steep = IdfNetwork(SIZES["small"], form), slopes(form)
    flat = np.random.default_rng(2).normal(32896, 3, steep.shape).astype(np.int64)
    bits = [float(network.bits(torch.from_numpy(x)).mean().detach()) / 1024 for x in (steep, flat)]
    assert abs(bits[0] - bits[1]) < 0.4  # at the patch's ends


def test_published_size_takes_a_step() -> None:
    """As wide as published, where a deep network would take minutes here: one of its 24 dense blocks at a time."""
    network = IdfNetwork(Size(**{**SIZES["published"].about(), "levels": 1, "flows": 1, "depth": 2}), PixelFormat())
    loss = network.bits(torch.from_numpy(slopes(network.form, 1))).mean()
    loss.backward()
    torch.optim.Adam(network.parameters()).step()
    assert torch.isfinite(loss)
    with torch.device("meta"):
        whole = IdfNetwork(SIZES["published"], PixelFormat())
    assert sum(weight.numel() for weight in whole.parameters()) > 10**8
