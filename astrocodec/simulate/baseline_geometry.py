"""Baselines as the Earth turns: from places on the ground to (u, v, w)."""

import math

import numpy as np
from numpy.typing import ArrayLike

from astrocodec.simulate.sky import Floats

EARTH = 2 * math.pi / 86_164.1  # radian / s


def equatorial(places: Floats, latitude: float) -> Floats:
    """Places (east, north, up) as (x, y, z), toward meridian and equator, east, pole; `latitude` in radian."""
    east, north, up = places.T
    sine, cosine = math.sin(latitude), math.cos(latitude)
    return np.stack([up * cosine - north * sine, east, up * sine + north * cosine], axis=1)


def uvw(separations: Floats, declination: float, hour_angles: ArrayLike) -> Floats:
    """
    Return baselines (u, v, w) toward a place of the sky, [time, baseline, 3], in the unit of `separations`.

    `separations` are differences of `equatorial` places, [baseline, 3]; angles are radian. Thompson, Moran & Swenson
    2017, "Interferometry and Synthesis in Radio Astronomy", equations 4.1 and 4.2.

    Examples
    --------
    >>> uvw(np.array([[0.0, 100.0, 0.0]]), 0.3, [0.0]).round(6).tolist()
    [[[100.0, 0.0, 0.0]]]
    """
    x, y, z = separations.T
    sine, cosine = np.sin(hour_angles)[..., None], np.cos(hour_angles)[..., None]
    toward = cosine * x - sine * y
    u = sine * x + cosine * y
    v = math.cos(declination) * z - math.sin(declination) * toward
    w = math.cos(declination) * toward + math.sin(declination) * z
    return np.stack([u, v, w], axis=-1)
