"""Results as JSON holds them."""

import math
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Make dictionaries of dataclasses, without their arrays, lists of tuples, and null of what is not finite.

    Examples
    --------
    >>> plain({"shape": (2, 3), "noise": np.float32("nan")})
    {'shape': [2, 3], 'noise': None}
    """
    if is_dataclass(value) and not isinstance(value, type):
        found = {entry.name: getattr(value, entry.name) for entry in fields(value)}
        return {name: plain(part) for name, part in found.items() if not isinstance(part, np.ndarray)}
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
