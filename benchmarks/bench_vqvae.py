"""VQ-VAE and VAE on radio galaxies that they were not trained on, beside JPEG, JPEG-2000 and JPEG-XL at equal bits.

Also what stacks of decoded pictures keep of noise and of faint sources, what added noise does, and a map of latents.

    python benchmarks/bench_vqvae.py FOLDER_OF_CUTOUTS
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import imagecodecs
import matplotlib as mpl
import numpy as np
import torch
from astropy.io import fits
from numpy.typing import NDArray
from PIL import Image as PictureFile
from scipy.special import log_ndtr
from skimage.metrics import structural_similarity

import astrocodec
from astrocodec.bench.tables import write_csv, write_provenance
from astrocodec.learning.radio_galaxies import held_back, simulated_noise
from astrocodec.lossy import lattice_coder, sky_codec, stretch, trunk, vqvae
from astrocodec.lossy.weights import find_weights

mpl.use("Agg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
OURS = {"vqvae": range(8), "vae": range(7)}
COLOURS = {"vqvae": "#c2410c", "vae": "#1d4ed8", "jpegxl": "#15803d", "jpeg2000": "#7c6f57", "jpeg": "#a0a0a0"}
CLASSES = {"1": ("FR I", "#c2410c"), "2": ("FR II", "#1d4ed8"), "3": ("hybrid", "#15803d")}
Image = NDArray[Any]


class CountingDecoder(lattice_coder.LatticeDecoder):
    """Counts what the symbols cost under the tables: the likelihood, in bits, beside the bytes that it was given."""

    likelihood = 0.0
    n_bytes = 0

    def __init__(self, data: bytes | memoryview) -> None:
        super().__init__(data)
        type(self).n_bytes += len(data)

    def take_rows(self, frequencies: NDArray[np.int64]) -> NDArray[np.int64]:
        """Count rows."""
        symbols = super().take_rows(frequencies)
        type(self).likelihood += float((24 - np.log2(frequencies[np.arange(len(symbols)), symbols])).sum())
        return symbols

    def take(self, numbers: Any, tables: lattice_coder.Tables) -> NDArray[np.int64]:
        """Count tables; a number behind an escape has its bits twice."""
        symbols = super().take(numbers, tables)
        for number in np.unique(numbers):
            first, frequencies = tables.table(int(number))
            index = symbols[numbers == number] - first
            outside = (index < 0) | (index >= len(frequencies) - 1)
            index[outside] = len(frequencies) - 1
            far = np.abs(symbols[numbers == number][outside])
            bits = (24 - np.log2(frequencies[index])).sum() + (6 + np.floor(np.log2(2 * far + 1))).sum()
            type(self).likelihood += float(bits)
        return symbols


def normalised(image: Image) -> tuple[NDArray[np.float64], float, float]:
    """The stretched picture, as all codecs are judged: its range becomes 0 to 1."""
    y = stretch.stretch(image, *stretch.measure(image)).astype(np.float64)
    return (y - y.min()) / np.ptp(y), float(y.min()), float(np.ptp(y))


def quality_of(picture: NDArray[np.float64], found: NDArray[np.float64]) -> tuple[float, float]:
    """PSNR and SSIM of normalised pictures."""
    error = float(np.mean((picture - found) ** 2))
    return -10 * np.log10(error), float(structural_similarity(picture, found, data_range=1.0))


def peers() -> dict[str, list[Callable[[NDArray[np.float64]], tuple[int, NDArray[np.float64]]]]]:
    """Each a list of settings; JPEG has 8 bits, JPEG-2000 16, JPEG-XL either."""

    def setting(bits: int, encode: Any, decode: Any, **options: Any) -> Any:
        def run(picture: NDArray[np.float64]) -> tuple[int, NDArray[np.float64]]:
            most = 2**bits - 1
            coded = encode(np.rint(picture * most).astype(np.uint8 if bits == 8 else np.uint16), **options)
            return len(coded), decode(coded).astype(np.float64) / most

        return run

    ic = imagecodecs
    distances = (25, 20, 15, 12, 9, 7, 5, 4, 3, 2, 1.5, 1)
    return {
        "jpeg": [
            setting(8, ic.jpeg8_encode, ic.jpeg8_decode, level=level, optimize=True)
            for level in (2, 5, 8, 12, 18, 25, 35, 50, 65, 80)
        ],
        "jpeg2000": [
            setting(16, ic.jpeg2k_encode, ic.jpeg2k_decode, level=level, codecformat="j2k", reversible=False)
            for level in range(18, 46, 2)
        ],
        "jpegxl": [
            setting(bits, ic.jpegxl_encode, ic.jpegxl_decode, distance=distance, effort=7)
            for distance in distances
            for bits in (8, 16)
        ],
    }


def peer_curves(pictures: list[NDArray[np.float64]]) -> dict[str, list[NDArray[np.float64]]]:
    """For each codec and picture: bits per pixel, PSNR and SSIM, by ascending bits and best so far."""
    found: dict[str, list[NDArray[np.float64]]] = {}
    for name, settings in peers().items():
        for picture in pictures:
            points = []
            for run in settings:
                n_bytes, decoded = run(picture)
                points.append((8 * n_bytes / picture.size, *quality_of(picture, decoded)))
            curve = np.array(sorted(points)).T
            curve[1:] = np.maximum.accumulate(curve[1:], axis=1)
            found.setdefault(name, []).append(curve)
    return found


def at_bits(curve: NDArray[np.float64], bits: float, which: int) -> float:
    """PSNR or SSIM at so many bits; not-a-number where the codec does not go so low."""
    return float(np.interp(bits, curve[0], curve[which], left=np.nan))


def residual_bits(picture: NDArray[np.float64], found: NDArray[np.float64]) -> float:
    """Bits per pixel of what is left of a picture of 8 bits, under a normal distribution of its width."""
    error = np.rint(255 * picture) - 255 * found
    width = max(float(error.std()), 0.3)
    upper, lower = (np.abs(error) + 0.5) / width, (np.abs(error) - 0.5) / width
    mass = log_ndtr(-lower) + np.log1p(-np.exp(np.minimum(log_ndtr(-upper) - log_ndtr(-lower), -1e-12)))
    return float(-mass.mean() / np.log(2))


def rate_distortion(images: list[Image]) -> list[dict[str, Any]]:
    """A row for each codec and quality: means over the images, and the others at each image's own bits."""
    pictures = [normalised(image)[0] for image in images]
    curves = peer_curves(pictures)
    rows = []
    for codec, qualities in OURS.items():
        for quality in qualities:
            found: dict[str, list[float]] = {}
            CountingDecoder.likelihood, CountingDecoder.n_bytes = 0.0, 0
            for number, (image, picture) in enumerate(zip(images, pictures, strict=True)):
                stream = astrocodec.encode(image, codec=codec, quality=quality)
                decoded = astrocodec.decode(stream)
                _, low, span = normalised(image)
                y = (stretch.stretch(decoded, *stretch.measure(image)) - low) / span
                bits = 8 * len(stream) / image.size
                psnr, ssim = quality_of(picture, y)
                middle, unit = stretch.measure(image)
                sigma = (image - middle) / (unit / stretch.KNEE)
                error = (decoded - image) / (unit / stretch.KNEE)
                bright = sigma > 5
                values = {
                    "bits": bits,
                    "psnr": psnr,
                    "ssim": ssim,
                    "bits_per_dimension_8": bits + residual_bits(picture, y),
                    "sky_error_sigma": float(np.sqrt((error[np.abs(sigma) < 3] ** 2).mean())),
                    "flux_ratio": float((sigma + error)[bright].sum() / sigma[bright].sum()),
                    "peak_ratio": float(decoded.max() / image.max()),
                }
                for peer, of_images in curves.items():
                    values[f"{peer}_psnr"] = at_bits(of_images[number], bits, 1)
                    values[f"{peer}_ssim"] = at_bits(of_images[number], bits, 2)
                for name, value in values.items():
                    found.setdefault(name, []).append(value)
            row = {name: round(float(np.nanmean(values)), 4) for name, values in found.items()}
            row["flux_scatter"] = round(float(np.std(found["flux_ratio"])), 4)
            over = {peer: np.array(found["psnr"]) - np.array(found[f"{peer}_psnr"]) for peer in curves}
            row |= {f"above_{peer}": int((gain > 0).sum()) for peer, gain in over.items()}
            row["coded_over_likelihood"] = round(8 * CountingDecoder.n_bytes / CountingDecoder.likelihood, 5)
            rows.append({"codec": codec, "quality": quality, "images": len(images), **row})
            print(rows[-1], flush=True)
    return rows


