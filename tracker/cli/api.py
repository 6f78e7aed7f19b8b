"""`tracker api`: the seven actions of a panel, by hand. What spends money or cancels asks first."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TextIO

import click
from msgspec import structs

from tracker import clock
from tracker.cli.app import App
from tracker.cli.output import Output, reads
from tracker.cli.panel_call import PanelCall
from tracker.cli.params import sure
from tracker.core.ids import GIVEN_ID_SHAPE, valid_given_id
from tracker.core.model import Balance, OrderSnapshot, RefillSnapshot, Refusal, Service
from tracker.core.money import money
from tracker.core.text import safe_text
from tracker.core.wire import Receipt
from tracker.db.errors import persist
from tracker.errors import Exit, TrackerError, UserError
from tracker.intake.intake import Taken
from tracker.net.panel import PanelClient, comment_likes, custom_comments, default_order
from tracker.reports import panels as report
from tracker.reports.rows import ReportRow
from tracker.store import NewRefill

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
    "id",
    "status",
    "status_raw",
    "charge",
    "currency",
    "start_count",
    "remains",
    "kind",
    "children",
    "error",
)
REFILL_FIELDS = ("id", "status", "status_raw", "error")
RECEIPT_FIELDS = ("id", "accepted", "refill", "error")
NO_ANSWER = "the panel says nothing about it"

pass_caller = click.make_pass_decorator(PanelCall)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
ids_argument = click.argument("ids", metavar="ID...", nargs=-1, required=True)


@click.group(epilog=EPILOG)
@click.argument("panel")
@click.pass_context
def api(ctx: click.Context, panel: str) -> None:
    """Call a panel by hand."""
    app = ctx.find_object(App)
    assert app is not None
    ctx.obj = PanelCall(app, panel)
    ctx.call_on_close(ctx.obj.panel.close)


@api.command()
@reads
@pass_caller
def services(caller: PanelCall, output: Output) -> None:
    """The catalogue: what can be ordered, and at what price a thousand."""
    rows = map(structs.asdict, caller.call("services", PanelClient.services))
    shown = ("service", "name", "type", "rate", "min", "max", "refill", "cancel")
    output.rows(rows, Service.__struct_fields__, shown, "The panel lists no services.")


@api.command()
@reads
@pass_caller
def balance(caller: PanelCall, output: Output) -> None:
    """The money that is left."""
    held: Balance = caller.call("balance", PanelClient.balance)
    output.one(structs.asdict(held))


@api.command()
@ids_argument
@reads
@pass_caller
def status(caller: PanelCall, output: Output, ids: Sequence[str]) -> Exit:
    """What the panel says about orders, tracked or not.

    Nothing is recorded: for that, `tracker poll --panel PANEL --order ID`.
    """
    rows: list[ReportRow] = []
    for batch in caller.batches(_valid(ids)):
        reading = caller.call("status", PanelClient.status, batch)
        rows += [_said(i, reading.snapshots.get(i) or reading.refusals.get(i), STATUS_FIELDS) for i in batch]
    return _tell(output, rows, STATUS_FIELDS)


@api.command("refill-status")
@ids_argument
@reads
@pass_caller
def refill_status(caller: PanelCall, output: Output, ids: Sequence[str]) -> Exit:
    """What the panel says about refills, by their own ids."""
    rows: list[ReportRow] = []
    for batch in caller.batches(_valid(ids)):
        reading = caller.call("refill_status", PanelClient.refill_status, batch)
        rows += [_said(i, reading.snapshots.get(i) or reading.refusals.get(i), REFILL_FIELDS) for i in batch]
    return _tell(output, rows, REFILL_FIELDS)


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
@click.option("--comments", type=click.File(), help="Custom comments, one a line; instead of QUANTITY.")
@click.option("--username", help="Comment likes: whose comment it is.")
@yes_option
@reads
@pass_caller
def add(
    caller: PanelCall,
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
    sure(_offer(caller, service, link, quantity * (runs or 1)), yes=yes)
    order_id = caller.call("add", PanelClient.add, params)
    output.one({"panel": caller.name, "id": order_id})
    _track(caller, order_id, {"service": service, "link": link, "quantity": str(quantity * (runs or 1))})


@api.command()
@ids_argument
@yes_option
@reads
@pass_caller
def refill(caller: PanelCall, output: Output, ids: Sequence[str], yes: bool) -> Exit:
    """Ask for the refill of orders, and track it."""
    sure(f"Ask {caller.name} to refill {_counted(ids)}?", yes=yes)
    rows: list[ReportRow] = []
    for batch in caller.batches(_valid(ids)):
        receipt = caller.call("refill", PanelClient.refill, batch)
        new = [NewRefill(caller.name, made, False, order) for order, made in receipt.created.items()]
        persist(lambda new=new: caller.store.new_orders.add_refills(new, clock.now()))  # type: ignore[misc]
        rows += [_receipt(i, receipt) for i in batch]
    return _tell(output, rows, RECEIPT_FIELDS)


@api.command()
@ids_argument
@yes_option
@reads
@pass_caller
def cancel(caller: PanelCall, output: Output, ids: Sequence[str], yes: bool) -> Exit:
    """Ask for the cancellation of orders. What comes of it is seen when they are polled."""
    sure(f"Ask {caller.name} to cancel {_counted(ids)}?", yes=yes)
    rows: list[ReportRow] = []
    for batch in caller.batches(_valid(ids)):
        receipt = caller.call("cancel", PanelClient.cancel, batch)
        rows += [_receipt(i, receipt) for i in batch]
    return _tell(output, rows, RECEIPT_FIELDS)


def _said(remote_id: str, said: OrderSnapshot | RefillSnapshot | Refusal | None, fields: Sequence[str]) -> ReportRow:
    """A row of `fields` for what the panel said about one id."""
    row: ReportRow = dict.fromkeys(fields) | {"id": remote_id}
    if said is None:
        return row | {"error": NO_ANSWER}
    if isinstance(said, Refusal):
        return row | {"error": said.message}
    facts = structs.asdict(said)
    return row | {"status_raw": said.said} | {key: facts[key] for key in fields if key in facts and key != "id"}


def _receipt(remote_id: str, receipt: Receipt) -> ReportRow:
    accepted = remote_id in receipt.created or remote_id in receipt.accepted
    error = None if accepted else receipt.refused.get(remote_id, NO_ANSWER)
    return {"id": remote_id, "accepted": accepted, "refill": receipt.created.get(remote_id), "error": error}


def _tell(output: Output, rows: list[ReportRow], fields: Sequence[str]) -> Exit:
    """Print them, in a table without the columns that are empty; 1 when the panel refused any."""
    shown = [key for key in fields if any(row[key] not in (None, ()) for row in rows)]
    output.rows(rows, fields, shown, "")
    return Exit.PROBLEM if any(row["error"] for row in rows) else Exit.DONE


def _offer(caller: PanelCall, service: str, link: str, quantity: int) -> str:
    """What is about to be bought, and for how much as far as the catalogue knows."""
    known = report.rate(caller.app.components.database, caller.name, service)
    name = f" ({known[0]})" if known else ""
    rate = known[1] if known else None
    price = f", about {money((rate * quantity / 1000).quantize(Decimal('0.00001')))} by the catalogue" if rate else ""
    return safe_text(f"Order {quantity} of service {service}{name} at {caller.name} for {link}{price}?")


def _track(caller: PanelCall, order_id: str, facts: dict[str, str]) -> None:
    """The order exists now, whatever happens: first with its facts, at least by its id."""
    intake, now = caller.app.components.intake, clock.now()

    def take(row: dict[str, str]) -> list[Taken]:
        return list(intake.take([(1, {"id": order_id} | row)], now, panel=caller.name, baseline=False))

    try:
        if any(taken.bad for taken in persist(lambda: take(facts))):
            persist(lambda: take({}))
    except (TrackerError, OSError) as error:
        remedy = f"tracker orders add {caller.name} {order_id}"
        raise UserError(f"order {order_id} is placed, but could not be tracked: {error}", [remedy]) from error


def _valid(ids: Sequence[str]) -> Sequence[str]:
    if wrong := [remote_id for remote_id in ids if not valid_given_id(remote_id)]:
        problems = [f"{remote_id!r}: {GIVEN_ID_SHAPE}" for remote_id in wrong]
        raise UserError("not an id", problems, Exit.USAGE)
    return ids


def _counted(ids: Sequence[str]) -> str:
    return f"order {ids[0]}" if len(ids) == 1 else f"{len(ids)} orders"
