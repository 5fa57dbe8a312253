"""One image on the page: numbers, maps, charts."""

from __future__ import annotations

import functools
import html
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from astrocodec.analysis.frame import FrameAnalysis
from astrocodec.analysis.images.image_entry import ImageEntry
from astrocodec.analysis.report.charts import chart, draw_bits_by_snr, draw_code_widths, draw_snr_and_bits
from astrocodec.analysis.report.image_report import ImageReport
from astrocodec.analysis.report.maps import displayed, map_figure, scored
from astrocodec.analysis.report.numbers import NOTHING, count, fixed, percent, short_number
from astrocodec.analysis.report.reasons import reason
from astrocodec.files.printable import human_bytes, one_line

__all__ = ["image_section", "section_link"]


def image_section(entry: ImageEntry, report: ImageReport, analysis: FrameAnalysis, number: int = 1) -> str:
    """Lay out one image as an HTML section without references to other files; `section_link` leads to its `number`."""
    exposure = "" if report.exposure is None else f" · {short_number(report.exposure)} s"
    facts = f"{' x '.join(map(str, report.shape))} · {report.dtype} · in the file: {report.compression}{exposure}"
    parts = [
        f'<section class="image" id="{section_link(number)[1:]}"><h2>{html.escape(one_line(report.title))}</h2>'
        f'<p class="facts">{html.escape(facts)}</p>',
        _tiles(report),
        _shares(report, analysis),
        '<div class="maps">',
        *_maps(entry, report, analysis),
        '</div><div class="charts">',
        *_charts(analysis, section_link(number)),
        "</div>",
        '<div class="columns">',
        _peers(report),
        _details(report, analysis),
        "</div>",
        _notes(report),
        "</section>",
    ]
    return "\n".join(filter(None, parts))


def section_link(number: int) -> str:
    """
    Return where an image is on its page.

    Examples
    --------
    >>> section_link(1)
    '#image-1'
    """
    return f"#image-{number}"


def _tiles(one: ImageReport) -> str:
    """The numbers to see first; what is not known says why."""

    def told(field: str, text: str) -> str:
        return reason(one, field) if getattr(one, field) is None else text

    floor = f"noise floor {fixed(one.floor_bits)}" if one.floor_bits is not None else reason(one, "floor_bits")
    step = NOTHING if one.step is None else fixed(one.step, 0 if one.step >= 1 else 2, one.unit)
    sources = "source" if one.sources == 1 else "sources"
    tiles = (
        ("coded losslessly", human_bytes(one.coded_bytes), f"of {human_bytes(one.raw_bytes)}, ratio {one.ratio:.2f}"),
        ("bits per pixel", f"{one.bits_per_pixel:.2f}", floor),
        ("efficiency", percent(one.efficiency), told("efficiency", "noise floor over bits per pixel")),
        ("bits on sources", percent(one.share_sources), told("share_sources", f"{count(one.sources)} {sources} found")),
        ("step for 1 % more noise", step, told("step", told("saving", f"saves {percent(one.saving)}"))),
    )
    cells = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd><b>{html.escape(value)}</b><span>{html.escape(more)}</span></dd></div>"
        for name, value, more in tiles
    )
    return f'<dl class="tiles">{cells}</dl>'


def _shares(one: ImageReport, analysis: FrameAnalysis) -> str:
    """Two bars: what the bits are, and where they lie."""
    bars = []
    if one.share_noise is not None:
        noise = min(max(one.share_noise, 0.0), 1.0)
        bars.append(_bar("What the bits are", (("noise", noise, "sky"), ("everything else", 1 - noise, "rest"))))
    else:
        bars.append(_absent("What the bits are", reason(one, "share_noise")))
    if one.share_sources is not None and analysis.bits is not None:
        header = analysis.bits.header_bits / max(analysis.bits.total_bits, 1)
        sky = max(1 - one.share_sources - header, 0.0)
        parts = (("background", sky, "sky"), ("sources", one.share_sources, "src"), ("headers", header, "rest"))
        bars.append(_bar("Where they lie", parts))
    else:
        bars.append(_absent("Where they lie", reason(one, "share_sources")))
    return f'<div class="shares">{"".join(bars)}</div>'


def _absent(title: str, why: str) -> str:
    return f'<div><h3>{title}</h3><p class="absent">{html.escape(why)}</p></div>'


def _bar(title: str, parts: tuple[tuple[str, float, str], ...]) -> str:
    pieces = "".join(f'<span class="{kind}" style="width:{100 * share:.2f}%"></span>' for _, share, kind in parts)
    words = "".join(f'<li><i class="{kind}"></i>{name} {percent(share)}</li>' for name, share, kind in parts)
    return f'<div><h3>{title}</h3><div class="bar" aria-hidden="true">{pieces}</div><ul class="key">{words}</ul></div>'


def _maps(entry: ImageEntry, report: ImageReport, analysis: FrameAnalysis) -> Iterator[str]:
    """The image, its signal-to-noise ratio and its bits, as in Figure 3 of the AstroCompress benchmark."""
    pixels = entry.pixels.astype(np.float64)
    if entry.mask is not None:
        pixels[entry.mask] = np.nan
    pixels[~np.isfinite(pixels)] = np.nan
    layout = analysis.amplifiers or entry.layout
    lit = () if layout is None else layout.data
    if np.isfinite(pixels).any():
        yield map_figure(
            displayed(pixels, lit),
            "Image",
            f"{report.unit}, zscale",
            f"Grey-scale picture of {one_line(entry.title)}, first row at the bottom.",
        )
    if analysis.snr is not None and np.isfinite(analysis.snr).any():
        number = 0 if analysis.segmentation is None else analysis.segmentation.count
        alt = f"Map of the signal-to-noise ratio: {number} sources stand out against an even background."
        yield map_figure(scored(_finite(analysis.snr), "viridis", lit), "Signal-to-noise ratio", "per pixel", alt)
    if analysis.bits is not None and np.isfinite(analysis.bits.bits).any():
        bits = _finite(analysis.bits.bits)
        alt = f"Map of the code length of each pixel, {np.nanmin(bits):.1f} to {np.nanmax(bits):.1f} bits."
        yield map_figure(scored(bits, "inferno", lit), "Bit rate", "bits of each pixel", alt)


