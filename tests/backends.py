"""The codecs of tiles that must agree: the reference, and the native library at each level of its kernels."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from made_models import MadeModel
from numpy.typing import NDArray

from astrocodec import _native, reference

_PROCESSOR_FLAGS = {
    "portable": set[str](),
    "avx2": {"avx2"},
    "avxvnni": {"avx2", "avx_vnni"},
    "avx512": {"avx512bw", "avx512vl", "avx512_vnni", "avx512vbmi"},
}


@functools.cache
def _model(make: Callable[[bytes, bytes], Any], made: MadeModel) -> Any:
    return make(made.weights, made.shapes)


@dataclass(frozen=True)
class Backend:
    """One codec: the reference, or the native library at the level `simd`."""

    name: str
    make: Callable[[bytes, bytes], Any]
    simd: str = "portable"

    def _codec(self) -> Any:
        return reference if self.make is reference.ReferenceModel else _native

    def encode(self, made: MadeModel, samples: NDArray[np.uint16]) -> bytes:
        """The tile's bytes."""
        with mock.patch.dict(os.environ, ASTROCODEC_SIMD=self.simd):
            data: bytes = self._codec().encode_tile(_model(self.make, made), samples)
        return data

    def decode(self, made: MadeModel, data: bytes, height: int, width: int) -> NDArray[np.uint16]:
        """The tile's samples ``(y, x)``."""
        out = np.zeros((height, width), np.uint16)
        with mock.patch.dict(os.environ, ASTROCODEC_SIMD=self.simd):
            self._codec().decode_tile(_model(self.make, made), np.frombuffer(data, np.uint8), out)
        return out


def _processor_flags() -> set[str]:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return {flag for line in lines if line.startswith("flags") for flag in line.split(":")[1].split()}


def _lacking(level: str) -> set[str]:
    return _PROCESSOR_FLAGS[level] - _processor_flags()


_LEVELS = [level for level in _native.SIMD_LEVELS if level != "auto"]

REFERENCE = Backend("reference", reference.ReferenceModel)
AVAILABLE_NATIVE = [Backend(f"native-{level}", _native.NativeModel, level) for level in _LEVELS if not _lacking(level)]
NATIVE = [
    pytest.param(
        Backend(f"native-{level}", _native.NativeModel, level),
        marks=pytest.mark.skipif(
            bool(_lacking(level)), reason=f"this processor lacks {', '.join(sorted(_lacking(level)))}"
        ),
        id=f"native-{level}",
    )
    for level in _LEVELS
]
BACKENDS = [pytest.param(REFERENCE, id="reference"), *NATIVE]
