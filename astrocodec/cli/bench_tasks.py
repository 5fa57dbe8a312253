"""One file to its measurements with lossy codecs."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from astrocodec.cli.looked_at import LookedAt
from astrocodec.cli.task import ReadTask
from astrocodec.files.executor import Progress

if TYPE_CHECKING:
    from astrocodec.bench.lossless.contenders import Contender
    from astrocodec.bench.lossless.rows import Row as LosslessRow
    from astrocodec.bench.lossy.measure import Row
    from astrocodec.bench.visibilities.measure import Row as VisRow


@dataclass(frozen=True)
class BenchTask(ReadTask):
    """What to do with one file."""

    codecs: tuple[str, ...] = ()  # parts of names; empty: all
    plane: int | None = None  # which plane of cubes
    select: frozenset[int | str] = frozenset()  # HDUs, datasets or arrays; empty: all
    side: int = 1024  # pixels along a side that are measured, in the middle
    visibilities: bool = False  # whether it is a set of visibilities


@dataclass(frozen=True)
class LosslessTask(ReadTask):
    """What to do with one file, or the part of it that is tested."""

    dataset: str = ""
    rows: tuple[float, float] = (0.0, 1.0)  # part of its rows
    side: int | None = None  # pixels along a side, of the middle; None: whole images
    wanted: "tuple[tuple[Contender, tuple[str, ...]], ...]" = ()  # codecs, and the tables that they are for


@dataclass
class Benched(LookedAt):
    """What became of one file."""

    rows: "list[Row]" = field(default_factory=list)
    vis_rows: "list[VisRow]" = field(default_factory=list)
    lossless_rows: "list[LosslessRow]" = field(default_factory=list)


def bench_file(task: BenchTask, workers: int = 1, progress: Progress | None = None) -> Benched:
    """Measure the images or sets of a file one after the other; an exception becomes a failure that says what to do."""
    found = Benched(task.file)
    found.look(lambda: (_bench_sets if task.visibilities else _bench)(task, found))
    return found


def _bench_sets(task: BenchTask, found: Benched) -> None:
    """Set by set, of a Measurement Set each of its data descriptions."""
    from astrocodec.bench.visibilities.measure import measure_set
    from astrocodec.bench.visibilities.peers import visibility_peers
    from astrocodec.bench.visibilities.sets import read_sets

    for data in read_sets(task.path):
        found.vis_rows += measure_set(data, visibility_peers(task.codecs))


def _bench(task: BenchTask, found: Benched) -> None:
    """Image by image; what has no noise is left out, since nothing can be told in its units."""
    import numpy as np

    from astrocodec.analysis.images.find_images import find_images
    from astrocodec.analysis.images.image_entry import SkippedEntry
    from astrocodec.bench.lossy.frames import LossyFrame, cropped
    from astrocodec.bench.lossy.measure import NoNoiseError, measure_frame
    from astrocodec.bench.lossy.peers import lossy_peers

    peers = lossy_peers(task.codecs)
    for entry in find_images(task.path, plane=task.plane, select=task.select):
        if isinstance(entry, SkippedEntry):
            found.skipped.append((entry.title, entry.reason))
            continue
        pixels = cropped(np.asarray(entry.pixels), task.side)
        if pixels.dtype.kind not in "iuf":
            found.skipped.append((entry.title, f"pixels are {pixels.dtype.name}"))
            continue
        if entry.mask is not None and cropped(entry.mask, task.side).any():
            pixels = np.where(cropped(entry.mask, task.side), np.nan, pixels).astype(np.float32)
        try:
            found.rows += measure_frame(LossyFrame(entry.title, "file", pixels), peers)
        except NoNoiseError as error:
            found.skipped.append((entry.title, str(error)))


def bench_share(task: LosslessTask, workers: int = 1, progress: Progress | None = None) -> Benched:
    """Measure the images of a file, image by image; times of the first only."""
    found = Benched(task.file)
    found.look(lambda: _bench_share(task, found))
    return found


def _bench_share(task: LosslessTask, found: Benched) -> None:
    from astrocodec.bench.lossless.image_sets import images_of
    from astrocodec.bench.lossless.measure import measure_image
    from astrocodec.learning.integer_arrays import Share

    wanted = dict(task.wanted)
    for image in images_of(Share(task.path, task.rows), task.side):
        found.lossless_rows += measure_image(task.dataset, image, wanted)
        wanted = {one: tuple(part for part in parts if part != "times") for one, parts in wanted.items()}
