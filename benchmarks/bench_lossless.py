"""Sizes and times of astrocodec beside the other codecs, file by file, everything charged.

The other codecs' figures come from `bench_peers.py`'s table unless --peers measures them again in this run. The table
gets one row per file and codec.
"""

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from astrocodec.analysis import noise_floor
from astrocodec.bench.datasets import CorpusFile, corpus_files, frames
from astrocodec.bench.ours import Setting, measure_ours, read_plain
from astrocodec.bench.peers import Measurement, choose_peers, measure
from astrocodec.bench.tables import geometric_mean, markdown, read_csv, tell, write_csv

RESULTS = Path(__file__).parent / "results"
PEERS_TABLE = RESULTS / "peers.csv"
REFERENCES = ("JPEG-XL 7", "JPEG-XL 9")
LEAST_PIXELS = 250_000


def cached_peers(source: CorpusFile) -> list[Measurement]:
    """Add up a file's rows in the table of `bench_peers.py`."""
    sums: dict[str, Measurement] = {}
    for row in read_csv(PEERS_TABLE):
        if row["file"] == source.name:
            result = Measurement(
                row["codec"],
                int(row["bytes"]) if row["bytes"] else None,
                float(row["enc_s"]) if row["enc_s"] else None,
                float(row["dec_s"]) if row["dec_s"] else None,
            )
            sums[result.codec] = add(sums[result.codec], result) if result.codec in sums else result
    return list(sums.values())


def measured_peers(source: CorpusFile, names: Sequence[str], repeats: int) -> list[Measurement]:
    """Measure the other codecs in this run."""
    results = []
    images = [frame.planes for frame in frames(source)]
    for peer in choose_peers(names):
        parts = [measure(peer, stack, repeats) for stack in images]
        total = parts[0]
        for part in parts[1:]:
            total = add(total, part)
        results.append(total)
    return results


def add(one: Measurement, other: Measurement) -> Measurement:
    """Add up two images of a file; what does not apply to one does not apply to the file."""
    pairs = (
        (one.n_bytes, other.n_bytes),
        (one.encode_seconds, other.encode_seconds),
        (one.decode_seconds, other.decode_seconds),
    )
    size, encode, decode = (None if left is None or right is None else left + right for left, right in pairs)
    return Measurement(one.codec, None if size is None else int(size), encode, decode, one.note or other.note)


def rows_of_file(source: CorpusFile, results: Sequence[Measurement]) -> list[dict[str, Any]]:
    """Make the table's rows."""
    images = list(frames(source))
    pixels = sum(frame.stored.size for frame in images)
    raw = sum(frame.stored.nbytes for frame in images)
    floor = sum(plane.size * noise_floor(plane).gaussian for frame in images for plane in frame.planes) / pixels
    sizes = {result.codec: result.n_bytes for result in results}
    references = [size for name in REFERENCES if (size := sizes.get(name))]
    return [
        {
            "file": source.name,
            "group": source.group,
            "kind": source.kind,
            "pixels": pixels,
            "raw_bytes": raw,
            "floor_bits": f"{floor:.4f}",
            "codec": result.codec,
            "bytes": result.n_bytes,
            "bits": None if result.n_bytes is None else f"{8 * result.n_bytes / pixels:.4f}",
            "over_jpegxl": f"{result.n_bytes / min(references):.5f}" if result.n_bytes and references else None,
            "enc_mpixel_s": _rate(pixels, result.encode_seconds),
            "dec_mpixel_s": _rate(pixels, result.decode_seconds),
        }
        for result in results
    ]


def _rate(pixels: int, seconds: float | None) -> str | None:
    """Megapixels per second of CPU."""
    return f"{pixels / seconds / 1e6:.3f}" if seconds else None


def per_file_table(rows: Sequence[dict[str, Any]]) -> str:
    """Bits per pixel, one line per file, one column per codec, the noise floor last."""
    codecs = list(dict.fromkeys(row["codec"] for row in rows))
    lines: dict[str, dict[str, Any]] = {}
    for row in rows:
        line = lines.setdefault(
            row["file"],
            {"file": row["file"].removesuffix(".fits.gz"), "Mpixel": int(row["pixels"]) / 1e6}
            | dict.fromkeys(codecs, float("nan"))
            | {"noise floor": float(row["floor_bits"])},
        )
        line[row["codec"]] = float(row["bits"]) if row["bits"] else float("nan")
    return markdown(list(lines.values()))


def summary_table(rows: Sequence[dict[str, Any]]) -> str:
    """Geometric means over the files that are large enough, against the better of JPEG-XL 7 and 9."""
    large = [row for row in rows if int(row["pixels"]) >= LEAST_PIXELS and row["over_jpegxl"]]
    lines = []
    for codec in dict.fromkeys(row["codec"] for row in large):
        chosen = [row for row in large if row["codec"] == codec]
        ratios = [float(row["over_jpegxl"]) for row in chosen]
        lines.append(
            {
                "codec": codec,
                "files": len(chosen),
                "size over the better of JPEG-XL 7 and 9": geometric_mean(ratios),
                "smallest": min(ratios),
                "largest": max(ratios),
                "encode Mpixel/s": geometric_mean(float(row["enc_mpixel_s"]) for row in chosen if row["enc_mpixel_s"]),
                "decode Mpixel/s": geometric_mean(float(row["dec_mpixel_s"]) for row in chosen if row["dec_mpixel_s"]),
            }
        )
    return markdown(lines) if lines else "no file is large enough for a mean"


@click.command()
@click.argument("names", nargs=-1)
@click.option("--kind", "kinds", multiple=True, default=["raw-int"], show_default=True, help="Kinds of the manifest.")
@click.option("--effort", "efforts", type=click.IntRange(1, 9), multiple=True, default=[5], show_default=True)
@click.option("--model", default="default", show_default=True, help="Name or file of our model.")
@click.option("--untuned/--no-untuned", default=True, show_default=True, help="Also without tuning.")
@click.option("--ours/--no-ours", default=True, show_default=True, help="Measure our codec.")
@click.option("--peers", is_flag=True, help="Measure the other codecs in this run too.")
@click.option("--codec", "codecs", multiple=True, help="With --peers: codec to run; may be repeated.")
@click.option("--repeats", default=1, show_default=True, help="Times are medians of this many runs.")
@click.option("--output", type=click.Path(path_type=Path), default=RESULTS / "lossless.csv", help="CSV to write.")
def main(
    names: tuple[str, ...],
    kinds: tuple[str, ...],
    efforts: tuple[int, ...],
    model: str,
    untuned: bool,
    ours: bool,
    peers: bool,
    codecs: tuple[str, ...],
    repeats: int,
    output: Path,
) -> None:
    """Measure files whose names contain NAMES (default: all raw-int files)."""
    warnings.simplefilter("ignore")  # illegal cards of real headers; nothing here depends on them
    settings = [Setting(True, effort, model) for effort in efforts] + ([Setting(False, 5, model)] if untuned else [])
    rows: list[dict[str, Any]] = []
    sources = corpus_files(kinds, names)
    for number, source in enumerate(sources, 1):
        print(f"{number}/{len(sources)} {source.name}", file=sys.stderr, flush=True)
        results = measured_peers(source, codecs, repeats) if peers else cached_peers(source)
        if ours:
            original = read_plain(source.path)
            results += [measure_ours(setting, original, repeats) for setting in settings]
        rows += rows_of_file(source, results)
        write_csv(output, rows)
    tell(output, f"{summary_table(rows)}\n\nBits per pixel:\n\n{per_file_table(rows)}")


if __name__ == "__main__":
    main()
