"""The report as a table on the terminal."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

from astrocodec.analysis.report.image_report import ImageReport
from astrocodec.analysis.report.numbers import NOTHING, count, fixed, joined, percent, short_number
from astrocodec.analysis.report.reasons import Footnotes, reason
from astrocodec.files.printable import human_bytes, one_line

__all__ = ["COLUMNS", "terminal_table"]

Text = Callable[[ImageReport], str]

# Heading, the field that it shows, what it means, and the text of an image.
COLUMNS: tuple[tuple[str, str, str, Text], ...] = (
    ("in file", "file_bytes", "what the file spends on the pixels", lambda one: human_bytes(one.file_bytes)),
    ("coded", "coded_bytes", "our lossless stream", lambda one: human_bytes(one.coded_bytes)),
    ("ratio", "ratio", "pixels as they are in memory over our stream", lambda one: f"{one.ratio:.2f}"),
    ("bits/pixel", "bits_per_pixel", "of our stream", lambda one: f"{one.bits_per_pixel:.2f}"),
    ("floor", "floor_bits", "bits per pixel that noise alone takes", lambda one: fixed(one.floor_bits)),
    ("efficiency", "efficiency", "noise floor over bits per pixel", lambda one: percent(one.efficiency)),
    ("noise", "share_noise", "share of the bits that is noise", lambda one: percent(one.share_noise)),
    ("sources", "share_sources", "share of the bits on pixels of sources", lambda one: percent(one.share_sources)),
    ("step", "step", "rounding to it adds 1 % noise", lambda one: fixed(one.step, 0 if (one.step or 0) >= 1 else 2)),
    ("saves", "saving", "share of the bits that this would save", lambda one: percent(one.saving)),
)
_SHAPE = "shape"
_WIDE = 400  # where there is no terminal
_NAME = 24  # what a narrow terminal leaves for the name
_GAP = 3
# On narrow terminals.
_DROPPED_FIRST = ("noise", "shape", "in file", "sources", "step", "ratio", "saves", "coded", "floor")


def terminal_table(reports: Sequence[ImageReport], *, width: int | None = None, colour: bool = False) -> str:
    """Lay out images: a line for each, or all that is known line by line where there is only one.

    Without the `width` of a terminal nothing is cut or broken.

    Examples
    --------
    >>> one = ImageReport("a", "", (2, 3), "uint16", "none", None, 12, 12, 9, 12 / 9, 12.0)
    >>> "ratio" in terminal_table([one]), "-a: not known" in terminal_table([one, one])
    (True, True)
    """
    from rich.console import Console

    target = io.StringIO()
    console = Console(
        file=target,
        width=width or _WIDE,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        legacy_windows=False,
    )
    if len(reports) == 1:
        console.print(_card(reports[0]))
    else:
        notes = Footnotes()
        console.print(_table(reports, width or _WIDE, notes))
        for mark, text in notes:
            console.print(f"-{mark}: {text}", markup=False, style="dim")
    return "\n".join(line.rstrip() for line in target.getvalue().splitlines())


def _table(reports: Sequence[ImageReport], width: int, notes: Footnotes) -> Any:
    """Columns as many as fit, the least important ones left out; the name may break, a number never does."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    titles = [one_line(one.title) for one in reports]
    cells = {_SHAPE: ["x".join(map(str, one.shape)) for one in reports]}
    trial = Footnotes()  # which columns have room shows only when all are written
    for heading, field, _, text in COLUMNS:
        cells[heading] = [_cell(one, field, text, trial) for one in reports]
    widths = {heading: max(map(len, (heading, *column))) + _GAP for heading, column in cells.items()}
    name = max(map(len, titles))
    for heading in _DROPPED_FIRST:
        if min(name, _NAME) + sum(widths.values()) <= width:
            break
        del widths[heading]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("image", overflow="fold", min_width=min(name, _NAME))
    for heading in widths:
        table.add_column(heading, justify="left" if heading == _SHAPE else "right", no_wrap=True)
    columns = {heading: (field, text) for heading, field, _, text in COLUMNS if heading in widths}
    for number, (title, one) in enumerate(zip(titles, reports, strict=True)):
        row = {heading: _cell(one, *column, notes) for heading, column in columns.items()}
        row[_SHAPE] = cells[_SHAPE][number]
        table.add_row(escape(title), *(row[heading] for heading in widths))
    return table


def _cell(one: ImageReport, field: str, text: Text, notes: Footnotes) -> str:
    """The text, or the letter of the reason why there is none."""
    return f"{NOTHING}{notes.mark(reason(one, field))}" if getattr(one, field) is None else text(one)


def _card(one: ImageReport) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False, title=escape(one_line(one.title)), title_justify="left")
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column(style="dim", overflow="fold")
    exposure = "" if one.exposure is None else f", {short_number(one.exposure)} s"
    table.add_row("image", "x".join(map(str, one.shape)), f"{one.dtype}, in the file: {one.compression}{exposure}")
    for heading, field, meaning, text in COLUMNS:
        unit = one.unit if field == "step" and one.step is not None else ""
        said = escape(reason(one, field)) if getattr(one, field) is None else meaning
        table.add_row(heading, escape(joined(text(one), unit)), said)
    noise = "standard deviation of its noise" if one.noise is not None else reason(one, "noise")
    table.add_row("background", escape(fixed(one.noise, 2, one.unit)), escape(noise))
    found = reason(one, "sources") if one.sources is None else "source" if one.sources == 1 else "sources"
    table.add_row("code widths", "", escape(one.code_widths))
    table.add_row("found", count(one.sources), escape(found))
    part = "" if not one.peers or one.peers[0].pixels == one.shape[0] * one.shape[1] else ", on the middle of the image"
    for peer in one.peers[1:]:
        bits, ours = peer.bits_per_pixel, one.peers[0].bits_per_pixel
        if bits is None or not ours:
            table.add_row(escape(peer.codec), "-", escape(peer.note))
            continue
        said = "; ".join(filter(None, [f"bits/pixel, {100 * (bits / ours - 1):+.1f} % against ours{part}", peer.note]))
        table.add_row(escape(peer.codec), f"{bits:.2f}", escape(said))
    for note in one.notes:
        table.add_row("note", "", escape(one_line(note)))
    return table
