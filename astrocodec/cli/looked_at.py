"""What becomes of a file that is looked at image by image, and of what goes wrong on the way."""

import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import Failure, explain


@dataclass
class LookedAt:
    """One file."""

    file: str
    skipped: list[tuple[str, str]] = field(default_factory=list)  # parts that are not looked at, and why
    failures: list[Failure] = field(default_factory=list)  # images, or the rest of the file, that failed, and why
    traces: list[str] = field(default_factory=list)  # of internal errors, shown with ``-v``

    def fail(self, error: Exception, title: str) -> None:
        """Keep what went wrong."""
        failure = explain(error, title)
        self.failures.append(failure)
        if failure.code == ExitCode.INTERNAL:
            self.traces.append("".join(traceback.format_exception(error)))

    def look(self, work: Callable[[], None]) -> None:
        """Do the work; an exception becomes a failure that says what to do."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cards of real headers; pixels do not depend on them
            try:
                work()
            except Exception as error:  # one bad file must not stop the others
                self.fail(error, self.file)
