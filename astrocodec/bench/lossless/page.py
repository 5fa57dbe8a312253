"""The tables and figures as a page: one HTML file that needs no network."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from astrocodec.analysis.report.charts import chart
from astrocodec.analysis.report.looks import STYLE
from astrocodec.bench.lossless.charts import drawings
from astrocodec.bench.lossless.paper import SOURCE
from astrocodec.bench.lossless.rows import Row
from astrocodec.bench.lossless.tables import tables

__all__ = ["lossless_page"]


def lossless_page(rows: Sequence[Row], left_out: Sequence[tuple[str, str]] = (), runs: Sequence[str] = ()) -> str:
    """The page; `left_out` are names and reasons, `runs` commands and where they ran."""
    sections = []
    for table in tables(rows):
        own = f"<h3>{html.escape(table.paper_title)}</h3>{_table(table.paper)}" if table.paper else ""
        sections.append(
            f'<section><h2>{html.escape(table.title)}</h2><p class="facts">{html.escape(table.said)}</p>'
            f"{_table(table.lines)}{own}</section>"
        )
    charts = "".join(chart(title, draw, key=title) for title, draw in drawings(rows))
    items = "".join(f"<li><b>{html.escape(name)}</b>: {html.escape(why)}</li>" for name, why in left_out)
    told = "".join(f"<p>{html.escape(run)}</p>" for run in runs)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Lossless codecs side by side</title><style>{STYLE}</style></head><body><main>"
        f"<header><h1>Lossless codecs side by side</h1><p>The protocol of AstroCompress ({SOURCE}). Every stream was "
        f"decoded and compared.</p>{told}</header>"
        f'<div class="charts">{charts}</div>{"".join(sections)}'
        + (f'<section><h2>Left out</h2><ul class="notes">{items}</ul></section>' if items else "")
        + "</main></body></html>\n"
    )


def _table(lines: Sequence[Mapping[str, Any]]) -> str:
    heads = "".join(f'<th scope="col" class="n">{html.escape(name)}</th>' for name in list(lines[0])[1:])
    first = html.escape(next(iter(lines[0])))
    body = "".join(_line(list(line.values())) for line in lines)
    head = f'<thead><tr><th scope="col">{first}</th>{heads}</tr></thead>'
    return f'<div class="scroll" tabindex="0"><table class="all">{head}<tbody>{body}</tbody></table></div>'


def _line(values: Sequence[Any]) -> str:
    cells = "".join(f'<td class="n">{_cell(value)}</td>' for value in values[1:])
    return f'<tr><th scope="row">{html.escape(str(values[0]))}</th>{cells}</tr>'


def _cell(value: Any) -> str:
    if value is None:
        return '<span class="absent">n/a</span>'
    return f"{value:.3f}" if isinstance(value, float) else html.escape(str(value))
