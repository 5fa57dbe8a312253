"""Time and memory of `astrocodec analyze`: one frame of 4 Mpixel with its page, and folders of 50, 100 and 200 frames.

Simulated frames, whole commands. Seconds are user and system time of all processes of a command; memory is the peak of
the largest of its processes. Memory that does not grow with the number of frames is what the folders are for.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from astropy.io import fits

from astrocodec.bench.tables import markdown, write_csv, write_provenance
from astrocodec.simulate import simulate

RESULTS = Path(__file__).parent / "results" / "analyze.csv"
SMALL = (256, 288)
LARGE = (2048, 2048)


def write_frame(path: Path, shape: tuple[int, int], seed: int) -> None:
    """Write a simulated frame; exposures differ from frame to frame."""
    frame = simulate("ccd", shape=shape, seed=seed, exptime=(10.0, 30.0, 60.0, 300.0)[seed % 4])
    fits.PrimaryHDU(frame.data, frame.header()).writeto(path)


def measure(name: str, arguments: list[str], frames: int, jobs: int, page: Path) -> dict[str, object]:
    """Run a command on as many cores as it has jobs."""
    cores = sorted(os.sched_getaffinity(0))[:jobs]
    command = [sys.executable, "-m", "astrocodec", "analyze", "-q", "--overwrite", "-j", str(jobs), *arguments]
    start = time.perf_counter()
    child = subprocess.Popen(command, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {child.returncode}")
    return {
        "run": name,
        "frames": frames,
        "jobs": jobs,
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "wall_seconds": round(time.perf_counter() - start, 2),
        "peak_mb": round(usage.ru_maxrss / 1000),
        "page_kb": round(page.stat().st_size / 1000),
    }


@click.command()
@click.option("--counts", default="50,100,200", show_default=True, help="Sizes of the folders.")
@click.option("--jobs", default=2, show_default=True, help="Processes for the folders.")
@click.option("--output", type=click.Path(path_type=Path), default=RESULTS, help="CSV to write.")
def main(counts: str, jobs: int, output: Path) -> None:
    """Measure and record."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        page = folder / "page.html"
        write_frame(folder / "large.fits", LARGE, 1)
        rows = [
            measure("4 Mpixel, page", [str(folder / "large.fits"), "-o", str(page)], 1, 1, page),
            measure(
                "4 Mpixel, page, no peers", [str(folder / "large.fits"), "--no-peers", "-o", str(page)], 1, 1, page
            ),
        ]
        (folder / "night").mkdir()
        written = 0
        for count in map(int, counts.split(",")):
            for number in range(written, count):
                write_frame(folder / "night" / f"{number:04d}.fits", SMALL, number)
            written = count
            rows.append(measure("folder, page", ["-r", str(folder / "night"), "-o", str(page)], count, jobs, page))
            print(rows[-1], flush=True)
    write_csv(output, rows)
    write_provenance(output)
    print(markdown(rows))


if __name__ == "__main__":
    main()
