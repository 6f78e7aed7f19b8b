"""The log of events, and what became of their deliveries."""

from collections.abc import Container, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

from tracker.core.delivery.routing import DeliveryState
from tracker.db import event_numbers
from tracker.db.database import Database
from tracker.db.database import DbRow as Values
from tracker.db.sql import placeholders
from tracker.reports.rows import PAGE, Filter, ReportRow, pages, select, select_one

# `number` counts the log, `seq` the events of the one thing it is about. body: as every receiver got
# it, None once retention has taken it.
EVENT_FIELDS = ("number", "id", "type", "panel", "kind", "remote_id", "seq", "at", "body")
_EVENTS = "SELECT id, event_id, type, panel, kind, remote_id, seq, at, body FROM events"

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
    "hook", "type", "target", "events", "state", "failing_since", *(state.value for state in DeliveryState),
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
    """Rows of EVENT_FIELDS, oldest first, as far as the log is whole: none will appear later with a lower number.

    after: only those with a higher number. since: not before.
    """
    chosen = Filter().add("id <= ?", last_number(database)).add("id > ?", after)
    chosen.add("at >= ?", since).among("type", types).add("panel = ?", panel)
    return map(_event, pages(database, _EVENTS, chosen, newest_first=False))


def last_events(
    database: Database,
    limit: int,
    *,
    since: float | None = None,
    types: Sequence[str] = (),
    panel: str | None = None,
) -> list[ReportRow]:
    """The latest `limit` of these, oldest first."""
    chosen = Filter().add("id <= ?", last_number(database))
    chosen.add("at >= ?", since).among("type", types).add("panel = ?", panel)
    size = min(PAGE, max(limit, 1))
    found = list(islice(pages(database, _EVENTS, chosen, newest_first=True, size=size), limit))
    return [_event(values) for values in reversed(found)]


def events_after(database: Database, after: int, limit: int) -> list[ReportRow]:
    """The next rows of EVENT_FIELDS above this number, `limit` at most."""
    sql = f"{_EVENTS} WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
    return [_event(values) for values in select(database, sql, (after, last_number(database), limit))]


def highest_number(database: Database) -> int:
    """The highest number there is, 0 when there is none; lower ones may still come."""
    found = select_one(database, "SELECT max(id) FROM events")
    return int(found[0] or 0) if found else 0


def last_number(database: Database) -> int:
    """The number of the newest event up to which the log is whole, 0 when there is none."""
    return event_numbers.whole_until(database)


def events_about(database: Database, panel: str, kind: str, remote_id: str) -> list[ReportRow]:
    """The events of one order or refill, each with its deliveries, each with its attempts; oldest first."""
    sql = f"{_EVENTS} WHERE panel = ? AND kind = ? AND remote_id = ? ORDER BY id"
    found = [_event(values) for values in select(database, sql, (panel, kind, remote_id))]
    for event in found:
        event["deliveries"] = sent = deliveries_of(database, event["number"])
        for delivery in sent:
            delivery["tries"] = attempts(database, delivery["id"])
    return found


def deliveries_of(database: Database, number: int) -> list[ReportRow]:
    """Rows of DELIVERY_FIELDS of the event with this number, oldest first."""
    found = select(database, f"{_DELIVERIES} WHERE d.event = ? ORDER BY d.id", (number,))
    return [_delivery(values) for values in found]


def delivery(database: Database, id_: int) -> ReportRow | None:
    """One row of DELIVERY_FIELDS, with its attempts as `tries`."""
    values = select_one(database, f"{_DELIVERIES} WHERE d.id = ?", (id_,))
    return None if values is None else _delivery(values) | {"tries": attempts(database, id_)}


def ahead(database: Database, waiting: ReportRow, hold_for_s: float, now: float) -> int | None:
    """The number of the delivery that a waiting one is held back by: an earlier one of its stream."""
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
    """Rows of DELIVERY_FIELDS, newest first. before: only those with a lower id."""
    chosen = Filter().add("d.hook = ?", hook).among("d.state", states).add("d.id < ?", before)
    size = PAGE if limit is None else min(PAGE, max(limit, 1))
    found = pages(database, _DELIVERIES, chosen, newest_first=True, size=size, id="d.id")
    return islice((_delivery(values) for values in found), limit)


def attempts(database: Database, delivery_id: int) -> list[ReportRow]:
    """Rows of ATTEMPT_FIELDS, oldest first. An outcome of None: under way, or cut off."""
    sql = f"SELECT {', '.join(ATTEMPT_FIELDS)} FROM attempts WHERE delivery_id = ? ORDER BY number"
    found = _rows(ATTEMPT_FIELDS, select(database, sql, (delivery_id,)))
    return [attempt | {"body_truncated": bool(attempt["body_truncated"])} for attempt in found]


