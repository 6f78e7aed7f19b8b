"""How each service does: how long orders take, how often they end badly, what a thousand delivered units cost."""

from collections import defaultdict
from decimal import Decimal

from tracker.core import statistics
from tracker.core.statistics import Money, add_money
from tracker.db.database import Database
from tracker.reports import daily_stats
from tracker.reports.period import ReportScope
from tracker.reports.rows import Filter, ReportRow, select

RATES = ("partial", "canceled", "refunded", "failed")
_TIMES = ("start", "finish")
# ended: how many orders ended; one that is reopened and ends again counts twice.
# few: too few of them to say much.
# start_…_s, finish_…_s: seconds from placing to the start and to the end: nearest-rank percentiles of times that are
#     kept with three significant digits.
# partial, canceled, refunded, failed: the share of `ended`. …_low, …_high: the ends of its 95 % interval.
# refills: how many refills ended. refill_rejected: the share of them that were rejected.
# cost_per_1000: by currency, over orders whose quantity, `remains` and charge are known.
SERVICE_FIELDS = (
    "panel", "service", "name", "ended", "few",
    *(f"{what}_{quantile}_s" for what in _TIMES for quantile in ("p50", "p90", "p99")),
    *(f"{what}{end}" for what in RATES for end in ("", "_low", "_high")),
    "refills", "refill_rejected", "refill_rejected_low", "refill_rejected_high", "cost_per_1000",
)  # fmt: skip
_PLACES = Decimal("0.00001")


def services(database: Database, scope: ReportScope) -> list[ReportRow]:
    """Rows of SERVICE_FIELDS by panel and service; services of which no order has ended are left out."""
    sums = daily_stats.in_scope(database, scope, _TIMES)
    counts: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    times: dict[tuple[str, str, str], dict[int, int]] = defaultdict(dict)
    cost: dict[tuple[str, str], Money] = defaultdict(dict)
    for (_, panel, service, what), n in sums.counts.items():
        counts[panel, service][what] += n
    for (panel, service, what, seconds), n in sums.durations.items():
        times[panel, service, what][seconds] = times[panel, service, what].get(seconds, 0) + n
    for (_, panel, dim, service, currency, what), value in sums.money.items():
        if dim == "service" and what == "cost":
            add_money(cost[panel, service], currency, value)
    names, refills = _names(database, scope), _refills(database, scope)
    rows = []
    for key in sorted(key for key, of in counts.items() if _ended(of)):
        found = [times.get((*key, what), {}) for what in _TIMES]
        rows.append(_row(key, names.get(key), counts[key], found, refills.get(key, (0, 0)), cost.get(key, {})))
    return rows


def _row(
    key: tuple[str, str],
    name: str | None,
    counts: dict[str, int],
    times: list[dict[int, int]],
    refills: tuple[int, int],
    cost: Money,
) -> ReportRow:
    ended = _ended(counts)
    row: ReportRow = {
        "panel": key[0],
        "service": key[1] or None,
        "name": name,
        "ended": ended,
        "few": ended < statistics.FEW,
    }
    for what, found in zip(_TIMES, times, strict=True):
        for quantile, value in zip(("p50", "p90", "p99"), statistics.percentiles(found), strict=True):
            row[f"{what}_{quantile}_s"] = value
    for what in RATES:
        row |= _share(what, min(counts["to:refunded"] if what == "refunded" else counts[f"ended:{what}"], ended), ended)
    rejected, of = refills
    row |= {"refills": of} | _share("refill_rejected", rejected, of)
    return row | {"cost_per_1000": _cost(counts, cost)}


def _share(what: str, k: int, n: int) -> ReportRow:
    rate = statistics.rate(k, n)
    return {what: rate.share, f"{what}_low": rate.low, f"{what}_high": rate.high}


def _ended(counts: dict[str, int]) -> int:
    return sum(n for what, n in counts.items() if what.startswith("ended:"))


def _cost(counts: dict[str, int], cost: Money) -> Money:
    """What a thousand units cost, by currency; without currencies in which nothing was delivered."""
    return {
        currency: (value * 1000 / counts[f"delivered:{currency}"]).quantize(_PLACES)
        for currency, value in sorted(cost.items())
        if counts.get(f"delivered:{currency}", 0) > 0
    }


def _names(database: Database, scope: ReportScope) -> dict[tuple[str, str], str]:
    where = Filter().add("panel = ?", scope.panel).add("service = ?", scope.service)
    found = select(database, f"SELECT panel, service, name FROM services{where.sql}", where.params)
    return {(panel, service): name for panel, service, name in found}


def _refills(database: Database, scope: ReportScope) -> dict[tuple[str, str], tuple[int, int]]:
    """(panel, service) -> (how many refills were rejected, how many ended)."""
    where = (
        Filter()
        .add("r.panel = ?", scope.panel)
        .add("o.service = ?", scope.service)
        .add("r.finished_at >= ?", scope.begins)
        .add("r.finished_at < ?", scope.ends)
        .also("r.tracking = 'finished'")
    )
    sql = (
        "SELECT r.panel, coalesce(o.service, ''), sum(CASE WHEN r.status = 'rejected' THEN 1 ELSE 0 END), count(*)"
        " FROM refills r LEFT JOIN orders o ON o.panel = r.panel AND o.remote_id = r.order_remote_id"
        f"{where.sql} GROUP BY r.panel, coalesce(o.service, '')"
    )
    return {(panel, service): (int(k), int(n)) for panel, service, k, n in select(database, sql, where.params)}
