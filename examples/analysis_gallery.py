"""The pictures of docs/gallery.md, from simulated frames: python examples/analysis_gallery.py docs/gallery

Without a folder, small frames and a temporary folder: a quick look.
"""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

import astrocodec
from astrocodec.analysis import analyse_frame
from astrocodec.analysis.compare.comparison import compare
from astrocodec.analysis.compare.figure import compare_figure
from astrocodec.analysis.compare.stacking import rounded, stack_noise, stacking_figure
from astrocodec.analysis.noise.entropy import gaussian_bits_of
from astrocodec.analysis.report.charts import draw_bits_by_snr, draw_exposures, draw_snr_and_bits
from astrocodec.analysis.report.figure_style import ACCENT, QUIET, SOURCE, new_figure, png_of
from astrocodec.analysis.report.maps import displayed, scored
from astrocodec.analysis.report.peer_sizes import peer_sizes
from astrocodec.simulate import configure, observe, simulate

QUICK = len(sys.argv) < 2
SHAPE = (256, 288) if QUICK else (1024, 1088)
COLOURS = 256
PART = np.s_[:512, :512]  # one amplifier, without overscan


def where_the_bits_go() -> Iterator[tuple[str, bytes]]:
    """Image, signal-to-noise ratio and bit rate of one frame, then its bits by signal-to-noise ratio."""
    image = simulate("ccd", shape=SHAPE, seed=7).data[PART]
    stream = astrocodec.encode(image, astrocodec.tune(image, effort=3))
    found = analyse_frame(image, stream=stream)
    maps = (
        ("Image (ADU, zscale)", displayed(image.astype(float))),
        ("Signal-to-noise ratio", scored(found.snr, "viridis")),
        ("Bits of each pixel", scored(found.bits.bits, "inferno")),
    )
    with new_figure(9.6, 4.1, for_page=False) as figure:
        for axes, (title, one) in zip(figure.subplots(1, 3), maps, strict=True):
            drawn = axes.imshow(one.shades, origin="lower", cmap=one.colours, vmin=0, vmax=1)
            axes.set_axis_off()
            axes.set_title(title, loc="left")
            bar = figure.colorbar(drawn, ax=axes, orientation="horizontal", shrink=0.9, pad=0.03, aspect=36)
            bar.set_ticks([place for place, _ in one.ticks], labels=[text for _, text in one.ticks])
        yield "where_the_bits_go", png_of(figure, dpi=90, colours=COLOURS)
    with new_figure(10.2, 3.4, for_page=False) as figure:
        left, right = figure.subplots(1, 2)
        mask = found.segmentation.mask
        said = draw_bits_by_snr(left, found.snr, found.bits.bits, mask)
        left.set_title(said, loc="left", fontsize=8, pad=20)  # over the legend
        draw_snr_and_bits(right, found.snr, found.bits.bits, mask, found.floor_bits, "black")
        yield "bits_by_snr", png_of(figure, colours=COLOURS)


def noise_floor() -> Iterator[tuple[str, bytes]]:
    """Bits per pixel of pure noise against its width."""
    rng = np.random.default_rng(1)
    sigmas = np.geomspace(0.3, 300, 6 if QUICK else 13)
    ours, rice = [], []
    for sigma in sigmas:
        noise = np.rint(rng.normal(30000, sigma, SHAPE)).astype(np.uint16)
        ours.append(8 * len(astrocodec.encode(noise)) / noise.size)
        rice.append(next(one.bits_per_pixel for one in peer_sizes(noise) if one.codec == "RICE_1"))
    with new_figure(6.4, 3.9, for_page=False) as figure:
        axes = figure.add_subplot()
        line = np.geomspace(sigmas[0], sigmas[-1], 200)
        axes.plot(
            line, gaussian_bits_of(line), color=QUIET, lw=6, alpha=0.5, label="noise floor", solid_capstyle="butt"
        )
        axes.plot(sigmas, ours, "o", ms=5, color=ACCENT, label="astrocodec, measured")
        axes.plot(sigmas, rice, "x", ms=5, color=SOURCE, label="RICE_1, measured")
        axes.axhline(16, color="black", lw=0.8, ls=":")
        axes.annotate("uncompressed: 16 bits", (line[0], 16), (2, -11), textcoords="offset points")
        axes.set_xscale("log")
        axes.set_xticks([0.3, 1, 3, 10, 30, 100, 300], ["0.3", "1", "3", "10", "30", "100", "300"])
        axes.set_ylim(0, 17)
        axes.set_xlabel("noise: standard deviation in steps of the image (ADU)")
        axes.set_ylabel("bits per pixel")
        axes.legend(loc="lower right")
        yield "noise_floor", png_of(figure, colours=COLOURS)


def exposures() -> Iterator[tuple[str, bytes]]:
    """Compression ratio of one scene, exposed for longer and longer."""
    seconds = (1, 10, 100) if QUICK else (0.3, 1, 3, 10, 30, 60, 100, 300, 1000, 3000)
    frames = [observe(configure("ccd", shape=SHAPE, exptime=time), seed=7).data for time in seconds]
    ratios = [frame.nbytes / len(astrocodec.encode(frame)) for frame in frames]
    with new_figure(6.4, 3.6, for_page=False) as figure:
        axes = figure.add_subplot()
        axes.set_title(draw_exposures(axes, seconds, ratios), loc="left", fontsize=8)
        yield "exposure", png_of(figure, colours=COLOURS)


def comparison() -> Iterator[tuple[str, bytes]]:
    """A frame and the same rounded to half of its noise, without dither."""
    frame = simulate("ccd", shape=SHAPE, seed=7).data[PART]
    coded = (np.rint(frame / 6.0) * 6).astype(frame.dtype)
    names = ("a simulated frame", "the same, rounded to steps of 6 ADU")
    yield "compare", compare_figure(compare(frame, coded), names=names, dpi=80, colours=COLOURS)


def stacking() -> Iterator[tuple[str, bytes]]:
    """Noise of co-added frames whose steps are wider than their noise."""
    counts = (1, 2, 4, 8, 16) if QUICK else (1, 2, 4, 8, 16, 32, 64, 128, 256)
    sigma = 2.0
    sky = 100 + np.random.default_rng(1).random(SHAPE if QUICK else (512, 512)) * 20
    frames = (sky + np.random.default_rng([2, n]).normal(0, sigma, sky.shape) for n in range(counts[-1]))
    codings = {
        f"step {step:g} sigma, {'dithered' if dither else 'plain'}": rounded(step * sigma, dither=dither)
        for step in (0.5, 1.0, 2.0, 4.0)
        for dither in (True, False)
    }
    found = stack_noise(frames, codings, sky=sky, counts=counts)
    for name in found.noise:
        print(f"{counts[-1]} frames, {name}: {found.excess(name):.2f} times the noise of one frame over sqrt(N)")
    drawn = {name: noise for name, noise in found.noise.items() if not name.startswith(("step 0.5", "step 2"))}
    yield "stacking", png_of(stacking_figure(replace(found, noise=drawn)), colours=COLOURS)


with tempfile.TemporaryDirectory() as temporary:
    folder = Path(temporary if QUICK else sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for make in (where_the_bits_go, noise_floor, exposures, comparison, stacking):
        for name, picture in make():
            (folder / f"{name}.png").write_bytes(picture)
            print(f"{name}.png: {len(picture)} bytes")
