"""`tracker events`: list or follow the log of events, which only grows."""

import time
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from tracker.cli.app import App, pass_app
from tracker.cli.output import Output, reads
from tracker.cli.params import moment
from tracker.core.events.event_types import EVENT_TYPES
from tracker.reports import outbox as report
from tracker.reports.rows import ReportRow

EPILOG = """\b
Examples:
  tracker events list --since 24h --type order.partial
  tracker events list --limit 20 --json
  tracker events tail
  tracker events tail --json | jq -r .body.data.order.id
"""
SHOWN = ("number", "at", "type", "panel", "remote_id", "what")
LOOK_EVERY_S = 0.5

type_option = click.option("--type", "types", multiple=True, type=click.Choice(EVENT_TYPES), help="Only these.")
panel_option = click.option("--panel", help="Only events of this panel.")


@click.group(epilog=EPILOG)
def events() -> None:
    """List or follow the log of events."""


@events.command("list")
@click.option("--since", metavar="TIME", callback=moment, help="From then on: 24h (ago), or 2026-11-23T02:14:07Z.")
@type_option
@panel_option
@click.option("--limit", type=click.IntRange(1), help="Only this many, the latest; all without it.")
@reads
@pass_app
def list_(
    app: App, output: Output, since: float | None, types: Sequence[str], panel: str | None, limit: int | None
) -> None:
    """List events, oldest first."""
    chosen: dict[str, Any] = {"since": since, "types": types, "panel": panel}
    rows = report.events(app.database, **chosen) if limit is None else report.last_events(app.database, limit, **chosen)
    shown = map(_with_words, rows) if output.format == "table" else rows
    hint = "No such event." if any(chosen.values()) else "No events yet: they come with the orders that are tracked."
    output.rows(shown, report.EVENT_FIELDS, SHOWN, hint)


@events.command()
@type_option
@panel_option
@click.option("-n", "--last", type=click.IntRange(0), default=0, help="Begin with this many past events.")
@reads
@pass_app
def tail(app: App, output: Output, types: Sequence[str], panel: str | None, last: int) -> None:
    """Follow the log until Ctrl-C; --json prints one object per line."""
    number = report.last_number(app.database)
    if last:
        for row in report.last_events(app.database, last, types=types, panel=panel):
            output.line(row, lambda event: _line(event, output))
            number = max(number, row["number"])
    while True:
        for row in report.events(app.database, after=number, types=types, panel=panel):
            output.line(row, lambda event: _line(event, output))
            number = row["number"]
        time.sleep(LOOK_EVERY_S)


def _line(event: ReportRow, output: Output) -> str:
    subject = f"{event['panel']}/{event['remote_id']}"
    return f"{output.when(event['at'])}  {event['type']:<20}  {subject}  {words(event)}".rstrip()


def _with_words(event: ReportRow) -> ReportRow:
    return event | {"what": words(event)}


def words(event: ReportRow) -> str:
    """Returns what happened, in a few words; "" when the body is gone or has nothing that fits."""
    if event["body"] is None:
        return ""
    data = msgspec.json.decode(event["body"])["data"]
    about = data.get("order") or data.get("refill") or {}
    if "status" in about:
        old, new = (data.get("previous") or {}).get("status"), about["status"]
        left = f", {about['remains']} left" if about.get("remains") else ""
        return f"{new or ''}{left}" if old == new else f"{old or 'new'} -> {new}{left}"
    if "word" in data:
        return repr(data["word"])
    return str((data.get("alert") or {}).get("reason") or "")
