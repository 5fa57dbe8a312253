"""The comparison as a page: one HTML file that needs no network."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from astrocodec.analysis.compare.charts import draw_fluxes, draw_histogram, draw_spectrum
from astrocodec.analysis.compare.comparison import Comparison
from astrocodec.analysis.compare.figure import comparison_maps
from astrocodec.analysis.report.charts import chart
from astrocodec.analysis.report.looks import STYLE
from astrocodec.analysis.report.maps import map_figure
from astrocodec.analysis.report.numbers import count, fixed, percent
from astrocodec.files.printable import one_line

__all__ = ["compare_page", "comparison_rows"]

_ALTS = {
    "A": "Grey-scale picture of image A.",
    "B": "Grey-scale picture of image B.",
    "Residual B - A": "Map of the differences, blue below and red above zero.",
}


def comparison_rows(found: Comparison) -> list[tuple[str, str]]:
    """List what a comparison found, name and text, in the order of importance; what does not apply is left out."""
    rows = [("result", "equal" if found.equal else "different"), *_bound_rows(found)]
    residuals, white, alike = found.residuals, found.whiteness, found.similarity
    if residuals is not None and not found.equal:
        rows += [
            ("pixels that differ", f"{count(residuals.differing)} of {count(residuals.pixels)}"),
            ("mean, deviation", f"{residuals.mean:.4g}, {residuals.deviation:.4g} {found.unit}"),
            ("largest difference", f"{residuals.largest:.4g} {found.unit}"),
        ]
        if residuals.deviation_sigma is not None:
            sigmas = (residuals.mean_sigma, residuals.deviation_sigma, residuals.largest_sigma)
            rows.append(("in units of A's noise", ", ".join(f"{value:.4g}" for value in sigmas if value is not None)))
            rows.append(("noise added to the sky", percent(residuals.added_noise, 2)))
    if found.lost or found.gained:
        rows.append(("pixels lost, gained", f"{count(found.lost)}, {count(found.gained)}"))
    if found.beyond:
        rows.append(("infinite or huge pixels that differ", count(found.beyond)))
    if white is not None:
        rows += [
            ("correlation of neighbours", f"{white.lag_x:+.4f} along rows, {white.lag_y:+.4f} along columns"),
            ("correlation with the signal", f"{white.signal_correlation:+.4f}"),
            ("flatness of the spectrum", f"{white.flatness:.4f} (white noise: 1)"),
        ]
    if alike is not None and not found.equal:
        rows.append(("PSNR", fixed(alike.psnr, 2, "dB")))
        rows.append(("SSIM; of the faint sky", f"{fixed(alike.ssim, 6)}; {fixed(alike.ssim_faint, 4)}"))
    rows += list(_sky_rows(found)) + list(_source_rows(found))
    return rows + [("note", note) for note in found.notes]


def _bound_rows(found: Comparison) -> Iterator[tuple[str, str]]:
    check = found.bound
    if check is None:
        return
    yield "B is lossy", check.stated
    if check.holds is not None:
        of = "" if check.share is None else f"; largest error {check.share:.4f} of what is allowed there"
        off = "" if check.holds else f"; {count(check.beyond)} pixels are beyond"
        yield "its bound", f"{'holds' if check.holds else 'DOES NOT HOLD'}: {check.bound:.6g} {found.unit}{of}{off}"
    if check.stated_variance is not None:
        yield "variance added, as it says", f"{check.stated_variance:.4g} {found.unit}²"


def _sky_rows(found: Comparison) -> Iterator[tuple[str, str]]:
    sky = found.sky
    if sky is not None:
        yield "sky level", f"{sky.level:+.4g} {found.unit}, {sky.level_sigma:+.4f} of A's noise"
        yield "noise of the sky", f"{sky.noise_ratio:.4f} of A's"


def _source_rows(found: Comparison) -> Iterator[tuple[str, str]]:
    for name, fluxes in (("flux", found.fluxes), ("PSF flux", found.psf_fluxes)):
        for one in () if fluxes is None else fluxes.bins:
            range_ = f"above {one.low:g}" if one.high == float("inf") else f"{one.low:g} to {one.high:g}"
            changed = f"{one.bias_sigma:+.3f} ({_chance(one.bias_error_sigma)}) ± {one.scatter_sigma:.3f} of its noise"
            yield f"{name} of {one.count} sources, SNR {range_}", f"{one.bias_percent:+.3f} %, {changed}"
    if (moved := found.centroids) is not None:
        shift = f"{moved.x:+.4f}, {moved.y:+.4f} pixels"
        sigmas = f"{moved.x_sigma:+.3f}, {moved.y_sigma:+.3f} ({_chance(moved.x_error_sigma)})"
        yield f"centroids of {moved.count} sources", f"{shift}; {sigmas} ± {moved.scatter_sigma:.3f} of their errors"
    if (shapes := found.shapes) is not None:
        sigmas = f"{shapes.e1_sigma:+.3f}, {shapes.e2_sigma:+.3f} ({_chance(shapes.e1_error_sigma)}) of their errors"
        slope = "" if shapes.slope is None else f"; m {shapes.slope:+.5f}"
        yield f"ellipticity of {shapes.count} sources", f"{shapes.e1:+.5f}, {shapes.e2:+.5f}; {sigmas}{slope}"
        yield "size of sources", f"{shapes.size_percent:+.3f} %, {shapes.size_sigma:+.3f} of its error"
    if (seen := found.detections) is not None:
        of = "true sources" if seen.has_truth else "sources of A"
        for name, a, b in (
            (f"completeness of {count(seen.count)} {of}", seen.completeness_a, seen.completeness_b),
            (f"purity of {count(seen.found_a)} and {count(seen.found_b)} found", seen.purity_a, seen.purity_b),
        ):
            yield name, f"A {percent(a, 2)}, B {percent(b, 2)}"
        for bin_ in seen.bins:
            shares = f"complete {percent(bin_.completeness_a, 1)}, {percent(bin_.completeness_b, 1)}"
            pure = f"pure {percent(bin_.purity_a, 1)}, {percent(bin_.purity_b, 1)}"
            yield f"magnitude {bin_.low:g} to {bin_.high:g} ({bin_.count})", f"{shares}; {pure} (A, B)"


def _chance(error: float) -> str:
    """Say how far from 0 chance brings a median."""
    return f"chance {error:.3f}"


def compare_page(
    names: tuple[str, str], parts: Sequence[tuple[str, Comparison]], beside: Sequence[str] = ()
) -> Iterator[str]:
    """Yield the HTML page on two files piece by piece.

    `parts` are pairs of images by their place in the file, `beside` sentences on what they do not show.
    """
    names = one_line(names[0]), one_line(names[1])
    title = " and ".join(html.escape(name) for name in names)
    yield (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title} compared</title><style>{STYLE}</style></head><body><main><header><h1>Two images compared</h1>"
        f"<p>A: {html.escape(names[0])}<br>B: {html.escape(names[1])}</p>"
    )
    yield "".join(f"<p>{html.escape(one_line(line))}</p>" for line in beside) + "</header>"
    for number, (place, found) in enumerate(parts):
        rows = "".join(
            f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(text)}</td></tr>'
            for name, text in comparison_rows(found)
        )
        maps = "".join(
            map_figure(one, name, unit, _ALTS.get(name, "Map of the signal-to-noise ratio of image A."))
            for name, unit, one in comparison_maps(found)
        )
        heading = html.escape(one_line(f"Image {place}".rstrip()))
        yield (
            f"<section><h2>{heading}: {'equal' if found.equal else 'different'}</h2>"
            f'<div class="maps">{maps}</div><div class="charts">{"".join(_charts(found, str(number)))}</div>'
            f'<div class="scroll"><table class="detector"><tbody>{rows}</tbody></table></div></section>'
        )
    yield "</main></body></html>\n"


def _charts(found: Comparison, key: str) -> Iterator[str]:
    drawn: list[tuple[str, Callable[[Any], str]]] = []
    if found.pixels is not None and not found.equal:
        drawn.append(("Differences", lambda axes: draw_histogram(axes, found)))
    if (white := found.whiteness) is not None:
        drawn.append(("Power spectrum of the differences", lambda axes: draw_spectrum(axes, white)))
    if (fluxes := found.fluxes) is not None:
        drawn.append(("Fluxes of the sources", lambda axes: draw_fluxes(axes, fluxes)))
    for title, draw in drawn:
        yield chart(title, draw, key=key)
