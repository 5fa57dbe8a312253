"""ELIC and QH-VAE on visibilities, as a paper tabulates them (Chen et al. 2026), with D beside, and our codec.

    python benchmarks/bench_learned_visibilities.py                        # all sets
    python benchmarks/bench_learned_visibilities.py meerkat --part whole   # parts of names
    python benchmarks/bench_learned_visibilities.py --part validation      # what a model's card says
    python benchmarks/bench_learned_visibilities.py --add --setting "ELIC 10 10 FILE.safetensors"

Simulated sets are those of `astrocodec.bench.visibilities.sets`, of seeds that no network has seen. Of real sets
(`ASTROCODEC_CORPUS`, its folder `visibilities`) the networks have learned from seven of ten runs of channels; measured
is the tenth run that they have not seen, `--part test`, or the two of validation, or the whole. `--setting` measures
other weights, with the lambda1 and lambda2 that they learned with, for the table of these.
"""

import functools
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from astrocodec.bench.tables import geometric_mean, markdown, read_csv, tell, write_csv
from astrocodec.bench.visibilities.curves import at, curve
from astrocodec.bench.visibilities.learned_peers import LEARNED, learned_peer
from astrocodec.bench.visibilities.measure import Row, measure_set
from astrocodec.bench.visibilities.ours import our_peers
from astrocodec.bench.visibilities.paper_columns import paper_columns
from astrocodec.bench.visibilities.peer import OURS, Coded, VisPeer
from astrocodec.bench.visibilities.rows import rows_from_csv
from astrocodec.bench.visibilities.sets import SIMULATED, VisSet, corpus_sets, read_set, simulated_set
from astrocodec.learning.visibility_parts import PARTS
from astrocodec.learning.visibility_pictures import part

RESULTS = Path(__file__).parent / "results"
DOCS = Path(__file__).parents[1] / "docs"
MARK = "<!-- figures: python benchmarks/bench_learned_visibilities.py --page -->"
QUALITIES = {"noise": (0, 2, 3, 4, 6, 7), "rms": (1, 3, 5)}
COMPARED = 3  # the quality at which settings are compared
LEVELS = (1.0, 0.3, 0.1, 0.03, 0.01)  # of our codec: D
SHOWN = (0.3, 0.1, 0.03)
SMALLER: dict[str, Any] = {"stations": 16, "times": 16, "channels": 16}  # simulated sets
SHIPPED = "shipped"
_LEAST = 2_000  # samples below which headers are most of a stream

Line = dict[str, Any]


def sets(names: tuple[str, ...], which: str) -> Iterator[VisSet]:
    """Sets whose names contain one of `names`, or all, that have noise: parts of real ones, simulated ones whole."""
    for path in corpus_sets():
        if names and not any(name in path.stem for name in names):
            continue
        try:
            data = read_set(path, "corpus")
        except ValueError:  # autocorrelations only
            continue
        data = data if which == "whole" else part(data, which)
        if data.known.sum() >= _LEAST:
            yield data
    for name in SIMULATED if which in ("test", "whole") else ():
        if SIMULATED[name].noise and (not names or any(part_of in f"{name} (simulated)" for part_of in names)):
            yield simulated_set(name, **SMALLER)


def lines_of(data: VisSet, peer: VisPeer, setting: str, scale: str, which: str) -> Iterator[Line]:
    """What is measured of a codec, level by level."""
    kept: list[Coded] = []

    def run(given: VisSet, level: float) -> Coded:
        kept.append(peer.run(given, level))
        return kept[-1]

    for row in measure_set(data, [replace(peer, run=run)]):
        if kept:
            columns = {key: float(f"{value:.5g}") for key, value in asdict(paper_columns(data, kept[-1])).items()}
            yield row.flat() | {"setting": setting, "scale": scale, "part": which} | columns


def peers(settings: Sequence[str], codecs: Sequence[str]) -> Iterator[tuple[VisPeer, str, str]]:
    """Codecs with what they learned for, and what their steps follow; of settings these only."""
    for name in () if settings else [name for name in (OURS, *LEARNED) if not codecs or name in codecs]:
        if name == OURS:
            yield replace(our_peers()[0], levels=LEVELS), "", "noise"
        else:
            for scale, qualities in QUALITIES.items():
                yield learned_peer(name, scale=scale, qualities=qualities), SHIPPED, scale
    for said in settings:
        name, first, second, path = said.split(" ", 3)
        for scale in QUALITIES:
            yield learned_peer(name, Path(path), scale, (COMPARED,)), f"{first}, {second}", scale


