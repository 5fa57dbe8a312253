"""Means of 1,000 frames that were coded with a loss: does their error still fall as 1/sqrt(N), to nothing?

    python benchmarks/bench_stacks.py

Frames of white noise over a sky of random levels, floats and integers; each is coded and decoded on its own, with our
streams and with astropy's quantiser. `excess` is the noise of the mean of all over that of a frame and 1/sqrt(N),
`alone` the same of a single frame, which no stack can be better than; `bias` is the mean error.
"""

import io
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

import astrocodec
from astrocodec.analysis.compare.stacking import Coding, stack_noise
from astrocodec.bench.tables import markdown, tell, write_csv

RESULTS = Path(__file__).parent / "results" / "stacks.csv"
NOISE, LEVEL, SIDE = 12.0, 1000.0, 128
COUNTS = (1, 10, 100, 1000)


def ours(dtype: str, bound: dict[str, Any], image: NDArray[Any], number: int) -> NDArray[Any]:
    """Code and decode a frame as a type of pixels."""
    return astrocodec.decode(astrocodec.encode(image.astype(dtype), **bound))


def fpack(q: float, dither: int, image: NDArray[Any], number: int) -> NDArray[Any]:
    """RICE tiles quantised as fpack does it, each frame with a seed of its own."""
    target = io.BytesIO()
    seed = 1 + 37 * number % 10_000
    hdu = fits.CompImageHDU(
        image, compression_type="RICE_1", quantize_level=q, quantize_method=dither, dither_seed=seed
    )
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(target)
    with fits.open(io.BytesIO(target.getvalue())) as hdus:
        return np.asarray(hdus[1].data)


def ways(dtype: str) -> dict[str, Coding]:
    """What is done to frames, by name."""
    found: dict[str, Coding] = {}
    for increase in ("1%", "4%", "20%"):
        found[f"noise + {increase}"] = partial(ours, dtype, {"noise_increase": increase})
    for error in ("0.25sigma", "0.5sigma", "1sigma", "2sigma"):
        found[f"max error {error}"] = partial(ours, dtype, {"max_error": error})
    if dtype == "float32":
        found["fpack q = 1, dither"] = partial(fpack, 1.0, 1)
        found["fpack q = 1, no dither"] = partial(fpack, 1.0, -1)
    return found


@click.command()
@click.option("--frames", "count", default=COUNTS[-1], show_default=True, help="Frames of a stack.")
@click.option("--output", type=click.Path(path_type=Path), default=RESULTS, help="CSV to write.")
def main(count: int, output: Path) -> None:
    """Stack frames of floats, and of integers."""
    warnings.simplefilter("ignore")
    rows: list[dict[str, Any]] = []
    for kind, dtype in (("floats", "float32"), ("floats of integers", "float32"), ("integers", "uint16")):
        rng = np.random.default_rng(7)
        sky = LEVEL + 5 * rng.random((SIDE, SIDE))
        codings = ways(dtype)
        frames = ((sky + rng.normal(0, NOISE, sky.shape)).astype(np.float32) for _ in range(count))
        if kind != "floats":
            frames = (np.rint(frame) for frame in frames)
        counts = tuple(number for number in COUNTS if number <= count)
        found = stack_noise(frames, codings, sky=sky, counts=counts)
        for name in codings:
            alone = float(found.noise[name][0] / found.noise["uncoded"][0])
            bias = float(found.bias[name]) / NOISE
            rows.append(
                {"pixels": kind, "coding": name, "frames": counts[-1], "alone": alone, "excess": found.excess(name)}
                | {"bias_sigma": bias, "chance": 1 / (SIDE * np.sqrt(counts[-1]))}
            )
        write_csv(output, rows)
    told = [row | {name: f"{row[name]:+.5f}" for name in ("bias_sigma", "chance")} for row in rows]
    tell(output, markdown(told))


if __name__ == "__main__":
    main()
