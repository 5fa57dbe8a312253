"""The codecs that ours is compared with, lossless and on one thread, behind one pair of functions.

A codec takes a stack of planes, shape (planes, rows, columns), and gives a list of byte strings. JPEG-LS, JPEG-2000
and JPEG-XL code plane by plane and take unsigned pixels of at most 16 bits; `to_unsigned` brings others there.
"""

import io
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from astrocodec.bench.fits_size import charged_bytes

Stack = NDArray[Any]

# The tile shape of astrocodec's own FITS door, so that no codec is charged for smaller tiles.
TILE_SHAPE = (1, 512, 512)


class NotApplicableError(Exception):
    """The codec cannot hold these pixels."""


@dataclass(frozen=True)
class Peer:
    """A lossless codec."""

    name: str  # as printed in tables
    encode: Callable[[Stack], list[bytes]]
    decode: Callable[[list[bytes], Stack], Stack]  # takes a stack of the type and shape to restore, too
    charge: Callable[[bytes], int] = len  # bytes charged for one byte string
    slow: bool = False  # left out unless asked for by name
    # what was done to a stack that the codec does not take as it is; empty where nothing was
    remark: Callable[[Stack], str] = lambda stack: ""


@dataclass(frozen=True)
class Measurement:
    """What one codec needed for one image; None where it does not apply."""

    codec: str
    n_bytes: int | None
    encode_seconds: float | None  # CPU time of the process, median of the repetitions
    decode_seconds: float | None
    note: str = ""  # what was done to the pixels first, or why the codec does not apply


def to_unsigned(stack: Stack) -> tuple[Stack, int]:
    """Bring integers into planes of uint8 or uint16 without loss.

    Parameters
    ----------
    stack : numpy.ndarray
        Integers, shape (planes, rows, columns).

    Returns
    -------
    unsigned : numpy.ndarray
        uint8 and uint16 as they were, everything else as uint16. Pixels that span more than 65536 values become
        twice as many planes: the low halves, then the high halves.
    offset : int
        What was subtracted.

    Raises
    ------
    NotApplicableError
        Where the pixels are not integers or span more than 32 bits.
    """
    if stack.dtype.kind not in "iu":
        raise NotApplicableError(f"pixels are {stack.dtype.name}; the codec takes integers")
    if stack.dtype.name in ("uint8", "uint16"):
        return stack, 0
    low, high = int(stack.min()), int(stack.max())
    if high - low < 2**16:
        offset = 0 if low >= 0 and high < 2**16 else low
        return (stack.astype(np.int64) - offset).astype(np.uint16), offset
    # The usual values in the middle of the low half: its planes then wrap around at outliers only.
    offset = int(np.median(stack)) - 2**15
    wide = stack.astype(np.int64) - offset
    if wide.min() < -(2**31) or wide.max() >= 2**31:
        raise NotApplicableError(f"pixels span {high - low + 1} values; the codec takes 2**32")
    halves = wide & 0xFFFF, (wide >> 16) & 0xFFFF
    return np.concatenate(halves).astype(np.uint16), offset


def from_unsigned(planes: Stack, offset: int, like: Stack) -> Stack:
    """Undo `to_unsigned`; `like` is a stack of the type and shape to restore."""
    if planes.size == like.size:
        values = planes.reshape(like.shape).astype(np.int64)
    else:
        low, high = planes.reshape(2, *like.shape)
        values = low.astype(np.int64) | (high.astype(np.int16).astype(np.int64) << 16)
    return (values + offset).astype(like.dtype)


def _remark(stack: Stack) -> str:
    """Say what `to_unsigned` does to a stack."""
    unsigned, offset = to_unsigned(stack)
    if len(unsigned) > len(stack):
        return f"low and high halves of value - ({offset})"
    return f"value - ({offset})" if offset else ""


def _encode_planes(encode: Callable[[Stack], bytes | bytearray], stack: Stack) -> list[bytes]:
    """Encode plane by plane, after `to_unsigned`."""
    unsigned, _ = to_unsigned(stack)
    return [bytes(encode(np.ascontiguousarray(plane))) for plane in unsigned]


