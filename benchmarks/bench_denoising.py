"""The denoising autoencoder beside Gaussian and FFT filters, on simulated radio skies that no training saw.

Measures are those of Gheller & Vazza 2022 (MNRAS 509, 990): the cross-correlation with the true sky, C(r), and the
discrepancy of flux histograms, both over pixels whose true flux is at most the noise (*C off* is the mean distance of
C(r) from that of the sky with itself, to 64 pixels); the mean relative error above a
thirtieth of the noise; and the loss of peaks. The filters know the truth: of each, for each field and each measure, the
width that is best. The autoencoder knows nothing. Images *sky* have no noise, and are the truth: what coding does.

    python benchmarks/bench_denoising.py
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

import astrocodec
from astrocodec.analysis.denoising.cross_correlation import cross_correlation
from astrocodec.analysis.denoising.filters import CUTS, SIGMAS, fft_filtered, gaussian_filtered
from astrocodec.analysis.denoising.fluxes import flux_edges, histogram_discrepancy, mean_relative_error, peak_loss
from astrocodec.bench.tables import markdown, read_csv, write_csv, write_provenance
from astrocodec.errors import ModelNotFoundError
from astrocodec.simulate.radio_sky import RadioField, RadioSky, observe_radio, varied

RESULTS = Path(__file__).parent / "results"
SEED, SIDE, RADIUS = 200_000, 512, 64
EDGES = flux_edges(1 / 30, 1.0)
PEAKS = ((3.0, 10.0), (10.0, 30.0), (30.0, float("inf")))
# Name, weights, encodings that are stacked, for images of each kind.
CODECS = {
    "noise": (
        ("autoencoder", "autoencoder", 1),
        ("autoencoder, 4 stacked", "autoencoder", 4),
        ("dense, latent 200", "autoencoder_dense200", 1),
        ("dense, latent 400", "autoencoder_dense400", 1),
    ),
    "clean": (("autoencoder", "autoencoder_clean", 1), ("trained on noise", "autoencoder", 1)),
    "dirty": (("autoencoder", "autoencoder_dirty", 1), ("trained on clean", "autoencoder_clean", 1)),
    "sky": (("autoencoder", "autoencoder_identity", 1), ("trained on noise", "autoencoder", 1)),
}


def settings_of(sky: str, seed: int) -> RadioSky:
    """*faint*: filaments and halos no brighter than the noise, as the paper's "sky2"; *mixed*: as in training."""
    found = varied(RadioSky(shape=(SIDE, SIDE)), seed)
    if sky == "mixed" or found.web is None or found.halos is None:
        return found
    faint = found.array.noise / found.beam_area / found.pixel**2
    level = 10.0 ** np.random.default_rng([seed, 41]).uniform(-0.7, -0.1)
    web = replace(found.web, brightness=faint * level)
    return replace(
        found, web=web, halos=replace(found.halos, faintest=0.1 * faint, brightest=0.7 * faint), galaxies=None
    )


def scores(sky: NDArray[Any], found: NDArray[Any]) -> dict[str, float]:
    """Measures over pixels whose flux is at most the noise, which is 1."""
    bright = sky > 1.0
    own = cross_correlation(sky, sky, RADIUS, mask=bright)
    cross = cross_correlation(sky, found, RADIUS, mask=bright)
    hidden, seen = (np.where(bright, 0.0, image) for image in (sky, found))
    return {
        "C(0)": float(cross[0]),
        "C off": float(np.abs(cross - own).mean()),
        "histogram": histogram_discrepancy(hidden, seen, EDGES),
        "relative error": mean_relative_error(sky, found, 1 / 30),
    }


def best(sky: NDArray[Any], images: Iterator[NDArray[Any]]) -> dict[str, float]:
    """Of each measure the best that any image has."""
    found = [scores(sky, image) for image in images]
    return {name: (max if name == "C(0)" else min)(one[name] for one in found) for name in found[0]}


def rows_of(field: RadioField, sky: str) -> Iterator[dict[str, Any]]:
    """One row for each denoiser."""
    noise = field.settings.array.noise
    truth, image = field.sky.astype(float) / noise, field.data.astype(float) / noise
    start = {"image": field.kind, "sky": sky, "seed": field.seed}
    empty = {f"peaks {low:g} to {high:g}": "" for low, high in PEAKS}
    yield {**start, "denoiser": "none", "bits": 32.0, **scores(truth, image), **empty}
    smooth = {"Gaussian, best": (gaussian_filtered, SIGMAS), "FFT, best": (fft_filtered, CUTS)}
    if field.kind == "sky":
        smooth = {}
    for name, (filtered, widths) in smooth.items():
        yield {**start, "denoiser": name, "bits": "", **best(truth, (filtered(image, w) for w in widths)), **empty}
    for name, weights, encodings in CODECS[field.kind]:
        try:
            stream = astrocodec.encode(
                field.data,
                codec="autoencoder",
                model=weights,
                encodings=encodings,
                noise=noise if field.kind == "sky" else None,
                verify=False,
            )
        except ModelNotFoundError:
            continue
        found = astrocodec.decode(stream).astype(float) / noise
        peaks = {f"peaks {low:g} to {high:g}": peak_loss(truth, found, low, high).ratio for low, high in PEAKS}
        bits = 8 * len(stream) / field.data.size
        yield {**start, "denoiser": name, "bits": bits, **scores(truth, found), **peaks}


def means(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over fields, by kind of image, sky and denoiser; of peaks over fields that have any."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["image"], row["sky"], row["denoiser"]), []).append(row)
    found = []
    for (image, sky, denoiser), group in groups.items():
        line: dict[str, Any] = {"image": image, "sky": sky, "denoiser": denoiser, "fields": len(group)}
        for name in list(group[0])[4:]:
            values = [
                float(row[name]) for row in group if row[name] not in ("", None) and np.isfinite(float(row[name]))
            ]
            line[name] = f"{np.mean(values):.3f}" if values else ""
        found.append(line)
    return found


@click.command()
@click.option("--kind", "kinds", multiple=True, type=click.Choice(list(CODECS)), help="Only these; others stay.")
@click.option("--fields", default=8, show_default=True, help="Of each kind of image and sky; fewer that are imaged.")
@click.option("--output", type=click.Path(path_type=Path), default=RESULTS / "denoising.csv", help="CSV to write.")
def main(kinds: tuple[str, ...], fields: int, output: Path) -> None:
    """Measure, and write the table with its means."""
    kinds = kinds or tuple(CODECS)
    rows: list[dict[str, Any]] = (
        [row for row in read_csv(output) if row["image"] not in kinds] if output.exists() else []
    )
    for kind in kinds:
        count = fields if kind in ("noise", "sky") else -(-fields // 4)
        for sky in ("faint", "mixed"):
            for seed in range(SEED, SEED + count):
                rows += rows_of(observe_radio(settings_of(sky, seed), kind, seed=seed), sky)
                print(kind, sky, seed, flush=True)
    write_csv(output, [{k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows])
    write_provenance(output, keep_earlier=kinds != tuple(CODECS))
    table = (
        f"Means over simulated fields; what is measured: `benchmarks/bench_denoising.py`.\n\n{markdown(means(rows))}\n"
    )
    output.with_suffix(".md").write_text(table, encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()
