"""Parsers of option values, for click's ``type=``, and options that several commands have."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

NO_STREAM = "'-' (stdin) cannot be read here; give a name ('./-' for a file called '-')."


def named_file(value: str) -> Path:
    """Take a path that is read more than once: no standard input, pipe or device."""
    if value == "-":
        raise click.BadParameter(NO_STREAM)
    if problem := problem_of(Path(value)):
        raise click.BadParameter(problem)
    return Path(value)


def problem_of(path: Path) -> str:
    """Say why a path that was named cannot be read as a file.

    Empty for files, for directories, and for what is not there, which opening it tells.
    """
    if not os.path.exists(path) or os.path.isfile(path) or os.path.isdir(path):
        return ""
    return (
        f"{path} is a pipe or device, which cannot be read twice; copy it to a file, or give '-' where stdin is taken."
    )


def tile_shape(value: str) -> tuple[int, ...]:
    """Parse tile sizes as fpack takes them, ``NX,NY``, into NumPy's order, ``(NY, NX)``.

    Further axes may follow as 1; a single size is a piece of a row.
    """
    try:
        sizes = tuple(int(part) for part in value.split(","))
    except ValueError:
        sizes = ()
    if not sizes or min(sizes) < 1 or any(size != 1 for size in sizes[2:]):
        raise click.BadParameter(f"{value!r} is no tile; give columns and rows of a tile, such as 512,512")
    columns, rows = (*sizes, 1)[:2]
    return rows, columns


def chunk_shape(value: str) -> tuple[int, ...]:
    """Parse the shape of chunks in the order of HDF5's axes: positive sizes with commas between, slowest first."""
    parts = value.split(",")
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise click.BadParameter(f"{value!r} is no chunk; give its sizes, slowest axis first, such as 256,256")
    return tuple(map(int, parts))


def shard(value: str) -> tuple[int, int]:
    """Parse a part of the work, ``I/N`` with I from 1 to N."""
    left, _, right = value.partition("/")
    if not (left.isdecimal() and right.isdecimal() and 1 <= int(left) <= int(right)):
        raise click.BadParameter(f"{value!r} is no shard; give I/N with I from 1 to N, such as 3/8")
    return int(left), int(right)


def extension(value: str) -> int | str:
    """Parse an HDU's number, from 0, or EXTNAME: digits are a number."""
    text = value.strip()
    if not text:
        raise click.BadParameter("an extension is a number from 0 or an EXTNAME")
    return int(text) if text.isdecimal() else text


def extension_option(text: str) -> Callable[..., Any]:
    """Make the option ``-e``, which a command gets as ``extensions``; `text` is its help."""
    return click.option("-e", "--extension", "extensions", metavar="HDU", type=extension, multiple=True, help=text)


def coding_options(part: str, *, cost: str) -> Callable[..., Any]:
    """Add the options of how each `part` of a file is coded; `cost` is that of a whole model."""
    options = (
        click.option("--model", metavar="NAME|FILE", default="default", show_default=True, help="Model to code with."),
        click.option("--codec", default="causal", metavar="NAME", help="Another codec that is installed, and exact."),
        click.option("--self-contained", is_flag=True, help=f"Put the whole model into the file: {cost}."),
        click.option("--tune/--no-tune", default=True, show_default=True, help=f"Fit the model to each {part}."),
        click.option(
            "--effort", type=click.IntRange(1, 9), default=5, show_default=True, help="Time for tuning: 1 to 9."
        ),
    )
    return lambda command: functools.reduce(lambda decorated, option: option(decorated), reversed(options), command)


def extension_list(value: str) -> list[int | str]:
    """Parse HDUs as funpack takes them: numbers or names with commas between."""
    return [extension(part) for part in value.split(",")]
