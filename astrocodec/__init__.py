"""Learned compression for astronomy."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from astrocodec.bounds import Bound, Loss
    from astrocodec.codec import decode, encode
    from astrocodec.inspection import StreamInfo, inspect
    from astrocodec.model import Model, list_models, load_model
    from astrocodec.stages.quantise import Quantised
    from astrocodec.steps import encode_quantised, quantised
    from astrocodec.tuning import tune

__all__ = [
    "Bound",
    "Loss",
    "Model",
    "Quantised",
    "StreamInfo",
    "decode",
    "encode",
    "encode_quantised",
    "inspect",
    "list_models",
    "load_model",
    "quantised",
    "tune",
]

_MODULES = {
    **dict.fromkeys(("Model", "list_models", "load_model"), "model"),
    **dict.fromkeys(("encode_quantised", "quantised"), "steps"),
    **dict.fromkeys(("Bound", "Loss"), "bounds"),
    **dict.fromkeys(("StreamInfo", "inspect"), "inspection"),
    "Quantised": "stages.quantise",
    "tune": "tuning",
}


def __getattr__(name: str) -> Any:
    # At first use: the reference, which needs no native library, must import without one.
    if name == "visibility":
        return importlib.import_module("astrocodec.visibility")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found = getattr(importlib.import_module(f"astrocodec.{_MODULES.get(name, 'codec')}"), name)
    return found
