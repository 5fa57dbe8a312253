"""`--sequence`: frames of one detector, coded beside the first of them."""

from collections import Counter
from collections.abc import Hashable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from astrocodec.cli.size_table import Outcome
from astrocodec.cli.task import Task
from astrocodec.errors import AstrocodecError


def beside_first(planned: Sequence[Task | Outcome]) -> list[Task | Outcome]:
    """Give every task the input of the first of its kind as reference, that one too.

    Of a kind are files of one directory whose images have the same shapes and types; their names tell which is the
    first. Its pixels go to the store beside the outputs, so none of these needs another.
    """
    tasks = [entry for entry in planned if isinstance(entry, Task) and not entry.source.is_stdin]
    first: dict[Hashable, Path] = {}
    kinds = {id(task): _kind(task.source.path) for task in tasks}
    count = Counter(kinds.values())
    for task in sorted(tasks, key=lambda task: task.source.path):
        if kinds[id(task)] is not None:
            first.setdefault(kinds[id(task)], task.source.path)

    def arranged(entry: Task | Outcome) -> Task | Outcome:
        key = first.get(kinds.get(id(entry)))
        if key is None or count[kinds[id(entry)]] < 2 or not isinstance(entry, Task):
            return entry
        return replace(entry, options={**entry.options, "reference": key})

    return [arranged(entry) for entry in planned]


def _kind(path: Path) -> Hashable:
    """What files of a sequence share; None for what is no FITS file with an image of integers."""
    import fits_tiles

    with suppress(AstrocodecError, OSError, ValueError):
        images = tuple((hdu.index, hdu.shape, hdu.dtype) for hdu in fits_tiles.info(path).hdus if hdu.shape)
        return (path.parent, images) if images else None
    return None