def _decode_planes(decode: Callable[[bytes], Stack], streams: list[bytes], like: Stack) -> Stack:
    """Undo `_encode_planes`."""
    _, offset = to_unsigned(like)  # a container would store these few bytes; they are not charged
    planes = np.stack([decode(stream) for stream in streams])
    return planes if like.dtype == planes.dtype else from_unsigned(planes, offset, like)


def _image_codec(
    name: str, encode: Callable[..., bytes | bytearray], decode: Callable[..., Stack], slow: bool = False
) -> Peer:
    """Wrap a codec of single unsigned planes."""
    return Peer(name, partial(_encode_planes, encode), partial(_decode_planes, decode), slow=slow, remark=_remark)


def _zstd_encode(level: int, stack: Stack) -> list[bytes]:
    """Compress the pixels' first bytes, then their second ones, and so on."""
    import zstandard

    by_pixel = np.ascontiguousarray(stack).view(np.uint8).reshape(-1, stack.dtype.itemsize)
    return [zstandard.ZstdCompressor(level=level).compress(by_pixel.T.tobytes())]


def _zstd_decode(streams: list[bytes], like: Stack) -> Stack:
    """Undo `_zstd_encode`."""
    import zstandard

    by_byte = np.frombuffer(zstandard.ZstdDecompressor().decompress(streams[0]), np.uint8)
    by_pixel = np.ascontiguousarray(by_byte.reshape(like.dtype.itemsize, -1).T)
    return by_pixel.view(like.dtype).reshape(like.shape)


def _bitshuffle_encode(stack: Stack) -> list[bytes]:
    """Compress the pixels' bits, those of one place in blocks of pixels together, at level 19."""
    import imagecodecs

    shuffled = imagecodecs.bitshuffle_encode(stack.tobytes(), itemsize=stack.dtype.itemsize)
    return [bytes(imagecodecs.zstd_encode(shuffled, level=19))]


def _bitshuffle_decode(streams: list[bytes], like: Stack) -> Stack:
    """Undo `_bitshuffle_encode`."""
    import imagecodecs

    shuffled = imagecodecs.zstd_decode(streams[0])
    raw = imagecodecs.bitshuffle_decode(shuffled, itemsize=like.dtype.itemsize)
    return np.frombuffer(raw, like.dtype).reshape(like.shape)


def _pcodec_encode(stack: Stack) -> list[bytes]:
    """Pcodec at its best level."""
    import imagecodecs

    return [bytes(imagecodecs.pcodec_encode(stack, level=12))]


def _pcodec_decode(streams: list[bytes], like: Stack) -> Stack:
    """Undo `_pcodec_encode`."""
    import imagecodecs

    return np.asarray(imagecodecs.pcodec_decode(streams[0], shape=like.shape, dtype=like.dtype))


def _float_planes(name: str, encode: Callable[..., bytes | bytearray], decode: Callable[..., Stack]) -> Peer:
    """Wrap a codec of single planes of floats."""

    def whole(stack: Stack) -> list[bytes]:
        return [bytes(encode(np.ascontiguousarray(plane))) for plane in stack]

    def back(streams: list[bytes], like: Stack) -> Stack:
        return np.stack([np.asarray(decode(stream)) for stream in streams])

    return Peer(name, whole, back)


def float_peers() -> list[Peer]:
    """List the lossless codecs of floats; they need the package's extra ``[bench]``."""
    import imagecodecs

    return [
        Peer("zstd 19 shuffled", partial(_zstd_encode, 19), _zstd_decode),
        Peer("zstd 19 bitshuffled", _bitshuffle_encode, _bitshuffle_decode),
        Peer("pcodec", _pcodec_encode, _pcodec_decode),
        _float_planes("ZFP reversible", partial(imagecodecs.zfp_encode, mode="reversible"), imagecodecs.zfp_decode),
        _float_planes(
            "JPEG-XL 7",
            partial(imagecodecs.jpegxl_encode, effort=7, lossless=True, numthreads=1),
            partial(imagecodecs.jpegxl_decode, numthreads=1),
        ),
    ]


