"""Panels that leave the configuration and come back.

Orders and refills of a panel that left are paused, and `away` keeps how they were tracked; when the panel is back, they
are tracked as before. Both happen in small steps, so that other writers do not wait long. After a crash the next look
goes on where it ended.
"""

from collections.abc import Collection, Iterator

from msgspec import Struct

from tracker.core.model import Tracking
from tracker.db.database import Cursor, Database
from tracker.db.sql import placeholders

AWAY_BATCH = 5_000  # rows a step rewrites
SOURCES = ("orders", "refills")

# A row that was not to be asked about again, such as an order that finished long ago, is not when it is back either.
_LEAVE = (
    "UPDATE {0} SET away = tracking || CASE WHEN next_poll_at IS NULL THEN ' done' ELSE '' END, tracking = ?,"
    " next_poll_at = NULL, version = version + 1 WHERE id IN (SELECT id FROM {0} WHERE panel = ? AND tracking IN"
    " ('active', 'finished', 'not_found') LIMIT ?)"
)
_RETURN = (
    "UPDATE {0} SET tracking = replace(away, ' done', ''), away = NULL, version = version + 1,"
    " next_poll_at = CASE WHEN replace(away, ' done', '') = away THEN ? END"
    " WHERE id IN (SELECT id FROM {0} WHERE panel = ? AND tracking = ? AND away IS NOT NULL LIMIT ?)"
)


class FollowStep(Struct, frozen=True):
    """What one step did: how many rows of a panel were paused (left) or brought back."""

    panel: str
    left: bool
    rows: int


class RemovedPanelStore:
    """Pauses the rows of panels that left the configuration, and brings them back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def follow(self, configured: Collection[str], now: float, most: int = AWAY_BATCH) -> FollowStep | None:
        """Makes one step towards the configuration; None when there is nothing to do."""
        with self._database.transaction() as cur:
            self._note(cur, sorted(configured), now)
            for source in SOURCES:
                for panel in self._panels_in(cur, source):
                    left = panel not in configured
                    rows = (self._leave if left else self._return)(cur, source, panel, now, most)
                    if rows:
                        return FollowStep(panel, left, rows)
        return None

    def _note(self, cur: Cursor, configured: list[str], now: float) -> None:
        """Writes since when a panel is gone, and since when it is back.

        While it is gone its alerts rest. Once it is back, an order is not stuck before it has been asked about again.
        """
        here = f"name IN ({placeholders(configured)})"
        cur.run(f"UPDATE panels SET left_at = ? WHERE left_at IS NULL AND NOT {here}", (now, *configured))
        cur.run(
            f"UPDATE panels SET left_at = NULL, back_at = ? WHERE left_at IS NOT NULL AND {here}", (now, *configured)
        )

    def _leave(self, cur: Cursor, source: str, panel: str, _now: float, most: int) -> int:
        return cur.run(_LEAVE.format(source), (Tracking.PAUSED.value, panel, most)).touched

    def _return(self, cur: Cursor, source: str, panel: str, now: float, most: int) -> int:
        return cur.run(_RETURN.format(source), (now, panel, Tracking.PAUSED.value, most)).touched

    def _panels_in(self, cur: Cursor, source: str) -> Iterator[str]:
        """Returns the panels that have rows. Walks the index panel by panel instead of scanning a million rows."""
        sql = f"SELECT panel FROM {source} WHERE panel > ? ORDER BY panel LIMIT 1"
        panel = ""
        while row := cur.run(sql, (panel,)).one():
            panel = row[0]
            yield panel
