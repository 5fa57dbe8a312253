"""Lossy codecs, ours and others, at equal noise: real floats, raw frames, simulated frames, white noise.

    python benchmarks/bench_lossy.py                  # all frames, all codecs
    python benchmarks/bench_lossy.py stars lofar      # those whose names contain one of these
    python benchmarks/bench_lossy.py --codec SZ3 --add

Whole HDUs are charged to FITS codecs and ours, streams to others. The noise is that of `local_noise`, the added
variance the mean square of the error over the square of the noise's median. `astrocodec bench --lossy` does it for
your files.
"""

import warnings
from pathlib import Path

import click

from astrocodec.bench.lossy.curves import BASE, curves
from astrocodec.bench.lossy.figure import lossy_figure
from astrocodec.bench.lossy.frames import all_frames
from astrocodec.bench.lossy.measure import NoNoiseError, Row, measure_frame
from astrocodec.bench.lossy.ours import our_peers
from astrocodec.bench.lossy.peers import lossy_peers
from astrocodec.bench.lossy.rows import rows_from_csv
from astrocodec.bench.lossy.table import summary_lines
from astrocodec.bench.tables import markdown, tell, write_csv

RESULTS = Path(__file__).parent / "results"
PICTURE = Path(__file__).parents[1] / "docs" / "lossy.png"
# What the picture shows: real frames of several kinds, a simulated one, and noise.
SHOWN = (
    ("decam_ooi_20170316[1]", "float"),
    ("lofar-solar[0]", "float"),
    ("spitzer-irac[0]", "float"),
    ("kepler-ffi[1]", "float"),
    ("stars", "simulated"),
    ("white noise", "white noise"),
)
KINDS = ("float", "raw as float", "raw", "simulated", "white noise")


def summary(rows: list[Row]) -> str:
    """Tables of each kind of frames, and where our best way stands on each real float frame."""
    parts = []
    for kind in KINDS:
        of_kind = [row for row in rows if row.kind == kind]
        if of_kind:
            images = len({row.frame for row in of_kind})
            parts.append(f"Kind `{kind}`, {images} frames, size beside fpack's RICE tiles at equal added variance:\n")
            parts.append(markdown(summary_lines(of_kind)) + "\n")
    names = [BASE, "SZ3", *(peer.name for peer in our_peers())]
    for title, local in (
        ("an added variance", False),
        ("an added variance, of each pixel over its own noise's,", True),
    ):
        lines = []
        for (frame, kind), found in curves(rows, local=local).items():
            bits = {codec: found[codec].at(0.02) if codec in found else None for codec in names}
            lines.append({"frame": f"{frame}, {kind}"} | bits)
        parts += [f"Bits per pixel at {title} of 2 %:\n", markdown(lines) + "\n"]
    return "\n".join(parts)


@click.command()
@click.argument("names", nargs=-1)
@click.option("--codec", "codecs", multiple=True, help="Codec to run, part of its name; may be repeated.")
@click.option("--output", type=click.Path(path_type=Path), default=RESULTS / "lossy.csv", help="CSV to write.")
@click.option("--picture", type=click.Path(path_type=Path), default=PICTURE, help="PNG to write.")
@click.option("--add", is_flag=True, help="Keep the rows of other codecs and frames that the CSV already holds.")
def main(names: tuple[str, ...], codecs: tuple[str, ...], output: Path, picture: Path, add: bool) -> None:
    """Measure the frames whose names contain NAMES (default: all)."""
    warnings.simplefilter("ignore")  # illegal cards of real headers; nothing here depends on them
    held = rows_from_csv(output) if add and output.exists() else []
    peers = lossy_peers(codecs)
    rows: list[Row] = []
    for frame in all_frames(names):
        try:
            measured = list(measure_frame(frame, peers))
        except NoNoiseError as error:
            print(f"{frame.name}: {error}", flush=True)
            continue
        rows += measured
        best = min((row.bits for row in measured if row.bits is not None), default=None)
        print(f"{frame.name} ({frame.kind}): {len(measured)} rows, least {best} bits", flush=True)
        write_csv(output, [row.flat() for row in _joined(held, rows)])  # a long run keeps what it has
    rows = _joined(held, rows)
    tell(output, summary(rows), keep_earlier=add)
    picture.write_bytes(lossy_figure(rows, [peer.name for peer in our_peers()], images=SHOWN, dpi=90))


def _joined(held: list[Row], new: list[Row]) -> list[Row]:
    """Rows held, without those measured again, and the new ones; frame by frame in the order of the first."""
    again = {(row.frame, row.kind, row.codec) for row in new}
    rows = [row for row in held if (row.frame, row.kind, row.codec) not in again] + new
    order = {frame: number for number, frame in enumerate(dict.fromkeys((row.frame, row.kind) for row in rows))}
    known = {peer.name: number for number, peer in enumerate(lossy_peers())}
    return sorted(rows, key=lambda row: (order[row.frame, row.kind], known.get(row.codec, len(known))))


if __name__ == "__main__":
    main()
