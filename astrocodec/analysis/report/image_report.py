"""What is reported of one image: plain numbers that travel between processes, and its part of the page."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from astrocodec.analysis.as_json import plain
from astrocodec.analysis.bits.stream_bits import BitsMap
from astrocodec.analysis.frame import FrameAnalysis, analyse_frame
from astrocodec.analysis.images.image_entry import ImageEntry, Located
from astrocodec.analysis.report.numbers import percent
from astrocodec.analysis.report.peer_sizes import PeerSize, peer_sizes
from astrocodec.codec import encode
from astrocodec.inspection import inspect
from astrocodec.model import Model, load_model
from astrocodec.tuning import tune

__all__ = ["ImageReport", "report_image"]

# Tuning of smaller images costs more time than it saves bytes: the model would not pay for its own place.
_LEAST_TUNED = 128 * 128
_INCREASE = "1%"
_COMMAND = f"astrocodec fits-compress --noise-increase {_INCREASE}"
# Fields of the report that have another name in the analysis.
_FIELDS = {"segmentation": "sources"}


@dataclass(frozen=True)
class ImageReport(Located):
    """One image in numbers; None where something does not apply, and `notes` say why."""

    shape: tuple[int, ...]
    dtype: str
    compression: str  # how the file stores it
    exposure: float | None  # seconds
    raw_bytes: int  # of the pixels
    file_bytes: int  # what the file spends on them
    coded_bytes: int  # of our lossless stream
    ratio: float  # `raw_bytes` over `coded_bytes`
    bits_per_pixel: float  # of our stream
    noise: float | None = None  # of the background, in `unit`
    noise_steps: float | None = None  # the same in steps between possible values
    floor_bits: float | None = None  # noise floor in bits per pixel
    efficiency: float | None = None  # its share of `bits_per_pixel`
    share_noise: float | None = None  # share of the bits that is noise
    share_sources: float | None = None  # share of the bits that lies on sources
    step: float | None = None  # rounding to it adds 1 % noise, in `unit`; where a command of ours does as much
    saving: float | None = None  # share of the bits that this saves
    sources: int | None = None  # how many were found
    peers: tuple[PeerSize, ...] = ()  # ours and other lossless codecs on the same pixels, the middle of large images
    notes: tuple[str, ...] = ()  # what is missing and why, and what else is worth knowing
    details: dict[str, Any] = field(default_factory=dict, repr=False)  # everything that `FrameAnalysis.to_dict` tells
    unit: str = "ADU"  # of the pixels: ``BUNIT`` where the file tells it
    # why a field is None, in a few words, by the name of the field
    reasons: dict[str, str] = field(default_factory=dict)
    command: str = ""  # command of ours that adds as much noise as `step`; empty where there is none
    code_widths: str = ""  # how even the converter's codes are, in words, or why that is not known

    def to_dict(self) -> dict[str, Any]:
        """
        Return everything as JSON can hold it.

        Examples
        --------
        >>> ImageReport("a", "", (2, 3), "uint16", "none", None, 12, 12, 9, 12 / 9, 12.0).to_dict()["shape"]
        [2, 3]
        """
        found: dict[str, Any] = plain(self)
        return found


def report_image(
    entry: ImageEntry, *, tuned: bool = True, effort: int = 3, peers: bool = True
) -> tuple[ImageReport, FrameAnalysis]:
    """Analyse one image of a file: its numbers, and its maps for the page.

    Where it is `tuned`, the model is fitted to the image, as `fits-compress` does, before its bits are counted.

    Examples
    --------
    >>> noise = np.random.default_rng(1).normal(1000, 10, (128, 128)).astype("u2")
    >>> report, _ = report_image(ImageEntry("a.fits", "0", noise), tuned=False, peers=False)
    >>> round(report.noise), round(report.floor_bits, 1), report.efficiency > 0.9
    (10, 5.4, True)
    """
    pixels = entry.pixels
    fits = tuned and pixels.dtype.kind in "iu" and pixels.size >= _LEAST_TUNED
    bits = None if entry.bits is None else entry.bits()
    if bits is not None and bits.bits.shape != pixels.shape:
        bits = None
    model = tune(pixels, effort=effort) if fits and (bits is None or peers) else load_model("default")
    notes = [entry.note]
    if bits is None:
        stream = encode(pixels, model)
        coded, analysis = len(stream), _analysed(entry, stream=stream)
        notes.append("bits are those of a stream made for this report" if entry.ours else "")
    else:
        coded = -(-bits.total_bits // 8)
        analysis = _analysed(entry, bits=bits)
    noise, unit = _noise(analysis), _unit(analysis)
    step, saving, reasons = _step(entry, analysis, coded, model)
    if step is not None:
        notes.append(f"{_COMMAND} adds as much to the noise as rounding to {step:.3g} {entry.unit}: 1 %")
    report = ImageReport(
        entry.file,
        entry.name,
        tuple(pixels.shape),
        pixels.dtype.name,
        entry.compression,
        entry.exposure,
        pixels.nbytes,
        entry.stored_bytes or pixels.nbytes,
        coded,
        pixels.nbytes / coded,
        8 * coded / pixels.size,
        noise,
        noise / unit if noise is not None and unit else None,
        analysis.floor_bits,
        analysis.efficiency,
        analysis.share_noise,
        analysis.share_sources,
        step,
        saving,
        None if analysis.segmentation is None else analysis.segmentation.count,
        peer_sizes(pixels, model) if peers else (),
        tuple(filter(None, [*notes, *analysis.notes])),
        analysis.to_dict(),
        entry.unit,
        _reasons(analysis) | reasons,
        _COMMAND if step is not None else "",
        _code_widths(analysis),
    )
    return report, analysis


def _analysed(entry: ImageEntry, *, stream: bytes | None = None, bits: BitsMap | None = None) -> FrameAnalysis:
    return analyse_frame(entry.pixels, stream=stream, bits=bits, mask=entry.mask, layout=entry.layout, name=entry.name)


def _reasons(analysis: FrameAnalysis) -> dict[str, str]:
    """Why fields of the report are None, of those that are."""
    found = {_FIELDS.get(name, name): why for name, why in analysis.reasons.items()}
    found.pop("suggested_step", None)
    if analysis.noise is None and analysis.reasons:
        found["noise"] = next(iter(analysis.reasons.values()))
    if analysis.noise is None or not _unit(analysis):
        found["noise_steps"] = found.get("noise") or found.get("floor_bits", "")
    return {name: why for name, why in found.items() if why}


def _code_widths(analysis: FrameAnalysis) -> str:
    codes = analysis.quantisation
    if codes is None:
        return "not known: no image of numbers"
    if codes.code_widths is None:
        return f"not known: {codes.why_no_widths}"
    missing = f", {percent(codes.missing_share)} of the codes missing" if codes.missing_share else ""
    share = f"even values have {percent(codes.code_widths.even_share)} of the range{missing}"
    if not codes.uneven_period:
        return f"alike, {share}"
    return f"uneven, repeating every {codes.uneven_period}, off by up to {percent(codes.dnl, 0)}, {share}"


def _unit(analysis: FrameAnalysis) -> float:
    """Between possible values, 0 where they are continuous."""
    return analysis.quantisation.step if analysis.quantisation is not None else 0.0


def _step(
    entry: ImageEntry, analysis: FrameAnalysis, coded: int, model: Model
) -> tuple[float | None, float | None, dict[str, str]]:
    """Step that adds as much as `fits-compress --noise-increase`, the share of the bits that this saves, or why not."""
    why = analysis.reasons.get("suggested_step", "")
    if not why and not entry.can_be_rounded:
        why = "no command of ours rounds these values: fits-compress does floats, and integers to 32 bits, of FITS"
    if not why:
        stream = encode(entry.pixels, model, noise_increase=_INCREASE)
        loss = inspect(stream).loss
        if loss is not None and len(stream) < coded:
            return math.sqrt(12 * loss.variance), 1 - len(stream) / coded, {}
        why = f"{_INCREASE} more noise saves nothing"
    return None, None, {"step": why, "saving": why}


def _noise(analysis: FrameAnalysis) -> float | None:
    """Noise of the light-sensitive part, ADU."""
    if analysis.noise is None:
        return None
    regions = () if analysis.amplifiers is None else analysis.amplifiers.data
    parts = [analysis.noise[region].ravel() for region in regions]
    return float(np.median(np.concatenate(parts) if parts else analysis.noise))
