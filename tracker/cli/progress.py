"""A progress bar on stderr for long work, on a terminal only."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from msgspec import Struct

from tracker.core.text import safe_text


class Bar(Struct, frozen=True):
    """A progress bar.

    at: call it with how much is done, in the units of the total.
    say: call it to print a line on stderr, above the bar.
    """

    at: Callable[[int], None]
    say: Callable[[str], None]


@contextmanager
def bar(what: str, total: int | None) -> Iterator[Bar]:
    """Yields a progress bar. total: None if it is unknown; then, and without a terminal, no bar is shown."""
    if total is None or not sys.stderr.isatty():
        yield Bar(lambda _done: None, lambda line: click.echo(safe_text(line), err=True))
        return
    from rich.console import Console
    from rich.progress import Progress
    from rich.text import Text

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield Bar(
            lambda done: progress.update(task, completed=done),
            lambda line: progress.console.print(Text(safe_text(line))),
        )
