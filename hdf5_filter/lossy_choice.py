"""Which datasets of a file may lose something within a bound, and why others may not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import h5py
import numpy as np

from astrocodec.bounds import Bound
from astrocodec.files.mask_names import is_mask_name
from astrocodec.stages.quantise import TYPES
from hdf5_filter.attributes import value_of
from hdf5_filter.blanks import blanks_of
from hdf5_filter.dataset_loss import loss_of
from hdf5_filter.elements import blocks_in
from hdf5_filter.names import name_of
from hdf5_filter.references import Addresses
from hdf5_filter.sparse import box_arrays, stored_boxes

__all__ = ["bound_of_dataset", "coordinates_of", "why_lossless"]

_NAMED_BY = ("coordinates", "bounds", "climatology", "cell_measures", "formula_terms")  # conventions of CF
_FLAGS = ("flag_values", "flag_masks", "flag_meanings")
_LEAST_SIDE = 16  # of an image; columns of a table are fewer
_ANGLES = ("degrees_north", "degrees_east", "degree_north", "degree_east")


def coordinates_of(datasets: Iterable[h5py.Dataset]) -> set[int]:
    """Find the datasets that others name as theirs: places, times, bounds of cells."""
    found: set[int] = set()
    for dataset in datasets:
        words = " ".join(_text(dataset, name) for name in _NAMED_BY).split()
        found |= {address for word in words if (address := _address(dataset, word)) is not None}
    return found


def _address(dataset: h5py.Dataset, word: str) -> int | None:
    """Address of what a dataset means by a name: in its own group, else in those above."""
    group = dataset.parent
    while True:
        named = group.get(word)
        if isinstance(named, h5py.Dataset) and named.file == dataset.file:
            return int(Addresses.address(named.id))
        if group.name in ("/", None):
            return None
        group = group.parent


def _text(dataset: h5py.Dataset, name: str) -> str:
    found = value_of(dataset, name)
    found = found.decode("utf-8", "replace") if isinstance(found, bytes) else found
    return found if isinstance(found, str) else ""


def why_lossless(dataset: h5py.Dataset, bound: Bound, *, is_named: bool, is_coordinate: bool) -> str:
    """Say why a dataset must not lose anything; empty where it may. One that is named may be what others may not be."""
    kind = dataset.dtype
    if kind.str[1:] not in TYPES or h5py.check_enum_dtype(kind) is not None:
        return f"of {'an enumeration' if h5py.check_enum_dtype(kind) else kind} no bound is kept"
    if before := loss_of(dataset):
        return f"it has lost something before ({before.asked})"
    offset, scale = (_number(dataset, name, default) for name, default in (("add_offset", 0.0), ("scale_factor", 1.0)))
    if bound.kind == "relative" and offset:
        return f"with add_offset {offset:g} stored numbers are not in proportion to values"
    asks_for_bright = bound.gain or bound.protect_sources or bound.saturation is not None
    if scale < 0 and asks_for_bright:
        return f"with scale_factor {scale:g} bright elements are small numbers"
    if _text(dataset, "_Unsigned").lower() == "true" and (asks_for_bright or bound.kind == "relative"):
        return "by its attribute _Unsigned stored numbers are not in the order of values"
    return "" if is_named else _why_not_unnamed(dataset, is_coordinate)


def _why_not_unnamed(dataset: h5py.Dataset, is_coordinate: bool) -> str:
    if sorted(dataset.shape)[-2:][0] < _LEAST_SIDE or dataset.ndim < 2:
        return "it is no image; name it if it may lose something"
    if is_coordinate or h5py.h5ds.is_scale(dataset.id) or _text(dataset, "units") in _ANGLES:
        return "it tells the coordinates of others; name it if it may lose something"
    if any(name in dataset.attrs for name in _FLAGS) or is_mask_name(name_of(dataset).rpartition("/")[2]):
        return "it holds flags; name it if it may lose something"
    if _text(dataset, "CLASS") == "PALETTE" or _text(dataset, "IMAGE_SUBCLASS") == "IMAGE_INDEXED":
        return "it holds colours or their numbers; name it if it may lose something"
    return ""


def _number(dataset: h5py.Dataset, name: str, default: float) -> float:
    found = np.asarray(value_of(dataset, name))
    return float(found.ravel()[0]) if found.size == 1 and found.dtype.kind in "iuf" else default


def bound_of_dataset(dataset: h5py.Dataset, bound: Bound, workers: int) -> Bound | None:
    """Return a bound that keeps what stands for none in a dataset; None where several values do: it keeps one."""
    blanks = blanks_of(dataset)
    if len(blanks) > 1:
        blanks = _occurring(dataset, blanks, workers) or blanks[:1]
    if len(blanks) > 1:
        return None
    return replace(bound, blank=blanks[0].item()) if blanks else bound


def _occurring(dataset: h5py.Dataset, blanks: list[Any], workers: int) -> list[Any]:
    boxes = stored_boxes(dataset)
    cuts = list(blocks_in(dataset.id)) if boxes is None else boxes
    found: set[int] = set()
    for block in box_arrays(dataset, cuts, workers, small=boxes is not None):
        found |= {number for number, blank in enumerate(blanks) if (block == blank).any()}
    return [blanks[number] for number in sorted(found)]
