"""Recipe: what the one training command needs of a learned codec."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True)
class Recipe:
    """How a network learns."""

    network: nn.Module
    batch: Callable[[int], Any]  # what step number so and so learns from, the same whenever it is asked for
    loss: Callable[[nn.Module, Any], tuple[Tensor, Mapping[str, float]]]  # to descend, and figures to show
    save: Callable[[nn.Module, Path], Path]  # writes the weights into a folder
    rate: float = 1e-3  # of Adam
    slow: Mapping[str, float] = field(default_factory=dict)  # parts of the network, by name, and of the rate
    begin: Callable[[Mapping[str, NDArray[Any]]], None] | None = None  # takes weights that were saved
    keep: Callable[[nn.Module], None] | None = None  # called after each step
