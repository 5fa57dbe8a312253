"""The paper's tables, of what was measured, and its own beside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from astrocodec.bench.lossless import paper
from astrocodec.bench.lossless.contenders import CODECS, LEARNED
from astrocodec.bench.lossless.rows import ALL_DATA, SHIPPED, Row
from astrocodec.bench.tables import markdown

__all__ = ["Table", "as_markdown", "tables"]

_MEAN = "mean of sets"
_MANY = 100_000  # pixels of an image, above which medians and ends of coders count for little
_WANTED = 0.005  # how much longer than its model says a stream may be


@dataclass(frozen=True)
class Table:
    """Lines with the same keys; figures are numbers, what is missing None."""

    title: str
    said: str  # how it is counted
    lines: Sequence[Mapping[str, Any]]
    paper: Sequence[Mapping[str, Any]] = ()  # the paper's own
    paper_title: str = ""


def tables(rows: Iterable[Row]) -> list[Table]:
    """All tables that rows tell something of."""
    by_part: dict[str, list[Row]] = {}
    for row in rows:
        by_part.setdefault(row.part, []).append(row)
    makers: tuple[tuple[str, Callable[[list[Row]], list[Table]]], ...] = (
        ("ratios", lambda found: [_ratios(found)]),
        ("matrix", _matrices),
        ("times", lambda found: [_times(found)]),
        ("formats", _formats),
    )
    made = [table for part, make in makers if part in by_part for table in make(by_part[part])]
    learned = [row for part in by_part.values() for row in part if row.model_bits and row.bytes]
    return [*made, _against_models(learned)] if learned else made


def as_markdown(found: Sequence[Table]) -> str:
    """Them all, the paper's own below each."""
    parts = []
    for table in found:
        parts += [f"## {table.title}", table.said, markdown(table.lines)]
        if table.paper:
            parts += [f"{table.paper_title}:", markdown(table.paper)]
    return "\n\n".join(parts)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(fmean(known), 3) if known else None


def mean_ratio(rows: Iterable[Row]) -> float | None:
    """Arithmetic mean of the images' ratios, of the better of two formats where there are two; None where one fails."""
    found, listed = {}, list(rows)
    for symbols in {row.symbols for row in listed}:
        ratios = [row.ratio for row in listed if row.symbols == symbols]
        found[symbols] = None if None in ratios else _mean(ratios)
    return max((value for value in found.values() if value is not None), default=None)


def _ratios(rows: list[Row]) -> Table:
    """Table 1."""
    codecs = [codec for codec in CODECS if any(row.codec == codec for row in rows)]
    lines: list[dict[str, Any]] = []
    for name in dict.fromkeys(row.dataset for row in rows):
        mine = [row for row in rows if row.dataset == name]
        values = {codec: mean_ratio(row for row in mine if row.codec == codec) for codec in codecs}
        lines.append({"set": name, "images": len({row.image for row in mine}), **values})
    if len(lines) > 1:
        whole = [line for line in lines if None not in line.values()]
        means = {codec: _mean(line[codec] for line in whole) for codec in codecs}
        lines.append({"set": _MEAN, "images": sum(line["images"] for line in whole), **means})
    return Table(
        "Compression ratios (the paper's Table 1)",
        "Bytes of the pixels over those of the whole stream, of each image; the arithmetic mean of a set's images. "
        + _weights_said(rows)
        + "RICE is that of FITS tiles. The last line is the mean of the sets that every codec takes."
        + _partial(rows)
        + _causal_inside(rows),
        lines,
        [
            {"set": name, **{codec: line.get(codec) for codec in paper.RATIOS["LCO"]}}
            for name, line in paper.RATIOS.items()
        ],
        f"The paper's own ({paper.SOURCE}, Table 1; of learned codecs 16 over the bits of the likelihood)",
    )


def _weights_said(rows: Iterable[Row]) -> str:
    kinds = {SHIPPED if row.trained == SHIPPED else "own" for row in rows if row.trained}
    if not kinds:
        return ""
    if kinds == {SHIPPED}:
        return "Learned codecs have the package's own weights, one for all sets. "
    own = ", or the package's own" if SHIPPED in kinds else ""
    return f"Learned codecs have weights that learned from the set itself{own}. "


def _partial(rows: Iterable[Row]) -> str:
    """What was not measured of whole images."""
    found = {f"{row.codec} was given {row.note.partition(';')[0]}" for row in rows if row.note.startswith("the middle")}
    return "".join(f" {text}." for text in sorted(found))


def _causal_inside(rows: Iterable[Row]) -> str:
    count = sum(map(_is_causal_inside, rows))
    return f" {count} streams of learned codecs were coded by the causal codec inside." if count else ""


def _is_causal_inside(row: Row) -> bool:
    return bool(row.trained) and row.model_bits is None


