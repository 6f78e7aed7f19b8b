"""Maintenance: deletes old rows, and moves the schedule when the clock was set."""

from collections.abc import Mapping

from tracker.core.events.events import panel_event, tracker_facts
from tracker.db.database import Database
from tracker.store.event_log import EventLog
from tracker.store.sql import next_count

PRUNE_BATCH = 5_000  # rows that a transaction deletes at most, so that writers never wait long


class MaintenanceStore:
    """Deletes old rows, and moves the schedule when the clock was set."""

    def __init__(self, database: Database, events: EventLog) -> None:
        self._database = database
        self._events = events

    def shift_schedule(self, by_s: float, now: float) -> None:
        """Moves the schedule by as much as the wall clock was set, so that intervals stay what they were."""
        with self._database.transaction() as cur:
            for source, column in (("orders", "next_poll_at"), ("refills", "next_poll_at")):
                cur.run(f"UPDATE {source} SET {column} = {column} + ? WHERE {column} IS NOT NULL", (by_s,))
            cur.run(
                "UPDATE deliveries SET next_attempt_at = next_attempt_at + ?, first_attempt_at = first_attempt_at + ?"
                " WHERE state = 'waiting'",
                (by_s, by_s),
            )
            cur.run(
                "UPDATE hooks SET wait_until = wait_until + ?, asked_until = asked_until + ?,"
                " failing_since = failing_since + ?",
                (by_s, by_s, by_s),
            )
            cur.run(
                "UPDATE panels SET next_balance_at = next_balance_at + ?, next_services_at = next_services_at + ?,"
                " wait_until = wait_until + ?",
                (by_s, by_s, by_s),
            )
            cur.run("UPDATE intakes SET next_run_at = next_run_at + ?, lease = lease + ?", (by_s, by_s))
            cur.run("UPDATE poll_runs SET lease = lease + ? WHERE finished_at IS NULL", (by_s,))
            # A call or an attempt "in the future" would count against its limit until then.
            cur.run(
                "UPDATE attempts SET started_at = started_at + ?"
                " WHERE hook IN (SELECT name FROM hooks) AND started_at > ?",  # by index
                (by_s, now),
            )
            cur.run(
                "UPDATE poll_runs SET started_at = started_at + ?, finished_at = finished_at + ? WHERE finished_at > ?",
                (by_s, by_s, now),
            )

    def emit_degraded(self, since: float, reason: str, now: float) -> None:
        """Writes `tracker.degraded` and `tracker.recovered`, once the database takes writes again.

        since: when it stopped taking them. reason: why.
        """
        with self._database.transaction() as cur:
            facts = {"tracker": tracker_facts(since, reason)}
            events = [
                panel_event(name, "", "database", next_count(cur, "", "tracker", "database"), now, facts)
                for name in ("tracker.degraded", "tracker.recovered")
            ]
            woken = self._events.write(cur, events)
        self._events.wake(woken)

    def prune(self, before: Mapping[str, float]) -> int:
        """Deletes at most PRUNE_BATCH rows of each kind that are older than its moment; returns how many.

        before: kind ("transitions", "event_bodies", "deliveries", "attempts", "poll_runs") -> epoch seconds.
        What is still to be delivered stays.
        """
        gone = 0
        for kind, moment in before.items():
            with self._database.transaction() as cur:
                gone += cur.run(_PRUNE[kind], (moment, PRUNE_BATCH)).touched
        return gone


_PRUNE = {
    "transitions": "DELETE FROM transitions WHERE id IN (SELECT id FROM transitions WHERE at < ? LIMIT ?)",
    "event_bodies": "UPDATE events SET body = NULL WHERE id IN (SELECT id FROM events WHERE at < ? AND body IS"
    " NOT NULL AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event = events.id AND d.state <>"
    " 'delivered') LIMIT ?)",
    "deliveries": "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE settled_at < ? LIMIT ?)",
    "attempts": "DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE started_at < ? AND outcome IS NOT"
    " NULL LIMIT ?)",
    "poll_runs": "DELETE FROM poll_runs WHERE id IN (SELECT id FROM poll_runs WHERE started_at < ? AND finished_at"
    " IS NOT NULL LIMIT ?)",
}
