"""`tracker balance`: balances as last seen, and their history."""

import click

from tracker import clock
from tracker.cli.app import App, pass_app
from tracker.cli.output import Output, reads
from tracker.cli.params import moment
from tracker.reports import panels as report

EPILOG = """\b
Examples:
  tracker balance
  tracker balance --history --panel main --since 7d --format csv

The runway is how long the balance lasts at the mean spending of the last seven days, without deposits; it
needs a day of history. `tracker api PANEL balance` asks the panel now.
"""


@click.command(epilog=EPILOG)
@click.option("--history", is_flag=True, help="Every change instead of the last balance.")
@click.option("--panel", help="Only this panel.")
@click.option("--since", metavar="TIME", callback=moment, help="History since then: 7d ago, or 2026-11-23.")
@reads
@pass_app
def balance(app: App, output: Output, history: bool, panel: str | None, since: float | None) -> None:
    """Show the balances as last seen, and how long they will last."""
    hint = "No balance seen yet: `tracker run` or `tracker poll` asks for it."
    if history or since is not None:
        rows = report.balance_history(app.database, panel, since)
        output.rows(rows, report.HISTORY_FIELDS, report.HISTORY_FIELDS, hint)
        return
    names = [app.panel(panel).name] if panel else list(app.config.panels)
    found = (report.balance(app.database, name, clock.now()) for name in names)
    rows = (row for row in found if row is not None)
    output.rows(rows, report.BALANCE_FIELDS, report.BALANCE_FIELDS, hint)
