"""Deliveries again: past events for one hook, under their ids and in their bytes."""

from collections.abc import Sequence

from tracker.db.database import Database
from tracker.store.event_log import EventLog

REPLAY_BATCH = 500  # events a transaction queues: others get their turn in between


class ReplayStore:
    """Deliveries once more."""

    def __init__(self, database: Database, events: EventLog) -> None:
        self._database = database
        self._events = events

    def queue(self, hook: str, numbers: Sequence[int], now: float) -> int:
        """Queue the events with these numbers for this hook again; returns how many were queued.

        At most REPLAY_BATCH numbers, oldest first: deliveries of one order go out in the order they were
        queued. Left out: what this hook has not been through with yet, so that a replay that is run twice,
        or was cut off, queues nothing twice; and what has no body any more. Held where the hook is disabled.
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
