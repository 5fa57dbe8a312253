"""How the VQ-VAE learns: ``python -m astrocodec.learning.train_lossy vqvae data=FOLDER``, then ``part=context``.

It is quickest from the encoder and decoder of a VAE (option ``vae``), whose means are already scaled so that an error
in any of them costs the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from astrocodec.learning.radio_galaxies import BRIGHTNESS, keep_small, training_of
from astrocodec.learning.recipe import Recipe
from astrocodec.lossy.phase_context import at
from astrocodec.lossy.vqvae import CODE_UNIT, CONFIGURATIONS, VqvaeNetwork

_COMMITMENT = 0.25
_QUALITY = 3  # of the VAE whose scales are taken
# What a bit may cost at a level, in parts of what its codes left at first: what they leave grows with the price.
_PRICE = 0.06
_PRICED = 300  # steps before bits have a price
_SLOW = {"encoder": 0.1}  # parts of the rate: an encoder that runs from its codes is never caught


def recipe(options: dict[str, str], seed: int) -> Recipe:
    """Of ``size``, ``vae`` and what `training_of` takes."""
    sizes, vae = CONFIGURATIONS[options.pop("size", "small")], options.pop("vae", None)
    network = VqvaeNetwork(**sizes)
    batch, save, is_context = training_of("vqvae", sizes, options, seed)
    if is_context:
        return Recipe(network, batch, context_loss, save, rate=8e-3, keep=keep_small)
    if vae is not None:
        take_vae(network, torch.load(vae, weights_only=True)["network"])
    first = torch.cat([batch(-number)[1] for number in range(1, 25)])
    begin(network, first)
    loss = partial(network_loss, left_first=left_by_levels(network, first))
    return Recipe(network, batch, loss, save, rate=5e-4, slow=_SLOW)


@torch.no_grad()
def take_vae(network: VqvaeNetwork, state: Mapping[str, Tensor]) -> None:
    """Take a VAE's encoder and decoder, with one quality's gains in their last and first layers."""
    own = network.state_dict()
    network.load_state_dict({**own, **{name: state[name] for name in own if name.startswith(("encoder", "decoder"))}})
    gain, back = state["gain"][_QUALITY].exp(), state["back"][_QUALITY].exp()
    last, first = network.encoder[-1], network.decoder[0]
    assert isinstance(last, nn.Conv2d)
    assert isinstance(first, nn.Conv2d)
    assert last.bias is not None
    last.weight *= gain[:, None, None, None]
    last.bias *= gain
    first.weight *= back[:, None, None]


@torch.no_grad()
def begin(network: VqvaeNetwork, x: Tensor) -> None:
    """Turn vectors so that most of what varies comes first, which is what the context sees, and set the first codes."""
    vectors = flat(network.encoder(x))
    _, turn = torch.linalg.eigh(torch.cov(vectors.clamp(-40, 40).T))
    turn = turn.flip(1)
    last, first = network.encoder[-1], network.decoder[0]
    assert isinstance(last, nn.Conv2d)
    assert isinstance(first, nn.Conv2d)
    assert last.bias is not None
    last.weight.copy_(torch.einsum("vw,vcyx->wcyx", turn, last.weight))
    last.bias.copy_(turn.T @ last.bias)
    first.weight.copy_(torch.einsum("ovyx,vw->owyx", first.weight, turn))
    network.quantiser.begin(vectors @ turn)


@torch.no_grad()
def left_by_levels(network: VqvaeNetwork, x: Tensor) -> Tensor:
    """Squared distance of vectors to their codes after each level."""
    vectors = flat(network.encoder(x))
    left: Tensor = ((vectors - network.quantiser(vectors)[1]) ** 2).sum(2).mean(1)
    return left


def flat(vectors: Tensor) -> Tensor:
    """(n, vectors, y, x) as (n y x, vectors)."""
    return vectors.permute(0, 2, 3, 1).reshape(-1, vectors.shape[1])


def as_grid(vectors: Tensor, like: Tensor) -> Tensor:
    """Undo `flat`."""
    n, _, height, width = like.shape
    return vectors.reshape(n, height, width, -1).permute(0, 3, 1, 2)


def network_loss(network: nn.Module, batch: tuple[int, Tensor], left_first: Tensor) -> tuple[Tensor, dict[str, float]]:
    """Reconstruction and commitment with as many levels as are drawn for each picture; codes follow by themselves.

    Either is taken in parts of what it is at this number of levels, so that all rates count the same: commitment of
    what it was at first, `left_first`, since vectors that may grow with what they leave are never caught.
    """
    assert isinstance(network, VqvaeNetwork)
    step, x = batch
    vectors = network.encoder(x)
    _, totals = network.quantiser.follow(flat(vectors.detach()))
    left = ((flat(vectors.detach()) - totals) ** 2).sum(2).mean(1)
    levels = torch.randint(len(totals), (len(x),), device=x.device)
    coded = torch.stack([as_grid(totals[level], vectors)[number] for number, level in enumerate(levels)])
    pictures = network.decoder(vectors + (coded - vectors).detach())
    error = BRIGHTNESS**2 * ((pictures - x) ** 2).mean((1, 2, 3))
    usual = 0.6 * 0.8 ** levels.to(x.dtype)  # error at so many levels
    commitment = ((vectors - coded) ** 2).sum(1).mean((1, 2)) / left_first[levels]
    if step >= _PRICED:
        network.quantiser.price.lerp_(_PRICE * left_first, 0.02)
    loss = (error / usual + _COMMITMENT * commitment).mean()
    return loss, {"error": float(error.detach().mean()), "left": float(left[-1])}


def context_loss(network: nn.Module, batch: tuple[int, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Bits per pixel of the codes of so many levels as are drawn, chosen as the codec does."""
    assert isinstance(network, VqvaeNetwork)
    step, x = batch
    levels = 1 + step % len(network.quantiser.book)
    with torch.no_grad():
        vectors = network.encoder(x)
        codes = network.quantiser.cheapest(flat(vectors), levels)
    n, _, height, width = vectors.shape
    bits = codes_bits(network, codes.T.reshape(-1, n, height, width)) / x.numel()
    return bits.sum(), {f"bits{level + 1}": float(value) for level, value in enumerate(bits.detach())}


def codes_bits(network: VqvaeNetwork, codes: Tensor) -> Tensor:
    """What codes (levels, n, y, x) cost, level by level."""
    book = torch.round(network.quantiser.book * CODE_UNIT)
    n_seen = int(network.context.hidden[0].conv.in_channels)  # type: ignore[union-attr, arg-type]
    known = torch.zeros(codes.shape[1], n_seen, *codes.shape[2:])
    found = []
    for level, chosen in enumerate(codes):
        added = book[level][chosen][..., :n_seen].permute(0, 3, 1, 2)
        total = torch.zeros(())
        for phase in range(4):
            out = network.context(torch.floor(known / 2), level, phase) * (float(torch.log(torch.tensor(2.0))) / 32)
            total = total + nn.functional.cross_entropy(out, at(phase, chosen), reduction="sum")
            at(phase, known).add_(at(phase, added))
        found.append(total / float(torch.log(torch.tensor(2.0))))
    return torch.stack(found)