def states(database: Database, ids: Sequence[int]) -> dict[int, str]:
    """The states of these deliveries, as far as they exist."""
    found: dict[int, str] = {}
    for start in range(0, len(ids), PAGE):
        part = ids[start : start + PAGE]
        found.update(select(database, f"SELECT id, state FROM deliveries WHERE id IN ({placeholders(part)})", part))
    return found


def counts(database: Database) -> dict[str, dict[str, int]]:
    """hook -> state -> how many deliveries, for every hook that ever had one."""
    found: dict[str, dict[str, int]] = {}
    for hook, state, count in select(database, "SELECT hook, state, count(*) FROM deliveries GROUP BY hook, state"):
        found.setdefault(hook, {})[state] = count
    return found


def unsettled_by_hook(database: Database) -> dict[str, dict[str, int]]:
    """hook -> waiting, held, orphaned and dead -> how many. Of those that arrived there may be millions."""
    found = {row[0]: dict.fromkeys(_UNSETTLED, 0) for row in select(database, "SELECT name FROM hooks")}
    # Apart, because each is answered by an index of its own.
    for states in ("= 'waiting'", "= 'dead'", "IN ('held', 'orphaned')"):
        sql = f"SELECT hook, state, count(*) FROM deliveries WHERE state {states} GROUP BY hook, state"
        for hook, state, n in select(database, sql):
            found.setdefault(hook, dict.fromkeys(_UNSETTLED, 0))[state] = int(n)
    return found


def unsettled(database: Database, hook: str) -> dict[str, int]:
    """The same of one hook."""
    return unsettled_by_hook(database).get(hook, dict.fromkeys(_UNSETTLED, 0))


_UNSETTLED = tuple(state.value for state in DeliveryState if state is not DeliveryState.DELIVERED)


def health_of(database: Database, hook: str) -> ReportRow:
    """state, failing_since, oldest_waiting_at, last_delivered_at, last_error and last_error_at of a hook."""
    health = select_one(database, "SELECT state, failing_since FROM hooks WHERE name = ?", (hook,))
    delivered = select_one(
        database, "SELECT max(settled_at) FROM deliveries WHERE hook = ? AND state = 'delivered'", (hook,)
    )
    # Attempts are looked at from the newest on: the last error is near the end, or long forgotten.
    failed = select_one(
        database,
        "SELECT a.error, a.started_at FROM attempts a JOIN deliveries d ON d.id = a.delivery_id"
        " WHERE d.hook = ? AND a.error IS NOT NULL ORDER BY a.id DESC LIMIT 1",
        (hook,),
    )
    return {
        "state": health[0] if health else "ok",
        "failing_since": health[1] if health else None,
        "oldest_waiting_at": oldest_waiting_at(database, hook),
        "last_delivered_at": delivered[0] if delivered else None,
        "last_error": failed[0] if failed else None,
        "last_error_at": failed[1] if failed else None,
    }


def oldest_waiting_at(database: Database, hook: str) -> float | None:
    """When the delivery that has waited longest was queued."""
    sql = "SELECT min(created_at) FROM deliveries WHERE hook = ? AND state = 'waiting'"
    found = select_one(database, sql, (hook,))
    return None if found is None or found[0] is None else float(found[0])


def due(database: Database, hook: str, now: float) -> int:
    """How many deliveries of this hook are due."""
    row = select_one(
        database,
        "SELECT count(*) FROM deliveries WHERE hook = ? AND state = 'waiting' AND next_attempt_at <= ?",
        (hook, now),
    )
    return int(row[0]) if row else 0


def died_since(database: Database, since: float) -> dict[str, int]:
    """hook -> how many of its deliveries died since then and still are dead."""
    sql = "SELECT hook, count(*) FROM deliveries WHERE state = 'dead' AND settled_at >= ? GROUP BY hook"
    return dict(select(database, sql, (since,)))


def _event(values: Values) -> ReportRow:
    row: ReportRow = dict(zip(EVENT_FIELDS, values, strict=True))
    row["body"] = None if row["body"] is None else msgspec.Raw(row["body"].encode())
    return row


def _delivery(values: Values) -> ReportRow:
    row: ReportRow = dict(zip(DELIVERY_FIELDS, values, strict=True))
    row["replay"] = bool(row["replay"])
    return row


def _rows(fields: Sequence[str], found: Sequence[Values]) -> list[dict[str, Any]]:
    return [dict(zip(fields, values, strict=True)) for values in found]


def unwell(database: Database, configured: Container[str]) -> list[tuple[str, str, str]]:
    """(hook, state, reason) of every configured hook that is failing or disabled."""
    found = select(database, "SELECT name, state, reason FROM hooks WHERE state <> 'ok' ORDER BY name")
    return [(name, state, reason) for name, state, reason in found if name in configured]
