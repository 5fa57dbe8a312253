"""A progress bar on standard error, on a terminal only."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[str, float], None]


@contextmanager
def progress_bar(files: int, quiet: bool) -> Iterator[Advance]:
    """Show how far a run over files is.

    Yields what is to be called with the current file's name and the number of files done, fractions included.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda name, done: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    # What goes to a file or another program must not come out on the terminal.
    with Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as bar:
        task = bar.add_task("", total=files)
        yield lambda name, done: bar.update(task, description=escape(name), completed=done)
