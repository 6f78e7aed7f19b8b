"""Lists as programs read them: a page at a time, newest first, no page dear however many rows there are.

What an index answers is walked along that index. Everything else goes down the rows themselves, a stretch of ids at a
time, and no further for one page than LOOK_MAX of them: only a page that looked at so many may have fewer rows than it
has room for, or none, and still not be the last. The last one is the one after which nothing comes.
"""

from collections.abc import Sequence
from heapq import merge
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from tracker.core.status import OrderStatus
from tracker.db.database import Database, amount
from tracker.db.database import DbRow as Values
from tracker.reports import orders as order_report
from tracker.reports.orders import NEW, REFILL_FIELDS, SELECT_REFILLS, Rules, Wanted, of_status
from tracker.reports.rows import Filter, ReportRow, select, select_one

STRETCH, LOOK_MAX = 50_000, 500_000  # ids; a tenth of a second or so
_STATUSES = (NEW, *(status.value for status in OrderStatus))

TRANSITION_FIELDS = (
    "panel", "id", "seq", "old", "new", "said", "at", "not_before", "charge", "old_charge", "currency", "remains",
    "regressed", "skipped",
)  # fmt: skip
_TRANSITIONS = (
    "SELECT t.id, o.panel, o.remote_id, t.seq, t.old, t.new, t.said, t.at, t.not_before, t.charge, t.old_charge,"
    " t.currency, t.remains, t.regressed, t.skipped FROM transitions t{} JOIN orders o ON o.id = t.order_id"
)


class Page(Struct, frozen=True):
    """after: below which row's id the next page begins; None at the end."""

    rows: list[ReportRow]
    after: int | None


def orders(
    database: Database, rules: Rules, panels: Sequence[str], wanted: Wanted, now: float, before: int | None, size: int
) -> Page:
    """Rows of reports.orders.ORDER_FIELDS. panels: all there are. wanted: one of each at most; a status may be NEW."""
    chosen = order_report.conditions(wanted)
    if NEW in wanted.statuses:
        chosen = of_status(order_report.conditions(replace(wanted, statuses=())), NEW)
    if wanted.ref is not None or _only_service(wanted):
        found, after = _page(_along(database, order_report.SELECT, chosen, before, size + 1), size)
    elif wanted.tag is None and wanted.since is None and not wanted.trackings and not wanted.services:
        found, after = _page(_merged(database, panels, wanted, before, size + 1), size)
    else:
        sql = order_report.SELECT + _by_id(database)
        found, after = _down(database, sql, chosen, before, size, "orders")
    return Page([order_report.as_row(values, rules, now) for values in found], after)


def transitions(
    database: Database,
    *,
    panel: str | None = None,
    order: str | None = None,
    since: float | None = None,
    before: int | None = None,
    size: int,
) -> Page:
    """Rows of TRANSITION_FIELDS; `id` is the order's."""
    chosen = Filter().add("o.panel = ?", panel).add("t.at >= ?", since)
    if order is not None:
        of = [row[0] for row in select(database, "SELECT id FROM orders WHERE remote_id = ?", (order,))]
        if not of:
            return Page([], None)
        chosen.among("t.order_id", of)
        found, after = _page(_along(database, _TRANSITIONS.format(""), chosen, before, size + 1, "t.id"), size)
    else:
        sql = _TRANSITIONS.format(_by_id(database))
        found, after = _down(database, sql, chosen, before, size, "transitions", "t.id")
    return Page([_transition(values) for values in found], after)


def refills(
    database: Database, *, panel: str | None = None, order: str | None = None, before: int | None = None, size: int
) -> Page:
    """Rows of reports.orders.REFILL_FIELDS."""
    chosen = Filter().add("panel = ?", panel).add("order_remote_id = ?", order)
    found, after = _down(database, SELECT_REFILLS + _by_id(database), chosen, before, size, "refills")
    return Page([dict(zip(REFILL_FIELDS, values[1:], strict=True)) for values in found], after)


def _only_service(wanted: Wanted) -> bool:
    return bool(wanted.services) and wanted == Wanted(services=wanted.services)


def _merged(database: Database, panels: Sequence[str], wanted: Wanted, before: int | None, size: int) -> list[Values]:
    """One walk along an index for each panel and status: as dear as a page, however many orders there are."""
    if wanted == Wanted():
        return _along(database, order_report.SELECT, Filter(), before, size)
    walks = []
    for panel in panels if wanted.panel is None else (wanted.panel,):
        for status in wanted.statuses or _STATUSES:
            chosen = of_status(Filter().add("panel = ?", panel), status)
            walks.append(_along(database, order_report.SELECT, chosen, before, size))
    return list(islice(merge(*walks, key=lambda values: -values[0]), size))


def _along(database: Database, sql: str, chosen: Filter, before: int | None, size: int, id: str = "id") -> list[Values]:
    where = Filter().join(chosen).add(f"{id} < ?", before)
    return select(database, f"{sql}{where.sql} ORDER BY {id} DESC LIMIT ?", (*where.params, size))


def _page(found: list[Values], size: int) -> tuple[list[Values], int | None]:
    """found: one more than the page takes, when there are more."""
    return found[:size], found[size - 1][0] if len(found) > size else None


def _down(
    database: Database, sql: str, chosen: Filter, before: int | None, size: int, table: str, id: str = "id"
) -> tuple[list[Values], int | None]:
    """The next rows by falling id, a stretch at a time; and below which to go on, None at the end."""
    newest = select_one(database, f"SELECT coalesce(max(id), 0) FROM {table}")
    top = int(newest[0]) + 1 if newest else 1
    top = top if before is None else min(top, before)
    last, found = max(top - LOOK_MAX, 1), list[Values]()
    while top > last and len(found) <= size:
        bottom = max(top - STRETCH, last)
        stretch = Filter().add(f"{id} >= ?", bottom).join(chosen)
        found += _along(database, sql, stretch, top, size + 1 - len(found), id)
        top = bottom
    page, after = _page(found, size)
    return page, after if after is not None else last if last > 1 else None


def _by_id(database: Database) -> str:
    """SQLite's planner would rather sort a million rows of some index; PostgreSQL's has statistics."""
    return "" if database.postgres else " NOT INDEXED"


def _transition(values: Values) -> ReportRow:
    row: ReportRow = dict(zip(TRANSITION_FIELDS, values[1:], strict=True))
    row["charge"], row["old_charge"] = amount(row["charge"]), amount(row["old_charge"])
    row["regressed"], row["skipped"] = bool(row["regressed"]), row["skipped"].split()
    return row
