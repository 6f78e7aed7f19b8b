"""Intakes (commands that print new orders): where each one's cursor stands, and how its last run went."""

from collections.abc import Iterable

from tracker.db.database import Database
from tracker.reports.rows import ReportRow, named, select

# state: new (never run), running, ok, failing, not_configured.
# The other fields are about the last run.
INTAKE_FIELDS = (
    "intake", "state", "cursor", "last_run_at", "next_run_at", "new", "known", "bad", "failures", "failing_since",
    "error",
)  # fmt: skip
_ROWS = (
    "SELECT name, lease, cursor, started_at, next_run_at, added, known, refused, failures, failing_since, error"
    " FROM intakes"
)


def intakes(database: Database, configured: Iterable[str], now: float) -> list[ReportRow]:
    """Rows of INTAKE_FIELDS: the configured intakes, then those that were removed and left a cursor behind."""
    names = list(configured)
    found = {row[0]: row[1:] for row in select(database, _ROWS)}
    left = sorted(found.keys() - set(names))
    return [_row(name, found.get(name, (None,) * 7 + (0, None, None)), name in names, now) for name in [*names, *left]]


def _row(name: str, values: tuple[object, ...], configured: bool, now: float) -> ReportRow:
    lease, *facts = values
    row = named(INTAKE_FIELDS, (name, "", *facts))
    row["state"] = _state(row, configured, isinstance(lease, float) and lease > now)
    return row


def _state(row: ReportRow, configured: bool, running: bool) -> str:
    if not configured:
        return "not_configured"
    if running:
        return "running"
    if row["failures"]:
        return "failing"
    return "new" if row["last_run_at"] is None else "ok"
