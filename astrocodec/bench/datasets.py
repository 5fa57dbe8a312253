"""The corpus of real frames: where it is, what it holds, its pixels as stored."""

import csv
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

CORPUS_VARIABLE = "ASTROCODEC_CORPUS"
INTEGER_KINDS = ("raw-int", "processed-int")
# BZERO by which FITS, having one sign per BITPIX, stores the other one.
_OTHER_SIGN = {"uint8": (-128, "int8"), "int16": (2**15, "uint16"), "int32": (2**31, "uint32")}


@dataclass(frozen=True)
class CorpusFile:
    """One line of the corpus's manifest."""

    path: Path
    name: str  # its name in the manifest
    group: str  # instrument; frames of one group resemble each other
    kind: str  # ``raw-int``, ``processed-int``, ``ramp``, ``float``, ``cutout`` or ``visibility``


@dataclass(frozen=True)
class Frame:
    """One image HDU of a corpus file, as stored."""

    source: CorpusFile
    hdu: int  # its number, from 0
    stored: NDArray[np.generic]  # integers or floats of the data unit, in native byte order
    bzero: float  # 0 where the header has none

    @property
    def pixels(self) -> NDArray[np.generic]:
        """Pixels of the type that the file means: uint16 for int16 stored with BZERO 32768."""
        offset, meant = _OTHER_SIGN.get(self.stored.dtype.name, (0, ""))
        if not meant or self.bzero != offset:
            return self.stored
        return (self.stored.astype(np.int64) + offset).astype(meant)

    @property
    def planes(self) -> NDArray[np.generic]:
        """`pixels` as a stack of planes, shape (planes, rows, columns)."""
        pixels = np.atleast_2d(self.pixels)
        return pixels.reshape(-1, *pixels.shape[-2:])


def find_corpus(root: str | os.PathLike[str] | None = None) -> Path:
    """Find the directory that holds the corpus and its ``MANIFEST.csv``.

    By default that of ``$ASTROCODEC_CORPUS``, else ``../shared/corpus`` beside the repository.
    """
    beside = Path(__file__).resolve().parents[3] / "shared" / "corpus"
    candidate = Path(root or os.environ.get(CORPUS_VARIABLE) or beside)
    if not (candidate / "MANIFEST.csv").is_file():
        raise FileNotFoundError(
            f"no corpus at {candidate}: it has no MANIFEST.csv; set {CORPUS_VARIABLE} to the directory that holds it"
        )
    return candidate


def corpus_files(
    kinds: Collection[str] = INTEGER_KINDS,
    names: Collection[str] = (),
    root: str | os.PathLike[str] | None = None,
) -> list[CorpusFile]:
    """List the corpus's FITS files of some kinds, in the manifest's order; of `names`, any part of a name will do."""
    corpus = find_corpus(root)
    with open(corpus / "MANIFEST.csv", newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return [
        CorpusFile(corpus / row["file"], row["file"], row["group"], row["kind"])
        for row in rows
        if row["kind"] in kinds and ".fits" in row["file"] and (not names or any(name in row["file"] for name in names))
    ]


def frames(source: CorpusFile) -> Iterator[Frame]:
    """Yield every image HDU that holds pixels, in the file's order; they outlive the open file."""
    with fits.open(source.path, do_not_scale_image_data=True, memmap=False) as hdus:
        for index, hdu in enumerate(hdus):
            if not hdu.is_image or hdu.data is None or hdu.data.size == 0:
                continue
            stored = np.array(hdu.data, dtype=hdu.data.dtype.newbyteorder("="), order="C")
            yield Frame(source, index, stored, float(hdu.header.get("BZERO", 0.0)))
