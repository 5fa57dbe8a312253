"""Bits against added variance: every codec at the same D."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

from astrocodec.bench.tables import geometric_mean
from astrocodec.bench.visibilities.measure import Row

__all__ = ["BASE", "NOISELESS", "TARGETS", "at", "curve", "means", "saving", "standing"]

TARGETS = (0.1, 0.01, 0.001)
BASE = "Dysco AF"
# How far beyond what was measured a curve is continued, a factor of D; there a factor of four is one bit.
_BEYOND = 300.0
# Few baselines do not tell Dysco's factors of antennas.
_LEAST_BASELINES = 3
NOISELESS = 1e5  # times the noise

Points = Sequence[tuple[float, float]]


def curve(rows: Iterable[Row], *, nominal: bool = False, trimmed: bool = False) -> Points:
    """Points (D, bits per real) of one codec on one set, by rising D; `nominal` takes bits of symbols by name."""
    found = []
    for row in rows:
        added = row.added_trimmed if trimmed else row.added
        bits = row.nominal if nominal and row.nominal is not None else row.bits
        if added and bits is not None and math.isfinite(added):
            found.append((added, bits))
    return sorted(found)


def at(points: Points, added: float) -> float | None:
    """
    Bits per real at an added variance, on straight lines in its logarithm.

    Beyond the ends half a bit is half an octave of D, as for any quantiser of fine steps.

    Examples
    --------
    >>> at([(0.001, 6.0), (0.1, 2.0)], 0.01), at([(0.01, 4.0)], 0.0025)
    (4.0, 5.0)
    """
    if not points or not points[0][0] / _BEYOND <= added <= points[-1][0] * _BEYOND:
        return None
    if added <= points[0][0] or added >= points[-1][0]:
        end, bits = points[0] if added <= points[0][0] else points[-1]
        return bits + 0.5 * math.log2(end / added)
    for (low, more), (high, fewer) in itertools.pairwise(points):
        if low <= added <= high:
            share = math.log(added / low) / math.log(high / low) if high > low else 0.0
            return more + share * (fewer - more)
    raise AssertionError


def by_codec(rows: Iterable[Row]) -> dict[str, dict[str, list[Row]]]:
    """Rows by set and codec."""
    found: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        found[row.set][row.codec].append(row)
    return {name: dict(codecs) for name, codecs in found.items()}


def standing(rows: Sequence[Row], codec: str, added: float, *, nominal: bool = False) -> dict[str, float | None]:
    """Bits per real of a codec by set; with `nominal` of Dysco its names' bits at the trimmed D, the kindest view."""
    found = {}
    for name, codecs in by_codec(rows).items():
        own = codecs.get(codec, [])
        found[name] = at(curve(own, nominal=nominal, trimmed=nominal), added)
    return found


def saving(rows: Sequence[Row], codec: str, base: str, added: float) -> tuple[float | None, int]:
    """How much smaller a codec is than another at equal D, geometric mean over sets, and over how many.

    Dysco is taken by the bits of its symbols at its trimmed D; sets of fewer than three baselines are left out. So are,
    of all codecs, sets without noise, of which D says nothing.
    """
    noiseless = {row.set for row in rows if row.snr is not None and row.snr > NOISELESS}
    dysco = base.startswith("Dysco")
    ours, other = standing(rows, codec, added), standing(rows, base, added, nominal=dysco)
    shapes = {row.set: int(row.shape.split("x")[1]) for row in rows}
    ratios = []
    for name, bits in ours.items():
        peer = other[name]
        few = dysco and shapes[name] < _LEAST_BASELINES
        if bits is not None and peer is not None and not few and name not in noiseless:
            ratios.append(bits / peer)
    return (1 - geometric_mean(ratios), len(ratios)) if ratios else (None, 0)


def means(rows: Sequence[Row], codec: str, added: float) -> float | None:
    """Bits per real, geometric mean over sets."""
    values = [bits for bits in standing(rows, codec, added).values() if bits is not None]
    return geometric_mean(values) if values else None
