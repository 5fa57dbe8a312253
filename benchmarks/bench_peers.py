"""Sizes and times of the other codecs on the corpus's integer images, one row per image and codec.

They do not change with astrocodec, so that `bench_lossless.py` takes their sizes from here.
"""

import sys
import warnings
from pathlib import Path
from typing import Any

import click

from astrocodec.bench.datasets import INTEGER_KINDS, CorpusFile, corpus_files, frames
from astrocodec.bench.peers import Peer, choose_peers, measure
from astrocodec.bench.tables import read_csv, write_csv, write_provenance

RESULTS = Path(__file__).parent / "results" / "peers.csv"


def measure_file(source: CorpusFile, peers: list[Peer], repeats: int) -> list[dict[str, Any]]:
    """Measure every image of a file with every codec."""
    rows: list[dict[str, Any]] = []
    for frame in frames(source):
        for peer in peers:
            result = measure(peer, frame.planes, repeats)
            rows.append(
                {
                    "file": source.name,
                    "hdu": frame.hdu,
                    "shape": "x".join(map(str, frame.stored.shape)),
                    "dtype": frame.pixels.dtype.name,
                    "pixels": frame.stored.size,
                    "codec": peer.name,
                    "bytes": result.n_bytes,
                    "enc_s": None if result.encode_seconds is None else f"{result.encode_seconds:.5f}",
                    "dec_s": None if result.decode_seconds is None else f"{result.decode_seconds:.5f}",
                    "group": source.group,
                    "kind": source.kind,
                    "note": result.note,
                }
            )
    return rows


@click.command()
@click.argument("names", nargs=-1)
@click.option("--codec", "codecs", multiple=True, help="Codec to run; may be repeated.  [default: all but JPEG-XL 10]")
@click.option("--kind", "kinds", multiple=True, default=INTEGER_KINDS, show_default=True, help="Kinds of the manifest.")
@click.option("--repeats", default=1, show_default=True, help="Times are medians of this many runs.")
@click.option("--output", type=click.Path(path_type=Path), default=RESULTS, help="CSV to write.")
@click.option("--add", is_flag=True, help="Keep the rows of other codecs and files that the CSV already holds.")
def main(
    names: tuple[str, ...], codecs: tuple[str, ...], kinds: tuple[str, ...], repeats: int, output: Path, add: bool
) -> None:
    """Measure the other codecs on files whose names contain NAMES (default: all)."""
    warnings.simplefilter("ignore")  # illegal cards of real headers; nothing here depends on them
    peers = choose_peers(codecs)
    sources = corpus_files(kinds, names)
    measured = {(source.name, peer.name) for source in sources for peer in peers}
    old = read_csv(output) if add and output.exists() else []
    rows: list[dict[str, Any]] = [dict(row) for row in old if (row["file"], row["codec"]) not in measured]
    for number, source in enumerate(sources, 1):
        print(f"{number}/{len(sources)} {source.name}", file=sys.stderr, flush=True)
        rows += measure_file(source, peers, repeats)
        write_csv(output, rows)  # a long run keeps what it has
    write_provenance(output, keep_earlier=add)


if __name__ == "__main__":
    main()
