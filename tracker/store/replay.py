"""Replays: past events are delivered to one hook again, under their ids and in their bytes."""

from collections.abc import Sequence

from tracker.db.database import Database
from tracker.store.event_log import EventLog

REPLAY_BATCH = 500  # events that a transaction queues: other writers get their turn in between


class ReplayStore:
    """Queues replays."""

    def __init__(self, database: Database, events: EventLog) -> None:
        self._database = database
        self._events = events

    def queue(self, hook: str, numbers: Sequence[int], now: float) -> int:
        """Queues the events with these numbers for this hook again; returns how many were queued.

        numbers: at most REPLAY_BATCH, oldest first, since deliveries of one order go out in the order in which they
        were queued.

        An event is left out if a delivery of it to this hook is not settled, so that a replay that is run twice, or was
        cut off, queues nothing twice; and if it has no body any more. Deliveries of a disabled hook are held.
        """
        with self._database.transaction() as cur:
            cur.run(
                "INSERT INTO deliveries (hook, event, stream, state, replay, created_at, next_attempt_at)"
                " SELECT ?, e.id, e.panel || '/' || e.kind || '/' || e.remote_id,"
                " CASE WHEN EXISTS (SELECT 1 FROM hooks h WHERE h.name = ? AND h.state = 'disabled')"
                " THEN 'held' ELSE 'waiting' END, 1, ?, ? FROM events e"
                f" WHERE e.id IN ({', '.join('?' * len(numbers)) or 'NULL'}) AND e.body IS NOT NULL AND NOT EXISTS"
                " (SELECT 1 FROM deliveries d WHERE d.event = e.id AND d.hook = ?"
                " AND d.state NOT IN ('delivered', 'dead')) ORDER BY e.id",
                (hook, hook, now, now, *numbers, hook),
            )
            queued = cur.touched
        if queued:
            self._events.wake([hook])
        return queued
