"""Orders as people look for them: by what they have in hand, and a page at a time.

Every question here is answered by an index, at a million orders too. What is searched for is an id, a reference or a
link, whole or its beginning, or a whole service id.
"""

from collections.abc import Sequence
from heapq import merge
from itertools import islice

from msgspec import Struct

from tracker.core.status import OrderStatus
from tracker.db.database import Database, amount
from tracker.db.database import DbRow as Values
from tracker.reports import stuck
from tracker.reports.orders import NEW, of_status
from tracker.reports.period import ReportScope
from tracker.reports.rows import Filter, ReportRow, select

ROW_FIELDS = (
    "panel", "id", "status", "status_raw", "tracking", "service", "remains", "quantity", "charge", "currency", "link",
    "ref", "placed_at", "tracked_at", "last_changed_at",
)  # fmt: skip
FOUND_MAX = 500  # of one search; more are found by searching for more
_SELECT = "SELECT id, " + ", ".join("remote_id" if name == "id" else name for name in ROW_FIELDS) + " FROM orders"
_STATUSES = (None, *(status.value for status in OrderStatus))
_LAST = "\U0010ffff"  # sorts behind everything that begins alike


class OrderPage(Struct, frozen=True):
    """rows: of ROW_FIELDS, the one tracked last first. after: what the next page begins after, None at the end.
    cut: there are more than a search shows."""

    rows: list[ReportRow]
    after: int | None
    cut: bool = False


def orders(
    database: Database,
    panels: Sequence[str],
    *,
    text: str = "",
    panel: str | None = None,
    status: str | None = None,
    tracking: str | None = None,
    only: Filter | None = None,
    after: int | None = None,
    size: int = 50,
) -> OrderPage:
    """panels: all that there are. only: of `stuck_only` or `owed_only`. after: of the page before."""
    names = [panel] if panel is not None else list(panels)
    chosen = Filter().among("panel", names).add("tracking = ?", tracking)
    of_status(chosen, status).join(only)
    if text:
        found, cut = _matching(database, text, chosen)
        rows = [values for values in found if after is None or values[0] < after][: size + 1]
        return _page(rows, size, cut=cut)
    if tracking is not None or only is not None:
        # Few are paused, not found, stuck or owed for; of the others the newest are soon found by going back.
        chosen.add("id < ?", after)
        sql = f"{_SELECT}{chosen.sql} ORDER BY id DESC LIMIT ?"
        return _page(select(database, sql, (*chosen.params, size + 1)), size)
    if panel is None and status is None:
        where = Filter().add("id < ?", after)
        newest = select(database, f"{_SELECT}{where.sql} ORDER BY id DESC LIMIT ?", (*where.params, size + 1))
        return _page(newest, size)
    statuses: Sequence[str | None] = _STATUSES if status is None else (None if status == NEW else status,)
    # One walk down an index for each panel and status, merged: as dear as a page, however many orders there are.
    walks = [_walk(database, name, one, after, size + 1) for name in names for one in statuses]
    return _page(list(islice(merge(*walks, key=lambda values: -values[0]), size + 1)), size)


def _page(found: Sequence[Values], size: int, *, cut: bool = False) -> OrderPage:
    rows = [_row(values) for values in found[:size]]
    return OrderPage(rows, found[size - 1][0] if len(found) > size else None, cut)


def _row(values: Values) -> ReportRow:
    row: ReportRow = dict(zip(ROW_FIELDS, values[1:], strict=True))
    row["charge"] = amount(row["charge"])
    return row


def _walk(database: Database, panel: str, status: str | None, after: int | None, size: int) -> list[Values]:
    where = Filter().add("panel = ?", panel).add("id < ?", after)
    where = where.also("status IS NULL") if status is None else where.add("status = ?", status)
    return select(database, f"{_SELECT}{where.sql} ORDER BY id DESC LIMIT ?", (*where.params, size))


def stuck_only(scope: ReportScope) -> Filter:
    """The orders that `stuck` tells of."""
    parts, params = [], []
    for panel, rules in sorted(scope.rules.items()):
        where = stuck.where(scope, panel, rules)
        parts.append(f"SELECT id FROM orders{where.sql}")
        params += where.params
    return Filter().holding(f"id IN ({' UNION ALL '.join(parts)})", params)


def owed_only() -> Filter:
    """The orders that less came back of than was expected. For the choice the numbers need no last digit."""
    owing = "CAST(expected AS NUMERIC) > coalesce(CAST(observed AS NUMERIC), 0)"
    return Filter().also(f"id IN (SELECT order_id FROM refunds WHERE {owing})")


def _matching(database: Database, text: str, chosen: Filter) -> tuple[list[Values], bool]:
    """The chosen orders of the first FOUND_MAX that match, newest first, and whether there are more that match."""
    ids: set[int] = set()
    for column in ("remote_id", "ref", "link"):
        condition, params = _prefix(database, column, text)
        sql = f"SELECT id FROM orders WHERE {condition} LIMIT {FOUND_MAX}"
        ids.update(row[0] for row in select(database, sql, params))
    found = select(database, f"SELECT id FROM orders WHERE service = ? ORDER BY id DESC LIMIT {FOUND_MAX}", (text,))
    ids.update(row[0] for row in found)
    where = Filter().among("id", sorted(ids, reverse=True)[:FOUND_MAX]).join(chosen)
    rows = select(database, f"{_SELECT}{where.sql} ORDER BY id DESC", where.params) if ids else []
    return rows, len(ids) >= FOUND_MAX


def _prefix(database: Database, column: str, text: str) -> tuple[str, tuple[str, ...]]:
    """The condition that a column begins with the text, as its index can answer it."""
    known = "" if column == "remote_id" else f" AND {column} IS NOT NULL"
    if database.postgres:
        escaped = "".join("!" + char if char in "!%_" else char for char in text)
        return f"{column} LIKE ? ESCAPE '!'{known}", (escaped + "%",)
    return f"{column} >= ? AND {column} < ?{known}", (text, text + _LAST)