def _finite(values: Any) -> Any:
    return np.where(np.isfinite(values), values, np.nan)


def _charts(analysis: FrameAnalysis, key: str) -> Iterator[str]:
    yield from _bit_charts(analysis, key)
    codes = None if analysis.quantisation is None else analysis.quantisation.code_widths
    if codes is not None:
        for modulo in (16, 64):
            draw = functools.partial(draw_code_widths, found=codes, modulo=modulo)
            yield chart(f"Code widths modulo {modulo}", draw, key=key)


def _bit_charts(analysis: FrameAnalysis, key: str) -> Iterator[str]:
    """Histogram and scatter of Figure 4."""
    if analysis.bits is None or analysis.snr is None or analysis.bits.bits.shape != analysis.snr.shape:
        return
    snr, bits, floor = analysis.snr, analysis.bits.bits, analysis.floor_bits
    if not (np.isfinite(snr) & np.isfinite(bits)).any():
        return
    mask = np.zeros(snr.shape, np.bool_) if analysis.segmentation is None else analysis.segmentation.mask
    yield chart("Bits by signal-to-noise ratio", lambda axes: draw_bits_by_snr(axes, snr, bits, mask), key=key)
    yield chart(
        "Signal-to-noise ratio and bits", lambda axes: draw_snr_and_bits(axes, snr, bits, mask, floor), dpi=150, key=key
    )


def _peers(one: ImageReport) -> str:
    """Bars of sizes, ours first."""
    measured = [bits for peer in one.peers if (bits := peer.bits_per_pixel) is not None]
    if not measured:
        return ""
    rows = []
    for peer in one.peers:
        bits = peer.bits_per_pixel
        kind = "ours" if peer is one.peers[0] else "peer"
        if bits is None:
            cells = f'<td colspan="3" class="absent">{html.escape(peer.note)}</td>'
        else:
            difference = "" if kind == "ours" else f"{round(100 * (bits / measured[0] - 1), 1) + 0.0:+.1f} %"
            cells = (
                f'<td class="length"><span class="{kind}" style="width:{100 * bits / max(measured):.1f}%"></span></td>'
                f'<td class="n">{bits:.2f}</td><td class="n">{difference}</td>'
            )
        rows.append(f'<tr><th scope="row">{html.escape(peer.codec)}</th>{cells}</tr>')
    part = "" if one.peers[0].pixels == one.shape[0] * one.shape[1] else " on the middle of the image"
    return (
        f'<div><h3>Lossless codecs{part}</h3><div class="scroll"><table class="peers"><thead><tr>'
        '<th scope="col">codec</th><td></td>'
        '<th scope="col" class="n">bits/pixel</th><th scope="col" class="n">against ours</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></div>"
    )


def _details(one: ImageReport, analysis: FrameAnalysis) -> str:
    """What is known of the detector."""
    noise = reason(one, "noise") if one.noise is None else fixed(one.noise, 2, one.unit)
    facts = [("Noise of the background", noise)]
    transfer, codes, layout = analysis.transfer, analysis.quantisation, analysis.amplifiers
    if transfer is not None and transfer.gain is not None and (transfer.gain_error or 0) >= transfer.gain:
        facts.append(("Gain", "not known: its error would be larger than itself"))
        transfer = replace(transfer, gain=None, gain_error=None)
    if transfer is not None and transfer.gain is not None:
        sure = "" if transfer.is_reliable else ", uncertain"
        error = "" if transfer.gain_error is None else f" ± {transfer.gain_error:.2g}"
        facts.append(("Gain", f"{transfer.gain:.3g}{error} electrons per {one.unit} ({transfer.method}{sure})"))
    if transfer is not None and transfer.read_noise_adu is not None:
        electrons = "" if transfer.read_noise is None else f" = {transfer.read_noise:.3g} electrons"
        facts.append(("Read noise", f"{transfer.read_noise_adu:.3g} {one.unit}{electrons}"))
    if codes is not None:
        if not codes.is_integer and 0 < codes.used_codes <= min(65536, one.shape[-1] * one.shape[-2] // 2):
            facts.append(("Values", f"{one.dtype}, but {count(codes.used_codes)} values"))
        elif not codes.is_integer:
            facts.append(("Values", "continuous"))
        else:
            facts.append(
                ("Values", f"{count(codes.used_codes)} codes, steps of {codes.step:g}, {codes.effective_bits:.1f} bits")
            )
            if codes.missing_share:
                facts.append(("Missing codes", percent(codes.missing_share)))
        facts.append(("Code widths", one.code_widths))
    if layout is not None:
        facts.append(("Amplifiers", f"{len(layout.data)}; overscan: {_regions(len(layout.overscan))}"))
    rows = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(value)}</td></tr>' for name, value in facts
    )
    return f'<div><h3>Detector</h3><table class="detector"><tbody>{rows}</tbody></table></div>'


def _regions(number: int) -> str:
    return "none seen" if not number else "1 region" if number == 1 else f"{number} regions"


def _notes(one: ImageReport) -> str:
    notes = list(dict.fromkeys(one.notes))
    if not notes:
        return ""
    return '<ul class="notes">' + "".join(f"<li>{html.escape(one_line(note))}</li>" for note in notes) + "</ul>"
