"""Tables of measurements: CSV with the circumstances beside it, Markdown, geometric means."""

import csv
import importlib.metadata
import io
import json
import math
import os
import platform
import shlex
import subprocess
import sys
import typing
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
_PACKAGES = ("numpy", "astropy", "imagecodecs", "zstandard", "fitsio", "matplotlib")


def csv_text(rows: Sequence[Row]) -> str:
    """Rows, at least one, under a header line of the first one's keys."""
    lines = io.StringIO()
    writer = csv.DictWriter(lines, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return lines.getvalue()


def write_csv(path: str | os.PathLike[str], rows: Sequence[Row]) -> None:
    """Write `csv_text`; the file appears whole or not at all."""
    target = Path(path)
    partial = target.with_name(target.name + ".part")
    partial.write_text(csv_text(rows), encoding="utf-8", newline="")
    partial.replace(target)


def read_csv(path: str | os.PathLike[str]) -> list[dict[str, str]]:
    """Read what `write_csv` wrote, values as text."""
    with open(path, newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def value_of(text: str, kind: Any) -> Any:
    """A value of a column of some type: text, or a number, or nothing."""
    if kind is str:
        return text
    if not text:
        return None
    return int(text) if int in (kind, *typing.get_args(kind)) else float(text)


def provenance() -> dict[str, Any]:
    """Describe the circumstances of a measurement; ``-dirty`` marks a commit from which tracked files differ."""
    return {
        "command": shlex.join(["python", os.path.relpath(sys.argv[0]), *sys.argv[1:]]),
        "commit": _commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
    }


def write_provenance(path: str | os.PathLike[str], keep_earlier: bool = False) -> Path:
    """Write `provenance` beside a table, as ``NAME.json`` for ``NAME.csv``: a list of runs.

    With `keep_earlier` the runs that the file lists already stay: the table holds their rows too.
    """
    target = Path(path).with_suffix(".json")
    earlier = json.loads(target.read_text(encoding="utf-8")) if keep_earlier and target.exists() else []
    target.write_text(json.dumps([*earlier, provenance()], indent=2) + "\n", encoding="utf-8")
    return target


def tell(path: str | os.PathLike[str], text: str, keep_earlier: bool = False) -> None:
    """Write `provenance`, and what people read of a table, as ``NAME.md``, beside ``NAME.csv``; print the latter."""
    write_provenance(path, keep_earlier)
    Path(path).with_suffix(".md").write_text(text + "\n", encoding="utf-8")
    print(text)


def geometric_mean(values: Iterable[float]) -> float:
    """Geometric mean of positive numbers; NaN for none."""
    logarithms = [math.log(value) for value in values]
    return math.exp(math.fsum(logarithms) / len(logarithms)) if logarithms else math.nan


def markdown(rows: Sequence[Row], columns: Mapping[str, str] | None = None) -> str:
    """Format rows as a Markdown table; `columns` are keys to take and their headings, by default all of the first row.

    Numbers are aligned to the right; floats as they are in the rows when they are text, else with three decimals.
    """
    headings = columns or {key: key for key in rows[0]}
    numeric = [all(isinstance(row[key], int | float | None) for row in rows) for key in headings]
    lines = [
        "| " + " | ".join(headings.values()) + " |",
        "|" + "|".join("---:" if right else "---" for right in numeric) + "|",
    ]
    lines += ["| " + " | ".join(_cell(row[key]) for key in headings) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    """Format one cell."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "n/a"
    return f"{value:.3f}" if isinstance(value, float) else str(value).replace("|", "\\|")


def _commit() -> str:
    """Name the checked-out commit, or say that there is none."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "not a git checkout"


def processor() -> str:
    """Name the processor as the system does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(package: str) -> str | None:
    """Version of an installed package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
