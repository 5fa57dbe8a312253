"""The network of docs/format.md section "Predict" in torch, rounded as the integers will be.

Weights are kept as floats of order one; each layer's scale turns them into the integers of the format, with
straight-through rounding (Bengio et al. 2013, arXiv:1308.3432), so what is trained is what is shipped.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from astrocodec.stages.network import ACTIVATION_MAX, INPUT_MAX, INPUTS, LINEAR, LINEAR_UNITS, OUTPUTS
from astrocodec.stages.weights import Weights, limit_rows

_W1, _W2, _BIAS = 57.0, 64.0, 512.0
_OUT_SCALE = [372.0, 738.0, 128.0, 128.0]
# Sums of half a row that are allowed while training; what is left to 32767 is for rounding.
_MOST = 32000.0
_CORE = [0, 1, 4, 5, 6, 7, 8, 13]
NATS = float(np.log(2.0))


class _Stepped(torch.autograd.Function):
    """Rounded in some way forward, as if it were not backward."""

    @staticmethod
    def forward(ctx: object, x: Tensor, rounding: Callable[[Tensor], Tensor]) -> Tensor:
        return rounding(x)

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> tuple[Tensor, None]:
        return grad, None


def _rounded(x: Tensor, limit: float) -> Tensor:
    return _Stepped.apply(x.clamp(-limit, limit), torch.round)  # type: ignore[no-any-return,no-untyped-call]


def _floored(x: Tensor) -> Tensor:
    return _Stepped.apply(x, torch.floor)  # type: ignore[no-any-return,no-untyped-call]


def _keep_sums(weights: Tensor, integers: Tensor, bias: Tensor, lowest: float, highest: float) -> None:
    """Shrink `weights`, whose integers are given, until no half of a row of inputs can pass `_MOST`."""
    halves = integers.reshape(len(integers), 2, -1)
    first = torch.stack([bias, torch.zeros_like(bias)], 1)
    low = torch.minimum(halves * lowest, halves * highest).sum(2)
    high = torch.maximum(halves * lowest, halves * highest).sum(2)
    down = ((_MOST + first) / (-low).clamp(min=1)).clamp(0, 1)
    up = ((_MOST - first) / high.clamp(min=1)).clamp(0, 1)
    if lowest < 0:
        down = up = torch.minimum(down, up)
    weights.mul_(torch.where(halves > 0, up[..., None], down[..., None]).reshape(weights.shape))


class Network(nn.Module):
    """Location, scale and shape from a context: two hidden layers of 16 or 32 neurons each.

    Prototype shapes are a grid of `tails` x `skews`, each made up of so many logistic `components`.
    """

    def __init__(self, hidden: int = 16, tails: int = 6, skews: int = 3, components: int = 3) -> None:
        super().__init__()
        self.hidden, self.tails, self.skews = hidden, tails, skews
        start = torch.zeros(LINEAR)
        start[_CORE] = 1 / 8
        self.linear = nn.Parameter(start)
        self.w1 = nn.Parameter(torch.randn(hidden, INPUTS) / INPUTS**0.5)
        self.b1 = nn.Parameter(torch.rand(hidden) * 0.5)
        self.w2 = nn.Parameter(torch.randn(hidden, hidden) / hidden**0.5)
        self.b2 = nn.Parameter(torch.rand(hidden) * 0.5)
        self.w3 = nn.Parameter(torch.randn(OUTPUTS, hidden) * 0.02)
        self.b3 = nn.Parameter(torch.tensor([0.0, 0.0, (tails - 1) / 2, (skews - 1) / 2]))
        t = torch.linspace(-1, 1, tails)[:, None, None]
        k = (torch.linspace(-1, 1, skews) if skews > 1 else torch.zeros(1))[None, :, None]
        j = torch.linspace(-1, 1, components)[None, None, :]
        whole = torch.zeros(tails, skews, components)
        self.shape_mean = nn.Parameter(0.3 * k * j + whole)
        self.shape_scale = nn.Parameter(j * (0.7 + 0.5 * t) - 0.5 + whole)
        self.shape_weight = nn.Parameter(-1.0 * j + whole)
        self.linear_scale: Tensor
        self.out_scale: Tensor
        self.register_buffer("linear_scale", torch.tensor(LINEAR_UNITS, dtype=torch.float32))
        self.register_buffer("out_scale", torch.tensor(_OUT_SCALE))

    def integers(self) -> tuple[Tensor, ...]:
        """The weights as the format's integers, in floats."""
        scale = self.out_scale[:, None] / 8
        return (
            _rounded(self.linear * self.linear_scale, 32767),
            _rounded(self.b1 * _BIAS, 32767),
            _rounded(self.w1 * _W1, 127),
            _rounded(self.b2 * _BIAS, 32767),
            _rounded(self.w2 * _W2, 127),
            _rounded(self.b3 * self.out_scale, 32767),
            _rounded(self.w3 * scale, 127),
        )

    @torch.no_grad()
    def keep_sums(self) -> None:
        """Shrink weights of half rows whose sums leave 16 bits: `limit_rows` would, when nothing learns any more."""
        bias3, scale3 = self.b3 * self.out_scale, self.out_scale[:, None] / 8
        _keep_sums(self.w1, self.w1 * _W1, self.b1 * _BIAS, -INPUT_MAX, INPUT_MAX)
        _keep_sums(self.w2, self.w2 * _W2, self.b2 * _BIAS, 0, ACTIVATION_MAX)
        _keep_sums(self.w3, self.w3 * scale3, bias3, 0, ACTIVATION_MAX)

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Location (ADU), scale index, tail and skew coordinates, all continuous, of a batch of contexts."""
        linear, b1, w1, b2, w2, b3, w3 = self.integers()
        h1 = _floored((batch["input"] @ w1.T + b1) / 64).clamp(0, 127)
        h2 = _floored((h1 @ w2.T + b2) / 64).clamp(0, 127)
        o = (h2 @ w3.T + b3).clamp(-32767, 32767)
        location = batch["mean"] + ((batch["linear"] @ linear) + batch["sum"] * o[:, 0]) / 8192
        q = ((batch["log_sum"] + o[:, 1] - 256) / 64).clamp(0, 143)
        return location, q, (o[:, 2] / 128).clamp(0, self.tails - 1), (o[:, 3] / 128).clamp(0, self.skews - 1)

    def _bits_of(self, shape: Tensor, location: Tensor, scale: Tensor, sample: Tensor) -> Tensor:
        """Bits under the shapes numbered so, tail by tail; a product with rows of 0 and 1 is quick on a GPU."""
        numbers = torch.cat([self.shape_mean, self.shape_scale, self.shape_weight], -1).flatten(0, 1)
        chosen = shape[..., None] == torch.arange(len(numbers), device=shape.device)
        mean, log_scale, weight = (chosen.to(numbers.dtype) @ numbers).chunk(3, -1)
        mu = location[:, None] + scale[:, None] * mean
        log_s = (torch.log(scale)[:, None] + log_scale).clamp(-6, 14)
        inverse = torch.exp(-log_s)
        upper, lower = (sample[:, None] + 0.5 - mu) * inverse, (sample[:, None] - 0.5 - mu) * inverse
        middle = (sample[:, None] - mu) * inverse
        mass = torch.sigmoid(upper) - torch.sigmoid(lower)
        log_p = torch.where(
            mass > 1e-5, torch.log(mass.clamp(min=1e-12)), middle - log_s - 2 * nn.functional.softplus(middle)
        )
        log_p = torch.logsumexp(log_p + nn.functional.log_softmax(weight, -1), -1)
        return -torch.logaddexp(log_p, torch.full_like(log_p, float(np.log(1e-4 / 65536)))) / NATS

    def bits(self, batch: dict[str, Tensor]) -> Tensor:
        """Code length in bits of each sample, linear between neighbouring prototypes of the grid."""
        location, q, tail, skew = self(batch)
        scale = torch.exp((q - 32) * (NATS / 8))
        t0 = tail.detach().floor().long().clamp(max=max(self.tails - 2, 0))
        k0 = skew.detach().floor().long().clamp(max=max(self.skews - 2, 0))
        t1, k1 = (t0 + 1).clamp(max=self.tails - 1), (k0 + 1).clamp(max=self.skews - 1)
        ft, fk = tail - t0, skew - k0
        corners = torch.stack([t0 * self.skews + k0, t1 * self.skews + k0, t0 * self.skews + k1, t1 * self.skews + k1])
        shares = torch.stack([(1 - ft) * (1 - fk), ft * (1 - fk), (1 - ft) * fk, ft * fk])
        return (shares * self._bits_of(corners, location, scale, batch["sample"])).sum(0)

    def export_weights(self) -> Weights:
        """The integer weights, ready to ship."""
        with torch.no_grad():
            linear, b1, w1, b2, w2, b3, w3 = (x.numpy() for x in self.integers())
        weights = Weights(
            linear.astype(np.int16),
            b1.astype(np.int16),
            w1.astype(np.int8),
            b2.astype(np.int16),
            w2.astype(np.int8),
            b3.astype(np.int16),
            w3.astype(np.int8),
        )
        return limit_rows(weights)

    def export_shapes(self) -> bytes:
        """The shape block: each prototype's cumulative function at the knots of docs/format.md."""
        outer = np.array([x for j in range(1, 21) for x in (24.0 * 2 ** (j - 1), 16.0 * 2**j)])
        knots = np.concatenate([-outer[::-1], np.arange(-256, 257) / 16, outer])
        with torch.no_grad():
            mean = self.shape_mean.double().numpy()[..., None]
            scale = self.shape_scale.double().exp().numpy()[..., None]
            weight = self.shape_weight.double().softmax(-1).numpy()[..., None]
        logistic = 0.5 * (1 + np.tanh(0.5 * (knots - mean) / scale))
        # A floor under the tails: the logistic's own would call far outliers impossible.
        far = 0.5 * (1 + np.sign(knots) * (1 - 1 / (1 + np.abs(knots) / 4)))
        mixed = np.maximum.accumulate((0.9995 * (weight * logistic).sum(-2) + 0.0005 * far) * 2**30, axis=-1)
        return bytes([self.tails, self.skews, 0, 0]) + np.round(mixed).astype("<u4").tobytes()