def blank_patches(images: list[Image], side: int = 64) -> Image:
    """Corners of the images without a source, in sigma."""
    found = []
    for image in images:
        middle, unit = stretch.measure(image)
        sigma = (image - middle) / (unit / stretch.KNEE)
        for corner in (sigma[:side, :side], sigma[:side, -side:], sigma[-side:, :side], sigma[-side:, -side:]):
            if np.abs(corner).max() < 5:
                found.append(corner)
    return np.stack(found).astype(np.float32)


def stacks(images: list[Image]) -> list[dict[str, Any]]:
    """Means of many decoded patches, each with the same faint source in its middle, beside means of the originals."""
    blank = blank_patches(images)
    y, x = np.indices(blank.shape[1:]) - blank.shape[1] // 2
    beam = np.exp(-(x**2 + y**2) / (2 * (3 / 2.355) ** 2)).astype(np.float32)  # FIRST's 5.4 arc seconds
    away = x**2 + y**2 > 15**2
    rows = []
    for codec, quality in (("vqvae", 0), ("vqvae", 1), ("vqvae", 3), ("vqvae", 7), ("vae", 0), ("vae", 3), ("vae", 6)):
        for flux in (0.5, 1.0, 2.0, 3.0, 5.0, 10.0):
            patches = blank + flux * beam
            decoded = astrocodec.decode(astrocodec.encode(patches, codec=codec, quality=quality))
            before, after = patches.mean(0), decoded.mean(0)

            def flux_of(stack: Image) -> float:
                near = x**2 + y**2 <= 6**2
                return float((stack * beam)[near].sum() / (beam**2)[near].sum() - np.median(stack[away]))

            rows.append(
                {
                    "codec": codec,
                    "quality": quality,
                    "patches": len(patches),
                    "peak_sigma": flux,
                    "flux_kept": round(flux_of(after) / flux_of(before), 4),
                    "noise_one_original": round(float(patches[:, away].std()), 4),
                    "noise_one_decoded": round(float(decoded[:, away].std()), 4),
                    "noise_stack_original": round(float(before[away].std()), 4),
                    "noise_stack_decoded": round(float(after[away].std()), 4),
                    "level_change": round(float((after - before)[away].mean()), 5),
                }
            )
            print(rows[-1], flush=True)
    return rows


