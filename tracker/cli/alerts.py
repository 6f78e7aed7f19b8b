"""`tracker alerts`: what is wrong, and who knows of it."""

import click

from tracker import clock
from tracker.cli.app import App, pass_app
from tracker.cli.output import Output, reads
from tracker.cli.params import duration
from tracker.core.dates import rfc3339
from tracker.errors import Exit
from tracker.reports import alerts as report
from tracker.store.alerts import TOLD
from tracker.store.panels import reading_of

EPILOG = """\b
Examples:
  tracker alerts list
  tracker alerts ack main balance.low
  tracker alerts silence main panel.down --for 2h --comment "maintenance, announced"
  tracker alerts silence main panel.down --for 0s      ends it
"""
SHOWN = ("panel", "name", "state", "since", "reason", "acked_at", "silenced_until", "comment")

name_argument = click.argument("name", type=click.Choice(sorted(TOLD)), metavar="NAME")


@click.group(epilog=EPILOG)
def alerts() -> None:
    """What is wrong at the panels; say that you know."""


@alerts.command("list")
@click.option("--all", "every", is_flag=True, help="Those too that are well again.")
@reads
@pass_app
def list_(app: App, output: Output, every: bool) -> None:
    """What is wrong or silenced now.

    `pending` is wrong and not told: not for long enough, or silenced.
    """
    rows = report.alerts(app.database, clock.now(), every=every)
    hint = "No alert was ever raised." if every else "Nothing is wrong."
    output.rows(rows, report.ALERT_FIELDS, SHOWN, hint, ago=True)


@alerts.command()
@click.argument("panel")
@name_argument
@pass_app
def ack(app: App, panel: str, name: str) -> Exit:
    """Say that you know: no more reminders of alert NAME at PANEL until it is over, which is told."""
    app.panel(panel)
    if not app.components.store.alerts.ack(panel, name, clock.now()):
        click.echo(f"{name} is not raised at {panel}: see tracker alerts list", err=True)
        return Exit.PROBLEM
    click.echo(f"{name} at {panel}: no reminders until it is over")
    return Exit.DONE


@alerts.command()
@click.argument("panel")
@name_argument
@click.option(
    "--for", "for_s", metavar="DURATION", callback=duration, required=True, help="2h, say; 0s ends a silence."
)
@click.option("--comment", help="Why, for whoever looks at the list.")
@pass_app
def silence(app: App, panel: str, name: str, for_s: float, comment: str | None) -> None:
    """Tell nothing of alert NAME at PANEL for a time, whether it is raised by now or not.

    What is still wrong when the time is over is told then. The end of what was told before is told all the same.
    """
    rules, now = app.panel(panel).rules, clock.now()
    store = app.components.store
    store.panels.sync({panel: reading_of(rules)}, now)  # it may never have been asked yet
    store.alerts.silence(panel, name, now + for_s, comment)
    click.echo(f"{name} at {panel} is " + (f"silent until {rfc3339(now + for_s)}" if for_s else "not silenced"))
