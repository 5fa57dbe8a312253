"""Names of outputs, made from names of inputs."""

from pathlib import Path

COMPRESSED_SUFFIX = ".ac.fits"
# Longest first: "a.fits.gz" loses all of its suffix, not only ".gz".
_FITS_SUFFIXES = (".fits", ".fit", ".fts")
_PACKED_SUFFIXES = tuple(suffix + packed for suffix in _FITS_SUFFIXES for packed in (".gz", ".bz2", ".fz"))


def is_compressed_name(path: Path) -> bool:
    """Whether a name is one that `fits-compress` gives.

    Parameters
    ----------
    path : pathlib.Path
        Any path.

    Returns
    -------
    bool
        True for ``NAME.ac.fits``.
    """
    return path.name.lower().endswith(COMPRESSED_SUFFIX)


def is_compressible_name(path: Path) -> bool:
    """Whether a file found in a directory is one to compress.

    Parameters
    ----------
    path : pathlib.Path
        Any path.

    Returns
    -------
    bool
        True for the suffixes of FITS files, packed by gzip, bzip2 or fpack or not, except ``.ac.fits``.
    """
    return not is_compressed_name(path) and path.name.lower().endswith(_FITS_SUFFIXES + _PACKED_SUFFIXES)


def stem(path: Path) -> str:
    """Strip every suffix that stands for FITS or its packing.

    Parameters
    ----------
    path : pathlib.Path
        Any path.

    Returns
    -------
    str
        ``frame`` for ``frame.fits``, ``frame.FITS.gz``, ``frame.ac.fits``; a name without such a suffix as it is.
    """
    name = path.name
    for suffix in (COMPRESSED_SUFFIX, *_PACKED_SUFFIXES, *_FITS_SUFFIXES):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name
