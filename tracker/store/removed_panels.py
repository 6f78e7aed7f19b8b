"""Panels that leave the configuration, and come back.

What belongs to a panel that left is paused, and `away` keeps how it was tracked; with the panel it comes back as
it was. Both are done in steps that nobody has to wait long for, and one that a crash cut off is gone on with by
whoever looks next.
"""

from collections.abc import Collection, Iterator

from msgspec import Struct

from tracker.core.model import Tracking
from tracker.db.database import Cursor, Database
from tracker.db.sql import placeholders

AWAY_BATCH = 5_000  # rows a step rewrites
SOURCES = ("orders", "refills")

# What was not to be asked again, as of a finished order after its time, is not when it comes back either.
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
    """So many rows of this panel were paused (left) or brought back."""

    panel: str
    left: bool
    rows: int


class RemovedPanelStore:
    """What belongs to panels that left the configuration."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def follow(self, configured: Collection[str], now: float, most: int = AWAY_BATCH) -> FollowStep | None:
        """Make one step towards the configuration; None when everything is as it says."""
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
        """Since when a panel is gone, and since when it is back: its alerts rest, and its orders are not called stuck
        until they have been asked about again."""
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
        """Whose rows there are: by leaps through an index, for a million rows are soon somebody's."""
        sql = f"SELECT panel FROM {source} WHERE panel > ? ORDER BY panel LIMIT 1"
        panel = ""
        while row := cur.run(sql, (panel,)).one():
            panel = row[0]
            yield panel
