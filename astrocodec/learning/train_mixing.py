"""The network that mixes predictions of visibilities: ``python -m astrocodec.learning.train_mixing``.

Prints the numbers of `astrocodec.stages.visibility_mixing_weights`. It learns from simulated sets and every other one
of the corpus (`ASTROCODEC_CORPUS`), at noise costs of 10 and 1 %: a first layer for all of them, and a second one for
each. Of the steps of a set the last quarter is held out, and of the corpus the other half, whose second layers are
tuned for the first one that was found.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from astrocodec.bench.visibilities.sets import corpus_sets, read_set, simulated_set
from astrocodec.stages.visibility_mixing import LEAST, MOST, logarithms
from astrocodec.stages.visibility_mixing_weights import HIDDEN, INPUTS, OUTPUTS
from astrocodec.stages.visibility_walk import EXPERTS, Step, Walk
from astrocodec.visibility import estimate_noise

SHARES = (0.1, 0.01)
LANES, CHANNELS, STEPS = 32, 256, 3000
BATCH, TUNING = 2048, 400
_RESERVE, _UNITS, _KNOWN = 1 / 64, 256, 2 * INPUTS + EXPERTS + 2 * EXPERTS + 2


def sets(seed: int) -> Iterator[tuple[str, bool, NDArray[np.complex64], NDArray[np.bool_]]]:
    """Names, whether they teach, visibilities and flags."""
    for number, name in enumerate(("lofar-core", "meerkat", "ska-low")):
        made = simulated_set(name, stations=9, times=24, channels=48, seed=seed + number)
        yield name, True, made.vis, made.flags
    for number, path in enumerate(corpus_sets()):
        try:
            found = read_set(path, "corpus")
        except ValueError:
            continue
        yield found.name, number % 2 == 0, found.vis, found.flags


def walked(vis: NDArray[np.complex64], flags: NDArray[np.bool_], share: float) -> NDArray[np.float32]:
    """What a walk knows before samples, [step, lane, number]: inputs, shares, errors of experts, scales, is coded."""
    noise = estimate_noise(vis, flags)
    usable = np.flatnonzero((noise > 0).all((1, 2)) & ~flags.all((0, 2, 3)))[:LANES]
    vis, flags = vis[:, usable, :CHANNELS], flags[:, usable, :CHANNELS]
    times, n, channels, pols = vis.shape
    rows: list[NDArray[np.float64]] = []
    if not n:
        return np.zeros((0, LANES, _KNOWN + 1), np.float32)
    lanes = 1 << (n - 1).bit_length()
    level = np.median(noise[usable], axis=(1, 2))
    units = np.ones(lanes)
    units[:n] = level * math.sqrt(12 * share) / _UNITS
    distance = max(16.0, 0.8 * float(np.median(level / units[:n])))
    walk = Walk(lanes, n, (channels, pols), distance, True, True, np.zeros((OUTPUTS, HIDDEN + 1), np.int64))
    for t, f, j in np.ndindex(times, channels, pols):
        if len(rows) >= STEPS:
            break
        is_coded = np.zeros(lanes, bool)
        is_coded[:n] = ~flags[t, :, f, j] & (vis[t, :, f, j] != 0)
        s = Step(t, f, j, units, is_coded)
        walk.predict(s)
        power = walk.power[j] + _RESERVE * (s.usual * s.usual)
        logs = [logarithms(walk.inputs(s, 0))]
        scales = []
        for part, of_part in enumerate((vis[t, :, f, j].real, vis[t, :, f, j].imag)):
            if part:
                logs.append(logarithms(walk.inputs(s, 1)))
            walk.set_scale(s, part)
            scales.append(s.scale / s.usual)
            value = np.zeros(lanes)
            value[:n] = np.rint(of_part / units[:n])
            s.values.append(np.where(is_coded, value, 0))
            s.distances.append(np.where(is_coded, np.abs(s.values[part] - s.mean[part]), 0))
            walk.learn_scale(s, part)
        walk.learn(s)
        shares = (power.min(0) / power) ** 6
        errors = [(expert[part] - s.values[part]) / s.usual for part in range(2) for expert in s.experts]
        rows.append(np.stack([*logs[0], *logs[1], *shares, *errors, *scales, is_coded]))
    return np.stack(rows).astype(np.float32).transpose(0, 2, 1)


class Mixing(torch.nn.Module):
    """Both layers as real numbers, in the units of the whole ones; tails and scale of each set."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.first = torch.nn.Parameter(torch.randn(HIDDEN, INPUTS) * 20)
        self.biases = torch.nn.Parameter(torch.linspace(-1000, 4000, HIDDEN))
        self.own = torch.nn.Parameter(torch.zeros(count, OUTPUTS, HIDDEN + 1))
        self.tails = torch.nn.Parameter(torch.tensor([[0.2, 1.5]] * count))

    def forward(self, logs: torch.Tensor, layer: torch.Tensor) -> torch.Tensor:
        """Outputs, [sample, output]."""
        hidden = torch.clamp((logs @ self.first.T + self.biases) / 64, 0, 2 * MOST)
        return torch.clamp((hidden @ layer[:, :-1].T) / 64 + layer[:, -1], -MOST, MOST)


