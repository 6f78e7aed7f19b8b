"""How the panels answer, and what asking them takes."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from tracker.core import figures
from tracker.core.days import day_in
from tracker.core.figures import Money, add_money
from tracker.core.model import Tracking
from tracker.database import Database
from tracker.reports import daily, owed
from tracker.reports.period import Ask
from tracker.reports.rows import Filter, Row, pages, select

# ok_rate: the share of requests that were answered, with its 95 % interval. latency_…_s: of answered ones, to the
# hundredth. window_…_s: between the two polls that a move lies between. overdue: orders whose turn has passed.
# expected, observed: refunds, by currency. honesty: the share of what was expected that came back.
PANEL_FIELDS = (
    "panel", "requests", "ok_rate", "ok_rate_low", "ok_rate_high", "few", "latency_p50_s", "latency_p90_s",
    "latency_p99_s", "errors", "overdue", "window_p50_s", "window_p90_s", "expected", "observed", "honesty",
)  # fmt: skip
POLLING_FIELDS = ("day", "panel", "requests", "ids", "ids_per_request", "moved", "errors")
DELAY_FIELDS = ("panel", "moves", "delay_p50_s", "delay_p90_s", "delay_p99_s")

_RUNS = "SELECT id, panel, started_at, finished_at, asked, moved, outcome FROM poll_runs"


def scorecard(database: Database, ask: Ask) -> list[Row]:
    """Rows of PANEL_FIELDS, one for each configured panel and each that was ever asked."""
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    latency: dict[str, Counter[int]] = defaultdict(Counter)
    for panel, started_at, finished_at, _, _, outcome in _runs(database, ask):
        outcomes[panel][outcome] += 1
        if outcome == "ok":
            latency[panel][round((finished_at - started_at) * 100)] += 1
    windows = delays(database, ask)
    wanted = {*outcomes, *ask.rules} if ask.panel is None else {ask.panel}
    return [_card(database, ask, panel, outcomes[panel], latency[panel], windows) for panel in sorted(wanted)]


def _card(
    database: Database, ask: Ask, panel: str, outcomes: Counter[str], latency: Counter[int], windows: list[Row]
) -> Row:
    requests = sum(outcomes.values())
    rate = figures.rate(outcomes["ok"], requests)
    took = [None if value is None else value / 100 for value in figures.percentiles(latency)]
    window: Row = next((row for row in windows if row["panel"] == panel), {})
    expected, observed, honesty = _honesty(database, ask, panel)
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
        "overdue": _overdue(database, ask, panel),
        "window_p50_s": window.get("delay_p50_s"),
        "window_p90_s": window.get("delay_p90_s"),
        "expected": expected,
        "observed": observed,
        "honesty": honesty,
    }


def polling(database: Database, ask: Ask) -> list[Row]:
    """Rows of POLLING_FIELDS by day and panel. ids: orders and refills asked about."""
    day_of = day_in(ask.zone)
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for panel, started_at, _, asked, moved, outcome in _runs(database, ask):
        into = sums[day_of(started_at), panel]
        for n, value in enumerate((1, asked, moved or 0, outcome != "ok")):
            into[n] += value
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


def delays(database: Database, ask: Ask) -> list[Row]:
    """Rows of DELAY_FIELDS. delay: the time between the two polls that a move lies between; no move was seen later."""
    sums = daily.read(database, ask.zone, panel=ask.panel, since=ask.since, until=ask.until, durations=("window",))
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for (panel, _, what, seconds), n in sums.durations.items():
        if what == "window":
            found[panel][seconds] = found[panel].get(seconds, 0) + n
    return [
        dict(zip(DELAY_FIELDS, (panel, sum(counts.values()), *figures.percentiles(counts)), strict=True))
        for panel, counts in sorted(found.items())
    ]


def _runs(database: Database, ask: Ask) -> Iterator[tuple[str, float, float, int, int | None, str]]:
    """Calls that are over: (panel, started_at, finished_at, asked, moved, outcome)."""
    where = Filter().add("panel = ?", ask.panel).add("started_at >= ?", ask.begins).add("started_at < ?", ask.ends)
    where.also("finished_at IS NOT NULL")
    for _, *run in pages(database, _RUNS, where, newest_first=False, size=10_000):
        panel, started_at, finished_at, asked, moved, outcome = run
        yield panel, started_at, finished_at, asked, moved, outcome


def _overdue(database: Database, ask: Ask, panel: str) -> int:
    sql = "SELECT count(*) FROM orders WHERE panel = ? AND tracking = ? AND next_poll_at <= ?"
    ((n,),) = select(database, sql, (panel, Tracking.ACTIVE.value, ask.now))
    return int(n)


def _honesty(database: Database, ask: Ask, panel: str) -> tuple[Money, Money, float | None]:
    """What was expected back, what of it was seen, and the share; over orders of which something is expected."""
    expected: Money = {}
    observed: Money = {}
    part = Ask(ask.zone, ask.now, since=ask.since, until=ask.until, panel=panel, service=ask.service)
    for row in owed.refunds(database, part):
        if row["expected"]:
            add_money(expected, row["currency"], row["expected"])
            add_money(observed, row["currency"], min(row["observed"] or row["expected"] * 0, row["expected"]))
    if len(expected) != 1:
        return expected, observed, None  # amounts in two currencies have no one share
    (should,), (did,) = expected.values(), observed.values()
    return expected, observed, round(float(did / should), 4)
