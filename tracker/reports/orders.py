"""Lists of orders: all that a filter selects, a page of them by cursor, or the given ones.

One `OrderFilter` serves commands, pages and the HTTP API, and each of its fields may stand beside any other. How a
page is found depends on what the filter asks for, so that a page of a million orders takes milliseconds: `_found`.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from heapq import merge
from itertools import islice

import msgspec
from msgspec import Struct

from tracker.core.model import Tracking
from tracker.core.polling import schedule
from tracker.core.polling.schedule import Pace
from tracker.core.rules import PollRules
from tracker.core.status import OrderStatus
from tracker.db.database import Database, DbRow, amount
from tracker.db.sql import placeholders, portions
from tracker.reports import panels, refunds, stuck
from tracker.reports.paging import (
    LOOK_MAX,
    PAGE,
    Found,
    Page,
    all_rows,
    along_index,
    down_the_rows,
    first_page,
    unindexed,
)
from tracker.reports.period import ReportScope
from tracker.reports.rows import Filter, ReportRow, named, select, select_number

# The keys of an order, in order; the last two are made here.
STORED = (
    "panel", "id", "status", "status_raw", "kind", "tracking", "charge", "highest_charge", "currency",
    "start_count", "remains", "quantity", "quantity_source", "service", "link", "ref", "tags", "parent",
    "placed_at", "tracked_at", "last_polled_at", "last_changed_at", "finished_at", "next_poll_at",
)  # fmt: skip
ORDER_FIELDS = (*STORED, "next_poll_reason", "eta")
SELECT = "SELECT id, " + ", ".join(STORED).replace(" id,", " remote_id,", 1) + ", born_at FROM orders"

NEW = "new"  # how a person calls the status of an order that was never answered about
STATUSES = (NEW, *(status.value for status in OrderStatus))
STUCK, OWED = "stuck", "owed"
FOUND_MAX = 500  # orders that a search looks at; who wants others searches for more of the text
_FEW = 1_000  # rows that an index finds, and that are then sorted, in a millisecond or two
_LAST = "\U0010ffff"  # sorts behind everything that begins alike

Rules = Mapping[str, PollRules]  # of the configured panels


class OrderFilter(Struct, frozen=True):
    """Which orders to list. A field that is empty or None selects everything.

    statuses: some of STATUSES.
    since: tracked at this moment or later.
    text: an id, a reference or a link, whole or its beginning, or a whole service id. Of what matches, FOUND_MAX
        orders are looked at.
    only: STUCK, the orders of the report `stuck`; OWED, those that less came back of than was expected.
    """

    panel: str | None = None
    statuses: tuple[str, ...] = ()
    trackings: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    ref: str | None = None
    tag: str | None = None
    since: float | None = None
    text: str = ""
    only: str | None = None


def orders(
    database: Database, rules: Rules, wanted: OrderFilter, now: float, limit: int | None = None
) -> Iterator[ReportRow]:
    """All orders that the filter selects, as rows of ORDER_FIELDS, the newest first; `limit` at most."""
    chosen = _conditions(wanted, rules, now)
    if wanted.text:
        chosen.join(_one_of(_matching(database, wanted.text)))
    size = PAGE if limit is None else min(PAGE, max(limit, 1))
    found = all_rows(database, _select(database, wanted), chosen, newest_first=True, size=size)
    return islice((as_row(values, rules, now) for values in found), limit)


def page(
    database: Database,
    rules: Rules,
    wanted: OrderFilter,
    now: float,
    *,
    after: int | None = None,
    size: int = 50,
    look_max: int | None = LOOK_MAX,
) -> Page:
    """One page of the same orders.

    after: the `after` of the page before.
    look_max: how many ids are looked at for it where no index answers; None: as many as it takes to fill the page.
    """
    chosen = _conditions(wanted, rules, now)
    cut = False
    if wanted.text:
        ids = _matching(database, wanted.text)
        chosen.join(_one_of(ids))
        cut = len(ids) == FOUND_MAX
    rows, following = _found(database, rules, wanted, chosen, after, size, look_max)
    return Page([as_row(values, rules, now) for values in rows], following, cut)


def some(database: Database, rules: Rules, panel: str, remote_ids: Sequence[str], now: float) -> list[ReportRow]:
    """Those of these orders of a panel that are tracked, as rows of ORDER_FIELDS."""
    found: list[ReportRow] = []
    for part in portions(remote_ids):
        chosen = Filter().add("panel = ?", panel).among("remote_id", part)
        found += [as_row(values, rules, now) for values in select(database, SELECT + chosen.sql, chosen.params)]
    return found


def tracked(database: Database, panel: str, remote_ids: Sequence[str]) -> set[str]:
    """The ids of those of these orders of a panel that are tracked."""
    found: set[str] = set()
    for part in portions(remote_ids):
        chosen = Filter().add("panel = ?", panel).among("remote_id", part)
        found.update(row[0] for row in select(database, f"SELECT remote_id FROM orders{chosen.sql}", chosen.params))
    return found


def as_row(values: DbRow, rules: Rules, now: float) -> ReportRow:
    """A row of ORDER_FIELDS. values: a row of SELECT."""
    row = named(STORED, values[1:-1])
    row["charge"], row["highest_charge"] = amount(row["charge"]), amount(row["highest_charge"])
    row["tags"] = msgspec.json.decode(row["tags"]) if row["tags"] != "[]" else []
    row["next_poll_reason"] = _reason(row, values[-1], rules.get(row["panel"]), now)
    row["eta"] = None
    return row


def _reason(row: ReportRow, born_at: float | None, rules: PollRules | None, now: float) -> str:
    """Why the order is asked about when it is."""
    if rules is None:
        return "not_configured"
    tracking = Tracking(row["tracking"])
    known = row["last_polled_at"] is not None or tracking is not Tracking.ACTIVE
    return schedule.reason(Pace(tracking, born_at, row["finished_at"]), known, now, rules)


def _found(
    database: Database,
    rules: Rules,
    wanted: OrderFilter,
    chosen: Filter,
    after: int | None,
    size: int,
    look_max: int | None,
) -> Found:
    """The rows of a page, found in the way that suits the filter. chosen: its conditions."""
    by_id = wanted == OrderFilter() or wanted.text or wanted.only
    if by_id or wanted.ref is not None or wanted == OrderFilter(services=wanted.services):
        return first_page(along_index(database, _select(database, wanted), chosen, after, size + 1), size)
    names = [wanted.panel] if wanted.panel is not None else sorted({*rules, *panels.names(database)})
    if wanted == OrderFilter(panel=wanted.panel, statuses=wanted.statuses):
        return first_page(_merged(database, names, wanted.statuses or STATUSES, after, size + 1), size)
    if wanted.trackings:
        tracking = Filter().among("panel", names).among("tracking", wanted.trackings)
        sql = f"SELECT count(*) FROM (SELECT 1 FROM orders{tracking.sql} LIMIT {_FEW}) AS few"
        if select_number(database, sql, tracking.params) < _FEW:  # as a rule those that are paused or not found
            return first_page(along_index(database, SELECT, tracking.join(chosen), after, size + 1), size)
    return down_the_rows(database, SELECT + unindexed(database), chosen, after, size, table="orders", look_max=look_max)


def _select(database: Database, wanted: OrderFilter) -> str:
    """SELECT, for the conditions of this filter."""
    # For a text, STUCK and OWED the ids are known; SQLite's planner would go through all orders of a panel instead.
    return SELECT + unindexed(database) if wanted.text or wanted.only else SELECT


def _merged(
    database: Database, names: Sequence[str], statuses: Sequence[str], after: int | None, most: int
) -> list[DbRow]:
    """The newest orders of these panels in these statuses, `most` at most.

    The index over (panel, status) has the orders of one panel in one status in the order of their ids: each is read
    apart, and the newest of all are taken.
    """
    walks = []
    for name in names:
        for status in statuses:
            chosen = Filter().add("panel = ?", name).join(_in_status((status,)))
            walks.append(along_index(database, SELECT, chosen, after, most))
    return list(islice(merge(*walks, key=lambda values: -values[0]), most))


def _conditions(wanted: OrderFilter, rules: Rules, now: float) -> Filter:
    """What the filter says, but for its text."""
    chosen = Filter().add("panel = ?", wanted.panel).join(_in_status(wanted.statuses))
    chosen.among("tracking", wanted.trackings).among("service", wanted.services)
    chosen.add("ref = ?", wanted.ref).add("tracked_at >= ?", wanted.since)
    if wanted.tag is not None:
        chosen.join(_tagged(json.dumps(wanted.tag)))
    if wanted.only == STUCK:
        chosen.join(stuck.those(ReportScope("UTC", now, rules)))
    if wanted.only == OWED:
        chosen.join(refunds.owed())
    return chosen


def _in_status(statuses: Collection[str]) -> Filter:
    known = [status for status in statuses if status != NEW]
    if NEW not in statuses:
        return Filter().among("status", known)
    if not known:
        return Filter().also("status IS NULL")
    return Filter().holding(f"(status IS NULL OR status IN ({placeholders(known)}))", known)


def _tagged(tag: str) -> Filter:
    """The orders with a tag. tag: as JSON, like the lists in the column.

    LIKE passes over most rows, but ignores case on SQLite. In the rows that are left the list begins with the tag, or
    the tag follows a comma: a quote inside another tag would stand behind a backslash.
    """
    begins, follows = f"[{tag}", f", {tag}"
    chosen = Filter().add("tags LIKE ? ESCAPE '!'", f"%{_escaped(tag)}%")
    return chosen.holding("(replace(tags, ?, '') <> tags OR replace(tags, ?, '') <> tags)", (begins, follows))


def _matching(database: Database, text: str) -> list[int]:
    """The row numbers of the orders that a search finds, the newest FOUND_MAX of those it comes across."""
    with database.reading() as cur:
        of_service = f"SELECT id FROM orders WHERE service = ? ORDER BY id DESC LIMIT {FOUND_MAX}"
        found = cur.run(of_service, (text,)).rows()
        for column in ("remote_id", "ref", "link"):
            condition, params = _begins(database, column, text)
            found += cur.run(f"SELECT id FROM orders WHERE {condition} LIMIT {FOUND_MAX}", params).rows()
    ids = {row[0] for row in found}
    return sorted(ids, reverse=True)[:FOUND_MAX]


def _begins(database: Database, column: str, text: str) -> tuple[str, tuple[str, ...]]:
    """The condition that a column begins with the text, in the form that its index can answer."""
    known = "" if column == "remote_id" else f" AND {column} IS NOT NULL"  # as its partial index says it
    if database.postgres:
        return f"{column} LIKE ? ESCAPE '!'{known}", (_escaped(text) + "%",)
    return f"{column} >= ? AND {column} < ?{known}", (text, text + _LAST)


def _escaped(pattern: str) -> str:
    return "".join("!" + char if char in "!%_" else char for char in pattern)


def _one_of(ids: Sequence[int]) -> Filter:
    return Filter().holding(f"id IN ({placeholders(ids)})", ids)
