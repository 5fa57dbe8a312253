"""Denoising autoencoder: the codec whose image is the denoised one (docs/format.md section "Autoencoder").

After Gheller & Vazza 2022 (MNRAS 509, 990). The latent, in whole numbers, is coded; what decodes is what the network
takes for the sky, and it is **not for photometry**: faint sources are pulled towards nothing and bright peaks dimmed,
by what the model's card tells. All of it is in whole numbers, so that every machine decodes the very same floats.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec._native.stream import inspect_stream
from astrocodec.bounds import Bound, Loss
from astrocodec.codec import encode
from astrocodec.codecs import TORCH_INSTALL
from astrocodec.errors import CorruptError, ModelNotFoundError
from astrocodec.inspection import Buffer
from astrocodec.lossy.autoencoder_model import Model, model_of
from astrocodec.lossy.autoencoder_pixels import FLOOR_PART, Span, noise_of
from astrocodec.lossy.autoencoder_stream import HEAD_SIZE, MAX_ENCODINGS, Parameters, base_and_residual, joined
from astrocodec.lossy.latent_contexts import ANYWHERE, REACH, put_latents, take_latents, thinned
from astrocodec.lossy.lattice_coder import LatticeDecoder, LatticeEncoder
from astrocodec.lossy.residual_layer import models_for, residual_stream, restored
from astrocodec.lossy.weights import find_weights
from astrocodec.model import Model as CausalModel
from astrocodec.stages.stream import PARAMETERS

ID = 64
LABEL = "denoised, not for photometry"
BASE_SHARE = 0.03
_CAUTION = 0.9  # of that share, since a residual changes a little where its base does
# How a base that is to take fewer bytes is thinned, until it does: worth of a squared step, largest symbol, and where.
# Below 0 all symbols up to the largest go; from 0 on the stream itself says whether it is small enough.
_THINNER = (
    *((worth, 1, 1) for worth in (6.0, 5.0, 4.0, 3.0, 2.0, 1.0)),
    *((worth, 1, ANYWHERE) for worth in (3.0, 2.0, 1.0)),
    *((worth, REACH, ANYWHERE) for worth in (2.5, 2.0, 1.5, 1.0, 0.0)),
    *((-0.1, largest, ANYWHERE) for largest in (4, 5, 6, 8, REACH)),
)
_MEASURED = 2.0  # worth down to which weights tell what a base does to bright sources


def _turned(plane: NDArray[Any], number: int) -> NDArray[Any]:
    """One of the eight ways to lay down a picture: quarter turns, and those of its mirror image."""
    turned = np.rot90(plane, number % 4)
    return turned[::-1] if number >= 4 else turned


def _turned_back(plane: NDArray[Any], number: int) -> NDArray[Any]:
    return np.rot90(plane[::-1] if number >= 4 else plane, -(number % 4))


def _planes(values: NDArray[Any]) -> NDArray[Any]:
    """[plane, y, x]."""
    return values.reshape(-1, *values.shape[-2:])


def _noise(plane: NDArray[Any], given: float | None) -> float:
    """Noise of a plane as float32; of one that has none, what its values allow."""
    noise = noise_of(plane) if given is None else given
    noise = noise or float(plane.std()) or float(np.abs(plane).max()) / 256.0 or 1.0
    return float(np.clip(np.float32(noise), np.finfo(np.float32).tiny, np.finfo(np.float32).max / 2**24))


def _checked(values: NDArray[Any], encodings: int, noise: float | None) -> None:
    if values.ndim < 2 or not values.size or values.dtype.kind not in "iuf":
        raise ValueError(
            f"codec autoencoder: {values.dtype} of shape {values.shape} found, allowed are integers and floats of at "
            "least two axes, and pixels"
        )
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(
            "codec autoencoder: the image has pixels that are NaN or infinite; fill them, or take a codec that can"
        )
    if not 1 <= encodings <= MAX_ENCODINGS:
        raise ValueError(f"encodings is {encodings}, allowed are 1 to {MAX_ENCODINGS}")
    if noise is not None and not 0 < noise < math.inf:
        raise ValueError(f"noise is {noise}, allowed are positive numbers in the unit of the pixels")


def _coded(latents: list[NDArray[np.int64]], model: Model) -> bytes:
    coder = LatticeEncoder()
    for latent in latents:
        put_latents(coder, latent, model.tables)
    return coder.to_bytes()


def _thinness(how: tuple[float, int, int]) -> int:
    """What parameters say of it: of faint latents, of bright ones too, or more than was measured."""
    return 1 if how[1] == 1 else 2 if how[0] >= _MEASURED else 3


def _residual(
    values: NDArray[Any],
    said: Parameters,
    base: bytes,
    bound: Bound | None,
    models: list[str | CausalModel],
    device: str,
) -> tuple[bytes, Loss | None]:
    """What a base leaves, and what the image loses by it."""
    image = _image(said.to_bytes(), memoryview(base), values.dtype, values.shape, device)
    return residual_stream(values, image, bound, models)


class Autoencoder:
    """The codec; see `astrocodec.codecs.Codec`."""

    id = ID
    name = "autoencoder"
    exact = False
    install = TORCH_INSTALL

    def encode(
        self,
        values: NDArray[Any],
        /,
        *_: Any,
        model: str | Path = "autoencoder",
        encodings: int = 1,
        noise: float | None = None,
        bound: Bound | None = None,
        lossless: bool = False,
        base_share: float = BASE_SHARE,
        device: str = "cpu",
        **options: Any,
    ) -> tuple[bytes, bytes] | tuple[bytes, bytes, bytes]:
        """Parameters and data of images, and of a layer within a bound what they lost.

        Parameters
        ----------
        values : ndarray of integers or floats, [..., y, x]
            Finite, without a background: sky is at zero.
        model : str or Path
            Name of the weights: ``"autoencoder"`` for white noise, ``"autoencoder_clean"`` for images after CLEAN, or a
            file.
        encodings : int
            How many encodings of the image, turned and mirrored, are kept, 1 to 8; decoding stacks them.
        noise : float, optional
            Of the image, in the unit of its pixels, root mean square; measured by default.
        bound : Bound, optional
            What `max_error` and `noise_increase` of `astrocodec.encode` ask for: a second layer holds what the denoised
            image leaves of the image, within it, and the stream decodes to the image, or with ``layer="denoised"`` to
            the first.
        lossless : bool
            The second layer leaves nothing out.
        base_share : float
            By what part a stream with a residual may be larger than one of the image alone: where it would be, latents
            of the base are brought nearer to zero, first those that save most, until it is not or nothing is left but
            the brightest. Above 0; 1 leaves the base as it is.
        device : str
            Where the networks run; the bytes are the same.
        """
        if lossless and bound is not None:
            raise ValueError("lossless and a bound are given: choose one")
        options = {name: value for name, value in options.items() if name not in ("max_error", "noise_increase")}
        if options:
            raise TypeError(f"codec autoencoder has no option {', '.join(options)}")
        if not base_share > 0:
            raise ValueError(f"base_share is {base_share}, it must be above 0")
        _checked(values, encodings, noise)
        chosen = model_of(find_weights(model))
        latents, planes = [], []
        for plane in _planes(values):
            level = _noise(plane, noise)
            span = Span.of(plane.astype(np.float64), level) if chosen.is_dense else None
            planes.append((level, span.low, span.high) if span else (level, 0, 1))
            for number in range(encodings):
                latents.append(chosen.encode(_turned(plane.astype(np.float64), number), level, span, device))
        found, base = Parameters(chosen.fingerprint, encodings, 0, "", 0.0, tuple(planes)), _coded(latents, chosen)
        if not lossless and bound is None:
            return found.to_bytes(), base
        models = [] if bound is None else models_for(values, bound)
        rest, loss = _residual(values, found, base, bound, models, device)
        alone = len(rest) if bound is None else min(len(rest), len(encode(values, models, bound=bound)))
        most, around = base_share * alone, len(found.to_bytes()) + HEAD_SIZE - alone
        least = (len(base) + len(rest) + around, found, base, rest, loss)
        for how in _THINNER if least[0] > _CAUTION * most else ():
            base = _coded([thinned(latent, chosen.table_weights, *how) for latent in latents], chosen)
            if len(base) + len(least[3]) + around > _CAUTION * most and how[0] > 0:
                continue
            found = replace(found, thinned=_thinness(how))
            rest, loss = _residual(values, found, base, bound, models, device)
            least = min(least, (len(base) + len(rest) + around, found, base, rest, loss), key=lambda one: one[0])
            if least[0] <= most:
                break
        found, base, rest, loss = least[1:]
        residual = ("bounded", loss.max_error) if loss else ("lossless", 0.0)
        said = replace(found, residual=residual[0], max_error=residual[1]).to_bytes()
        data = joined(said, base, rest, values.dtype, values.shape)
        return (said, data, loss.to_bytes()) if loss else (said, data)

    def decode(
        self, parameters: bytes, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...], *, device: str
    ) -> NDArray[Any]:
        """The denoised images, or where there is a residual the images themselves."""
        said = Parameters.read(parameters)
        if not said.residual:
            return _image(parameters, data, dtype, shape, device)
        base, rest = base_and_residual(parameters, data, dtype, shape)
        return restored(rest, _image(parameters, base, dtype, shape, device), said.max_error)

    def layers(self, parameters: bytes) -> tuple[str, ...]:
        """What a stream can be decoded to, the least first."""
        residual = Parameters.read(parameters).residual
        return ("denoised", residual) if residual else ("denoised",)

    def decode_first_layer(
        self, parameters: bytes, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...], *, device: str
    ) -> NDArray[Any]:
        """The denoised images of a stream with a residual, of which only the base need be there."""
        return _image(parameters, base_and_residual(parameters, data, dtype, shape)[0], dtype, shape, device)

    def inspect(self, parameters: bytes) -> Mapping[str, object]:
        """What the parameters say."""
        said = Parameters.read(parameters)
        found: dict[str, object] = {
            "label": f"layer denoised: {LABEL}" if said.residual else LABEL,
            **({"max_error": said.max_error} if said.max_error else {}),
            "encodings": said.encodings,
            "thinned": said.thinned,
            "noise": [p[0] for p in said.planes],
        }
        try:
            weights = find_weights(said.fingerprint)
        except ModelNotFoundError:  # the label is told all the same
            return {**found, "model": said.fingerprint.hex()}
        about = weights.about
        # The weights' metadata are in the order of their texts.
        found |= {"model": weights.name, "task": about["task"], "size": about["size"]}
        if said.thinned >= len(about["measured"]):
            return found
        biases = sorted(about["measured"][said.thinned]["flux_bias_by_snr"].items(), key=lambda one: _number(one[0]))
        return {**found, "flux_bias_by_snr": dict(biases)}


def _number(text: str) -> float:
    """The lower end of a range such as "0.3 to 1"."""
    return float(text.split(" ")[0])


def _image(
    parameters: bytes, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...], device: str
) -> NDArray[Any]:
    """The denoised images in the array's type."""
    found = np.empty(shape, dtype)
    for out, (fluxes, _) in zip(_planes(found), decoded(parameters, data, shape, device), strict=True):
        if dtype.kind == "f":
            limit = float(np.finfo(dtype).max)
            out[...] = np.clip(fluxes, -limit, limit)
        else:
            limits, whole = np.iinfo(dtype), np.rint(fluxes)
            low, high = whole <= float(limits.min), whole >= float(limits.max)
            out[...] = np.where(low | high, 0, whole).astype(dtype)
            out[low], out[high] = limits.min, limits.max
    return found


