"""A summary: today, the last 7 and the last 30 days, and how things stand now."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec.structs import replace

from tracker.core.daily_stats import Sums
from tracker.core.dates import later, starts
from tracker.core.statistics import Money, add_money
from tracker.core.status import OPEN, OrderStatus
from tracker.db.database import Database, amount
from tracker.reports import daily_stats, refunds, stuck
from tracker.reports.panels import AT_HAND
from tracker.reports.period import ReportScope
from tracker.reports.rows import Filter, ReportRow, select

PERIODS = (("today", 1), ("7 days", 7), ("30 days", 30))
ENDS = ("completed", "partial", "canceled", "refunded", "failed", "expired")
OPEN_ORDER = tuple(status for status in OrderStatus if status in OPEN)
# since: the first day.
# tracked: orders that came in.
# completed … expired: how many orders moved into that status.
# spend: by currency, what panels were seen to charge, less what charges fell by. back: what charges fell by.
SUMMARY_FIELDS = ("period", "since", "tracked", *ENDS, "spend", "back", "requests")
# detail: the count by status, panel, hook, alert or currency.
NOW_FIELDS = ("what", "count", "detail")


def summary(database: Database, scope: ReportScope) -> list[ReportRow]:
    """Rows of SUMMARY_FIELDS, one for each of PERIODS."""
    first = later(scope.today, 1 - PERIODS[-1][1])
    sums = daily_stats.in_scope(database, replace(scope, since=first, until=None))
    begins = [later(scope.today, 1 - days) for _, days in PERIODS]
    requests = _requests(database, scope, begins)
    return [_period(sums, *period) for period in zip((name for name, _ in PERIODS), begins, requests, strict=True)]


def _period(sums: Sums, name: str, since: str, requests: int) -> ReportRow:
    counts = dict.fromkeys(("tracked", *ENDS), 0)
    for (day, _, _, what), n in sums.counts.items():
        key = what.removeprefix("to:")
        if day >= since and key in counts:
            counts[key] += n
    money: dict[str, Money] = {"spend": {}, "back": {}}
    for (day, _, dim, _, currency, what), value in sums.money.items():
        if day >= since and dim == "service" and what in money:
            add_money(money[what], currency, value)
    return {"period": name, "since": since, **counts, **money, "requests": requests}


def _requests(database: Database, scope: ReportScope, since: Sequence[str]) -> list[int]:
    """The number of requests since the beginning of each of these days."""
    begins = [starts(day, scope.zone) for day in since]
    sums = ", ".join(["coalesce(sum(CASE WHEN started_at >= ? THEN 1 ELSE 0 END), 0)"] * len(begins))
    where = Filter().add("panel = ?", scope.panel).add("started_at >= ?", min(begins))
    (found,) = select(database, f"SELECT {sums} FROM poll_runs{where.sql}", (*begins, *where.params))
    return [int(n) for n in found]


def standing(database: Database, scope: ReportScope) -> list[ReportRow]:
    """Rows of NOW_FIELDS: what is open, and what needs a person."""
    status = statuses(database, scope.panel)
    open_ = {name: n for name, n in status.items() if name in {one.value for one in OPEN} | {"unknown", "new"}}
    dead = _by_hook(database, "dead")
    waiting = _by_hook(database, "waiting")
    raised = f"SELECT name, count(*) FROM alerts WHERE state = 'raised' AND {AT_HAND} GROUP BY name"
    alerts = _counts(database, raised)
    found = refunds.totals(database, scope)
    stalled = stuck.count(database, scope)
    return [
        {"what": "open orders", "count": sum(open_.values()), "detail": open_},
        {"what": "stuck orders", "count": sum(stalled.values()), "detail": stalled},
        {"what": "refunds owed", "count": sum(row["orders"] for row in found), "detail": _owed(found)},
        {"what": "deliveries waiting", "count": sum(waiting.values()), "detail": waiting},
        {"what": "deliveries dead", "count": sum(dead.values()), "detail": dead},
        {"what": "alerts", "count": sum(alerts.values()), "detail": alerts},
        {"what": "balances", "count": None, "detail": _balances(database, scope.panel)},
    ]


def statuses(database: Database, panel: str | None = None) -> dict[str, int]:
    """The number of orders in each status now. "new": never answered about."""
    where = Filter().add("panel = ?", panel)
    found = select(database, f"SELECT status, count(*) FROM orders{where.sql} GROUP BY status", where.params)
    counts = {status or "new": int(n) for status, n in found}
    order = ("new", *(one.value for one in OPEN_ORDER), "unknown", *ENDS)
    return {name: counts[name] for name in (*order, *sorted(counts.keys() - {*order})) if name in counts}


def _by_hook(database: Database, state: str) -> dict[str, int]:
    # The state as text: an index of a part of the deliveries answers only a statement that names the part.
    return _counts(database, f"SELECT hook, count(*) FROM deliveries WHERE state = '{state}' GROUP BY hook")


def _counts(database: Database, sql: str) -> dict[str, int]:
    return {name: int(n) for name, n in select(database, sql)}


def _owed(found: list[ReportRow]) -> Money:
    sums: Money = {}
    for row in found:
        add_money(sums, row["currency"], row["owed"])
    return sums


def _balances(database: Database, panel: str | None) -> dict[str, Decimal]:
    """The last known balance of each panel, by `panel currency`."""
    where = Filter().add("panel = ?", panel).also("id IN (SELECT max(id) FROM balances GROUP BY panel)").also(AT_HAND)
    found = select(database, f"SELECT panel, currency, amount FROM balances{where.sql} ORDER BY panel", where.params)
    return {f"{of} {currency or ''}".strip(): amount(held) or Decimal(0) for of, currency, held in found}
