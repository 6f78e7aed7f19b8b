"""What an import would come to, if it were made."""

import sqlite3
from collections.abc import Sequence
from itertools import groupby

from tracker.core.orders.new_orders import NewOrder
from tracker.db.database import Database
from tracker.reports.orders import tracked


class DryRun:
    """Says which orders would be new, and writes nothing down but in a scratch file of its own: what it has seen.

    That file has no name, is SQLite's to keep small in memory, and is gone with the object.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen = sqlite3.connect("", isolation_level=None)
        self._seen.execute("CREATE TABLE seen (panel TEXT, id TEXT, PRIMARY KEY (panel, id)) WITHOUT ROWID")

    def add(self, orders: Sequence[NewOrder]) -> list[bool]:
        """For each whether it would be new."""
        known = self._known(orders)
        self._seen.execute("BEGIN")
        added = [self._first(order) and (order.panel, order.remote_id) not in known for order in orders]
        self._seen.execute("COMMIT")
        return added

    def _known(self, orders: Sequence[NewOrder]) -> set[tuple[str, str]]:
        ids = sorted((order.panel, order.remote_id) for order in orders)
        return {
            (panel, remote_id)
            for panel, group in groupby(ids, lambda key: key[0])
            for remote_id in tracked(self._database, panel, [key[1] for key in group])
        }

    def _first(self, order: NewOrder) -> bool:
        told = self._seen.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (order.panel, order.remote_id))
        return told.rowcount == 1
