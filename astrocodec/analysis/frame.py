"""Analysis of one image: everything that this package can say of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.analysis.as_json import plain
from astrocodec.analysis.background import Background, Region, background_map
from astrocodec.analysis.bits.allocation import Allocation, allocation, as_numbers
from astrocodec.analysis.bits.bits_map import bits_map
from astrocodec.analysis.bits.stream_bits import BitsMap
from astrocodec.analysis.detector.amplifiers import Amplifiers, amplifiers
from astrocodec.analysis.detector.bayer import BayerPhase, bayer_phase
from astrocodec.analysis.detector.photon_transfer import Transfer, photon_transfer
from astrocodec.analysis.detector.quantisation import Quantisation, quantisation
from astrocodec.analysis.noise.correlated import Correlated, correlated_noise
from astrocodec.analysis.noise.floor import Floor, noise_floor, structure_free
from astrocodec.analysis.noise.noise_model import is_flags, why_no_floor
from astrocodec.analysis.noise.step import SuggestedStep, suggested_step
from astrocodec.analysis.plane import Plane, as_plane
from astrocodec.analysis.signal.cosmic_rays import CosmicRays, cosmic_rays
from astrocodec.analysis.signal.snr import snr_map
from astrocodec.analysis.signal.sources import Segmentation, source_mask
from astrocodec.codec import encode
from astrocodec.inspection import Buffer
from astrocodec.model import Model
from astrocodec.stages.pixels import DTYPES

# Sides below this leave nothing to be measured.
_TINY = 16
# More regions than any detector has amplifiers are no amplifiers.
_MOST_AMPLIFIERS = 16
# Share by which a floor may exceed what was coded: the noise is not known better than to a percent.
_ALIKE = 1.01
_NO_STEP = "values between integers: a noise floor in bits needs a step that they are rounded to"
_NO_GAIN = "gain not known to 10 %: the noise floor is that without sources' photons"
_OF_NOISE = ("floor_bits", "efficiency", "share_noise", "suggested_step")
_OF_SOURCES = ("share_sources", "segmentation")


@dataclass(frozen=True, eq=False)
class FrameAnalysis:
    """What is known of an image and of its stream; None where it does not apply, and `notes` say why.

    Attributes
    ----------
    shape : tuple of int
        Of the image as given.
    dtype : str
    raw_bytes, stored_bytes : int
        Of the pixels, and of their stream or the file they came from.
    ratio, bits_per_pixel : float
        `raw_bytes` over `stored_bytes`; bits of the stream for each pixel.
    floor_bits, efficiency : float or None
        Noise floor in bits per pixel, and its share of `bits_per_pixel`.
    share_noise, share_sources : float or None
        Share of the stream's bits that is noise by the floor, at most 1; that lies on pixels of sources.
    suggested_step : SuggestedStep or None
        Step for 1 % added noise.
    amplifiers, background, snr, segmentation, bits, allocation, floor, quantisation, bayer, correlated, cosmic_rays
        Results of the functions of those names; of an array of more than two axes for one of its planes.
    noise : ndarray of float32 or None, [y, x]
        Noise of every pixel, ADU: that of the background or, where the image has finer structure, that between
        neighbours.
    transfer : Transfer or None
        Of the amplifier whose gain is known best.
    transfers : tuple of ((slice, slice), Transfer)
        Of every amplifier.
    notes : tuple of str
        What is missing or noteworthy, and why.
    reasons : dict of str to str
        Why a number is None, by its name.
    """

    shape: tuple[int, ...]
    dtype: str
    raw_bytes: int
    stored_bytes: int
    ratio: float
    bits_per_pixel: float
    floor_bits: float | None = None
    efficiency: float | None = None
    share_noise: float | None = None
    share_sources: float | None = None
    suggested_step: SuggestedStep | None = None
    amplifiers: Amplifiers | None = None
    background: Background | None = None
    noise: NDArray[np.float32] | None = None
    snr: NDArray[np.float32] | None = None
    segmentation: Segmentation | None = None
    bits: BitsMap | None = None
    allocation: Allocation | None = None
    transfer: Transfer | None = None
    transfers: tuple[tuple[Region, Transfer], ...] = ()
    floor: Floor | None = None
    quantisation: Quantisation | None = None
    bayer: BayerPhase | None = None
    correlated: Correlated | None = None
    cosmic_rays: CosmicRays | None = None
    notes: tuple[str, ...] = ()
    reasons: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Numbers and texts that JSON can hold; of maps their median, share or count.

        Examples
        --------
        >>> import json
        >>> import numpy as np
        >>> found = analyse_frame(np.full((64, 64), 7, np.uint16)).to_dict()
        >>> json.loads(json.dumps(found))["notes"]
        ['all pixels are equal: there is no noise to measure']
        """
        names = ("dtype", "raw_bytes", "stored_bytes", "ratio", "bits_per_pixel", "floor_bits", "efficiency")
        out: dict[str, Any] = {"shape": list(self.shape)}
        out |= {name: getattr(self, name) for name in (*names, "share_noise", "share_sources")}
        if self.suggested_step is not None:
            step = self.suggested_step
            out["suggested_step"] = {
                "step": step.step, "added_noise": step.added_noise, "saved_bits": step.saved_bits
            }  # fmt: skip
        if self.background is not None:
            out["background"] = {
                "level": float(np.median(self.background.level)),
                "noise": float(np.median(self.background.noise)),
                "box": self.background.box,
            }
        if self.segmentation is not None:
            out["sources"] = {"count": self.segmentation.count, "share": float(self.segmentation.mask.mean())}
        if self.floor is not None:
            out["floor"] = {"gaussian": self.floor.gaussian, "poisson_read": self.floor.poisson_read}
        if self.bits is not None:
            out["bits"] = {
                "payload": self.bits.payload_bits, "headers": self.bits.header_bits, "total": self.bits.total_bits,
                "pieces": self.bits.pieces, "modes": self.bits.modes,
            }  # fmt: skip
        if self.allocation is not None:
            out["allocation"] = as_numbers(self.allocation)
        out["amplifiers"] = [{"region": _corners(region), **_numbers(found)} for region, found in self.transfers]
        if self.transfer is not None:
            out["transfer"] = _numbers(self.transfer)
        if self.amplifiers is not None:
            out["data"] = [_corners(region) for region in self.amplifiers.data]
            out["overscan"] = [_corners(region) for region in self.amplifiers.overscan]
        for name in ("quantisation", "bayer", "correlated"):
            if (found := getattr(self, name)) is not None:
                out[name] = _numbers(found)
        if self.cosmic_rays is not None:
            out["cosmic_rays"] = {"count": self.cosmic_rays.count, "share": self.cosmic_rays.share}
        out["notes"] = list(self.notes)
        out["reasons"] = dict(self.reasons)
        cleaned: dict[str, Any] = plain(out)
        return cleaned


