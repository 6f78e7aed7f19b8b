"""Corrects, removes, pauses and resumes orders, as people ask for it.

The daily figures follow: what they contain of an order moves to where it belongs now, or is taken out.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tracker.core.model import Order, Tracking
from tracker.core.orders import diff, order_edits
from tracker.core.orders.order_edits import Edit
from tracker.core.status import FINAL
from tracker.db.database import Cursor, Database
from tracker.db.sql import placeholders
from tracker.store import daily_stats
from tracker.store import rows as table
from tracker.store.sql import believed_order, keep_refunds

_WAS_JUST_PLACED = (
    "SELECT 1 FROM events WHERE panel = ? AND kind = 'order' AND remote_id = ? AND type = 'order.tracked' LIMIT 1"
)


class OrderEditStore:
    """Changes orders as people ask for it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def edit(self, panel: str, remote_id: str, wanted: Mapping[str, Any], now: float) -> Edit | None:
        """Changes what the user states about an order; None: it is not tracked.

        wanted: as core.orders.order_edits.read_edit returns it. Events that were written stay as they are.
        """
        with self._database.transaction() as cur:
            found = believed_order(cur, panel, remote_id)
            if found is None:
                return None
            order, link = found
            edit = order_edits.decide(order, link, wanted)
            if edit.changed:
                facts = daily_stats.facts(cur, order.id)
                self._rewrite(cur, order, {name: new for name, (_, new) in edit.changed.items()})
                if daily_stats.facts(cur, order.id) != facts:
                    daily_stats.refold(cur, order.id, facts)
                if edit.changed.keys() & {"quantity", "charge"}:
                    self._owe_anew(cur, order.id, now)
        return edit

    def remove(self, panel: str, remote_ids: Sequence[str], now: float) -> list[str]:
        """Deletes these orders with their moves, samples and refunds; returns those that were tracked.

        Their events stay in the log, and waiting deliveries go out. An answer about their parent does not bring them
        back; handing them over does.
        """
        gone = []
        with self._database.transaction() as cur:
            for remote_id in remote_ids:
                found = believed_order(cur, panel, remote_id)
                if found is not None:
                    daily_stats.unfold(cur, found[0].id)
                    cur.run("DELETE FROM orders WHERE id = ?", (found[0].id,))
                    gone.append(found[0])
            cur.many(
                "INSERT INTO removed (panel, remote_id, at, seq, moves, notices) VALUES (?, ?, ?, ?, ?, ?)",
                [(panel, order.remote_id, now, order.seq, order.moves, order.notices) for order in gone],
            )
        return [order.remote_id for order in gone]

    def pause(self, panel: str, remote_ids: Sequence[str]) -> int:
        """Stops polling these orders until they are resumed; returns how many were not paused yet."""
        with self._database.transaction() as cur:
            cur.run(
                "UPDATE orders SET tracking = ?, next_poll_at = NULL, version = version + 1"
                f" WHERE panel = ? AND tracking <> ? AND remote_id IN ({placeholders(remote_ids)})",
                (Tracking.PAUSED.value, panel, Tracking.PAUSED.value, *remote_ids),
            )
            return cur.touched

    def resume(self, panel: str, remote_ids: Sequence[str], now: float) -> int:
        """Polls these paused orders again, from now on; returns how many were paused."""
        final = [status.value for status in FINAL]
        with self._database.transaction() as cur:
            cur.run(
                f"UPDATE orders SET tracking = CASE WHEN known_status IN ({placeholders(final)}) THEN ? ELSE ? END,"
                " next_poll_at = ?, refusals = 0, refused_since = NULL, misses = 0, away = NULL, version = version + 1"
                f" WHERE panel = ? AND tracking = ? AND remote_id IN ({placeholders(remote_ids)})",
                (
                    *final,
                    Tracking.FINISHED.value,
                    Tracking.ACTIVE.value,
                    now,
                    panel,
                    Tracking.PAUSED.value,
                    *remote_ids,
                ),
            )
            return cur.touched

    def _rewrite(self, cur: Cursor, order: Order, values: Mapping[str, Any]) -> None:
        """Writes these columns, and with each the columns that follow from it."""
        columns = dict(values)
        if "tags" in columns:
            columns["tags"] = json.dumps(columns["tags"])
        if "quantity" in columns:
            columns["quantity_source"] = None if columns["quantity"] is None else "given"
        if "charge" in columns:
            columns |= dict.fromkeys(("charge", "highest_charge", "charge_mark"), cur.money(values["charge"]))
        if "placed_at" in columns:
            placed = values["placed_at"] is None and cur.run(_WAS_JUST_PLACED, (order.panel, order.remote_id)).one()
            columns["born_at"] = order.tracked_at if placed else values["placed_at"]
        sets = ", ".join(f"{column} = ?" for column in columns)
        cur.run(f"UPDATE orders SET {sets}, version = version + 1 WHERE id = ?", (*columns.values(), order.id))

    def _owe_anew(self, cur: Cursor, order_id: int, now: float) -> None:
        """Works out anew what should come back of an order that was seen to end: it depends on quantity and charge."""
        row = cur.run(
            f"SELECT {table.ORDER_COLUMNS} FROM orders WHERE id = ?"
            " AND EXISTS (SELECT 1 FROM transitions t WHERE t.order_id = orders.id)",
            (order_id,),
        ).one()
        if row is None or (order := table.order(row)).status not in FINAL:
            return
        refund, money = diff.owed(order), cur.money
        if refund is None:
            cur.run("DELETE FROM refunds WHERE order_id = ?", (order_id,))
            return
        row = (order_id, now, money(refund.expected), money(refund.observed), refund.basis)
        keep_refunds(cur, [row], moved=False)