def added_noise(images: list[Image]) -> list[dict[str, Any]]:
    """Simulated noise on top: how far the noisy picture, and what is decoded of it, are from the one before."""
    rng = np.random.default_rng(0)
    rows = []
    for times in (2, 4):
        for codec, quality in (("vqvae", 0), ("vqvae", 3), ("vqvae", 7), ("vae", 0), ("vae", 6)):
            found = []
            for image in images[::3]:
                _, unit = stretch.measure(image)
                sigma = float(unit) / stretch.KNEE
                noise = simulated_noise(rng, (1, *image.shape))[0] * np.sqrt(times**2 - 1) * sigma
                noisy = (image + noise).astype(np.float32)
                stream = astrocodec.encode(noisy, codec=codec, quality=quality)
                error = (astrocodec.decode(stream) - image) / sigma
                bright = image > 5 * times * sigma
                found.append(
                    (
                        8 * len(stream) / image.size,
                        np.sqrt((error[~bright] ** 2).mean()),
                        np.sqrt(((noisy - image)[~bright] ** 2).mean()) / sigma,
                        np.median(error[bright] * sigma / image[bright]) if bright.any() else np.nan,
                    )
                )
            bits, after, before, bias = np.nanmean(found, 0)
            rows.append(
                {
                    "noise_times": times,
                    "codec": codec,
                    "quality": quality,
                    "bits": round(bits, 4),
                    "error_noisy_sigma": round(before, 4),
                    "error_decoded_sigma": round(after, 4),
                    "source_bias": round(bias, 4),
                }
            )
            print(rows[-1], flush=True)
    return rows


