"""The codecs of pieces that must agree: the reference, and the native library at each level of its kernels."""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
import pytest
from made_models import GENTLE, MadeModel, made_samples
from numpy.typing import NDArray

from astrocodec import _native
from astrocodec.stages import reference
from astrocodec.stages.widths import Choice


@functools.cache
def _model(make: Callable[[bytes, bytes, bytes], Any], made: MadeModel) -> Any:
    return make(made.weights, made.shapes, made.widths)


@dataclass(frozen=True)
class Backend:
    """One codec: the reference, or the native library at the level `simd`."""

    name: str
    make: Callable[[bytes, bytes, bytes], Any]
    simd: str = "portable"

    def _codec(self) -> Any:
        return reference if self.make is reference.ReferenceModel else _native

    def encode(
        self,
        made: MadeModel,
        samples: NDArray[np.uint16],
        thorough: bool = False,
        choice: Choice | None = None,
        odd: int | None = None,
    ) -> bytes:
        """The piece's bytes."""
        with mock.patch.dict(os.environ, ASTROCODEC_SIMD=self.simd):
            data: bytes = self._codec().encode_piece(_model(self.make, made), samples, thorough, choice, odd)
        return data

    def decode(self, made: MadeModel, data: bytes, height: int, width: int) -> NDArray[np.uint16]:
        """The piece's samples ``(y, x)``."""
        out = np.zeros((height, width), np.uint16)
        with mock.patch.dict(os.environ, ASTROCODEC_SIMD=self.simd):
            self._codec().decode_piece(_model(self.make, made), np.frombuffer(data, np.uint8), out)
        return out


def _is_available(backend: Backend) -> bool:
    """Whether this processor has a level: the library refuses the others."""
    try:
        backend.encode(GENTLE, made_samples("sky", 2, 2))
    except ValueError as error:
        if "argument" not in str(error):
            raise
        return False
    return True


REFERENCE = Backend("reference", reference.ReferenceModel)
_OTHERS = "avx" if platform.machine() in ("aarch64", "arm64") else "neon"
ALL_NATIVE = [
    Backend(f"native-{level}", _native.NativeModel, level)
    for level in _native.SIMD_LEVELS
    if level != "auto" and not level.startswith(_OTHERS)
]
AVAILABLE_NATIVE = [backend for backend in ALL_NATIVE if _is_available(backend)]
NATIVE = [
    pytest.param(
        backend,
        marks=pytest.mark.skipif(backend not in AVAILABLE_NATIVE, reason=f"this processor lacks {backend.simd}"),
        id=backend.name,
    )
    for backend in ALL_NATIVE
]
BACKENDS = [pytest.param(REFERENCE, id="reference"), *NATIVE]
