"""Read patterns of JWST's near-infrared detectors: which reads of a ramp are averaged into a group, which are dropped.

Sources: JWST User Documentation, "NIRCam Detector Readout Patterns" and "NIRSpec Detector Readout Modes and Patterns"
(numbers of frames); "NIRCam Detector Readout" (10 microseconds a pixel, 10.73677 s for a frame through four outputs);
Rauscher et al. 2017 (PASP 129, 105003) for IRS2, which reads reference pixels between the others.
"""

from dataclasses import dataclass

import numpy as np

from astrocodec.simulate.detector import Indices

SAMPLE_TIME = 1e-5  # s
FULL_ROWS, FULL_COLUMNS = 2048, 512  # of one of four outputs
EXTRA_ROWS = 1  # that a frame takes beyond its own


@dataclass(frozen=True)
class ReadPattern:
    """How the reads of a ramp become groups.

    Attributes
    ----------
    instrument : str
        Whose detector it is for, ``nircam`` or ``nirspec``.
    frames, gap : int
        Reads averaged into a group (NFRAMES), and reads dropped before the next group (GROUPGAP).
    interleaved : bool
        IRS2: after 16 pixels of a row the output turns to reference pixels for the time of 6. They are not stored here.
    """

    instrument: str
    frames: int = 1
    gap: int = 0
    interleaved: bool = False

    def column_samples(self, columns: int) -> Indices:
        """Sample within a row at which each of an output's `columns` is read."""
        column = np.arange(columns)
        return column + 6 * (column // 16) if self.interleaved else column

    def row_samples(self, columns: int) -> int:
        """Samples from the start of a row to that of the next.

        Examples
        --------
        >>> READ_PATTERNS["NRS"].row_samples(512), READ_PATTERNS["NRSIRS2"].row_samples(512)
        (524, 712)
        """
        return columns + 6 * -(-columns // 16) + 8 if self.interleaved else columns + 12

    @property
    def frame_time(self) -> float:
        """Seconds from a read of the whole detector, 2048 x 2048 pixels through four outputs, to the next.

        Examples
        --------
        >>> round(READ_PATTERNS["RAPID"].frame_time, 5), round(READ_PATTERNS["NRSIRS2"].frame_time, 5)
        (10.73676, 14.58888)
        """
        return (FULL_ROWS + EXTRA_ROWS) * self.row_samples(FULL_COLUMNS) * SAMPLE_TIME


READ_PATTERNS: dict[str, ReadPattern] = {
    "RAPID": ReadPattern("nircam"),
    "BRIGHT1": ReadPattern("nircam", 1, 1),
    "BRIGHT2": ReadPattern("nircam", 2, 0),
    "SHALLOW2": ReadPattern("nircam", 2, 3),
    "SHALLOW4": ReadPattern("nircam", 4, 1),
    "MEDIUM2": ReadPattern("nircam", 2, 8),
    "MEDIUM8": ReadPattern("nircam", 8, 2),
    "DEEP2": ReadPattern("nircam", 2, 18),
    "DEEP8": ReadPattern("nircam", 8, 12),
    "NRSRAPID": ReadPattern("nirspec"),
    "NRS": ReadPattern("nirspec", 4),
    "NRSIRS2RAPID": ReadPattern("nirspec", 1, 0, interleaved=True),
    "NRSIRS2": ReadPattern("nirspec", 5, 0, interleaved=True),
}
