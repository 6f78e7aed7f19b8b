"""Refunds: what should have come back for orders, and what did."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from tracker.db.database import Database, amount
from tracker.reports.paging import all_rows
from tracker.reports.period import ReportScope
from tracker.reports.rows import Filter, ReportRow, named, select

# expected: what should come back, worked out from `remains`; None: unknown.
# observed: what the charge fell by; None: it did not fall.
# owed: expected less observed, never below zero; None: unknown.
REFUND_FIELDS = (
    "panel", "id", "service", "ref", "status", "at", "expected", "observed", "owed", "currency", "basis",
)  # fmt: skip
# orders: for how many something is owed. unknown: for how many it is unknown what to expect.
TOTAL_FIELDS = ("panel", "currency", "orders", "expected", "observed", "owed", "unknown")

_SELECT = (
    "SELECT r.order_id, o.panel, o.remote_id, o.service, o.ref, o.status, r.at, r.expected, r.observed, o.currency,"
    " r.basis FROM refunds r JOIN orders o ON o.id = r.order_id"
)


def refunds(database: Database, scope: ReportScope) -> Iterator[ReportRow]:
    """Rows of REFUND_FIELDS, the newest order first."""
    for _, *facts in all_rows(database, _SELECT, _where(scope), newest_first=True, size=5_000, id="r.order_id"):
        panel, remote_id, service, ref, status, at, expected, observed, currency, basis = facts
        should, did = amount(expected), amount(observed)
        yield {
            "panel": panel,
            "id": remote_id,
            "service": service,
            "ref": ref,
            "status": status,
            "at": at,
            "expected": should,
            "observed": did,
            "owed": difference(should, did),
            "currency": currency,
            "basis": basis,
        }


def totals(database: Database, scope: ReportScope) -> list[ReportRow]:
    """Rows of TOTAL_FIELDS by panel and currency."""
    found: dict[tuple[str, str], list[Any]] = {}
    for panel, currency, expected, observed in pairs(database, scope):
        sums = found.setdefault((panel, currency), [0, Decimal(0), Decimal(0), Decimal(0), 0])
        if observed is not None:
            sums[2] += observed
        if expected is None:
            sums[4] += 1
            continue
        sums[1] += expected
        if observed is None or expected > observed:
            sums[3] += expected - (observed or 0)
            sums[0] += expected > 0
    return [named(TOTAL_FIELDS, (*key, *found[key])) for key in sorted(found)]


def pairs(database: Database, scope: ReportScope) -> Iterator[tuple[str, str, Decimal | None, Decimal | None]]:
    """(panel, currency, expected, observed) of every refund."""
    where = _where(scope)
    sql = "SELECT o.panel, o.currency, r.expected, r.observed FROM refunds r JOIN orders o ON o.id = r.order_id"
    for panel, currency, expected, observed in select(database, sql + where.sql, where.params):
        yield panel, currency or "", amount(expected), amount(observed)


def difference(expected: Decimal | None, observed: Decimal | None) -> Decimal | None:
    """What is still owed; None: unknown."""
    return None if expected is None else max(expected - (observed or 0), Decimal(0))


def owed() -> Filter:
    """The condition on orders that something is owed for: less came back than was expected."""
    # As floating-point numbers on SQLite: exact enough to compare, and no amount is worked out from them.
    owing = "CAST(expected AS NUMERIC) > coalesce(CAST(observed AS NUMERIC), 0)"
    return Filter().also(f"id IN (SELECT order_id FROM refunds WHERE {owing})")


def _where(scope: ReportScope) -> Filter:
    chosen = Filter().add("o.panel = ?", scope.panel).add("o.service = ?", scope.service)
    return chosen.add("r.at >= ?", scope.begins).add("r.at < ?", scope.ends)
