"""Finds children listed by panels that are not tracked yet, or whose row does not name their parent yet."""

from collections.abc import Sequence

from tracker.core.orders.children import Family, untracked
from tracker.core.orders.new_orders import NewOrder
from tracker.db.database import Cursor, Database
from tracker.db.sql import placeholders, portions


class ChildStore:
    """Orders that panels list under other orders."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def untracked(self, families: Sequence[Family]) -> list[NewOrder]:
        """Returns what there is to add. It only reads."""
        with self._database.reading() as cur:
            found = []
            for family in families:
                parent = family.parent
                row = cur.run("SELECT link FROM orders WHERE id = ?", (parent.id,)).one()
                if row is not None:  # else it was removed a moment ago
                    known, removed = self._known(cur, parent.panel, family.children)
                    found += untracked(family, row[0], known, removed)
        return found

    def _known(self, cur: Cursor, panel: str, ids: Sequence[str]) -> tuple[dict[str, str | None], set[str]]:
        known: dict[str, str | None] = {}
        removed: set[str] = set()
        for some in portions(ids):
            at_panel = f"WHERE panel = ? AND remote_id IN ({placeholders(some)})"
            known |= dict(cur.run(f"SELECT remote_id, parent FROM orders {at_panel}", (panel, *some)).rows())
            removed |= {row[0] for row in cur.run(f"SELECT remote_id FROM removed {at_panel}", (panel, *some)).rows()}
        return known, removed
