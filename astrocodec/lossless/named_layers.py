"""Networks whose convolutions have names, by which they learn, are saved, and are read again as whole numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from astrocodec.lossy.integer_network import ExactConv, IntegerConv, layer_tensors, loaded_layer


@dataclass(frozen=True)
class Layer:
    """A convolution, and the largest input that it is made for."""

    conv: IntegerConv
    reach: int


class NamedLayers(nn.Module):
    """A network of such layers, to learn with."""

    def __init__(self, layers: Mapping[str, Layer]) -> None:
        super().__init__()
        self._reaches = {name: layer.reach for name, layer in layers.items()}
        self.layers = nn.ModuleDict({_key(name): layer.conv for name, layer in layers.items()})

    def apply_layer(self, name: str, x: Tensor) -> Tensor:
        """What that of a name makes."""
        found: Tensor = self.layers[_key(name)](x)
        return found

    def layer_tensors(self) -> dict[str, NDArray[Any]]:
        """Whole numbers of all, as they have learned."""
        found: dict[str, NDArray[Any]] = {}
        for name, reach in self._reaches.items():
            conv = self.layers[_key(name)]
            assert isinstance(conv, IntegerConv)
            found |= layer_tensors(conv.exact(reach), name)
        return found


def loaded_layers(
    tensors: Mapping[str, NDArray[Any]], layers_like: Callable[[], Mapping[str, Layer]]
) -> dict[str, ExactConv]:
    """Those of weights, of the shapes that a network has."""
    with torch.device("meta"):  # shapes, that take no memory
        like = layers_like()
    return {name: loaded_layer(tensors, name, layer.conv, layer.reach) for name, layer in like.items()}


def _key(name: str) -> str:
    """A name without dots, which torch keeps for itself."""
    return name.replace(".", "_")
