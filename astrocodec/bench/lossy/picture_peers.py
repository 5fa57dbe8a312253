"""JPEG-XL, JPEG-2000 and JPEG-LS at a loss: codecs of pictures, which take unsigned integers."""

from __future__ import annotations

import numpy as np

from astrocodec.bench.lossy.peer import Coded, Image, LossyPeer, NotApplicableError, without_holes

__all__ = ["picture_peers"]

_TOP = 65535


def _to_16_bits(image: Image) -> tuple[Image, float, float, str]:
    """Stretch an image over 16 bits, or shift integers that fit; also the least value, the factor, and a note."""
    if image.dtype.kind in "iu" and int(image.max()) - int(image.min()) <= _TOP:
        shift = 0 if image.dtype.kind == "u" and image.max() <= _TOP else int(image.min())
        return (image.astype(np.int64) - shift).astype(np.uint16), shift, 1.0, f"value - ({shift})" if shift else ""
    whole, note = without_holes(image)
    low, high = float(whole.min()), float(whole.max())
    factor = _TOP / (high - low) if high > low else 1.0
    scaled = np.rint((whole.astype(np.float64) - low) * factor).astype(np.uint16)
    stretched = "stretched over 16 bits"
    return scaled, low, factor, f"{stretched}; {note}" if note else stretched


def _from_16_bits(pixels: Image, low: float, factor: float, image: Image) -> Image:
    """Undo it, in the type of the image."""
    back = pixels.astype(np.float64) / factor + low
    if image.dtype.kind != "f":
        limits = np.iinfo(image.dtype)
        return np.clip(np.rint(back), limits.min, limits.max).astype(image.dtype)
    return np.where(np.isfinite(image), back, image).astype(image.dtype)


def _jpegxl(image: Image, level: float, noise: float) -> Coded:
    """JPEG-XL at a distance, which is one of seeing, not of noise."""
    import imagecodecs

    scaled, low, factor, note = _to_16_bits(image)
    data = imagecodecs.jpegxl_encode(scaled, distance=level, effort=7, lossless=False, numthreads=1)
    pixels = imagecodecs.jpegxl_decode(data, numthreads=1)
    return Coded(len(data), _from_16_bits(pixels, low, factor, image), None, note)


def _jpeg2000(image: Image, level: float, noise: float) -> Coded:
    """JPEG-2000 at the PSNR at which the error's root mean square is `level` times the noise."""
    import imagecodecs

    scaled, low, factor, note = _to_16_bits(image)
    psnr = 20 * np.log10(_TOP / max(level * noise * factor, 1e-3))
    data = imagecodecs.jpeg2k_encode(scaled, level=round(float(psnr)), codecformat="j2k", numthreads=1)
    pixels = imagecodecs.jpeg2k_decode(data, numthreads=1)
    return Coded(len(data), _from_16_bits(pixels, low, factor, image), None, note)


def _jpegls(image: Image, level: float, noise: float) -> Coded:
    """JPEG-LS near-lossless: integers, off by no more than `level` times the noise, rounded down."""
    import imagecodecs

    if image.dtype.kind not in "iu":
        raise NotApplicableError(f"pixels are {image.dtype.name}; the codec takes integers")
    unsigned, low, factor, note = _to_16_bits(image)
    near = int(level * noise)
    if not 1 <= near <= 255 or factor != 1:
        raise NotApplicableError("the error is below 1 or above 255, or the pixels span more than 16 bits")
    data = imagecodecs.jpegls_encode(unsigned, level=near)
    return Coded(len(data), _from_16_bits(imagecodecs.jpegls_decode(data), low, factor, image), float(near), note)


def picture_peers() -> list[LossyPeer]:
    """List them; only their streams are charged."""
    return [
        LossyPeer("JPEG-2000", (0.036, 0.072, 0.144, 0.29), "sigma rms", _jpeg2000),
        LossyPeer("JPEG-XL", (0.01, 0.03, 0.1, 0.3), "distance", _jpegxl),
        LossyPeer("JPEG-LS near", (0.125, 0.25, 0.5, 1.0), "sigma", _jpegls, "fiu"),
    ]
