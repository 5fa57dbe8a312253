"""Whole commands on a large frame: wall and user time and memory, beside the codec alone, and JPEG-XL 7 in memory.

The frame is made of pieces of a real one, mirrored against seams, as an int16 image with BZERO 32768. Rounds are
interleaved, so that a busy machine slows everything alike; times are the least of all rounds.
"""

import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from astropy.io import fits

from astrocodec.bench.datasets import corpus_files, frames
from astrocodec.bench.peers import Stack, choose_peers
from astrocodec.bench.tables import markdown, write_csv, write_provenance

RESULTS = Path(__file__).parent / "results" / "end_to_end.csv"
# The kernel's figure for a child counts what its parent held when it forked; a process's own high-water mark does not.
PROGRAM = """
import atexit, re, sys
from pathlib import Path
from astrocodec.cli import main
status = Path("/proc/self/status")
atexit.register(lambda: print(re.search(r"VmHWM:\\s*(\\d+)", status.read_text())[1], file=sys.stderr))
main(sys.argv[1:])
"""
FRAME = "orion-dsi_m13_0001"
QUICK = ("--no-tune", "--no-verify")


@dataclass(frozen=True)
class Figures:
    """Of one run.

    Attributes
    ----------
    wall, user : float
        Seconds; user time is that of the processor outside the kernel, over all threads.
    peak : float
        Memory in MB, 0 where it was not measured.
    """

    wall: float
    user: float
    peak: float = 0.0


Action = Callable[[], Figures]


def large_plane(side: int) -> Stack:
    """Mirror a real frame until it fills a square of uint16."""
    (source,) = corpus_files(names=[FRAME])
    piece = next(frames(source)).planes[0].astype(np.uint16)
    block = np.block([[piece, piece[:, ::-1]], [piece[::-1], piece[::-1, ::-1]]])
    repeats = (-(-side // block.shape[0]), -(-side // block.shape[1]))
    return np.ascontiguousarray(np.tile(block, repeats)[:side, :side])


def user_seconds(whose: int) -> float:
    """User time so far, finer than the ticks of `os.times`."""
    return resource.getrusage(whose).ru_utime


def in_child(*arguments: str) -> Action:
    """Run the interpreter."""

    def act() -> Figures:
        before, start = user_seconds(resource.RUSAGE_CHILDREN), time.perf_counter()
        child = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
        wall, user = time.perf_counter() - start, user_seconds(resource.RUSAGE_CHILDREN) - before
        if child.returncode:
            raise RuntimeError(f"{' '.join(arguments)} ended with {child.returncode}: {child.stderr}")
        peak = int(child.stderr.split()[-1]) / 1024 if PROGRAM in arguments else 0.0
        return Figures(wall, user, peak)

    return act


def command(*arguments: str) -> Action:
    """Run a command of ours."""
    return in_child("-c", PROGRAM, *arguments)


def here(function: Callable[[], object]) -> Action:
    """Call a function in this process."""

    def act() -> Figures:
        before, start = user_seconds(resource.RUSAGE_SELF), time.perf_counter()
        function()
        wall = time.perf_counter() - start
        return Figures(wall, user_seconds(resource.RUSAGE_SELF) - before)

    return act


def actions(plane: Stack, jobs: int, folder: Path) -> dict[str, Action]:
    """Everything that is measured on a frame."""
    import astrocodec
    import fits_tiles

    plain, packed, quick, back = (str(folder / name) for name in ("a.fits", "a.ac.fits", "q.ac.fits", "b.fits"))
    fits.writeto(plain, plane, overwrite=True)
    common = ("--overwrite", "-q", "-j", str(jobs))
    keywords: dict[str, Any] = {"overwrite": True, "workers": jobs}
    fits_tiles.compress(plain, packed, **keywords)
    fits_tiles.compress(plain, quick, tune=False, **keywords)
    stream = astrocodec.encode(plane, workers=jobs)
    (jpegxl,) = choose_peers(["JPEG-XL 7"])
    jpegxl_streams = jpegxl.encode(plane[None])
    return {
        "python": in_child("-c", "pass"),
        "python with NumPy": in_child("-c", "import numpy"),
        "command: --version": command("--version"),
        "codec: encode": here(lambda: astrocodec.encode(plane, workers=jobs)),
        "codec: decode": here(lambda: astrocodec.decode(stream, workers=jobs)),
        "in process: compress, no tuning, no check": here(
            lambda: fits_tiles.compress(plain, quick, tune=False, verify=False, **keywords)
        ),
        "in process: decompress, no check": here(lambda: fits_tiles.decompress(quick, back, verify=False, **keywords)),
        "in process: compress": here(lambda: fits_tiles.compress(plain, packed, **keywords)),
        "in process: decompress": here(lambda: fits_tiles.decompress(packed, back, **keywords)),
        "command: fits-compress --no-tune --no-verify": command("fits-compress", plain, "-O", quick, *common, *QUICK),
        "command: fits-decompress --no-verify": command("fits-decompress", quick, "-O", back, *common, QUICK[1]),
        "command: fits-compress": command("fits-compress", plain, "-O", packed, *common),
        "command: fits-decompress": command("fits-decompress", packed, "-O", back, *common),
        "JPEG-XL 7: encode, one thread": here(lambda: jpegxl.encode(plane[None])),
        "JPEG-XL 7: decode, one thread": here(lambda: jpegxl.decode(jpegxl_streams, plane[None])),
    }


def measure(side: int, rounds: int, jobs: int, folder: Path) -> list[dict[str, Any]]:
    """Measure one size of frame."""
    plane = large_plane(side)
    chosen = actions(plane, jobs, folder)
    figures: dict[str, list[Figures]] = {name: [] for name in chosen}
    for number in range(1, rounds + 1):
        print(f"{side} x {side}: round {number}/{rounds}", file=sys.stderr, flush=True)
        for name, action in chosen.items():
            figures[name].append(action())
    return [
        {
            "what": name,
            "Mpixel": round(plane.size / 1e6, 2),
            "wall s": round(min(one.wall for one in measured), 3),
            "user s": round(min(one.user for one in measured), 3),
            "peak MB": round(max(one.peak for one in measured), 1) or None,
        }
        for name, measured in figures.items()
    ]


@click.command()
@click.option(
    "--side", "sides", multiple=True, default=[2048, 4096], show_default=True, help="Pixels; may be repeated."
)
@click.option("--rounds", default=5, show_default=True, help="Times are the least of this many runs.")
@click.option("--jobs", default=1, show_default=True, help="Cores for ours.")
@click.option("--output", type=click.Path(path_type=Path), default=RESULTS, help="CSV to write.")
def main(sides: tuple[int, ...], rounds: int, jobs: int, output: Path) -> None:
    """Measure square frames of SIDE pixels."""
    warnings.simplefilter("ignore")  # illegal cards of real headers; nothing here depends on them
    with tempfile.TemporaryDirectory() as folder:
        rows = [row for side in sides for row in measure(side, rounds, jobs, Path(folder))]
    write_csv(output, rows)
    write_provenance(output)
    print(markdown(rows))


if __name__ == "__main__":
    main()
