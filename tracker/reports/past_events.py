"""Past events read back as values, to explain what became of them or to send them again; and what holds up a hook."""

from collections.abc import Iterator

from tracker.core.delivery.hook_health import Health, waits_until
from tracker.core.delivery.past_events import recalled
from tracker.core.model import Event
from tracker.core.rules import HookRules
from tracker.db import message_limit
from tracker.db.database import Database
from tracker.reports.outbox import SELECT_EVENTS
from tracker.reports.paging import all_rows
from tracker.reports.rows import Filter, select_one


def find_event(database: Database, wanted: str) -> tuple[int, Event] | None:
    """(number, event) by the id of the event or its number in the log; None: there is none.

    An id is found by a scan: people ask for one seldom, and an index over all ids would slow down every event.
    """
    by_number = wanted.isdecimal() and len(wanted) < 19  # digits of a number that fits into 64 bits
    found = select_one(
        database,
        f"{SELECT_EVENTS} WHERE {'id' if by_number else 'event_id'} = ? ORDER BY id LIMIT 1",
        (int(wanted) if by_number else wanted,),
    )
    return None if found is None else (found[0], recalled(*found[1:]))


def past_events(
    database: Database, since: float, until: float | None = None, upto: int | None = None
) -> Iterator[tuple[int, Event]]:
    """(number, event) of past events, the oldest first.

    since, until: moments, both included.
    upto: the highest number, included.
    """
    chosen = Filter().add("at >= ?", since).add("at <= ?", until).add("id <= ?", upto)
    for values in all_rows(database, SELECT_EVENTS, chosen, newest_first=False):
        yield values[0], recalled(*values[1:])


def minute_full_until(database: Database, rules: HookRules, now: float) -> float | None:
    """The moment before which nothing is sent because `max_per_minute` is reached; None: there is room."""
    with database.reading() as cur:
        return message_limit.full_until(cur, rules, now)


def standing(database: Database, hook: str) -> tuple[str, float | None, str]:
    """(state, the moment before which nothing is sent or None, reason) of a hook."""
    sql = "SELECT name, state, wait_until, asked_until, reason FROM hooks WHERE name = ?"
    if (found := select_one(database, sql, (hook,))) is None:
        return ("ok", None, "")
    name, state, wait_until, asked_until, reason = found
    return (state, waits_until(Health(name, wait_until=wait_until, asked_until=asked_until)), reason)
