"""Descent: Adam (Kingma & Ba 2015, arXiv:1412.6980) with a one-cycle learning rate (Smith & Topin 2019).

A network as small as ours keeps a GPU waiting for Python: there a step is recorded once and replayed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
from torch import Tensor

from astrocodec.learning.contexts import Pixels
from astrocodec.learning.network import Network

_RATE = 4e-3
_WARM_UP = 0.05
# Steps that torch wants to have seen before one is recorded.
_BEFORE_RECORDING = 3


def learning_rate(part: float) -> float:
    """The rate where so large a part of all steps is done."""
    if part < _WARM_UP:
        return _RATE * (0.52 - 0.48 * math.cos(math.pi * part / _WARM_UP))
    return _RATE * (0.5 + 0.5 * math.cos(math.pi * (part - _WARM_UP) / (1 - _WARM_UP)))


def descend(network: Network, pixels: Pixels, *, steps: int, batch: int, log: Callable[[str], None]) -> None:
    """Take `steps` on `batch` pixels each, with a line of the log at every twentieth of them."""
    device = network.linear.device
    recorded = device.type == "cuda"
    rate, total = torch.zeros((), device=device), torch.zeros((), device=device)
    optimiser = torch.optim.Adam(network.parameters(), lr=rate, fused=True, capturable=recorded)

    def step() -> None:
        optimiser.zero_grad()
        loss = network.bits(pixels.draw(batch)).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        network.keep_sums()
        total.add_(loss.detach())

    start, shown, since = time.perf_counter(), max(1, steps // 20), 0
    take: Callable[[], None] = step
    for done in range(steps):
        rate.fill_(learning_rate(done / steps))
        if recorded and done < _BEFORE_RECORDING:
            _aside(step)
        else:
            if recorded and done == _BEFORE_RECORDING:
                take = _recorded(step)
            take()
        since += 1
        if (done + 1) % shown == 0:
            bits, since = float(total) / since, 0
            total.zero_()
            log(f"step {done + 1} of {steps}: {bits:.4f} bits per pixel, {time.perf_counter() - start:.0f} s")


def _aside(step: Callable[[], None]) -> None:
    """A step on a stream of its own, as recording wants it."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        step()
    torch.cuda.current_stream().wait_stream(stream)


def _recorded(step: Callable[[], None]) -> Callable[[], None]:
    """A step as the GPU replays it."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def held_back_bits(network: Network, pixels: Pixels) -> float:
    """Bits that a pixel of those never learned from takes: the mean over groups of the mean over their frames."""
    device = network.linear.device

    def of(frame: dict[str, Tensor]) -> float:
        return float(network.bits({key: value.to(device) for key, value in frame.items()}).mean())

    with torch.no_grad():
        means = [[of(frame) for frame in group if len(frame["sample"])] for group in pixels.held_back]
    means = [group for group in means if group]
    return sum(sum(group) / len(group) for group in means) / len(means) if means else math.nan
