"""Open orders that have made no progress for longer than `stuck_after`."""

from collections.abc import Iterator

from tracker.core.model import Tracking
from tracker.core.rules import PollRules
from tracker.core.status import OPEN, OrderStatus
from tracker.db.database import Database
from tracker.reports.paging import all_rows
from tracker.reports.period import ReportScope
from tracker.reports.rows import Filter, ReportRow, named, select_number

# since: when the status or `remains` last changed. days: how long ago that is.
STUCK_FIELDS = ("panel", "id", "service", "status", "remains", "quantity", "since", "days", "ref", "link")

_WAITS = sorted(status.value for status in OPEN - {OrderStatus.PAUSED})


def stuck(database: Database, scope: ReportScope) -> Iterator[ReportRow]:
    """Rows of STUCK_FIELDS, the order that was tracked first comes first."""
    columns = "id, panel, remote_id, service, status, remains, quantity, coalesce(progressed_at, tracked_at), ref, link"
    for panel, rules in sorted(scope.rules.items()):
        if scope.panel in (None, panel):
            chosen = _of_panel(scope, panel, rules)
            for _, *facts in all_rows(database, f"SELECT {columns} FROM orders", chosen, newest_first=False):
                since = facts[6]
                days = round((scope.now - since) / 86_400, 1)
                yield named(STUCK_FIELDS, (*facts[:7], days, *facts[7:]))


def count(database: Database, scope: ReportScope) -> dict[str, int]:
    """The number of stuck orders by panel; panels without any are left out."""
    found = {}
    for panel, rules in sorted(scope.rules.items()):
        if scope.panel in (None, panel):
            chosen = _of_panel(scope, panel, rules)
            found[panel] = select_number(database, f"SELECT count(*) FROM orders{chosen.sql}", chosen.params)
    return {panel: n for panel, n in found.items() if n}


def those(scope: ReportScope) -> Filter:
    """The condition on orders that they are stuck."""
    parts, params = [], []
    for panel, rules in sorted(scope.rules.items()):
        chosen = _of_panel(scope, panel, rules)
        parts.append(f"SELECT id FROM orders{chosen.sql}")
        params += chosen.params
    return Filter().holding(f"id IN ({' UNION ALL '.join(parts) or 'NULL'})", params)


def _of_panel(scope: ReportScope, panel: str, rules: PollRules) -> Filter:
    """The condition on orders that they are stuck orders of this panel."""
    return (
        Filter()
        .add("panel = ?", panel)
        .add("tracking = ?", Tracking.ACTIVE.value)
        .among("status", _WAITS)
        .add("coalesce(progressed_at, tracked_at) < ?", scope.now - rules.stuck_after_s)
        .add("service = ?", scope.service)
        .add("coalesce(progressed_at, tracked_at) >= ?", scope.begins)
        .add("coalesce(progressed_at, tracked_at) < ?", scope.ends)
    )
