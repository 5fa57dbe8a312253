"""Stacking: whether the noise of co-added frames still falls as 1/sqrt(N) after each frame was coded with loss.

Long surveys add hundreds of frames. A codec whose errors repeat from frame to frame leaves a floor that no stacking
removes: rounding without dither does so where the noise is narrower than the step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.analysis.report.figure_style import ACCENT, INK, QUIET, SOURCE, WARM, new_figure, plain_log, spaced

__all__ = ["Coding", "Stack", "rounded", "stack_noise", "stacking_figure"]

# From frame and its number to the frame that comes back from the codec.
Coding = Callable[[NDArray[Any], int], NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Stack:
    """
    Noise of co-added frames.

    Attributes
    ----------
    counts : tuple of int
        Numbers of frames in a stack.
    noise : dict of str to tuple of float
        For each coding, standard deviation of the mean of so many frames about the true sky, ADU; ``'uncoded'`` is that
        of the frames as they are.
    bias : dict of str to float
        Mean of the largest stack less that of the uncoded frames, ADU.
    expected : tuple of float
        Noise of one uncoded frame over sqrt(N).
    """

    counts: tuple[int, ...]
    noise: dict[str, tuple[float, ...]]
    bias: dict[str, float]
    expected: tuple[float, ...]

    def excess(self, coding: str) -> float:
        """
        Return by which factor the noise of the largest stack exceeds 1/sqrt(N).

        Examples
        --------
        >>> Stack((1, 4), {"uncoded": (2.0, 1.0), "x": (2.0, 1.5)}, {}, (2.0, 1.0)).excess("x")
        1.5
        """
        return self.noise[coding][-1] / self.expected[-1]


def rounded(step: float, *, dither: bool, seed: int = 0) -> Coding:
    """
    Return a coding that rounds to multiples of a step.

    Parameters
    ----------
    step : float
        ADU.
    dither : bool
        Subtractive dither: a known random offset is added before rounding and taken away after, another for each frame.
    seed : int, optional
        Of the offsets.

    Returns
    -------
    callable
        Frame and number to frame.

    Examples
    --------
    >>> rounded(4.0, dither=False)(np.array([5.0, 7.0]), 0).tolist()
    [4.0, 8.0]
    """

    def code(frame: NDArray[Any], number: int) -> NDArray[Any]:
        if not dither:
            return np.asarray(np.rint(frame / step) * step)
        offset = np.random.default_rng([seed, number]).random(frame.shape) - 0.5
        return np.asarray((np.rint(frame / step + offset) - offset) * step)

    return code


def stack_noise(
    frames: Iterable[NDArray[Any]],
    codings: Mapping[str, Coding],
    *,
    sky: NDArray[Any] | float,
    counts: Sequence[int] = (1, 2, 4, 8, 16, 32, 64),
) -> Stack:
    """
    Co-add frames before and after coding, and measure the noise of the means.

    Parameters
    ----------
    frames : iterable of ndarray, [y, x]
        Exposures of one scene, as many as the largest of `counts`; drawn one by one, so that memory holds only sums.
    codings : mapping of str to callable
        By name; each maps a frame and its number to the frame that the codec gives back.
    sky : ndarray or float
        The scene without noise, ADU, which is taken away before the noise is measured.
    counts : sequence of int, optional
        Ascending numbers of frames.

    Returns
    -------
    Stack

    Raises
    ------
    ValueError
        There are fewer frames than that.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> frames = (rng.normal(100.3, 2, (64, 64)) for _ in range(16))
    >>> found = stack_noise(frames, {"step 1": rounded(1, dither=True)}, sky=100.3, counts=(1, 16))
    >>> round(found.noise["uncoded"][0], 1), round(found.noise["uncoded"][1], 1), round(found.excess("step 1"), 1)
    (2.0, 0.5, 1.0)
    """
    names = ["uncoded", *codings]
    sums: dict[str, NDArray[np.float64] | float] = dict.fromkeys(names, 0.0)
    noise: dict[str, list[float]] = {name: [] for name in names}
    means: dict[str, float] = {}
    number = 0
    for number, frame in enumerate(frames, 1):
        values = np.asarray(frame, np.float64)
        for name in names:
            coded = values if name == "uncoded" else codings[name](values, number)
            sums[name] = sums[name] + (coded - sky)
        if number in counts:
            for name in names:
                noise[name].append(float(np.std(sums[name] / number)))
                means[name] = float(np.mean(sums[name] / number))
        if number == max(counts):
            break
    if number < max(counts):
        raise ValueError(f"{number} frames were given, a stack of {max(counts)} asked for")
    single = noise["uncoded"][0] * counts[0] ** 0.5
    return Stack(
        tuple(counts),
        {name: tuple(values) for name, values in noise.items()},
        {name: means[name] - means["uncoded"] for name in names},
        tuple(single / count**0.5 for count in counts),
    )


def stacking_figure(found: Stack, *, for_page: bool = False, width: float = 6.4) -> Any:
    """Draw the noise of stacks, inches wide, against their number of frames: a figure for `png_of` or `svg_of`."""
    with new_figure(width, 0.6 * width, for_page=for_page) as figure:
        axes = figure.add_subplot()
        axes.plot(found.counts, found.expected, "--", color=QUIET, lw=1.4, label="one frame over sqrt(N)")
        colours = [INK if for_page else "black", ACCENT, SOURCE, WARM, "#009e73", "#cc79a7"]
        marks = "osD^vP"
        for number, (name, values) in enumerate(found.noise.items()):
            look = {"color": colours[number % len(colours)], "marker": marks[number % len(marks)]}
            axes.plot(found.counts, values, lw=1.4, ms=5, label=name, **look)
        axes.set_xscale("log", base=2)
        plain_log(axes.yaxis)
        axes.set_xticks(found.counts)
        spaced(axes.xaxis)
        axes.set_xlabel("frames in the stack")
        axes.set_ylabel("noise of the mean (ADU)")
        axes.legend()
        return figure
