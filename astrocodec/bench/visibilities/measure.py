"""One set through one codec at one level: bits, speed, and what became of the noise."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.bench.visibilities.coherence import coherence
from astrocodec.bench.visibilities.dirty_image import image_growth
from astrocodec.bench.visibilities.peer import Coded, NotApplicableError, VisPeer
from astrocodec.bench.visibilities.sets import VisSet
from astrocodec.bench.visibilities.spectra import delay_residual, power_residual

__all__ = ["Row", "measure_set"]

_TRIM = 0.01  # share of worst samples that the trimmed mean leaves out
_STRONG = 3.0  # phases are of samples of at least so many times the noise


@dataclass(frozen=True)
class Row:
    """What one codec did to one set at one level; D is added variance over the noise's, of a real or imaginary part."""

    set: str
    kind: str
    shape: str
    codec: str
    level: str
    snr: float | None = None  # median of |V| over the noise
    bytes: int | None = None  # of visibilities and what decoding needs, without flags
    bits: float | None = None  # the same, per real that is not flagged
    nominal: float | None = None  # bits of a symbol by name, where it has a fixed length
    flag_bytes: int | None = None  # of the flags, as this codec's kind stores them
    added: float | None = None  # D, mean of all samples
    added_trimmed: float | None = None  # D without the worst percent
    added_median: float | None = None  # D of the median baseline
    added_worst: float | None = None  # D of the worst baseline
    image: float | None = None  # growth of the dirty image's rms
    image_noise: float | None = None  # rms of the error's image over that of thermal noise's
    delay: float | None = None  # the error's delay spectrum over the noise's, mean
    delay_peak: float | None = None  # the same at the worst delay
    power: float | None = None  # power left after averaging over time, over that of the noise averaged alike
    coherence: float | None = None  # rms of means of the error over that of white noise's, worst of axes and lengths
    coherence_n: int | None = None  # longest mean
    magnitude: float | None = None  # bias of |V| over the noise
    phase: float | None = None  # bias of phases of strong samples, radian
    encode: float | None = None  # MB of complex64 a second of processor time
    decode: float | None = None
    note: str = ""

    def flat(self) -> dict[str, Any]:
        """As a line of a table."""
        return {
            key: float(f"{value:.5g}") if isinstance(value, float) else value for key, value in asdict(self).items()
        }


def measure_set(data: VisSet, peers: Iterable[VisPeer]) -> Iterator[Row]:
    """Yield a row for each codec and level; where one does not apply its row says why."""
    shape = "x".join(map(str, data.vis.shape))
    noisy = data.known.any()
    for peer in peers:
        if not noisy and not peer.lossless:
            yield Row(data.name, data.kind, shape, peer.name, "all", note="the set's noise cannot be known")
            continue
        for level in peer.levels:
            label = "" if peer.lossless else f"{level:g} {peer.unit}"
            names: dict[str, Any] = {
                "set": data.name,
                "kind": data.kind,
                "shape": shape,
                "codec": peer.name,
                "level": label,
            }
            try:
                coded = peer.run(data, level)
            except NotApplicableError as error:
                yield Row(**names, note=str(error))
                break
            yield _measured(data, names, coded, peer)


def _measured(data: VisSet, names: dict[str, Any], coded: Coded, peer: VisPeer) -> Row:
    speed = data.vis.nbytes / 1e6
    costs: dict[str, Any] = {
        "bytes": coded.n_bytes,
        "bits": 8 * coded.n_bytes / max(data.reals, 1),
        "nominal": coded.nominal,
        "flag_bytes": peer.flag_bytes(data),
        "encode": speed / max(coded.encode, 1e-9),
        "decode": speed / max(coded.decode, 1e-9),
    }
    if peer.lossless:
        same = np.array_equal(coded.vis.view(np.uint32), data.vis.view(np.uint32))
        return Row(**names, **costs, note=coded.note if same else "what comes back is not what went in")
    known = data.known
    error = np.where(known, coded.vis - data.vis, 0)
    lost = known & ~np.isfinite(error)
    note = coded.note
    if lost.any():
        note = "; ".join(filter(None, [note, f"{int(lost.sum())} samples lost their values"]))
        error = np.where(lost, 0, error)
        known = known & ~lost
    noise = np.where(data.noise > 0, data.noise, 1.0)
    relative = (error / noise).astype(np.complex64)
    squares = np.where(known, 0.5 * np.abs(relative) ** 2, 0).astype(np.float64)
    each = squares[known]
    added = float(each.mean())
    kept = np.sort(each)[: max(1, round((1 - _TRIM) * len(each)))]
    counts = known.sum(axis=(0, 2, 3))
    of_baselines = squares.sum(axis=(0, 2, 3))[counts > 0] / counts[counts > 0]
    longest, worst = coherence(relative, known) if added > 0 else (None, None)
    rms, noise_rms = image_growth(data, error, known)
    mean_delay, peak_delay = delay_residual(data, error, known)
    spread = np.broadcast_to(noise, known.shape)[known]
    before, after = np.abs(data.vis[known]), np.abs(data.vis[known] + error[known])
    strong = before > _STRONG * spread
    turned = np.angle((data.vis[known] + error[known]) * data.vis[known].conj())[strong]
    return Row(
        **names,
        **costs,
        snr=float(np.median(before / spread)),
        added=added,
        added_trimmed=float(kept.mean()),
        added_median=float(np.median(of_baselines)),
        added_worst=float(of_baselines.max()),
        image=rms,
        image_noise=noise_rms,
        delay=mean_delay,
        delay_peak=peak_delay,
        power=power_residual(data, error, known),
        coherence=worst,
        coherence_n=longest,
        magnitude=float(((after - before) / spread).mean()),
        phase=float(turned.mean()) if len(turned) else None,
        note=note,
    )


def theory(added: float) -> float:
    """Bits per real of white Gaussian noise under a dithered step that adds so much variance, coded ideally.

    Examples
    --------
    >>> round(theory(0.01), 2)
    3.59
    """
    step = math.sqrt(12 * added)
    # Entropy of a dithered uniform quantiser: that of noise convolved with a step, over the step.
    grid: NDArray[np.float64] = np.linspace(-8 - step, 8 + step, 40_001)
    density = (
        0.5
        * np.array([math.erf((x + step / 2) / math.sqrt(2)) - math.erf((x - step / 2) / math.sqrt(2)) for x in grid])
        / step
    )
    inside = density > 1e-300
    return float(-(density[inside] * np.log2(density[inside] * step)).sum() * (grid[1] - grid[0]))
