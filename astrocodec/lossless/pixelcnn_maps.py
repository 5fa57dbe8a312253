"""PixelCNN++ in whole numbers, as much of its maps at a time as is known: all, a row, or one pixel of many patches.

Maps are kept (y, x, patches, channels) with a border of zeros, so that a pixel's neighbours in all patches are one
slice, and a pixel that becomes known costs each layer one matrix product.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from astrocodec.lossless.logistic_tables import logistic_knots
from astrocodec.lossless.patches import SIDE
from astrocodec.lossless.pixelcnn_plan import RECTIFIED, STREAM, Layer, Plan, Step
from astrocodec.lossless.signed_log import exact_signed_log
from astrocodec.lossy.integer_network import SHIFT, ExactConv

_BORDER = 3
_GATE_BITS = 8


@dataclass(frozen=True)
class Region:
    """Rows and columns of a map."""

    rows: range
    columns: range


def gate_shares() -> Tensor:
    """Logistic function of -255 to 255 in 1/32, in units of 1/256, rounded down."""
    upper = torch.from_numpy(logistic_knots()[0 : 2 * RECTIFIED + 1 : 2].copy())
    whole = 1 << 32
    lower = whole - upper[1:].flip(0)
    return torch.cat([lower, upper]) >> (32 - _GATE_BITS)


class ExactMaps:
    """Maps of so many patches.

    Parameters
    ----------
    plan : Plan
    layers : mapping of str to ExactConv
        By the names of the plan.
    patches : int
    device : torch.device
    """

    def __init__(self, plan: Plan, layers: Mapping[str, ExactConv], patches: int, device: torch.device) -> None:
        self._steps, self._device = plan.steps, device
        self._layers = {name: ExactWindow(layers[name], layer, device) for name, layer in plan.layers().items()}
        self._shares = gate_shares().to(device, torch.float32)
        self._maps = {"words": self._empty(SIDE, patches, plan.form.frames, torch.float64)}
        for name, made in plan.maps().items():
            kind = torch.float64 if name == "ways" else torch.float32
            self._maps[name] = self._empty(SIDE >> made.level, patches, made.channels, kind)

    def _empty(self, side: int, patches: int, channels: int, dtype: torch.dtype) -> Tensor:
        width = side + 2 * _BORDER
        return torch.zeros((side + _BORDER, width, patches, channels), dtype=dtype, device=self._device)

    def __getitem__(self, name: str) -> Tensor:
        """A map without its border."""
        return self._maps[name][_BORDER:, _BORDER:-_BORDER]

    def fill(self) -> None:
        """Make all maps of words that are all known."""
        for step in self._steps:
            side = SIDE >> step.made.level
            self._make(step, Region(range(side), range(side)))

    def fill_row(self, y: int) -> None:
        """Make what rows above tell of a row."""
        for step in self._steps:
            level = step.made.level
            if not step.made.is_right and y % (1 << level) == 0:
                self._make(step, Region(range(y >> level, (y >> level) + 1), range(SIDE >> level)))

    def fill_pixel(self, y: int, x: int) -> None:
        """Make what all before a pixel tell of it, where its row is filled."""
        for step in self._steps:
            level = step.made.level
            if step.made.is_right and (y | x) % (1 << level) == 0:
                i, j = y >> level, x >> level
                self._make(step, Region(range(i, i + 1), range(j, j + 1)))

    def _make(self, step: Step, region: Region) -> None:
        rows, columns = region.rows, region.columns
        made = self[step.made.name][rows.start : rows.stop, columns.start : columns.stop]
        if step.kind in ("rectified", "gated"):
            parts = [self[name][rows.start : rows.stop, columns.start : columns.stop] for name in step.sources]
            made.copy_(_rectified(parts[0]) if step.kind == "rectified" else self._gated(*parts))
            return
        name = step.made.name
        windows = [self._layers[f"{name}.{i}"] for i in range(len(step.layers))]
        total = windows[0].run(self._maps[windows[0].source], region)
        for window in windows[1:]:
            total = total + window.run(self._maps[window.source], region)
        made.copy_(exact_signed_log(total) if step.kind == "log" else total)

    def _gated(self, x: Tensor, gates: Tensor) -> Tensor:
        value, gate = gates.chunk(2, -1)
        added = torch.floor(value * self._shares[(gate + RECTIFIED).long()] * 2.0**-_GATE_BITS)
        return (x + added).clamp(-STREAM, STREAM)


def _rectified(x: Tensor) -> Tensor:
    return torch.cat([x, -x], -1).clamp_(0, RECTIFIED)


class ExactWindow:
    """A layer that runs on a part of a map.

    Parameters
    ----------
    conv : ExactConv
    layer : Layer
    device : torch.device
    """

    def __init__(self, conv: ExactConv, layer: Layer, device: torch.device) -> None:
        self.source, self._layer = layer.source, layer
        self._dtype = conv.carrier(device)
        self._weight = torch.from_numpy(conv.weight).to(device, self._dtype).flatten(1).T.contiguous()
        self._bias = torch.from_numpy(conv.bias).to(device, self._dtype)

    def run(self, source: Tensor, region: Region) -> Tensor:
        """The region (rows, columns, patches, outputs) of a map with its border."""
        return self._grown(source, region) if self._layer.upsample > 1 else self._sums(self._seen(source, region))

    def _seen(self, source: Tensor, region: Region) -> Tensor:
        """What the window of each pixel of the region holds (rows, columns, patches, channels and places)."""
        window, stride = self._layer.window, self._layer.stride
        height, width = window.sides
        top = _BORDER + stride * region.rows.start - window.above
        left = _BORDER + stride * region.columns.start - window.left
        part = source[
            top : top + stride * (len(region.rows) - 1) + height,
            left : left + stride * (len(region.columns) - 1) + width,
        ]
        if height * width > 1:
            part = part.unfold(0, height, stride).unfold(1, width, stride).flatten(3)
        return part if part.dtype == self._dtype else part.to(self._dtype)

    def _sums(self, x: Tensor, outputs: slice = slice(None)) -> Tensor:
        sums = (x @ self._weight[:, outputs]).add_(self._bias[outputs])
        return sums.mul_(2.0**-SHIFT).floor_().clamp_(self._layer.low, self._layer.high)

    def _grown(self, source: Tensor, region: Region) -> Tensor:
        """Of a map of half the side: each of its pixels becomes 2 x 2."""
        rows, columns = region.rows, region.columns
        found = source.new_empty((len(rows), len(columns), source.shape[2], self._layer.n_out))
        for i in range(2):
            for j in range(2):
                ys, xs = (torch.arange(r.start, r.stop, device=source.device) for r in (rows, columns))
                ys, xs = ys[ys % 2 == i], xs[xs % 2 == j]
                if len(ys) and len(xs):
                    part = source[ys[:, None] // 2 + _BORDER, xs // 2 + _BORDER].to(self._dtype)
                    made = self._sums(part, slice(2 * i + j, None, 4)).to(found.dtype)
                    found[(ys - rows.start)[:, None], xs - columns.start] = made
        return found
