"""Rewrite the results in README.md from `results/peers.csv` and, where it exists, `results/lossless.csv`."""

import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from astrocodec.bench.tables import geometric_mean, markdown, read_csv

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
REFERENCES = ("JPEG-XL 7", "JPEG-XL 9")
LEAST_PIXELS = 250_000


@dataclass
class FileResult:
    """One codec's sums over the images of a file; None where it cannot code one of them."""

    group: str
    pixels: int = 0
    size: int | None = 0
    encode: float | None = 0.0
    decode: float | None = 0.0


Table = dict[str, dict[str, FileResult]]  # codec, file


def peers(rows: Iterable[dict[str, str]]) -> Table:
    """Add up the rows of `bench_peers.py`, one per image, by codec and file."""
    table: Table = defaultdict(dict)
    for row in rows:
        if row["kind"] != "raw-int":
            continue
        result = table[row["codec"]].setdefault(row["file"], FileResult(row["group"]))
        result.pixels += int(row["pixels"])
        result.size = None if result.size is None or not row["bytes"] else result.size + int(row["bytes"])
        result.encode = None if result.encode is None or not row["enc_s"] else result.encode + float(row["enc_s"])
        result.decode = None if result.decode is None or not row["dec_s"] else result.decode + float(row["dec_s"])
    return table


def whole_files(rows: Iterable[dict[str, str]]) -> Table:
    """Take the rows of `bench_lossless.py`, one per file and codec; other codecs than ours are among them."""
    table: Table = defaultdict(dict)
    for row in rows:
        if row["kind"] == "raw-int":
            pixels = int(row["pixels"])
            encode, decode = (
                pixels / 1e6 / float(row[rate]) if row[rate] else None for rate in ("enc_mpixel_s", "dec_mpixel_s")
            )
            size = int(row["bytes"]) if row["bytes"] else None
            table[row["codec"]][row["file"]] = FileResult(row["group"], pixels, size, encode, decode)
    return table


def floors(rows: Iterable[dict[str, str]]) -> dict[str, float]:
    """Noise floor in bits per pixel, by file."""
    return {row["file"]: float(row["floor_bits"]) for row in rows}


def chosen_files(table: Table) -> list[str]:
    """Files that are large enough and that all of our codecs and both references have."""
    needed = [results for codec, results in table.items() if codec in REFERENCES or codec.startswith("astrocodec")]
    return sorted(
        file
        for file, result in needed[0].items()
        if result.pixels >= LEAST_PIXELS and all(file in part and part[file].size for part in needed)
    )


def line(name: str, results: dict[str, FileResult], best: dict[str, int]) -> dict[str, object]:
    """One codec's line."""
    found = {file: results[file] for file in best if file in results and results[file].size}
    ratios = {file: (result.size or 0) / best[file] - 1 for file, result in found.items()}
    return {
        "codec": name,
        "bits/pixel": f"{geometric_mean(8 * (r.size or 0) / r.pixels for r in found.values()):.3f}",
        "size": _percent(geometric_mean(1 + ratio for ratio in ratios.values()) - 1),
        "best file": _percent(min(ratios.values())),
        "worst file": _percent(max(ratios.values())),
        "encode": _rate((result.pixels, result.encode) for result in found.values()),
        "decode": _rate((result.pixels, result.decode) for result in found.values()),
        "files": str(len(found)),
    }


def _percent(share: float) -> str:
    return f"{100 * share:+.1f} %"


def _rate(pairs: Iterable[tuple[int, float | None]]) -> str:
    rates = [pixels / seconds / 1e6 for pixels, seconds in pairs if seconds]
    mean = geometric_mean(rates)
    return f"{mean:.{0 if mean >= 10 else 1 if mean >= 1 else 2}f}" if rates else "n/a"


def _runs(table: Path) -> str:
    """Processor and date of the last run of a table."""
    last = json.loads(table.with_suffix(".json").read_text(encoding="utf-8"))[-1]
    return f"{last['processor']}, {last['date'][:10]}"


def section(results: Path = RESULTS) -> str:
    """Make the text between the markers.

    Parameters
    ----------
    results : pathlib.Path
        Folder of the tables.

    Returns
    -------
    str
        Markdown.
    """
    measured = results / "lossless.csv"
    finished = measured.with_suffix(".json").exists()  # written last
    rows = read_csv(measured) if finished else []
    table = peers(read_csv(results / "peers.csv")) | whole_files(rows)
    files = chosen_files(table)
    best = {file: min(table[name][file].size or 0 for name in REFERENCES) for file in files}
    lines = [line(name, table[name], best) for name in table]
    lines.sort(key=lambda entry: float(str(entry["bits/pixel"])))
    if rows:
        floor = floors(rows)
        known = [floor[file] for file in files if floor.get(file, 0) > 0]
        blank = dict.fromkeys(("size", "best file", "worst file", "encode", "decode"), "")
        mean = f"{geometric_mean(known):.3f}"
        lines.append({"codec": "*noise floor*", "bits/pixel": mean, **blank, "files": str(len(known))})
    shown = markdown(lines).splitlines()
    shown[1] = "|---|" + "---:|" * (len(lines[0]) - 1)
    groups = {table[REFERENCES[0]][file].group for file in files}
    text = [
        f"{len(files)} raw frames of at least 0.25 Mpixel from {len(groups)} instruments; geometric means. `size` is"
        " relative to the better of JPEG-XL 7 and 9 on each file; speeds are Mpixel/s on one core.",
        "",
        *shown,
        "",
        f"Other codecs: {_runs(results / 'peers.csv')}, arrays in memory.",
    ]
    if rows:
        text[-1] += f" astrocodec: {_runs(measured)}, whole commands from FITS file to FITS file."
    else:
        text[-1] += " Lines for astrocodec are added once `benchmarks/bench_lossless.py` has been run."
    return "\n".join(text)


def rewritten(readme: str, text: str) -> str:
    """Put a text between the markers.

    Parameters
    ----------
    readme : str
        The whole README.
    text : str
        What `section` made.

    Returns
    -------
    str
        The README with it.

    Raises
    ------
    ValueError
        The markers are not there, once each, in their order.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in before or END in after:
        raise ValueError(f"README.md must have {BEGIN} and then {END}, once each")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; end with code 1 where README.md would change.")
def main(check: bool) -> None:
    """Rewrite the results in README.md."""
    path = ROOT / "README.md"
    old = path.read_text(encoding="utf-8")
    new = rewritten(old, section())
    if check and old != new:
        sys.exit("README.md does not show the committed results: run python benchmarks/readme_table.py")
    path.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
