"""What a denoised base costs in front of a bounded residual, and how good it is: simulated radio skies, not trained on.

Whole streams. Beside a layered one stand two of the image alone within the same bound: by the default model, and by one
that was tuned to it, as the doors do. C(0) and histogram are those of `bench_denoising.py`, of the base as it is in the
layered stream; *thinned*: 0 no, 1 of faint latents, 2 of bright ones too, by field.

    python benchmarks/bench_layers.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from bench_denoising import SEED, scores, settings_of

import astrocodec
from astrocodec.bench.tables import markdown, tell, write_csv
from astrocodec.simulate.radio_sky import observe_radio

RESULTS = Path(__file__).parent / "results"
WEIGHTS = {"noise": "autoencoder", "clean": "autoencoder_clean"}
BOUNDS = ("0.25sigma", "0.5sigma", "1sigma")


def rows_of(kind: str, sky: str, seed: int) -> Iterator[dict[str, Any]]:
    """One row for each bound."""
    field = observe_radio(settings_of(sky, seed), kind, seed=seed)
    noise, pixels = field.settings.array.noise, field.data.size
    for text in BOUNDS:
        bound = astrocodec.Bound(max_error=text)
        stream = astrocodec.encode(field.data, codec="autoencoder", model=WEIGHTS[kind], bound=bound)
        said = astrocodec.inspect(stream).parameters
        errors = np.abs(astrocodec.decode(stream).astype(float) - field.data)
        assert errors.max() <= float(str(said["max_error"]))
        default = len(astrocodec.encode(field.data, bound=bound))
        tuned = len(astrocodec.encode(field.data, astrocodec.tune([field.data], bound=bound), bound=bound))
        base = astrocodec.decode(stream, layer="denoised").astype(float) / noise
        found = scores(field.sky.astype(float) / noise, base)
        yield {
            "image": kind,
            "sky": sky,
            "seed": seed,
            "bound": text,
            "bits": 8 * len(stream) / pixels,
            "tuned alone": 8 * tuned / pixels,
            "beside tuned": len(stream) / tuned - 1,
            "beside default": len(stream) / default - 1,
            "thinned": said["thinned"],
            "C(0)": found["C(0)"],
            "histogram": found["histogram"],
        }


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over fields, and the largest surplus."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["image"], row["sky"], row["bound"]), []).append(row)
    found = []
    for (image, sky, bound), group in groups.items():
        mean = {name: float(np.mean([row[name] for row in group])) for name in list(group[0])[4:]}
        found.append(
            {
                "image": image,
                "sky": sky,
                "bound": bound,
                "bits": f"{mean['bits']:.3f}",
                "beside a tuned model alone": f"{mean['beside tuned']:+.1%}",
                "at most": f"{max(row['beside tuned'] for row in group):+.1%}",
                "beside the default model": f"{mean['beside default']:+.1%}",
                "thinned": " ".join(str(row["thinned"]) for row in group),
                "C(0) of the base": f"{mean['C(0)']:.3f}",
                "histogram": f"{mean['histogram']:.3f}",
            }
        )
    return found


@click.command()
@click.option("--fields", default=4, show_default=True, help="Of each kind of image and sky.")
@click.option("--output", type=click.Path(path_type=Path), default=RESULTS / "layers.csv", help="CSV to write.")
def main(fields: int, output: Path) -> None:
    """Measure, and write the table with its means."""
    rows: list[dict[str, Any]] = []
    for kind in WEIGHTS:
        for sky in ("faint", "mixed"):
            for seed in range(SEED, SEED + fields):
                rows += rows_of(kind, sky, seed)
                print(kind, sky, seed, flush=True)
    write_csv(output, [{k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows])
    start = f"Means over {fields} simulated fields each; what is measured: `benchmarks/bench_layers.py`.\n\n"
    tell(output, start + markdown(summary(rows)) + "\n")


if __name__ == "__main__":
    main()
