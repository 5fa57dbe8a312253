"""The error of a check that failed."""

from __future__ import annotations

from astrocodec.errors import AstrocodecError

__all__ = ["DifferenceError"]


class DifferenceError(AstrocodecError):
    """
    Two files that must hold the same do not: the new file is not kept, and the old one is not touched.

    Where a compressed file is compared with its original, either may have changed; a damaged tile is a `CorruptError`.
    """
