"""Rate and distortion of learned picture codecs, seven rates each, beside JPEG, JPEG-2000 and JPEG-XL.

Pictures that nothing learned from: simulated ones of other seeds, and frames of the corpus (``--corpus FOLDER``) from
instruments that are not in `astrocodec.lossy.training_pictures.PUBLIC`. All codecs get the same 16-bit picture, JPEG
its upper 8 bits; whole streams and files are charged. PSNR and SSIM are of the 16-bit picture. The others have as many
rates as make their curves reach over all of ours, without gaps over which a straight line would flatter either side.

    python benchmarks/bench_hyperprior.py --corpus FOLDER --output benchmarks/results/hyperprior.csv
"""

from __future__ import annotations

import argparse
import csv
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

import astrocodec
from astrocodec.lossy.pictures import normalise
from astrocodec.lossy.weights import find_weights
from astrocodec.simulate import simulate
from astrocodec.simulate.speckle import Radar, detected, single_look

Picture = NDArray[np.uint16]
SIDE = 256
PEAK = 65535
OURS = {
    "factorized": ("hyperprior", "factorized"),
    "scale hyperprior": ("hyperprior", "scale"),
    "mean-scale": ("hyperprior", "mean-scale"),
    "joint autoregressive": ("hyperprior", "joint"),
    "ELIC": ("elic", "groups"),
    "QH-VAE": ("qhvae", "hierarchy"),
}
# Frames of the corpus that are held back, how they are stretched, and where the crop begins.
HELD_BACK = {
    "proba2-swap_20120101": ("asinh", 300, 500),
    "sdss-m86_g_reprojected": ("asinh", 600, 900),
    "kpno-m51_b": ("asinh", 128, 128),
    "ukst-horsehead_dss": ("linear", 300, 300),
    "bolocam-gps_l000": ("asinh", 190, 190),
    "lofar-solar_70mhz": ("linear", 270, 270),
}
RATES = range(1, 8)


def in_16_bits(picture: NDArray[Any], stretch: str) -> Picture:
    """A picture (channels, y, x) as all codecs get it."""
    return np.rint(normalise(picture, stretch)[0] * PEAK).astype(np.uint16)


def simulated() -> Iterator[tuple[str, Picture]]:
    """Pictures of seeds that nothing learned from."""
    shape = (SIDE, SIDE)
    for seed in (90_001, 90_002):
        image = detected(shape, seed=seed, radar=Radar(looks=4))
        yield f"simulated radar, 4 looks, VV ({seed})", in_16_bits(image[:1], "linear")
        yield f"simulated radar, 4 looks, VV and VH ({seed})", in_16_bits(image, "linear")
    look = single_look(shape, seed=90_003)
    yield "simulated radar, 1 look, I and Q", in_16_bits(np.stack([look.real, look.imag]), "linear")
    for preset in ("ccd", "infrared"):
        yield f"simulated {preset} sky", in_16_bits(simulate(preset, seed=90_004, shape=shape).data[None], "asinh")


def real(folder: Path) -> Iterator[tuple[str, Picture]]:
    """Crops of frames of the corpus."""
    from astropy.io import fits

    for name, (stretch, y, x) in HELD_BACK.items():
        with fits.open(folder / f"{name}.fits.gz") as hdus:
            image = np.asarray(next(h.data for h in hdus if h.is_image and h.data is not None), np.float64)
        image = image.reshape(image.shape[-2:])[y : y + SIDE, x : x + SIDE]
        image = np.where(np.isfinite(image), image, np.nanmedian(image))
        yield name, in_16_bits(image[None], stretch)


def jpeg(plane: Picture, quality: float) -> tuple[int, NDArray[Any]]:
    """Upper 8 bits, decoded to the middle of what they stand for."""
    coded = imagecodecs.jpeg8_encode((plane >> 8).astype(np.uint8), level=int(quality))
    return len(coded), imagecodecs.jpeg8_decode(coded).astype(np.float64) * 256 + 127.5


def jpeg2000(plane: Picture, psnr: float) -> tuple[int, NDArray[Any]]:
    """At a PSNR, which is one of 16 bits."""
    coded = imagecodecs.jpeg2k_encode(plane, level=psnr, codecformat="j2k")
    return len(coded), imagecodecs.jpeg2k_decode(coded).astype(np.float64)


def jpegxl(plane: Picture, distance: float) -> tuple[int, NDArray[Any]]:
    """At a distance, effort 7."""
    coded = imagecodecs.jpegxl_encode(plane, distance=distance, effort=7)
    return len(coded), imagecodecs.jpegxl_decode(coded).astype(np.float64)


PEERS: dict[str, Callable[[Picture, float], tuple[int, NDArray[Any]]]] = {
    "JPEG": jpeg,
    "JPEG-2000": jpeg2000,
    "JPEG-XL": jpegxl,
}
PEER_RATES: dict[str, tuple[float, ...]] = {
    "JPEG": (3, 5, 7, 10, 14, 20, 27, 35, 45, 55, 65, 75, 84, 92, 96, 98),
    "JPEG-2000": tuple(range(20, 49)),
    "JPEG-XL": (25, 20, 17, 14, 11, 8, 6.5, 5, 4, 3, 2.4, 1.8, 1.4, 1, 0.7, 0.5, 0.35, 0.25),
}


def with_ours(name: str, picture: Picture, rate: int) -> tuple[int, NDArray[Any]]:
    """Bytes, and the picture decoded."""
    codec, kind = OURS[name]
    values = picture if len(picture) == 2 else picture[0]
    stream = astrocodec.encode(values, codec=codec, kind=kind, quality=rate, channels=len(picture))
    return len(stream), astrocodec.decode(stream).astype(np.float64).reshape(picture.shape)


