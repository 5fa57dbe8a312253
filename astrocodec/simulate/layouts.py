"""Places of real arrays' stations, and what their stations see and hear: LOFAR, MeerKAT, SKA-Low.

Tables and their sources stand in ``station_tables/``. Of SKA-Low the clusters of the arms are at their places; the
224 stations of the core and those within clusters are drawn, with the density of the design.

Sensitivities: LOFAR, van Haarlem et al. 2013 (A&A 556, A2), figure 22, a field of a core station at 150 MHz, a remote
station half of it; MeerKAT, 20.5 K over the efficiency at 1.28 GHz (Mauch et al. 2020, ApJ 888, 61) and dishes of
13.5 m; SKA-Low, 1.17 m2 / K a station (Braun et al. 2019, arXiv:1912.12699). Channels and integrations are usual ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import resources

import numpy as np

from astrocodec.simulate.sky import Floats

NAMES = ("lofar", "meerkat", "ska-low")


@dataclass(frozen=True, eq=False)
class Layout:
    """An array and its usual settings."""

    telescope: str  # as Measurement Sets name it
    latitude: float  # degrees, geodetic
    longitude: float
    height: float  # m
    diameter: float  # of a station, m
    frequency: float  # of the band's middle, MHz
    channel: float  # width, kHz
    interval: float  # of an integration, s
    sefd: Floats  # of each station at that frequency, Jy
    sky_index: float  # power of frequency that the system's noise follows
    declination: float  # of the usual field, degrees
    brightest: float  # of its sources, Jy
    diffuse: float  # extended emission in all, Jy
    names: tuple[str, ...]
    places: Floats  # [station, (east, north, up)], m

    @property
    def fwhm(self) -> float:
        """Width of a station's beam at half maximum at the band's middle, radian."""
        return 1.1 * 299.792458 / self.frequency / self.diameter


def layout(name: str, stations: int | None = None) -> Layout:
    """
    Return an array by its name, one of `NAMES`, or its first stations: core before arms.

    Raises
    ------
    ValueError
        For another name, or more stations than there are.

    Examples
    --------
    >>> array = layout("meerkat", 16)
    >>> array.telescope, array.places.shape
    ('MeerKAT', (16, 3))
    """
    if name not in NAMES:
        raise ValueError(f"array is {name!r}; allowed are {', '.join(NAMES)}. Choose one of them.")
    names, places = _table(name)
    if name == "ska-low":
        names, places = _low(names, places)
    least, most = 2, len(names)
    if stations is not None:
        if not least <= stations <= most:
            raise ValueError(f"stations is {stations}; allowed are {least} to {most} of {name}. Change it.")
        names, places = names[:stations], places[:stations]
    sefd = np.ones(len(names))
    if name == "lofar":
        sefd = np.array([2800.0 if "HBA" in label[-4:-1] else 1400.0 for label in names])
        return Layout(
            "LOFAR", 52.915119, 6.869833, 49.4, 30.75, 150.0, 48.828125, 4.0, sefd, -2.55, 55.0, 12.0, 40.0,
            names, places,
        )  # fmt: skip
    if name == "meerkat":
        return Layout(
            "MeerKAT", -30.711056, 21.443889, 1086.6, 13.5, 1284.0, 208.984375, 8.0, 396.0 * sefd, 0.0, -35.0, 0.5, 0.2,
            names, places,
        )  # fmt: skip
    return Layout(
        "SKA-Low", -26.824722, 116.764444, 365.0, 38.0, 137.5, 5.425347, 1.0, 2360.0 * sefd, -2.55, -30.0, 10.0, 60.0,
        names, places,
    )  # fmt: skip


def _table(name: str) -> tuple[tuple[str, ...], Floats]:
    """Names and places of a table."""
    text = resources.files("astrocodec.simulate").joinpath("station_tables", f"{name}.txt").read_text(encoding="utf-8")
    rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return tuple(row[0] for row in rows), np.array([[float(value) for value in row[1:]] for row in rows])


def _low(names: tuple[str, ...], places: Floats) -> tuple[tuple[str, ...], Floats]:
    """Core of 224 stations within 510 m, denser inside, and six stations, 38 m or more apart, of each cluster."""
    rng = np.random.default_rng(422)
    core: list[Floats] = []
    while len(core) < 224:
        radius, angle = 510.0 * math.sqrt(rng.uniform()) ** 1.25, rng.uniform(0, 2 * math.pi)
        place = np.array([radius * math.cos(angle), radius * math.sin(angle), 0.0])
        if all(np.hypot(*(place - other)[:2]) > 38.0 for other in core):
            core.append(place)
    order = np.argsort(rng.uniform(size=224))  # any number of first stations is spread over the core
    arms = []
    for centre in places:
        turn = rng.uniform(0, 2 * math.pi)
        angles = turn + 2 * math.pi / 5 * np.arange(5)
        ring = np.stack([55.0 * np.cos(angles), 55.0 * np.sin(angles), np.zeros(5)], axis=1)
        arms += [centre, *(centre + ring)]
    labels = [f"C{n + 1}" for n in range(224)] + [f"{name}-{n}" for name in names for n in range(1, 7)]
    every = np.array([core[n] for n in order] + arms)
    # Two of the core, then one of an arm, in turn: fewer stations are a small array of the same kind.
    on_arms = np.argsort(np.argsort(np.tile(np.arange(6), len(places)), kind="stable"))
    turns = np.concatenate([np.arange(224) / 2.0, 0.5 + on_arms])
    chosen = np.argsort(turns, kind="stable")
    return tuple(labels[n] for n in chosen), every[chosen]
