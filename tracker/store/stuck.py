"""Orders and services that make no progress, and orders that are set aside for long: found now and then, told once."""

from collections.abc import Sequence
from typing import Any

from tracker.core.events.events import panel_event, stalled_facts
from tracker.core.model import Change
from tracker.core.orders import notices, stalled
from tracker.core.rules import PollRules
from tracker.db.database import Cursor, Database, amount
from tracker.store import crowds
from tracker.store import rows as table
from tracker.store.event_log import EventLog
from tracker.store.sql import columns_of, last_told_at, next_count

STUCK_BATCH = 5_000  # row ids that one step covers

# That an order delivered something shows in its numbers, in how it ended, or, where it has none, in its status.
_DELIVERED = " AND (remains < quantity OR quantity IS NULL OR remains IS NULL OR status IN ('completed', 'partial'))"


class StuckStore:
    """Looks for orders and services that make no progress, and for orders that are set aside for long."""

    def __init__(self, database: Database, events: EventLog) -> None:
        self._database = database
        self._events = events

    def emit(self, panel: str, rules: PollRules, after_id: int, now: float) -> int | None:
        """Writes `order.stuck` for the stuck ones among the next STUCK_BATCH rows after `after_id`.

        Returns the last id it looked at; None at the end of the table. It walks the table in small steps, because an
        index would be rewritten at each bit of progress.
        """
        with self._database.transaction() as cur:
            last = cur.run("SELECT max(id) FROM orders").one()
            upto = after_id + STUCK_BATCH
            back = cur.run("SELECT back_at FROM panels WHERE name = ?", (panel,)).one()
            found = cur.run(
                f"SELECT {table.ORDER_COLUMNS} FROM orders WHERE id > ? AND id <= ? AND panel = ?"
                " AND tracking = 'active' AND stuck_told = 0 AND coalesce(progressed_at, tracked_at) < ?"
                " AND coalesce(last_polled_at, tracked_at) >= ?" + cur.for_update,
                (after_id, upto, panel, now - rules.stuck_after_s, (back and back[0]) or 0.0),
            ).rows()
            changes = [change for row in found if (change := notices.stuck(table.order(row), now, rules)) is not None]
            woken = self._tell(cur, changes, "stuck_told")
        self._events.wake(woken)
        return None if last is None or last[0] is None or upto >= last[0] else upto

    def emit_unanswered(self, panel: str, rules: PollRules, now: float) -> int:
        """Writes `order.unanswered` for orders that broke the calls that name them for `not_found.after`, often enough.

        Returns how many there were.
        """
        with self._database.transaction() as cur:
            found = cur.run(
                f"SELECT {columns_of('o', table.ORDER_COLUMNS)}, s.since, s.words FROM set_aside s"
                " JOIN orders o ON o.panel = s.panel AND o.remote_id = s.remote_id"
                " WHERE s.panel = ? AND s.call = 'status' AND s.part IS NULL"
                " AND s.since <= ? AND s.streak >= ? AND o.tracking = 'active' AND o.unanswered_told = 0",
                (panel, now - rules.not_found_after_s, rules.not_found_polls),
            ).rows()
            changes = [
                change for row in found if (change := notices.aside(table.order(row[:-2]), row[-2], row[-1], now))
            ]
            woken = self._tell(cur, changes, "unanswered_told")
        self._events.wake(woken)
        return len(changes)

    def emit_together(self, panel: str, now: float) -> int:
        """Writes the events that stand for many orders at once and are due; returns how many."""
        with self._database.transaction() as cur:
            events = crowds.events_due(cur, panel, now)
            woken = self._events.write(cur, events) if events else set()
        self._events.wake(woken)
        return len(events)

    def emit_stalled(self, panel: str, rules: PollRules, now: float) -> int:
        """Writes `service.stalled` for each service that has stopped delivering since it was last told; returns how
        many.

        It looks before it writes, because it may have to look at many orders.
        """
        with self._database.reading() as cur:
            found = cur.run(
                "SELECT service, count(*) FROM orders WHERE panel = ? AND tracking = 'active' AND stuck_told = 1"
                " AND service IS NOT NULL GROUP BY service HAVING count(*) >= ?",
                (panel, stalled.ORDERS_MIN),
            ).rows()
            seen = [(service, stuck, _delivered_at(cur, panel, service)) for service, stuck in found]
            due = [
                (service, at, _facts(cur, panel, service, stuck, at))
                for service, stuck, at in seen
                if stalled.is_stalled(stuck, at, now, rules) and not _told_since(cur, panel, service, at)
            ]
        return self._tell_stalled(panel, due, now) if due else 0

    def _tell_stalled(self, panel: str, due: Sequence[tuple[str, float | None, dict[str, Any]]], now: float) -> int:
        """Writes the event of each (service, when it last delivered, the event's facts)."""
        events = []
        with self._database.transaction() as cur:
            for service, delivered_at, facts in due:
                # Counted first: that makes another process wait here, and see this one's event after that.
                seq = next_count(cur, panel, "service", service)
                if not _told_since(cur, panel, service, delivered_at):
                    events.append(panel_event("service.stalled", panel, service, seq, now, {"service": facts}))
            woken = self._events.write(cur, events)
        self._events.wake(woken)
        return len(events)

    def _tell(self, cur: Cursor, changes: Sequence[Change], told: str) -> set[str]:
        """Notes on the orders that they were told of, and writes their events; returns the hooks to wake.

        told: the column that says so.
        """
        for change in changes:
            cur.run(
                f"UPDATE orders SET {told} = 1, seq = ?, notices = ?, version = ? WHERE id = ?",
                (change.after.seq, change.after.notices, change.after.version, change.after.id),
            )
        return self._events.write(cur, [event for change in changes for event in change.events])


def _delivered_at(cur: Cursor, panel: str, service: str) -> float | None:
    row = cur.run(
        f"SELECT max(progressed_at) FROM orders WHERE panel = ? AND service = ?{_DELIVERED}", (panel, service)
    ).one()
    return None if row is None else row[0]


def _told_since(cur: Cursor, panel: str, service: str, delivered_at: float | None) -> bool:
    at = last_told_at(cur, panel, "service", service)
    return at is not None and at >= (delivered_at or 0.0)


def _facts(cur: Cursor, panel: str, service: str, stuck: int, delivered_at: float | None) -> dict[str, Any]:
    at = (panel, service)
    orders = cur.run(
        "SELECT charge, currency, remains, quantity FROM orders"
        " WHERE panel = ? AND service = ? AND tracking = 'active'",
        at,
    ).rows()
    names = cur.run("SELECT name FROM services WHERE panel = ? AND service = ?", at).rows()
    sums, unknown = stalled.at_risk((amount(row[0]), *row[1:]) for row in orders)
    name = names[0][0] if names else None
    return stalled_facts(panel, service, name, delivered_at, stuck, len(orders), sums, unknown)
