"""Codec: arrays <-> streams, by the native library; `astrocodec.stages.reference` is the same to be read."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec import codecs
from astrocodec._native import NativeModel, crc32c, native_model
from astrocodec._native import stream as native_stream
from astrocodec.arrays import as_array
from astrocodec.bounds import Bound, Loss, native_bound
from astrocodec.errors import CorruptError
from astrocodec.inspection import Buffer, codec_name, layers_of, reference_in, view_of
from astrocodec.model import Model, find_model, load_model
from astrocodec.references import References, as_reference, find_reference, leave
from astrocodec.stages.causal import CAUSAL
from astrocodec.stages.cuts import NO_CUTS, Cuts
from astrocodec.stages.pixels import DTYPES
from astrocodec.stages.planes import MAX_PIXELS
from astrocodec.stages.quantise import Quantised, find_steps
from astrocodec.stages.stream import (
    LOSS,
    MAX_AXES,
    MAX_SECTION,
    MODEL,
    NAME,
    OF_BYTES,
    OF_ELEMENTS,
    PARAMETERS,
    Header,
    Section,
    checksum,
)

LAYERS = ("denoised", "bounded", "lossless")


def _as_values(array: ArrayLike) -> NDArray[np.generic]:
    values = as_array(array)
    if values.dtype.str[1:] not in DTYPES:
        raise TypeError(
            f"dtype {values.dtype} found, allowed are {', '.join(DTYPES)}: convert the array or store it otherwise"
        )
    if values.ndim > MAX_AXES:
        raise ValueError(f"{values.ndim} axes found, at most {MAX_AXES} allowed: reshape the array")
    return np.require(values, values.dtype.newbyteorder("="), ["C", "A"])


def are_residuals(planes: str) -> bool:
    """Whether plain residuals are asked for, by the option that all writers have.

    >>> are_residuals("auto"), are_residuals("residuals")
    (False, True)
    """
    if planes not in ("auto", "residuals"):
        raise ValueError(f"planes is {planes!r}, allowed are 'auto', 'residuals'")
    return planes == "residuals"


def encode(
    array: ArrayLike,
    model: str | Path | bytes | Model | Sequence[str | Path | bytes | Model] = "default",
    *,
    codec: str = "causal",
    piece_shape: tuple[int, int] | None = None,
    workers: int = 1,
    embed_model: bool = True,
    self_contained: bool = False,
    thorough: bool = False,
    cut_hints: Cuts = NO_CUTS,
    planes: str = "auto",
    verify: bool = False,
    reference: ArrayLike | None = None,
    reference_name: str = "",
    embed_reference: bool = False,
    quantised: Quantised | None = None,
    max_error: float | str | None = None,
    noise_increase: float | str | None = None,
    bound: Bound | None = None,
    noise: ArrayLike | None = None,
    **options: Any,
) -> bytes:
    """Encode an array, losslessly unless a bound is given, or another codec is chosen that is not exact.

    Parameters
    ----------
    array : array_like
        Integers of 8 to 64 bits, floats of 16, 32 or 64, complex numbers of 64 or 128, or booleans; any byte order and
        strides, up to 32 axes. The last two are the planes of an image, cube or series.
    model : str, Path, bytes, Model or sequence of them, optional
        A shipped model's name, an ``.acm`` file, its bytes, or a model from `astrocodec.tune`; of several
        the one that gives the smallest stream is used.
    codec : str, optional
        ``"causal"``, the network; ``"visibility"`` or ``"flags"``, as `astrocodec.visibility` has them; or an installed
        codec's name (`astrocodec.codecs.list_codecs`). All take their own `options` and none of the following but
        `verify`.
    piece_shape : tuple of int, optional
        Height and width in pixels of the pieces that planes are cut into; where several whole planes fit, they share a
        piece. By default about 512 x 512.
    workers : int, optional
        Threads over pieces.
    embed_model : bool, optional
        Put a tuned model into the stream. Without it the reader must be given the model.
    self_contained : bool, optional
        Put the whole model into the stream, the default one too, so that a reader needs nothing but the format's
        description: some 34 kB more. A stream that would be larger than the bare elements is stored without a model.
    thorough : bool, optional
        Try every way to code a piece, not only those that look promising: up to twice the time.
    cut_hints : Cuts, optional
        Rows and columns of planes where the picture may break, such as borders of an overscan: `rows` and `columns`, of
        which 16 each are tried. Cut is only where that saves bytes.
    planes : str, optional
        ``"residuals"``: of each plane but the first its difference to the one before is coded, of the upper 16 bits,
        which are modelled, and modulo 65536: what codecs of ramps are compared with. By default planes are predicted
        from earlier ones where that is smaller, and axes put in another order.
    verify : bool, optional
        Decode the result and compare before returning it; with a codec that is not exact, see that it decodes.
    reference : array_like, optional
        Another array that tells something of this one: a superbias, dark or template, an earlier exposure or read.
        Integers or floats, of the shape of the array or of its last axes. It is used where that makes the stream
        smaller (`inspect` tells), of an array of integers; whoever decodes the stream then needs the very same array.
    reference_name : str, optional
        What to call the reference where it is missed, such as a file's name; at most 255 bytes.
    embed_reference : bool, optional
        Put the reference into the stream, where both together are smaller than the array alone.
    quantised : Quantised, optional
        How floats were made of integers, if that is known; its level and exceptions are found. It is used where that
        makes the stream smaller (`inspect` tells).
    max_error, noise_increase : float or str, optional
        LOSSY, within a bound that is checked of every element: `Bound` says what they are, docs/lossy.md how much one
        may lose. What `inspect` then tells in `loss` is what was lost. Nothing is where no noise is found.
    bound : Bound, optional
        The same with all that it has besides, in place of the two.
    noise : array_like, optional
        Noise of each element, with a bound, in its unit; where it is not above 0 and finite, the least of the others is
        taken. Without it that of blocks of 64 x 64 elements is measured.
    **options
        Of the codec.

    Returns
    -------
    bytes
        A stream; of the causal codec never larger than the array by more than 64 bytes.

    Raises
    ------
    TypeError
        The dtype is not supported, with a bound also those but integers of 8 to 32 bits, float32 and float64; or an
        option is not known.
    ValueError
        The array has more than 32 axes, or an option or a bound is outside its range.
    CodecNotFoundError
        There is no codec of this name here.

    Examples
    --------
    >>> import numpy as np, astrocodec
    >>> frame = np.random.default_rng(1).poisson(300, (256, 256)).astype(np.uint16)
    >>> stream = astrocodec.encode(frame)
    >>> bool((astrocodec.decode(stream) == frame).all()), len(stream) < frame.nbytes / 2
    (True, True)
    >>> lossy = astrocodec.encode(frame, noise_increase="2%")
    >>> loss = astrocodec.inspect(lossy).loss
    >>> len(lossy) < len(stream), loss.largest_error <= loss.max_error, loss.noise_increase < 0.021
    (True, True, True)
    """
    values = _as_values(array)
    bound = _bound_of(bound, max_error, noise_increase)
    if codec != "causal":
        ours = {
            "model": (model, "default"),
            "piece_shape": (piece_shape, None),
            "workers": (workers, 1),
            "embed_model": (embed_model, True),
            "self_contained": (self_contained, False),
            "thorough": (thorough, False),
            "cut_hints": (cut_hints, NO_CUTS),
            "planes": (planes, "auto"),
            "reference_name": (reference_name, ""),
            "embed_reference": (embed_reference, False),
            "quantised": (quantised, None),
            "max_error": (max_error, None),
            "noise_increase": (noise_increase, None),
        }
        # It may have options of these names; where it has none, it refuses them.
        options |= {name: value for name, (value, default) in ours.items() if value != default}
        given = {"reference": reference, "bound": bound, "noise": noise}
        options |= {name: value for name, value in given.items() if value is not None}
        if codec in codecs.ENCODERS:
            if noise_increase is not None:  # which is of the variance there
                del options["bound"]
            return _encode_visibilities(values, codec, options, verify)
        return _encode_foreign(values, codec, options, verify)
    if options:
        raise TypeError(f"the causal codec has no option {', '.join(options)}")
    if piece_shape is not None and (
        len(piece_shape) != 2 or min(piece_shape) < 1 or math.prod(piece_shape) > MAX_PIXELS
    ):
        raise ValueError(
            f"piece_shape {piece_shape} found, two sides of at least 1 and at most {MAX_PIXELS} pixels allowed"
        )
    if workers < 1:
        raise ValueError(f"workers is {workers}, at least 1 is needed")
    if self_contained and not embed_model:
        raise ValueError("self_contained puts the model into the stream, embed_model=False leaves it out: choose one")
    residuals = are_residuals(planes)
    models = _models_of(model)
    choices = [(native_model(m), _file_of(m, embed_model, self_contained)) for m in models]
    if bound:
        if reference is not None or quantised is not None or residuals or cut_hints != NO_CUTS:
            raise ValueError("with a bound there is no reference, quantised, planes and cut_hints: choose one")
        return _encode_bounded(choices, values, bound, noise, piece_shape, thorough, workers)
    if noise is not None:
        raise ValueError("noise says how much may be lost with max_error or noise_increase: give one of them")
    stream = native_stream.encode_stream(choices, values, piece_shape, thorough, workers, None, cut_hints, residuals)
    if reference is not None and values.size:
        beside = as_reference(reference, reference_name, values.shape)
        found = leave(values, beside, reference_name, models[0])
        if found:
            outside, left = found
            inner = b""
            if embed_reference:
                outside = dataclasses.replace(outside, embedded=True)
                inner = native_stream.encode_stream(choices, beside, None, thorough, workers)
            original = native_stream.Beside(outside.to_bytes(), values, inner)
            other = native_stream.encode_stream(
                *(choices, left, piece_shape, thorough, workers, original, cut_hints, residuals)
            )
            stream = min(stream, other, key=len)
    if quantised is not None and values.size:
        shifted, found_quantised = find_steps(values, quantised)
        section = found_quantised.to_bytes(values.dtype, values.shape)
        if len(section) <= MAX_SECTION:
            other = native_stream.encode_steps(choices, shifted, values, section, piece_shape, thorough, workers)
            stream = min(stream, other, key=len)
    if verify and not same_bits(decode(stream, models=models, workers=workers, reference=reference), values):
        raise CorruptError(
            "the stream does not decode to the array it was made from: please report this; nothing was written"
        )
    return stream


def _bound_of(bound: Bound | None, max_error: float | str | None, noise_increase: float | str | None) -> Bound | None:
    """The bound that is asked for in one way or the other."""
    if max_error is None and noise_increase is None:
        return bound
    if bound:
        raise ValueError("a bound and max_error or noise_increase are given: choose one")
    return Bound(max_error, noise_increase)


def _encode_bounded(
    choices: list[tuple[NativeModel, bytes]],
    values: NDArray[Any],
    bound: Bound,
    noise: ArrayLike | None,
    piece_shape: tuple[int, int] | None,
    thorough: bool,
    workers: int,
) -> bytes:
    given, beside = native_bound(values, bound, noise)
    return native_stream.encode_bounded(choices, values, given, beside, piece_shape, thorough, workers)


def _models_of(model: str | Path | bytes | Model | Sequence[str | Path | bytes | Model]) -> list[Model]:
    models = [load_model(one) for one in ([model] if isinstance(model, str | Path | bytes | Model) else model)]
    if not models:
        raise ValueError("no model given")
    return models


def choices_of(
    model: str | Path | bytes | Model | Sequence[str | Path | bytes | Model], embed_model: bool
) -> list[tuple[NativeModel, bytes]]:
    """Models to encode with, and what of each goes into the stream."""
    return [(native_model(one), _file_of(one, embed_model, False)) for one in _models_of(model)]


def same_bits(a: NDArray[np.generic], b: NDArray[np.generic]) -> bool:
    """Whether two arrays are equal in dtype, shape and every bit, NaN payloads and signs of zero included."""
    if a.dtype.newbyteorder("=") != b.dtype.newbyteorder("=") or a.shape != b.shape:
        return False
    first, second = (np.atleast_1d(np.ascontiguousarray(x, x.dtype.newbyteorder("="))) for x in (a, b))
    kind = f"u{min(8, a.dtype.itemsize)}"
    return bool(np.array_equal(first.view(kind), second.view(kind)))


def _check_options(name: str, encoder: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """TypeError for options that a codec does not take, a bound above all."""
    takes = list(signature(encoder).parameters.values())[1:]  # the first is the array
    if any(one.kind is Parameter.VAR_KEYWORD for one in takes):  # it refuses what it does not know
        return
    known = {one.name for one in takes if one.kind in (Parameter.KEYWORD_ONLY, Parameter.POSITIONAL_OR_KEYWORD)}
    if options.get("bound") and "bound" not in known:
        raise TypeError(
            f"codec {name} keeps no bound: leave it out, or take codec 'causal', or 'autoencoder' with its layers"
        )
    if unknown := sorted(set(options) - known):
        allowed = f"allowed are {', '.join(sorted(known))}" if known else "it has none"
        raise TypeError(f"codec {name} has no option {', '.join(unknown)}: leave it out; {allowed}")


def _encode_visibilities(values: NDArray[Any], name: str, options: dict[str, Any], verify: bool) -> bytes:
    """A stream of a codec of the C library that has an encoder of its own."""
    encoder = codecs.encoder_of(name)
    _check_options(name, encoder, options)
    stream = encoder(values, **options)
    if verify:
        decoded = decode(stream)
        if options.get("noise_increase") is None and not same_bits(decoded, values):
            raise CorruptError(f"codec {name} does not give the array back; nothing was written")
    return stream


def _encode_foreign(values: NDArray[Any], name: str, options: dict[str, Any], verify: bool) -> bytes:
    """A stream of a registered codec, which gives parameters and data."""
    codec = codecs.find_codec(name)
    _check_options(codec.name, codec.encode, options)
    values = values.view()
    values.flags.writeable = False  # it may be the caller's own memory, and is compared with afterwards
    parameters, data, *lost = codec.encode(values, **options)
    kind = OF_ELEMENTS if codec.exact else OF_BYTES
    sections = [Section(LOSS, Loss.read(loss).to_bytes()) for loss in lost]
    if codec.id not in codecs.LISTED:  # readers know ours by their id
        sections.append(Section(NAME, codecs.label(codec)))
    header = Header(codec.id, values.dtype, values.shape, parameters, tuple(sections), kind).to_bytes()
    stream = header + data + checksum(header, data, values if codec.exact else None, crc32c)
    if verify:
        decoded = decode(stream)
        if codec.exact and not same_bits(decoded, values):
            raise CorruptError(f"codec {codec.name} does not give the array back; nothing was written")
    return stream


def _decode_foreign(view: memoryview, header: native_stream.StreamHeader, device: str) -> NDArray[Any]:
    """What a registered codec makes of a stream; the checksum is not its business but ours."""
    codec = codecs.find_codec(header.codec, header.body_of(NAME) or b"")
    data, parameters = view[header.data], header.body_of(PARAMETERS) or b""
    head, said = view[: header.data.start], view[header.data.stop :]
    if header.checksum_kind == OF_BYTES and checksum(head, data, None, crc32c) != said:
        raise CorruptError(f"codec {codec.name}: the checksum of the stream's bytes differs: it is damaged")
    values = codec.decode(parameters, data, header.dtype, header.shape, device=device)
    if values.dtype != header.dtype or values.shape != header.shape:
        raise CorruptError(
            f"codec {codec.name}: gave {values.dtype} of shape {values.shape}, the stream holds {header.dtype} of "
            f"shape {header.shape}"
        )
    if header.checksum_kind == OF_ELEMENTS and checksum(head, data, values, crc32c) != said:
        raise CorruptError(f"codec {codec.name}: the checksum of the decoded elements differs: the stream is damaged")
    return values


def _is_first_of_several(header: native_stream.StreamHeader, layer: str) -> bool:
    """Whether a layer is one that others stand on, so that they need not be there; ValueError where there is none."""
    if layer not in LAYERS:
        raise ValueError(f"layer is {layer!r}, allowed are {', '.join(LAYERS)}")
    found = layers_of(header)
    if layer not in found:
        has = f"has {' and '.join(found)}" if found else "has no layers"
        raise ValueError(f"layer {layer!r} is asked for, the stream of codec {codec_name(header)} {has}: leave it out")
    return layer != found[-1]


def _decode_first_layer(view: memoryview, header: native_stream.StreamHeader, device: str) -> NDArray[Any]:
    """The layer that others stand on, which has a checksum of its own."""
    codec = codecs.find_codec(header.codec, header.body_of(NAME) or b"")
    assert isinstance(codec, codecs.LayeredCodec)
    data = view[header.data.start :]
    return codec.decode_first_layer(header.body_of(PARAMETERS) or b"", data, header.dtype, header.shape, device=device)


def _file_of(model: Model, embed_model: bool, self_contained: bool) -> bytes:
    """What goes into the stream of a model."""
    if self_contained:
        return model.to_bytes(whole=True)
    return model.to_bytes() if embed_model and not model.is_shipped else b""


def decode(
    stream: Buffer,
    *,
    models: Iterable[Model] = (),
    workers: int = 1,
    out: NDArray[Any] | None = None,
    device: str = "cpu",
    reference: References | None = None,
    layer: str | None = None,
) -> NDArray[Any]:
    """Decode a stream.

    Parameters
    ----------
    stream : bytes-like
        What `encode` returned, no byte more or less.
    models : iterable of Model, optional
        Tuned models that the stream may name.
    workers : int, optional
        Threads over pieces.
    out : ndarray, optional
        Where to put the pixels; dtype and shape must be the array's. What it holds after an error is not defined.
    device : str, optional
        Where a learned codec runs, as torch names it; the codecs of the C library run on the processor.
    reference : array_like, mapping or callable, optional
        The array that the stream was made beside (`inspect` tells which); or arrays by the SHA-256 of their elements,
        64 hex digits; or a function that is given the `ReferenceInfo` and returns the array, or None. A stream that
        needs none, or holds it, does not look at it.
    layer : str, optional
        Of a stream that has several (`inspect` tells which): ``"denoised"``, the picture without the noise, **not for
        photometry**, also of a stream that is cut behind it; ``"bounded"`` or ``"lossless"``, the elements themselves.
        By default all that is there.

    Returns
    -------
    ndarray
        dtype (native byte order) and shape of the original, and of exact codecs every bit.

    Raises
    ------
    TruncatedError, CorruptError, VersionError, FormatError
        The stream is not whole, or not one.
    ReferenceNotFoundError
        The reference is not given, or is another array.
    ModelNotFoundError, CodecNotFoundError
        It names a model or a codec that is not here.
    ValueError
        `out` does not fit, or the stream has not that layer.
    """
    view = view_of(stream)
    header = native_stream.inspect_stream(view)
    is_first = layer is not None and _is_first_of_several(header, layer)
    if header.defect is not None and not is_first:
        raise header.defect
    if out is not None and (out.dtype.newbyteorder("=") != header.dtype or out.shape != header.shape):
        raise ValueError(
            f"out has dtype {out.dtype} and shape {out.shape}, the stream holds {header.dtype} and {header.shape}"
        )
    if header.codec in codecs.NATIVE:
        is_direct = out is not None and out.dtype.isnative and out.flags.carray
        values = out if out is not None and is_direct else np.empty(header.shape, header.dtype)
        models, info = tuple(models), reference_in(header)
        known = [find_model(header.fingerprint, models, header.body_of(MODEL))] if header.codec == CAUSAL else []
        if info and info.embedded:  # with any of them
            known += models
        beside = find_reference(reference, info) if info and not info.embedded else None
        native_stream.decode_stream(view, [native_model(model) for model in known], values, workers, beside)
    else:
        values = (_decode_first_layer if is_first else _decode_foreign)(view, header, device)
    if out is None or values is out:
        return values
    out[...] = values
    return out
