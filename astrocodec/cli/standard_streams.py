"""Standard streams that are closed, full or without a reader: the work goes on, and the loss is told at the end."""

import codecs
import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click

from astrocodec.cli.exit_codes import ExitCode

_REASONS = {
    errno.EBADF: "it is closed",
    errno.EPIPE: "the program that read it has stopped",
    errno.ENOSPC: "no space left on its device",
    errno.EDQUOT: "the disk quota is used up",
}


class TolerantStream(io.TextIOWrapper):
    """Standard output or error, which drops text once that can no longer be written.

    Bytes written to `buffer`, such as a whole FITS file, raise their errors as ever.
    """

    lost: OSError | None = None  # why text was dropped
    needed: bool = False  # whether the text is all that the command is for

    def write(self, text: str, /) -> int:
        """Write text, or drop it."""
        if self.lost is None:
            try:
                return super().write(text)
            except OSError as error:
                self._give_up(error)
        return len(text)

    def flush(self) -> None:
        """Flush what is not lost."""
        if self.lost is None:
            try:
                super().flush()
            except OSError as error:
                self._give_up(error)

    def close(self) -> None:
        """Flush only: the bytes below belong to the stream that was there before."""
        self.flush()

    def _give_up(self, error: OSError) -> None:
        self.lost = error
        # What lies in the buffer would fail again when the interpreter ends.
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            super().flush()


class _Closed(io.RawIOBase):
    """Stands for a standard stream that the process was started without."""

    def __init__(self, name: str) -> None:
        self.name = name

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readinto(self, buffer: object, /) -> int:
        raise OSError(errno.EBADF, "is closed", self.name)

    def write(self, data: object, /) -> int:
        raise OSError(errno.EBADF, "is closed", self.name)


@contextmanager
def usable_streams() -> Iterator[None]:
    """Make all three standard streams usable, whatever the process was started with.

    Without this, the first file that is opened takes the place of a closed stream, and messages go into it.
    """
    before = sys.stdin, sys.stdout, sys.stderr
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            _occupy(number)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(_Closed("standard input"))
    sys.stdout = _tolerant(sys.stdout, "standard output")
    sys.stderr = _tolerant(sys.stderr, "standard error")
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


def need_output() -> None:
    """Let the command fail where its text is lost: it does nothing but print."""
    if isinstance(sys.stdout, TolerantStream):
        sys.stdout.needed = True


def tell_loss(code: int) -> int:
    """Say on standard error that text for standard output was lost, if it was.

    Gives back the exit code, or another where the text was all that was to be done.
    """
    sys.stdout.flush()
    if not isinstance(sys.stdout, TolerantStream) or sys.stdout.lost is None:
        return code
    error = sys.stdout.lost
    reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
    click.echo(f"astrocodec: standard output could not be written: {reason}", err=True)
    return ExitCode.SYSTEM if sys.stdout.needed and code == ExitCode.OK else code


def _occupy(number: int) -> None:
    """Put the null device into the place of a closed stream, for child processes too."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)
    os.set_inheritable(number, True)


def _tolerant(stream: object, name: str) -> TolerantStream:
    """Put a text stream of ours over the bytes of another; characters that its encoding lacks are escaped."""
    if not isinstance(stream, io.TextIOWrapper):
        return TolerantStream(_Closed(name), encoding="utf-8", errors="backslashreplace")
    stream.flush()
    # click takes a stream of plain ASCII for a mistake in the settings, and so do we.
    encoding = "utf-8" if codecs.lookup(stream.encoding).name == "ascii" else stream.encoding
    return TolerantStream(stream.buffer, encoding, "backslashreplace", line_buffering=stream.line_buffering)
