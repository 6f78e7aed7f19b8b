"""Money: the balances of panels, and what they charge."""

from collections import defaultdict
from decimal import Decimal

from tracker.core.statistics import Money, add_money
from tracker.db.database import Database, amount
from tracker.reports import daily_stats, panels
from tracker.reports.period import ReportScope
from tracker.reports.rows import Filter, ReportRow, named, select

# at: since when the balance is this much.
# burn_per_day, runway_h: how fast it fell in the last seven days, and how long it lasts at that rate.
# change: how much the balance changed in the time of the report; None: fewer than two balances are known.
# spend: what orders were seen to be charged.
# unexplained: change + spend: deposits, charges of orders that are not tracked, and mistakes of panels.
HELD_FIELDS = ("panel", "amount", "currency", "at", "burn_per_day", "runway_h")
BALANCE_FIELDS = (*HELD_FIELDS, "change", "spend", "unexplained")
# by: day, service or tag. name: of that day, service or tag.
# spend, back: as in the summary.
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
    """Rows of HELD_FIELDS: what is there now. Unlike `balances` it needs no daily statistics."""
    found = (panels.held(database, panel, scope.now) for panel in _panels(database, scope))
    return [row for row in found if row is not None]


def spend(database: Database, scope: ReportScope) -> list[ReportRow]:
    """Rows of SPEND_FIELDS: first by day, then by service, then by tag. An order with two tags counts for both."""
    sums = daily_stats.in_scope(database, scope)
    found: dict[tuple[int, str, str, str], Money] = defaultdict(dict)
    for (day, panel, dim, name, currency, what), value in sums.money.items():
        if what in ("spend", "back"):
            keys = [(0, day), (1, name)] if dim == "service" else [(2, name)]
            for order, word in keys:
                add_money(found[order, word, panel, currency], what, value)
    by = ("day", "service", "tag")
    return [
        named(SPEND_FIELDS, (by[n], name or None, panel, currency or None, *_pair(sums)))
        for (n, name, panel, currency), sums in sorted(found.items())
    ]


def history(database: Database, scope: ReportScope, most: int = 400) -> dict[str, list[tuple[float, Decimal]]]:
    """The balances of each panel as (when, how much), the oldest first; about `most` of them, evenly chosen."""
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
    sums = daily_stats.in_scope(database, scope, by_service=False)
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for (_, panel, dim, _, currency, what), value in sums.money.items():
        if dim == "service" and what == "spend":
            found[panel, currency] += value
    return found


def _change(database: Database, scope: ReportScope, panel: str, currency: str | None) -> Decimal | None:
    """How much a balance changed in the time of the report.

    It is the last balance within that time less the last one before it; without one before, less the first one.
    """
    of = Filter().add("panel = ?", panel).add("currency = ?", currency)
    before = None if scope.begins is None else _one(database, of, "at < ?", scope.begins, "DESC")
    first = before if before is not None else _one(database, of, "at >= ?", scope.begins or 0.0, "ASC")
    last = _one(database, of, "at < ?", scope.ends if scope.ends is not None else scope.now + 1.0, "DESC")
    return None if first is None or last is None else last - first


def _one(database: Database, of: Filter, bound: str, at: float, order: str) -> Decimal | None:
    """The first balance within the bound. order: ASC or DESC."""
    sql = f"SELECT amount FROM balances{of.sql} AND {bound} ORDER BY id {order} LIMIT 1"
    found = select(database, sql, (*of.params, at))
    return amount(found[0][0]) if found else None
