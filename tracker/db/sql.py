"""Pieces of SQL that the store and the reports share."""

from collections.abc import Iterator, Sequence

IDS_MAX = 500  # values in one `IN (…)`: beyond some thousand a driver refuses the statement


def placeholders(values: Sequence[object]) -> str:
    """The inside of `IN (…)` for these values. PostgreSQL does not take an empty list; nothing equals NULL."""
    return ", ".join("?" * len(values)) or "NULL"


def portions(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """The ids in groups of IDS_MAX."""
    return (ids[start : start + IDS_MAX] for start in range(0, len(ids), IDS_MAX))
