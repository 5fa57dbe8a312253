"""Loss: what the elements of a stream differ by from those that were given.

docs/format.md section "Loss". native/loss.c does the same.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from astrocodec.errors import CorruptError

KINDS = ("absolute", "noise", "relative", "increase", "variance")
_FIELDS = struct.Struct("<B6d")
_TRELLIS_VARIANCE = 1 / 12 / 1.283  # of its errors in steps, as native/viterbi.h has it


@dataclass(frozen=True)
class Loss:
    """A bound, and what became of it.

    Attributes
    ----------
    kind : str
        ``"absolute"``, ``"noise"`` (sigma), ``"relative"``, ``"increase"``, by how much the noise may grow, or
        ``"variance"``, of visibilities: the variance that may be added over that of the noise.
    asked : float
        The bound as it was asked for: in the elements' unit; in noises; as a share; as a share.
    max_error : float
        No element differs by more from the given one: in its unit; of kind ``"relative"``, by more than this share.
    largest_error : float
        The largest difference there is, likewise.
    noise : float
        Of the given elements, the smallest that was measured; 0 where none was.
    variance : float
        Mean of the squared differences: what was added to the variance of the elements, those that were kept apart.
    unit_variance : float
        The same in units of each tile's step; of kind ``"variance"`` in those of the noise, D as it was achieved.
    """

    kind: str
    asked: float
    max_error: float
    largest_error: float
    noise: float
    variance: float
    unit_variance: float

    @classmethod
    def read(cls, section: bytes) -> Loss:
        """Read a section.

        >>> import struct
        >>> Loss.read(struct.pack("<B6d", 0, 2, 2, 1.5, 0, 1.3, 0.08)).largest_error
        1.5
        """
        if len(section) == _FIELDS.size:
            kind, *numbers = _FIELDS.unpack(section)
            if kind < len(KINDS) and all(math.isfinite(number) and number >= 0 for number in numbers):
                found = cls(KINDS[kind], *numbers)
                if found.asked > 0 and found.largest_error <= found.max_error:
                    return found
        raise CorruptError(f"{len(section)} bytes of loss, or a number outside its range; there are {_FIELDS.size}")

    def to_bytes(self) -> bytes:
        """The section.

        >>> lost = Loss("variance", 0.01, 2, 1.5, 3, 1.3, 0.0099)
        >>> Loss.read(lost.to_bytes()) == lost
        True
        """
        numbers = (self.asked, self.max_error, self.largest_error, self.noise, self.variance, self.unit_variance)
        return _FIELDS.pack(KINDS.index(self.kind), *numbers)

    @property
    def noise_increase(self) -> float | None:
        """By what share the noise has grown, at most; None where it was not measured.

        Where steps follow the noise, a step of as many noises as was asked for tells it, wherever that is.
        """
        if not self.noise:
            return None
        most = math.sqrt(self.variance) / self.noise
        if self.kind == "variance":
            most = math.sqrt(self.unit_variance)
        if self.kind == "noise":
            most = min(most, math.sqrt(self.unit_variance) * 2 * self.asked)
        if self.kind == "increase":
            most = min(most, math.sqrt(self.unit_variance / _TRELLIS_VARIANCE * self.asked * (2 + self.asked)))
        grown = math.hypot(1, most) - 1
        return grown if math.isfinite(grown) else None

    def __str__(self) -> str:
        """In a few words, for people."""
        of = " of each value" if self.kind == "relative" else ""
        share = "" if self.noise_increase is None else f", noise grown by {self.noise_increase:.2%}"
        return f"within {self.max_error:.6g}{of} (largest error {self.largest_error:.6g}){share}"
