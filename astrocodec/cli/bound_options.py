"""Options that say how much may be lost, the same in all commands that compress."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import click

_UNDITHERED = ("dither", False)
BOUND_NAMES = ("max_error", "noise_increase", "gain", "read_noise", "dither", "protect_sources", "saturation")


def bound_options(*, asks_header: bool) -> Callable[..., Any]:
    """Add the options; with `asks_header`, ``--gain header`` stands for what the file's cards say."""
    where, gain = ("G|header", ", or as GAIN, RDNOISE and SATURATE cards say") if asks_header else ("G", "")
    options = (
        click.option(
            "--max-error",
            metavar="BOUND",
            help="LOSSY: no pixel differs by more than 0.5sigma (of noise), '2 adu', 0.01 (in its unit) or 1%.",
        ),
        click.option("--noise-increase", metavar="SHARE", help="LOSSY: noise may grow by so much, such as 1%."),
        click.option(
            "--gain", metavar=where, help=f"With these: electrons per unit, steps grow with the signal{gain}."
        ),
        click.option("--read-noise", metavar="R", type=float, help="With --gain: electrons."),
        click.option(
            "--saturation", metavar="S", type=float, help="With a bound: keep pixels from this value on exactly."
        ),
        click.option("--protect-sources", is_flag=True, help="With a bound: a quarter of the step on sources."),
        click.option(
            "--dither/--no-dither",
            default=None,
            help="With a bound: subtractive dither, by default for wide steps only.",
        ),
    )
    return lambda command: functools.reduce(lambda decorated, option: option(decorated), reversed(options), command)


def bound_arguments(
    given: Mapping[str, Any], *, contradicts: Mapping[str, bool], asks_header: bool = False
) -> dict[str, Any]:
    """Take the options of a bound as arguments of `compress`; nothing where there is none.

    `contradicts` tells of other options, by name, whether they are given that go with no bound; `asks_header` as of
    `bound_options`.
    """
    chosen = {
        name: given[name]
        for name in BOUND_NAMES
        if given[name] not in (None, False) or (name, given[name]) == _UNDITHERED
    }
    if "max_error" not in chosen and "noise_increase" not in chosen:
        if chosen:
            option = f"--{next(iter(chosen)).replace('_', '-')}"
            raise click.UsageError(f"{option} needs a bound: give --max-error or --noise-increase.")
        return {}
    if others := [name for name, is_given in contradicts.items() if is_given]:
        raise click.UsageError(f"{others[0]} goes with neither --max-error nor --noise-increase; give one of them.")
    if "gain" in chosen and not (asks_header and chosen["gain"] == "header"):
        try:
            chosen["gain"] = float(chosen["gain"])
        except ValueError:
            raise click.UsageError(f"--gain {chosen['gain']}: a number of electrons per unit is needed.") from None
    from astrocodec.bounds import Bound  # NumPy takes its time

    numbers = chosen | ({"gain": 1.0} if chosen.get("gain") == "header" else {})
    try:
        Bound(**numbers)
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None
    return chosen


def asks_for_loss(options: Mapping[str, Any]) -> bool:
    """Tell whether arguments of `compress` let pixels change."""
    return any(options.get(name) for name in ("quantize_level", "max_error", "noise_increase", "weights_error"))
