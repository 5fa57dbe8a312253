"""Names of outputs, made from names of inputs."""

from pathlib import Path

_COMPRESSED = ".ac.fits"
# Longest first: "a.fits.gz" loses all of its suffix, not only ".gz".
_FITS_SUFFIXES = (".fits", ".fit", ".fts")
_PACKED_SUFFIXES = tuple(
    suffix + packed for suffix in _FITS_SUFFIXES for packed in (".fz.gz", ".fz.bz2", ".gz", ".bz2", ".fz")
)
_COMPRESSED_SUFFIXES = (_COMPRESSED, _COMPRESSED + ".gz", _COMPRESSED + ".bz2")
_HDF5_SUFFIXES = (".h5", ".hdf5", ".he5", ".hdf", ".nc", ".nc4", ".nxs", ".uvh5")


def is_compressed_name(path: Path) -> bool:
    """Whether a name is one that `fits-compress` gives, packed or not: ``NAME.ac.fits``, ``NAME.ac.fits.gz``."""
    return path.name.lower().endswith(_COMPRESSED_SUFFIXES)


def is_compressible_name(path: Path) -> bool:
    """Whether a file found in a directory is one to compress: FITS, packed or not, except ``.ac.fits``."""
    return is_fits_name(path) and not is_compressed_name(path)


def is_learnable_name(path: Path) -> bool:
    """Whether a file found in a directory is one that learned lossless codecs learn from."""
    return is_compressible_name(path) or is_hdf5_name(path)


def is_fits_name(path: Path) -> bool:
    """Whether a file found in a directory is probably FITS, compressed or not, packed (gzip, bzip2, fpack) or not."""
    return path.name.lower().endswith(_FITS_SUFFIXES + _PACKED_SUFFIXES)


def is_unpacked_fits_name(path: Path) -> bool:
    """Whether a file found in a directory may be one to decompress: by its name or, seen at no cost, by its content."""
    return is_compressed_name(path) or path.name.lower().endswith(_FITS_SUFFIXES)


def is_compressed_visibility_name(path: Path) -> bool:
    """Whether a name is one that `vis-compress` gives: ``NAME.ms.ac.h5``, ``NAME.ac.uvh5``."""
    inner = Path(path.stem)
    suffix = path.suffix.lower()
    return inner.suffix.lower() == ".ac" and (suffix == ".uvh5" or (suffix == ".h5" and "." in inner.stem))


def visibility_name(path: Path) -> str:
    """Name of the compressed copy of visibilities."""
    from astrocodec.visibility.files import compressed_name  # h5py takes its time

    return compressed_name(path)


def plain_visibility_name(path: Path) -> str:
    """Name of what compressed visibilities were made from."""
    from astrocodec.visibility.files import decompressed_name

    return decompressed_name(path)


def is_visibility_name(path: Path) -> bool:
    """Whether what is found in a directory is by its name a file of visibilities, or a Measurement Set by itself."""
    if is_compressed_visibility_name(path):
        return False
    if path.suffix.lower() in (".uvh5", ".uvfits", ".uvfit"):
        return True
    try:
        return "Measurement Set" in (path / "table.info").read_text("latin-1").partition("\n")[0]
    except OSError:
        return False


def stem(path: Path) -> str:
    """Strip every suffix that stands for FITS or its packing: ``frame`` of ``frame.FITS.gz`` and ``frame.ac.fits``."""
    name = path.name
    for suffix in (*sorted(_COMPRESSED_SUFFIXES, key=len, reverse=True), *_PACKED_SUFFIXES, *_FITS_SUFFIXES):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name


def compressed_name(path: Path) -> str:
    """Name of a FITS file's compressed copy, ``NAME.ac.fits``."""
    return stem(path) + _COMPRESSED


def is_hdf5_name(path: Path) -> bool:
    """Whether a file found in a directory is probably HDF5, by the usual suffixes."""
    return path.name.lower().endswith(_HDF5_SUFFIXES)


def is_listed_name(path: Path) -> bool:
    """Whether a file found in a directory is by its suffix FITS or HDF5."""
    return is_fits_name(path) or is_hdf5_name(path)


def is_compressed_hdf5_name(path: Path) -> bool:
    """Whether a name is one that `h5-compress` gives: ``NAME.ac.h5``, ``NAME.ac.nc``."""
    return is_hdf5_name(path) and Path(path.stem).suffix.lower() == ".ac"


def compressed_hdf5_name(path: Path) -> str:
    """Name of an HDF5 file's compressed copy, by whose suffix programs know it as before.

    ``NAME.ac.h5`` for ``NAME.h5`` and ``NAME``, ``NAME.ac.nc`` for ``NAME.nc``.
    """
    if not is_hdf5_name(path) or not path.suffix:
        return path.name + ".ac.h5"
    return path.name if is_compressed_hdf5_name(path) else f"{path.stem}.ac{path.suffix}"


def plain_hdf5_name(path: Path) -> str:
    """Name of a compressed HDF5 file's original: ``NAME.h5`` for ``NAME.ac.h5``; another name as it is."""
    return Path(path.stem).stem + path.suffix if is_compressed_hdf5_name(path) else path.name
