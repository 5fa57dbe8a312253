"""The recipe that all learned lossless codecs train by: they descend on bits per pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from numpy.typing import NDArray
from torch import Tensor, nn

from astrocodec.learning.recipe import Recipe
from astrocodec.lossless.patches import SIDE
from astrocodec.lossless.pixel_format import PixelFormat
from astrocodec.lossy.weights import save_weights

Tensors = Mapping[str, NDArray[Any]]


class Size(Protocol):
    """How a network is built."""

    def about(self) -> dict[str, Any]:
        """As weights keep it."""


S = TypeVar("S", bound=Size)


def patch_recipe(
    system: str,
    sizes: Mapping[str, S],
    network: Callable[[S, PixelFormat], nn.Module],
    tensors: Callable[[Any], Tensors],
    form: PixelFormat,
    options: dict[str, str],
    batch: Callable[[int], Tensor] | None,
) -> Recipe:
    """The recipe of a system for options such as ``size=small rate=0.002``.

    Parameters
    ----------
    system : str
    sizes : mapping
        By name.
    network : callable
        Makes one of a size and a format; its method `bits` gives those of each patch of symbols.
    tensors : callable
        The whole numbers of a network, to be saved.
    form : PixelFormat
    options : dict
    batch : callable, optional
        Symbols of a step.

    Raises
    ------
    ValueError
        There is no such size or option.
    """
    name = options.pop("size", "small")
    rate = float(options.pop("rate", 2e-3))
    if name not in sizes or options:
        raise ValueError(
            f"size {name!r} and options {sorted(options)} found, allowed are size={'|'.join(sizes)} and rate"
        )
    size = sizes[name]

    def none(step: int) -> Tensor:
        raise ValueError("there is nothing to learn from")

    def loss(network: Any, symbols: Tensor) -> tuple[Tensor, Mapping[str, float]]:
        return network.bits(symbols).mean() / (form.frames * SIDE**2), {}

    def save(network: nn.Module, folder: Path) -> Path:
        about = {"system": system, "size": size.about(), "format": form.about()}
        return save_weights(tensors(network), about, system, folder)

    return Recipe(network(size, form), batch or none, loss, save, rate)
