"""Runs the demo: reads a snapshot five times a second and shows it, until the story ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import click
from rich.console import Console
from rich.live import Live

from tracker.demo import story
from tracker.demo.plain import PlainView
from tracker.demo.reader import SnapshotReader
from tracker.demo.site import DemoSite
from tracker.demo.snapshot import DemoSnapshot
from tracker.demo.view import screen
from tracker.signal_flag import SignalFlag

EVERY_S = 0.2
# After the story the last changes still have to be polled and delivered. If that takes longer, something is wrong.
PATIENCE_S = 15.0
WIDTH_MIN, HEIGHT_MIN = 72, 20  # a smaller terminal gets lines


class DemoView(Protocol):
    """Shows one snapshot after the other."""

    def show(self, snapshot: DemoSnapshot) -> None: ...


class LiveView:
    """Shows snapshots on the whole terminal, which is restored at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.live = Live(console=console, screen=True, auto_refresh=False)

    def show(self, snapshot: DemoSnapshot) -> None:
        self.live.update(screen(snapshot, *self._console.size), refresh=True)


@contextmanager
def open_view(console: Console, *, plain: bool) -> Iterator[DemoView]:
    """Opens the live view, or one that prints lines."""
    if plain:
        yield PlainView(click.echo)
        return
    view = LiveView(console)
    with view.live:
        yield view


def can_show_live_view(console: Console) -> bool:
    """Returns whether this is a terminal that is large enough and prints Unicode."""
    large = console.width >= WIDTH_MIN and console.height >= HEIGHT_MIN
    return console.is_terminal and not console.is_dumb_terminal and large and "utf" in console.encoding.lower()


def run(site: DemoSite, view: DemoView, stop: SignalFlag) -> bool:
    """Runs the story; returns False when `stop` was set before its end. Raises UserError when the daemon dies."""
    reader = SnapshotReader(site)
    while not stop.is_set():
        site.do_due_steps()
        snapshot = reader.read()
        view.show(snapshot)
        if finished(snapshot):
            return True
        stop.wait(EVERY_S)
    return False


def finished(snapshot: DemoSnapshot) -> bool:
    """Returns whether the story is over and every change is recorded and delivered, or that takes too long."""
    if snapshot.minute < story.MINUTES:
        return False
    orders = snapshot.orders
    settled = len(orders) == snapshot.expected and all(order.final for order in orders) and not snapshot.waiting
    return settled or snapshot.at_s > snapshot.total_s + PATIENCE_S
