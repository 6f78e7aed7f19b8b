"""`tracker demo`: show the tracker working, on simulated panels."""

import signal
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import click

from tracker import log
from tracker.demo import story
from tracker.errors import Exit, UserError
from tracker.signal_flag import SignalFlag

EPILOG = """\b
Examples:
  tracker demo                   about a minute, in a live view
  tracker demo --seconds 180     slower, to look around
  tracker demo --plain           print a line for everything that happens
  tracker demo --keep look       keep the database, to try the other commands on

Ctrl-C ends it early. It calls nothing but 127.0.0.1, and does not read your own configuration.
"""


@click.command(epilog=EPILOG)
@click.option(
    "--seconds",
    type=click.FloatRange(story.SECONDS_MIN, story.SECONDS_MAX),
    help=f"How long it takes (default: {story.SECONDS:.0f}).",
)
@click.option(
    "--speed",
    type=click.FloatRange(story.MINUTES * 60 / story.SECONDS_MAX, story.MINUTES * 60 / story.SECONDS_MIN),
    help="The same, as simulated seconds per second (default: 300).",
)
@click.option("--plain", is_flag=True, help="Lines instead of the live view, as without a terminal.")
@click.option(
    "--keep",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Leave configuration, database and log in DIR, which must be new or empty.",
)
def demo(seconds: float | None, speed: float | None, plain: bool, keep: Path | None) -> Exit:
    """Show it working: two simulated panels, a receiver and the tracker.

    A few dozen orders of invented services go through their lives, five hours in a minute; a panel fails
    and recovers, an order ends partial, a balance runs low. At the end it checks that nothing was lost.
    """
    if seconds is not None and speed is not None:
        raise click.UsageError("--seconds and --speed say the same: give one of them")
    length_s = seconds or (story.MINUTES * 60 / speed if speed else story.SECONDS)
    with _folder(keep) as folder, _stopping() as stop:
        code = _run(folder, length_s, stop, plain=plain)
    if keep is not None:
        click.echo(f"Kept in {keep}. Look around: tracker --config {keep / 'config.toml'} orders list")
    return code


def _run(folder: Path, seconds: float, stop: SignalFlag, *, plain: bool) -> Exit:
    from rich.console import Console

    from tracker.demo import checks, report, runner
    from tracker.demo.evidence import gather
    from tracker.demo.site import DemoSite

    log.setup("error", "console", log.Masker([]))
    console = Console(highlight=False)
    plain = plain or not runner.can_show_live_view(console)
    with DemoSite(folder, seconds) as site:
        click.echo(
            f"tracker demo: {site.orders} invented orders, five hours in {seconds:.0f} seconds, no key, no network"
        )
        with runner.open_view(console, plain=plain) as view:
            complete = runner.run(site, view, stop)
        site.stop_daemon()
        evidence = gather(site, complete=complete)
    found, verdict = checks.checks(evidence), checks.verdict(evidence)
    if plain:
        click.echo("\n".join(report.lines(found, verdict, complete=complete)))
    else:
        console.print(report.page(found, verdict, complete=complete))
    return Exit.PROBLEM if report.failed(found) else Exit.DONE


def _folder(keep: Path | None) -> AbstractContextManager[Path]:
    if keep is None:
        return _temporary()
    keep.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(keep.iterdir()):
        raise UserError(f"{keep} is not empty", ["name a new directory after --keep"], Exit.USAGE)
    return nullcontext(keep.absolute())


@contextmanager
def _temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tracker-demo-") as name:
        yield Path(name)


@contextmanager
def _stopping() -> Iterator[SignalFlag]:
    """Yields an event that the first Ctrl-C, SIGTERM or closed terminal sets. The next one has its usual effect."""
    stop = SignalFlag()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def ask(_number: int, _frame: object) -> None:
        stop.set()
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        restore()
