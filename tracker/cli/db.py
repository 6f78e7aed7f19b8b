"""`tracker db`: show the state of the database, and migrate it."""

import click

from tracker import __version__
from tracker.cli.app import App, pass_app
from tracker.cli.output import Output, reads
from tracker.config.urls import mask_password
from tracker.core.delivery.routing import DeliveryState
from tracker.daemon.build import lock_path
from tracker.daemon.lock import InstanceLock
from tracker.db import migrate as schema
from tracker.db.database import connect
from tracker.errors import Exit
from tracker.reports import database_size, outbox
from tracker.reports.rows import ReportRow

EPILOG = """\b
Examples:
  tracker db status
  tracker db migrate       after an update, while no tracker runs; `tracker run` does it by itself
"""


@click.group(epilog=EPILOG)
def db() -> None:
    """Show the state of the database, and migrate it."""


@db.command()
@reads
@pass_app
def status(app: App, output: Output) -> Exit:
    """Show the kind of database, its size, its schema, and how many rows it has.

    Exits 78 when the schema is not the one of this version, and says what to do.
    """
    database = connect(app.config.database_url)
    where = str(database.path or mask_password(app.config.database_url))
    if database.path is not None and not database.path.exists():
        output.one({"database": where, "engine": None, "schema": "not created yet: tracker run"})
        return Exit.DONE
    with database.session():
        steps = schema.status(database)
        missing = [name for name, applied in steps if not applied]
        problem = schema.problem(database)
        row: ReportRow = {
            "database": where,
            "engine": database_size.engine(database),
            "bytes": database_size.stored_bytes(database),
            "schema": next((name for name, applied in reversed(steps) if applied), None),
            "missing": missing,
            "problem": None if problem is None else str(problem),
        }
        if not missing and problem is None:
            waiting = sum(states.get(DeliveryState.WAITING, 0) for states in outbox.counts(database).values())
            row |= {"deliveries_waiting": waiting, "rows": database_size.sizes(database)}
    output.one(row, lambda found: _show(found, output))
    return Exit.CONFIG if missing or problem is not None else Exit.DONE


@db.command()
@pass_app
def migrate(app: App) -> None:
    """Migrate the database to the schema of this version.

    Refused while a tracker runs, and for a database of another shape.
    """
    database = connect(app.config.database_url)
    instance = InstanceLock(lock_path(app.config, database))
    instance.take(__version__)
    try:
        applied = schema.migrate(database)
    finally:
        instance.release()
    for name in applied:
        click.echo(f"applied {name}")
    if not applied:
        click.echo("up to date")


def _show(row: ReportRow, output: Output) -> None:
    facts = {key: value for key, value in row.items() if key not in ("rows", "missing", "problem")}
    facts["missing"] = row["missing"] or None
    for key, value in (facts | {f"rows in {name}": count for name, count in row.get("rows", {}).items()}).items():
        if value is not None:
            click.echo(f"{key.replace('_', ' '):<19}  {output.text(key, value)}")
    if row["problem"] is not None:
        click.echo(f"\n{row['problem']}")
