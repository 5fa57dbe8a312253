"""`inspect`: what a stream tells of itself, without decoding it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from astrocodec import codecs
from astrocodec._native import stream as native_stream
from astrocodec.bounds import Loss
from astrocodec.errors import CodecNotFoundError, FormatError
from astrocodec.model import Model
from astrocodec.references import ReferenceInfo, info_of
from astrocodec.stages import varint
from astrocodec.stages.axes import read_order, turned_shape
from astrocodec.stages.causal import CAUSAL
from astrocodec.stages.cuts import Cuts
from astrocodec.stages.pixels import PixelMap
from astrocodec.stages.planes import planes_of
from astrocodec.stages.quantise import Quantised
from astrocodec.stages.stream import (
    AXES,
    CUTS,
    LOSS,
    MODEL,
    NAME,
    OF_ELEMENTS,
    PARAMETERS,
    QUANTISE,
    REFERENCE,
    SECTIONS,
)

Buffer: TypeAlias = "bytes | bytearray | memoryview[int] | NDArray[np.uint8]"


class SectionInfo(NamedTuple):
    """A section of a stream: id, name (empty where this version knows none), bytes, and whether it is critical."""

    id: int
    name: str
    n_bytes: int
    is_critical: bool


@dataclass(frozen=True)
class StreamInfo:
    """What a stream says of itself.

    Attributes
    ----------
    version : int
    codec : str
        ``"stored"``, ``"causal"``, or what the stream calls a codec that is not part of this package.
    codec_id : int
    exact : bool
        Whether decoding gives back the very elements that were encoded.
    checksum : str
        What it is of: ``"elements"`` or ``"bytes"``.
    dtype : numpy.dtype
    shape : tuple of int
    piece_shape : tuple of int
        ``(y, x)`` of the pieces that the causal codec cut the planes into; ``(0, 0)`` with other codecs.
    axes : tuple of int
        Order of the array's axes in which they were coded; the last two are the planes.
    holds : str
        What the elements are that their dtype does not say, such as ``"float32, but 6,402 values"``; that of the first
        plane where planes differ in it, else empty.
    cuts : Cuts
        ``rows`` and ``columns`` at which all planes are cut besides, tuples of int.
    model_fingerprint : str
        16 hex digits; empty with other codecs than the causal one.
    embedded_model : bool
        Whether the stream carries a model.
    low_bits : int
        Bits per pixel kept aside unmodelled.
    loss : Loss or None
        What the elements differ by from those that were encoded; None: not at all, unless `exact` is False.
    reference : ReferenceInfo or None
        The array that the stream was made beside, and that decoding needs where it is not embedded.
    layers : tuple of str
        What `decode` gives of the stream with ``layer=``, where its codec has layers and is installed: ``"denoised"``,
        not for photometry, and ``"bounded"`` or ``"lossless"``.
    parameters : dict
        What another codec, if it is installed, tells of its own.
    sections : tuple of SectionInfo
        All that the stream says beside type and shape.
    n_bytes : int
    bits_per_pixel : float
    """

    version: int
    codec: str
    codec_id: int
    exact: bool
    checksum: str
    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    piece_shape: tuple[int, int]
    axes: tuple[int, ...]
    holds: str
    cuts: Cuts
    model_fingerprint: str
    embedded_model: bool
    low_bits: int
    loss: Loss | None
    reference: ReferenceInfo | None
    layers: tuple[str, ...]
    parameters: Mapping[str, object]
    sections: tuple[SectionInfo, ...]
    n_bytes: int
    bits_per_pixel: float


def view_of(stream: Buffer) -> memoryview:
    whole = memoryview(stream)  # type: ignore[arg-type]
    return whole.cast("B") if whole.nbytes else memoryview(b"")


def inspect_whole(stream: Buffer) -> tuple[memoryview, native_stream.StreamHeader]:
    """The bytes and the header of a stream that is whole, so that memory may be taken for what it holds."""
    view = view_of(stream)
    header = native_stream.inspect_stream(view)
    if header.defect is not None:
        raise header.defect
    return view, header


def loss_of(header: native_stream.StreamHeader) -> Loss | None:
    """What was lost, as a header says."""
    section = header.body_of(LOSS)
    return None if section is None else Loss.read(section)


def reference_in(header: native_stream.StreamHeader) -> ReferenceInfo | None:
    section = header.body_of(REFERENCE)
    return None if section is None else info_of(section, header.dtype, header.shape)


def layers_of(header: native_stream.StreamHeader) -> tuple[str, ...]:
    """What a stream can be decoded to, the least first; nothing where its codec has no layers."""
    if header.codec in codecs.NATIVE:
        return ()
    codec = codecs.find_codec(header.codec, header.body_of(NAME) or b"")
    if not isinstance(codec, codecs.LayeredCodec):
        return ()
    return codec.layers(header.body_of(PARAMETERS) or b"")


def _holds(header: native_stream.StreamHeader) -> str:
    if header.codec != CAUSAL:
        return ""
    section = header.body_of(QUANTISE)
    if section is not None:
        head = varint.Reader(memoryview(section))
        return Quantised.read_head(head, header.dtype, header.shape)[0].describe(header.dtype)
    parameters = varint.Reader(memoryview(header.body_of(PARAMETERS) or b""), 8)  # behind the fingerprint
    return PixelMap.read(parameters, lambda _, count: np.zeros(count, np.uint64)).describe(header.dtype)


def inspect(stream: Buffer) -> StreamInfo:
    """What a stream holds, without decoding it.

    Raises
    ------
    FormatError
        It is not a stream, or its header is damaged.

    Examples
    --------
    >>> import numpy as np, astrocodec
    >>> info = astrocodec.inspect(astrocodec.encode(np.zeros((64, 64), np.int16)))
    >>> info.codec, info.exact, info.shape, str(info.dtype)
    ('causal', True, (64, 64), 'int16')
    """
    view = view_of(stream)
    header = native_stream.inspect_stream(view)
    axes = read_order(header.body_of(AXES) if header.codec == CAUSAL else None, len(header.shape))
    planes = planes_of(turned_shape(header.shape, axes))
    try:
        layers = layers_of(header)
    except (CodecNotFoundError, FormatError):  # all else is told
        layers = ()
    return StreamInfo(
        version=header.version,
        codec=codec_name(header),
        codec_id=header.codec,
        exact=(header.checksum_kind == OF_ELEMENTS and header.body_of(LOSS) is None) or "lossless" in layers,
        checksum="elements" if header.checksum_kind == OF_ELEMENTS else "bytes",
        dtype=header.dtype,
        shape=header.shape,
        piece_shape=header.piece_shape,
        axes=axes,
        holds=_holds(header),
        cuts=Cuts.read(header.body_of(CUTS) if header.codec == CAUSAL else None, *planes[1:]),
        model_fingerprint=header.fingerprint,
        embedded_model=header.body_of(MODEL) is not None,
        low_bits=header.low_bits,
        loss=loss_of(header),
        reference=reference_in(header),
        layers=layers,
        parameters=_parameters(header),
        sections=tuple(
            SectionInfo(found, SECTIONS.get(found, ""), len(body), is_critical)
            for found, is_critical, body in header.sections
        ),
        n_bytes=len(view),
        bits_per_pixel=8 * len(view) / max(1, math.prod(header.shape)),
    )


def embedded_model(stream: Buffer) -> Model | None:
    """The model that a stream holds, None where it holds none."""
    file = native_stream.inspect_stream(view_of(stream)).body_of(MODEL)
    return None if file is None else Model.from_bytes(bytes(file))


def codec_name(header: native_stream.StreamHeader) -> str:
    """What this package or the stream calls a codec."""
    name, _ = codecs.read_label(header.body_of(NAME) or b"")
    return codecs.LISTED.get(header.codec) or name or f"codec {header.codec}"


def codec_of(stream: Buffer) -> str:
    """Name and id of a stream's codec, for people; empty where it is no stream."""
    try:
        header = native_stream.inspect_stream(view_of(stream))
    except FormatError:
        return ""
    research = ", research" if header.codec in codecs.RESEARCH else ""
    return f"{codec_name(header)} (id {header.codec}{research})"


