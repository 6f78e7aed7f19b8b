"""`tracker top`: a live view of the tracker in the terminal. It reads the database, so it needs no dashboard."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tracker import clock
from tracker.cli.app import App, pass_app
from tracker.cli.live import COLOURS, bare_table, head
from tracker.cli.params import duration
from tracker.core.text import safe_text
from tracker.presentation.format import ago_from, span
from tracker.reports import alerts, money, outbox, panels, stuck, summary
from tracker.reports.period import ReportScope

EPILOG = """\b
Examples:
  tracker top
  tracker top --interval 10s
  tracker top --once | head -20

Ends with q or Ctrl-C.
"""
EVENTS = 8


@click.command(epilog=EPILOG)
@click.option(
    "--interval", callback=duration, default="2s", metavar="TIME", help="Time between two looks (default: 2s)."
)
@click.option("--once", is_flag=True, help="Print once and exit.")
@pass_app
def top(app: App, interval: float, once: bool) -> None:
    """Watch a running tracker in the terminal: panels, orders, hooks, balances, events."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
    if once or not sys.stdout.isatty():
        console.print(frame(app, app.database))
        return
    with _keys() as quit_, Live(frame(app, app.database), console=console, screen=True, auto_refresh=False) as live:
        while not quit_.wait(interval):
            live.update(frame(app, app.database), refresh=True)


def frame(app: App, database: Any) -> RenderableType:
    """Returns the view as it is now."""
    now = clock.now()
    scope = ReportScope(app.config.timezone, now, app.rules)
    parts: list[RenderableType] = [head(app, database, now), _panels(app, scope), _orders(app, scope)]
    return Group(*parts, _hooks(app, now), *_alerts(app, now), _events(app, now))


def _panels(app: App, scope: ReportScope) -> Table:
    held = {row["panel"]: row for row in money.held(app.database, scope)}
    grid = bare_table("Panels", "panel", "state", "budget", "active", "due", "answered", "balance", "lasts")
    ago = ago_from(scope.now)
    for name, rules in sorted(app.rules.items()):
        row = panels.panel(app.database, name, rules, scope.now)
        money_row = held.get(name)
        style = "red" if row["trouble"] else "yellow" if row["state"] == "paused" else "green"
        amount = "-" if money_row is None else f"{money_row['amount']:f} {money_row['currency'] or ''}".strip()
        lasts = "-" if money_row is None or money_row["runway_h"] is None else span(money_row["runway_h"] * 3600)
        grid.add_row(
            Text(name, "bold"),
            Text(row["trouble"] or row["state"], style),
            f"{row['budget_used']}/{row['budget']}",
            str(row["orders_active"]),
            str(row["orders_due"]),
            "-" if row["last_answer_at"] is None else ago(row["last_answer_at"]),
            Text(safe_text(amount)),
            lasts,
        )
    return grid


def _orders(app: App, scope: ReportScope) -> Text:
    line = Text("\nOrders  ", "bold")
    for status, n in summary.statuses(app.database).items():
        line.append(f"{status.replace('_', ' ')} {n}  ", COLOURS.get(status, "default"))
    if stalled := sum(stuck.count(app.database, scope).values()):
        line.append(f"stuck {stalled}", "bold yellow")
    return line.append("\n")


def _hooks(app: App, now: float) -> Table:
    unwell = {hook: state for hook, state, _ in outbox.unwell(app.database, app.config.hooks)}
    grid = bare_table("Hooks", "hook", "state", "waiting", "held", "dead", "oldest")
    for hook, states in sorted(outbox.unsettled_by_hook(app.database).items()):
        oldest = outbox.oldest_waiting_at(app.database, hook)
        state = unwell.get(hook, "ok")
        grid.add_row(
            Text(hook, "bold"),
            Text(state, "green" if state == "ok" else "red"),
            str(states["waiting"]),
            str(states["held"] + states["orphaned"]),
            Text(str(states["dead"]), "red" if states["dead"] else "default"),
            "-" if oldest is None else span(now - oldest),
        )
    return grid


def _alerts(app: App, now: float) -> Iterator[RenderableType]:
    ago = ago_from(now)
    raised = [alert for alert in alerts.alerts(app.database, now) if alert["state"] == "raised"]
    for alert in raised:
        text = f"{alert['panel']}: {alert['name']} since {ago(alert['since'])}: {alert['reason']}"
        yield Text(safe_text(text), "bold red", no_wrap=True, overflow="ellipsis")


def _events(app: App, now: float) -> Text:
    ago = ago_from(now)
    text = Text("\nEvents\n", "bold", no_wrap=True, overflow="ellipsis")
    for event in reversed(outbox.last_events(app.database, EVENTS)):
        text.append(f"{ago(event['at']):>9}  ", "dim")
        text.append(f"{event['type']:<22}", "default")
        text.append(safe_text(f"{event['panel']} {event['remote_id']}") + "\n", "default")
    return text


@contextmanager
def _keys() -> Iterator[threading.Event]:
    """Yields an event that is set when q is pressed. Afterwards the terminal is as it was before."""
    import termios
    import tty

    pressed = threading.Event()
    if not sys.stdin.isatty():
        yield pressed
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)

    def listen() -> None:
        while not pressed.is_set():
            if sys.stdin.read(1) in ("q", "Q", ""):
                pressed.set()
            time.sleep(0.01)

    threading.Thread(target=listen, name="keys", daemon=True).start()
    try:
        yield pressed
    finally:
        pressed.set()
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
