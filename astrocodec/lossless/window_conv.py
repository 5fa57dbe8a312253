"""Integer convolutions over windows that end at their pixel, or above it: what may be known before a pixel is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from astrocodec.lossy.integer_network import SHIFT, IntegerConv


@dataclass(frozen=True)
class Window:
    """Where a layer looks, from its own pixel.

    Parameters
    ----------
    above : int
        Rows above.
    left, right : int
        Columns beside.
    here : bool
        Whether its own row is seen too.
    itself : bool
        Whether, of its own row, its own pixel is; without, only what is left of it.
    """

    above: int
    left: int
    right: int
    here: bool = True
    itself: bool = True

    def places(self) -> list[tuple[int, int]]:
        """Rows and columns that are seen, from those of the pixel, by row."""
        found = [(y, x) for y in range(-self.above, 0) for x in range(-self.left, self.right + 1)]
        if self.here:
            last = self.right if self.itself else -1
            found += [(0, x) for x in range(-self.left, last + 1)]
        return found

    @property
    def sides(self) -> tuple[int, int]:
        """Of a kernel."""
        return self.above + self.here, self.left + 1 + self.right

    def mask(self) -> Tensor:
        """1 where the kernel is seen."""
        mask = torch.zeros(self.sides)
        for y, x in self.places():
            mask[y + self.above, x + self.left] = 1
        return mask


POINT = Window(0, 0, 0)
DOWN = Window(1, 1, 1)  # of a layer all of whose inputs are of rows above
RIGHT = Window(1, 1, 0)


class WindowConv(IntegerConv):
    """A convolution over a window that learns as the integers that it will be.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    window : Window
    low, high : int
        What outputs are cut to.
    stride, upsample : int, optional
    gain : int, optional
        For inputs that are symbols: outputs are in so many parts of one.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        window: Window,
        *,
        low: int,
        high: int,
        stride: int = 1,
        upsample: int = 1,
        gain: int | None = None,
    ) -> None:
        super().__init__(n_in, n_out, 1, low=low, high=high, stride=stride, upsample=upsample)
        self.window, self.gain = window, gain
        self.conv = nn.Conv2d(n_in, n_out * upsample**2, window.sides, stride)
        self.register_buffer("mask", window.mask(), persistent=False)

    def integers(self) -> tuple[Tensor, Tensor]:
        """Weights and biases as whole numbers, in floats."""
        if self.gain is None:
            return super().integers()
        assert self.conv.bias is not None
        unit = self.gain << SHIFT
        weight, bias = self.conv.weight * self.mask * unit, self.conv.bias * unit
        return weight + (weight.round() - weight).detach(), bias + (bias.round() - bias).detach()

    def forward(self, x: Tensor) -> Tensor:
        """Activations, whole numbers, of activations that are whole numbers."""
        weight, bias = self.integers()
        window = self.window
        padded = functional.pad(x, (window.left, window.right, window.above, 0))
        if not window.here:
            padded = padded[:, :, :-1]
        sums = functional.conv2d(padded, weight, bias, self.stride) / (1 << SHIFT)
        y = (sums + (sums.floor() - sums).detach()).clamp(self.low, self.high)
        return functional.pixel_shuffle(y, self.upsample) if self.upsample > 1 else y
