"""The hooks: their health, and changes to all deliveries of one at once."""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from tracker.core.delivery import hook_health
from tracker.core.delivery.hook_health import Health, HookState
from tracker.core.delivery.routing import UNSENT
from tracker.core.events.events import hook_event
from tracker.core.model import Event
from tracker.db.database import Cursor, Database, DbRow
from tracker.db.sql import placeholders
from tracker.store.event_log import EventLog

_HEALTH = "name, state, failing_since, fresh, probes, wait_until, reason, seq, asked_until, later"


class HookStore:
    """Writes the health of hooks, and changes all deliveries of one at once."""

    def __init__(self, database: Database, events: EventLog) -> None:
        self._database = database
        self._events = events

    def sync(self, names: Iterable[str]) -> None:
        """Gives every configured hook its row."""
        with self._database.transaction() as cur:
            cur.many(
                "INSERT INTO hooks (name, state, fresh, probes, reason, seq) VALUES (?, 'ok', 0, 0, '', 0)"
                " ON CONFLICT (name) DO NOTHING",
                [(name,) for name in names],
            )

    def enable(self, name: str, now: float, *, deliver: bool) -> int:
        """Ends a hook's trouble by hand; returns how many deliveries were held, or were given up.

        deliver: they go out now; else they are given up, and so are those that wait for a hook in trouble.
        """
        state, settled_at, why = ("waiting", None, None) if deliver else ("dead", now, "skipped by hand")
        with self._database.transaction() as cur:
            before = self.health(cur, name)
            skipped = 0
            if not deliver and before.state is not HookState.OK:
                skipped = self._give_up(cur, name, "state = 'waiting'", (), "skipped by hand", now)
            after, event_type = hook_health.enabled(before)
            self.change_health(cur, before, after, None, now)
            cur.run(
                "UPDATE deliveries SET state = ?, next_attempt_at = ?, settled_at = ?, attempts_before = attempts,"
                " first_attempt_at = NULL, error = coalesce(?, error)"
                " WHERE state IN ('held', 'orphaned') AND state = 'held' AND hook = ?",
                (state, now, settled_at, why, name),
            )
            count = cur.touched + skipped
            why_well = replace(after, reason=hook_health.BY_HAND)
            events = [] if event_type is None else [self._hook_event(cur, event_type, before, why_well, now)]
            heard = self._events.write(cur, events)
        self._events.wake({name, *heard})
        return count

    def pause(self, name: str, *, paused: bool) -> bool:
        """Stops sending to a hook, or goes on. False: it was so already."""
        with self._database.transaction() as cur:
            before = self.health(cur, name)
            if before.paused == paused:
                return False
            self.keep_health(cur, before)  # a hook that was never heard of has no row yet
            cur.run("UPDATE hooks SET paused = ? WHERE name = ?", (int(paused), name))
        self._events.wake({name})
        return True

    def drop(self, name: str, types: Sequence[str], before: float, now: float) -> int:
        """Gives up deliveries that wait for a hook or are held, created before a moment; returns how many.

        What is under way is left alone. types: of their events; none of them means all.
        """
        of_type = f"event IN (SELECT id FROM events WHERE type IN ({placeholders(types)}))" if types else "1 = 1"
        condition = f"state IN ({placeholders(UNSENT)}) AND created_at <= ? AND {of_type}"
        with self._database.transaction() as cur:
            count = self._give_up(cur, name, condition, (*UNSENT, before, *types), "dropped by hand", now)
            # What an earlier one of its stream held back may go now.
            cur.run(
                "UPDATE deliveries SET next_attempt_at = ? WHERE hook = ? AND state = 'waiting' AND attempts = 0"
                " AND next_attempt_at > ?",
                (now, name, now),
            )
        self._events.wake({name})
        return count

    def _give_up(self, cur: Cursor, name: str, condition: str, params: Sequence[object], why: str, now: float) -> int:
        cur.run(
            "UPDATE deliveries SET state = 'dead', settled_at = ?, error = ?"
            f" WHERE hook = ? AND {condition} AND id NOT IN (SELECT delivery_id FROM attempts WHERE outcome IS NULL)",
            (now, why, name, *params),
        )
        return cur.touched

    def drop_held(self, now: float) -> int:
        """Gives up deliveries that have been held for seven days; returns how many."""
        with self._database.transaction() as cur:
            cur.run(
                "UPDATE deliveries SET state = 'dead', settled_at = ?, error = 'held for seven days'"
                " WHERE state IN ('held', 'orphaned') AND state = 'held' AND next_attempt_at < ?",
                (now, now - hook_health.HELD_S),
            )
            return cur.touched

    def release_deliveries(self, now: float) -> int:
        """After a crash: makes deliveries whose attempt was cut off due at once; returns how many."""
        with self._database.transaction() as cur:
            # A probe pushed its hook's wait_until as far as its own delivery; now nothing has to wait for it.
            cur.run(
                "UPDATE hooks SET wait_until = ? WHERE state <> 'disabled' AND wait_until IN"
                " (SELECT next_attempt_at FROM deliveries d JOIN attempts a ON a.delivery_id = d.id"
                " WHERE d.hook = hooks.name AND a.outcome IS NULL)",
                (now,),
            )
            cur.run(
                "UPDATE deliveries SET next_attempt_at = ? WHERE state = 'waiting' AND next_attempt_at > ?"
                " AND id IN (SELECT delivery_id FROM attempts WHERE outcome IS NULL)",
                (now, now),
            )
            released = cur.touched
            cur.run("UPDATE attempts SET outcome = 'lost' WHERE outcome IS NULL")
        return released

    def retry_deliveries(self, ids: list[int] | None, now: float) -> set[str]:
        """Gives dead deliveries their whole schedule again; returns their hooks. ids: None for all."""
        chosen = "" if ids is None else f" AND id IN ({', '.join('?' * len(ids)) or 'NULL'})"
        with self._database.transaction() as cur:
            hooks = cur.run(f"SELECT DISTINCT hook FROM deliveries WHERE state = 'dead'{chosen}", ids or ()).rows()
            cur.run(
                "UPDATE deliveries SET state = 'waiting', attempts_before = attempts, settled_at = NULL,"
                f" first_attempt_at = NULL, next_attempt_at = ? WHERE state = 'dead'{chosen}",
                (now, *(ids or ())),
            )
        woken = {row[0] for row in hooks}
        self._events.wake(woken)
        return woken

    def sync_deliveries(self, hooks: set[str], now: float) -> None:
        """Orphans the deliveries of hooks that left the configuration; those of hooks that are back wait again."""
        names = sorted(hooks)
        here = f"hook IN ({', '.join('?' * len(names))})" if names else "hook = ''"
        with self._database.transaction() as cur:
            cur.run(f"UPDATE deliveries SET state = 'orphaned' WHERE state = 'waiting' AND NOT {here}", names)
            cur.run(
                "UPDATE deliveries SET state = 'waiting', next_attempt_at = ?, first_attempt_at = NULL"
                f" WHERE state IN ('held', 'orphaned') AND state = 'orphaned' AND {here}",
                (now, *names),
            )

    def health(self, cur: Cursor, name: str, *, lock: bool = True) -> Health:
        """Returns a hook's health. lock: keep others from changing it until the transaction ends."""
        locked = cur.for_update if lock else ""
        row = cur.run(f"SELECT {_HEALTH}, paused FROM hooks WHERE name = ?" + locked, (name,)).one()
        if row is None:
            return Health(name)
        values: DbRow = (*row[2:-1], bool(row[-1]))
        return Health(row[0], HookState(row[1]), *values)

    def keep_health(self, cur: Cursor, health: Health) -> None:
        """Writes a hook's health, but not whether it is paused: a person may have changed that a moment ago."""
        cur.run(
            f"INSERT INTO hooks ({_HEALTH}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET state = excluded.state, failing_since = excluded.failing_since,"
            " fresh = excluded.fresh, probes = excluded.probes, wait_until = excluded.wait_until,"
            " reason = excluded.reason, seq = excluded.seq, asked_until = excluded.asked_until,"
            " later = excluded.later",
            (health.name, health.state.value, health.failing_since, health.fresh, health.probes,
             health.wait_until, health.reason, health.seq, health.asked_until, health.later),
        )  # fmt: skip

    def change_health(self, cur: Cursor, before: Health, after: Health, event_type: str | None, now: float) -> set[str]:
        """Writes what changed about a hook's health and the event about it; returns the hooks to wake."""
        if after != before:
            self.keep_health(cur, after)
        if after.state is HookState.DISABLED and before.state is not HookState.DISABLED:
            # From here on next_attempt_at says since when it is held.
            cur.run(
                "UPDATE deliveries SET state = 'held', next_attempt_at = ? WHERE hook = ? AND state = 'waiting'",
                (now, after.name),
            )
        if after.state is not before.state:
            # That the hook is in trouble is not the fault of its first delivery: that one holds back later ones of its
            # stream again, however long ago it was first tried.
            cur.run(
                "UPDATE deliveries SET first_attempt_at = NULL WHERE hook = ? AND state = 'waiting'"
                " AND first_attempt_at IS NOT NULL"
                " AND id NOT IN (SELECT delivery_id FROM attempts WHERE outcome IS NULL)",
                (after.name,),
            )
        if before.state is HookState.FAILING and after.state is HookState.OK:
            # All deliveries are due at once, without waiting for the end of a long retry step. What is in flight stays
            # in flight.
            cur.run(
                "UPDATE deliveries SET next_attempt_at = ? WHERE hook = ? AND state = 'waiting'"
                " AND next_attempt_at > ? AND id NOT IN (SELECT delivery_id FROM attempts WHERE outcome IS NULL)",
                (now, after.name, now),
            )
        if event_type is None:
            return set()
        return self._events.write(cur, [self._hook_event(cur, event_type, before, after, now)])

    def _hook_event(self, cur: Cursor, event_type: str, before: Health, after: Health, now: float) -> Event:
        found = cur.run(
            "SELECT state, count(*) FROM deliveries WHERE hook = ? AND state IN ('waiting', 'held', 'dead')"
            " GROUP BY state",
            (after.name,),
        ).rows()
        counts: dict[str, int] = dict(found)
        since = after.failing_since if after.failing_since is not None else before.failing_since
        waiting = counts.get("waiting", 0) + counts.get("held", 0)
        return hook_event(event_type, after.name, after.seq, now, since, waiting, counts.get("dead", 0), after.reason)
