"""The sets of AstroCompress as folders of FITS files: of a clone of one, or through the library ``datasets``.

A repository (https://huggingface.co/AstroCompress) holds FITS files, and of each split and configuration a list
``splits/tiny_train.jsonl`` whose lines name image and file. What the paper's experiments take of them (its appendix
A.1.3) is written as FITS files into ``FOLDER/train/EXPERIMENT`` and ``FOLDER/test/EXPERIMENT``.
"""

from __future__ import annotations

import importlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from astrocodec.analysis.images.image_entry import exposure_seconds
from astrocodec.bench.lossless.image_sets import ImageSet
from astrocodec.learning.integer_arrays import Share

__all__ = ["OWNER", "astrocompress_sets", "is_clone"]

OWNER = "AstroCompress/"
NAMES = ("GBI-16-2D", "GBI-16-2D-Legacy", "SBI-16-2D", "SBI-16-3D", "GBI-16-4D")
_SPLITS = ("train", "test")
_INSTALL = (
    "pip install 'datasets<4' (later ones run no scripts, which these sets are read by), or clone the set with git"
)


@dataclass(frozen=True, eq=False)
class Item:
    """One image of a set, of two, three or four axes."""

    name: str
    pixels: NDArray[np.uint16]
    exposure: float | None
    telescope: str


def is_clone(path: Path) -> bool:
    """Whether a folder is a clone of a set."""
    return any((path / "splits").glob("*_test.jsonl"))


def astrocompress_sets(source: str, folder: Path, most: int | None = None) -> list[ImageSet]:
    """The paper's sets of one of theirs.

    Parameters
    ----------
    source : str
        Folder of a clone, or ``AstroCompress/NAME``; with ``:tiny`` or ``:full`` behind it the configuration, by
        default the small one.
    folder : Path
        Where the FITS files go; what is there already is taken as it is.
    most : int, optional
        Take so many images of a split only.

    Raises
    ------
    ImportError
        The library is not installed, or too new.
    ValueError
        There is no such set.
    """
    place, _, configuration = source.partition(":")
    name = Path(place).resolve().name if Path(place).is_dir() else place.removeprefix(OWNER)
    if name not in NAMES:
        raise ValueError(f"set {name!r} found, known of AstroCompress are {', '.join(NAMES)}")
    for split in _SPLITS:
        if Path(place).is_dir():
            items = _cloned(Path(place), name, configuration or "tiny", split, most)
        else:
            items = itertools.islice(_loaded(place, configuration or "tiny", split), most)
        for item in items:
            for experiment, image, pixels in experiments_of(name, item):
                _write(folder / split / experiment / f"{image}.fits", pixels, item.exposure)
    return _sets(folder)


def experiments_of(name: str, item: Item) -> Iterator[tuple[str, str, NDArray[np.uint16]]]:
    """Experiment, name and pixels of the images that the paper makes of one."""
    whole = item.pixels
    if name == "SBI-16-3D":
        yield "JWST-2D", item.name, whole[0]
        for t in range(1, len(whole)):
            yield "JWST-2D-Res", f"{item.name}.{t}", whole[t] - whole[t - 1]  # modulo 65536
    elif name == "GBI-16-4D":
        yield "SDSS-2D", item.name, whole[0, 2]
        yield "SDSS-3Dλ", item.name, whole[0, 1:4]
        if len(whole) >= 3:
            yield "SDSS-3DT", item.name, whole[:3, 2]
    else:
        yield {"SBI-16-2D": "Hubble", "GBI-16-2D": "Keck"}.get(name, item.telescope or name), item.name, whole


def _cloned(root: Path, name: str, configuration: str, split: str, most: int | None) -> Iterator[Item]:
    """Images of a clone's list."""
    lines = (root / "splits" / f"{configuration}_{split}.jsonl").read_text(encoding="utf-8").splitlines()
    for line in list(filter(None, lines))[:most]:
        said = json.loads(line)
        with fits.open(root / said["image"]) as hdus:
            parts = _of_file(name, hdus)
            seconds = exposure_seconds([said, *(hdu.header for hdu in hdus)])
            for number, pixels in enumerate(parts):
                image = said["image_id"] if len(parts) == 1 else f"{said['image_id']}_{number}"
                yield Item(image, np.array(pixels, np.uint16), seconds, str(said.get("telescope", "")))


def _of_file(name: str, hdus: Any) -> list[Any]:
    """The arrays of a file that are images; Keck's amplifiers stay apart."""
    if name == "SBI-16-2D":
        return [hdus[1].data, hdus[4].data]
    if name == "SBI-16-3D":
        return [hdus["SCI"].data[0]]
    return [hdu.data for hdu in hdus if hdu.is_image and hdu.data is not None and hdu.data.ndim > 1]


def _loaded(place: str, configuration: str, split: str) -> Iterator[Item]:
    """Images of a set through the library, one after the other."""
    try:
        library = importlib.import_module("datasets")
    except ImportError as error:
        raise ImportError(f"{place}: needs the library datasets: {_INSTALL}", name="datasets") from error
    try:
        found: Iterable[Mapping[str, Any]] = library.load_dataset(
            place, configuration, split=split, streaming=True, trust_remote_code=True
        )
    except RuntimeError as error:
        raise ImportError(f"{place}: {error}; {_INSTALL}", name="datasets") from error
    for number, said in enumerate(found):
        about = {key: value for key, value in said.items() if key != "image"}
        pixels = np.asarray(said["image"], np.uint16)
        name = Path(str(said.get("image_id", number))).name
        yield Item(name, pixels, exposure_seconds([about]), str(said.get("telescope", "")))


def _write(path: Path, pixels: NDArray[np.uint16], exposure: float | None) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    header = fits.Header({} if exposure is None else {"EXPTIME": exposure})
    fits.PrimaryHDU(pixels, header).writeto(path)


def _sets(folder: Path) -> list[ImageSet]:
    """Sets of what was written."""
    return [
        ImageSet(
            tested.name,
            tuple(sorted((folder / "train" / tested.name).glob("*.fits"))),
            tuple(Share(path) for path in sorted(tested.glob("*.fits"))),
        )
        for tested in sorted((folder / "test").iterdir())
        if tested.is_dir()
    ]
