"""What is to be done with one file, and what then becomes of it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, Literal

from astrocodec.cli.formats import FITS, Format, may_be_hdf5
from astrocodec.cli.inputs import Input


class Destination(Enum):
    """Where the result of a task goes, and what becomes of its input."""

    FILE = "written beside the input, which stays"
    DELETE_INPUT = "written beside the input, which is deleted after verification"
    REPLACE_INPUT = "takes the input's name after verification"
    STDOUT = "copied to standard output"
    NOWHERE = "thrown away: a test"


@dataclass(frozen=True)
class Task:
    """What to do with one file."""

    kind: Format
    operation: Literal["compress", "decompress"]  # function of its package to call
    source: Input
    target: Path | None  # the file to write; None for standard output and for tests
    destination: Destination
    overwrite: bool = False  # whether the target may be replaced that was there when the run began
    replaced: os.stat_result | None = None  # what that was, None where there was none
    skip_existing: bool = False  # whether a target that verifies against the input counts as done
    named: bool = False  # whether the user named the output, which is then written whatever is in the input
    options: Mapping[str, Any] = field(default_factory=dict)  # further arguments of the operation
    keep: str = ""  # why an input that was to be deleted is kept, empty where it is not

    @property
    def file(self) -> str:
        """The input's name, as printed."""
        return str(self.source.path)

    @property
    def may_be_hdf5(self) -> bool:
        """Whether HDF5 will read it."""
        return self.kind != FITS


@dataclass(frozen=True)
class ReadTask:
    """What to do with a file that is only read."""

    path: Path
    target: ClassVar[None] = None

    @property
    def file(self) -> str:
        """The file's name, as printed."""
        return str(self.path)

    @property
    def may_be_hdf5(self) -> bool:
        """Whether HDF5 will read it."""
        return may_be_hdf5(self.path)
