"""Files of fpack and astropy, compressed as they are: bytes before and after, and whether the very file comes back.

Images of the corpus, of floats and of integers, at most 1024 x 1024 pixels of each, are packed by fpack (where it is
installed) and by astropy; floats are quantised at q = 4 and 1 with either dither and without. Bytes are those of whole
files. The pixels that astropy reads are compared, and the file that ``decompress(to="original")`` gives.
"""

import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

import fits_tiles
from astrocodec.bench.datasets import corpus_files, frames
from astrocodec.bench.tables import markdown, tell, write_csv

RESULTS = Path(__file__).parent / "results"
SIDE = 1024
FLOATS = (
    "2mass_asky", "bolocam", "decam_ooi_20170316", "gemini-gmos", "hst-nicmos_mos", "lco-sinistro_fl08",
    "lco-sinistro_fl10", "lofar-solar", "sdss-m86", "spitzer-irac",
)  # fmt: skip
INTEGERS = (
    "esis1_dark", "hst-stis_octka7jeq", "keck-lris-blue_arc", "keck-nirc2_hd1160", "lco-sinistro_fa05",
    "lick-kast-blue_sci_", "meudon-msdp_light_", "microobs_hatp32_a", "mro-irsc_a", "sbig-st7_dark120", "2mass-j_gc",
    "kpno-m51", "soho-mdi", "ukst-horsehead",
)  # fmt: skip
# fpack's options; dithers by their number, 0 for none.
_DITHER_OPTIONS = {0: "-q0", 1: "-q", 2: "-qz"}
_DITHER_METHODS = {0: -1, 1: 1, 2: 2}
FLOAT_WAYS = [("RICE_1", "-r", q, dither) for q in (4, 1) for dither in (0, 1, 2)] + [
    ("HCOMPRESS_1", "-h", 4, 1),
    ("HCOMPRESS_1", "-h", 1, 0),
    ("RICE_1 100 x 100", "-r -t 100,100", 4, 1),
]
INTEGER_WAYS = [("RICE_1", "-r"), ("HCOMPRESS_1", "-h"), ("GZIP_2", "-g2")]
Pixels = NDArray[Any]


def images(names: tuple[str, ...]) -> Iterator[tuple[str, Pixels, float]]:
    """Yield name, stored pixels and BZERO of the first image of each file, its middle if it is large."""
    for source in corpus_files(("float", "raw-int", "processed-int"), names):
        frame = max(frames(source), key=lambda one: one.stored.size)
        plane = frame.stored.reshape(-1, *np.atleast_2d(frame.stored).shape[-2:])[0]
        top, left = (max(0, length - SIDE) // 2 for length in plane.shape)
        yield source.name.removesuffix(".fits.gz"), plane[top : top + SIDE, left : left + SIDE], frame.bzero


def packed_files(pixels: Pixels, bzero: float, folder: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    """Yield files of fpack and of astropy that hold an image, and what they are."""
    plain = folder / "plain.fits"
    image = fits.PrimaryHDU(np.ascontiguousarray(pixels))
    if bzero and pixels.dtype.kind == "i":
        image.header["BZERO"] = bzero  # the pixels are as they are stored
    image.writeto(plain, overwrite=True, checksum=True)
    is_float = pixels.dtype.kind == "f"
    if shutil.which("fpack"):
        ways = FLOAT_WAYS if is_float else [(name, option, 0, 0) for name, option in INTEGER_WAYS]
        for algorithm, option, q, dither in ways:
            path = folder / "plain.fits.fz"
            path.unlink(missing_ok=True)
            level = [_DITHER_OPTIONS[dither], str(q)] if is_float else []
            subprocess.run(["fpack", *option.split(), *level, "-O", path, plain], check=True, capture_output=True)
            yield {"program": "fpack", "algorithm": algorithm, "q": q, "dither": dither}, path
    path = folder / "astropy.fits"
    how: dict[str, Any] = {"quantize_level": 4.0, "quantize_method": 1, "dither_seed": 7} if is_float else {}
    hdu = fits.CompImageHDU(np.ascontiguousarray(pixels), compression_type="RICE_1", **how)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    yield {"program": "astropy", "algorithm": "RICE_1", "q": 4 * is_float, "dither": int(is_float)}, path


def measured(source: Path, folder: Path) -> dict[str, Any]:
    """Compress a file; tell its bytes, whether its pixels and whether all of its bytes come back."""
    packed, again = folder / "packed.ac.fits", folder / "again.fz"
    report = fits_tiles.compress(source, packed, overwrite=True, workers=2)
    fits_tiles.decompress(packed, again, to="original", overwrite=True)
    with fits.open(source) as given, fits.open(packed) as found:
        same = given[1].data.tobytes() == found[1].data.tobytes()
    before, after = source.stat().st_size, packed.stat().st_size
    return {
        "bytes": before,
        "ours": after,
        "ratio": f"{after / before:.4f}",
        "verified": report.verified,
        "same pixels": same,
        "same file": again.read_bytes() == source.read_bytes(),
    }


def summary(rows: list[dict[str, Any]]) -> str:
    """One line for each way of packing: geometric mean, least and greatest of ours over the file given."""
    ways: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        ways.setdefault(tuple(row[name] for name in ("kind", "program", "algorithm", "q", "dither")), []).append(row)
    lines = []
    groups = [(*way, found) for way, found in ways.items()]
    for kind in ("float", "integer"):
        groups.append((kind, "all", "", "", "", [row for row in rows if row["kind"] == kind]))
    for kind, program, algorithm, q, dither, found in groups:
        ratios = [float(row["ratio"]) for row in found]
        if ratios:
            lines.append(
                {"pixels": kind, "program": program, "algorithm": algorithm, "q": q, "dither": dither}
                | {"files": len(found), "ours over it": f"{np.exp(np.mean(np.log(ratios))):.3f}"}
                | {"least": f"{min(ratios):.3f}", "greatest": f"{max(ratios):.3f}"}
                | {"the very file back": sum(row["same file"] for row in found)}
            )
    return markdown(lines)


@click.command()
@click.argument("names", nargs=-1)
@click.option("--output", type=click.Path(path_type=Path), default=RESULTS / "archives.csv", help="CSV to write.")
def main(names: tuple[str, ...], output: Path) -> None:
    """Measure packed images of files whose names contain NAMES."""
    warnings.simplefilter("ignore")  # illegal cards of real headers; nothing here depends on them
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as place:
        for name, pixels, bzero in images(names or FLOATS + INTEGERS):
            print(name, pixels.shape, pixels.dtype, file=sys.stderr, flush=True)
            kind = "float" if pixels.dtype.kind == "f" else "integer"
            for way, path in packed_files(pixels, bzero, Path(place)):
                rows.append({"file": name, "kind": kind, **way, **measured(path, Path(place))})
                write_csv(output, rows)
    tell(output, f"Bytes of whole files, ours over those of the file given:\n\n{summary(rows)}")


if __name__ == "__main__":
    main()
