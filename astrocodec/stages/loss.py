"""Loss: what the elements of a stream differ by from those that were given.

docs/format.md section "Loss". native/loss.c does the same.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from astrocodec.errors import CorruptError

KINDS = ("absolute", "noise", "relative", "increase", "added", "variance")  # the last is none of bounds
_FIELDS = struct.Struct("<B7d")


@dataclass(frozen=True)
class Loss:
    """A bound, and what became of it.

    Attributes
    ----------
    kind : str
        ``"absolute"``, ``"noise"`` (sigma), ``"relative"``, ``"increase"``, by how much the noise may grow, or
        ``"added"``, the noise that may be added; ``"variance"``, of visibilities: the variance that may be added over
        that of the noise.
    asked : float
        The bound as it was asked for: in the elements' unit; in noises; as a share; as a share; in the elements' unit.
    max_error : float
        No element differs by more from the given one: in its unit; of kind ``"relative"``, by more than this share.
    largest_error : float
        The largest difference there is, likewise.
    noise : float
        Of the given elements, the smallest that was measured; 0 where none was.
    variance : float
        Mean of the squared differences: what was added to the variance of the elements, those that were kept apart.
    unit_variance : float
        The same in units of each tile's step; of kind ``"variance"`` in those of the noise.
    share : float
        The same over the variance of the noise where each element is; 0 where none was measured.
    """

    kind: str
    asked: float
    max_error: float
    largest_error: float
    noise: float
    variance: float
    unit_variance: float
    share: float

    @classmethod
    def read(cls, section: bytes) -> Loss:
        """Read a section.

        >>> import struct
        >>> Loss.read(struct.pack("<B7d", 0, 2, 2, 1.5, 0, 1.3, 0.08, 0)).largest_error
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

        >>> lost = Loss("variance", 0.01, 2, 1.5, 3, 1.3, 0.0099, 0.0099)
        >>> Loss.read(lost.to_bytes()) == lost
        True
        """
        numbers = (self.asked, self.max_error, self.largest_error, self.noise, self.variance)
        return _FIELDS.pack(KINDS.index(self.kind), *numbers, self.unit_variance, self.share)

    @property
    def noise_increase(self) -> float | None:
        """By what share the noise has grown, in the mean of all elements; None where it was not measured."""
        return math.sqrt(1 + self.share) - 1 if self.noise else None

    def __str__(self) -> str:
        """In a few words, for people."""
        of = " of each value" if self.kind == "relative" else ""
        share = "" if self.noise_increase is None else f", noise grown by {self.noise_increase:.2%}"
        return f"within {self.max_error:.6g}{of} (largest error {self.largest_error:.6g}){share}"