def _parts(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Shares of experts, their errors, and scales."""
    return rows[:, :EXPERTS], rows[:, EXPERTS : 3 * EXPERTS], rows[:, 3 * EXPERTS :]


def loss_of(net: Mixing, rows: torch.Tensor, layer: torch.Tensor, tails: torch.Tensor) -> torch.Tensor:
    """Nats of a part, of Student's distribution."""
    logs, (shares, errors, scales) = rows[:, : 2 * INPUTS], _parts(rows[:, 2 * INPUTS :])
    outs = [net(logs[:, part * INPUTS : (part + 1) * INPUTS], layer) for part in range(2)]
    weights = shares * torch.cat([torch.ones(len(rows), 1), 2 ** (outs[0][:, :-1] / 8)], 1)
    weights = weights / weights.sum(1, keepdim=True)
    degrees, found = torch.exp(tails[1]) + 1, []
    for part, out in enumerate(outs):
        error = (weights * errors[:, part * EXPERTS : (part + 1) * EXPERTS]).sum(1)
        scale = scales[:, part] * torch.exp(tails[0]) * (64 + out[:, -1].clamp_min(LEAST)) / 64
        nats = torch.log(scale) + (degrees + 1) / 2 * torch.log1p(error**2 / (degrees * scale**2))
        normal = torch.lgamma(degrees / 2) - torch.lgamma((degrees + 1) / 2) + 0.5 * torch.log(degrees * math.pi)
        found.append((nats + normal).mean())
    return (found[0] + found[1]) / 2


def descend(
    net: Mixing, taught: list[torch.Tensor], which: list[int], rates: list[tuple[str, float]], steps: int
) -> None:
    """Train the parameters that are named, on the sets that are."""
    named = dict(net.named_parameters())
    optimiser = torch.optim.Adam([{"params": [named[name]], "lr": rate} for name, rate in rates])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps):
        k = which[step % len(which)]
        rows = taught[k][torch.randint(len(taught[k]), (BATCH,))]
        optimiser.zero_grad()
        loss_of(net, rows, net.own[k], net.tails[k]).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=20000)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    names: list[str] = []
    teaches: list[bool] = []
    taught: list[torch.Tensor] = []
    held: list[torch.Tensor] = []
    for name, is_taught, vis, flags in sets(options.seed):
        for share in SHARES:
            found = walked(vis, flags, share)
            cut = len(found) * 3 // 4
            parts = []
            for part in (found[:cut], found[cut:]):
                rows = torch.tensor(part.reshape(-1, _KNOWN + 1))
                parts.append(rows[rows[:, -1] > 0][:, :-1])
            if len(parts[0]) and len(parts[1]):
                names.append(f"{name} {share}")
                teaches.append(is_taught)
                taught.append(parts[0])
                held.append(parts[1])
                print(names[-1], len(taught[-1]), flush=True)
    net = Mixing(len(names))
    all_sets, teachers = list(range(len(names))), [k for k, of in enumerate(teaches) if of]
    pupils = [k for k, of in enumerate(teaches) if not of]
    descend(net, taught, all_sets, [("tails", 0.05)], 30 * len(names))
    with torch.no_grad():
        plain = [float(loss_of(net, rows, net.own[k], net.tails[k])) for k, rows in enumerate(held)]
    rates = [("first", 0.5), ("biases", 10.0), ("own", 0.5), ("tails", 0.01)]
    descend(net, taught, teachers, rates, options.steps)
    with torch.no_grad():
        net.first.copy_(net.first.round())
        net.biases.copy_(net.biases.round())
    descend(net, taught, pupils, [("own", 0.5), ("tails", 0.01)], TUNING * len(pupils))
    with torch.no_grad():
        net.own.copy_(net.own.round().clamp(-127, 127))
        for k, name in enumerate(names):
            nats = plain[k] - float(loss_of(net, held[k], net.own[k], net.tails[k]))
            print(f"{name}{'' if teaches[k] else ', not taught'}: {nats / math.log(2):.4f} bits of a part less")
    print("WEIGHTS =", [[int(x) for x in row] for row in net.first.tolist()])
    print("BIASES =", [int(x) for x in net.biases.tolist()])


if __name__ == "__main__":
    main()
