"""Visibilities with and without mixing by a network: ``python benchmarks/bench_mixing.py [SIMULATED...]``.

Sets of the corpus (`ASTROCODEC_CORPUS`) and simulated ones (by default all that have noise) at D = 10, 1 and 0.1 %,
into ``results/mixing.csv``: bits per real with `model="predicted"` and by default, where groups are mixed if that is
shorter, and how fast both are, in MB of complex64 a second of processor time, the median of five alternating runs.
"""

from __future__ import annotations

import csv
import math
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import astrocodec
from astrocodec.bench.tables import write_provenance
from astrocodec.bench.visibilities.sets import VisSet, corpus_sets, read_set, simulated_set
from astrocodec.visibility import encode

RESULTS = Path(__file__).parent / "results" / "mixing.csv"
SHARES, MODELS, RUNS = (0.1, 0.01, 0.001), ("predicted", None), 5
NOISY = ("lofar-core", "meerkat", "ska-low")


def sets(simulated: list[str]) -> Iterator[VisSet]:
    """Those of the corpus that have cross-correlations, then simulated ones."""
    for path in corpus_sets():
        try:
            yield read_set(path, "corpus")
        except ValueError as error:
            sys.stderr.write(f"{path.name}: {error}\n")
    for name in simulated:
        yield simulated_set(name)


def speed(one: VisSet, share: float, model: str | None) -> tuple[bytes, float, float]:
    """The stream, and seconds that it took there and back."""
    start = time.process_time()
    stream = encode(one.vis, noise_increase=share, noise=one.noise, flags=one.flags, model=model)
    between = time.process_time()
    astrocodec.decode(stream)
    return stream, between - start, time.process_time() - between


def row_of(one: VisSet, share: float) -> list[str] | None:
    """Bits and speeds of a set; None of one whose noise cannot be known."""
    streams: dict[str | None, bytes] = {}
    seconds: dict[str | None, list[tuple[float, float]]] = {model: [] for model in MODELS}
    for _ in range(RUNS if one.vis.nbytes < 1 << 24 else 1):
        for model in MODELS:
            streams[model], *spent = speed(one, share, model)
            seconds[model].append((spent[0], spent[1]))
    if astrocodec.inspect(streams[None]).loss is None:
        return None
    bits = [8 * len(streams[model]) / one.reals for model in MODELS]
    speeds = [
        one.vis.nbytes / 1e6 / statistics.median(pair[way] for pair in seconds[model])
        for way in range(2)
        for model in MODELS
    ]
    return [
        one.name,
        f"{100 * share:g}",
        *(f"{x:.4f}" for x in bits),
        f"{100 - 100 * bits[1] / bits[0]:.2f}",
        *(f"{x:.1f}" for x in speeds),
    ]


def main() -> None:
    """Measure and write."""
    ways = [f"{way} MB/s {model}" for way in ("encode", "decode") for model in ("predicted", "default")]
    ratios: dict[tuple[str, float], list[float]] = {}
    write_provenance(RESULTS)
    with RESULTS.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["set", "D %", "bits predicted", "bits default", "smaller %", *ways])
        for one in sets(sys.argv[1:] or list(NOISY)):
            for share in SHARES:
                row = row_of(one, share)
                if row is None:
                    continue
                writer.writerow(row)
                file.flush()
                print(*row, flush=True)
                ratios.setdefault((one.kind, share), []).append(float(row[3]) / float(row[2]))
    for (kind, share), found in ratios.items():
        mean = math.exp(statistics.fmean(map(math.log, found)))
        print(f"{kind}, D = {100 * share:g} %: {100 - 100 * mean:.2f} % smaller, geometric mean of {len(found)} sets")


if __name__ == "__main__":
    main()
