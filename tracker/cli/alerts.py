"""`tracker alerts`: list what is wrong at the panels; acknowledge or silence an alert."""

import click

from tracker import clock
from tracker.actions.alerts import ALERT_NAMES
from tracker.cli.app import App, pass_app
from tracker.cli.output import Output, reads
from tracker.cli.params import duration
from tracker.core.dates import rfc3339
from tracker.errors import Exit
from tracker.reports import alerts as report

EPILOG = """\b
Examples:
  tracker alerts list
  tracker alerts ack main balance.low
  tracker alerts silence main panel.down --for 2h --comment "maintenance, announced"
  tracker alerts silence main panel.down --for 0s      ends it
"""
SHOWN = ("panel", "name", "state", "since", "reason", "acked_at", "silenced_until", "comment")

name_argument = click.argument("name", type=click.Choice(ALERT_NAMES), metavar="NAME")


@click.group(epilog=EPILOG)
def alerts() -> None:
    """List what is wrong at the panels; acknowledge or silence alerts."""


@alerts.command("list")
@click.option("--all", "every", is_flag=True, help="Also alerts that are over.")
@reads
@pass_app
def list_(app: App, output: Output, every: bool) -> None:
    """List what is wrong or silenced now.

    `pending` is wrong, but no event was sent: it has not lasted long enough, or it is silenced.
    """
    rows = report.alerts(app.database, clock.now(), every=every)
    hint = "No alert was ever raised." if every else "Nothing is wrong."
    output.rows(rows, report.ALERT_FIELDS, SHOWN, hint, ago=True)


@alerts.command()
@click.argument("panel")
@name_argument
@pass_app
def ack(app: App, panel: str, name: str) -> Exit:
    """Acknowledge alert NAME at PANEL: no more reminders. An event is still sent when it is over."""
    if not app.actions.alerts.acknowledge(panel, name):
        click.echo(f"{name} is not raised at {panel}: see tracker alerts list", err=True)
        return Exit.PROBLEM
    click.echo(f"{name} at {panel}: no reminders until it is over")
    return Exit.DONE


@alerts.command()
@click.argument("panel")
@name_argument
@click.option(
    "--for", "for_s", metavar="DURATION", callback=duration, required=True, help="For example 2h; 0s ends a silence."
)
@click.option("--comment", help="The reason, shown in the list.")
@pass_app
def silence(app: App, panel: str, name: str, for_s: float, comment: str | None) -> None:
    """Send nothing about alert NAME at PANEL for a time, whether it is raised now or not.

    If it is still wrong when the time is over, an event is sent then. If an event was sent before the silence, the
    event for its end is sent too.
    """
    until = app.actions.alerts.silence(panel, name, for_s, comment)
    click.echo(f"{name} at {panel} is " + ("not silenced" if until is None else f"silent until {rfc3339(until)}"))
