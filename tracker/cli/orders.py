"""`tracker orders`: add orders, list them, and show or change one."""

from collections.abc import Sequence
from typing import Any

import click

from tracker import clock
from tracker.cli import story
from tracker.cli.app import App, pass_app
from tracker.cli.gateway import resolve
from tracker.cli.imports import import_
from tracker.cli.order_edits import edit, forget, print_done, remove
from tracker.cli.output import Output, reads
from tracker.cli.params import added_in_words, first_sight, ids_argument, limit_option, moment, panel_argument
from tracker.cli.watch import watch
from tracker.core.gateway.requests import CallState
from tracker.core.model import Tracking
from tracker.core.status import OrderStatus
from tracker.core.text import safe_text
from tracker.errors import Exit, UserError
from tracker.reports import alerts as alert_report
from tracker.reports import gateway_calls, order_story
from tracker.reports import orders as report

EPILOG = """\b
Examples:
  tracker orders add main 23501 23502 --service 12 --tag vip
  tracker orders import orders.csv
  tracker orders list --panel main --status partial --json
  tracker orders show main 23501
  tracker orders watch main 23501 23502
  tracker orders edit main 23501 --service 13 --clear ref
"""
SHOWN = ("panel", "id", "status", "tracking", "remains", "charge", "last_changed_at", "next_poll_at")


@click.group(epilog=EPILOG)
def orders() -> None:
    """Track orders, list them, and change what is known about them."""


orders.add_command(import_)
for command in (watch, edit, remove, forget, resolve):
    orders.add_command(command)


@orders.command(
    epilog="""\b
Examples:
  tracker orders add main 23501
  tracker orders add main 23501 --service 12 --quantity 1000 --ref client-A-118 --tag vip
  tracker orders add main 23501 23502 --baseline

Without --baseline they count as just placed: what has already happened to them fires events.
Adding an order again fills in what was unknown and overwrites nothing.
"""
)
@panel_argument
@ids_argument
@click.option("--service", help="The service's id at the panel.")
@click.option("--quantity", help="How many were ordered.")
@click.option("--charge", help="What it cost, like 1.25.")
@click.option("--link", help="What was ordered for; never sent to a hook.")
@click.option("--ref", help="Your own name for it.")
@click.option("--tag", "tags", multiple=True, help="A label of yours; may be given several times.")
@click.option("--placed-at", help="When: 2026-11-23T02:14:07Z. More than a day ago makes it a baseline.")
@first_sight
@pass_app
def add(
    app: App, /, panel: str, ids: Sequence[str], tags: Sequence[str], baseline: bool | None, **facts: str | None
) -> Exit:
    """Track orders of PANEL by their IDs."""
    row = {name: value for name, value in facts.items() if value is not None} | ({"tags": list(tags)} if tags else {})
    rows = [(number, {"id": remote_id, **row}) for number, remote_id in enumerate(ids, 1)]
    done = app.actions.orders.add(rows, panel=panel, baseline=baseline)
    for refused in done.refused:
        click.echo(safe_text(f"{ids[refused.number - 1]}: {refused.reason}"), err=True)
    click.echo(added_in_words(done.added, done.known))
    return Exit.PROBLEM if done.refused else Exit.DONE


@orders.command("list")
@click.option("--panel", help="Only orders of this panel.")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice([status.value for status in OrderStatus]),
    help="Only these.",
)
@click.option(
    "--tracking",
    "trackings",
    multiple=True,
    type=click.Choice([tracking.value for tracking in Tracking]),
    help="Only these.",
)
@click.option("--service", "services", multiple=True, help="Only orders of this service.")
@click.option("--ref", help="Only the order you call this.")
@click.option("--tag", help="Only orders with this tag.")
@click.option("--since", metavar="TIME", callback=moment, help="Tracked since then: 24h (ago), or 2026-11-23.")
@click.option("--unclear", is_flag=True, help="Instead: calls of the gateway whose outcome is unknown.")
@limit_option
@reads
@pass_app
def list_(
    app: App,
    /,
    output: Output,
    limit: int | None,
    unclear: bool,
    statuses: Sequence[str],
    trackings: Sequence[str],
    services: Sequence[str],
    **chosen: Any,
) -> None:
    """List tracked orders, the newest first."""
    if unclear:
        calls = gateway_calls.calls(app.database, panel=chosen["panel"], state=CallState.UNCLEAR, limit=limit)
        output.rows(calls, gateway_calls.CALL_FIELDS, gateway_calls.UNCLEAR_SHOWN, "Nothing is unclear.")
        return
    wanted = report.OrderFilter(
        statuses=tuple(statuses), trackings=tuple(trackings), services=tuple(services), **chosen
    )
    rows = report.orders(app.database, app.rules, wanted, clock.now(), limit)
    hint = "No such order" if wanted != report.OrderFilter() else "No orders yet"
    empty = f"{hint}: add some with `tracker orders add` or `tracker orders import`."
    output.rows(rows, report.ORDER_FIELDS, SHOWN, empty, ago=True)


@orders.command()
@click.argument("panel")
@click.argument("id")
@click.option("--as-of", metavar="TIME", callback=moment, help="As it was known then: 24h (ago), or a date and time.")
@reads
@pass_app
def show(app: App, output: Output, panel: str, id: str, as_of: float | None) -> None:
    """Show everything about one order: moves, events, deliveries, and why it is polled when it is."""
    now = clock.now()
    row = order_story.story(app.database, app.rules, panel, id, now)
    if row is None:
        raise UserError(f"order {id} of panel {panel} is not tracked", [f"tracker orders add {panel} {id}"])
    if as_of is not None:
        if as_of < row["tracked_at"]:
            raise UserError(f"order {id} was not tracked yet then", [f"it is since {output.when(row['tracked_at'])}"])
        row = order_story.as_of(row, as_of, alert_report.raised_at(app.database, panel, as_of))
    output.one(row, lambda found: story.tell(found, app, output, now))


@orders.command()
@panel_argument
@ids_argument
@pass_app
def pause(app: App, panel: str, ids: Sequence[str]) -> Exit:
    """Stop asking about these orders until they are resumed."""
    done = app.actions.orders.pause(panel, ids)
    return print_done(f"{done.count} paused", done.untracked)


@orders.command()
@panel_argument
@ids_argument
@pass_app
def resume(app: App, panel: str, ids: Sequence[str]) -> Exit:
    """Ask about paused orders again, at once."""
    done = app.actions.orders.resume(panel, ids)
    return print_done(f"{done.count} resumed", done.untracked)
