"""How the hooks do."""

from collections import Counter, defaultdict

from tracker.core import figures
from tracker.database import Database
from tracker.reports.period import Ask
from tracker.reports.rows import Filter, Row, pages, select

# attempts: those that are over. success: the share of them that delivered, with its 95 % interval. took_…_s: of those,
# to the hundredth. outcomes: by HTTP status or exit code, or how it failed. waiting, held, dead: deliveries, now.
HOOK_REPORT_FIELDS = (
    "hook", "attempts", "success", "success_low", "success_high", "few", "took_p50_s", "took_p90_s", "took_p99_s",
    "outcomes", "waiting", "held", "dead",
)  # fmt: skip
_ATTEMPTS = "SELECT id, hook, took_s, outcome, code FROM attempts"


def hooks(database: Database, ask: Ask) -> list[Row]:
    """Rows of HOOK_REPORT_FIELDS by hook."""
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    delivered: Counter[str] = Counter()
    took: dict[str, Counter[int]] = defaultdict(Counter)
    where = Filter().add("started_at >= ?", ask.begins).add("started_at < ?", ask.ends)
    where.also("outcome IS NOT NULL AND hook IS NOT NULL")
    for _, hook, took_s, outcome, code in pages(database, _ATTEMPTS, where, newest_first=False, size=10_000):
        outcomes[hook][outcome if code is None else f"{code}"] += 1
        if outcome == "delivered":
            delivered[hook] += 1
            took[hook][round((took_s or 0.0) * 100)] += 1
    states = _states(database)
    return [
        _row(hook, outcomes[hook], delivered[hook], took[hook], states[hook]) for hook in sorted({*outcomes, *states})
    ]


def _row(hook: str, outcomes: Counter[str], delivered: int, took: Counter[int], states: Counter[str]) -> Row:
    attempts = sum(outcomes.values())
    rate = figures.rate(delivered, attempts)
    p50, p90, p99 = (None if value is None else value / 100 for value in figures.percentiles(took))
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
        "waiting": states["waiting"],
        "held": states["held"],
        "dead": states["dead"],
    }


def _states(database: Database) -> dict[str, Counter[str]]:
    """Of what has not arrived: of deliveries that have there may be millions, and nobody asks how many."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for hook in [row[0] for row in select(database, "SELECT name FROM hooks")]:
        found[hook] = Counter()
    for states in ("= 'waiting'", "= 'dead'", "IN ('held', 'orphaned')"):
        sql = f"SELECT hook, state, count(*) FROM deliveries WHERE state {states} GROUP BY hook, state"
        for hook, state, n in select(database, sql):
            found[hook][state] = int(n)
    return found
