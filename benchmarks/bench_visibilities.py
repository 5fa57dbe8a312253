"""Codecs of visibilities, ours and others, at equal noise: real sets of the corpus, and simulated ones.

    python benchmarks/bench_visibilities.py                    # all sets, all codecs; some minutes
    python benchmarks/bench_visibilities.py lofar --codec AF   # parts of names
    python benchmarks/bench_visibilities.py --codec astrocodec --add
    python benchmarks/bench_visibilities.py --white            # ours beside white noise alone, printed

Sets are those of `ASTROCODEC_CORPUS` (its folder `visibilities`) and those that `astrocodec.bench.visibilities.sets`
simulates. Flagged samples are set to zero, for Dysco to NaN, before any codec sees them; autocorrelations are left
out. Bits count everything that decoding visibilities needs; flags stand in a column of their own. `astrocodec bench
--vis` does it for your sets.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from astrocodec.bench.tables import markdown, tell, write_csv
from astrocodec.bench.visibilities.curves import BASE, NOISELESS, TARGETS, saving, standing
from astrocodec.bench.visibilities.figure import image_figure, rates_figure, waterfall_figure
from astrocodec.bench.visibilities.measure import Row, measure_set
from astrocodec.bench.visibilities.peer import DITHERED, OURS
from astrocodec.bench.visibilities.peers import visibility_peers
from astrocodec.bench.visibilities.rows import rows_from_csv
from astrocodec.bench.visibilities.sets import SIMULATED, VisSet, corpus_sets, read_set, simulated_set
from astrocodec.bench.visibilities.table import error_lines, lossless_lines, text
from astrocodec.bench.visibilities.white_noise import bits_and_floor

# Calibrated, so that its image is one of the sky.
PICTURED = {
    "gains": False,
    "stations": 40,
    "times": 40,
    "channels": 48,
    "interval": 30.0,
    "sources": 12,
    "outlier": 0.3,
}
MARK = "<!-- figures: python benchmarks/bench_visibilities.py --draw -->"
RESULTS = Path(__file__).parent / "results"
DOCS = Path(__file__).parents[1] / "docs"
SHOWN = (
    "lofar_demix",
    "vla_tdem0003_1spw",
    "hera_2457698_xx",
    "atca_20150227",
    "meerkat (simulated)",
    "ska-low (simulated)",
)


def sets(names: tuple[str, ...]) -> Iterator[VisSet]:
    """Sets whose names contain one of `names`, or all: of the corpus, then simulated."""
    for path in corpus_sets():
        if not names or any(name in path.stem for name in names):
            yield read_set(path, "corpus")
    for name in SIMULATED:
        if not names or any(part in f"{name} (simulated)" for part in names):
            yield simulated_set(name)


def pictures() -> None:
    """Before and after, of the best codec of ours that there is, near D = 1 %."""
    data = simulated_set("meerkat", **PICTURED)
    coded = visibility_peers(("astrocodec", "order-0"))
    for peer in coded:
        try:
            decoded = peer.run(data, 0.01).vis
        except Exception as error:  # tell, and take the next
            print(f"{peer.name}: {error}")
            continue
        title = f"{data.name}, {peer.name}, D = 1 %"
        baseline = int(np.sqrt((data.uvw**2).sum(axis=-1)).mean(axis=0).argmin())
        (DOCS / "visibilities_waterfall.png").write_bytes(waterfall_figure(data, decoded, title, baseline))
        (DOCS / "visibilities_image.png").write_bytes(image_figure(data, decoded, title))
        return


def print_white(names: tuple[str, ...]) -> None:
    """Our bits per real beside those of white noise alone."""
    lines = []
    for data in sets(names):
        if not data.known.any():
            continue
        line = {"set": data.name}
        for added in TARGETS:
            bits, floor = bits_and_floor(data, added)
            line[f"D = {added:.1%}"] = f"{bits:.3f}, {floor:.3f}, {100 * (bits / floor - 1):.1f} %"
        lines.append(line)
    print(markdown(lines))


@click.command()
@click.argument("names", nargs=-1)
@click.option("--codec", "codecs", multiple=True, help="Codec to run, part of its name; may be repeated.")
@click.option("--output", type=click.Path(path_type=Path), default=RESULTS / "visibilities.csv", help="CSV to write.")
@click.option("--add", is_flag=True, help="Keep the rows of other codecs and sets that the CSV already holds.")
@click.option("--draw", is_flag=True, help="Draw the pictures of docs/visibilities.md.")
@click.option("--white", is_flag=True, help="Only print ours beside white noise alone.")
def main(names: tuple[str, ...], codecs: tuple[str, ...], output: Path, add: bool, draw: bool, white: bool) -> None:
    """Measure the sets whose names contain NAMES (default: all)."""
    warnings.simplefilter("ignore")
    if white:
        print_white(names)
        return
    held = rows_from_csv(output) if add and output.exists() else []
    peers = visibility_peers(codecs)
    rows: list[Row] = []
    for data in sets(names):
        rows += measure_set(data, peers)
        print(f"{data.name} {data.vis.shape}: {len(rows)} rows", flush=True)
        write_csv(output, [row.flat() for row in joined(held, rows)])  # a long run keeps what it has
    rows = joined(held, rows)
    tell(output, summary(rows), keep_earlier=add)
    if draw:
        pictures()
        page(rows)
        (DOCS / "visibilities_rates.png").write_bytes(rates_figure(rows, SHOWN))


def page(rows: list[Row]) -> None:
    """Put the chief figures between the marks in docs/visibilities.md."""
    names = {OURS: "ours", DITHERED: DITHERED, BASE: BASE, "Dysco RF": "Dysco RF", "SZ3": "SZ3", "ZFP": "ZFP"}
    lines, shares = [], []
    for kind in ("corpus", "simulated"):
        of_kind = [row for row in rows if row.kind == kind]
        shapes = {row.set: row.shape for row in of_kind if row.added and (row.snr or 0) < NOISELESS}
        bits = {codec: standing(of_kind, codec, 0.01, nominal=codec.startswith("Dysco")) for codec in names}
        for name, shape in shapes.items():
            values = {names[codec]: f"{found[name]:.2f}" for codec, found in bits.items() if found[name] is not None}
            lines.append({"set": name, "time x baseline x freq x pol": shape} | values)
        for base in list(names)[1:]:
            found = [saving(of_kind, OURS, base, added) for added in TARGETS]
            title = f"{names[base]}, {found[0][1]} {'real' if kind == 'corpus' else 'simulated'} sets"
            percent = [f"{100 * (share or 0):.0f} %" for share, _ in found]
            heads = [f"D = {added:.1%}" for added in TARGETS]
            shares.append({"smaller than": title} | dict(zip(heads, percent, strict=True)))
    errors = error_lines([row for row in rows if row.kind == "corpus"], 0.01)
    exact = [line for kind in ("corpus", "simulated") for line in lossless_lines([r for r in rows if r.kind == kind])]
    tables = (
        "Bits per real at D = 1 %:",
        markdown(lines),
        "Ours at equal D, geometric means:",
        markdown(shares),
        "Errors at the level nearest to D = 1 %, median over real sets:",
        markdown(errors),
        "Lossless, bits per real; model columns have no noise:",
        markdown(exact),
    )
    figures = "\n\n".join(tables)
    path = DOCS / "visibilities.md"
    before, _, rest = path.read_text(encoding="utf-8").partition(MARK)
    after = rest.partition(MARK)[2]
    path.write_text(f"{before}{MARK}\n\n{figures}\n\n{MARK}{after}", encoding="utf-8")


def joined(held: list[Row], new: list[Row]) -> list[Row]:
    """Rows held, without those measured again, and the new ones; set by set."""
    again = {(row.set, row.codec) for row in new}
    rows = [row for row in held if (row.set, row.codec) not in again] + new
    known = {peer.name: number for number, peer in enumerate(visibility_peers())}
    return sorted(rows, key=lambda row: (row.kind, row.set, known.get(row.codec, len(known))))


def summary(rows: list[Row]) -> str:
    """Tables of real sets, then of simulated ones."""
    parts = []
    for kind, title in (("corpus", "Real sets"), ("simulated", "Simulated sets")):
        of_kind = [row for row in rows if row.kind == kind]
        if of_kind:
            parts.append(f"# {title}\n\n{text(of_kind)}")
    return "\n".join(parts)


if __name__ == "__main__":
    main()
