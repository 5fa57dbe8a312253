"""Tables of a measurement of lossy codecs: of one image in full, of all in a line for each codec."""

from __future__ import annotations

from collections.abc import Sequence

from astrocodec.bench.lossy.curves import TARGETS, curves, standings
from astrocodec.bench.lossy.measure import FLUX_RANGES, Row

__all__ = ["FULL_HEADINGS", "full_lines", "summary_lines"]

FULL_HEADINGS = (
    "codec", "level", "bits/pixel", "of fpack", "noise +", "max e", *(f"flux, SNR {low:g}+" for low, _ in FLUX_RANGES),
    "note",
)  # fmt: skip
_NOTHING = "-"


def full_lines(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Lines under `FULL_HEADINGS`, of one image or several."""
    by_image = curves(rows)
    lines = []
    for row in rows:
        base = by_image.get((row.frame, row.kind), {}).get("fpack RICE")
        equal = base.at(row.added) if base is not None and row.added else None
        lines.append(
            (
                row.codec,
                row.level,
                _number(row.bits, ".3f"),
                _number(row.bits / equal if equal and row.bits else None, ".3f"),
                _number(None if row.added is None else 100 * row.added, ".3g", " %"),
                _number(row.largest_sigma, ".3g", " sigma"),
                *(_flux(row, place) for place in range(len(FLUX_RANGES))),
                row.note,
            )
        )
    return lines


def _flux(row: Row, place: int) -> str:
    values = row.flux[place] if place < len(row.flux) else None
    return _NOTHING if values is None else f"{values[0]:+.3f} ± {values[2]:.3f}"


def _number(value: float | None, how: str, unit: str = "") -> str:
    return _NOTHING if value is None else f"{value:{how}}{unit}"


def summary_lines(rows: Sequence[Row]) -> list[dict[str, str]]:
    """A line for each codec: size over fpack's at equal added variance, over all images."""
    lines = []
    for one in standings(rows):
        line = {"codec": one.codec}
        for target, size in zip(TARGETS, one.sizes, strict=True):
            line[f"noise + {100 * target:g} %"] = _number(None if size is None else 100 * (size - 1), "+.1f", " %")
        for name, value in (("best image", one.best), ("worst image", one.worst)):
            line[name] = _number(None if value is None else 100 * (value - 1), "+.1f", " %")
        line["largest error"] = _number(one.largest_sigma, ".2f", " sigma")
        line["flux bias"] = _number(one.bias_sigma, ".3f", " sigma")
        lines.append(line | {"images": str(one.images)})
    return lines
