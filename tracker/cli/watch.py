"""`tracker orders watch`: follow a few orders until each of them is final. It only reads the database."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from tracker import clock
from tracker.cli.app import App, pass_app
from tracker.cli.output import Output, reads
from tracker.cli.params import duration
from tracker.core.model import Tracking
from tracker.core.status import FINAL
from tracker.core.text import safe_text
from tracker.errors import Exit, UserError
from tracker.presentation.format import ago_from, cell, span
from tracker.reports import orders as report
from tracker.reports.rows import ReportRow

if TYPE_CHECKING:
    from rich.console import RenderableType

EPILOG = """\b
Examples:
  tracker orders watch main 23501 23502
  tracker orders watch main 23501 --json | jq -r .status
  tracker orders add main 23501 && tracker orders watch main 23501 && echo it is final

On a terminal it is a table that is updated, and stays when the last order is final. In a pipe it prints a
line for each order, and then one for each change; with --json these are objects.
It polls no panel: `tracker run` and `tracker poll` do. Ctrl-C ends it sooner (130).
"""
# Fields that change with time or with a poll without news.
PASSING = frozenset({"last_polled_at", "next_poll_at", "next_poll_reason", "eta"})
UNUSUAL = (Tracking.PAUSED, Tracking.NOT_FOUND)  # why an order makes no progress

WatchedOrders = Mapping[str, ReportRow]  # an order's id -> its row


@click.command(epilog=EPILOG)
@click.argument("panel")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option(
    "--interval", callback=duration, default="2s", metavar="TIME", help="Time between two looks (default: 2s)."
)
@reads
@pass_app
def watch(app: App, output: Output, panel: str, ids: Sequence[str], interval: float) -> Exit:
    """Follow orders of PANEL until each of them is final.

    Exits 0 then, and 1 when one of them is not tracked, or is removed meanwhile.
    """
    wanted = list(dict.fromkeys(ids))
    tracked = report.tracked(app.database, panel, wanted)
    unknown = [remote_id for remote_id in wanted if remote_id not in tracked]
    if unknown:
        remedy = f"tracker orders add {panel} {' '.join(unknown)}"
        raise UserError(f"not tracked at panel {panel}: {', '.join(unknown)}", [remedy])
    looks = _looks(app, panel, wanted, interval)
    if output.format == "table" and sys.stdout.isatty():
        last = _as_picture(app, wanted, looks)
    else:
        last = _as_lines(output, looks)
    gone = [remote_id for remote_id in wanted if remote_id not in last]
    for remote_id in gone:
        click.echo(safe_text(f"{remote_id}: not tracked any more"), err=True)
    return Exit.PROBLEM if gone else Exit.DONE


def _looks(app: App, panel: str, ids: Sequence[str], interval_s: float) -> Iterator[WatchedOrders]:
    """Yields one look after the other, until every order that is still tracked is final."""
    while True:
        found = report.some(app.database, app.rules, panel, ids, clock.now())
        look = {row["id"]: row for row in found}
        yield {remote_id: look[remote_id] for remote_id in ids if remote_id in look}
        if all(row["status"] in FINAL for row in found):
            return
        time.sleep(interval_s)


def _as_lines(output: Output, looks: Iterator[WatchedOrders]) -> WatchedOrders:
    """Print each change as a line. Returns the last look."""
    before: WatchedOrders = {}
    for look in looks:
        for remote_id, row in look.items():
            was = before.get(remote_id)
            if was is None or _news(was) != _news(row):
                output.line(row, lambda order, was=was: _line(order, was, output))  # type: ignore[misc]
        before = look
    return before


def _news(row: ReportRow) -> ReportRow:
    return {key: value for key, value in row.items() if key not in PASSING}


def _line(row: ReportRow, was: ReportRow | None, output: Output) -> str:
    status = row["status"] or "new"
    old = status if was is None else was["status"] or "new"
    moved = status if old == status else f"{old} -> {status}"
    left = f", {row['remains']} left" if row["remains"] else ""
    why = f" ({row['tracking']})" if row["tracking"] in UNUSUAL else ""
    return f"{output.when(clock.now())}  {row['id']}  {moved}{left}{why}"


def _as_picture(app: App, ids: Sequence[str], looks: Iterator[WatchedOrders]) -> WatchedOrders:
    """Show a table that is updated. Returns the last look."""
    from rich.console import Console
    from rich.live import Live

    last: WatchedOrders = {}
    # No alternate screen: the outcome should stay readable when it is over.
    with Live(console=Console(highlight=False), auto_refresh=False) as live:
        for last in looks:
            live.update(_picture(app, ids, last, clock.now()), refresh=True)
    return last


def _picture(app: App, ids: Sequence[str], look: WatchedOrders, now: float) -> "RenderableType":
    from rich.console import Group
    from rich.text import Text

    from tracker.cli.live import COLOURS, bare_table, head

    final = sum(row["status"] in FINAL for row in look.values())
    grid = bare_table(f"{final} of {len(ids)} final", "order", "status", "remains", "of", "charge", "changed", "next")
    for remote_id in ids:
        row = look.get(remote_id)
        if row is None:
            grid.add_row(Text(safe_text(remote_id), "bold"), Text("not tracked any more", "red"))
            continue
        stands = row["tracking"] in UNUSUAL
        status = row["tracking"] if stands else row["status"] or "new"
        cells = [cell(key, row[key], ago_from(now)) for key in ("remains", "quantity", "charge", "last_changed_at")]
        grid.add_row(
            Text(safe_text(remote_id), "bold"),
            Text(status.replace("_", " "), "yellow" if stands else COLOURS.get(status, "default")),
            *map(Text, cells),
            Text(_next(row["next_poll_at"], now)),
        )
    return Group(head(app, app.database, now), grid)


def _next(at: float | None, now: float) -> str:
    return "never" if at is None else "now" if at <= now else f"in {span(at - now)}"
