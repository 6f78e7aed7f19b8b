"""How panels answer, how many requests that takes, and how late changes are seen."""

from collections import Counter, defaultdict
from decimal import Decimal

from tracker.core import statistics
from tracker.core.dates import day_in
from tracker.core.statistics import Money, add_money
from tracker.db.database import Database
from tracker.reports import daily_stats, panels, refunds
from tracker.reports.period import ReportScope
from tracker.reports.rows import Filter, ReportRow, named, select, whole

# ok_rate: the share of requests that were answered, with its 95 % interval.
# few: too few requests to say much.
# latency_…_s: how long the answered ones took, to the hundredth of a second.
# errors: the number of the other requests by what went wrong.
# overdue: orders that are due to be asked about and have not been.
# window_…_s: the time between the two polls that a move lies between.
# expected, observed: refunds by currency. honesty: the share of the expected ones that came back.
PANEL_FIELDS = (
    "panel", "requests", "ok_rate", "ok_rate_low", "ok_rate_high", "few", "latency_p50_s", "latency_p90_s",
    "latency_p99_s", "errors", "overdue", "window_p50_s", "window_p90_s", "expected", "observed", "honesty",
)  # fmt: skip
# ids: how many orders and refills were asked about.
POLLING_FIELDS = ("day", "panel", "requests", "ids", "ids_per_request", "moved", "errors")
RECENT_FIELDS = ("panel", "requests", "asked", "moved", "failed")
# delay: the time between the two polls that a move lies between, so no move was seen later than that.
DELAY_FIELDS = ("panel", "moves", "delay_p50_s", "delay_p90_s", "delay_p99_s")


def scorecard(database: Database, scope: ReportScope) -> list[ReportRow]:
    """Rows of PANEL_FIELDS: one for each panel that is configured or was ever asked."""
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    latency: dict[str, Counter[int]] = defaultdict(Counter)
    where = _over(scope)
    hundredths = whole(database, "(finished_at - started_at) * 100 + 0.5")
    # The number first: SQLite sorts for a GROUP BY, and comparing numbers takes a third less time than comparing words.
    sql = f"SELECT panel, outcome, {hundredths}, count(*) FROM poll_runs{where.sql} GROUP BY 3, 2, 1"
    for panel, outcome, took, n in select(database, sql, where.params):
        outcomes[panel][outcome] += n
        if outcome == "ok":
            latency[panel][took] += n
    windows = {row["panel"]: row for row in delays(database, scope)}
    came_back = _honesty(database, scope)
    wanted = {*outcomes, *scope.rules} if scope.panel is None else {scope.panel}
    return [
        _card(
            database,
            scope,
            panel,
            outcomes[panel],
            latency[panel],
            windows.get(panel, {}),
            came_back.get(panel, ({}, {})),
        )
        for panel in sorted(wanted)
    ]


def _card(
    database: Database,
    scope: ReportScope,
    panel: str,
    outcomes: Counter[str],
    latency: Counter[int],
    window: ReportRow,
    came_back: tuple[Money, Money],
) -> ReportRow:
    requests = sum(outcomes.values())
    rate = statistics.rate(outcomes["ok"], requests)
    took = [None if value is None else value / 100 for value in statistics.percentiles(latency)]
    expected, observed = came_back
    return {
        "panel": panel,
        "requests": requests,
        "ok_rate": rate.share,
        "ok_rate_low": rate.low,
        "ok_rate_high": rate.high,
        "few": rate.few,
        "latency_p50_s": took[0],
        "latency_p90_s": took[1],
        "latency_p99_s": took[2],
        "errors": {kind: n for kind, n in sorted(outcomes.items()) if kind != "ok"},
        "overdue": panels.due(database, panel, scope.now),
        "window_p50_s": window.get("delay_p50_s"),
        "window_p90_s": window.get("delay_p90_s"),
        "expected": expected,
        "observed": observed,
        "honesty": _share(expected, observed),
    }


def polling(database: Database, scope: ReportScope) -> list[ReportRow]:
    """Rows of POLLING_FIELDS by day and panel."""
    day_of = day_in(scope.zone)
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    where = _over(scope)
    # Summed by quarters of an hour, because a day of any time zone is made of whole ones.
    sql = (
        f"SELECT panel, {whole(database, 'started_at / 900')}, count(*), sum(asked), sum(coalesce(moved, 0)),"
        f" sum(CASE WHEN outcome = 'ok' THEN 0 ELSE 1 END) FROM poll_runs{where.sql} GROUP BY 1, 2"
    )
    for panel, quarter, *numbers in select(database, sql, where.params):
        into = sums[day_of(quarter * 900.0), panel]
        for n, value in enumerate(numbers):
            into[n] += int(value)
    return [
        {
            "day": day,
            "panel": panel,
            "requests": requests,
            "ids": ids,
            "ids_per_request": round(ids / requests, 1),
            "moved": moved,
            "errors": errors,
        }
        for (day, panel), (requests, ids, moved, errors) in sorted(sums.items())
    ]


def recent(database: Database, since: float) -> list[ReportRow]:
    """Rows of RECENT_FIELDS, one for each panel that was called: what its calls that ended after `since` came to."""
    sql = (
        "SELECT panel, count(*), sum(asked), sum(moved), sum(CASE WHEN outcome = 'ok' THEN 0 ELSE 1 END)"
        " FROM poll_runs WHERE finished_at > ? GROUP BY panel ORDER BY panel"
    )
    return [dict(zip(RECENT_FIELDS, row, strict=True)) for row in select(database, sql, (since,))]


def delays(database: Database, scope: ReportScope) -> list[ReportRow]:
    """Rows of DELAY_FIELDS by panel."""
    sums = daily_stats.in_scope(database, scope, ("window",), by_service=False)
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for (panel, _, what, seconds), n in sums.durations.items():
        if what == "window":
            found[panel][seconds] = found[panel].get(seconds, 0) + n
    return [
        named(DELAY_FIELDS, (panel, sum(counts.values()), *statistics.percentiles(counts)))
        for panel, counts in sorted(found.items())
    ]


def _over(scope: ReportScope) -> Filter:
    """The condition on calls that they have ended, in the time of the report."""
    where = (
        Filter().add("panel = ?", scope.panel).add("started_at >= ?", scope.begins).add("started_at < ?", scope.ends)
    )
    return where.also("finished_at IS NOT NULL")


def _honesty(database: Database, scope: ReportScope) -> dict[str, tuple[Money, Money]]:
    """panel -> (what was expected to come back, how much of it did), over orders for which something was expected."""
    found: dict[str, tuple[Money, Money]] = defaultdict(lambda: ({}, {}))
    for panel, currency, should, did in refunds.pairs(database, scope):
        if should:
            expected, observed = found[panel]
            add_money(expected, currency, should)
            add_money(observed, currency, min(did or Decimal(0), should))
    return found


def _share(expected: Money, observed: Money) -> float | None:
    """The share that came back; None for amounts in several currencies, which have no common share."""
    if len(expected) != 1:
        return None
    (should,), (did,) = expected.values(), observed.values()
    return round(float(did / should), 4)
