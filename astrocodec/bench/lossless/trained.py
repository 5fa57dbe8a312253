"""Weights for each set and for all of them together: those of a folder, and what is trained into it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from astrocodec.bench.lossless.contenders import LEARNED, Contender
from astrocodec.bench.lossless.image_sets import ImageSet
from astrocodec.bench.lossless.rows import ALL_DATA
from astrocodec.lossless.pixel_format import PixelFormat

__all__ = ["Training", "trained"]

_BATCH = 32  # patches of a step


@dataclass(frozen=True)
class Training:
    """How weights come about."""

    folder: Path  # holds CODEC-SYMBOLS-SET.safetensors
    steps: int | None = None  # None: what the folder lacks is left out
    seed: int = 0
    options: Mapping[str, str] = field(default_factory=dict)  # of the network, such as its size
    log: Callable[[str], None] = print

    def without_steps(self) -> Training:
        """What the folder has, and no more."""
        return replace(self, steps=None)


def trained(
    codec: str, symbols: str, one: ImageSet | None, sets: Sequence[ImageSet], how: Training
) -> Contender | None:
    """A codec with weights that learned from a set, without one from all; None where there are none.

    Raises
    ------
    ValueError
        There is nothing to learn from.
    """
    name = ALL_DATA if one is None else one.name
    path = how.folder / f"{LEARNED[codec]}-{symbols}-{name}.safetensors"
    if not path.is_file():
        if how.steps is None:
            return None
        how.log(f"{path.stem}: {how.steps} steps")
        form = PixelFormat(symbols, 1 if one is None else one.planes())
        _train(codec, form, [path for part in sets if one in (None, part) for path in part.paths], path, how)
    return Contender(codec, path, name, LEARNED[codec])


def _train(codec: str, form: PixelFormat, paths: list[Path], output: Path, how: Training) -> None:
    """Train, or go on with a training that was stopped."""
    from astrocodec.learning.train_lossless import train_lossless

    how.folder.mkdir(parents=True, exist_ok=True)
    train_lossless(
        LEARNED[codec],
        paths,
        output,
        steps=how.steps or 1,
        seed=how.seed,
        form=form,
        options=how.options,
        batch=_BATCH,
        resume=output.with_suffix(".pt").exists(),
        log=lambda line: how.log(f"  {line}"),
    )
