"""Encode and decode speed of our codec at each SIMD level, beside JPEG-LS, JPEG-XL 7 and RICE_1, on one core.

The level is chosen by an environment variable when the native library is loaded, hence a child process for each
measurement. Rounds are interleaved, so that a busy machine slows every codec alike; figures are medians over rounds of
CPU time.
"""

import json
import os
import subprocess
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np

from astrocodec.bench.datasets import corpus_files, frames
from astrocodec.bench.peers import Stack, choose_peers
from astrocodec.bench.tables import markdown, write_csv, write_provenance

RESULTS = Path(__file__).parent / "results" / "speed.csv"
SIMD_VARIABLE = "ASTROCODEC_SIMD"
PEERS = ("JPEG-LS", "JPEG-XL 7", "RICE_1")
FRAMES = ("keck-lris-blue_sci57204", "orion-dsi_m13_0001", "lick-kast-blue_flat_2015", "meudon-msdp_light_2015")
# Long enough for the clock, short enough for many rounds.
LEAST_SECONDS = 0.2


def chosen_frames(names: tuple[str, ...]) -> Iterator[tuple[str, Stack]]:
    """Yield the first image of each file."""
    for source in corpus_files(names=names or FRAMES):
        frame = next(frames(source))
        yield source.name.removesuffix(".fits.gz"), frame.planes


def seconds_of(action: Callable[[], object]) -> float:
    """CPU time of one call, the median of as many as fit into `LEAST_SECONDS`."""
    times: list[float] = []
    while sum(times) < LEAST_SECONDS:
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return median(times)


def our_functions(stack: Stack) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Encoding and decoding of a stack by our codec, untuned."""
    import astrocodec

    stream = astrocodec.encode(stack)
    if not np.array_equal(astrocodec.decode(stream), stack):
        raise AssertionError("our codec gave back other pixels")
    return lambda: astrocodec.encode(stack), lambda: astrocodec.decode(stream)


def peer_functions(name: str, stack: Stack) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Encoding and decoding of a stack by another codec."""
    (peer,) = choose_peers([name])
    streams = peer.encode(stack)
    return lambda: peer.encode(stack), lambda: peer.decode(streams, stack)


def measure_here(codec: str, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Measure one codec in this process."""
    rows = []
    for name, stack in chosen_frames(names):
        encode, decode = our_functions(stack) if codec == "astrocodec" else peer_functions(codec, stack)
        megapixels = stack.size / 1e6
        rows.append(
            {"frame": name, "encode": megapixels / seconds_of(encode), "decode": megapixels / seconds_of(decode)}
        )
    return rows


def measure_in_child(codec: str, level: str, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Measure one codec in a process of its own, ours at a SIMD level."""
    environment = dict(os.environ)
    if level:
        environment[SIMD_VARIABLE] = level
    command = [sys.executable, str(Path(__file__)), "--measure-here", codec, *names]
    child = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    rows: list[dict[str, Any]] = json.loads(child.stdout)
    return rows


@click.command()
@click.argument("names", nargs=-1)
@click.option("--level", "levels", multiple=True, help=f"Value of {SIMD_VARIABLE}; repeat.  [default: the best one]")
@click.option("--codec", "codecs", multiple=True, default=PEERS, show_default=True, help="Other codec; repeat.")
@click.option("--rounds", default=5, show_default=True, help="Interleaved rounds.")
@click.option("--output", type=click.Path(path_type=Path), default=RESULTS, help="CSV to write.")
@click.option("--measure-here", "only", metavar="CODEC", help="Measure one codec in this process and print JSON.")
def main(
    names: tuple[str, ...],
    levels: tuple[str, ...],
    codecs: tuple[str, ...],
    rounds: int,
    output: Path,
    only: str | None,
) -> None:
    """Measure the first image of files whose names contain NAMES (default: four frames of 0.7 to 1.6 Mpixel)."""
    warnings.simplefilter("ignore")  # illegal cards of real headers; nothing here depends on them
    if only:
        print(json.dumps(measure_here(only, names)))
        return
    runs = [("astrocodec", level) for level in levels or ("",)] + [(codec, "") for codec in codecs]
    figures: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for number in range(1, rounds + 1):
        for codec, level in runs:
            label = f"{codec} {level}".strip()
            print(f"round {number}/{rounds}: {label}", file=sys.stderr, flush=True)
            for row in measure_in_child(codec, level, names):
                figures[label, row["frame"]].append(row)
    rows = [
        {
            "codec": label,
            "frame": frame,
            "encode_mpixel_s": round(median(row["encode"] for row in measured), 2),
            "decode_mpixel_s": round(median(row["decode"] for row in measured), 2),
            "rounds": len(measured),
        }
        for (label, frame), measured in figures.items()
    ]
    write_csv(output, rows)
    write_provenance(output)
    print(markdown(rows))


if __name__ == "__main__":
    main()
