"""What several parts of the store read and write in the same way, each in the caller's transaction."""

from collections.abc import Sequence

from tracker.core.model import Order
from tracker.core.polling.panel_health import PanelState
from tracker.db.database import Cursor
from tracker.store import rows


def panel_state(cur: Cursor, name: str) -> PanelState | None:
    """The row of a panel, locked where the engine locks rows; None: there is no such panel."""
    row = cur.run(
        "SELECT name, paused, trouble, trouble_since, trouble_streak, wait_until, singles_until,"
        " next_balance_at, next_services_at FROM panels WHERE name = ?" + cur.for_update,
        (name,),
    ).one()
    return None if row is None else PanelState(row[0], bool(row[1]), *row[2:])


def open_run(cur: Cursor, panel: str, kind: str, now: float, lease: float | None = None, asked: int = 0) -> int:
    """Write down a call before it is made, which counts it against the budget; returns its number."""
    row = cur.run(
        "INSERT INTO poll_runs (panel, kind, started_at, lease, asked) VALUES (?, ?, ?, ?, ?) RETURNING id",
        (panel, kind, now, lease, asked),
    ).one()
    assert row is not None
    return int(row[0])


def last_seq(cur: Cursor, panel: str, kind: str, remote_id: str) -> int:
    """The highest sequence number among the events about something; 0: there is none."""
    sql = "SELECT max(seq) FROM events WHERE panel = ? AND kind = ? AND remote_id = ?"
    row = cur.run(sql, (panel, kind, remote_id)).one()
    return int(row[0]) if row and row[0] is not None else 0


def keep_refunds(cur: Cursor, rows: Sequence[tuple[object, ...]], *, moved: bool) -> None:
    """Write what should come back for orders: (order_id, at, expected, observed, basis) each.

    moved: the order was just seen to move, so that `at` is the moment of the refund; else only the amounts change.
    """
    at = "at = excluded.at, " if moved else ""
    cur.many(
        "INSERT INTO refunds (order_id, at, expected, observed, basis) VALUES (?, ?, ?, ?, ?)"
        f" ON CONFLICT (order_id) DO UPDATE SET {at}expected = excluded.expected,"
        " observed = excluded.observed, basis = excluded.basis",
        rows,
    )


def believed_order(cur: Cursor, panel: str, remote_id: str) -> tuple[Order, str | None] | None:
    """What is believed about an order, and its link; its row stays locked until the transaction ends."""
    sql = f"SELECT {rows.ORDER_COLUMNS}, link FROM orders WHERE panel = ? AND remote_id = ?" + cur.for_update
    row = cur.run(sql, (panel, remote_id)).one()
    return None if row is None else (rows.order(row[:-1]), row[-1])
