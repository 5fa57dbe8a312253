"""Bits that symbols take under logistics, differentiable: what `logistic_tables` gives but for its steps."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from astrocodec.lossless.logistic_tables import LOGIT_UNIT, N_SCALES, SCALES_PER_OCTAVE, UNIT, UNITY_SCALE

_LEAST = 2.0**-24


def logistic_bits(x: Tensor, means: Tensor, scales: Tensor, logits: Tensor, alphabet: int) -> Tensor:
    """Bits of symbols x (...), of mixtures of logistics (..., components), in the units of `Logistics`.

    Means are in 1/32 symbols, scales are indices, which need not be whole, logits are in 1/32; what lies outside of the
    alphabet counts to its ends.
    """
    inverse = torch.exp2((UNITY_SCALE - scales.clamp(0, N_SCALES - 1)) / SCALES_PER_OCTAVE)
    distance = x[..., None] - means / UNIT
    upper, lower = (distance + 0.5) * inverse, (distance - 0.5) * inverse
    is_first, is_last = (x <= 0)[..., None], (x >= alphabet - 1)[..., None]
    log_upper = torch.where(is_last, torch.zeros_like(upper), nn.functional.logsigmoid(upper))
    log_not_lower = torch.where(is_first, torch.zeros_like(lower), nn.functional.logsigmoid(-lower))
    # sigmoid(u) - sigmoid(l) = sigmoid(u) (1 - sigmoid(l)) (1 - exp(l - u)): nothing cancels in the tails.
    inside = torch.where(is_first | is_last, torch.zeros_like(upper), torch.log(-torch.expm1(-inverse)))
    logs = log_upper + log_not_lower + inside + torch.log_softmax(logits / LOGIT_UNIT, -1)
    mass = torch.logsumexp(logs, -1)
    return -torch.logaddexp(mass, torch.full_like(mass, _LEAST).log()) / torch.log(torch.tensor(2.0))
