"""Where the money goes: balances, and what the panels charge."""

from collections import defaultdict
from decimal import Decimal

from tracker.core.statistics import Money, add_money
from tracker.db.database import Database, amount
from tracker.reports import daily_stats, panels
from tracker.reports.period import ReportScope
from tracker.reports.rows import Filter, ReportRow, select

# change: of the balance in that time, None while there are no two of them. spend: what orders were seen to be charged.
# unexplained: change + spend: deposits, charges of orders nobody tracks, and what panels got wrong.
HELD_FIELDS = ("panel", "amount", "currency", "at", "burn_per_day", "runway_h")
BALANCE_FIELDS = (*HELD_FIELDS, "change", "spend", "unexplained")
# by: day, service or tag. name: which.
SPEND_FIELDS = ("by", "name", "panel", "currency", "spend", "back")


def balances(database: Database, scope: ReportScope) -> list[ReportRow]:
    """Rows of BALANCE_FIELDS, one for each panel whose balance is known."""
    spent = _spent(database, scope)
    rows = held(database, scope)
    for row in rows:
        change = _change(database, scope, row["panel"], row["currency"])
        spend = spent.get((row["panel"], row["currency"] or ""), Decimal(0))
        unexplained = None if change is None else change + spend
        row |= {"change": change, "spend": spend, "unexplained": unexplained}
    return rows


def held(database: Database, scope: ReportScope) -> list[ReportRow]:
    """The same rows as far as HELD_FIELDS: what is there now, which no sums have to be read for."""
    found = (panels.held(database, panel, scope.now) for panel in _panels(database, scope))
    return [row for row in found if row is not None]


def spend(database: Database, scope: ReportScope) -> list[ReportRow]:
    """Rows of SPEND_FIELDS: first by day, then by service, then by tag; an order with two tags is in both."""
    sums = daily_stats.read(
        database,
        scope.zone,
        panel=scope.panel,
        service=scope.service,
        since=scope.since,
        until=scope.until,
        durations=(),
    )
    found: dict[tuple[int, str, str, str], Money] = defaultdict(dict)
    for (day, panel, dim, name, currency, what), value in sums.money.items():
        if what in ("spend", "back"):
            keys = [(0, day), (1, name)] if dim == "service" else [(2, name)]
            for order, word in keys:
                add_money(found[order, word, panel, currency], what, value)
    by = ("day", "service", "tag")
    return [
        dict(zip(SPEND_FIELDS, (by[n], name or None, panel, currency or None, *_pair(sums)), strict=True))
        for (n, name, panel, currency), sums in sorted(found.items())
    ]


def history(database: Database, scope: ReportScope, most: int = 400) -> dict[str, list[tuple[float, Decimal]]]:
    """panel -> (when, how much), oldest first, at most about `most` of them: what a picture has room for."""
    where = Filter().add("panel = ?", scope.panel).add("at >= ?", scope.begins).add("at < ?", scope.ends)
    found: dict[str, list[tuple[float, Decimal]]] = defaultdict(list)
    for panel, at, held in select(
        database, f"SELECT panel, at, amount FROM balances{where.sql} ORDER BY id", where.params
    ):
        found[panel].append((at, amount(held) or Decimal(0)))
    return {panel: _thinned(points, most) for panel, points in sorted(found.items())}


def _thinned(points: list[tuple[float, Decimal]], most: int) -> list[tuple[float, Decimal]]:
    every = -(-len(points) // most)
    return points if every <= 1 else [*points[::every], points[-1]]


def _pair(sums: Money) -> tuple[Decimal, Decimal]:
    return sums.get("spend", Decimal(0)), sums.get("back", Decimal(0))


def _panels(database: Database, scope: ReportScope) -> list[str]:
    if scope.panel is not None:
        return [scope.panel]
    return [row[0] for row in select(database, "SELECT DISTINCT panel FROM balances ORDER BY panel")]


def _spent(database: Database, scope: ReportScope) -> dict[tuple[str, str], Decimal]:
    sums = daily_stats.read(database, scope.zone, panel=scope.panel, since=scope.since, until=scope.until, durations=())
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for (_, panel, dim, _, currency, what), value in sums.money.items():
        if dim == "service" and what == "spend":
            found[panel, currency] += value
    return found


def _change(database: Database, scope: ReportScope, panel: str, currency: str | None) -> Decimal | None:
    """The last balance of the time less the one it began with: the last before it, or the first there is."""
    of = Filter().add("panel = ?", panel).add("currency = ?", currency)
    before = None if scope.begins is None else _one(database, of, "at < ?", scope.begins, "DESC")
    first = before if before is not None else _one(database, of, "at >= ?", scope.begins or 0.0, "ASC")
    last = _one(database, of, "at < ?", scope.ends if scope.ends is not None else scope.now + 1.0, "DESC")
    return None if first is None or last is None else last - first


def _one(database: Database, of: Filter, bound: str, at: float, order: str) -> Decimal | None:
    """The first balance within the bound, going in this order."""
    sql = f"SELECT amount FROM balances{of.sql} AND {bound} ORDER BY id {order} LIMIT 1"
    found = select(database, sql, (*of.params, at))
    return amount(found[0][0]) if found else None
