"""Wall time and memory of whole commands on a large frame, beside the codec's own time and JPEG-XL 7's.

The frame is made of pieces of a real one, mirrored against seams, as an int16 image with BZERO 32768.
"""

import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
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


def large_plane(side: int) -> Stack:
    """Mirror a real frame until it fills a square of uint16."""
    (source,) = corpus_files(names=[FRAME])
    piece = next(frames(source)).planes[0].astype(np.uint16)
    block = np.block([[piece, piece[:, ::-1]], [piece[::-1], piece[::-1, ::-1]]])
    repeats = (-(-side // block.shape[0]), -(-side // block.shape[1]))
    return np.ascontiguousarray(np.tile(block, repeats)[:side, :side])


def run_command(*arguments: str) -> tuple[float, float]:
    """Run a command; give seconds of wall time and peak memory in MB."""
    start = time.perf_counter()
    child = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if child.returncode:
        raise RuntimeError(f"astrocodec {' '.join(arguments)} ended with {child.returncode}: {child.stderr}")
    return seconds, int(child.stderr.split()[-1]) / 1024


def seconds_of(action: Callable[[], object], rounds: int) -> float:
    """Wall time of a call, median of several."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return median(times)


def measure(side: int, rounds: int, jobs: int, folder: Path) -> list[dict[str, Any]]:
    """Measure one size of frame."""
    import astrocodec

    plane = large_plane(side)
    plain, packed, back = (str(folder / name) for name in ("a.fits", "a.ac.fits", "b.fits"))
    fits.writeto(plain, plane, overwrite=True)
    cores = ("-j", str(jobs))
    compress = ("fits-compress", plain, "-O", packed, "--overwrite", *cores)
    decompress = ("fits-decompress", packed, "-O", back, "--overwrite", *cores)
    runs = {
        "fits-compress, defaults": compress,
        "fits-decompress, defaults": decompress,
        "fits-compress --no-tune --no-verify": (*compress, "--no-tune", "--no-verify"),
        "fits-decompress --no-verify": (*decompress, "--no-verify"),
    }
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, arguments in runs.items():
            figures[name].append(run_command(*arguments))
    rows = [
        {
            "what": name,
            "Mpixel": round(plane.size / 1e6, 2),
            "seconds": round(median(seconds for seconds, _ in measured), 3),
            "peak MB": round(max(memory for _, memory in measured), 1),
        }
        for name, measured in figures.items()
    ]
    stream = astrocodec.encode(plane, workers=jobs)
    (jpegxl,) = choose_peers(["JPEG-XL 7"])
    actions: dict[str, tuple[Callable[[], object], int]] = {
        "codec alone: encode": (lambda: astrocodec.encode(plane, workers=jobs), rounds),
        "codec alone: decode": (lambda: astrocodec.decode(stream, workers=jobs), rounds),
        "start of the command": (lambda: run_command("--version"), rounds),
        "JPEG-XL 7: encode, one thread": (lambda: jpegxl.encode(plane[None]), 1),
    }
    for name, (action, times) in actions.items():
        seconds = round(seconds_of(action, times), 3)
        rows.append({"what": name, "Mpixel": round(plane.size / 1e6, 2), "seconds": seconds, "peak MB": None})
    return rows


@click.command()
@click.option(
    "--side", "sides", multiple=True, default=[2048, 4096], show_default=True, help="Pixels; may be repeated."
)
@click.option("--rounds", default=3, show_default=True, help="Times are medians of this many runs.")
@click.option("--jobs", default=1, show_default=True, help="Cores.")
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
