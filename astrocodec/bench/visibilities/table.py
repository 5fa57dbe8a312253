"""Measurements as tables: bits at equal D by set, savings, what errors do, lossless sizes, flags."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from astrocodec.bench.tables import markdown
from astrocodec.bench.visibilities.curves import TARGETS, by_codec, curve, saving, standing
from astrocodec.bench.visibilities.measure import Row
from astrocodec.bench.visibilities.peer import DITHERED, OURS

__all__ = ["text"]

LOSSY = (OURS, DITHERED, "Dysco AF", "Dysco RF", "Dysco Row", "SZ3", "ZFP", "ELIC", "QH-VAE")


def bits_lines(rows: Sequence[Row], added: float) -> list[dict[str, Any]]:
    """A line for each set: bits per real of every codec at one D."""
    columns: dict[str, dict[str, float | None]] = {}
    there = {row.codec for row in rows}
    for codec in LOSSY:
        if codec not in there:
            continue
        columns[codec] = standing(rows, codec, added)
        if codec.startswith("Dysco"):
            columns[f"{codec} by name"] = standing(rows, codec, added, nominal=True)
    return [{"set": name} | {codec: found.get(name) for codec, found in columns.items()} for name in by_codec(rows)]


def saving_lines(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """How much smaller the best of ours, or order-0 coding, is than others at each D."""
    there = {row.codec for row in rows}
    lines = []
    for codec in (OURS, DITHERED):
        for base in LOSSY:
            if codec == base or codec not in there or base not in there or (codec, base) == (DITHERED, OURS):
                continue
            line: dict[str, Any] = {"codec": codec, "smaller than": base}
            for added in TARGETS:
                share, count = saving(rows, codec, base, added)
                line[f"D {added:.1%}"] = None if share is None else f"{100 * share:.1f} %"
                line["sets"] = count
            if line["sets"]:
                lines.append(line)
    return lines


def error_lines(rows: Sequence[Row], added: float) -> list[dict[str, Any]]:
    """What each codec does at the level nearest to a D, in the median over sets."""
    lines = []
    for codec in LOSSY:
        near = []
        for codecs in by_codec(rows).values():
            levels = [row for row in codecs.get(codec, []) if row.added]
            if levels:
                best = min(levels, key=lambda row: abs(math.log((row.added or 1) / added)))
                if abs(math.log((best.added or 1) / added)) < math.log(8):
                    near.append(best)
        if near:
            line: dict[str, Any] = {"codec": codec, "sets": len(near)}
            for name, heading, scale in (
                ("added", "D %", 100), ("added_worst", "worst baseline %", 100), ("image", "image rms + %", 100),
                ("image_noise", "error / noise in images", 1), ("delay_peak", "worst delay / noise", 1),
                ("power", "averaged power / noise", 1), ("coherence", "means over white", 1),
                ("magnitude", "magnitude bias, sigma", 1), ("phase", "phase bias, mrad", 1000),
            ):  # fmt: skip
                values = sorted(value for row in near if (value := getattr(row, name)) is not None)
                line[heading] = f"{scale * values[len(values) // 2]:.3g}" if values else None
            lines.append(line)
    return lines


def lossless_lines(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Bits per real of lossless codecs by set, in order of the first set's."""
    names = list(dict.fromkeys(row.codec for row in rows if row.level == "" and row.bits is not None))
    lines = []
    for name, codecs in by_codec(rows).items():
        line: dict[str, Any] = {"set": name}
        for codec in names:
            line[codec] = next((row.bits for row in codecs.get(codec, []) if row.level == ""), None)
        lines.append(line)
    return lines


def speed_lines(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Median speeds over sets and levels, MB of complex64 a second of processor time."""
    lines = []
    for codec in dict.fromkeys(row.codec for row in rows):
        found = [row for row in rows if row.codec == codec and row.encode and row.decode]
        if found:
            middle = len(found) // 2
            lines.append({
                "codec": codec,
                "encode": f"{sorted(row.encode or 0 for row in found)[middle]:.0f}",
                "decode": f"{sorted(row.decode or 0 for row in found)[middle]:.0f}",
            })  # fmt: skip
    return lines


def text(rows: Sequence[Row]) -> str:
    """Everything, as Markdown."""
    parts = []
    if lines := saving_lines(rows):
        title = "How much smaller at equal D, geometric mean over sets (Dysco by name, at its trimmed D):"
        parts += [title, "", markdown(lines), ""]
    for added in TARGETS:
        if any(curve(codecs.get(codec, [])) for codecs in by_codec(rows).values() for codec in LOSSY):
            parts += [f"Bits per real at D = {added:.1%}, without flags:", "", markdown(bits_lines(rows, added)), ""]
    if lines := error_lines(rows, 0.01):
        parts += ["What errors are like near D = 1 %, median over sets:", "", markdown(lines), ""]
    if len((lines := lossless_lines(rows))[0]) > 1:
        parts += ["Lossless, bits per real:", "", markdown(lines), ""]
    if lines := speed_lines(rows):
        parts += ["MB of complex64 a second of processor time, median over sets and levels:", "", markdown(lines), ""]
    return "\n".join(parts)
