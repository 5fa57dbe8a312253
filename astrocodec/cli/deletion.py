"""An input that is to be deleted, and the last checks before it is."""

import os
from dataclasses import dataclass
from pathlib import Path

from astrocodec.errors import DifferenceError


@dataclass(frozen=True)
class Deletion:
    """An input whose output is verified and on the disk.

    Attributes
    ----------
    source, target : pathlib.Path
        Input and output.
    before : os.stat_result
        Of the input, before it was read.
    """

    source: Path
    target: Path
    before: os.stat_result

    def perform(self) -> None:
        """Delete the input.

        Raises
        ------
        DifferenceError
            It has changed since it was read.
        FileExistsError
            It is the output, by whatever name.
        OSError
            The system refused.
        """
        if os.path.samefile(self.target, self.source):
            raise FileExistsError("the output is the input itself; it was not deleted")
        now, before = os.stat(self.source), self.before
        if (now.st_ino, now.st_size, now.st_mtime_ns) != (before.st_ino, before.st_size, before.st_mtime_ns):
            raise DifferenceError("the input changed while it was read; it was kept")
        self.source.unlink()
