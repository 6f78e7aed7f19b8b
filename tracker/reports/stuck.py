"""Open orders that do not get on."""

from collections.abc import Iterator

from tracker.core.model import Tracking
from tracker.core.rules import PollRules
from tracker.core.status import OPEN, OrderStatus
from tracker.db.database import Database
from tracker.reports.period import ReportScope
from tracker.reports.rows import Filter, ReportRow, pages, select

# since: when its status or `remains` last changed. days: for how long that is.
STUCK_FIELDS = ("panel", "id", "service", "status", "remains", "quantity", "since", "days", "ref", "link")

_WAITS = sorted(status.value for status in OPEN - {OrderStatus.PAUSED})


def stuck(database: Database, scope: ReportScope) -> Iterator[ReportRow]:
    """Rows of STUCK_FIELDS, the order that was tracked first comes first."""
    columns = "id, panel, remote_id, service, status, remains, quantity, coalesce(progressed_at, tracked_at), ref, link"
    for panel, rules in sorted(scope.rules.items()):
        if scope.panel in (None, panel):
            chosen = where(scope, panel, rules)
            for _, *facts in pages(database, f"SELECT {columns} FROM orders", chosen, newest_first=False):
                since = facts[6]
                days = round((scope.now - since) / 86_400, 1)
                yield dict(zip(STUCK_FIELDS, (*facts[:7], days, *facts[7:]), strict=True))


def count(database: Database, scope: ReportScope) -> dict[str, int]:
    """panel -> how many, where there are any."""
    found = {}
    for panel, rules in sorted(scope.rules.items()):
        if scope.panel in (None, panel):
            chosen = where(scope, panel, rules)
            ((n,),) = select(database, f"SELECT count(*) FROM orders{chosen.sql}", chosen.params)
            found[panel] = int(n)
    return {panel: n for panel, n in found.items() if n}


def where(scope: ReportScope, panel: str, rules: PollRules) -> Filter:
    """Conditions on orders."""
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
