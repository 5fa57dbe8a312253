"""Measurement Sets as HDF5 files, and back."""

from astrocodec.visibility.archive.contents import is_archive
from astrocodec.visibility.archive.whole_sets import (
    archive_measurement_set,
    columns_of_set,
    compare_with_set,
    restore_measurement_set,
)

__all__ = ["archive_measurement_set", "columns_of_set", "compare_with_set", "is_archive", "restore_measurement_set"]
