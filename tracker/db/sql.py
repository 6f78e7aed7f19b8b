"""Pieces of SQL that the store and the reports share."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

IDS_MAX = 500  # values in one `IN (…)`: beyond some thousand a driver refuses the statement

# The condition of the partial index on gateway_calls. SQLite uses a partial index only for a statement that repeats its
# condition word for word, so this stands beside a narrower `state = …` too.
UNSETTLED_CALLS = "state IN ('open', 'unclear')"


def placeholders(values: Sequence[object]) -> str:
    """Returns the inside of `IN (…)` for these values; NULL for none, since PostgreSQL refuses an empty list."""
    return ", ".join("?" * len(values)) or "NULL"


def portions(ids: Sequence[T]) -> Iterator[Sequence[T]]:
    """Returns the ids in groups of IDS_MAX."""
    return (ids[start : start + IDS_MAX] for start in range(0, len(ids), IDS_MAX))
