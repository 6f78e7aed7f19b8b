"""The observed moves of orders: those of one order, and all of them a page at a time."""

from collections.abc import Sequence
from typing import Any

from tracker.db.database import Database, amount
from tracker.reports.paging import Page, along_index, down_the_rows, first_page, unindexed
from tracker.reports.rows import Filter, ReportRow, named, select

# A move in the story of its order.
MOVE_FIELDS = (
    "seq", "old", "new", "said", "at", "not_before", "charge", "old_charge", "remains", "regressed", "skipped",
)  # fmt: skip
# A move in a list; `id` is the order's.
TRANSITION_FIELDS = (
    "panel", "id", "seq", "old", "new", "said", "at", "not_before", "charge", "old_charge", "currency", "remains",
    "regressed", "skipped",
)  # fmt: skip
_OF_ORDER = f"SELECT {', '.join(MOVE_FIELDS)} FROM transitions WHERE order_id = ? ORDER BY id"
_LISTED = (
    "SELECT t.id, o.panel, o.remote_id, t.seq, t.old, t.new, t.said, t.at, t.not_before, t.charge, t.old_charge,"
    " t.currency, t.remains, t.regressed, t.skipped FROM transitions t{} JOIN orders o ON o.id = t.order_id"
)


def of_order(database: Database, order_id: int) -> list[ReportRow]:
    """Rows of MOVE_FIELDS, the oldest first. order_id: the number of the order's row."""
    return [_row(MOVE_FIELDS, values) for values in select(database, _OF_ORDER, (order_id,))]


def transitions(
    database: Database,
    *,
    panel: str | None = None,
    order: str | None = None,
    since: float | None = None,
    after: int | None = None,
    size: int,
) -> Page:
    """A page of rows of TRANSITION_FIELDS.

    order: only those of the orders with this id, one a panel at most.
    since: only those seen at this moment or later.
    after: the `after` of the page before.
    """
    chosen = Filter().add("o.panel = ?", panel).add("t.at >= ?", since)
    if order is not None:
        of = [row[0] for row in select(database, "SELECT id FROM orders WHERE remote_id = ?", (order,))]
        if not of:
            return Page([], None)
        chosen.among("t.order_id", of)
        found, following = first_page(along_index(database, _LISTED.format(""), chosen, after, size + 1, "t.id"), size)
    else:
        sql = _LISTED.format(unindexed(database))
        found, following = down_the_rows(database, sql, chosen, after, size, table="transitions", id="t.id")
    return Page([_row(TRANSITION_FIELDS, values[1:]) for values in found], following)


def _row(fields: Sequence[str], values: Sequence[Any]) -> ReportRow:
    row = named(fields, values)
    row["charge"], row["old_charge"] = amount(row["charge"]), amount(row["old_charge"])
    row["regressed"], row["skipped"] = bool(row["regressed"]), row["skipped"].split()
    return row
