"""Finds children listed by panels that are not tracked yet, or whose row does not name their parent yet."""

from collections.abc import Sequence
from typing import Any

from tracker.core.events.events import panel_event
from tracker.core.orders.children import Family, LeftOut, Limit, untracked, within
from tracker.core.orders.new_orders import NewOrder
from tracker.core.rules import ChildLimits
from tracker.db.database import Cursor, Database
from tracker.db.sql import placeholders, portions
from tracker.store.event_log import EventLog
from tracker.store.sql import next_count, told_lately

DAY_S = 86_400.0
_COUNT_OF = {
    Limit.PER_ORDER: "SELECT count(*) FROM orders WHERE panel = ? AND parent = ?",
    Limit.PER_DAY: "SELECT count(*) FROM orders WHERE panel = ? AND parent IS NOT NULL AND tracked_at > ?",
}


class ChildStore:
    """Orders that panels list under other orders."""

    def __init__(self, database: Database, events: EventLog) -> None:
        self._database = database
        self._events = events

    def untracked(
        self, families: Sequence[Family], limits: ChildLimits, now: float
    ) -> tuple[list[NewOrder], list[LeftOut]]:
        """Returns what there is to add, and what is left out. It only reads.

        families: of one panel.
        """
        added: list[NewOrder] = []
        left_out: list[LeftOut] = []
        with self._database.reading() as cur:
            today: int | None = None
            for family in families:
                parent = family.parent
                row = cur.run("SELECT link FROM orders WHERE id = ?", (parent.id,)).one()
                if row is None:  # it was removed a moment ago
                    continue
                known, removed = self._known(cur, parent.panel, family.children)
                found = untracked(family, row[0], known, removed)
                if not found:
                    continue
                of_order = self._count(cur, Limit.PER_ORDER, parent.panel, parent.remote_id)
                today = self._count(cur, Limit.PER_DAY, parent.panel, now - DAY_S) if today is None else today
                kept, left = within(found, parent, known.keys(), limits, of_order, today)
                today += sum(child.remote_id not in known for child in kept)
                added += kept
                left_out += [] if left is None else [left]
        return added, left_out

    def tell_capped(self, left_out: Sequence[LeftOut], limits: ChildLimits, now: float) -> bool:
        """Emits `panel.children_capped`, at most once a day for a panel. False: it was told lately.

        left_out: at one panel.
        """
        first = left_out[0]
        panel = first.parent.panel
        with self._database.transaction() as cur:
            if told_lately(cur, panel, "panel", "children", DAY_S, now):
                return False
            facts: dict[str, Any] = {
                "order": first.parent.remote_id,
                "limit": first.limit.value,
                "at_most": limits.per_order if first.limit is Limit.PER_ORDER else limits.per_day,
                "left_out": sum(each.count for each in left_out),
            }
            seq = next_count(cur, panel, "panel", "children")
            event = panel_event("panel.children_capped", panel, "children", seq, now, {"children": facts})
            woken = self._events.write(cur, [event])
        self._events.wake(woken)
        return True

    def _count(self, cur: Cursor, limit: Limit, panel: str, of: object) -> int:
        row = cur.run(_COUNT_OF[limit], (panel, of)).one()
        assert row is not None
        return int(row[0])

    def _known(self, cur: Cursor, panel: str, ids: Sequence[str]) -> tuple[dict[str, str | None], set[str]]:
        known: dict[str, str | None] = {}
        removed: set[str] = set()
        for some in portions(ids):
            at_panel = f"WHERE panel = ? AND remote_id IN ({placeholders(some)})"
            known |= dict(cur.run(f"SELECT remote_id, parent FROM orders {at_panel}", (panel, *some)).rows())
            removed |= {row[0] for row in cur.run(f"SELECT remote_id FROM removed {at_panel}", (panel, *some)).rows()}
        return known, removed
