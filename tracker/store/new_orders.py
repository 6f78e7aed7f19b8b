"""Adds orders and refills. Idempotent on (panel, id): adding again fills in what was unknown and overwrites nothing."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from tracker.core.events.events import refill_event
from tracker.core.model import Event, Order, OrderKind, Refill, Tracking
from tracker.core.orders import diff
from tracker.core.orders.new_orders import NewOrder
from tracker.core.polling import batches, schedule
from tracker.core.polling.schedule import FirstLooks
from tracker.core.rules import PollRules
from tracker.core.status import FINAL, REFILL_FINAL
from tracker.db.database import Cursor, Database
from tracker.db.sql import placeholders, portions
from tracker.store import daily_stats
from tracker.store.claims import COLUMNS
from tracker.store.event_log import EventLog
from tracker.store.sql import panel_state
from tracker.store.values import Claim, NewRefill

# The columns that are filled in together with one that was unknown; and how an unknown one looks.
BESIDE = {
    "quantity": ", quantity_source = 'given'",
    "charge": ", highest_charge = ?, charge_mark = ?",
    "placed_at": ", born_at = ?",
}
UNKNOWN = {"tags": "tags = '[]'"}

AT_ONCE: Mapping[str, FirstLooks] = {}  # no queue for any panel
LATELY = 20  # calls whose length tells how long the next ones will take

Counted = tuple[int, int, int]  # seq, moves, notices
NEVER: Counted = (0, 0, 0)  # of an order that was never tracked before


class NewOrderStore:
    """Adds orders and refills."""

    def __init__(self, database: Database, events: EventLog) -> None:
        self._database = database
        self._events = events

    def add(self, new: Sequence[NewOrder], now: float, looks: Mapping[str, FirstLooks] = AT_ONCE) -> list[bool]:
        """Tracks these orders; returns for each whether it is new.

        An order that was just placed is told at once (`order.tracked`).
        looks: panel -> the queue in which its new orders get their places; without one they are asked about at once.
        """
        with self._database.transaction() as cur:
            added, woken = self.take_orders(cur, new, now, looks)
        self._events.wake(woken)
        return added

    def take_orders(
        self, cur: Cursor, new: Sequence[NewOrder], now: float, looks: Mapping[str, FirstLooks] = AT_ONCE
    ) -> tuple[list[bool], set[str]]:
        """Tracks these orders; returns for each whether it is new, and the hooks to wake."""
        added = [self._add_order(cur, order, now, looks.get(order.panel)) for order in new]
        fresh = [order for order, is_new in zip(new, added, strict=True) if is_new]
        before = self._tracked_again(cur, fresh)
        events = [
            diff.tracked(self._as_order(order, now, before.get((order.panel, order.remote_id), NEVER)), now)
            for order in fresh
            if order.just_placed
        ]
        return added, self._events.write(cur, events) if events else set()

    def first_looks(self, panel: str, rules: PollRules, now: float) -> FirstLooks:
        """Returns the queue for the first poll of many new orders of a panel; it leaves room for the others."""
        with self._database.reading() as cur:
            row = panel_state(cur, panel)
            size = rules.batch_size if row is None else batches.size(row.singles_until, row.small_until, rules, now)
            due = cur.run(_DUE_SOON, (panel, Tracking.ACTIVE.value, now + rules.poll_every_s)).one()
            took = cur.run(_TOOK, (panel, LATELY)).one()
        assert due is not None
        assert took is not None
        return FirstLooks(now, schedule.first_look_every_s(rules, due[0], size, took[0]), size)

    def add_refills(self, new: Sequence[NewRefill], now: float) -> list[bool]:
        """Tracks these refills; returns for each whether it is new."""
        with self._database.transaction() as cur:
            added, woken = self.take_refills(cur, new, now)
        self._events.wake(woken)
        return added

    def not_removed(self, panel: str, ids: Sequence[str]) -> list[str]:
        """Returns the given orders that have not been removed."""
        with self._database.reading() as cur:
            sql = f"SELECT remote_id FROM removed WHERE panel = ? AND remote_id IN ({placeholders(ids)})"
            removed = {row[0] for row in cur.run(sql, (panel, *ids)).rows()}
        return [remote_id for remote_id in ids if remote_id not in removed]

    def track_found(self, claim: Claim, ids: Sequence[str], now: float) -> Claim:
        """Tracks ids that this call found at the panel, as baselines; returns the claim with their rows added."""
        panel, table = claim.panel.name, batches.ids_table(claim.kind)
        assert table is not None
        with self._database.transaction() as cur:
            if table == "orders":
                new = [NewOrder(panel, remote_id, baseline=True, just_placed=False) for remote_id in ids]
                self.take_orders(cur, new, now)
            else:
                self.take_refills(cur, [NewRefill(panel, remote_id, baseline=True) for remote_id in ids], now)
            where = f"panel = ? AND remote_id IN ({placeholders(ids)})"
            cur.run(f"UPDATE {table} SET next_poll_at = ? WHERE {where}", (claim.lease, panel, *ids))
            found = cur.run(f"SELECT {COLUMNS[table]} FROM {table} WHERE {where}", (panel, *ids)).rows()
        return replace(claim, rows=[*claim.rows, *found])

    def take_refills(self, cur: Cursor, new: Sequence[NewRefill], now: float) -> tuple[list[bool], set[str]]:
        """Tracks these refills; returns for each whether it is new, and the hooks to wake."""
        added = [self._add_refill(cur, refill, now) for refill in new]
        events = [
            _refill_tracked(refill, now)
            for refill, is_new in zip(new, added, strict=True)
            if is_new and not refill.baseline
        ]
        return added, self._events.write(cur, events) if events else set()

    def _tracked_again(self, cur: Cursor, fresh: Sequence[NewOrder]) -> dict[tuple[str, str], Counted]:
        """Lets orders that were removed once go on counting where they ended: (panel, id) -> from where.

        An event's id is made from these counters: to begin anew would give new events the ids of old ones, and
        receivers that remember ids would drop them. Being tracked again counts as a move: else the second
        `order.tracked` of an order that never moved would have the id of the first.
        """
        again: dict[tuple[str, str], Counted] = {}
        for panel in {order.panel for order in fresh}:
            ids = [order.remote_id for order in fresh if order.panel == panel]
            for some in portions(ids):
                found = cur.run(
                    f"DELETE FROM removed WHERE panel = ? AND remote_id IN ({placeholders(some)})"
                    " RETURNING remote_id, seq, moves, notices",
                    (panel, *some),
                ).rows()
                again |= {(panel, id_): (seq, moves + 1, notices) for id_, seq, moves, notices in found}
        many = "UPDATE orders SET seq = seq + ?, moves = ?, notices = ? WHERE panel = ? AND remote_id = ?"
        cur.many(many, [(*counted, *key) for key, counted in again.items()])
        return again

    def _add_order(self, cur: Cursor, new: NewOrder, now: float, looks: FirstLooks | None = None) -> bool:
        order = self._as_order(new, now)
        money = self._database.money(new.charge)
        born_at = new.placed_at if new.placed_at is not None else now if new.just_placed else None
        look_at = now if looks is None else looks.next_at
        cur.run(
            _ADD_ORDER,
            (new.panel, new.remote_id, order.status, order.status, OrderKind.DEFAULT.value, order.tracking.value, money,
             money, money, new.currency, new.quantity, order.quantity_source, new.service, new.link, new.ref,
             json.dumps(new.tags), new.parent, int(new.baseline), order.seq, new.placed_at, now, order.finished_at,
             look_at, born_at),
        )  # fmt: skip
        if cur.touched == 1:
            if looks is not None:
                looks.placed += 1
            return True
        self._fill(cur, new, money)
        return False

    def _fill(self, cur: Cursor, new: NewOrder, money: Any) -> None:
        """Writes the given facts where the row has none yet; a row that lacks none of them stays as it is.

        What the daily figures contain of the order moves to where it belongs now.
        """
        said = {
            "service": new.service,
            "quantity": new.quantity,
            "charge": money,
            "currency": new.currency,
            "link": new.link,
            "ref": new.ref,
            "placed_at": new.placed_at,
            "parent": new.parent,
            "tags": json.dumps(new.tags) if new.tags else None,
        }
        row = cur.run("SELECT id FROM orders WHERE panel = ? AND remote_id = ?", (new.panel, new.remote_id)).one()
        assert row is not None
        facts = daily_stats.facts(cur, row[0])
        for column, value in said.items():
            if value is None:
                continue
            beside, unknown = BESIDE.get(column, ""), UNKNOWN.get(column, f"{column} IS NULL")
            # No answer and no event depends on the parent: an answer that is just being recorded stays valid.
            rewritten = "" if column == "parent" else ", version = version + 1"
            cur.run(
                f"UPDATE orders SET {column} = ?{beside}{rewritten} WHERE panel = ? AND remote_id = ? AND {unknown}",
                (value, *[value] * beside.count("?"), new.panel, new.remote_id),
            )
        if daily_stats.facts(cur, row[0]) != facts:
            daily_stats.refold(cur, row[0], facts)

    def _as_order(self, new: NewOrder, now: float, before: Counted = NEVER) -> Order:
        final = new.status in FINAL
        seq, moves, notices = before
        return Order(
            id=0,
            panel=new.panel,
            remote_id=new.remote_id,
            status=new.status,
            known_status=new.status,
            # A status that is handed over is a belief, not an answer: the order is asked about at once all the same.
            tracking=Tracking.ACTIVE,
            charge=new.charge,
            currency=new.currency,
            quantity=new.quantity,
            quantity_source=None if new.quantity is None else "given",
            service=new.service,
            ref=new.ref,
            tags=new.tags,
            parent=new.parent,
            seq=seq + (1 if new.just_placed else 0),  # order.tracked is its first event
            moves=moves,
            notices=notices,
            tracked_at=now,
            placed_at=new.placed_at,
            finished_at=now if final else None,
        )

    def _add_refill(self, cur: Cursor, new: NewRefill, now: float) -> bool:
        cur.run(
            "INSERT INTO refills (panel, remote_id, order_remote_id, status, known_status, tracking, baseline,"
            " seq, version, refusals, misses, tracked_at, next_poll_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, ?, ?) ON CONFLICT (panel, remote_id) DO NOTHING",
            (new.panel, new.remote_id, new.order_remote_id, new.status, new.status, Tracking.ACTIVE.value,
             int(new.baseline), 0 if new.baseline else 1, now, now),
        )  # fmt: skip
        if cur.touched == 1:
            return True
        if new.order_remote_id is not None:
            cur.run(
                "UPDATE refills SET order_remote_id = ?, version = version + 1"
                " WHERE panel = ? AND remote_id = ? AND order_remote_id IS NULL",
                (new.order_remote_id, new.panel, new.remote_id),
            )
        return False


_DUE_SOON = "SELECT count(*) FROM orders WHERE panel = ? AND tracking = ? AND next_poll_at <= ?"
_TOOK = (
    "SELECT avg(finished_at - started_at) FROM (SELECT started_at, finished_at FROM poll_runs WHERE panel = ?"
    " AND kind = 'status' AND outcome = 'ok' ORDER BY started_at DESC LIMIT ?) AS lately"
)

_ADD_ORDER = (
    "INSERT INTO orders (panel, remote_id, status, known_status, kind, tracking, charge, highest_charge,"
    " charge_mark, currency, quantity, quantity_source, service, link, ref, tags, parent, baseline,"
    " refund_told, seq, version, refusals, misses, progress_count, placed_at, tracked_at, finished_at,"
    " next_poll_at, born_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, 0, 0, 0, 0, ?, ?, ?, ?, ?)"
    " ON CONFLICT (panel, remote_id) DO NOTHING"
)


def _refill_tracked(new: NewRefill, now: float) -> Event:
    refill = Refill(
        id=0,
        panel=new.panel,
        remote_id=new.remote_id,
        order_remote_id=new.order_remote_id,
        status=new.status if new.status not in REFILL_FINAL else None,
        tracked_at=now,
    )
    return refill_event("refill.tracked", refill, refill, 1, now)
