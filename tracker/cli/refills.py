"""`tracker refills`."""

from collections.abc import Sequence

import click

from tracker import clock
from tracker.cli.app import App, pass_app
from tracker.cli.output import Output, reads
from tracker.core.ids import GIVEN_ID_SHAPE, valid_given_id
from tracker.errors import Exit, UserError
from tracker.reports import refills as report
from tracker.store import NewRefill

EPILOG = """\b
Examples:
  tracker refills add main 77 --order 23501
  tracker refills list --panel main --json

`tracker api main refill 23501` asks for a refill and tracks it.
"""
SHOWN = ("panel", "id", "order", "status", "tracking", "last_changed_at", "next_poll_at")


@click.group(epilog=EPILOG)
def refills() -> None:
    """Track refills, which have ids and states of their own."""


@refills.command()
@click.argument("panel")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--order", help="The id of the order that is refilled.")
@click.option("--baseline", is_flag=True, help="Old refills, whose first answer fires nothing.")
@pass_app
def add(app: App, panel: str, ids: Sequence[str], order: str | None, baseline: bool) -> None:
    """Track refills by hand: panel PANEL knows them as ID.

    These are the ids of the refills, not of their orders.
    """
    app.panel(panel)
    if wrong := [remote_id for remote_id in (*ids, *([order] if order else [])) if not valid_given_id(remote_id)]:
        problems = [f"{remote_id!r}: {GIVEN_ID_SHAPE}" for remote_id in wrong]
        raise UserError("not an id", problems, Exit.USAGE)
    new = [NewRefill(panel, remote_id, baseline, order) for remote_id in dict.fromkeys(ids)]
    added = sum(app.components.store.new_orders.add_refills(new, clock.now()))
    known = len(new) - added
    click.echo(f"{added} added" + (f", {known} known already" if known else ""))


@refills.command("list")
@click.option("--panel", help="Only refills at this panel.")
@click.option("--order", help="Only refills of the order with this id.")
@reads
@pass_app
def list_(app: App, output: Output, panel: str | None, order: str | None) -> None:
    """List tracked refills, the newest first."""
    rows = report.refills(app.database, panel=panel, order=order)
    output.rows(rows, report.REFILL_FIELDS, SHOWN, "No refills: add one with `tracker refills add`.", ago=True)
