"""`tracker panels`: list the panels; pause and resume one."""

import click

from tracker import clock
from tracker.cli.app import App, pass_app
from tracker.cli.output import Output, reads
from tracker.reports import panels as report
from tracker.reports import set_aside

EPILOG = """\b
Examples:
  tracker panels list
  tracker panels pause main        for example while the panel does maintenance
  tracker panels resume main
  tracker panels aside             what of a panel is left alone, since when, and until when
"""
SHOWN = ("panel", "state", "budget_used", "budget", "orders", "orders_active", "orders_due", "last_answer_at",
         "trouble_since", "trouble_message", "wait_until", "calls_aside", "ids_aside")  # fmt: skip


@click.group(epilog=EPILOG)
def panels() -> None:
    """List the panels and their state; pause and resume them."""


@panels.command("list")
@reads
@pass_app
def list_(app: App, output: Output) -> None:
    """List every configured panel: its state, its request budget, its last trouble.

    The budget is counted in requests in any 60 seconds: used and allowed. A panel that left the configuration is not
    listed; its orders are paused until it is back.
    """
    rows = report.listed(app.database, app.rules, clock.now())
    output.rows(
        rows, report.LIST_FIELDS, SHOWN, "No panels: add a [panels.NAME] section to the configuration.", ago=True
    )


@panels.command()
@click.argument("panel", required=False)
@reads
@pass_app
def aside(app: App, output: Output, panel: str | None) -> None:
    """List what is set aside: kinds of call that fail, and ids that break the calls that name them.

    The rest of the panel goes on at its usual pace. What is set aside is tried again by itself at the time shown;
    `tracker panels resume PANEL` tries kinds of call at once.
    """
    if panel is not None:
        app.panel(panel)
    rows = set_aside.rows(app.database, panel)
    output.rows(rows, set_aside.SET_ASIDE_FIELDS, set_aside.SET_ASIDE_FIELDS, "Nothing is set aside.", ago=True)


@panels.command()
@click.argument("panel")
@pass_app
def pause(app: App, panel: str) -> None:
    """Stop asking PANEL anything until it is resumed."""
    app.actions.panels.pause(panel)
    click.echo(f"{panel} is paused; go on with: tracker panels resume {panel}")


@panels.command()
@click.argument("panel")
@pass_app
def resume(app: App, panel: str) -> None:
    """Ask a paused PANEL again, or one that is left alone after trouble, at once."""
    app.actions.panels.resume(panel)
    click.echo(f"{panel} is asked again")
