"""`tracker refills`: track refills, and list them."""

from collections.abc import Sequence

import click

from tracker.cli.app import App, pass_app
from tracker.cli.output import Output, reads
from tracker.cli.params import added_in_words, ids_argument, panel_argument
from tracker.reports import refills as report

EPILOG = """\b
Examples:
  tracker refills add main 77 --order 23501
  tracker refills list --panel main --json

`tracker api main refill 23501` asks for a refill and tracks it.
"""
SHOWN = ("panel", "id", "order", "status", "tracking", "last_changed_at", "next_poll_at")


@click.group(epilog=EPILOG)
def refills() -> None:
    """Track refills, which have ids and states of their own, and list them."""


@refills.command()
@panel_argument
@ids_argument
@click.option("--order", help="The id of the order that is refilled.")
@click.option("--baseline", is_flag=True, help="Old refills, whose first answer fires nothing.")
@pass_app
def add(app: App, panel: str, ids: Sequence[str], order: str | None, baseline: bool) -> None:
    """Track refills of PANEL by their IDs.

    These are the ids of the refills, not of their orders.
    """
    done = app.actions.refills.add(panel, ids, order=order, baseline=baseline)
    click.echo(added_in_words(done.added, done.known))


@refills.command("list")
@click.option("--panel", help="Only refills at this panel.")
@click.option("--order", help="Only refills of the order with this id.")
@reads
@pass_app
def list_(app: App, output: Output, panel: str | None, order: str | None) -> None:
    """List tracked refills, the newest first."""
    rows = report.refills(app.database, panel=panel, order=order)
    output.rows(rows, report.REFILL_FIELDS, SHOWN, "No refills: add one with `tracker refills add`.", ago=True)
