"""Training of the denoising autoencoder on simulated radio skies, streamed, and on pairs of real exposures.

``python -m astrocodec.learning.train_lossy autoencoder task=noise size=conv --steps 5000 --out FOLDER``. Tasks are
those of Gheller & Vazza 2022 (MNRAS 509, 990, section 4): *identity* (sky to sky), *noise*, *clean* and *dirty* (image
to sky); fields have seeds from 1,000,000 on, those below are for measuring. And *pairs*: an exposure to another one of
the same scene (`astrocodec.learning.exposure_pairs`).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from astrocodec.learning.exposure_pairs import draw_pairs, parted, scenes_of
from astrocodec.learning.recipe import Recipe
from astrocodec.lossy.autoencoder_model import Model
from astrocodec.lossy.autoencoder_network import CONFIGURATIONS, MAX_LATENT, OUT_TOP, TILE, Autoencoder
from astrocodec.lossy.autoencoder_pixels import OUT_PART, Span, noise_of, seen_levels
from astrocodec.lossy.flux_scale import RESOLUTION
from astrocodec.lossy.latent_contexts import (
    ANYWHERE,
    CONTEXTS,
    REACH,
    count_symbols,
    thinned,
    to_even_weights,
    to_weights,
)
from astrocodec.lossy.weights import save_weights
from astrocodec.simulate.radio_sky import KINDS, RadioSky, observe_radio, varied

TASKS = ("identity", "noise", "clean", "dirty", "pairs")
FIRST_SEED, TABLES, HELD_BACK = 1_000_000, 500_000, 100_000
BIAS_EDGES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 1000.0)  # of true flux, in units of the noise
SIDE = 512
_EDGE = 8  # pixels of a tile's edge that do not count: the picture goes on there when an image is coded
_FIELDS, _TILES, _AGAIN = 4, 2, 8  # of a batch, and how many steps show the same fields
_SPREAD_WEIGHT = 0.02
_UNLIKE = 0.05  # part of its flux by which a bright pixel may differ from one exposure to another
# None, and about what a base is thinned by beside a residual of half a sigma, and of several.
_THIN = (None, (2.0, 1, ANYWHERE), (2.0, REACH, ANYWHERE))
_LOG2_E = 1.4426950408889634
_Shown = tuple[NDArray[np.float32], NDArray[np.float32], float]  # image, sky and noise
_Measured = tuple[*_Shown, NDArray[np.float32]]  # and what tells how bright a pixel is


@functools.lru_cache(maxsize=96)
def _field(kind: str, seed: int) -> _Shown:
    """Image, sky and noise, which of a dirty image is what it scatters by, side lobes and all, as the codec has it."""
    field = observe_radio(varied(RadioSky(shape=(SIDE, SIDE)), seed), kind, seed=seed)
    return field.data, field.sky, noise_of(field.data) if kind == "dirty" else field.settings.array.noise


@functools.lru_cache(maxsize=96)
def _span(kind: str, seed: int) -> Span:
    """Range of a field in units of its noise, which tiles of it are seen in."""
    image, _, noise = _field(kind, seed)
    return Span.of(image / np.float32(noise), 1.0)


def _drawn(seed: int, step: int, fields: int) -> Iterator[int]:
    """Seeds of a step's fields."""
    for n in range(_FIELDS):
        yield FIRST_SEED + seed * 100_000 + (step // _AGAIN * _FIELDS + n) % fields


def tiles(task: str, seed: int, step: int, fields: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Images and skies [tile, y, x] of a step, in units of the noise; `fields` of them are seen again and again."""
    kind = KINDS[0] if task == "identity" else task
    rng = np.random.default_rng([seed, 31, step])
    pairs = []
    for number in _drawn(seed, step, fields):
        image, sky, noise = _field(kind, number)
        for _ in range(_TILES):
            y, x = rng.integers(0, SIDE - TILE, 2)
            turn, flip = int(rng.integers(4)), bool(rng.integers(2))
            part = [np.rot90(p[y : y + TILE, x : x + TILE], turn) / np.float32(noise) for p in (image, sky)]
            pairs.append([p[::-1] if flip else p for p in part])
    images, skies = (np.stack([pair[n] for pair in pairs]).astype(np.float32) for n in (0, 1))
    return images, skies


def _laplace_bits(symbols: Tensor, log_scale: Tensor) -> Tensor:
    """Bits of whole numbers under a Laplace distribution, per number."""
    scale = torch.exp(log_scale)[None, :, None, None] + 0.05
    size = symbols.abs()
    zero = -torch.log1p(-torch.exp(-0.5 / scale))
    other = 0.6931 + (size - 0.5) / scale - torch.log1p(-torch.exp(-1.0 / scale))
    return torch.where(size < 0.5, zero + 0.0 * size, other) * _LOG2_E


def _figures(**figures: Tensor) -> dict[str, float]:
    return {name: float(value.detach()) for name, value in figures.items()}


def conv_loss(
    network: nn.Module, batch: tuple[Tensor, Tensor], bits_weight: float = 0.5, steep: float = 4.0
) -> tuple[Tensor, Mapping[str, float]]:
    """Squared error in octaves of flux, error in units of the noise, bits, and how well errors are told.

    `steep` is what large errors count.
    """
    seen, sky = batch
    latent, given = network(seen)
    inner = (..., slice(_EDGE, -_EDGE), slice(_EDGE, -_EDGE))
    level, spread, sky = given[:, 0][inner] / RESOLUTION, given[:, 1][inner] / RESOLUTION, sky[inner]
    wanted = torch.log2(1.0 + sky / OUT_PART)
    octaves = torch.square(level - wanted).clamp(max=16.0).mean()
    flux = torch.sign(level) * (torch.exp2(level.abs()) - 1.0) * OUT_PART
    error = flux - sky
    linear = (torch.sqrt(1.0 + (steep * error) ** 2) - 1.0).mean()
    deviation = (torch.exp2(spread.clamp(0.0, 24.0)) - 1.0) * OUT_PART + 0.01
    told = (torch.log(deviation) + 0.5 * (error.detach() / deviation) ** 2).clamp(max=50.0).mean()
    bits = (
        _laplace_bits(latent, network.get_parameter("log_scale")).sum()
        / sky.numel()
        * (TILE - 2 * _EDGE) ** 2
        / TILE**2
    )
    loss = octaves + linear + bits_weight * bits + _SPREAD_WEIGHT * told
    return loss, _figures(octaves=octaves, linear=linear, bits=bits, told=told)


def pair_loss(
    network: nn.Module, batch: tuple[Tensor, Tensor], bits_weight: float = 0.5
) -> tuple[Tensor, Mapping[str, float]]:
    """Against another exposure: errors up to twice the noise count by their squares, larger ones by their size.

    Of what is symmetric about the scene both are least for the scene. Bright stars are not quite the same in another
    exposure, and count by a share of their flux. A spread is told beside the other's noise, 1.
    """
    seen, other = batch
    latent, given = network(seen)
    inner = (..., slice(_EDGE, -_EDGE), slice(_EDGE, -_EDGE))
    level, spread, other = given[:, 0][inner] / RESOLUTION, given[:, 1][inner] / RESOLUTION, other[inner]
    flux = torch.sign(level) * (torch.exp2(level.abs()) - 1.0) * OUT_PART
    error = flux - other
    share = torch.sqrt(1.0 + (_UNLIKE * flux.detach().clamp(min=0.0)) ** 2)
    linear = (torch.sqrt(1.0 + (0.5 * error / share) ** 2) - 1.0).mean()
    deviation = torch.sqrt(1.0 + ((torch.exp2(spread.clamp(0.0, 24.0)) - 1.0) * OUT_PART) ** 2)
    told = (torch.log(deviation) + 0.5 * (error.detach() / deviation) ** 2).clamp(max=50.0).mean()
    bits = _laplace_bits(latent, network.get_parameter("log_scale")).sum() / other.numel()
    loss = 8.0 * linear + bits_weight * bits + _SPREAD_WEIGHT * told
    return loss, _figures(linear=linear, bits=bits, told=told)


def dense_loss(network: nn.Module, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Mapping[str, float]]:
    """The paper's: mean squared error of normalised logarithms, times 100 so that the rate suits; bits count little."""
    seen, wanted = batch
    latent, given = network(seen)
    error = torch.square(given[:, 0] / OUT_TOP - wanted).mean()
    bits = _laplace_bits(latent, network.get_parameter("log_scale")).sum() / wanted.numel()
    return 100.0 * error + 0.1 * bits, _figures(mse=error, bits=bits)


def _batcher(task: str, size: str, seed: int, fields: int) -> Callable[[int], tuple[Tensor, Tensor]]:
    kind = KINDS[0] if task == "identity" else task

    def batch(step: int) -> tuple[Tensor, Tensor]:
        images, skies = tiles(task, seed, step, fields)
        if CONFIGURATIONS[size].is_dense:
            spans = [_span(kind, number) for number in _drawn(seed, step, fields) for _ in range(_TILES)]
            seen = np.stack([span.seen(image) for span, image in zip(spans, images, strict=True)])
            wanted = np.stack([span.wanted(sky) for span, sky in zip(spans, skies, strict=True)])
        else:
            seen, wanted = seen_levels(images, 1.0), skies.astype(np.float64)
        return torch.from_numpy(seen[:, None]).float(), torch.from_numpy(wanted).float()

    return batch


def _pairs_batcher(scenes: Mapping[str, list[NDArray[np.float32]]], seed: int) -> Callable[[int], tuple[Any, Any]]:
    def batch(step: int) -> tuple[Tensor, Tensor]:
        shown, other = draw_pairs(np.random.default_rng([seed, 32, step]), scenes, _FIELDS * _TILES, TILE)
        return torch.from_numpy(seen_levels(shown, 1.0)[:, None]).float(), torch.from_numpy(other)

    return batch


def _fields(task: str, first: int) -> Iterator[_Measured]:
    """Those that no training sees; dirty and clean ones take seconds each."""
    kind, count = (KINDS[0], 12) if task == "identity" else (task, 12 if task == "noise" else 4)
    shown = (_field(kind, seed) for seed in range(first, first + count))
    return ((image, sky, noise, sky) for image, sky, noise in shown)


def _exposures(scenes: Mapping[str, list[NDArray[np.float32]]], part: int) -> Iterator[_Measured]:
    """Exposures, in units of the noise, of columns that are learned from, or held back.

    The sky is the mean of every second other one, and the mean of the rest tells how bright a pixel is: chosen by the
    noise of the sky itself, pixels would be brighter than they are.
    """
    for scene in itertools.chain.from_iterable(scenes.values()):
        frames = parted(scene)[part]
        for n in range(0, len(frames), 4):
            others = np.delete(frames, n, 0)
            yield frames[n], others[::2].mean(0), 1.0, others[1::2].mean(0)


def _coded(
    model: Model, image: NDArray[Any], noise: float, thin: tuple[float, int, int] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Latent, which may be thinned, and denoised image."""
    noise, plane, shape = float(np.float32(noise)), image.astype(np.float64), (image.shape[0], image.shape[1])
    span = Span.of(plane, noise) if model.is_dense else None
    latent = model.encode(plane, noise, span, "cpu")
    if thin is not None:
        latent = thinned(latent, model.table_weights, *thin)
    return latent, model.decode(latent, shape, noise, span, "cpu")[0]


def measured(model: Model, shown: Iterable[_Measured], thin: tuple[float, int, int] | None = None) -> dict[str, Any]:
    """Bias of fluxes by the true flux in units of the noise.

    Of each range, the sum of found less true flux over the sum of true flux.
    """
    sums = np.zeros((len(BIAS_EDGES) - 1, 2))
    for image, sky, noise, bright in shown:
        found = _coded(model, image, noise, thin)[1]
        bins = np.digitize(bright / noise, BIAS_EDGES) - 1
        for n in range(len(sums)):
            here = bins == n
            sums[n] += (found - sky)[here].sum(), sky[here].sum()
    names = [f"{low:g} to {high:g}" for low, high in itertools.pairwise(BIAS_EDGES)]
    biases = {name: round(float(a / b), 4) if b else None for name, (a, b) in zip(names, sums, strict=True)}
    return {"flux_bias_by_snr": biases}


def save(
    network: nn.Module,
    folder: Path,
    task: str,
    size: str,
    seen: Callable[[], Iterable[_Measured]],
    held_back: Callable[[], Iterable[_Measured]],
) -> Path:
    """Write weights, tables of the latents, and the biases that are measured on what was held back."""
    assert isinstance(network, Autoencoder)
    encoder, decoder = network.encoder.exact(network.reach), network.decoder.exact(MAX_LATENT)
    weigh = to_even_weights if network.configuration.is_dense else to_weights
    counts = np.zeros((network.configuration.latent, CONTEXTS, 2 * REACH + 1), np.int64)
    model = Model("", b"", size, {}, encoder, decoder, weigh(counts))
    for image, _, noise, _ in seen():
        counts += count_symbols(_coded(model, image, noise)[0])
    model = replace(model, table_weights=weigh(counts))
    tensors = {
        **encoder.tensors("encoder"),
        **decoder.tensors("decoder"),
        "tables": model.table_weights,
        "log_scale": network.log_scale.detach().numpy(),  # for those who go on with it
    }
    figures = [measured(model, held_back(), thin) for thin in _THIN]
    about = {"system": "autoencoder", "size": size, "task": task, "measured": figures}
    parts = ["autoencoder", *([size] if size != "conv" else []), *([task] if task != "noise" else [])]
    return save_weights(tensors, about, "_".join(parts), folder)


def recipe(options: dict[str, str], seed: int) -> Recipe:
    """How a network learns; options are task, size, the number of fields that clean and dirty ones see again, what
    bits and large errors count (`conv_loss`), rate, and of pairs the folder of the exposures (``data``).
    """
    bits_weight, steep = float(options.pop("bits", "0.5")), float(options.pop("steep", "4"))
    rate = float(options.pop("rate", "2e-3"))
    task, size, data = options.pop("task", "noise"), options.pop("size", "conv"), options.pop("data", None)
    fields = int(options.pop("fields", "1000000" if task in ("identity", "noise") else "64"))
    if options or task not in TASKS or size not in CONFIGURATIONS:
        raise ValueError(
            f"options {options}, task {task!r} and size {size!r} found; allowed are tasks {', '.join(TASKS)}, sizes "
            f"{', '.join(CONFIGURATIONS)}, fields, bits, steep, rate and data"
        )
    network = Autoencoder(CONFIGURATIONS[size])
    if (data is None) == (task == "pairs") or (task == "pairs" and network.configuration.is_dense):
        raise ValueError("task pairs needs data=FOLDER and a convolutional size; other tasks take no data")
    if data is not None:
        scenes = scenes_of(data)
        seen, held_back = (functools.partial(_exposures, scenes, part) for part in (0, 1))
        batch: Callable[[int], Any] = _pairs_batcher(scenes, seed)
        loss: Callable[..., Any] = functools.partial(pair_loss, bits_weight=bits_weight)
    else:
        seen, held_back = (functools.partial(_fields, task, first) for first in (TABLES, HELD_BACK))
        conv = functools.partial(conv_loss, bits_weight=bits_weight, steep=steep)
        batch = _batcher(task, size, seed, fields)
        loss = dense_loss if network.configuration.is_dense else conv
    return Recipe(
        network, batch, loss, lambda net, folder: save(net, folder, task, size, seen, held_back), rate=rate,
        begin=network.take,
    )  # fmt: skip
