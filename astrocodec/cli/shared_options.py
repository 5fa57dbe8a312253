"""Options that several commands share, handed over as one value."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any


def as_one_argument(
    kind: type[Any], options: Sequence[Callable[..., Any]], command: Callable[..., None]
) -> Callable[..., None]:
    """Add options, in the order of the help, to a command, which gets their values as one argument ``run``.

    `kind` is a dataclass whose fields are named as the options' parameters; one that the command lacks keeps its
    default.
    """

    @functools.wraps(command)
    def with_run(**values: Any) -> None:
        run = kind(**{entry.name: values.pop(entry.name) for entry in fields(kind) if entry.name in values})
        command(run=run, **values)

    decorated: Callable[..., None] = with_run
    for option in reversed(options):
        decorated = option(decorated)
    return decorated
