"""`tracker panels`."""

import click

from tracker import clock
from tracker.cli.app import App, pass_app
from tracker.cli.output import Output, reads
from tracker.reports import panels as report
from tracker.store.panels import reading_of

EPILOG = """\b
Examples:
  tracker panels list
  tracker panels pause main        while the panel does maintenance, say
  tracker panels resume main
"""
SHOWN = ("panel", "state", "budget_used", "budget", "orders", "orders_active", "orders_due", "last_answer_at",
         "trouble_since", "trouble_message", "wait_until")  # fmt: skip


@click.group(epilog=EPILOG)
def panels() -> None:
    """How the panels are; pause them."""


@panels.command("list")
@reads
@pass_app
def list_(app: App, output: Output) -> None:
    """Every configured panel: its state, its budget, its last trouble.

    The budget is requests in any 60 seconds, used and allowed. A panel that left the configuration is gone; its
    orders are paused, and come back with it.
    """
    rows = report.listed(app.database, app.rules, clock.now())
    output.rows(
        rows, report.LIST_FIELDS, SHOWN, "No panels: add a [panels.NAME] section to the configuration.", ago=True
    )


@panels.command()
@click.argument("panel")
@pass_app
def pause(app: App, panel: str) -> None:
    """Ask PANEL nothing until it is resumed."""
    _set(app, panel, paused=True)
    click.echo(f"{panel} is paused; go on with: tracker panels resume {panel}")


@panels.command()
@click.argument("panel")
@pass_app
def resume(app: App, panel: str) -> None:
    """Go on asking PANEL."""
    _set(app, panel, paused=False)
    click.echo(f"{panel} is asked again")


def _set(app: App, panel: str, *, paused: bool) -> None:
    rules = app.panel(panel).rules
    store = app.components.store
    store.panels.sync({panel: reading_of(rules)}, clock.now())  # it may never have been asked yet
    store.panels.pause(panel, paused=paused)
