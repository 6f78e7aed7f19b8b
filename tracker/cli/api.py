"""`tracker api`: call the seven actions of a panel by hand. What spends money or cancels asks first."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TextIO

import click
from msgspec import Struct, structs

from tracker.actions.panel_calls import PanelCalls
from tracker.cli.app import App
from tracker.cli.output import Output, reads
from tracker.cli.params import ids_argument, orders_in_words, panel_argument, sure, yes_option
from tracker.core.model import OrderSnapshot, RefillSnapshot, Refusal, Service
from tracker.core.money import money
from tracker.core.text import safe_text
from tracker.core.wire import Receipt
from tracker.db.database import Database
from tracker.errors import Exit
from tracker.net.panel import comment_likes, custom_comments, default_order
from tracker.reports import panels as report
from tracker.reports.rows import ReportRow

EPILOG = """\b
Examples:
  tracker api main balance
  tracker api main services --format csv > services.csv
  tracker api main status 23501 23502 --json
  tracker api main add 12 https://example.com/post 1000
  tracker api main cancel 23501 --yes

Every call counts against the panel's budget. What `add` and `refill` create is tracked.
"""
STATUS_FIELDS = (
    "id", "status", "status_raw", "charge", "currency", "start_count", "remains", "kind", "children", "error",
)  # fmt: skip
REFILL_FIELDS = ("id", "status", "status_raw", "error")
RECEIPT_FIELDS = ("id", "accepted", "refill", "error")
PanelSaid = OrderSnapshot | RefillSnapshot | Refusal | None  # what a panel said about one id
NO_ANSWER = "the panel says nothing about it"


class CalledPanel(Struct, frozen=True):
    """The panel of one `tracker api`: its actions, and the database with what is known about its catalogue."""

    calls: PanelCalls
    database: Database


pass_panel = click.make_pass_decorator(CalledPanel)


@click.group(epilog=EPILOG)
@panel_argument
@click.pass_context
def api(ctx: click.Context, panel: str) -> None:
    """Call a panel's API by hand."""
    app = ctx.find_object(App)
    assert app is not None
    calls = app.actions.panel_calls(panel)
    ctx.call_on_close(calls.close)
    ctx.obj = CalledPanel(calls, app.components.database)


@api.command()
@reads
@pass_panel
def services(panel: CalledPanel, output: Output) -> None:
    """List the catalogue: what can be ordered, and the price of a thousand."""
    rows = map(structs.asdict, panel.calls.services())
    shown = ("service", "name", "type", "rate", "min", "max", "refill", "cancel")
    output.rows(rows, Service.__struct_fields__, shown, "The panel lists no services.")


@api.command()
@reads
@pass_panel
def balance(panel: CalledPanel, output: Output) -> None:
    """Show the money that is left."""
    output.one(structs.asdict(panel.calls.balance()))


@api.command()
@ids_argument
@reads
@pass_panel
def status(panel: CalledPanel, output: Output, ids: Sequence[str]) -> Exit:
    """Show what the panel says about orders, tracked or not.

    Nothing is recorded: for that, `tracker poll --panel PANEL --order ID`.
    """
    return _print_said(output, panel.calls.status(ids), STATUS_FIELDS)


@api.command("refill-status")
@ids_argument
@reads
@pass_panel
def refill_status(panel: CalledPanel, output: Output, ids: Sequence[str]) -> Exit:
    """Show what the panel says about refills, by their own ids. Nothing is recorded."""
    return _print_said(output, panel.calls.refill_status(ids), REFILL_FIELDS)


