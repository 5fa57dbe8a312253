"""The reference codec: the native library's tile functions in readable Python, bit for bit the same.

docs/format.md is the specification, `astrocodec.tile` composes its stages. It codes about 100,000 pixels a second.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from astrocodec import tile
from astrocodec.distribution import Tables, build_tables
from astrocodec.predict import check_weights
from astrocodec.weights import Weights


class ReferenceModel:
    """A model ready for the reference codec; counterpart of `_native.NativeModel`.

    Parameters
    ----------
    weights : bytes
        A weight block.
    shapes : bytes or ReferenceModel
        A shape block, or a model whose tables to share.

    Raises
    ------
    FormatError
        A block breaks its format.
    """

    def __init__(self, weights: bytes, shapes: bytes | ReferenceModel) -> None:
        self.weights = Weights.from_bytes(weights)
        check_weights(self.weights)
        self.shapes: Tables = shapes.shapes if isinstance(shapes, ReferenceModel) else build_tables(shapes)

    def tables(self) -> NDArray[np.uint16]:
        """Cumulative frequencies, shape ``(tables, 64)``; a copy."""
        return self.shapes.cumulative.copy()


def encode_tile(model: ReferenceModel, samples: NDArray[np.uint16], thorough: bool = False) -> bytes:
    """Encode one plane of uint16 samples ``(y, x)``; `thorough` tries every tile mode."""
    return tile.encode_tile(model.weights, model.shapes, samples, thorough)


def decode_tile(model: ReferenceModel, data: NDArray[np.uint8], out: NDArray[np.uint16]) -> None:
    """Decode one tile into `out` ``(y, x)``.

    Raises
    ------
    TruncatedError, CorruptError
        The bytes break the format; `out` is then as it was.
    """
    out[...] = tile.decode_tile(model.weights, model.shapes, data.tobytes(), *out.shape)
