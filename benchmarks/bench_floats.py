"""Floats as archives hold them, lossless: ours beside the codecs that know floats, image by image, streams alone.

    python benchmarks/bench_floats.py            # the corpus's float images, and white noise around zero
    python benchmarks/bench_floats.py askap      # those whose names contain one of these

Ours are the streams of `astrocodec.encode`, with the tuned model in them. What the encoder found in the numbers stands
in the column `holds`.
"""

import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

import astrocodec
from astrocodec.bench.datasets import corpus_files, frames
from astrocodec.bench.peers import Measurement, float_peers, measure
from astrocodec.bench.tables import geometric_mean, markdown, tell, write_csv

RESULTS = Path(__file__).parent / "results"
LEAST_PIXELS = 10_000
MOST_PIXELS = 4_000_000


def images(names: tuple[str, ...]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield names and stacks of planes: at most the planes in the middle that have `MOST_PIXELS` together."""
    for source in corpus_files(("float",), names):
        if source.path.suffix == ".npz":
            continue
        for frame in frames(source):
            planes = frame.planes
            if planes.dtype.kind != "f" or planes.size < LEAST_PIXELS:
                continue
            count = max(1, min(len(planes), MOST_PIXELS // planes[0].size))
            first = (len(planes) - count) // 2
            yield f"{source.name.removesuffix('.fits.gz')}[{frame.hdu}]", planes[first : first + count]
    if not names or any("noise" in name for name in names):
        noise = np.random.default_rng(0).normal(0, 1, (1, 1024, 1024))
        yield "white noise, simulated", noise.astype(np.float32)


def ours(stack: NDArray[Any]) -> tuple[Measurement, str]:
    """Tune, encode, decode; also what was found in the numbers."""
    array = stack[0] if len(stack) == 1 else stack
    start = time.process_time()
    stream = astrocodec.encode(array, model=astrocodec.tune(array), embed_model=True)
    middle = time.process_time()
    restored = astrocodec.decode(stream)
    seconds = time.process_time() - middle
    if restored.tobytes() != array.tobytes():
        raise AssertionError("astrocodec gave back other pixels")
    holds = astrocodec.inspect(stream).holds
    return Measurement("astrocodec", len(stream), middle - start, seconds), holds or ""


@click.command()
@click.argument("names", nargs=-1)
@click.option("--output", type=click.Path(path_type=Path), default=RESULTS / "floats.csv", help="CSV to write.")
def main(names: tuple[str, ...], output: Path) -> None:
    """Measure the float images whose names contain NAMES (default: all)."""
    warnings.simplefilter("ignore")  # illegal cards of real headers; nothing here depends on them
    rows: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for name, stack in images(names):
        found, holds = ours(stack)
        results = [found, *(measure(peer, stack) for peer in float_peers())]
        sizes = {result.codec: result.n_bytes for result in results}
        best = min(size for codec, size in sizes.items() if size is not None and codec != "astrocodec")
        for result in results:
            bits = None if result.n_bytes is None else f"{8 * result.n_bytes / stack.size:.4f}"
            row = {"image": name, "shape": "x".join(map(str, stack.shape)), "dtype": stack.dtype.name}
            row |= {"codec": result.codec, "bytes": result.n_bytes, "bits": bits}
            row |= {"enc_s": result.encode_seconds, "dec_s": result.decode_seconds}
            rows.append(row | {"holds": holds if result is found else "", "note": result.note})
        line = {codec: float("nan") if size is None else 8 * size / stack.size for codec, size in sizes.items()}
        lines.append({"image": name} | line | {"over the best": found.n_bytes / best, "holds": holds})
        print(lines[-1], flush=True)
        write_csv(output, rows)
    mean = geometric_mean(line["over the best"] for line in lines)
    tell(output, f"{markdown(lines)}\n\nGeometric mean over the best of the others: {mean:.4f}")


if __name__ == "__main__":
    main()