def _matrices(rows: list[Row]) -> list[Table]:
    """Table 2, of each codec."""
    found = []
    for codec in dict.fromkeys(row.codec for row in rows):
        mine = [row for row in rows if row.codec == codec]
        tested = list(dict.fromkeys(row.dataset for row in mine))
        learned = sorted({row.trained for row in mine}, key=lambda name: (name == ALL_DATA, name))
        lines = [
            {
                "learned from": name,
                **{on: mean_ratio(row for row in mine if (row.trained, row.dataset) == (name, on)) for on in tested},
            }
            for name in learned
        ]
        has_paper = codec == paper.MATRIX_CODEC
        found.append(
            Table(
                f"Generalisation of {codec} (the paper's Table 2)",
                "Lines are what the weights learned from, columns what they were tested on; ratios as above."
                + _causal_inside(mine),
                lines,
                [{"learned from": name, **line} for name, line in paper.MATRIX.items()] if has_paper else (),
                f"The paper's own ({paper.SOURCE}, Table 2)",
            )
        )
    return found


def _times(rows: list[Row]) -> Table:
    """Table 3."""
    lines = []
    for codec in (codec for codec in CODECS if any(row.codec == codec for row in rows)):
        mine = [row for row in rows if row.codec == codec and row.bytes and not _is_causal_inside(row)]
        line: dict[str, Any] = {"codec": codec, "images": len(mine)}
        for name in ("encode", "decode"):
            seconds = [1e6 * (getattr(row, name) or 0) / row.pixels for row in mine]
            line[f"{name}, s/Mpixel"] = round(median(seconds), 3) if seconds else None
        line |= {
            f"{name}, s": round(sum(getattr(row, name) or 0 for row in mine), 3) if mine else None
            for name in ("encode", "decode")
        }
        for name, value in zip(paper.SECONDS_OF, paper.SECONDS.get(codec, (None, None)), strict=True):
            per_pixel = None if value is None else round(1e6 * value / paper.SECONDS_OF[name], 3)
            line[f"paper's, {name}, s/Mpixel"] = per_pixel
        lines.append(line)
    machines = ", ".join(sorted({row.machine for row in rows}))
    return Table(
        "Run times (the paper's Table 3)",
        f"Seconds of the processor ({machines}): the median over images of those for a million pixels, and the sum. Of "
        "codecs that are not learned the median of three runs; RICE with astropy's part. The paper's are of whole "
        "images over their pixels." + _partial(rows) + _causal_inside(rows) + _untimed(rows),
        lines,
        [
            {
                "codec": codec,
                **{f"{name}, s/image": value for name, value in zip(paper.SECONDS_OF, values, strict=True)},
            }
            for codec, values in paper.SECONDS.items()
        ],
        f"The paper's own ({paper.SOURCE}, Table 3: encoding, of learned codecs the likelihood only; Xeon Silver "
        "4112, one thread, and RTX 6000 Ada)",
    )


def _untimed(rows: Iterable[Row]) -> str:
    return " Their times are left out." if any(map(_is_causal_inside, rows)) else ""


def _formats(rows: list[Row]) -> list[Table]:
    """Table 5, of each codec."""
    found = []
    for codec in dict.fromkeys(row.codec for row in rows):
        mine = [row for row in rows if row.codec == codec]
        lines = [
            {
                "set": name,
                **{
                    heading: mean_ratio(row for row in mine if (row.dataset, row.symbols) == (name, symbols))
                    for symbols, heading in (("bytes", "2 channels of 8 bits"), ("words", "1 channel of 16 bits"))
                },
            }
            for name in dict.fromkeys(row.dataset for row in mine)
        ]
        named = ("2 channels of 8 bits", "1 channel of 16 bits")
        of_paper = [{"set": name, **dict(zip(named, both, strict=True))} for name, both in paper.FORMATS.items()]
        found.append(
            Table(
                f"Pixel formats of {codec} (the paper's Table 5)",
                "Ratios as above, of weights that learned from the set itself." + _causal_inside(mine),
                lines,
                of_paper if codec == "PixelCNN++" else (),
                f"The paper's own ({paper.SOURCE}, Table 5)",
            )
        )
    return found


def _against_models(rows: list[Row]) -> Table:
    """How much longer streams are than the likelihood."""
    lines = []
    for codec in (codec for codec in LEARNED if any(row.codec == codec for row in rows)):
        mine = [row for row in rows if row.codec == codec]
        over = [8 * (row.bytes or 0) / (row.model_bits or 1) - 1 for row in mine]
        lines.append(
            {
                "codec": codec,
                "streams": len(mine),
                "all together, %": _longer(mine),
                "median, %": round(100 * median(over), 3),
                "largest, %": round(100 * max(over), 3),
                f"of {_MANY / 1e6} Mpixel and more, %": _longer(row for row in mine if row.pixels >= _MANY),
                f"within {100 * _WANTED} %": sum(value <= _WANTED for value in over),
            }
        )
    return Table(
        "Streams against the likelihood",
        "How much longer whole streams are than what the model says of their symbols: headers, medians of patches and "
        "the ends of coders. The paper tells likelihoods only.",
        lines,
    )


def _longer(rows: Iterable[Row]) -> float | None:
    """Of all streams together, in percent."""
    sizes = [(8 * (row.bytes or 0), row.model_bits or 0) for row in rows]
    return round(100 * (sum(size for size, _ in sizes) / sum(bits for _, bits in sizes) - 1), 3) if sizes else None