def _fits_encode(compression: str, stack: Stack) -> list[bytes]:
    """Write a tile-compressed FITS file with astropy."""
    tile_shape = tuple(min(tile, side) for tile, side in zip(TILE_SHAPE, stack.shape, strict=True))
    target = io.BytesIO()
    try:
        hdu = fits.CompImageHDU(stack, compression_type=compression, tile_shape=tile_shape)
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(target)
    except (ValueError, TypeError) as error:
        raise NotApplicableError(f"astropy: {error}") from error
    return [target.getvalue()]


def _fits_decode(streams: list[bytes], like: Stack) -> Stack:
    """Read it back with astropy."""
    with fits.open(io.BytesIO(streams[0])) as hdus:
        return np.asarray(hdus[1].data).reshape(like.shape)


def fits_codec(name: str) -> Peer:
    """Wrap a tile compression of the FITS standard, such as ``RICE_1``, which needs astropy only."""
    return Peer(name, partial(_fits_encode, name), _fits_decode, charge=charged_bytes)


def _jpegxl(effort: int) -> Peer:
    """JPEG-XL at an effort, whole planes."""
    import imagecodecs

    return _image_codec(
        f"JPEG-XL {effort}",
        partial(imagecodecs.jpegxl_encode, effort=effort, lossless=True, numthreads=1),
        partial(imagecodecs.jpegxl_decode, numthreads=1),
        slow=effort > 9,
    )


def all_peers() -> dict[str, Peer]:
    """List the codecs by name, in the order of tables; they need the package's extra ``[bench]``."""
    try:
        import imagecodecs
    except ImportError as error:
        raise ImportError("the benchmarks need imagecodecs: pip install 'astrocodec[bench]'") from error
    jpeg2000_encode = partial(imagecodecs.jpeg2k_encode, level=0, reversible=True, codecformat="j2k", numthreads=1)
    peers = [
        *(fits_codec(name) for name in ("RICE_1", "HCOMPRESS_1", "GZIP_2")),
        Peer("zstd 9 shuffled", partial(_zstd_encode, 9), _zstd_decode),
        _image_codec("JPEG-LS", imagecodecs.jpegls_encode, imagecodecs.jpegls_decode),
        _image_codec("JPEG-2000", jpeg2000_encode, partial(imagecodecs.jpeg2k_decode, numthreads=1)),
        *(_jpegxl(effort) for effort in (7, 9, 10)),
    ]
    return {peer.name: peer for peer in peers}


def choose_peers(names: Iterable[str] = ()) -> list[Peer]:
    """Pick codecs by name, in the order asked for; by default all but the slow ones."""
    known = all_peers()
    wanted = list(names) or [name for name, peer in known.items() if not peer.slow]
    for name in wanted:
        if name not in known:
            raise KeyError(f"no codec is called {name!r}; known are {', '.join(known)}")
    return [known[name] for name in wanted]


def measure(peer: Peer, stack: Stack, repeats: int = 1) -> Measurement:
    """Encode and decode an image, check that it comes back, and count.

    An AssertionError says that the codec gave back other pixels: it would then be no peer.
    """
    encode_times, decode_times = [], []
    try:
        for _ in range(repeats):
            start = time.process_time()
            streams = peer.encode(stack)
            middle = time.process_time()
            restored = peer.decode(streams, stack)
            encode_times.append(middle - start)
            decode_times.append(time.process_time() - middle)
    except (NotApplicableError, RuntimeError, ValueError) as error:
        return Measurement(peer.name, None, None, None, " ".join(str(error).split()) or type(error).__name__)
    if restored.dtype != stack.dtype or restored.tobytes() != stack.tobytes():
        raise AssertionError(f"{peer.name} gave back other pixels than the {stack.shape} {stack.dtype} it was given")
    size = sum(peer.charge(stream) for stream in streams)
    return Measurement(peer.name, size, median(encode_times), median(decode_times), peer.remark(stack))
