"""The quantiser and the codecs of standard tiles that astropy has inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fits_tiles.hooks.astropy_names import astropy_module

__all__ = ["c_decoder", "c_encoder", "dequantize", "quantize", "standard_codec"]


def quantize(
    pixels: npt.NDArray[Any], row: int, level: float, method: int, bitpix: int
) -> tuple[npt.NDArray[np.int32], float, float] | None:
    """
    Quantise a tile of floats, free of NaN, with astropy's quantiser: integers, scale and zero; None where that fails.

    `row` is the number of the tile plus the dither seed, 0 without dither, `level` are steps per sigma of the noise, or
    minus the step.
    """
    quantization = astropy_module("compressed._quantization")
    coder = quantization.Quantize(row=row, dither_method=method, quantize_level=level, bitpix=bitpix)
    try:
        integers, scale, zero = coder.encode_quantized(pixels)
    except quantization.QuantizationFailedException:
        return None
    return integers.reshape(pixels.shape), scale, zero


def dequantize(
    integers: npt.NDArray[np.int32], row: int, scale: float, zero: float, method: int, bitpix: int
) -> npt.NDArray[Any]:
    """Undo `quantize`; the result has the shape of `integers`."""
    coder = astropy_module("compressed._quantization").Quantize(
        row=row, dither_method=method, quantize_level=None, bitpix=bitpix
    )
    return np.asarray(coder.decode_quantized(integers, scale, zero)).reshape(integers.shape)


def standard_codec(algorithm: str, itemsize: int, pixels: int) -> Any:
    """Return astropy's codec for ``RICE_1``, ``GZIP_1`` or ``GZIP_2`` tiles of this many pixels."""
    codecs = astropy_module("compressed._codecs")
    if algorithm == "RICE_1":
        return codecs.Rice1(blocksize=32, bytepix=itemsize, tilesize=pixels)
    return codecs.Gzip2(itemsize=itemsize) if algorithm == "GZIP_2" else codecs.Gzip1()


def c_decoder(name: str) -> Callable[..., bytes]:
    """Return astropy's function in C that decodes ``rice``, ``plio`` or ``hcompress`` tiles."""
    function: Callable[..., bytes] = getattr(astropy_module("compressed._compression"), f"decompress_{name}_1_c")
    return function


def c_encoder(name: str) -> Callable[..., bytes]:
    """Return astropy's function in C that codes ``rice``, ``plio`` or ``hcompress`` tiles."""
    function: Callable[..., bytes] = getattr(astropy_module("compressed._compression"), f"compress_{name}_1_c")
    return function
