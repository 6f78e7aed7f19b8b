"""The log of events, their deliveries and attempts, and the state of hooks."""

from collections.abc import Container, Iterator, Sequence
from itertools import islice

import msgspec

from tracker.core.delivery.routing import UNSENT, DeliveryState
from tracker.db import event_numbers
from tracker.db.database import Database, DbRow
from tracker.db.sql import placeholders, portions
from tracker.reports.paging import PAGE, all_rows
from tracker.reports.rows import Filter, ReportRow, named, select, select_number, select_one

# number: its place in the log.
# seq: its place among the events about the same thing.
# body: as every receiver got it; None once retention has deleted it.
EVENT_FIELDS = ("number", "id", "type", "panel", "kind", "remote_id", "seq", "at", "body")
SELECT_EVENTS = "SELECT id, event_id, type, panel, kind, remote_id, seq, at, body FROM events"

DELIVERY_FIELDS = (
    "id", "hook", "event_id", "event_type", "panel", "stream", "state", "attempts", "replay", "created_at",
    "first_attempt_at", "next_attempt_at", "settled_at", "error",
)  # fmt: skip
_DELIVERIES = (
    "SELECT d.id, d.hook, e.event_id, e.type, e.panel, d.stream, d.state, d.attempts, d.replay, d.created_at,"
    " d.first_attempt_at, d.next_attempt_at, d.settled_at, d.error FROM deliveries d JOIN events e ON e.id = d.event"
)

ATTEMPT_FIELDS = ("number", "started_at", "took_s", "outcome", "code", "address", "snippet", "body_truncated", "error")

HOOK_FIELDS = (
    "hook", "type", "target", "events", "state", "paused", "failing_since", *(state.value for state in DeliveryState),
    "oldest_waiting_at", "last_delivered_at", "last_error", "last_error_at",
)  # fmt: skip


def events(
    database: Database,
    *,
    after: int | None = None,
    since: float | None = None,
    types: Sequence[str] = (),
    panel: str | None = None,
) -> Iterator[ReportRow]:
    """Rows of EVENT_FIELDS, the oldest first.

    They end where the log is whole: no event will appear later with a lower number than one of them.

    after: only events with a higher number.
    since: only events of this moment or later.
    """
    chosen = _events(database, since, types, panel).add("id > ?", after)
    return map(_event, all_rows(database, SELECT_EVENTS, chosen, newest_first=False))


def last_events(
    database: Database,
    limit: int,
    *,
    since: float | None = None,
    types: Sequence[str] = (),
    panel: str | None = None,
) -> list[ReportRow]:
    """The latest `limit` of the same events, the oldest first."""
    chosen = _events(database, since, types, panel)
    size = min(PAGE, max(limit, 1))
    found = list(islice(all_rows(database, SELECT_EVENTS, chosen, newest_first=True, size=size), limit))
    return [_event(values) for values in reversed(found)]


def _events(database: Database, since: float | None, types: Sequence[str], panel: str | None) -> Filter:
    chosen = Filter().add("id <= ?", last_number(database))
    return chosen.add("at >= ?", since).among("type", types).add("panel = ?", panel)


def events_after(database: Database, after: int, limit: int) -> list[ReportRow]:
    """The next rows of EVENT_FIELDS with a higher number than `after`, `limit` at most."""
    sql = f"{SELECT_EVENTS} WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
    return [_event(values) for values in select(database, sql, (after, last_number(database), limit))]


def highest_number(database: Database) -> int:
    """The highest number of an event, 0 when there is none. Events with lower numbers may still appear."""
    return select_number(database, "SELECT max(id) FROM events")


def last_number(database: Database) -> int:
    """The number up to which the log is whole, 0 when there is no event: no lower number will appear any more."""
    return event_numbers.whole_until(database)