def with_peer(name: str, picture: Picture, rate: float) -> tuple[int, NDArray[Any]]:
    """Each channel by itself."""
    parts = [PEERS[name](np.ascontiguousarray(plane), rate) for plane in picture]
    return sum(size for size, _ in parts), np.stack([plane for _, plane in parts])


def measures(picture: Picture, decoded: NDArray[Any]) -> tuple[float, float]:
    """PSNR, dB, and SSIM, the mean of the channels."""
    error = float(((picture - decoded) ** 2).mean())
    ssim = np.mean(
        [structural_similarity(a.astype(float), b, data_range=PEAK) for a, b in zip(picture, decoded, strict=True)]
    )
    return 10 * math.log10(PEAK**2 / max(error, 1e-9)), float(ssim)


def measure(pictures: list[tuple[str, Picture]], names: list[str]) -> Iterator[dict[str, Any]]:
    """A row for each picture, codec and rate."""
    for title, picture in pictures:
        for name in [*names, *PEERS]:
            for rate in PEER_RATES.get(name, RATES):
                size, decoded = with_ours(name, picture, int(rate)) if name in OURS else with_peer(name, picture, rate)
                psnr, ssim = measures(picture, decoded)
                bits = 8 * size / (picture.shape[1] * picture.shape[2])
                yield {
                    "picture": title,
                    "codec": name,
                    "rate": rate,
                    "bits_per_pixel": f"{bits:.4f}",
                    "psnr_db": f"{psnr:.3f}",
                    "ssim": f"{ssim:.4f}",
                }
        print(title, flush=True)


def curves(rows: list[dict[str, Any]], measure_name: str) -> dict[tuple[str, str], NDArray[np.float64]]:
    """Bits and a measure, ascending, by picture and codec."""
    found = defaultdict(list)
    for row in rows:
        found[row["picture"], row["codec"]].append((float(row["bits_per_pixel"]), float(row[measure_name])))
    return {key: np.array(sorted(points)) for key, points in found.items()}


def gain(ours: NDArray[np.float64], peer: NDArray[np.float64]) -> float:
    """Mean of how much higher our curve is where both have bits; NaN where they do not meet."""
    low, high = max(ours[0, 0], peer[0, 0]), min(ours[-1, 0], peer[-1, 0])
    if low >= high:
        return math.nan
    at = np.linspace(math.log(low), math.log(high), 50)
    return float(np.mean([np.interp(at, np.log(c[:, 0]), c[:, 1]) * s for c, s in ((ours, 1), (peer, -1))]) * 2)


def summary(rows: list[dict[str, Any]]) -> list[str]:
    """Lines of a table: dB (and SSIM in hundredths) above each peer at equal bits, mean and worst of the pictures."""
    psnr, ssim = curves(rows, "psnr_db"), curves(rows, "ssim")
    titles = list(dict.fromkeys(row["picture"] for row in rows))
    names = [name for name in OURS if any(row["codec"] == name for row in rows)]
    lines = ["| codec | " + " | ".join(f"{peer}: dB, worst, SSIM" for peer in PEERS) + " |", "|---|---|---|---|"]
    for name in names:
        cells = []
        for peer in PEERS:
            decibels = [gain(psnr[t, name], psnr[t, peer]) for t in titles]
            hundredths = [100 * gain(ssim[t, name], ssim[t, peer]) for t in titles]
            cells.append(f"{np.nanmean(decibels):+.2f}, {np.nanmin(decibels):+.2f}, {np.nanmean(hundredths):+.1f}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Curves of four pictures, PSNR above, SSIM below."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    titles = list(dict.fromkeys(row["picture"] for row in rows))
    shown = titles[:2] + titles[-2:] if len(titles) > 4 else titles
    figure, axes = plt.subplots(2, len(shown), figsize=(4.2 * len(shown), 7.5), squeeze=False)
    for line, (key, label) in enumerate((("psnr_db", "PSNR (dB)"), ("ssim", "SSIM"))):
        found = curves(rows, key)
        for column, title in enumerate(shown):
            ax = axes[line, column]
            for name in dict.fromkeys(row["codec"] for row in rows):
                points = found[title, name]
                ax.plot(points[:, 0], points[:, 1], "--x" if name in PEERS else "-o", ms=3, lw=1, label=name)
            ax.set(xscale="log", title=title if not line else "", xlabel="bits per pixel", ylabel=label)
            ax.title.set_fontsize(8)
            ax.grid(alpha=0.3)
    axes[0, 0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure, print the table, write the rows and the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--codecs", nargs="*", choices=list(OURS), default=list(OURS))
    parser.add_argument("--add", action="store_true", help="keep the rows of other codecs that the output has")
    given = parser.parse_args()
    pictures = [*simulated(), *(real(given.corpus) if given.corpus else ())]
    rows = list(measure(pictures, given.codecs))
    if given.add and given.output.exists():
        with given.output.open(newline="") as file:
            kept = [row for row in csv.DictReader(file) if row["codec"] not in {*given.codecs, *PEERS}]
        order = [title for title, _ in pictures]
        rows = sorted([*rows, *kept], key=lambda row: order.index(row["picture"]))
    with given.output.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    draw(rows, given.output.with_suffix(".png"))
    names = dict.fromkeys(OURS[name][0] for name in given.codecs)
    print("weights:", ", ".join(find_weights(name).name for name in names))
    print("\n".join(summary(rows)))


if __name__ == "__main__":
    main()
