"""How long lists are read: all rows in short statements, or one page by cursor.

A page costs about the same however many rows there are. What an index answers is read along that index
(`along_index`). Everything else is looked for among the rows themselves (`down_the_rows`), STRETCH ids at a time and
at most LOOK_MAX of them for one page. Only a page that looked at LOOK_MAX ids may have fewer rows than it has room
for, or none, without being the last one. The last page is the one whose `after` is None.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from tracker.db.database import Database, DbRow
from tracker.reports.rows import Filter, ReportRow, select, select_number

PAGE = 500  # rows a statement reads: constant memory, and no snapshot that lives long
STRETCH, LOOK_MAX = 50_000, 500_000  # ids; looking at LOOK_MAX takes some tenths of a second

Found = tuple[Sequence[DbRow], int | None]  # the rows of a page, and its `after`


class Page(Struct, frozen=True):
    """One page of a list.

    rows: the newest first.
    after: the id below which the next page begins; None: this is the last page.
    cut: the list is a search that found more than it looks at.
    """

    rows: list[ReportRow]
    after: int | None
    cut: bool = False


def all_rows(
    database: Database, sql: str, chosen: Filter, *, newest_first: bool, size: int = PAGE, id: str = "id"
) -> Iterator[DbRow]:
    """Yields the rows of `sql` (a SELECT … FROM …) in the order of their ids.

    size: how many a statement reads.
    id: the name of the id in `sql`, where it is the first column.
    """
    beyond, order = (f"{id} < ?", "DESC") if newest_first else (f"{id} > ?", "ASC")
    last: Any = None
    while True:
        where = Filter().join(chosen).add(beyond, last)
        found = select(database, f"{sql}{where.sql} ORDER BY {id} {order} LIMIT {size:d}", where.params)
        yield from found
        if len(found) < size:
            return
        last = found[-1][0]


def along_index(
    database: Database, sql: str, chosen: Filter, before: int | None, most: int, id: str = "id"
) -> list[DbRow]:
    """The newest rows with a lower id than `before`, `most` at most: in one statement, so for an index to answer."""
    where = Filter().join(chosen).add(f"{id} < ?", before)
    # The limit as text: SQLite would plan the statement anew each time a limit is bound to it.
    return select(database, f"{sql}{where.sql} ORDER BY {id} DESC LIMIT {most:d}", where.params)


def down_the_rows(
    database: Database,
    sql: str,
    chosen: Filter,
    before: int | None,
    size: int,
    *,
    table: str,
    id: str = "id",
    look_max: int | None = LOOK_MAX,
) -> Found:
    """A page of the newest rows with a lower id than `before`, looked for a stretch of ids at a time.

    table: whose ids they are.
    look_max: how many ids are looked at; None: as many as it takes to fill the page.
    """
    top = select_number(database, f"SELECT max(id) FROM {table}") + 1
    top = top if before is None else min(top, before)
    last, found = 1 if look_max is None else max(top - look_max, 1), list[DbRow]()
    while top > last and len(found) <= size:
        bottom = max(top - STRETCH, last)
        stretch = Filter().add(f"{id} >= ?", bottom).join(chosen)
        found += along_index(database, sql, stretch, top, size + 1 - len(found), id)
        top = bottom
    rows, after = first_page(found, size)
    return rows, after if after is not None else last if last > 1 else None


def first_page(found: Sequence[DbRow], size: int) -> Found:
    """The page that `found` begins with. found: one row more than the page takes, when there are more."""
    return found[:size], found[size - 1][0] if len(found) > size else None


def unindexed(database: Database) -> str:
    """What stands behind the name of a table that is read in the order of its ids.

    SQLite's planner would rather sort a million rows of some index; PostgreSQL's has statistics.
    """
    return "" if database.postgres else " NOT INDEXED"