def latents(images: Mapping[str, Image]) -> tuple[NDArray[np.float64], list[str]]:
    """What the VQ-VAE's first four levels say of each galaxy, over its eight attitudes: features (images, n)."""
    built = vqvae.Built(find_weights("vqvae"))
    features = []
    for image in images.values():
        middle, unit = stretch.measure(image)
        y = stretch.stretch(image, middle, unit)
        of_attitudes = []
        for turned in (np.rot90(y, k)[:, ::flip] for k in range(4) for flip in (1, -1)):
            vectors = trunk.to_vectors(built.encoder, np.ascontiguousarray(turned), built.book.shape[2], "cpu")
            around = vectors[:, 12:26, 12:26].reshape(len(vectors), -1)
            codes = built.choose(np.ascontiguousarray(around.T), 4)
            total = sum(built.book[level][codes[level]] for level in range(4)) / vqvae.CODE_UNIT
            of_attitudes.append(np.concatenate([np.abs(total).mean(0), total.std(0), np.abs(total).max(0)]))
        features.append(np.log1p(np.mean(of_attitudes, 0)))
    whole = np.array(features)
    return (whole - whole.mean(0)) / (whole.std(0) + 1e-9), [name.split("_")[1] for name in images]


def nearest_neighbours(features: NDArray[np.float64], labels: list[str], count: int = 5) -> dict[str, float]:
    """How many FR I and FR II have the class of most of their neighbours, and how many the commoner class has."""
    kept = [number for number, label in enumerate(labels) if label[0] in "12"]
    classes = np.array([int(labels[number][0]) for number in kept])
    distance = ((features[kept][:, None] - features[kept]) ** 2).sum(2) + np.diag(np.full(len(kept), np.inf))
    nearest = np.argsort(distance, 1)[:, :count]
    guessed = 1 + (np.mean(classes[nearest] == 2, 1) > 0.5)
    balanced = np.mean([np.mean(guessed[classes == c] == c) for c in (1, 2)])
    return {
        "galaxies": len(kept),
        "right": round(float(np.mean(guessed == classes)), 3),
        "right_balanced": round(float(balanced), 3),
        "commoner_class": round(float(max(np.mean(classes == c) for c in (1, 2))), 3),
    }