def rows(lines: Sequence[Line]) -> list[Row]:
    """Lines as those of the other benchmark."""
    names = set(Row.__dataclass_fields__)
    return [Row(**{key: value for key, value in line.items() if key in names}) for line in lines]


def near(lines: Sequence[Line], added: float, most: float = 2) -> Line | None:
    """The line nearest to a D, if it is so within a factor."""
    known = [line for line in lines if line["added"] and 1 / most < line["added"] / added < most]
    return min(known, key=lambda line: abs(math.log(line["added"] / added)), default=None)


def paper_table(lines: Sequence[Line], added: float) -> str:
    """Each set and codec at the quality nearest to a D, and our codec's bits there."""
    found = []
    for name in dict.fromkeys(line["set"] for line in lines):
        of_set = [line for line in lines if line["set"] == name]
        own = curve(rows([line for line in of_set if line["codec"] == OURS]))
        for codec in (*LEARNED, OURS):
            line = near([one for one in of_set if one["codec"] == codec], added, math.inf)
            if line is not None:
                beside = at(own, line["added"]) if line["added"] <= LEVELS[0] else None
                found.append({
                    "set": name, "codec": codec, "MSE": f"{line['mse']:.3g}", "BPP": f"{line['bpp']:.2f}",
                    "magnitude bias": f"{line['magnitude_error']:.3f}", "phase bias": f"{line['phase_error']:.3f}",
                    "decode, s/freq": f"{line['decode_channel']:.2g}", "D %": f"{100 * line['added']:.3g}",
                    "bits per real": f"{line['bits']:.2f}",
                    "astrocodec at this D": "" if beside is None else f"{beside:.2f}",
                })  # fmt: skip
    return markdown(found) if found else ""


def standing_table(lines: Sequence[Line]) -> str:
    """Bits of learned codecs over ours at equal D, geometric means; a set counts where the codec reaches the D."""
    found = []
    for kind in ("corpus", "simulated"):
        for codec in LEARNED:
            shown: Line = {"sets": "real" if kind == "corpus" else "simulated", "codec": codec}
            for added in SHOWN:
                ratios = []
                of_kind = [line for line in lines if line["kind"] == kind]
                for name in dict.fromkeys(line["set"] for line in of_kind):
                    both = [curve(rows([one for one in of_kind if (one["set"], one["codec"]) == (name, who)]))
                            for who in (codec, OURS)]  # fmt: skip
                    if both[0] and both[1] and both[0][0][0] <= added <= both[0][-1][0]:
                        bits = [at(points, added) for points in both]
                        if bits[0] and bits[1]:
                            ratios.append(bits[0] / bits[1])
                total = len({line["set"] for line in of_kind})
                shown[f"D = {added:.0%}"] = (
                    f"{geometric_mean(ratios):.2f} ({len(ratios)} of {total})" if ratios else f"(0 of {total})"
                )
            found.append(shown)
    return markdown(found)


def error_table(lines: Sequence[Line], added: float) -> str:
    """What errors are like at the quality nearest to a D: medians over sets."""
    found = []
    for codec in (*LEARNED, OURS):
        chosen = [
            near([line for line in lines if (line["set"], line["codec"]) == (name, codec)], added)
            for name in dict.fromkeys(line["set"] for line in lines)
        ]
        there = [line for line in chosen if line is not None]
        shown: Line = {"codec": codec, "sets": len(there)}
        for key, title in (
            ("added", "D"), ("power", "averaged power / noise"), ("coherence", "means over white"),
            ("delay_peak", "worst delay / noise"), ("image_noise", "error / noise in images"),
            ("magnitude", "magnitude bias, sigma"), ("phase", "phase bias, radian"),
        ):  # fmt: skip
            values = sorted(line[key] for line in there if line[key] is not None)
            shown[title] = f"{values[len(values) // 2]:.3g}" if values else ""
        found.append(shown)
    return markdown(found)


def setting_table(lines: Sequence[Line], scale: str) -> str:
    """The effect of lambda1 and lambda2: means over sets at one quality."""
    found = []
    chosen = [line for line in lines if line["scale"] == scale and line["level"] == f"{COMPARED} quality"]
    for codec, setting in dict.fromkeys((line["codec"], line["setting"]) for line in chosen):
        of_setting = [line for line in chosen if (line["codec"], line["setting"]) == (codec, setting)]
        shown: Line = {"codec": codec, "lambda1, lambda2": setting, "sets": len(of_setting)}
        for key, title in (("mse", "MSE"), ("bpp", "BPP"), ("magnitude_error", "magnitude bias"),
                           ("phase_error", "phase bias"), ("added", "D, geometric mean")):  # fmt: skip
            values = [line[key] for line in of_setting]
            mean = geometric_mean(values) if key == "added" else sum(values) / len(values)
            shown[title] = f"{mean:.4g}"
        found.append(shown)
    return markdown(found) if found else ""


