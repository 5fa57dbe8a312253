"""The denoising autoencoder on held-back real exposures, without a truth: by two other exposures of the scene.

A denoised exposure d is compared with exposures b and c of the same scene: the mean of (d - b)(d - c) is that of
(d - scene)^2, since the noise of b, of c and of d are independent; so their noise is taken off, and it may come out
below 0 by chance. *Error* is its root in units of the noise, beside that of the exposure itself and of Gaussian filters
(of all widths the best one, which the codec does not know). *Beside another* is what the error against one other
exposure, (d - b)^2, has above its noise, (b - a)(b - c): the same by other pairs. Pixels count
that are below 8 times the noise in all three: without bright stars, which are not quite the same in another exposure,
and without hot pixels, which any filter removes.

    python benchmarks/bench_pairs.py CORPUS
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

import astrocodec
from astrocodec.analysis.denoising.filters import SIGMAS, gaussian_filtered
from astrocodec.bench.tables import markdown, tell, write_csv
from astrocodec.learning.exposure_pairs import parted, scenes_of

RESULTS = Path(__file__).parent / "results"
WEIGHTS = {"trained on pairs": "autoencoder_pairs", "trained on simulated noise": "autoencoder"}
FAINT = 8.0
Plane = NDArray[Any]


def scored(found: Plane, shown: Plane, others: Plane) -> dict[str, float]:
    """Squared error against the scene by two others, and by one and its noise."""
    one, other = others.astype(float)
    faint = np.abs(np.stack([shown, one, other])).max(0) < FAINT
    noise = (one - shown) * (one - other)
    return {
        "squared": float(((found - one) * (found - other))[faint].mean()),
        "beside another": float(((found - one) ** 2 - noise)[faint].mean()),
        "pixels": int(faint.sum()),
    }


def rows_of(sequence: str, number: int, scene: Plane) -> Iterator[dict[str, Any]]:
    """Of three exposures after each other, the first, by each denoiser."""
    frames = parted(scene)[1]
    for first in range(0, len(frames) - 2, 3):
        shown, others = frames[first].astype(float), frames[first + 1 : first + 3]
        start = {"sequence": sequence, "scene": number, "exposure": first}
        yield {**start, "denoiser": "none", "bits": 32.0, **scored(shown, shown, others)}
        filtered = [scored(gaussian_filtered(shown, sigma), shown, others) for sigma in SIGMAS]
        best = min(filtered, key=lambda row: row["squared"])
        yield {**start, "denoiser": "Gaussian, best", "bits": "", **best}
        for name, weights in WEIGHTS.items():
            stream = astrocodec.encode(frames[first], codec="autoencoder", model=weights, noise=1.0)
            found = astrocodec.decode(stream).astype(float)
            yield {**start, "denoiser": name, "bits": 8 * len(stream) / shown.size, **scored(found, shown, others)}


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Roots of means over exposures."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["sequence"], row["denoiser"]), []).append(row)
    found = []
    for (sequence, denoiser), group in groups.items():
        mean = {name: float(np.mean([row[name] for row in group])) for name in ("squared", "beside another")}
        bits = [row["bits"] for row in group if row["bits"] != ""]
        found.append(
            {
                "sequence": sequence,
                "denoiser": denoiser,
                "exposures": len(group),
                "bits": f"{np.mean(bits):.3f}" if bits else "",
                "error": f"{np.sign(mean['squared']) * np.sqrt(abs(mean['squared'])):.3f}",
                "squared error": f"{mean['squared']:.4f}",
                "beside another": f"{mean['beside another']:.4f}",
            }
        )
    return found


@click.command()
@click.argument("corpus", type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), default=RESULTS / "pairs.csv", help="CSV to write.")
def main(corpus: Path, output: Path) -> None:
    """Measure, and write the table with its means."""
    rows = [
        row
        for sequence, scenes in scenes_of(corpus).items()
        for number, scene in enumerate(scenes)
        for row in rows_of(sequence, number, scene)
    ]
    write_csv(output, [{k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows])
    start = "Held-back columns of real exposures; what is measured: `benchmarks/bench_pairs.py`.\n\n"
    tell(output, start + markdown(summary(rows)) + "\n")


if __name__ == "__main__":
    main()