def draw_map(features: NDArray[np.float64], labels: list[str], is_held_back: list[bool], path: Path) -> None:
    """The latents in two dimensions by UMAP (McInnes et al. 2018, arXiv:1802.03426), with the classes of the names."""
    from umap import UMAP

    places = UMAP(n_neighbors=12, min_dist=0.3, random_state=0, n_jobs=1).fit_transform(features)
    figure, axes = plt.subplots(figsize=(5.6, 4.6))
    for digit, (name, colour) in CLASSES.items():
        axes.scatter([], [], c=colour, label=name)
        for uncertain in (False, True):
            for held in (False, True):
                chosen = [
                    n
                    for n, label in enumerate(labels)
                    if label[0] == digit and (label[1] == "1") == uncertain and is_held_back[n] == held
                ]
                axes.scatter(
                    *places[chosen].T,
                    c=colour if held else "none",
                    edgecolors=colour,
                    marker="^" if uncertain else "o",
                )
    axes.set(xticks=[], yticks=[], title="VQ-VAE latents of 60 FIRST cut-outs (UMAP)")
    axes.set_xlabel("filled: held back, open: trained on; triangles: class uncertain", fontsize=8)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_curves(rows: list[dict[str, Any]], path: Path) -> None:
    """Rate and distortion."""
    figure, both = plt.subplots(1, 2, figsize=(9, 4))
    for axes, measure in zip(both, ("psnr", "ssim"), strict=True):
        for peer in ("jpegxl", "jpeg2000", "jpeg"):
            points = sorted((row["bits"], row[f"{peer}_{measure}"]) for row in rows)
            axes.plot(*zip(*points, strict=True), "--", color=COLOURS[peer], label=peer)
        for codec in OURS:
            points = [(row["bits"], row[measure]) for row in rows if row["codec"] == codec]
            axes.plot(*zip(*points, strict=True), "o-", color=COLOURS[codec], label=codec)
        axes.set(xlabel="bits per pixel, whole stream", ylabel={"psnr": "PSNR / dB", "ssim": "SSIM"}[measure])
        axes.grid(alpha=0.3)
    both[0].legend()
    both[0].set_title("20 held-back cut-outs, asinh scale", fontsize=9)
    both[1].set_title("others interpolated to the bits of each image", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_cutouts(images: list[Image], path: Path) -> None:
    """Two galaxies, decoded at three rates, and what is left."""
    figure, grid = plt.subplots(2, 5, figsize=(10, 4.2))
    for row, image in zip(grid, images, strict=True):
        scale = stretch.measure(image)
        y = stretch.stretch(image, *scale)[70:230, 70:230]
        show = {"cmap": "inferno", "vmin": -0.6, "vmax": 0.8 * y.max()}
        row[0].imshow(y, **show)
        row[0].set_title("original", fontsize=8)
        for axes, quality in zip(row[1:4], (0, 3, 7), strict=True):
            stream = astrocodec.encode(image, codec="vqvae", quality=quality)
            decoded = stretch.stretch(astrocodec.decode(stream), *scale)[70:230, 70:230]
            axes.imshow(decoded, **show)
            axes.set_title(f"vqvae {quality}: {8 * len(stream) / image.size:.2f} bits", fontsize=8)
        row[4].imshow(y - decoded, cmap="gray", vmin=-0.5, vmax=0.5)
        row[4].set_title("original - vqvae 7", fontsize=8)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)
    with PictureFile.open(path) as picture:
        picture.convert("RGB").quantize(48).save(path, optimize=True)


def main() -> None:
    """Measure, write results and pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--part", action="append", choices=["curves", "stacks", "noise", "latents", "pictures"])
    given = parser.parse_args()
    parts = given.part or ["curves", "stacks", "noise", "latents", "pictures"]
    torch.set_num_threads(1)
    sky_codec.LatticeDecoder = CountingDecoder  # type: ignore[misc]
    learned, tested = held_back([*given.folder.glob("*.fits.gz"), *given.folder.glob("*.fits")])
    images = [np.asarray(fits.getdata(path), np.float32) for path in tested]
    if "curves" in parts:
        rows = rate_distortion(images)
        write_csv(RESULTS / "vqvae.csv", rows)
        write_provenance(RESULTS / "vqvae.csv")
        draw_curves(rows, ROOT / "docs" / "vqvae_curves.png")
    if "stacks" in parts:
        write_csv(RESULTS / "vqvae_stacks.csv", stacks(images))
    if "noise" in parts:
        write_csv(RESULTS / "vqvae_noise.csv", added_noise(images))
    if "latents" in parts:
        paths = sorted([*learned, *tested], key=lambda path: path.name)
        features, labels = latents({path.name: np.asarray(fits.getdata(path), np.float32) for path in paths})
        draw_map(features, labels, [path in tested for path in paths], ROOT / "docs" / "vqvae_latents.png")
        said = nearest_neighbours(features, labels)
        (RESULTS / "vqvae_latents.json").write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
        print(said)
    if "pictures" in parts:
        draw_cutouts([images[9], images[15]], ROOT / "docs" / "vqvae_cutouts.png")


if __name__ == "__main__":
    main()
