"""Money that should have come back, beside what did."""

from collections.abc import Iterator
from decimal import Decimal

from tracker.database import Database, amount
from tracker.reports.period import Ask
from tracker.reports.rows import Filter, Row, pages

# expected: going by what remained. observed: what the charge fell by. owed: the difference where something was
# expected, never below zero; None: nobody knows.
REFUND_FIELDS = (
    "panel", "id", "service", "ref", "status", "at", "expected", "observed", "owed", "currency", "basis",
)  # fmt: skip
TOTAL_FIELDS = ("panel", "currency", "orders", "expected", "observed", "owed", "unknown")

_SELECT = (
    "SELECT r.order_id, o.panel, o.remote_id, o.service, o.ref, o.status, r.at, r.expected, r.observed, o.currency,"
    " r.basis FROM refunds r JOIN orders o ON o.id = r.order_id"
)


def refunds(database: Database, ask: Ask) -> Iterator[Row]:
    """Rows of REFUND_FIELDS, the newest order first."""
    for _, *facts in pages(database, _SELECT, _where(ask), newest_first=True, size=5_000, id="r.order_id"):
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


def totals(database: Database, ask: Ask) -> list[Row]:
    """Rows of TOTAL_FIELDS by panel and currency. orders: those that something is owed for; unknown: nobody knows."""
    found: dict[tuple[str, str], Row] = {}
    for row in refunds(database, ask):
        key = (row["panel"], row["currency"] or "")
        into = found.setdefault(key, dict(zip(TOTAL_FIELDS, (*key, 0, *[Decimal(0)] * 3, 0), strict=True)))
        for what in ("expected", "observed", "owed"):
            into[what] += row[what] or 0
        into["orders"] += bool(row["owed"])
        into["unknown"] += row["owed"] is None
    return [found[key] for key in sorted(found)]


def difference(expected: Decimal | None, observed: Decimal | None) -> Decimal | None:
    """What is still owed."""
    return None if expected is None else max(expected - (observed or 0), Decimal(0))


def _where(ask: Ask) -> Filter:
    chosen = Filter().add("o.panel = ?", ask.panel).add("o.service = ?", ask.service)
    return chosen.add("r.at >= ?", ask.begins).add("r.at < ?", ask.ends)
