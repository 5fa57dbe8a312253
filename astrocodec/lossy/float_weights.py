"""Weights of float layers in one byte each: 8 bits and a scale for each row, as they are used for coding too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

_MOST = 127


def pack_floats(module: nn.Module, prefix: str) -> dict[str, NDArray[Any]]:
    """Tensors of a module's parameters; those of two axes and more as whole numbers and the scales of their rows."""
    found: dict[str, NDArray[Any]] = {}
    for name, value in module.state_dict().items():
        values = value.detach().cpu().float().numpy()
        if values.ndim < 2:
            found[f"{prefix}.{name}"] = values
            continue
        rows = values.reshape(len(values), -1)
        scale = (np.abs(rows).max(1) / _MOST).astype(np.float32)
        safe = np.where(scale, scale, np.float32(1))
        found[f"{prefix}.{name}"] = np.rint(rows / safe[:, None]).astype(np.int8).reshape(values.shape)
        found[f"{prefix}.{name}.scale"] = scale
    return found


def unpack_floats(module: nn.Module, tensors: Mapping[str, NDArray[Any]], prefix: str) -> None:
    """Load what `pack_floats` gave."""
    state = {}
    for name in module.state_dict():
        values = tensors[f"{prefix}.{name}"]
        if values.dtype == np.int8:
            scale = tensors[f"{prefix}.{name}.scale"].reshape(-1, *[1] * (values.ndim - 1))
            values = values * scale
        state[name] = torch.from_numpy(np.ascontiguousarray(values, np.float32))
    module.load_state_dict(state)
