"""Attributes that tell of a loss: they stand on a lossy dataset, and stay on copies of it that are stored otherwise."""

from __future__ import annotations

import h5py
import numpy as np
import numpy.typing as npt

from astrocodec.files.file_report import ImageLoss
from hdf5_filter.attributes import value_of

__all__ = ["BASELINE_GROWTH", "LOSS_ATTRIBUTES", "add_loss", "baseline_growth", "growth_words", "stated_loss"]

_LOSSY = "astrocodec_lossy"
_NUMBERS = {
    "astrocodec_max_error": "max_error",
    "astrocodec_largest_error": "largest_error",
    "astrocodec_added_variance": "variance",
    "astrocodec_noise_growth": "noise_increase",
}
BASELINE_GROWTH = "astrocodec_baseline_growth"  # of visibilities, by how much the variance grew on each
LOSS_ATTRIBUTES = frozenset(name.encode() for name in (_LOSSY, *_NUMBERS, BASELINE_GROWTH))


def add_loss(dataset: h5py.Dataset, found: ImageLoss) -> None:
    """Give a dataset the attributes; what was not measured has none."""
    dataset.attrs[_LOSSY] = np.bytes_(found.asked)  # of fixed length, so that it lies under the header's checksum
    for name, of in _NUMBERS.items():
        if (number := getattr(found, of)) is not None:
            dataset.attrs[name] = np.float64(number)


def stated_loss(dataset: h5py.Dataset) -> ImageLoss | None:
    """
    Return what the attributes of a dataset say that it lost; None where there are none.

    Examples
    --------
    >>> with h5py.File.in_memory() as file:
    ...     file["x"] = 7.0
    ...     add_loss(file["x"], ImageLoss("max_error 1%", True, 0.01, 0.009, 2.0, None))
    ...     str(stated_loss(file["x"]))
    'max_error 1%, within 0.01 of each value (largest error 0.009), added variance 2'
    """
    words = value_of(dataset, _LOSSY)
    words = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    if not isinstance(words, str):
        return None
    numbers = {of: _number(dataset, name) for name, of in _NUMBERS.items()}
    known = {of: number or 0.0 for of, number in numbers.items() if of != "noise_increase"}
    is_relative = words.startswith("max_error") and words.endswith("%")
    return ImageLoss(words, is_relative, noise_increase=numbers["noise_increase"], **known)


def baseline_growth(dataset: h5py.Dataset) -> npt.NDArray[np.float32] | None:
    """
    Return by how much the noise's variance has grown on each baseline of a dataset of visibilities, as a share of it.

    Parameters
    ----------
    dataset : h5py.Dataset
        ``Data/visdata`` of a uvh5 file, or a column of a Measurement Set's archive.

    Returns
    -------
    ndarray or None
        float32, [baseline], in the order of a time's rows; NaN where noise is not known. None where nothing was lost,
        or rows are not those of the same baselines at each time.

    Examples
    --------
    >>> with h5py.File.in_memory() as file:
    ...     file["x"] = 7.0
    ...     print(baseline_growth(file["x"]))
    None
    """
    found = value_of(dataset, BASELINE_GROWTH)
    is_list = isinstance(found, np.ndarray) and found.ndim == 1 and found.dtype.kind == "f" and found.size > 0
    return found.astype(np.float32) if is_list else None


def growth_words(dataset: h5py.Dataset) -> str:
    """Say how unevenly baselines lost; empty where nothing is told of them."""
    found = baseline_growth(dataset)
    if found is None or np.isnan(found).all():
        return ""
    return f"variance grown by {np.nanmin(found):.3%} to {np.nanmax(found):.3%} on {found.size} baselines"


def _number(dataset: h5py.Dataset, name: str) -> float | None:
    found = np.asarray(value_of(dataset, name))
    return float(found.ravel()[0]) if found.size == 1 and found.dtype.kind in "iuf" else None
