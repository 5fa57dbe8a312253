"""An input that is to be deleted, and the last checks before it is."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from astrocodec.errors import DifferenceError
from astrocodec.files.unchanged import is_unchanged, state
from astrocodec.files.writers import without_writers

if TYPE_CHECKING:
    from astrocodec.visibility.set_files import SetState


@dataclass(frozen=True)
class Deletion:
    """An input, as it was before it was read, and its output, as it was when it was verified and on the disk."""

    source: Path
    target: Path
    before: os.stat_result
    written: os.stat_result | None

    def perform(self) -> None:
        """Delete the input.

        Raises
        ------
        DifferenceError
            It has changed since it was read, or its output since it was written, or a program may still write to it.
        FileExistsError
            It is the output, by whatever name.
        """
        if os.path.samefile(self.target, self.source):
            raise FileExistsError("the output is the input itself; it was not deleted")
        with without_writers(self.source):
            # Links lead to what was read.
            if not is_unchanged(self.before, state(os.path.realpath(self.source))):
                raise DifferenceError("the input changed while it was read; it was kept")
            if not is_unchanged(self.written, state(os.path.realpath(self.target))):
                text = f"another program changed {self.target} after it was verified; the input was kept"
                raise DifferenceError(text)
            self.source.unlink()


@dataclass(frozen=True)
class SetDeletion:
    """A Measurement Set that is to be deleted, as it was before it was read, and its output, when it was verified."""

    source: Path
    target: Path
    before: "SetState"
    written: os.stat_result | None

    def perform(self) -> None:
        """Delete the set.

        Raises
        ------
        DifferenceError
            It or its output has changed, or a program has it open.
        """
        from astrocodec.visibility.set_files import remove_set

        if not is_unchanged(self.written, state(os.path.realpath(self.target))):
            raise DifferenceError(f"another program changed {self.target} after it was verified; the input was kept")
        if os.path.islink(self.source):
            raise DifferenceError("is a link to a set; both were kept")
        remove_set(self.source, self.before)
