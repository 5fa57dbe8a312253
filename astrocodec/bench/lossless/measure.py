"""One image through the codecs."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import astrocodec
from astrocodec.bench.lossless.contenders import LARGEST_SIDES, Contender, learned_codec
from astrocodec.bench.lossless.image_sets import BenchImage, middle
from astrocodec.bench.lossless.rows import Row
from astrocodec.bench.peers import Measurement, measure
from astrocodec.bench.tables import processor
from astrocodec.lossless.patch_codec import PatchSystem, symbol_groups
from astrocodec.lossless.patches import cut, lowest, to_words

__all__ = ["measure_image", "model_bits", "noise_steps"]

_TIMES = "times"
_REPEATS = 3  # of codecs that are not learned, where times count
_WARM = 64  # pixels along a side that are coded first there


def measure_image(dataset: str, image: BenchImage, wanted: Mapping[Contender, Sequence[str]]) -> list[Row]:
    """Rows of codecs and the parts that they are measured for; each stream is decoded and compared."""
    noise, rows = noise_steps(image.stack[0]), []
    for one, parts in wanted.items():
        untimed = [part for part in parts if part != _TIMES]
        if untimed:
            row = _row(untimed[0], dataset, image, one, noise)
            rows += [replace(row, part=part) for part in untimed]
        if _TIMES in parts:
            rows.append(_row(_TIMES, dataset, image, one, noise))
    return rows


def _row(part: str, dataset: str, image: BenchImage, one: Contender, noise: float | None) -> Row:
    stack, notes = image.stack, []
    if (side := LARGEST_SIDES.get(one.codec)) and max(stack.shape[1:]) > side:
        stack = middle(stack, side)
        notes.append(f"the middle {side} x {side} pixels only")
    symbols, fingerprint, bits = "", "", None
    streams: list[bytes] = []
    found = _measured(part, one, stack, streams)
    if one.name:
        system = learned_codec(one.name).system(one.weights)
        symbols, fingerprint = system.format.symbols, _fingerprint(one)
        if astrocodec.inspect(streams[0]).parameters["coded by"] == one.name:
            bits = model_bits(system, stack)
        else:
            notes.append("coded by causal inside")
    return Row(
        part,
        dataset,
        image.title,
        "x".join(map(str, stack.shape)),
        stack.size,
        stack.nbytes,
        image.exposure,
        noise,
        one.codec,
        one.trained,
        symbols,
        fingerprint,
        found.n_bytes,
        bits,
        found.encode_seconds,
        found.decode_seconds,
        processor(),
        "; ".join(filter(None, [*notes, found.note])),
    )


def _measured(part: str, one: Contender, stack: NDArray[Any], streams: list[bytes]) -> Measurement:
    """Measure, and leave what was encoded in `streams`."""
    peer = one.peer()

    def encode(planes: NDArray[Any]) -> list[bytes]:
        streams[:] = peer.encode(planes)
        return streams

    if part != _TIMES:
        return measure(replace(peer, encode=encode), stack)
    measure(peer, middle(stack, _WARM))
    return measure(replace(peer, encode=encode), stack, 1 if one.name else _REPEATS)


def _fingerprint(one: Contender) -> str:
    from astrocodec.lossy.weights import weights_of

    return weights_of(one.name, one.weights or one.name).fingerprint.hex()[:8]


def model_bits(system: PatchSystem, array: NDArray[Any]) -> float:
    """What the model says that an array takes whose range fits 16 bits."""
    patches = cut(to_words(array, lowest(array) or 0), system.format.frames)
    return float(sum(system.bits(x).sum() for x, _ in symbol_groups(patches, system.format)))


def noise_steps(plane: NDArray[Any]) -> float | None:
    """Noise of the background in steps between values, as the analysis finds it; None where there is none."""
    if importlib.util.find_spec("photutils") is None or min(plane.shape) < 2:
        return None
    from astrocodec.analysis.background import background_map
    from astrocodec.analysis.noise.floor import structure_free
    from astrocodec.analysis.plane import as_plane

    whole = as_plane(plane)
    found = np.median(structure_free(whole, background_map(whole)))
    return float(found / (whole.step or 1.0)) if np.isfinite(found) and found > 0 else None
