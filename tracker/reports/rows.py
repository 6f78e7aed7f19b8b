"""What all reports share: rows, pages of them, and their JSON form."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from tracker.core.money import money
from tracker.core.times import rfc3339
from tracker.db.database import Database
from tracker.db.database import DbRow as Values
from tracker.db.sql import placeholders

ReportRow = dict[str, Any]

# What the key of a moment ends in: at, settled_at, trouble_since, wait_until, not_before.
MOMENTS = frozenset({"at", "since", "until", "before"})

PAGE = 500  # rows a statement reads: constant memory, and no long-lived snapshot

_PLAIN = frozenset({str, int, bool, type(None)})  # most values of most rows

_stamp = lru_cache(maxsize=4096)(rfc3339)  # orders that came or changed together share their moments


def select(database: Database, sql: str, params: Sequence[Any] = ()) -> list[Values]:
    with database.reading() as cur:
        return cur.run(sql, params).rows()


def select_one(database: Database, sql: str, params: Sequence[Any] = ()) -> Values | None:
    with database.reading() as cur:
        return cur.run(sql, params).one()


class Filter:
    """Conditions that are joined by AND, with their parameters; None adds nothing."""

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.params: list[Any] = []

    def add(self, condition: str, value: Any) -> "Filter":
        """condition: with one `?` for `value`."""
        if value is not None:
            self.conditions.append(condition)
            self.params.append(value)
        return self

    def also(self, condition: str) -> "Filter":
        """condition: without a parameter."""
        self.conditions.append(condition)
        return self

    def holding(self, condition: str, params: Sequence[Any]) -> "Filter":
        """condition: with a `?` for each of `params`."""
        self.conditions.append(condition)
        self.params += params
        return self

    def join(self, other: "Filter | None") -> "Filter":
        """What the other one says, too."""
        if other is not None:
            self.conditions += other.conditions
            self.params += other.params
        return self

    def among(self, column: str, values: Sequence[Any]) -> "Filter":
        if values:
            self.conditions.append(f"{column} IN ({placeholders(values)})")
            self.params += values
        return self

    @property
    def sql(self) -> str:
        """` WHERE …`, or nothing."""
        return f" WHERE {' AND '.join(self.conditions)}" if self.conditions else ""


def pages(
    database: Database, sql: str, chosen: Filter, *, newest_first: bool, size: int = PAGE, id: str = "id"
) -> Iterator[Values]:
    """The rows of `sql` (a SELECT … FROM …) in order of their id. id: its name in `sql`, the first column."""
    beyond, order = (f"{id} < ?", "DESC") if newest_first else (f"{id} > ?", "ASC")
    last: Any = None
    while True:
        conditions = [*chosen.conditions, *([beyond] if last is not None else [])]
        params = [*chosen.params, *([last] if last is not None else []), size]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        found = select(database, f"{sql}{where} ORDER BY {id} {order} LIMIT ?", params)
        yield from found
        if len(found) < size:
            return
        last = found[-1][0]


def whole(database: Database, number: str) -> str:
    """SQL for a number that is not negative as a whole one, downwards: CAST alone rounds on PostgreSQL."""
    return f"CAST(floor({number}) AS BIGINT)" if database.postgres else f"CAST({number} AS INTEGER)"


def plain(row: Mapping[str, Any]) -> ReportRow:
    """The row as JSON shows it: money as text, moments as RFC 3339 in UTC."""
    return {key: value if value.__class__ in _PLAIN else _plain(key, value) for key, value in row.items()}


def _plain(key: str, value: Any) -> Any:
    match value:
        case float() if key.rpartition("_")[2] in MOMENTS:
            return _stamp(int(value))
        case Decimal():
            return money(value)
        case dict():
            return plain(value)
        case list() | tuple():
            return [_plain(key, item) for item in value]
        case _:
            return value
