"""Records the answers of panels: the hot path, with tuples and one statement per kind of write.

An answer is applied in one transaction or not at all. Every row is rewritten only if it still has the version that the
change was computed from.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from tracker.core.model import Change, Order, Refill, RefillChange, Transition
from tracker.db.database import Cursor, Database, DbRow
from tracker.db.sql import placeholders
from tracker.store import rows as table
from tracker.store.claims import ID, VERSION
from tracker.store.event_log import EventLog
from tracker.store.panels import PanelStore
from tracker.store.sql import keep_refunds
from tracker.store.values import Answered, Claim

AnyChange = TypeVar("AnyChange", bound=Change | RefillChange)
NextAt = Mapping[int, float | None]  # row id -> next_poll_at


class ResultStore:
    """Records what calls brought."""

    def __init__(self, database: Database, events: EventLog, panels: PanelStore) -> None:
        self._database = database
        self._events = events
        self._panels = panels

    def beliefs(self, claim: Claim, ids: Sequence[int]) -> list[Order]:
        """Returns what we believe about these claimed rows, without those that were rewritten since the claim."""
        return [table.order(row) for row in self._read(claim, ids, "orders", table.ORDER_COLUMNS)]

    def refill_beliefs(self, claim: Claim, ids: Sequence[int]) -> list[Refill]:
        """Returns the same as `beliefs`, for refills."""
        return [table.refill(row) for row in self._read(claim, ids, "refills", table.REFILL_COLUMNS)]

    def record(self, claim: Claim, changes: Sequence[Change], next_at: NextAt, answered: Answered, now: float) -> int:
        """Moves the orders, logs the moves, queues their deliveries, sets when to ask again: all or nothing.

        next_at: for every claimed row. Returns how many orders moved; one that was rewritten since it was read is left
        alone.
        """
        with self._database.transaction() as cur:
            won = self._swap(cur, "orders", table.ORDER_WRITTEN, claim, changes, next_at, now)
            moves = [(change.after.id, change.transition) for change in won if change.transition is not None]
            self._log(cur, moves)
            self._keep_refunds(cur, won, now)
            samples = [(change.after.id, now, change.after.remains) for change in won if change.progress]
            if samples:
                cur.many("INSERT INTO progress (order_id, at, remains) VALUES (?, ?, ?)", samples)
            woken = self._write_events_of(cur, won)
            self._postpone(cur, "orders", claim, changes, next_at, now)
            woken |= self._panels.answered(cur, claim, answered, len(moves), now)
        self._events.wake(woken)
        return len(moves)

    def record_refills(
        self, claim: Claim, changes: Sequence[RefillChange], next_at: NextAt, answered: Answered, now: float
    ) -> int:
        """Does the same as `record`, for refills."""
        with self._database.transaction() as cur:
            won = self._swap(cur, "refills", table.REFILL_WRITTEN, claim, changes, next_at, now)
            woken = self._write_events_of(cur, won)
            self._postpone(cur, "refills", claim, changes, next_at, now)
            moved = sum(1 for change in won if change.events)
            woken |= self._panels.answered(cur, claim, answered, moved, now)
        self._events.wake(woken)
        return moved

    def _read(self, claim: Claim, ids: Sequence[int], source: str, columns: str) -> list[DbRow]:
        if not ids:
            return []
        version = columns.replace(" ", "").split(",").index("version")
        claimed = {row[ID]: row[VERSION] for row in claim.rows}
        with self._database.reading() as cur:
            found = cur.run(f"SELECT {columns} FROM {source} WHERE id IN ({placeholders(ids)})", ids).rows()
        return [row for row in found if row[version] == claimed[row[0]]]

    def _write_events_of(self, cur: Cursor, won: Sequence[AnyChange]) -> set[str]:
        events = [event for change in won for event in change.events]
        return self._events.write(cur, events) if events else set()

    def _swap(
        self,
        cur: Cursor,
        source: str,
        columns: list[str],
        claim: Claim,
        changes: Sequence[AnyChange],
        next_at: NextAt,
        now: float,
    ) -> Sequence[AnyChange]:
        """Rewrites the rows that are still as they were believed to be; returns the changes that won.

        A row whose lease is not ours any more keeps its next_poll_at: it belongs to another call by now.
        """
        if not changes:
            return changes
        sql = (
            f"UPDATE {source} SET {', '.join(f'{column} = ?' for column in columns)},"
            " last_polled_at = ?, next_poll_at = CASE WHEN next_poll_at = ? THEN ? ELSE next_poll_at END"
            " WHERE id = ? AND version = ?"
        )
        values: list[tuple[Any, ...]] = [
            (*self._values(change), now, claim.lease, next_at[(b := change.before).id], b.id, b.version)
            for change in changes
        ]
        cur.run("SAVEPOINT swap")
        if cur.many(sql, values) == len(changes):
            cur.run("RELEASE SAVEPOINT swap")
            return changes
        # At least one row was rewritten by another process: find out which.
        cur.run("ROLLBACK TO SAVEPOINT swap")
        return [c for c, row in zip(changes, values, strict=True) if cur.run(sql, row).touched == 1]

    def _values(self, change: Change | RefillChange) -> tuple[Any, ...]:
        if isinstance(change, Change):
            return table.order_values(change.after, self._database)
        return table.refill_values(change.after)

    def _log(self, cur: Cursor, moves: Sequence[tuple[int, Transition]]) -> None:
        if not moves:
            return
        money = self._database.money
        cur.many(
            "INSERT INTO transitions (order_id, seq, old, new, said, at, not_before, charge, old_charge, remains,"
            " regressed, skipped, currency) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (id_, t.seq, table.plain(t.old), table.plain(t.new), t.said, t.at, t.not_before,
                 money(t.charge), money(t.old_charge), t.remains, int(t.regressed), " ".join(t.skipped), t.currency)
                for id_, t in moves
            ],
        )  # fmt: skip

    def _keep_refunds(self, cur: Cursor, won: Sequence[Change], now: float) -> None:
        """Writes a row for each order whose money has to come back, as its last final move left it."""
        money = self._database.money
        owed = [
            (change.after.id, now, money(refund.expected), money(refund.observed), refund.basis)
            for change in won
            if (refund := change.refund) is not None
        ]
        if owed:
            keep_refunds(cur, owed, moved=True)
        if settled := [(change.after.id,) for change in won if change.settled]:
            cur.many("DELETE FROM refunds WHERE order_id = ?", settled)

    def _postpone(
        self,
        cur: Cursor,
        source: str,
        claim: Claim,
        changes: Sequence[AnyChange],
        next_at: NextAt,
        now: float,
    ) -> None:
        """Writes two columns of the rows without news, and only while the lease is still ours."""
        changed = {change.before.id for change in changes}
        together: dict[float | None, list[int]] = defaultdict(list)
        for id_, at in next_at.items():
            if id_ not in changed:
                together[at].append(id_)
        for at, ids in together.items():
            cur.run(
                f"UPDATE {source} SET last_polled_at = ?, next_poll_at = ? WHERE id IN ({placeholders(ids)})"
                " AND next_poll_at = ?",
                (now, at, *ids, claim.lease),
            )
