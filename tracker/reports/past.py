"""Events of long ago, as values again: to explain what became of them, and to send them once more."""

from collections.abc import Iterator

from tracker.core.model import Event
from tracker.core.recall import recalled
from tracker.database import Database
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


def standing(database: Database, hook: str) -> tuple[str, float | None, str]:
    """(state, wait_until, reason) of a hook: whether anything goes out to it at all."""
    found = select_one(database, "SELECT state, wait_until, reason FROM hooks WHERE name = ?", (hook,))
    return ("ok", None, "") if found is None else (found[0], found[1], found[2])
