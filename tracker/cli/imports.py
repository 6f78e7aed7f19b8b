"""`tracker orders import`: track the orders in a file."""

import io
import math
import sys
from pathlib import Path
from typing import BinaryIO

import click

from tracker import clock
from tracker.cli.app import App, pass_app
from tracker.cli.params import first_sight
from tracker.cli.progress import bar
from tracker.errors import Exit
from tracker.intake.intake import Taken
from tracker.intake.row_files import read_rows

EPILOG = """\b
FILE is one of:
  CSV with a header    panel,id,service,quantity,charge,currency,link,ref,tags,placed_at,status,baseline
  NDJSON               the same names, one object per line
  bare ids             one per line, with --panel
Only `id` is needed, and `panel` where there is no --panel. Tags are separated by ";".

\b
Examples:
  tracker orders import orders.csv
  tracker orders import --panel main --dry-run ids.txt
  shop-export | tracker orders import --panel main -

If some rows are bad, they are named on stderr, the good ones are still taken, and the exit code is 1.
Imported orders are a baseline: their first answer fires nothing, unless they carry a `status`.
"""


@click.command("import", epilog=EPILOG)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--panel", help="For rows without a panel.")
@click.option("--dry-run", is_flag=True, help="Check the rows, say how many are new, write nothing.")
@first_sight
@pass_app
def import_(app: App, file: Path, panel: str | None, dry_run: bool, baseline: bool | None) -> Exit:
    """Track the orders in FILE, or on stdin for "-"."""
    taken, now, orders = Taken(), clock.now(), app.actions.orders
    with _opened(file) as source, bar("importing", _size(file)) as progress:
        text = io.TextIOWrapper(source, "utf-8", "surrogateescape", newline="")
        rows = read_rows(text)
        for taken in orders.import_rows(rows, now, panel=panel, baseline=baseline, dry_run=dry_run):
            for line, reason in taken.take_bad():
                progress.say(f"{file}:{line}: {reason}")
            progress.at(source.tell() if _size(file) else 0)
        text.detach()  # it would close stdin
    click.echo(summary(taken, now, dry_run=dry_run))
    return Exit.PROBLEM if taken.refused else Exit.DONE


def _opened(file: Path) -> BinaryIO:
    return sys.stdin.buffer if str(file) == "-" else file.open("rb")


def _size(file: Path) -> int | None:
    """Returns the size in bytes; None for stdin and pipes, which have none."""
    return file.stat().st_size if file.is_file() else None


def summary(taken: Taken, now: float, *, dry_run: bool) -> str:
    """`4998 new, 2 known already, 1 bad`."""
    if not (taken.added or taken.known or taken.refused):
        return "nothing in it"
    parts = [(taken.added, "new"), (taken.known, "known already"), (taken.refused, "bad")]
    said = ", ".join(f"{count} {word}" for count, word in parts if count)
    if dry_run:
        return f"{said} (dry run: nothing was written)"
    wait_min = math.ceil(((taken.last_look_at or now) - now) / 60)
    return f"{said}; the panel is asked about all of them within {wait_min} min" if wait_min > 2 else said
