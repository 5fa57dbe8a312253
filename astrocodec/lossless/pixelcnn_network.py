"""PixelCNN++: the network to learn with. docs/format.md section "PixelCNN"."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from astrocodec.lossless.idf_network import SCALE_PARTS
from astrocodec.lossless.pixel_bits import floored, pixel_bits
from astrocodec.lossless.pixel_format import PixelFormat
from astrocodec.lossless.pixelcnn_parameters import frame_means, words_of
from astrocodec.lossless.pixelcnn_plan import RECTIFIED, STREAM, Layer, Plan, Size, Step
from astrocodec.lossless.signed_log import signed_log
from astrocodec.lossless.window_conv import WindowConv
from astrocodec.lossy.integer_network import UNIT as ACTIVATION_UNIT
from astrocodec.lossy.integer_network import layer_tensors

GATE_BITS = 8
_FIRST_SCALE = 56  # of 8 symbols
_APART = 10  # indices from the scale of one component to that of the next


def layer_of(layer: Layer) -> WindowConv:
    """The convolution that a plan's layer is."""
    return WindowConv(
        *(layer.n_in, layer.n_out, layer.window),
        low=layer.low,
        high=layer.high,
        stride=layer.stride,
        upsample=layer.upsample,
        gain=layer.gain,
    )


class PixelCnnNetwork(nn.Module):
    """The whole network.

    Parameters
    ----------
    size : Size
    form : PixelFormat
    """

    def __init__(self, size: Size, form: PixelFormat) -> None:
        super().__init__()
        self.size, self.form, self.plan = size, form, Plan(size, form)
        self.layers = nn.ModuleDict(
            {name.replace(".", "_"): layer_of(layer) for name, layer in self.plan.layers().items()}
        )
        with torch.no_grad():
            self._begin()

    def _begin(self) -> None:
        """Means are the mean of the pixels left and above, and scales are told next to nothing of."""
        ways, out = self.layer("ways.0").conv, self.layer("out.0").conv
        ways.weight[: self.form.frames].zero_()
        for frame in range(self.form.frames):
            ways.weight[frame, frame, -1, 2] = ways.weight[frame, frame, -2, 3] = 0.5
        for conv in (ways, out):
            assert conv.bias is not None
            conv.bias.zero_()
        out.weight.mul_(0.05)
        k = self.size.components
        parts = out.bias[: self.form.channels * 3 * k].reshape(self.form.channels, 3, k)  # type: ignore[index]
        parts[:, 1] = (_FIRST_SCALE + _APART * (torch.arange(k) - (k - 1) / 2)) * SCALE_PARTS / ACTIVATION_UNIT

    def layer(self, name: str) -> WindowConv:
        """That of a name in the plan."""
        found = self.layers[name.replace(".", "_")]
        assert isinstance(found, WindowConv)
        return found

    def maps(self, words: Tensor) -> dict[str, Tensor]:
        """All maps of words (n, frames, 32, 32), whole numbers around zero in floats."""
        maps = {"words": words}
        for step in self.plan.steps:
            maps[step.made.name] = self._made(step, maps)
        return maps

    def _made(self, step: Step, maps: dict[str, Tensor]) -> Tensor:
        name = step.made.name
        if step.kind == "rectified":
            x = maps[step.sources[0]]
            return torch.cat([x, -x], 1).clamp(0, RECTIFIED)
        if step.kind == "gated":
            x, gates = (maps[source] for source in step.sources)
            value, gate = gates.chunk(2, 1)
            share = (1 << GATE_BITS) * torch.sigmoid(gate / ACTIVATION_UNIT)
            added = value * (share + (share.floor() - share).detach()) / (1 << GATE_BITS)
            return (x + added + (added.floor() - added).detach()).clamp(-STREAM, STREAM)
        parts = [self.layer(f"{name}.{i}")(maps[layer.source]) for i, layer in enumerate(step.layers)]
        total = torch.stack(parts).sum(0) if len(parts) > 1 else parts[0]
        return signed_log(total) if step.kind == "log" else total

    def bits(self, symbols: Tensor) -> Tensor:
        """Bits of each patch of symbols (n, channels, 32, 32) from 0 on."""
        form, middle = self.form, self.form.alphabet // 2
        symbols = symbols.movedim(1, -1)
        x = symbols.float() - middle
        maps = self.maps(words_of(x, form).movedim(-1, 1))
        out = maps["out"].movedim(1, -1)
        words = frame_means(maps["ways"].movedim(1, -1), out, self.size, form, floored)
        return pixel_bits(x, words, out, middle, self.size.components, form)


def network_tensors(network: PixelCnnNetwork) -> dict[str, NDArray[Any]]:
    """The whole numbers of a network that has learned, to be saved."""
    tensors: dict[str, NDArray[Any]] = {}
    for name, layer in network.plan.layers().items():
        tensors |= layer_tensors(network.layer(name).exact(layer.reach), name)
    return tensors
