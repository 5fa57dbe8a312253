"""Patches and networks that tests of learned lossless codecs share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from astrocodec.lossless.pixel_format import PixelFormat

N = TypeVar("N", bound=nn.Module)


def patches(form: PixelFormat, count: int = 2, level: int = 32850) -> np.ndarray:
    """Noise on a slope."""
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:32, :32]
    return form.to_symbols(rng.normal(level + 2 * x + y, 3, (count, form.frames, 32, 32)).astype(np.uint16))


def network_of(make: Callable[[Any, PixelFormat], N], size: Any, form: PixelFormat) -> N:
    """A network that has not learned, but says something."""
    torch.manual_seed(3)
    network = make(size, form)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "out_" in name and name.endswith("weight"):
                weight.mul_(5)
    return network
