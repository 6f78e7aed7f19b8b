"""A dry run of an import: which of its orders would be new."""

import sqlite3
from collections.abc import Sequence
from itertools import groupby

from tracker.core.orders.new_orders import NewOrder
from tracker.db.database import Database
from tracker.reports.orders import tracked


class DryRun:
    """Says which orders would be new, without writing to the database.

    What it has seen already it keeps in a temporary SQLite file without a name, so that memory stays small. The file is
    gone with the object.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen = sqlite3.connect("", isolation_level=None)
        self._seen.execute("CREATE TABLE seen (panel TEXT, id TEXT, PRIMARY KEY (panel, id)) WITHOUT ROWID")

    def add(self, orders: Sequence[NewOrder]) -> list[bool]:
        """For each order whether it would be new: neither tracked nor seen before in this run."""
        known = self._known(orders)
        self._seen.execute("BEGIN")
        added = [self._first_time(order) and (order.panel, order.remote_id) not in known for order in orders]
        self._seen.execute("COMMIT")
        return added

    def _known(self, orders: Sequence[NewOrder]) -> set[tuple[str, str]]:
        ids = sorted((order.panel, order.remote_id) for order in orders)
        return {
            (panel, remote_id)
            for panel, group in groupby(ids, lambda key: key[0])
            for remote_id in tracked(self._database, panel, [key[1] for key in group])
        }

    def _first_time(self, order: NewOrder) -> bool:
        inserted = self._seen.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (order.panel, order.remote_id))
        return inserted.rowcount == 1
