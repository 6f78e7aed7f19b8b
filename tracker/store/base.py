"""What every part of the store shares: the values it hands out, and how events are written."""

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from tracker.core import outbox
from tracker.core.model import Event
from tracker.core.outbox import DeliveryState
from tracker.core.rules import HookRules
from tracker.core.status import RefillStatus
from tracker.database import Cursor, Database, Row


class PanelRow(Struct, frozen=True):
    """What the tracker remembers about a panel itself."""

    name: str
    paused: bool
    trouble: str | None
    trouble_since: float | None
    trouble_streak: int
    wait_until: float | None
    singles_until: float | None
    next_balance_at: float | None
    next_services_at: float | None


class Claim(Struct, frozen=True):
    """The promise to make one call to a panel: counted against its budget, written down before it.

    kind: status, recheck, refill_status, balance or services. lease: the next_poll_at the claimed
    rows were pushed to, which is also how they are found again. rows: what the call needs of them.
    """

    run_id: int
    panel: PanelRow
    kind: str
    started_at: float
    lease: float
    rows: Sequence[Row] = ()


class Answered(Struct, frozen=True):
    """How a call went, for poll_runs."""

    asked: int
    answered: int
    refused: int = 0
    absent: int = 0


class NewRefill(Struct, frozen=True):
    panel: str
    remote_id: str
    baseline: bool
    order_remote_id: str | None = None
    status: RefillStatus | None = None


class StoreBase:
    """The database, the hooks that hear events, and whom to wake when one was written."""

    def __init__(
        self,
        database: Database,
        hooks: Iterable[HookRules] = (),
        wake: Callable[[Iterable[str]], None] = lambda _hooks: None,
    ) -> None:
        self.database = database
        self._hooks = tuple(hooks)
        self._wake = wake

    def _write_events(self, cur: Cursor, told: Sequence[Event]) -> set[str]:
        """Append the events and queue one delivery per listening hook; returns the hooks to wake.

        An event about a strange word has one id per panel and word: its second writing is dropped.
        """
        fresh = [event for event in told if event.kind != "word" or self._first_time(cur, event)]
        cur.many(
            "INSERT INTO events (event_id, type, panel, kind, remote_id, seq, at, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (e.id, e.type, e.panel, e.kind, e.remote_id, e.seq, e.at, e.body.decode())
                for e in fresh
                if e.kind != "word"
            ],
        )
        return self._queue(cur, fresh)

    def _first_time(self, cur: Cursor, event: Event) -> bool:
        cur.run(
            "INSERT INTO events (event_id, type, panel, kind, remote_id, seq, at, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (event_id) DO NOTHING",
            (event.id, event.type, event.panel, event.kind, event.remote_id, event.seq, event.at,
             event.body.decode()),
        )  # fmt: skip
        return cur.touched == 1

    def _queue(self, cur: Cursor, told: Iterable[Event]) -> set[str]:
        rows = [
            (hook, e.id, e.type, e.panel, e.stream, DeliveryState.WAITING.value, e.at, e.at)
            for e in told
            for hook in outbox.listeners(self._hooks, e)
        ]
        if rows:
            cur.many(
                "INSERT INTO deliveries (hook, event_id, event_type, panel, stream, state, created_at,"
                " next_attempt_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
        return {row[0] for row in rows}

    def _panel_row(self, cur: Cursor, name: str) -> PanelRow | None:
        row = cur.run(
            "SELECT name, paused, trouble, trouble_since, trouble_streak, wait_until, singles_until,"
            " next_balance_at, next_services_at FROM panels WHERE name = ?" + self.database.for_update(),
            (name,),
        ).one()
        return None if row is None else PanelRow(row[0], bool(row[1]), *row[2:])
