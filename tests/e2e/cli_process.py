"""The command line in a process of its own or in this one, and frames to run it on."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from astropy.io import fits
from click.testing import CliRunner

import astrocodec
from astrocodec.cli import cli

COMMAND = (sys.executable, "-m", "astrocodec")
ROOT = Path(__file__).resolve().parents[2]


def environment() -> dict[str, str]:
    """Let children find the package that is tested, installed or not."""
    paths = [str(Path(astrocodec.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def run(
    *arguments: str | Path, stdin: bytes | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], input=stdin, capture_output=True, timeout=100, cwd=cwd, env=environment()
    )


def succeed(*arguments: str | Path, stdin: bytes | None = None, cwd: Path | None = None) -> bytes:
    """Run a command that must succeed, and give its standard output."""
    result = run(*arguments, stdin=stdin, cwd=cwd)
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout


def run_here(*arguments: str | Path, stdin: bytes | None = None) -> "subprocess.CompletedProcess[bytes]":
    """Run a command in this process, which is quicker."""
    texts = [str(argument) for argument in arguments]
    result = CliRunner().invoke(cli, texts, input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return subprocess.CompletedProcess(texts, result.exit_code, result.stdout_bytes, result.stderr_bytes)


def succeed_here(*arguments: str | Path, stdin: bytes | None = None) -> bytes:
    """Run a command in this process, which must succeed, and give its standard output."""
    result = run_here(*arguments, stdin=stdin)
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout


def start(*arguments: str | Path, stdin: int | None = subprocess.DEVNULL) -> "subprocess.Popen[bytes]":
    """Start a command in a process group of its own."""
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    )


def sky(rows: int, columns: int, seed: int = 1) -> np.ndarray:
    """Make a frame of noise on a slope, uint16."""
    noise = np.random.default_rng(seed).normal(1000.0, 8.0, (rows, columns))
    return (noise + np.arange(columns) * 0.2).astype(np.uint16)


def write_frame(path: Path, rows: int = 60, columns: int = 80, seed: int = 1) -> Path:
    """Write a file with an image in the primary HDU, a table, an int32 image and a float image.

    They are too small to be tuned for, which takes a second, unless `rows` and `columns` are larger.
    """
    primary = fits.PrimaryHDU(sky(rows, columns, seed))
    primary.header["OBJECT"] = ("M 31", "what it shows")
    primary.header["HISTORY"] = "made for a test"
    table = fits.BinTableHDU.from_columns([fits.Column("flux", "E", array=np.arange(7, dtype="f4"))], name="CATALOG")
    wide = fits.ImageHDU(sky(40, 50, seed + 1).astype(np.int32) - 1000, name="WIDE")
    floats = sky(40, 50, seed + 2).astype(np.float32) * np.float32(0.1)
    floats[0, :3] = np.nan, np.inf, -0.0
    fits.HDUList([primary, table, wide, fits.ImageHDU(floats, name="FLOAT")]).writeto(path)
    return path


def assert_same_fits(left: Path | bytes, right: Path | bytes) -> None:
    """Compare two files as fitsdiff does."""
    opened = [fits.open(io.BytesIO(side) if isinstance(side, bytes) else side) for side in (left, right)]
    difference = fits.FITSDiff(*opened)
    report = difference.report()
    for hdus in opened:
        hdus.close()
    assert difference.identical, report


def leftovers(folder: Path) -> list[str]:
    """Name the unfinished outputs in a folder."""
    return sorted(path.name for path in folder.rglob("*") if path.name.endswith(".part"))