@api.command(
    epilog="""\b
Examples:
  tracker api main add 12 https://example.com/post 1000
  tracker api main add 12 https://example.com/post 100 --runs 10 --interval 60
  tracker api main add 15 https://example.com/post --comments comments.txt
"""
)
@click.argument("service")
@click.argument("link")
@click.argument("quantity", type=int, required=False)
@click.option("--runs", type=int, help="Drip-feed: how often QUANTITY is delivered.")
@click.option("--interval", type=int, help="Drip-feed: minutes between two runs.")
@click.option("--comments", type=click.File(), help="Custom comments, one per line; instead of QUANTITY.")
@click.option("--username", help="Comment likes: whose comment it is.")
@yes_option
@reads
@pass_panel
def add(
    panel: CalledPanel,
    output: Output,
    service: str,
    link: str,
    quantity: int | None,
    runs: int | None,
    interval: int | None,
    comments: TextIO | None,
    username: str | None,
    yes: bool,
) -> None:
    """Place an order, and track it. This spends money."""
    if comments is not None:
        lines = comments.read().splitlines()
        params, quantity = custom_comments(service, link, lines), len(lines)
    elif quantity is None:
        raise click.UsageError("QUANTITY is missing")
    elif username is not None:
        params = comment_likes(service, link, quantity, username)
    else:
        params = default_order(service, link, quantity, runs, interval)
    total = quantity * (runs or 1)
    sure(_offer(panel, service, link, total), yes=yes)
    facts = {"service": service, "link": link, "quantity": str(total)}
    panel.calls.add(params, facts, lambda order_id: output.one({"panel": panel.calls.panel, "id": order_id}))


@api.command()
@ids_argument
@yes_option
@reads
@pass_panel
def refill(panel: CalledPanel, output: Output, ids: Sequence[str], yes: bool) -> Exit:
    """Ask for the refill of orders, and track the refills."""
    sure(f"Ask {panel.calls.panel} to refill {orders_in_words(ids)}?", yes=yes)
    return _print_receipts(output, panel.calls.refill(ids))


@api.command()
@ids_argument
@yes_option
@reads
@pass_panel
def cancel(panel: CalledPanel, output: Output, ids: Sequence[str], yes: bool) -> Exit:
    """Ask for the cancellation of orders. Polling them shows whether they were canceled."""
    sure(f"Ask {panel.calls.panel} to cancel {orders_in_words(ids)}?", yes=yes)
    return _print_receipts(output, panel.calls.cancel(ids))


def _print_said(output: Output, said: Mapping[str, PanelSaid], fields: Sequence[str]) -> Exit:
    return _print_rows(output, [_said_row(remote_id, one, fields) for remote_id, one in said.items()], fields)


def _said_row(remote_id: str, said: PanelSaid, fields: Sequence[str]) -> ReportRow:
    """Returns a row of `fields` for what the panel said about one id."""
    row: ReportRow = dict.fromkeys(fields) | {"id": remote_id}
    if said is None:
        return row | {"error": NO_ANSWER}
    if isinstance(said, Refusal):
        return row | {"error": said.message}
    facts = structs.asdict(said)
    return row | {"status_raw": said.said} | {key: facts[key] for key in fields if key in facts and key != "id"}


def _print_receipts(output: Output, receipts: Mapping[str, Receipt]) -> Exit:
    return _print_rows(output, [_receipt_row(remote_id, one) for remote_id, one in receipts.items()], RECEIPT_FIELDS)


def _receipt_row(remote_id: str, receipt: Receipt) -> ReportRow:
    accepted = remote_id in receipt.created or remote_id in receipt.accepted
    error = None if accepted else receipt.refused.get(remote_id, NO_ANSWER)
    return {"id": remote_id, "accepted": accepted, "refill": receipt.created.get(remote_id), "error": error}


def _print_rows(output: Output, rows: list[ReportRow], fields: Sequence[str]) -> Exit:
    """Print rows, in a table without the columns that are empty. Returns 1 when the panel refused any of them."""
    shown = [key for key in fields if any(row[key] not in (None, ()) for row in rows)]
    output.rows(rows, fields, shown, "")
    return Exit.PROBLEM if any(row["error"] for row in rows) else Exit.DONE


def _offer(panel: CalledPanel, service: str, link: str, quantity: int) -> str:
    """Returns the question that says what is about to be bought, with the price if the catalogue has one."""
    known = report.rate(panel.database, panel.calls.panel, service)
    name = f" ({known[0]})" if known else ""
    rate = known[1] if known else None
    price = f", about {money((rate * quantity / 1000).quantize(Decimal('0.00001')))} by the catalogue" if rate else ""
    return safe_text(f"Order {quantity} of service {service}{name} at {panel.calls.panel} for {link}{price}?")
