"""Keeps the orders that wait to be told together; each function runs in its caller's transaction.

core.events.crowds decides which of them wait, and for how long.
"""

from collections import defaultdict
from collections.abc import Sequence

from msgspec.structs import replace

from tracker.core.events import crowds
from tracker.core.events.crowds import Crowd
from tracker.core.events.events import crowd_facts, panel_event
from tracker.core.model import Event
from tracker.db.database import Cursor
from tracker.store.sql import next_count, open_rows

# An order that waits is told only if it is still so.
_STILL = {
    "order.stuck": "o.tracking = 'active' AND o.stuck_told = 1",
    "order.unanswered": "o.tracking = 'active' AND o.unanswered_told = 1",
    "order.not_found": "o.tracking = 'not_found'",
}


def told_now(cur: Cursor, events: Sequence[Event]) -> Sequence[Event]:
    """Returns the events that are told now; the orders of the others wait, to be told together."""
    if not any(event.type in crowds.TOGETHER for event in events):
        return events
    alike: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        if event.type in crowds.TOGETHER:
            alike[event.panel, event.type].append(event)
    # In one order everywhere, so that two processes never wait for each other's rows.
    late = {key for key, some in sorted(alike.items()) if _wait(cur, *key, some)}
    return [event for event in events if (event.panel, event.type) not in late]


def events_due(cur: Cursor, panel: str, now: float) -> list[Event]:
    """Returns an event for each kind of trouble in which orders have waited for long enough; they wait no more."""
    return [event for one in sorted(crowds.TOGETHER) if (event := _event(cur, panel, one, now)) is not None]


def _wait(cur: Cursor, panel: str, one: str, events: Sequence[Event]) -> bool:
    """Lets the orders of these events wait if they are too many; returns whether they do."""
    now, crowd = events[0].at, _crowd(cur, panel, one)
    if not crowds.waits(crowd, len(events), lambda: open_rows(cur, "orders", panel), now):
        _write(cur, panel, one, crowds.after(crowd, len(events), now))
        return False
    if crowd is None:
        _write(cur, panel, one, Crowd(now))
    cur.many(
        "INSERT INTO waiting_together (panel, type, remote_id, at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (panel, type, remote_id) DO UPDATE SET at = excluded.at",
        [(panel, one, event.remote_id, now) for event in events],
    )
    return True


def _crowd(cur: Cursor, panel: str, one: str) -> Crowd | None:
    row = cur.run(
        "SELECT since, told, said_at FROM crowds WHERE panel = ? AND type = ?" + cur.for_update, (panel, one)
    ).one()
    if row is None:
        return None
    first = cur.run("SELECT min(at) FROM waiting_together WHERE panel = ? AND type = ?", (panel, one)).one()
    return Crowd(row[0], row[1], row[2], None if first is None else first[0])


def _write(cur: Cursor, panel: str, one: str, crowd: Crowd) -> None:
    cur.run(
        "INSERT INTO crowds (panel, type, since, told, said_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (panel, type) DO UPDATE SET since = excluded.since, told = excluded.told,"
        " said_at = excluded.said_at",
        (panel, one, crowd.since, crowd.told, crowd.said_at),
    )


def _event(cur: Cursor, panel: str, one: str, now: float) -> Event | None:
    crowd = _crowd(cur, panel, one)
    if crowd is None or not crowds.is_due(crowd, now):
        return None
    those = (
        " FROM waiting_together w JOIN orders o ON o.panel = w.panel AND o.remote_id = w.remote_id"
        f" WHERE w.panel = ? AND w.type = ? AND {_STILL[one]}"
    )
    row = cur.run(f"SELECT count(*), min(w.at){those}", (panel, one)).one()
    first = cur.run(f"SELECT o.remote_id{those} ORDER BY w.at, o.id LIMIT ?", (panel, one, crowds.IDS_MAX)).rows()
    cur.run("DELETE FROM waiting_together WHERE panel = ? AND type = ?", (panel, one))
    assert row is not None
    if not row[0]:
        return None
    _write(cur, panel, one, replace(crowd, said_at=now))
    name = crowds.TOGETHER[one]
    ids = [remote_id for (remote_id,) in first]
    facts = {"orders": crowd_facts(name, panel, row[1], row[0], open_rows(cur, "orders", panel), ids)}
    return panel_event(name, panel, name, next_count(cur, panel, "orders", name), now, facts)
