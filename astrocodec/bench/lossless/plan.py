"""Which codec, with which weights, is measured for which table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from astrocodec.bench.lossless import paper
from astrocodec.bench.lossless.contenders import LEARNED, Contender, shipped, why_missing, why_no_weights
from astrocodec.bench.lossless.image_sets import ImageSet
from astrocodec.bench.lossless.trained import Training, trained
from astrocodec.lossless.pixel_format import SYMBOLS

__all__ = ["Plan", "plan"]

_USUAL = "words"  # what is trained where one format will do
_ORDER = ("matrix", "formats", "ratios", "times")  # the last two take what weights the others made
_NEEDS = "no weights learned from these sets: give --train STEPS, or --weights FOLDER with such files"
# Of these two parts the paper has one codec.
_OF_PAPER = {"matrix": paper.MATRIX_CODEC, "formats": "PixelCNN++"}


@dataclass
class Plan:
    """What is to be measured, by set, and what is left out and why."""

    wanted: dict[str, dict[Contender, tuple[str, ...]]] = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, part: str, one: Contender) -> None:
        """Measure a codec on a set, for a part."""
        mine = self.wanted.setdefault(name, {})
        mine[one] = (*mine.get(one, ()), part)


def plan(
    sets: Sequence[ImageSet], codecs: Sequence[str], are_chosen: bool, parts: Sequence[str], how: Training
) -> Plan:
    """Plan the measurement, and train what it needs.

    Parameters
    ----------
    sets : sequence of ImageSet
    codecs : sequence of str
    are_chosen : bool
        Whether somebody named these codecs: else generalisation and formats are of the paper's codec.
    parts : sequence of str
        Some of `PARTS`.
    how : Training
        What weights there are, and how others come about.
    """
    made, missing = Plan(), {codec: why for codec in codecs if (why := why_missing(codec))}
    for part in (part for part in _ORDER if part in parts):
        chosen = [codec for codec in codecs if codec not in missing]
        if part not in _OF_PAPER:
            for codec in chosen:
                _plan_usual(made, part, codec, sets, how)
            continue
        for codec in chosen if are_chosen else [_OF_PAPER[part]]:
            if codec in LEARNED and codec not in missing:
                _plan_learned(made, part, codec, sets, how)
    made.left_out[:0] = missing.items()
    return made


def _plan_usual(made: Plan, part: str, codec: str, sets: Sequence[ImageSet], how: Training) -> None:
    """A codec on each set; a learned one with weights of the set itself, else with the package's own."""
    for one in sets:
        own = _of_set(codec, one, sets, how) if codec in LEARNED and one.paths else []
        if not own and codec in LEARNED and (reason := why_no_weights(codec)):
            made.left_out.append((f"{part} of {codec}", reason))
            return
        if part == "times":
            own = own[-1:]
        for contender in own or [shipped(codec)]:
            made.add(one.name, part, contender)


def _of_set(codec: str, one: ImageSet, sets: Sequence[ImageSet], how: Training) -> list[Contender]:
    """A learned codec with weights that learned from a set, of one format or both."""
    found = []
    for symbols in SYMBOLS:
        found.append(trained(codec, symbols, one, sets, how if symbols == _USUAL else how.without_steps()))
    return list(filter(None, found))


def _plan_learned(made: Plan, part: str, codec: str, sets: Sequence[ImageSet], how: Training) -> None:
    """Generalisation: every weights on every set; formats: both formats of each set's own."""
    found = False
    for one in [*sets, None] if part == "matrix" else sets:
        for symbols in SYMBOLS if part == "formats" else (_USUAL,):
            if contender := trained(codec, symbols, one, sets, how):
                found = True
                for tested in sets if part == "matrix" else [one]:
                    if tested is not None:
                        made.add(tested.name, part, contender)
    if not found:
        made.left_out.append((f"{part} of {codec}", _NEEDS))