def events_about(database: Database, panel: str, kind: str, remote_id: str) -> list[ReportRow]:
    """The events about one order or refill with their deliveries, and those with their attempts; the oldest first."""
    sql = f"{SELECT_EVENTS} WHERE panel = ? AND kind = ? AND remote_id = ? ORDER BY id"
    found = [_event(values) for values in select(database, sql, (panel, kind, remote_id))]
    for event in found:
        event["deliveries"] = sent = deliveries_of(database, event["number"])
        for delivery in sent:
            delivery["tries"] = attempts(database, delivery["id"])
    return found


def deliveries_of(database: Database, number: int) -> list[ReportRow]:
    """Rows of DELIVERY_FIELDS of the event with this number, the oldest first."""
    found = select(database, f"{_DELIVERIES} WHERE d.event = ? ORDER BY d.id", (number,))
    return [_delivery(values) for values in found]


def delivery(database: Database, id_: int) -> ReportRow | None:
    """A row of DELIVERY_FIELDS with its attempts as `tries`; None: there is no such delivery."""
    values = select_one(database, f"{_DELIVERIES} WHERE d.id = ?", (id_,))
    return None if values is None else _delivery(values) | {"tries": attempts(database, id_)}


def ahead(database: Database, waiting: ReportRow, hold_for_s: float, now: float) -> int | None:
    """The id of the earlier delivery of its stream that a waiting delivery has to wait for; None: there is none.

    hold_for_s: how long after its first attempt an earlier delivery holds up later ones.
    """
    sql = (
        "SELECT min(id) FROM deliveries WHERE hook = ? AND stream = ? AND state = 'waiting' AND id < ?"
        " AND (first_attempt_at IS NULL OR first_attempt_at > ?)"
    )
    found = select_one(database, sql, (waiting["hook"], waiting["stream"], waiting["id"], now - hold_for_s))
    return None if found is None else found[0]


def deliveries(
    database: Database,
    *,
    hook: str | None = None,
    states: Sequence[str] = (),
    limit: int | None = None,
    before: int | None = None,
) -> Iterator[ReportRow]:
    """Rows of DELIVERY_FIELDS, the newest first. before: only those with a lower id."""
    chosen = Filter().add("d.hook = ?", hook).among("d.state", states).add("d.id < ?", before)
    size = PAGE if limit is None else min(PAGE, max(limit, 1))
    found = all_rows(database, _DELIVERIES, chosen, newest_first=True, size=size, id="d.id")
    return islice((_delivery(values) for values in found), limit)


def attempts(database: Database, delivery_id: int) -> list[ReportRow]:
    """Rows of ATTEMPT_FIELDS, the oldest first. An outcome of None: the attempt is under way, or was cut off."""
    sql = f"SELECT {', '.join(ATTEMPT_FIELDS)} FROM attempts WHERE delivery_id = ? ORDER BY number"
    found = [named(ATTEMPT_FIELDS, values) for values in select(database, sql, (delivery_id,))]
    return [attempt | {"body_truncated": bool(attempt["body_truncated"])} for attempt in found]


def states(database: Database, ids: Sequence[int]) -> dict[int, str]:
    """id -> state of these deliveries; those that do not exist are left out."""
    found: dict[int, str] = {}
    for part in portions(ids):
        found.update(select(database, f"SELECT id, state FROM deliveries WHERE id IN ({placeholders(part)})", part))
    return found


def counts(database: Database) -> dict[str, dict[str, int]]:
    """hook -> state -> how many deliveries, for every hook that has any."""
    found: dict[str, dict[str, int]] = {}
    for hook, state, count in select(database, "SELECT hook, state, count(*) FROM deliveries GROUP BY hook, state"):
        found.setdefault(hook, {})[state] = count
    return found


def unsettled_by_hook(database: Database) -> dict[str, dict[str, int]]:
    """hook -> state -> how many deliveries, without the state `delivered`: of those there may be millions."""
    found = {row[0]: dict.fromkeys(_UNSETTLED, 0) for row in select(database, "SELECT name FROM hooks")}
    # One statement for each partial index: SQLite uses one only for a statement that repeats its condition.
    for states in ("= 'waiting'", "= 'dead'", "IN ('held', 'orphaned')"):
        sql = f"SELECT hook, state, count(*) FROM deliveries WHERE state {states} GROUP BY hook, state"
        for hook, state, n in select(database, sql):
            found.setdefault(hook, dict.fromkeys(_UNSETTLED, 0))[state] = int(n)
    return found


