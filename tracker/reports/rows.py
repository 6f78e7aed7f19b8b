"""What all reports share: plain reads, conditions, and the JSON form of a row."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from tracker.core.dates import rfc3339
from tracker.core.money import money
from tracker.db.database import Database, DbRow
from tracker.db.sql import placeholders

ReportRow = dict[str, Any]

# What the key of a moment ends in: at, settled_at, trouble_since, wait_until, not_before.
MOMENTS = frozenset({"at", "since", "until", "before"})

_PLAIN = frozenset({str, int, bool, type(None)})  # most values of most rows

_stamp = lru_cache(maxsize=4096)(rfc3339)  # orders that came or changed together share their moments


def select(database: Database, sql: str, params: Sequence[Any] = ()) -> list[DbRow]:
    """All rows of a SELECT."""
    with database.reading() as cur:
        return cur.run(sql, params).rows()


def select_one(database: Database, sql: str, params: Sequence[Any] = ()) -> DbRow | None:
    """The first row of a SELECT; None: there is none."""
    with database.reading() as cur:
        return cur.run(sql, params).one()


def select_number(database: Database, sql: str, params: Sequence[Any] = ()) -> int:
    """The number that a SELECT of one number returns; 0 for none and for NULL."""
    found = select_one(database, sql, params)
    return int(found[0] or 0) if found else 0


def named(fields: Sequence[str], values: Sequence[Any]) -> ReportRow:
    """A row of these fields with these values."""
    return dict(zip(fields, values, strict=True))


class Filter:
    """Conditions that are joined by AND, with their parameters; a value of None adds no condition."""

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

    def join(self, other: "Filter") -> "Filter":
        """Adds the conditions of another one."""
        self.conditions += other.conditions
        self.params += other.params
        return self

    def among(self, column: str, values: Sequence[Any]) -> "Filter":
        """Adds that the column has one of these values; no values add no condition."""
        return self.holding(f"{column} IN ({placeholders(values)})", values) if values else self

    @property
    def sql(self) -> str:
        """` WHERE …`, or nothing."""
        return f" WHERE {' AND '.join(self.conditions)}" if self.conditions else ""


def whole(database: Database, number: str) -> str:
    """SQL that rounds a number down that is not negative. On PostgreSQL, CAST alone would round it to the nearest."""
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
