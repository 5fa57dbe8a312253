"""Whether networks can run where somebody wants them to."""

from __future__ import annotations

import functools

import torch


@functools.lru_cache(maxsize=8)
def check_device(device: str) -> None:
    """ValueError for a device that torch does not have here, or that does not compute in doubles."""
    try:
        torch.zeros(1, dtype=torch.float64, device=device).item()
    except (RuntimeError, AssertionError, TypeError) as error:
        said = str(error).partition("\n")[0]
        raise ValueError(
            f"device {device!r} is not here ({said}); allowed are 'cpu', and 'cuda' with such a card"
        ) from error
