"""The event log: appends events and queues their deliveries, both in the caller's transaction."""

from collections.abc import Callable, Iterable, Sequence

from tracker.core.delivery import routing
from tracker.core.model import Event
from tracker.core.rules import HookRules
from tracker.db import event_numbers
from tracker.db.database import Cursor, Database, DbRow
from tracker.store import crowds


class EventLog:
    """Appends events and queues one delivery for each hook that listens.

    hooks: the rules of the configured hooks.
    wake: called with the names of the hooks for which a delivery was queued, once it is committed.
    """

    def __init__(
        self,
        database: Database,
        hooks: Iterable[HookRules] = (),
        wake: Callable[[Iterable[str]], None] = lambda _hooks: None,
    ) -> None:
        self._database = database
        self._hooks = tuple(hooks)
        self._first_wait_s = {rules.name: routing.first_wait_s(rules) for rules in self._hooks}
        self.wake = wake

    def write(self, cur: Cursor, events: Sequence[Event]) -> set[str]:
        """Appends the events and queues one delivery per listening hook; returns the hooks to wake.

        Of orders that are too many to be told one by one, nothing is written yet (store/crowds).
        An event about a strange word has one id per panel and word: a second one is dropped.
        """
        event_numbers.announce(self._database, cur)
        events = crowds.told_now(cur, events)
        numbered = [(n, e) for e in events if e.kind == "word" and (n := self._write_word(cur, e)) is not None]
        plain = [event for event in events if event.kind != "word"]
        if plain:
            those = list(zip(self._numbers(cur, len(plain)), plain, strict=True))
            cur.many(f"{_ADD_EVENT} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [(n, *_event_values(e)) for n, e in those])
            numbered += those
        return self._queue(cur, numbered)

    def _write_word(self, cur: Cursor, event: Event) -> int | None:
        """Returns the number of the event; None when the log has it already."""
        row = cur.run(
            f"{_ADD_EVENT.replace('(id, ', '(')} VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id",
            _event_values(event),
        ).one()
        return None if row is None else int(row[0])

    def _numbers(self, cur: Cursor, count: int) -> Sequence[int]:
        """Returns the next numbers of the log, taken before the rows are written so that deliveries can name them."""
        if self._database.postgres:
            rows = cur.run(
                "SELECT nextval(pg_get_serial_sequence('events', 'id')) FROM generate_series(1, ?)", (count,)
            ).rows()
            return [row[0] for row in rows]
        last = cur.run("SELECT seq FROM sqlite_sequence WHERE name = 'events'").one()
        first = 1 if last is None else last[0] + 1
        return range(first, first + count)

    def _queue(self, cur: Cursor, numbered: Iterable[tuple[int, Event]]) -> set[str]:
        heard = [(hook, n, event) for n, event in numbered for hook in routing.listeners(self._hooks, event)]
        if not heard:
            return set()
        disabled = {row[0] for row in cur.run("SELECT name FROM hooks WHERE state = 'disabled'").rows()}
        rows = [
            (
                hook,
                n,
                event.stream,
                "held" if hook in disabled else "waiting",
                event.at,
                event.at + self._first_wait_s[hook],
            )
            for hook, n, event in heard
        ]
        cur.many(
            "INSERT INTO deliveries (hook, event, stream, state, created_at, next_attempt_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            rows,
        )
        return {row[0] for row in rows} - disabled


_ADD_EVENT = "INSERT INTO events (id, event_id, type, panel, kind, remote_id, seq, at, body)"


def _event_values(e: Event) -> DbRow:
    return (e.id, e.type, e.panel, e.kind, e.remote_id, e.seq, e.at, e.body.decode())
