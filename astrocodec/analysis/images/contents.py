"""Contents: values of a part of a file that is no image, for a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Contents"]


@dataclass(frozen=True, eq=False)
class Contents:
    """Values, and what else must be equal for them to mean the same."""

    columns: list[NDArray[Any]]  # of a table, or one array; objects are arrays, texts or bytes
    meaning: tuple[Any, ...] = ()

    def __eq__(self, other: object) -> bool:
        """Tell whether all values are the same; NaN equals NaN, byte order does not matter.

        Examples
        --------
        >>> Contents([np.array([1.0, np.nan])]) == Contents([np.array([1.0, np.nan], ">f8")])
        True
        """
        if not isinstance(other, Contents) or self.meaning != other.meaning:
            return False
        return len(self.columns) == len(other.columns) and all(map(_is_same, self.columns, other.columns))

    __hash__ = None  # type: ignore[assignment]


def _is_same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Whether type, shape and values are the same; what NumPy holds as objects, one by one."""
    if a.dtype.names is not None:  # gaps between members do not count
        return a.dtype.names == b.dtype.names and all(_is_same(a[name], b[name]) for name in a.dtype.names)
    if a.shape != b.shape or a.dtype.newbyteorder("=") != b.dtype.newbyteorder("="):
        return False
    if a.dtype.kind == "O":
        return all(type(x) is type(y) and _is_same_object(x, y) for x, y in zip(a.ravel(), b.ravel(), strict=True))
    differing = a != b
    if a.dtype.kind in "fcmM":
        differing &= ~((a != a) & (b != b))
    return not np.any(differing)


def _is_same_object(x: Any, y: Any) -> bool:
    return _is_same(np.asarray(x), np.asarray(y)) if isinstance(x, np.ndarray) else bool(x == y)