def summary(lines: Sequence[Line]) -> str:
    """Everything, as Markdown."""
    texts = []
    for which in dict.fromkeys(line["part"] for line in lines):
        of_part = [line for line in lines if line["part"] == which]
        shipped = [line for line in of_part if line["setting"] in ("", SHIPPED) and line["scale"] == "noise"]
        texts += [f"# Real sets: {which}; simulated sets whole", "Bits over astrocodec's at equal D:"]
        texts += [standing_table(shipped), "At the quality nearest to D = 10 %:", paper_table(shipped, 0.1)]
        texts += ["At the quality nearest to D = 1 %:", paper_table(shipped, 0.01)]
        texts += ["Errors near D = 10 %, medians over sets:", error_table(shipped, 0.1)]
        for scale in ("rms", "noise"):
            texts += [f"lambda1 and lambda2, steps that follow the {scale}, quality {COMPARED}, means over sets:"]
            texts += [setting_table(of_part, scale)]
    return "\n\n".join(filter(None, texts))


def lines_from_csv(path: Path) -> list[Line]:
    """What an earlier run wrote."""
    more = ("setting", "scale", "part")
    extra = ("mse", "bpp", "magnitude_error", "phase_error", "decode_channel")
    return [
        row.flat() | {key: line[key] for key in more} | {key: float(line[key]) for key in extra}
        for row, line in zip(rows_from_csv(path), read_csv(path), strict=True)
    ]


@click.command()
@click.argument("names", nargs=-1)
@click.option("--part", "which", type=click.Choice([*list(PARTS)[1:], "whole"]), default="test", help="Of real sets.")
@click.option("--codec", "codecs", type=click.Choice([OURS, *LEARNED]), multiple=True, help="Codec; default: all.")
@click.option("--setting", "settings", multiple=True, help="Only other weights: 'CODEC LAMBDA1 LAMBDA2 FILE'.")
@click.option("--output", type=click.Path(path_type=Path), default=RESULTS / "learned_visibilities.csv")
@click.option("--page", "draws", is_flag=True, help="Put the chief tables into docs/visibilities.md.")
@click.option("--add", is_flag=True, help="Keep other rows of the CSV.")
def main(
    names: tuple[str, ...],
    which: str,
    settings: tuple[str, ...],
    codecs: tuple[str, ...],
    output: Path,
    draws: bool,
    add: bool,
) -> None:
    """Measure the sets whose names contain NAMES (default: all)."""
    warnings.simplefilter("ignore")
    held = lines_from_csv(output) if add and output.exists() else []
    new: list[Line] = []
    for data in sets(names, which):
        for peer, setting, scale in peers(settings, codecs):
            new += lines_of(data, peer, setting, scale, which)
        print(f"{data.name} {data.vis.shape}: {len(new)} rows", flush=True)
        write_csv(output, joined(held, new))
    lines = joined(held, new)
    tell(output, summary(lines), keep_earlier=add)
    if draws:
        page([line for line in lines if line["part"] == "test"])


def page(lines: Sequence[Line]) -> None:
    """Put the chief tables between the marks in docs/visibilities.md."""
    shipped = [line for line in lines if line["setting"] in ("", SHIPPED) and line["scale"] == "noise"]
    texts = (
        "Bits over astrocodec's at equal D, geometric mean over the sets on which the codec reaches it:",
        standing_table(shipped),
        "Nearest to D = 10 %, in the form of the paper's table, with D and bits beside:",
        paper_table(shipped, 0.1),
        f"Effect of lambda1 and lambda2, quality {COMPARED}, steps that follow the rms of each plane, means over sets:",
        setting_table(lines, "rms"),
        "Errors near D = 10 %, medians over sets:",
        error_table(shipped, 0.1),
    )
    path = DOCS / "visibilities.md"
    before, _, rest = path.read_text(encoding="utf-8").partition(MARK)
    after = rest.partition(MARK)[2]
    path.write_text(before + "\n\n".join((MARK, *texts, MARK)) + after, encoding="utf-8")


def joined(held: Sequence[Line], new: Sequence[Line]) -> list[Line]:
    """Lines held, without those measured again, and the new ones."""
    key = functools.partial(map, str)
    names = ("set", "codec", "setting", "scale", "part")
    again = {tuple(key(line[name] for name in names)) for line in new}
    kept = [line for line in held if tuple(key(line[name] for name in names)) not in again]
    return sorted([*kept, *new], key=lambda line: (line["part"], line["kind"], line["set"]))


if __name__ == "__main__":
    main()
