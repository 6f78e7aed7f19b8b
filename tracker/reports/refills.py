"""Lists of refills: all of them, or a page at a time."""

from collections.abc import Iterator

from tracker.db.database import Database
from tracker.reports.paging import Page, all_rows, down_the_rows, unindexed
from tracker.reports.rows import Filter, ReportRow, named

REFILL_FIELDS = (
    "panel", "id", "order", "status", "status_raw", "tracking", "tracked_at", "last_polled_at",
    "last_changed_at", "finished_at", "next_poll_at",
)  # fmt: skip
_SELECT = (
    "SELECT id, panel, remote_id, order_remote_id, status, status_raw, tracking, tracked_at, last_polled_at,"
    " last_changed_at, finished_at, next_poll_at FROM refills"
)


def refills(database: Database, *, panel: str | None = None, order: str | None = None) -> Iterator[ReportRow]:
    """Rows of REFILL_FIELDS, the newest first. order: only those of the orders with this id."""
    for _, *values in all_rows(database, _SELECT, _chosen(panel, order), newest_first=True):
        yield named(REFILL_FIELDS, values)


def page(
    database: Database, *, panel: str | None = None, order: str | None = None, after: int | None = None, size: int
) -> Page:
    """A page of the same rows. after: the `after` of the page before."""
    sql = _SELECT + unindexed(database)
    found, following = down_the_rows(database, sql, _chosen(panel, order), after, size, table="refills")
    return Page([named(REFILL_FIELDS, values[1:]) for values in found], following)


def _chosen(panel: str | None, order: str | None) -> Filter:
    return Filter().add("panel = ?", panel).add("order_remote_id = ?", order)
