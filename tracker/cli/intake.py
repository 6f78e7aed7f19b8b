"""`tracker intake`: list the commands that print new orders, and run one."""

import click

from tracker import clock
from tracker.cli.app import App, pass_app
from tracker.cli.imports import summary
from tracker.cli.output import Output, reads
from tracker.cli.params import first_sight
from tracker.core.text import safe_text
from tracker.errors import Exit, UserError
from tracker.intake.intake import Taken
from tracker.reports import intakes as report

EPILOG = """\b
Examples:
  tracker intake run shop --dry-run
  tracker intake list

A command in [intake.NAME] is run at intervals and prints new orders, one JSON object per line.
"""
SHOWN = ("intake", "state", "cursor", "last_run_at", "next_run_at", "new", "known", "bad", "error")


@click.group(epilog=EPILOG)
def intake() -> None:
    """List your commands that print new orders, and run one of them now."""


@intake.command("list")
@reads
@pass_app
def list_(app: App, output: Output) -> None:
    """List the commands: their cursors, and how their last run went."""
    rows = report.intakes(app.database, app.config.intakes, clock.now())
    output.rows(rows, report.INTAKE_FIELDS, SHOWN, "No intakes: docs/configuration.md says how to add one.", ago=True)


@intake.command(
    epilog="""\b
What the command prints on stdout, one object per line:
  {"panel": "main", "id": "23501", "service": "12", "quantity": 1000}    an order; only panel and id are needed
  {"cursor": "2026-11-23T02:14:07Z"}                                     last: where the next run starts
The names are those of `tracker orders import`. $TRACKER_CURSOR is the last cursor, empty at first.

\b
Examples:
  tracker intake run shop --dry-run              what would it bring? writes nothing
  tracker intake run shop                        now, whether it is due or not
  tracker intake run shop --baseline             the first run of an old shop: thousands of old orders
  tracker intake run shop --cursor ''            from the beginning, or from any other cursor

Its orders count as just placed, unless a row says otherwise or placed_at is more than a day ago. The cursor is kept
when all rows are in and the command exits 0. If some rows are bad, they are named on stderr and the exit code is 1.
"""
)
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Run it and check its rows; write nothing, keep no cursor.")
@click.option("--cursor", metavar="TEXT", help="Start from this cursor instead of the last one.")
@first_sight
@pass_app
def run(app: App, name: str, dry_run: bool, cursor: str | None, baseline: bool | None) -> Exit:
    """Run the command of [intake.NAME] once, now."""

    def print_bad(taken: Taken) -> None:
        for line, reason in taken.take_bad():
            click.echo(safe_text(app.mask(f"{name}:{line}: {reason}")), err=True)

    now = clock.now()
    found = app.actions.intakes.run(name, print_bad, cursor=cursor, baseline=baseline, dry_run=dry_run)
    for line in found.complaint.splitlines():
        click.echo(safe_text(line), err=True)
    if found.error:
        took = f"{summary(found.taken, now, dry_run=dry_run)}; the cursor stays where it was"
        raise UserError(f"intake {name}: {found.error}", [*found.remedies, took])
    click.echo(summary(found.taken, now, dry_run=dry_run))
    if found.cursor is not None:
        click.echo(safe_text(f"cursor: {found.cursor}"))
    return Exit.PROBLEM if found.taken.refused else Exit.DONE