def unsettled(database: Database, hook: str) -> dict[str, int]:
    """The same for one hook."""
    return unsettled_by_hook(database).get(hook, dict.fromkeys(_UNSETTLED, 0))


_UNSETTLED = tuple(state.value for state in DeliveryState if state is not DeliveryState.DELIVERED)


def to_drop(database: Database, hook: str, types: Sequence[str], before: float) -> dict[str, int]:
    """Counts the deliveries that wait for a hook or are held, created before a moment, by the type of their event."""
    of_type = f" AND e.type IN ({placeholders(types)})" if types else ""
    rows = select(
        database,
        "SELECT e.type, count(*) FROM deliveries d JOIN events e ON e.id = d.event WHERE d.hook = ?"
        f" AND d.state IN ({placeholders(UNSENT)}) AND d.created_at <= ?{of_type} GROUP BY e.type ORDER BY e.type",
        (hook, *UNSENT, before, *types),
    )
    return dict(rows)


def health_of(database: Database, hook: str) -> ReportRow:
    """state, paused, failing_since, oldest_waiting_at, last_delivered_at, last_error and last_error_at of a hook."""
    health = select_one(database, "SELECT state, failing_since, paused FROM hooks WHERE name = ?", (hook,))
    delivered = select_one(
        database, "SELECT max(settled_at) FROM deliveries WHERE hook = ? AND state = 'delivered'", (hook,)
    )
    # From the newest attempt on: the last error is near the end, or there is none.
    failed = select_one(
        database,
        "SELECT a.error, a.started_at FROM attempts a JOIN deliveries d ON d.id = a.delivery_id"
        " WHERE d.hook = ? AND a.error IS NOT NULL ORDER BY a.id DESC LIMIT 1",
        (hook,),
    )
    return {
        "state": health[0] if health else "ok",
        "paused": bool(health and health[2]),
        "failing_since": health[1] if health else None,
        "oldest_waiting_at": oldest_waiting_at(database, hook),
        "last_delivered_at": delivered[0] if delivered else None,
        "last_error": failed[0] if failed else None,
        "last_error_at": failed[1] if failed else None,
    }


def oldest_waiting_at(database: Database, hook: str) -> float | None:
    """When the delivery that has waited longest was queued; None: none waits."""
    sql = "SELECT min(created_at) FROM deliveries WHERE hook = ? AND state = 'waiting'"
    found = select_one(database, sql, (hook,))
    return None if found is None or found[0] is None else float(found[0])


def due(database: Database, hook: str, now: float) -> int:
    """How many deliveries of this hook are due."""
    sql = "SELECT count(*) FROM deliveries WHERE hook = ? AND state = 'waiting' AND next_attempt_at <= ?"
    return select_number(database, sql, (hook, now))


def died_since(database: Database, since: float) -> dict[str, int]:
    """hook -> how many of its deliveries died at this moment or later, and are still dead."""
    sql = "SELECT hook, count(*) FROM deliveries WHERE state = 'dead' AND settled_at >= ? GROUP BY hook"
    return dict(select(database, sql, (since,)))


def _event(values: DbRow) -> ReportRow:
    row = named(EVENT_FIELDS, values)
    row["body"] = None if row["body"] is None else msgspec.Raw(row["body"].encode())
    return row


def _delivery(values: DbRow) -> ReportRow:
    row = named(DELIVERY_FIELDS, values)
    row["replay"] = bool(row["replay"])
    return row


def unwell(database: Database, configured: Container[str]) -> list[tuple[str, str, str]]:
    """(hook, state, reason) of each configured hook that is failing or disabled."""
    found = select(database, "SELECT name, state, reason FROM hooks WHERE state <> 'ok' ORDER BY name")
    return [(name, state, reason) for name, state, reason in found if name in configured]