def decoded(
    parameters: bytes, data: memoryview, shape: tuple[int, ...], device: str
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Fluxes and their standard deviations, plane after plane."""
    said = Parameters.read(parameters)
    count = math.prod(shape[:-2])
    if len(shape) < 2 or len(said.planes) != count or not math.prod(shape):
        raise CorruptError(f"codec autoencoder: {len(said.planes)} planes found, of shape {shape}: it is damaged")
    model, coder = model_of(find_weights(said.fingerprint)), LatticeDecoder(data)
    for noise, low, high in said.planes:
        span = Span(noise * FLOOR_PART, low, high) if model.is_dense else None
        total = [np.zeros(shape[-2:]), np.zeros(shape[-2:])]
        for number in range(said.encodings):
            laid = (shape[-2], shape[-1]) if number % 2 == 0 else (shape[-1], shape[-2])
            latent = take_latents(coder, model.latent_shape(laid), model.tables)
            for sums, part in zip(total, model.decode(latent, laid, noise, span, device), strict=True):
                sums += _turned_back(part, number)
        yield total[0] / said.encodings, total[1] / said.encodings
    coder.finish()


def uncertainty_map(stream: Buffer, *, device: str = "cpu") -> NDArray[np.float32]:
    """Standard deviation of the error of a stream's images, as the network tells it, in the unit of their pixels.

    Parameters
    ----------
    stream : bytes-like
        Of this codec.
    device : str
        Where the network runs.

    Returns
    -------
    ndarray of float32
        Of the images' shape; NaN of a dense network, which does not tell.

    Raises
    ------
    ValueError
        The stream is another codec's.
    """
    view = memoryview(stream).cast("B")  # type: ignore[arg-type]
    header = inspect_stream(view)
    if header.codec != ID:
        raise ValueError(f"the stream is of codec {header.codec}, not of autoencoder ({ID})")
    parameters, data = header.body_of(PARAMETERS) or b"", view[header.data.start : header.data.stop]
    if Parameters.read(parameters).residual:
        data = base_and_residual(parameters, data, header.dtype, header.shape)[0]
    elif header.defect is not None:
        raise header.defect
    parts = decoded(parameters, data, header.shape, device)
    return np.stack([spread for _, spread in parts]).reshape(header.shape).astype(np.float32)
