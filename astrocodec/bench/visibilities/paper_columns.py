"""What a paper on learned codecs of visibilities tabulates (Chen et al. 2026): errors in units of each plane, and time.

The paper does not say its units. Here every plane (time, baseline) of a channel and polarisation is divided by the root
mean square of its real parts, so that a codec that gives back zeros has a mean squared error of 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from astrocodec.bench.visibilities.peer import Coded
from astrocodec.bench.visibilities.sets import VisSet

__all__ = ["PaperColumns", "paper_columns"]


@dataclass(frozen=True)
class PaperColumns:
    """Of samples that are not flagged."""

    mse: float  # of a real or imaginary part
    bpp: float  # bits of all polarisations of a (time, baseline, channel): of 8 reals where there are four
    magnitude_error: float  # mean of the magnitudes' errors, without sign
    phase_error: float  # the same of phases, radian
    decode_channel: float  # s of processor time for a channel


def paper_columns(data: VisSet, coded: Coded) -> PaperColumns:
    """Of a set that went through a codec."""
    known = ~data.flags & (data.vis != 0)
    power = np.where(known, np.abs(data.vis).astype(np.float64) ** 2, 0).sum((0, 1)) / (2 * known.sum((0, 1)) + 1e-300)
    unit = np.broadcast_to(np.sqrt(np.where(power > 0, power, 1)), data.vis.shape)[known]
    truth, made = (values[known].astype(complex) / unit for values in (data.vis, coded.vis))
    channels = data.vis.shape[2]
    samples = known.sum() / data.vis.shape[3]
    return PaperColumns(
        mse=float(np.mean(np.abs(made - truth) ** 2) / 2),
        bpp=float(8 * coded.n_bytes / samples),
        magnitude_error=float(np.abs(np.abs(made) - np.abs(truth)).mean()),
        phase_error=float(np.abs(np.angle(made * truth.conj())).mean()),
        decode_channel=coded.decode / channels,
    )
