"""How well each hook's receiver takes what is sent to it."""

from collections import Counter, defaultdict

from tracker.core import statistics
from tracker.db.database import Database
from tracker.reports import outbox
from tracker.reports.period import ReportScope
from tracker.reports.rows import Filter, ReportRow, select, whole

# attempts: attempts that have ended.
# success: the share of them that delivered, with its 95 % interval.
# few: too few attempts to say much.
# took_…_s: how long those that delivered took, to the hundredth of a second.
# outcomes: the number of attempts by HTTP status or exit code, or by how they failed.
# waiting, held, dead: deliveries in that state now.
HOOK_REPORT_FIELDS = (
    "hook", "attempts", "success", "success_low", "success_high", "few", "took_p50_s", "took_p90_s", "took_p99_s",
    "outcomes", "waiting", "held", "dead",
)  # fmt: skip


def hooks(database: Database, scope: ReportScope) -> list[ReportRow]:
    """Rows of HOOK_REPORT_FIELDS by hook."""
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    delivered: Counter[str] = Counter()
    took: dict[str, Counter[int]] = defaultdict(Counter)
    where = Filter().add("started_at >= ?", scope.begins).add("started_at < ?", scope.ends)
    where.also("outcome IS NOT NULL AND hook IS NOT NULL")
    hundredths = whole(database, "coalesce(took_s, 0) * 100 + 0.5")
    sql = f"SELECT hook, outcome, code, {hundredths}, count(*) FROM attempts{where.sql} GROUP BY 1, 2, 3, 4"
    for hook, outcome, code, hundredth, n in select(database, sql, where.params):
        outcomes[hook][outcome if code is None else f"{code}"] += n
        if outcome == "delivered":
            delivered[hook] += n
            took[hook][hundredth] += n
    states = outbox.unsettled_by_hook(database)
    return [
        _row(hook, outcomes[hook], delivered[hook], took[hook], states.get(hook, {}))
        for hook in sorted({*outcomes, *states})
    ]


def _row(hook: str, outcomes: Counter[str], delivered: int, took: Counter[int], states: dict[str, int]) -> ReportRow:
    attempts = sum(outcomes.values())
    rate = statistics.rate(delivered, attempts)
    p50, p90, p99 = (None if value is None else value / 100 for value in statistics.percentiles(took))
    return {
        "hook": hook,
        "attempts": attempts,
        "success": rate.share,
        "success_low": rate.low,
        "success_high": rate.high,
        "few": rate.few,
        "took_p50_s": p50,
        "took_p90_s": p90,
        "took_p99_s": p99,
        "outcomes": dict(sorted(outcomes.items())),
        "waiting": states.get("waiting", 0),
        "held": states.get("held", 0),
        "dead": states.get("dead", 0),
    }
