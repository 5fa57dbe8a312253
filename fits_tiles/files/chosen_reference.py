"""The file that was chosen for images to be coded beside: its image for each of theirs, and its way into the store."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from astrocodec.files.target import FileLike, target_name
from fits_tiles.files.beside import Beside, without_single_planes
from fits_tiles.files.reference_files import References, split_name
from fits_tiles.files.reference_store import keep, store_name
from fits_tiles.layout.headers import TileLayout

__all__ = ["ChosenReference"]


@dataclass
class ChosenReference:
    """The file beside which images are coded."""

    path: Path
    number: int | None  # of the HDU, None: that of the image
    folder: Path | None  # of the output, None where that has no name
    embed: bool
    files: References
    used: list[str] = field(default_factory=list)  # files and HDUs that tiles need
    stored: list[str] = field(default_factory=list)  # files of the store that hold them

    @classmethod
    def named(
        cls, reference: str | os.PathLike[str] | None, embed: bool, src: FileLike, dst: FileLike | None
    ) -> ChosenReference | None:
        """Return what an argument names."""
        if reference is None:
            return None
        folder = Path(dst).parent if isinstance(dst, (str, os.PathLike)) else None
        if folder is None and dst is not None and not embed:
            raise ValueError(
                f"{target_name(src)}: what goes to a stream has no folder for its reference; write to a file, "
                "embed the reference, or leave it out"
            )
        file, number = split_name(reference) if isinstance(reference, str) else (os.fspath(reference), None)
        return cls(Path(file), number, folder, embed, References())

    def beside(self, layout: TileLayout, index: int) -> tuple[Beside, str] | None:
        """Return what lies beside an HDU's tiles, and its file and HDU; None where no image of the file fits them."""
        number = self.number if self.number is not None else index
        places = [self.path] if self.folder is None else [self.path, self.folder / self.path.name]
        for form in 2 * [form for place in places for form in _forms_of(place)]:  # it may be getting its other name
            with suppress(FileNotFoundError):
                found = self.files.fitting(form, number, layout.shape)
                if found is None or (self.number is not None and found[1] != self.number):
                    return None
                pixels = without_single_planes(found[0])
                return Beside.of_grid(pixels, store_name(pixels), self.embed, layout.grid), f"{form}[{found[1]}]"
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.path))

    def keep(self, beside: Beside, image: str, write: Callable[[IO[bytes], IO[bytes]], object]) -> None:
        """Put what tiles need into the store, while it is in memory; `write` compresses a FITS file."""
        self.used.append(image)
        if self.folder is not None and not self.embed:
            keep(beside.pixels, References((self.folder,)), write, split_name(image)[0])
            if beside.name not in self.stored:
                self.stored.append(beside.name)

    def as_readers(self) -> References:
        """Return what finds tiles' references as whoever reads the output will; of none, in the files they are from."""
        return References((), tuple(self.used)) if self.folder is None else References((self.folder,))


# What a file may be called after it was packed, compressed or unpacked.
_FORMS = tuple(
    suffix + packed for suffix in (".ac.fits", ".fits", ".fit", ".fts") for packed in ("", ".gz", ".bz2", ".fz")
)


def _forms_of(path: Path) -> Iterator[Path]:
    """Names by which a file is looked for, its own first: a run may have compressed or unpacked it meanwhile."""
    yield path
    form = next((form for form in sorted(_FORMS, key=len, reverse=True) if path.name.lower().endswith(form)), "")
    stem = path.name[: len(path.name) - len(form)]
    yield from (other for form in _FORMS if (other := path.with_name(stem + form)) != path)
