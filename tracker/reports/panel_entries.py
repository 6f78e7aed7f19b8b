"""What panels last said about orders and refills, in their own words, for the answers of the gateway."""

import json
from collections.abc import Sequence

from tracker.core.gateway.requests import number
from tracker.db.database import Database
from tracker.db.sql import placeholders
from tracker.reports.rows import select

# id -> (what the panel said, as JSON; when it was asked)
KnownEntries = dict[str, tuple[str, float]]


def orders(database: Database, panel: str, ids: Sequence[str]) -> KnownEntries:
    """The last entry of each of these orders of which one is kept."""
    rows = select(
        database,
        "SELECT remote_id, entry, last_polled_at FROM orders"
        f" WHERE panel = ? AND remote_id IN ({placeholders(ids)}) AND entry IS NOT NULL AND last_polled_at IS NOT NULL",
        (panel, *ids),
    )
    return {remote_id: (entry, at) for remote_id, entry, at in rows if entry}


def refills(database: Database, panel: str, ids: Sequence[str]) -> KnownEntries:
    """The last status of each of these refills that the panel answered about."""
    rows = select(
        database,
        "SELECT remote_id, status_raw, last_polled_at FROM refills"
        f" WHERE panel = ? AND remote_id IN ({placeholders(ids)}) AND status_raw IS NOT NULL AND refusals = 0"
        " AND misses = 0 AND last_polled_at IS NOT NULL",
        (panel, *ids),
    )
    return {remote_id: (json.dumps(word), at) for remote_id, word, at in rows}


def highest(database: Database, panel: str, table: str) -> int | None:
    """Returns the highest number among the ids that a panel has answered about; None if there is none.

    table: orders or refills.
    """
    answered = {"orders": "entry", "refills": "status_raw"}[table]
    rows = select(database, f"SELECT remote_id FROM {table} WHERE panel = ? AND {answered} IS NOT NULL", (panel,))
    numbers = (number(remote_id) for (remote_id,) in rows)
    return max((one for one in numbers if one is not None), default=None)
