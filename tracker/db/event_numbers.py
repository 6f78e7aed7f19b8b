"""The numbers of the event log: a reader that goes on from the last number it saw misses no event.

SQLite has one writer at a time, so numbers are committed in their order. PostgreSQL gives them out before they are
committed: a transaction that took a lower number may commit after a reader has already gone past it.

Rule 1: before it takes a number, a transaction takes a shared advisory lock that says how far the log was (`announce`).
        All its numbers are above that. The lock ends with the transaction, and keeps no other writer waiting.
Rule 2: a reader goes no further than the lowest of these locks (`whole_until`), and asks for that bound in a statement
        before the one that reads the events. A writer with a number within the bound has then ended, so that the next
        statement sees its rows; one that still holds its lock has numbers above the bound. (Never inside one
        snapshot, where both statements see the same moment.)

Numbers of a transaction that was rolled back stay unused, and are not waited for.
"""

from tracker.db.database import Cursor, Database

# The upper 16 of the lock's 64 bits: any number with which no other advisory lock begins. The lower 48 say how far the
# log was.
SPACE = 21_618

# PostgreSQL shows a lock's halves as classid and objid. `least` ignores NULL, the case without any writer.
_WHOLE_UNTIL = f"""
SELECT least(coalesce(max(id), 0), (
  SELECT min(((classid::bigint & 65535) << 32) | objid::bigint) FROM pg_locks
  WHERE locktype = 'advisory' AND objsubid = 1 AND classid::bigint >> 16 = {SPACE}
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
)) FROM events
"""


def announce(database: Database, cur: Cursor) -> None:
    """Announces that this transaction is about to take numbers of the event log."""
    if database.postgres:
        cur.run(f"SELECT pg_advisory_xact_lock_shared(({SPACE}::bigint << 48) | coalesce(max(id), 0)) FROM events")


def whole_until(database: Database) -> int:
    """Returns the number up to which the log is complete: all later events have higher ones. 0 when it is empty."""
    with database.reading() as cur:
        row = cur.run(_WHOLE_UNTIL if database.postgres else "SELECT coalesce(max(id), 0) FROM events").one()
    return int(row[0]) if row else 0
