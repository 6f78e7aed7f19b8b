"""A progress bar on stderr, for long work and on a terminal only."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from msgspec import Struct

from tracker.core.text import safe_text


class Bar(Struct, frozen=True):
    """at: how far the work has come, in the units of its total. say: a line on stderr, above the bar."""

    at: Callable[[int], None]
    say: Callable[[str], None]


@contextmanager
def bar(what: str, total: int | None) -> Iterator[Bar]:
    """total None: nobody knows how much there is, and there is no bar."""
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
