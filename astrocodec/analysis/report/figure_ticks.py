"""Numbers along axes: short, and never one over another, whatever the figure's size."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.textpath import text_to_path
from matplotlib.ticker import Formatter

from astrocodec.analysis.report.numbers import short_number, short_numbers

__all__ = ["SpacedFormatter"]

# Browsers draw the text of an SVG in fonts of their own, which may be wider than the one that is measured.
_MARGIN = 1.15
_GAP = 0.5  # between labels, in heights of the text


class SpacedFormatter(Formatter):
    """Labels of an axis, without those that would touch another; measured when the figure is drawn.

    Of an axis `over_decades` each number is written for itself, powers of ten first; `names` stand in place of numbers.
    """

    def __init__(self, *, over_decades: bool = False, names: Sequence[str] | None = None) -> None:
        self._over_decades = over_decades
        self._names = names

    def __call__(self, value: float, pos: int | None = None) -> str:
        """Write one number."""
        return short_number(value) if self._over_decades else short_numbers([value])[0]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Write all numbers; what finds no room is empty."""
        assert self.axis is not None
        low, high = sorted(_places(self.axis, self.axis.get_view_interval()))
        places = _places(self.axis, values)
        seen = [n for n, place in enumerate(places) if low - 0.5 <= place <= high + 0.5]
        shown = [float(values[n]) for n in seen]
        if self._names is not None:
            texts = [self._names[n] for n in seen]
        else:
            texts = [short_number(value) for value in shown] if self._over_decades else short_numbers(shown)
        spans = _spans(self.axis, [places[n] for n in seen], texts)
        kept = _by_rank(shown, spans) if self._over_decades else _every_nth(shown, spans)
        labels = [""] * len(values)
        for place in kept:
            labels[seen[place]] = texts[place]
        return labels


def _places(axis: Any, values: Iterable[float]) -> list[float]:
    """Where values lie along their axis, in pixels."""
    which = 0 if axis.axis_name == "x" else 1
    corner = list(axis.axes.viewLim.p0)
    found = []
    for value in values:
        corner[which] = value
        found.append(float(axis.axes.transData.transform(corner)[which]))
    return found


def _spans(axis: Any, places: Sequence[float], texts: Sequence[str]) -> list[tuple[float, float]]:
    """Where each label begins and ends along its axis, with the gap, in pixels."""
    label = (axis.majorTicks or [axis._get_tick(True)])[0].label1
    scale = axis.get_figure(root=True).dpi / 72
    spans = []
    for at, text in zip(places, texts, strict=True):
        width, height, _ = text_to_path.get_text_width_height_descent(text, label.get_fontproperties(), False)
        reach = scale * (_MARGIN * (width if axis.axis_name == "x" else height) + _GAP * label.get_size()) / 2
        spans.append((at - reach, at + reach))
    return spans


def _every_nth(values: Sequence[float], spans: Sequence[tuple[float, float]]) -> list[int]:
    """All labels, or every second, or every third, so that zero stays."""
    anchor = next((n for n, value in enumerate(values) if value == 0), 0)
    for step in range(1, len(values) + 1):
        kept = list(range(anchor % step, len(values), step))
        placed = sorted(spans[n] for n in kept)
        if all(before[1] <= after[0] for before, after in itertools.pairwise(placed)):
            return kept
    return []


def _by_rank(values: Sequence[float], spans: Sequence[tuple[float, float]]) -> list[int]:
    """Zero, then powers of ten from the largest down, then the others, each where there is room left."""

    def rank(n: int) -> tuple[bool, bool, float]:
        value = abs(values[n])
        return value != 0, value != 0 and not math.log10(value).is_integer(), -value

    kept: list[int] = []
    for n in sorted(range(len(values)), key=rank):
        if all(spans[n][1] <= spans[other][0] or spans[other][1] <= spans[n][0] for other in kept):
            kept.append(n)
    return kept
