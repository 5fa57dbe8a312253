"""Cubes: ours beside our own planes alone, JPEG-XL of planes and of residuals, and zstd of differences in time.

Residuals are the first plane and x[t] - x[t-1], as the paper on near-lossless and lossless coding of ramps has them.
Tiny planes are also coded as one image of pixels by time. Streams are charged without containers, a tuned model with
its bytes. Ramps are simulated, and called so.
"""

import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import imagecodecs
import numpy as np
from numpy.typing import NDArray

import astrocodec
from astrocodec.bench.datasets import corpus_files, frames
from astrocodec.bench.peers import NotApplicableError, from_unsigned, to_unsigned
from astrocodec.bench.tables import markdown, tell, write_csv
from astrocodec.simulate import simulate_ramp

RESULTS = Path(__file__).parent / "results"
PATTERNS = ("RAPID", "SHALLOW4", "DEEP8", "NRSRAPID")
SHAPE = (256, 256)
TINY = 4096  # pixels of a plane, up to which planes are coded as an image of pixels by time too
KINDS = ("raw-int", "processed-int", "tpf", "ramp", "float")
Cube = NDArray[Any]


def cubes(names: tuple[str, ...], patterns: tuple[str, ...]) -> Iterator[tuple[str, Cube]]:
    """Yield images of several planes of the corpus, then simulated ramps."""
    for source in corpus_files(KINDS, names):
        for frame in frames(source):
            if frame.pixels.ndim > 2 and len(frame.planes) > 1:
                yield f"{source.name.removesuffix('.fits.gz')}[{frame.hdu}]", frame.planes
    for pattern in patterns:
        yield f"simulated {pattern}", simulate_ramp(pattern, shape=SHAPE, seed=1).data


def jpegxl(effort: int) -> Callable[[Cube], int]:
    """Bytes of all planes, which are decoded again."""

    def size(stack: Cube) -> int:
        unsigned, offset = to_unsigned(stack)
        streams = [imagecodecs.jpegxl_encode(np.ascontiguousarray(p), lossless=True, effort=effort) for p in unsigned]
        planes = np.stack([imagecodecs.jpegxl_decode(stream) for stream in streams]).reshape(unsigned.shape)
        back = planes if planes.dtype == stack.dtype else from_unsigned(planes, offset, stack)
        if not np.array_equal(back, stack):
            raise RuntimeError("JPEG-XL gave other pixels back")
        return sum(map(len, streams))

    return size


def zstd(stack: Cube) -> int:
    """Bytes at level 19, the bytes of all elements sorted by their place."""
    by_place = np.ascontiguousarray(stack).view(np.uint8).reshape(-1, stack.dtype.itemsize).T
    return len(imagecodecs.zstd_encode(by_place.tobytes(), level=19))


def residuals(cube: Cube) -> Cube:
    """The first plane, then differences; of 16 bits modulo 65536, around 32768."""
    steps = np.diff(cube.astype(np.int64), axis=0)
    if cube.dtype.itemsize <= 2:
        return np.concatenate([cube[:1].astype(np.int64), (steps + 32768) % 65536]).astype(np.uint16)
    return np.concatenate([cube[:1].astype(np.int64), steps]).astype(np.int32)


def in_time(cube: Cube) -> Cube:
    """Pixels by time, as one plane."""
    return np.ascontiguousarray(cube.reshape(1, len(cube), -1).transpose(0, 2, 1))


def sizes(cube: Cube) -> Iterator[tuple[str, int]]:
    """Yield codecs and their bytes."""
    model = astrocodec.tune(cube)
    for name, stream in (("ours", astrocodec.encode(cube, model)), ("ours, not tuned", astrocodec.encode(cube))):
        if astrocodec.decode(stream).tobytes() != cube.tobytes():
            raise RuntimeError("our codec gave other pixels back")
        yield name, len(stream)
    yield "ours, planes alone, not tuned", sum(len(astrocodec.encode(plane)) for plane in cube)
    yield "zstd 19", zstd(cube)
    if cube.dtype.kind == "f":
        return
    left = residuals(cube)
    ways = {"": cube, " of residuals": left}
    if cube[0].size <= TINY:
        ways |= {", pixels by time": in_time(cube), " of residuals, pixels by time": in_time(left)}
    for effort in (7, 9):
        for way, stack in ways.items():
            yield f"JPEG-XL {effort}{way}", jpegxl(effort)(stack)
    for way, stack in list(ways.items())[1:]:
        yield f"zstd 19{way}", zstd(stack)


def summary(rows: list[dict[str, Any]]) -> str:
    """One line for each cube: ours, planes alone, and the best of the others."""
    lines = []
    for cube in dict.fromkeys(row["cube"] for row in rows):
        bits = {row["codec"]: float(row["bits"]) for row in rows if row["cube"] == cube}
        others = {codec: value for codec, value in bits.items() if not codec.startswith("ours")}
        best = min(others, key=lambda codec: others[codec])
        on_residuals = [
            value for codec, value in others.items() if codec.startswith("JPEG-XL") and "residuals" in codec
        ]
        lines.append(
            {
                "cube": cube,
                "ours": bits["ours"],
                "not tuned": bits["ours, not tuned"],
                "planes alone, not tuned": bits["ours, planes alone, not tuned"],
                "JPEG-XL of residuals": min(on_residuals, default=float("nan")),
                "best of others": others[best],
                "which": best,
                "ours over it": bits["ours"] / others[best],
            }
        )
    return markdown(lines)


@click.command()
@click.argument("names", nargs=-1)
@click.option("--pattern", "patterns", multiple=True, default=PATTERNS, show_default=True, help="Simulated ramps.")
@click.option("--output", type=click.Path(path_type=Path), default=RESULTS / "cubes.csv", help="CSV to write.")
def main(names: tuple[str, ...], patterns: tuple[str, ...], output: Path) -> None:
    """Measure cubes of files whose names contain NAMES (default: all), and simulated ramps."""
    warnings.simplefilter("ignore")  # illegal cards of real headers; nothing here depends on them
    rows: list[dict[str, Any]] = []
    for name, cube in cubes(names, patterns):
        print(name, cube.shape, file=sys.stderr, flush=True)
        try:
            for codec, size in sizes(cube):
                shape, bits = " x ".join(map(str, cube.shape)), f"{8 * size / cube.size:.4f}"
                rows.append(
                    {"cube": name, "shape": shape, "type": cube.dtype.name, "codec": codec, "bytes": size}
                    | {"bits": bits}
                )
        except NotApplicableError as error:
            print(f"  {error}", file=sys.stderr)
        write_csv(output, rows)
    tell(output, f"Bits per pixel; ramps are simulated, of {SHAPE[0]} x {SHAPE[1]} pixels:\n\n{summary(rows)}")


if __name__ == "__main__":
    main()
