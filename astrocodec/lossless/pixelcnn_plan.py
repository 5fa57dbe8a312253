"""PixelCNN++ (Salimans et al. 2017, arXiv:1701.05517) as steps that learning and exact decoding both follow.

Two streams of maps: what is of rows above ("down"), and what is of pixels left of it too ("right"). Each is a chain of
gated residual blocks, on grids of 32 x 32, 16 x 16 ... pixels down and up again, with short cuts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from astrocodec.lossless.pixel_format import PixelFormat
from astrocodec.lossless.signed_log import FINE, REACH
from astrocodec.lossless.window_conv import DOWN, POINT, RIGHT, Window

STREAM = 1023  # maps are cut to this either side of zero
RECTIFIED = 255
FAR = 1 << 22  # means, in 1/32 words, and filters, in 1/8 words, are cut to this either side of zero
OUT = (-8192, 8191)
MEAN_GAIN = 32
ABOVE, BEFORE = Window(3, 3, 3, here=False), Window(2, 3, 3, itself=False)


@dataclass(frozen=True)
class Size:
    """How a network is built."""

    levels: int  # grids, each of half the side of the one before
    blocks: int  # gated residual blocks of a level and direction
    filters: int  # channels of a map
    front: int  # linear filters of the words, which maps begin with
    gates: int  # linear ways beside the first that a mean is the sum of, each times what the network says
    components: int  # of a mixture of logistics

    def about(self) -> dict[str, Any]:
        """As weights keep it."""
        return dict(vars(self))


SIZES = {
    "tiny": Size(1, 1, 4, 4, 1, 1),
    "deep": Size(2, 1, 6, 6, 2, 2),
    "small": Size(1, 1, 16, 24, 6, 3),
    "published": Size(3, 5, 160, 64, 8, 12),
}


@dataclass(frozen=True)
class Map:
    """What a step gives."""

    name: str
    channels: int
    level: int
    is_right: bool  # whether it may see pixels left of its own


@dataclass(frozen=True)
class Layer:
    """A convolution of a step: where it is kept, what it reads, and how it looks."""

    source: str
    n_in: int
    n_out: int
    window: Window
    low: int
    high: int
    stride: int = 1
    upsample: int = 1
    gain: int | None = None
    reach: int = RECTIFIED


@dataclass(frozen=True)
class Step:
    """One map of others: ``"sum"`` of layers, ``"log"`` of one, ``"rectified"``, ``"gated"``."""

    kind: str
    made: Map
    sources: tuple[str, ...] = ()
    layers: tuple[Layer, ...] = ()


@dataclass
class Plan:
    """The steps of a network, in an order in which each finds what it reads."""

    size: Size
    form: PixelFormat
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Lay them down."""
        frames, size = self.form.frames, self.size
        down, right = (self._begun(is_right) for is_right in (False, True))
        downs, rights = [down], [right]
        for level in range(size.levels):
            if level:
                downs.append(self._resized(downs[-1], 2, 1))
                rights.append(self._resized(rights[-1], 2, 1))
            for _ in range(size.blocks):
                downs.append(self._block(downs[-1], []))
                rights.append(self._block(rights[-1], [downs[-1]]))
        down, right = downs.pop(), rights.pop()
        for level in reversed(range(size.levels)):
            for _ in range(size.blocks + (level < size.levels - 1)):
                down = self._block(down, [downs.pop()])
                right = self._block(right, [down, rights.pop()])
            if level:
                down, right = self._resized(down, 1, 2), self._resized(right, 1, 2)
        head = Layer(right.name + "+", 2 * size.filters, parameter_count(size, self.form), POINT, *OUT)
        self._sum("out", right, [head])
        ways = Layer("words", frames, (1 + size.gates) * frames, BEFORE, -FAR, FAR, gain=MEAN_GAIN, reach=1 << 15)
        self._add(Step("sum", Map("ways", ways.n_out, 0, True), (), (ways,)))

    def maps(self) -> dict[str, Map]:
        """All that steps give, by name."""
        return {step.made.name: step.made for step in self.steps}

    def layers(self) -> dict[str, Layer]:
        """All layers, by the name that weights have."""
        return {f"{step.made.name}.{i}": layer for step in self.steps for i, layer in enumerate(step.layers)}

    def _add(self, step: Step) -> Map:
        self.steps.append(step)
        return step.made

    def _new(self, channels: int, level: int, is_right: bool) -> Map:
        return Map(str(len(self.steps)), channels, level, is_right)

    def _sum(self, name: str, like: Map, layers: Sequence[Layer]) -> Map:
        """A sum of layers, and the same rectified, whose name ends with a plus."""
        level = like.level + (layers[0].stride > 1) - (layers[0].upsample > 1)
        made = Map(name, layers[0].n_out, level, like.is_right)
        return self._add(Step("sum", made, (), tuple(layers)))

    def _rectified(self, of: Map) -> Map:
        return self._add(Step("rectified", Map(of.name + "+", 2 * of.channels, of.level, of.is_right), (of.name,)))

    def _begun(self, is_right: bool) -> Map:
        """Linear filters, compressed by a logarithm, and the first map of a stream."""
        size, window = self.size, BEFORE if is_right else ABOVE
        front = Layer("words", self.form.frames, size.front, window, -FAR, FAR, gain=FINE, reach=1 << 15)
        filters = self._add(Step("log", self._new(size.front, 0, is_right), (), (front,)))
        first = Layer(filters.name, size.front, size.filters, POINT, -STREAM, STREAM, reach=REACH)
        made = self._sum(str(len(self.steps)), filters, [first])
        self._rectified(made)
        return made

    def _block(self, x: Map, beside: Sequence[Map]) -> Map:
        """A gated residual block, which sees other maps at its own pixel."""
        n, window = self.size.filters, RIGHT if x.is_right else DOWN
        layers = [Layer(x.name + "+", 2 * n, n, window, -STREAM, STREAM)]
        layers += [Layer(other.name + "+", 2 * n, n, POINT, -STREAM, STREAM) for other in beside]
        inner = self._rectified(self._sum(str(len(self.steps)), x, layers))
        gates = self._sum(str(len(self.steps)), x, [Layer(inner.name, 2 * n, 2 * n, window, -RECTIFIED, RECTIFIED)])
        made = self._add(Step("gated", self._new(n, x.level, x.is_right), (x.name, gates.name)))
        self._rectified(made)
        return made

    def _resized(self, x: Map, stride: int, upsample: int) -> Map:
        """A map of half, or twice, the side."""
        n = self.size.filters
        window = POINT if upsample > 1 else RIGHT if x.is_right else DOWN
        layer = Layer(x.name + "+", 2 * n, n, window, -STREAM, STREAM, stride, upsample)
        made = self._sum(str(len(self.steps)), x, [layer])
        self._rectified(made)
        return made


def parameter_count(size: Size, form: PixelFormat) -> int:
    """Numbers that the last layer gives.

    Offsets, scales and logits of the components of each channel; what a channel adds to another; how far ways are open.

    >>> parameter_count(SIZES["tiny"], PixelFormat())
    8
    """
    channels = form.channels
    return channels * 3 * size.components + channels * (channels - 1) // 2 + size.gates * form.frames
