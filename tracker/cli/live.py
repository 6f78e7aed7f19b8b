"""What the live views share: the line about the running tracker, tables without borders, colours."""

from typing import Any

from rich.table import Table
from rich.text import Text

from tracker.cli.app import App
from tracker.core.liveness import SILENT_MAX_S
from tracker.core.text import safe_text
from tracker.daemon.build import lock_path
from tracker.daemon.lock import holder
from tracker.presentation.format import span

COLOURS = {"completed": "green", "partial": "magenta", "canceled": "red", "failed": "red", "in_progress": "cyan"}


def head(app: App, database: Any, now: float) -> Text:
    """Returns a line about the running tracker."""
    found = holder(lock_path(app.config, database))
    if found is None:
        return Text("tracker is not running", "bold red")
    state = found.trouble or (f"no sign of life for {span(found.beat_s)}" if found.beat_s > SILENT_MAX_S else "")
    up = f"pid {found.pid}, version {found.version}, up {span(now - found.started_at)}"
    return Text.assemble(("tracker ", "bold"), up, *([(f"  {safe_text(state)}", "bold red")] if state else []))


def bare_table(title: str, *columns: str) -> Table:
    """Returns an empty table without borders."""
    grid = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left", title_style="bold")
    for n, column in enumerate(columns):
        grid.add_column(column, no_wrap=True, justify="left" if n == 0 else "right", overflow="ellipsis")
    return grid
