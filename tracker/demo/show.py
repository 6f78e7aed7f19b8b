"""The performance: one look after the other until the story ends, in front of a screen or into a pipe."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import click
from rich.console import Console
from rich.live import Live

from tracker.demo import story
from tracker.demo.plain import PlainView
from tracker.demo.reader import SceneReader
from tracker.demo.scene import Scene
from tracker.demo.stage import Stage
from tracker.demo.view import screen

LOOK_S = 0.2
# The last moves have to be asked for and told; what takes longer than this has gone wrong.
PATIENCE_S = 15.0
WIDTH_MIN, HEIGHT_MIN = 72, 20  # a smaller terminal gets lines


class Audience(Protocol):
    def show(self, scene: Scene) -> None:
        """This is how it stands now."""


class Screen:
    """Takes the whole terminal, and gives it back as it was."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.live = Live(console=console, screen=True, auto_refresh=False)

    def show(self, scene: Scene) -> None:
        self.live.update(screen(scene, *self._console.size), refresh=True)


@contextmanager
def audience(console: Console, *, plain: bool) -> Iterator[Audience]:
    if plain:
        yield PlainView(click.echo)
        return
    screen = Screen(console)
    with screen.live:
        yield screen


def watchable(console: Console) -> bool:
    """Can this terminal show the live view?"""
    large = console.width >= WIDTH_MIN and console.height >= HEIGHT_MIN
    return console.is_terminal and not console.is_dumb_terminal and large and "utf" in console.encoding.lower()


def play(stage: Stage, audience: Audience, stop: threading.Event) -> bool:
    """Until the story has come to its end; False when `stop` was set before. Raises UserError."""
    reader = SceneReader(stage)
    while not stop.is_set():
        stage.go_on()
        scene = reader.look()
        audience.show(scene)
        if over(scene):
            return True
        stop.wait(LOOK_S)
    return False


def over(scene: Scene) -> bool:
    """Told to the end, and everything that moved is recorded and delivered; or that takes too long."""
    if scene.minute < story.MINUTES:
        return False
    settled = len(scene.orders) == scene.expected and all(order.final for order in scene.orders) and not scene.waiting
    return settled or scene.at_s > scene.total_s + PATIENCE_S
