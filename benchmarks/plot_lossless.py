"""Draw the table of `bench_lossless.py`: each file's size relative to the better of JPEG-XL 7 and 9."""

from collections import defaultdict
from pathlib import Path

import click
import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

from astrocodec.bench.tables import geometric_mean, read_csv

RESULTS = Path(__file__).parent / "results"
LEAST_PIXELS = 250_000
# Codecs other than ours, and how they are drawn; a codec that the table lacks is left out.
MARKERS = {
    "RICE_1": ("s", "#b0b0b0"),
    "JPEG-LS": ("^", "#8c9fb8"),
    "JPEG-2000": ("v", "#b8a58c"),
    "JPEG-XL 10": ("D", "#6b6b6b"),
}
OURS = (("o", "#c2410c"), ("o", "#1d4ed8"), ("o", "#15803d"), ("o", "#7e22ce"))


def ratios_by_codec(rows: list[dict[str, str]]) -> dict[str, dict[str, float]]:
    """Size over JPEG-XL's best, by codec and file."""
    ratios: dict[str, dict[str, float]] = defaultdict(dict)
    for row in rows:
        if row["over_jpegxl"] and int(row["pixels"]) >= LEAST_PIXELS:
            ratios[row["codec"]][row["file"]] = float(row["over_jpegxl"])
    return ratios


def floors(rows: list[dict[str, str]]) -> dict[str, float]:
    """Noise floor over JPEG-XL's best, by file."""
    return {
        row["file"]: float(row["floor_bits"]) / float(row["bits"]) * float(row["over_jpegxl"])
        for row in rows
        if row["over_jpegxl"]
    }


@click.command()
@click.option("--table", type=click.Path(exists=True, path_type=Path), default=RESULTS / "lossless.csv")
@click.option("--output", type=click.Path(path_type=Path), default=RESULTS / "lossless.png")
def main(table: Path, output: Path) -> None:
    """Draw TABLE to OUTPUT (.png, .svg or .pdf)."""
    rows = read_csv(table)
    ratios, floor = ratios_by_codec(rows), floors(rows)
    ours = [codec for codec in ratios if codec.startswith("astrocodec")]
    styles = {codec: style for codec, style in MARKERS.items() if codec in ratios} | dict(zip(ours, OURS, strict=False))
    leading = ratios[ours[0]] if ours else next(iter(ratios.values()))
    files = sorted(leading, key=lambda file: leading[file], reverse=True)
    figure, axes = plt.subplots(figsize=(9, 1.2 + 0.24 * len(files)), layout="constrained")
    heights = range(len(files))
    axes.plot([floor[file] for file in files], heights, "|", color="black", markersize=9, label="noise floor")
    for codec, (marker, color) in styles.items():
        mean = geometric_mean(ratios[codec][file] for file in files if file in ratios[codec])
        known = [
            (ratios[codec][file], height) for file, height in zip(files, heights, strict=True) if file in ratios[codec]
        ]
        label = f"{codec} ({mean:.3f})"
        axes.plot(*zip(*known, strict=True), marker, color=color, markersize=6 if codec in ours else 4, label=label)
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_yticks(list(heights), [file.removesuffix(".fits.gz") for file in files], fontsize=7)
    axes.margins(x=0.02, y=0.02)
    axes.set_xlabel("size over the better of JPEG-XL 7 and 9 (geometric mean in brackets; smaller is better)")
    axes.grid(axis="x", linewidth=0.3)
    figure.legend(fontsize=7, loc="outside upper center", ncols=4)  # inside it would hide files
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    main()
