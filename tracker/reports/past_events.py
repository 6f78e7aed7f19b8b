"""Events of long ago, as values again: to explain what became of them, and to send them once more."""

from collections.abc import Iterator

from tracker.core.delivery.hook_health import Health, waits_until
from tracker.core.delivery.past_events import recalled
from tracker.core.model import Event
from tracker.core.rules import HookRules
from tracker.db.database import Database
from tracker.reports.rows import Filter, pages, select_one

_EVENTS = "SELECT id, event_id, type, panel, kind, remote_id, seq, at, body FROM events"


def find_event(database: Database, wanted: str) -> tuple[int, Event] | None:
    """(number, event) by its id or its number. The id is found with a scan: there is no index over it, on purpose."""
    by_number = wanted.isdecimal() and len(wanted) < 19  # what a number of the log has room for
    found = select_one(
        database,
        f"{_EVENTS} WHERE {'id' if by_number else 'event_id'} = ? ORDER BY id LIMIT 1",
        (int(wanted) if by_number else wanted,),
    )
    return None if found is None else (found[0], recalled(*found[1:]))


def past_events(
    database: Database, since: float, until: float | None = None, upto: int | None = None
) -> Iterator[tuple[int, Event]]:
    """(number, event), oldest first, a page at a time. until: not later than that. upto: the last number."""
    chosen = Filter().add("at >= ?", since).add("at <= ?", until).add("id <= ?", upto)
    for values in pages(database, _EVENTS, chosen, newest_first=False):
        yield values[0], recalled(*values[1:])


def minute_full_until(database: Database, rules: HookRules, now: float) -> float | None:
    """Until when nothing is sent because `max_per_minute` messages were in the last 60 seconds; None: there is room."""
    # The attempts of one digest began at the very same moment, and are one message.
    what = "DISTINCT started_at" if rules.digest else "started_at"
    sql = f"SELECT {what} FROM attempts WHERE hook = ? AND started_at > ? ORDER BY started_at DESC LIMIT 1 OFFSET ?"
    last = select_one(database, sql, (rules.name, now - 60.0, rules.max_per_minute - 1))
    return None if last is None else float(last[0]) + 60.0


def standing(database: Database, hook: str) -> tuple[str, float | None, str]:
    """(state, until when nothing is sent, reason) of a hook: whether anything goes out to it at all."""
    sql = "SELECT name, state, wait_until, asked_until, reason FROM hooks WHERE name = ?"
    if (found := select_one(database, sql, (hook,))) is None:
        return ("ok", None, "")
    name, state, wait_until, asked_until, reason = found
    return (state, waits_until(Health(name, wait_until=wait_until, asked_until=asked_until)), reason)
