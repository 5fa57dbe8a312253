"""HDF5 datasets of 16-bit frames: size and speed beside the filters of h5py and hdf5plugin, in one run.

Cubes of frames of 1024 x 1024: one for each instrument of the corpus that has such frames, real ones mirrored until
there are enough, and one for each kind of simulated frame. Every filter gets the same cubes in chunks of 256 x 256 and
512 x 512 pixels of one frame, and every dataset is read again and compared. Sizes are those of the chunks and of the
filters' values in the header, the tuned model among them. Times are wall times with the file in the system's cache; two
cores are for ours only, as HDF5 runs its filters one after the other.

Beside that: random windows of 100 x 100 pixels in the largest cube, and what chunks cost against whole frames.
"""

import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

import hdf5_filter
from astrocodec.bench.datasets import corpus_files, find_corpus, frames
from astrocodec.bench.tables import markdown, write_csv, write_provenance
from astrocodec.simulate import simulate

RESULTS = Path(__file__).parent / "results" / "hdf5.csv"
SIDE = 1024
PRESETS = ("ccd", "flat", "bias", "spectrum")
Frame = NDArray[np.uint16]
Rows = list[dict[str, Any]]


def real_patches() -> dict[str, list[Frame]]:
    """Cut the corpus's 16-bit frames into pieces, by instrument."""
    patches: dict[str, list[Frame]] = {}
    for source in corpus_files(("raw-int",)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cards of real headers
            images = list(frames(source))
        for image in images:
            if image.stored.dtype not in (np.int16, np.uint16) or min(image.stored.shape[-2:]) < SIDE:
                continue
            pixels = image.stored.astype(np.int32) + int(image.bzero)
            if pixels.min() < 0:
                continue
            plane = pixels.reshape(-1, *pixels.shape[-2:])[0].astype(np.uint16)
            rows, columns = (length // SIDE for length in plane.shape)
            patches.setdefault(source.group, []).extend(
                plane[y * SIDE : (y + 1) * SIDE, x * SIDE : (x + 1) * SIDE] for y in range(rows) for x in range(columns)
            )
    return patches


def turned(patches: list[Frame]) -> Iterator[Frame]:
    """Yield pieces, then their mirror images, for ever."""
    while True:
        for flip in (np.s_[:, :], np.s_[::-1, :], np.s_[:, ::-1], np.s_[::-1, ::-1]):
            yield from (patch[flip] for patch in patches)


def make_cubes(n_bytes: int) -> Iterator[tuple[str, NDArray[np.uint16]]]:
    """Yield cubes of about `n_bytes` together, half of them real."""
    real = real_patches()
    per_kind = n_bytes // (2 * SIDE * SIDE) // 2
    for group, patches in real.items():
        count = max(1, per_kind // len(real))
        yield group, np.stack([patch for patch, _ in zip(turned(patches), range(count), strict=False)])
    for preset in PRESETS:
        count = max(1, per_kind // len(PRESETS))
        yield f"simulated {preset}", np.stack([simulate(preset, shape=(SIDE, SIDE), seed=k).data for k in range(count)])


@dataclass(frozen=True)
class Way:
    """How a dataset is written and read.

    Attributes
    ----------
    name : str
        As printed.
    write : callable
        File, cube and chunks to dataset.
    read : callable
        Dataset to array.
    """

    name: str
    write: Callable[[h5py.File, Frame, tuple[int, ...]], h5py.Dataset]
    read: Callable[[h5py.Dataset], Any] = lambda dataset: dataset[...]


def peers() -> list[Way]:
    """The other filters, with the options that their users take for images."""

    def way(name: str, options: dict[str, Any]) -> Way:
        return Way(name, lambda file, cube, chunks: file.create_dataset("x", data=cube, chunks=chunks, **options))

    blosc = hdf5plugin.Blosc2(cname="zstd", clevel=5, filters=hdf5plugin.Blosc2.BITSHUFFLE)
    return [
        way("gzip 4 + shuffle", {"compression": "gzip", "compression_opts": 4, "shuffle": True}),
        way("Blosc2 zstd 5 + bitshuffle", {"compression": blosc}),
        way("Zstd 3 + shuffle", {"compression": hdf5plugin.Zstd(clevel=3), "shuffle": True}),
        way("bitshuffle LZ4", {"compression": hdf5plugin.Bitshuffle(cname="lz4")}),
        way("HTJ2K", {"compression": hdf5plugin.Htj2k()}),
    ]


def ours(cube: Frame, effort: int) -> list[Way]:
    """Our filter, tuned and not, with one and two workers, and through HDF5's own pipeline."""
    tuned, general = hdf5_filter.AstroCodec.tuned(cube, effort=effort), hdf5_filter.AstroCodec()

    def way(name: str, codec: hdf5_filter.AstroCodec, workers: int) -> Way:
        return Way(
            f"astrocodec {name}, {workers} worker{'s' * (workers > 1)}",
            lambda file, data, chunks: hdf5_filter.write_dataset(
                file, "x", data, chunks=chunks, codec=codec, workers=workers
            ),
            lambda dataset: hdf5_filter.read_dataset(dataset, workers=workers),
        )

    pipeline = Way(
        "astrocodec tuned, HDF5's pipeline",
        lambda file, data, chunks: file.create_dataset("x", data=data, chunks=chunks, compression=tuned),
    )
    return [
        way("tuned", tuned, 1),
        way("tuned", tuned, 2),
        way("untuned", general, 1),
        way("untuned", general, 2),
        pipeline,
    ]


def measure(way: Way, cube: Frame, chunks: tuple[int, ...], folder: Path) -> dict[str, Any]:
    """Write, read and compare one dataset."""
    path = folder / "x.h5"
    with h5py.File(path, "w") as file:
        start = time.perf_counter()
        dataset = way.write(file, cube, chunks)
        file.flush()
        write = time.perf_counter() - start
        size = dataset.id.get_storage_size() + header_bytes(dataset)
    with h5py.File(path) as file:
        start = time.perf_counter()
        found = way.read(file["x"])
        read = time.perf_counter() - start
    if not np.array_equal(found, cube):
        raise SystemExit(f"{way.name} did not give the cube back")
    path.unlink()
    return {"bytes": size, "write_s": write, "read_s": read}


def header_bytes(dataset: h5py.Dataset) -> int:
    """Bytes of the filter's values in the dataset's header."""
    plist = dataset.id.get_create_plist()
    return sum(4 * len(plist.get_filter(number)[2]) for number in range(plist.get_nfilters()))


def measure_windows(cube: Frame, side: int, folder: Path, count: int) -> dict[str, Any]:
    """Random windows: time of each, and time that its chunks alone would take."""
    path = folder / "windows.h5"
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        hdf5_filter.write_dataset(file, "x", cube, chunks=(1, side, side), codec=hdf5_filter.AstroCodec.tuned(cube))
    seconds = chunk_seconds = 0.0
    with h5py.File(path) as file:
        dataset = file["x"]
        for _ in range(count):
            z, y, x = (int(rng.integers(0, length)) for length in (len(cube), SIDE - 100, SIDE - 100))
            window = (z, slice(y, y + 100), slice(x, x + 100))
            start = time.perf_counter()
            found = hdf5_filter.read_dataset(dataset, window, workers=1)
            seconds += time.perf_counter() - start
            if not np.array_equal(found, cube[window]):
                raise SystemExit("a window differs")
            corners = {(v // side * side, u // side * side) for v in (y, y + 99) for u in (x, x + 99)}
            for corner in corners:
                whole = (z, *(slice(at, at + side) for at in corner))
                start = time.perf_counter()
                hdf5_filter.read_dataset(dataset, whole, workers=1)
                chunk_seconds += time.perf_counter() - start
    path.unlink()
    return {"window_ms": 1000 * seconds / count, "its_chunks_ms": 1000 * chunk_seconds / count}


@click.command(help=__doc__)
@click.option("--bytes", "n_bytes", default=1 << 30, show_default=True, help="Size of all cubes together.")
@click.option("--effort", default=5, show_default=True, help="Time for tuning.")
@click.option("--windows", default=200, show_default=True, help="Random windows.")
@click.option("--output", type=click.Path(path_type=Path), default=RESULTS, show_default=True, help="Table to write.")
def main(n_bytes: int, effort: int, windows: int, output: Path) -> None:
    find_corpus()
    rows: Rows = []
    folder = Path(tempfile.mkdtemp(prefix="hdf5-"))
    largest: tuple[str, Frame] | None = None
    try:
        for name, cube in make_cubes(n_bytes):
            if largest is None or cube.nbytes > largest[1].nbytes:
                largest = name, cube
            for way in [*peers(), *ours(cube, effort)]:
                sides = (256, 512) if "untuned" in way.name or not way.name.endswith("1 worker") else (256, 512, SIDE)
                for side in sides:
                    found = measure(way, cube, (1, side, side), folder)
                    rows.append({"cube": name, "frames": len(cube), "chunk": side, "way": way.name, **found})
                    click.echo(f"{name}, {len(cube)} frames, {side}, {way.name}: {found['bytes'] / cube.nbytes:.4f}")
        assert largest is not None
        for side in (256, 512):
            found = measure_windows(largest[1], side, folder, windows)
            rows.append(
                {"cube": largest[0], "frames": len(largest[1]), "chunk": side, "way": "windows of 100 x 100", **found}
            )
    finally:
        shutil.rmtree(folder)
    for row in rows:
        row.setdefault("window_ms", None), row.setdefault("its_chunks_ms", None)
        for column in ("bytes", "write_s", "read_s"):
            row.setdefault(column, None)
    output.parent.mkdir(parents=True, exist_ok=True)
    write_csv(output, rows)
    write_provenance(output)
    click.echo(summary(rows))


def summary(rows: Rows) -> str:
    """Sizes and speeds over all cubes, as a table in Markdown."""
    totals: Rows = []
    for side in (256, 512, SIDE):
        for way in dict.fromkeys(row["way"] for row in rows if row["chunk"] == side and row["bytes"]):
            some = [row for row in rows if row["chunk"] == side and row["way"] == way]
            size = sum(row["bytes"] for row in some)
            pixels = sum(row["frames"] for row in some) * SIDE * SIDE
            totals.append(
                {
                    "chunk": side,
                    "filter": way,
                    "bits/pixel": f"{8 * size / pixels:.3f}",
                    "ratio": f"{2 * pixels / size:.3f}",
                    "write Mpixel/s": f"{pixels / 1e6 / sum(row['write_s'] for row in some):.1f}",
                    "read Mpixel/s": f"{pixels / 1e6 / sum(row['read_s'] for row in some):.1f}",
                }
            )
    windows = [
        f"chunks of {row['chunk']}: a window in {row['window_ms']:.2f} ms, its chunks in {row['its_chunks_ms']:.2f} ms"
        for row in rows
        if row["window_ms"]
    ]
    return "\n".join([markdown(totals), "", *windows])


if __name__ == "__main__":
    main()
