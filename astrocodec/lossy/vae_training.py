"""How the VAE learns: ``python -m astrocodec.learning.train_lossy vae data=FOLDER``, then ``part=context --start``."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from astrocodec.learning.radio_galaxies import BRIGHTNESS, keep_small, training_of
from astrocodec.learning.recipe import Recipe
from astrocodec.lossy.gaussian_tables import N_SCALES, SCALES_PER_OCTAVE, UNITY_SCALE
from astrocodec.lossy.phase_context import at
from astrocodec.lossy.vae import CONFIGURATIONS, MIDDLE_SCALE, NOISE, SEEN_UNIT, VaeNetwork

# Mean squared error, in sigma of the noise, that a bit per pixel is worth at the lowest quality, and at the next less.
_WORTH, _NEXT = 1.6, 2 ** (-5 / 6)


def recipe(options: dict[str, str], seed: int) -> Recipe:
    """Of ``size``, ``noisy`` and what `training_of` takes.

    The first ``noisy`` steps draw from the posterior, later ones round, as the codec does.
    """
    sizes, noisy = CONFIGURATIONS[options.pop("size", "small")], int(options.pop("noisy", 5000))
    network = VaeNetwork(**sizes)
    batch, save, is_context = training_of("vae", sizes, options, seed)
    if is_context:
        return Recipe(network, batch, context_loss, save, rate=8e-3, keep=keep_small)
    return Recipe(network, batch, partial(network_loss, noisy=noisy), save)


def network_loss(network: nn.Module, batch: tuple[int, Tensor], noisy: int) -> tuple[Tensor, dict[str, float]]:
    """Error and rate at a quality drawn for each picture: the negative bound of the likelihood, in bits per pixel."""
    assert isinstance(network, VaeNetwork)
    step, x = batch
    quality = torch.randint(len(network.gain), (len(x),), device=x.device)
    means = network.means(x, quality)
    z = means + (torch.randn_like(means) * NOISE if step < noisy else (torch.round(means) - means).detach())
    error = BRIGHTNESS**2 * ((network.pictures(z, quality) - x) ** 2).mean((1, 2, 3))
    rate = network.divergence(means, quality) / x[0].numel()
    loss = (error / (_WORTH * _NEXT**quality) + rate).mean()
    return loss, {"error": float(error.detach().mean()), "bits": float(rate.detach().mean())}


def context_loss(network: nn.Module, batch: tuple[int, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Bits per pixel of rounded means at all qualities, under what the context says of them."""
    assert isinstance(network, VaeNetwork)
    _, x = batch
    with torch.no_grad():
        vectors = network.encoder(x)
    loss = torch.zeros(())
    figures = {}
    for quality in range(len(network.gain)):
        symbols = torch.round(vectors * network.gain[quality].detach().exp()[:, None, None])
        bits = symbols_bits(network, symbols, quality) / x.numel()
        figures[f"bits{quality + 1}"] = float(bits.detach())
        loss = loss + bits
    return loss, figures


def symbols_bits(network: VaeNetwork, symbols: Tensor, quality: int) -> Tensor:
    """What symbols (n, vectors, y, x) cost."""
    size, total = symbols.shape[1], torch.zeros(())
    known = torch.zeros_like(symbols)
    n_seen = int(network.context.hidden[0].conv.in_channels)  # type: ignore[union-attr, arg-type]
    for phase in range(4):
        out = network.context(known[:, :n_seen] * SEEN_UNIT, quality, phase)
        mean = out[:, :size] / 16
        scale = (MIDDLE_SCALE + out[:, size:] / 8).clamp(0, N_SCALES - 1)
        width = torch.exp2((scale - UNITY_SCALE) / SCALES_PER_OCTAVE)
        here = at(phase, symbols)
        upper, lower = (here - mean + 0.5) / width, (here - mean - 0.5) / width
        mass = torch.special.ndtr(-lower.abs().minimum(upper.abs())) - torch.special.ndtr(
            -lower.abs().maximum(upper.abs())
        )
        mass = torch.where(lower * upper < 0, torch.special.ndtr(upper) - torch.special.ndtr(lower), mass)
        # Far from a mean the table has an escape, of about 16 bits and those of the number.
        total = total - torch.log2(mass + 2.0**-18 / (1 + here.abs())).sum()
        at(phase, known).copy_(here)
    return total
