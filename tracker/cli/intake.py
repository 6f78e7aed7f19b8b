"""`tracker intake`: the commands that print new orders."""

import click
from msgspec.structs import replace

from tracker import clock
from tracker.cli.app import App, known, pass_app
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

A command in [intake.NAME] is run every so often and prints new orders, a JSON object on each line.
"""
SHOWN = ("intake", "state", "cursor", "last_run_at", "next_run_at", "new", "known", "bad", "error")


@click.group(epilog=EPILOG)
def intake() -> None:
    """The commands of yours that print new orders."""


@intake.command("list")
@reads
@pass_app
def list_(app: App, output: Output) -> None:
    """List the commands: how far they have come, and how their last run went."""
    rows = report.intakes(app.database, app.config.intakes, clock.now())
    output.rows(rows, report.INTAKE_FIELDS, SHOWN, "No intakes: docs/configuration.md says how to add one.", ago=True)


@intake.command(
    epilog="""\b
What the command prints on stdout, a line each:
  {"panel": "main", "id": "23501", "service": "12", "quantity": 1000}    an order; only panel and id are needed
  {"cursor": "2026-11-23T02:14:07Z"}                                     last: how far it has come
The names are those of `tracker orders import`. $TRACKER_CURSOR is the last cursor, empty at first.

\b
Examples:
  tracker intake run shop --dry-run              what would it bring? nothing is written
  tracker intake run shop                        now, whenever it is due
  tracker intake run shop --baseline             the first run of an old shop: thousands of old orders
  tracker intake run shop --cursor ''            from the beginning, or from anywhere else

Its orders count as just placed, unless a row says otherwise or placed_at is more than a day ago. The cursor is kept
when all rows are in and the command exits 0. Bad rows are named on stderr, and the exit code is 1 then.
"""
)
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Run it and check its rows; write nothing, keep no cursor.")
@click.option("--cursor", metavar="TEXT", help="Run it from there on, instead of where it has come to.")
@first_sight
@pass_app
def run(app: App, name: str, dry_run: bool, cursor: str | None, baseline: bool | None) -> Exit:
    """Run the command of [intake.NAME] once, now."""
    known("intake", name, list(app.config.intakes))
    collector = app.components.intakes[name].command
    promise = collector.begin(only_if_due=False)
    if promise is None:
        raise UserError(f"intake {name} is being run at this moment", ["wait for it to end"], Exit.TRY_LATER)
    if cursor is not None:
        promise = replace(promise, cursor=cursor)

    def tell(taken: Taken) -> None:
        for line, reason in taken.take_bad():
            click.echo(safe_text(app.mask(f"{name}:{line}: {reason}")), err=True)

    now = clock.now()
    found = collector.collect(promise, tell, baseline=baseline, dry_run=dry_run)
    for line in found.complaint.splitlines():
        click.echo(safe_text(line), err=True)
    if found.error:
        took = f"{summary(found.taken, now, dry_run=dry_run)}; the cursor stays where it was"
        raise UserError(f"intake {name}: {found.error}", [*found.remedies, took])
    click.echo(summary(found.taken, now, dry_run=dry_run))
    if found.cursor is not None:
        click.echo(safe_text(f"cursor: {found.cursor}"))
    return Exit.PROBLEM if found.taken.refused else Exit.DONE