def reference_of(stream: Buffer) -> str:
    """What the reference of a stream was called, and whether it is needed; empty where it has none or is no stream."""
    try:
        info = reference_in(native_stream.inspect_stream(view_of(stream)))
    except FormatError:
        return ""
    return "" if info is None else f"{info.name or info.sha256}{', which is inside' if info.embedded else ''}"


def needed_reference(stream: Buffer) -> str:
    """The name of the reference without which a stream gives no elements; empty where it needs none or is no stream."""
    try:
        info = reference_in(native_stream.inspect_stream(view_of(stream)))
    except FormatError:
        return ""
    return "" if info is None or info.embedded else info.name or info.sha256


def stated_loss(stream: Buffer) -> Loss | None:
    """What the head of a stream says was lost.

    Raises
    ------
    FormatError
        The head is damaged, or not all there.
    """
    return loss_of(native_stream.inspect_stream(view_of(stream)))


def _parameters(header: native_stream.StreamHeader) -> Mapping[str, object]:
    """What a registered codec says of its parameters; nothing where it is not here."""
    if header.codec in codecs.NATIVE:
        return {}
    try:
        codec = codecs.find_codec(header.codec, header.body_of(NAME) or b"")
    except CodecNotFoundError:
        return {}
    try:
        return codec.inspect(header.body_of(PARAMETERS) or b"")
    except Exception as error:  # damaged parameters; all else is told
        return {"error": f"{type(error).__name__}: {error}"}
