"""Single bytes changed in compressed FITS files of many kinds of HDU: each change ends in an error, or changes nothing.

So do those in a file of other programs' tiles, coded anew, which ``to="original"`` makes again.

One line per container, HDU and part of it: how many changes ended in an error that names the file, and how many gave
back the identical file. Any other end is printed and makes the exit code 1.
"""

import sys
import tempfile
import warnings
from collections import defaultdict
from pathlib import Path

import click

from astrocodec.bench.tables import markdown, write_csv, write_provenance

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fits_mutation import Tally, compressed_archive, compressed_sample, try_mutations

RESULTS = Path(__file__).parent / "results" / "mutation.csv"


@click.command()
@click.option(
    "--changes",
    default=10000,
    show_default=True,
    help="In all; a tenth in tiles to make again, half of the others in each container.",
)
@click.option("--seed", default=1, show_default=True)
def main(changes: int, seed: int) -> None:
    """Change bytes, and write what became of the files to benchmarks/results/mutation.csv."""
    warnings.simplefilter("ignore")
    rows, wrong = [], []
    for container in ("zimage", "table", "original"):
        with tempfile.TemporaryDirectory() as folder:
            tally = _tally(Path(folder), container, changes, seed)
        wrong += tally.wrong
        parts: dict[str, dict[str, int]] = defaultdict(lambda: {"error": 0, "identical": 0, "wrong": 0})
        for text, count in tally.ends.items():
            part, _, end = text.rpartition(": ")
            parts[part][end if end in ("error", "identical") else "wrong"] += count
        rows += [{"container": container, "part": part, **ends} for part, ends in sorted(parts.items())]
    write_csv(RESULTS, rows)
    write_provenance(RESULTS)
    print(markdown(rows), *wrong, sep="\n")
    sys.exit(bool(wrong))


def _tally(folder: Path, container: str, changes: int, seed: int) -> Tally:
    if container == "original":
        return try_mutations(compressed_archive(folder), changes // 10, seed, to="original")
    return try_mutations(compressed_sample(folder, container), (changes - changes // 10) // 2, seed)


if __name__ == "__main__":
    main()
