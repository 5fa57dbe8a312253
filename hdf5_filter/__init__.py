"""
HDF5 door of astrocodec: the filter for h5py, parallel reading and writing, whole files.

Importing this package registers the filter with h5py.
"""

try:
    import h5py  # noqa: F401
except ImportError as error:
    raise ImportError("hdf5_filter needs h5py: pip install 'astrocodec[hdf5]'") from error

from astrocodec.errors import DifferenceError
from hdf5_filter.check import info, verify
from hdf5_filter.compress import compress
from hdf5_filter.dataset_loss import loss_of
from hdf5_filter.decompress import decompress
from hdf5_filter.filter_options import AstroCodec
from hdf5_filter.identity import FILTER_ID, FILTER_NAME, PLUGIN_PATH
from hdf5_filter.reading import read_dataset
from hdf5_filter.registration import from_filter_options, get_config, get_filters, register
from hdf5_filter.report import DatasetReport, FileReport
from hdf5_filter.writing import write_dataset

__all__ = [
    "FILTER_ID",
    "FILTER_NAME",
    "PLUGIN_PATH",
    "AstroCodec",
    "DatasetReport",
    "DifferenceError",
    "FileReport",
    "compress",
    "decompress",
    "from_filter_options",
    "get_config",
    "get_filters",
    "info",
    "loss_of",
    "read_dataset",
    "register",
    "verify",
    "write_dataset",
]

register()