def _numbers(found: Any) -> dict[str, Any]:
    """Fields of a result without arrays, and what follows from them."""
    out = dict(vars(found))
    for name in ("read_noise", "is_reliable", "dnl", "is_rescaled", "uneven_period", "uneven_widths"):
        if hasattr(found, name):
            out[name] = getattr(found, name)
    return out


def _corners(region: Region) -> list[int]:
    """First row, row behind the last, first column, column behind the last."""
    return [region[0].start, region[0].stop, region[1].start, region[1].stop]


def _plane_of(values: NDArray[Any], mask: NDArray[np.bool_] | None) -> tuple[NDArray[Any], Any, tuple[int, ...]]:
    """The plane in the middle of an array of more than two axes, its mask, and its index."""
    index = tuple(n // 2 for n in values.shape[:-2])
    return values[index], None if mask is None else mask[index], index


def _bits_of_plane(bits: BitsMap, index: tuple[int, ...]) -> BitsMap:
    """A plane's part of the bits, with its share of the headers."""
    if not index:
        return bits
    part = bits.bits[index]
    payload = float(part.sum(dtype=np.float64))
    header = bits.header_bits * part.size / bits.bits.size
    return replace(bits, bits=part, payload_bits=payload, header_bits=header, total_bits=round(payload + header))


def _overscans(layout: Amplifiers) -> list[Region | None]:
    """The overscan of each light-sensitive region: as many in the same rows go from left to right, else the nearest."""
    if layout.bias:
        return list(layout.bias)
    found: list[Region | None] = []
    for rows, columns in layout.data:
        beside = [o for o in layout.overscan if o[0] == rows]
        row = [d for d in layout.data if d[0] == rows]
        if not beside:
            found.append(None)
        elif len(beside) == len(row):
            order = sorted(beside, key=lambda o: o[1].start)
            found.append(order[sorted(d[1].start for d in row).index(columns.start)])
        else:
            middle = columns.start + columns.stop
            found.append(min(beside, key=lambda o: abs(o[1].start + o[1].stop - middle)))
    return found


def _transfers(plane: Plane, layout: Amplifiers, mask: NDArray[np.bool_]) -> list[tuple[Region, Transfer]]:
    return [
        (region, photon_transfer(plane, region=region, overscan=overscan, mask=mask))
        for region, overscan in zip(layout.data, _overscans(layout), strict=True)
    ]


def _best(transfers: list[tuple[Region, Transfer]]) -> Transfer | None:
    known = [t for _, t in transfers if t.gain is not None and t.gain_error is not None]
    return min(known, key=lambda t: (t.gain_error or 0) / (t.gain or 1), default=transfers[0][1] if transfers else None)


def _is_constant(plane: Plane) -> bool:
    good = plane.values[~plane.mask]
    return bool(good.size) and bool((good == good[0]).all())


def _too_little(plane: Plane) -> str:
    """Why an image cannot be measured, or nothing."""
    if plane.is_empty:
        return "no pixel counts: all are NaN, infinite, 1e150 and more, or masked"
    if _is_constant(plane):
        return "all pixels are equal: there is no noise to measure"
    if min(plane.values.shape) < _TINY:
        return f"{plane.values.shape[0]} x {plane.values.shape[1]} pixels are too few for a background: {_TINY} a side"
    if int(np.count_nonzero(~plane.mask)) < _TINY * _TINY:
        return f"{int(np.count_nonzero(~plane.mask))} pixels that count are too few for a background"
    return ""


def analyse_frame(
    image: ArrayLike,
    *,
    stream: Buffer | None = None,
    bits: BitsMap | None = None,
    stored_bytes: int | None = None,
    mask: ArrayLike | None = None,
    models: Iterable[Model] = (),
    box: int = 50,
    sigma: float = 3.0,
    nsigma: float = 4.5,
    encode_missing: bool = True,
    layout: Amplifiers | None = None,
    name: str = "",
) -> FrameAnalysis:
    """Analyse an image and its stream.

    Parameters
    ----------
    image : array_like
        ADU. Of more than two axes the plane in the middle is analysed. Masked arrays and NaN are understood.
    stream : bytes-like, optional
        The image's stream; without it, and without `bits`, the image is encoded.
    bits : BitsMap, optional
        From `bits_map`, in place of `stream`.
    stored_bytes : int, optional
        What the image takes where it is stored; by default the length of the stream.
    mask : array_like of bool, optional
        True for pixels that do not count.
    models : iterable of Model, optional
        Tuned models that the stream may name.
    box, sigma : int, float, optional
        As for `background_map`.
    nsigma : float, optional
        As for `source_mask`.
    encode_missing : bool, optional
        Whether to encode an image that comes without a stream.
    layout : Amplifiers, optional
        Amplifiers and overscan where they are known, as from `layout_of_cards`; by default `amplifiers` looks for them.
    name : str, optional
        Of the image in its file, which may say that it is one of flags.

    Returns
    -------
    FrameAnalysis

    Raises
    ------
    ImportError
        photutils or SciPy is not installed.
    FormatError, ModelNotFoundError
        The stream is damaged, or needs a model that is not here.

    Examples
    --------
    >>> from astrocodec.simulate import simulate
    >>> frame = simulate("ccd", shape=(512, 600), seed=1)
    >>> found = analyse_frame(frame.data)
    >>> bool(abs(found.transfer.gain / frame.truth["gain"][0] - 1) < 0.05), found.amplifiers.columns
    (True, (268, 300, 332))
    """
    given = np.asarray(np.ma.getdata(image))
    notes: list[str] = []
    size = max(1, given.size)
    if bits is None and stream is None and encode_missing and given.dtype.str[1:] in DTYPES:
        stream = encode(given)
    if bits is None and stream is not None:
        bits = bits_map(stream, models=models)
    stored = stored_bytes if stored_bytes is not None else bits.total_bits // 8 if bits is not None else given.nbytes
    basis = FrameAnalysis(
        given.shape, given.dtype.name, given.nbytes, stored, given.nbytes / max(1, stored), 8 * stored / size, bits=bits
    )
    if bits is None:
        notes.append("no stream: sizes are those of the pixels as they are")
    if given.dtype.kind not in "iufb" or given.ndim < 2 or not given.size:
        what = "no pixels" if not given.size else f"{given.ndim} axes of {given.dtype}"
        return replace(basis, notes=(*notes, f"{what}: an image of numbers with two axes is needed for maps"))
    hidden = np.ma.getmaskarray(image) if isinstance(image, np.ma.MaskedArray) else None
    if mask is not None:
        hidden = np.asarray(mask, np.bool_) if hidden is None else hidden | np.asarray(mask, np.bool_)
    values, hidden, index = _plane_of(given, hidden)
    if index:
        notes.append(f"{math.prod(given.shape[:-2])} planes: maps are those of plane {', '.join(map(str, index))}")
        basis = replace(basis, bits=None if bits is None else _bits_of_plane(bits, index))
    plane = as_plane(values, hidden)
    share = float(plane.mask.mean())
    if 0.0 < share < 1.0:
        notes.append(f"{100 * share:.2g} % of the pixels do not count: NaN, infinite, 1e150 and more, or masked")
    basis = replace(basis, quantisation=quantisation(plane), notes=tuple(notes))
    problem = _too_little(plane)
    if problem:
        floor = 0.0 if _is_constant(plane) else None
        empty = dict.fromkeys(_OF_SOURCES + (_OF_NOISE if floor is None else ("efficiency", "suggested_step")), problem)
        return replace(basis, floor_bits=floor, share_noise=floor, notes=(*notes, problem), reasons=empty)
    found = _measured(basis, plane, layout or _guessed(plane), box, sigma, nsigma)
    return _without_flags(found) if is_flags(name, given.dtype) else found


def _without_flags(found: FrameAnalysis) -> FrameAnalysis:
    """Of flags only the bits are told."""
    why = "an image of flags, by its name: they have neither noise nor sources"
    told = tuple(note for note in found.notes if note not in found.reasons.values())
    return replace(
        _without_floor(replace(found, notes=told), why),
        noise=None,
        share_sources=None,
        segmentation=None,
        allocation=None,
        cosmic_rays=None,
        reasons=dict.fromkeys(_OF_NOISE + _OF_SOURCES, why),
    )


def _without_floor(found: FrameAnalysis, why: str) -> FrameAnalysis:
    """Leave out what holds for a detector's noise only."""
    return replace(
        found,
        floor_bits=None,
        efficiency=None,
        share_noise=None,
        suggested_step=None,
        floor=None,
        notes=(*(note for note in found.notes if note != _NO_GAIN), why),
        reasons=dict.fromkeys(_OF_NOISE, why),
    )


def _guessed(plane: Plane) -> Amplifiers:
    """Amplifiers as steps in the image tell, or one for all where these are too many."""
    found = amplifiers(plane)
    ny, nx = plane.values.shape
    whole = Amplifiers((), (), ((slice(0, ny), slice(0, nx)),), ())
    return found if len(found.regions) <= _MOST_AMPLIFIERS else whole


def _measured(
    basis: FrameAnalysis, plane: Plane, layout: Amplifiers, box: int, sigma: float, nsigma: float
) -> FrameAnalysis:
    """The analysis of a plane that has pixels enough."""
    notes = list(basis.notes)
    codes = basis.quantisation
    assert codes is not None
    background = background_map(plane, box=box, sigma=sigma, regions=layout.regions)
    snr = snr_map(plane, background)
    found = source_mask(plane, background, nsigma=nsigma, snr=snr, lit=layout.data if layout.overscan else ())
    common = correlated_noise(plane, background, sources=found.mask, regions=layout.regions)
    # Values between integers have been calibrated or resampled: their variance tells nothing of electrons.
    transfers = _transfers(plane, layout, found.mask) if plane.step else []
    reliable = [(region, t) for region, t in transfers if t.is_reliable]
    best = _best(transfers)
    bayer = bayer_phase(plane)
    if bayer.is_mosaic:
        notes.append("mosaic of colour filters: background and noise are those of all colours together")
    step = codes.step or plane.step
    floor = None
    if step:
        floor = noise_floor(
            plane, background, transfers=reliable, sources=found.mask, step=step,
            correlated=None if bayer.is_mosaic else common, lag=2 if bayer.is_mosaic else 1,
        )  # fmt: skip
    else:
        notes.append(_NO_STEP)
    if floor is not None and floor.poisson_read is None:
        notes.append(_NO_GAIN)
    if codes.missing_share > 0.01:
        notes.append(f"{100 * codes.missing_share:.2g} % of the codes in use are missing")
    if codes.uneven_period:
        notes.append(f"uneven codes with a period of {codes.uneven_period}: widths differ by up to {codes.dnl:.2f}")
    if codes.is_rescaled:
        notes.append(f"values lie {codes.step:.6g} apart: integers were rescaled or shifted")
    lit = np.zeros(plane.mask.shape, np.bool_)
    for region in layout.data:
        lit[region] = True
    noises = structure_free(plane, background, lag=2 if bayer.is_mosaic else 1)
    noise = float(np.median(noises[lit & ~plane.mask])) if (lit & ~plane.mask).any() else 0.0
    bits = basis.bits
    spread = None if bits is None else allocation(bits, found, snr)
    per_pixel = bits.bits_per_pixel if bits is not None else basis.bits_per_pixel
    best_bits = None if floor is None else floor.best
    if best_bits is not None and bits is not None and per_pixel < best_bits <= _ALIKE * per_pixel:
        best_bits = per_pixel  # the noise is not known better
    efficiency = None if best_bits is None or not per_pixel else best_bits / per_pixel
    reasons = {} if best_bits is not None else dict.fromkeys(_OF_NOISE[:3], _NO_STEP)
    why = why_no_floor(plane, codes, found, snr)
    if not why and bits is not None and efficiency is not None and efficiency > 1:
        why = (
            f"coded in {per_pixel:.2f} bits per pixel, below the {best_bits:.2f} of independent noise as strong: what "
            "looks like noise can be foretold"
        )
    measured = replace(
        basis,
        floor_bits=best_bits,
        efficiency=efficiency,
        share_noise=None if efficiency is None else min(1.0, efficiency),
        share_sources=None if spread is None or not spread.total else spread.sources / spread.total,
        suggested_step=suggested_step(noise, unit=step),
        amplifiers=layout,
        background=background,
        noise=noises,
        snr=snr,
        segmentation=found,
        allocation=spread,
        transfer=best,
        transfers=tuple(transfers),
        floor=floor,
        bayer=bayer,
        correlated=common,
        cosmic_rays=cosmic_rays(plane, background, gain=best.gain if best is not None and best.is_reliable else None),
        notes=tuple(notes),
        reasons=reasons,
    )
    return _without_floor(measured, why) if why else measured
