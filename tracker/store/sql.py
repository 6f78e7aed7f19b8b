"""Reads and writes that several parts of the store have in common, each in the caller's transaction."""

from collections.abc import Sequence

import msgspec

from tracker.core.model import Order
from tracker.core.polling.panel_health import PanelState
from tracker.core.polling.refused_words import Refused
from tracker.db.database import Cursor, DbRow
from tracker.store import rows


def columns_of(alias: str, columns: str) -> str:
    """Returns a list of columns as those of one table in a join. columns: joined by commas; NULL stays as it is."""
    names = [name.strip() for name in columns.split(",")]
    return ", ".join(name if name == "NULL" else f"{alias}.{name}" for name in names)


def panel_state(cur: Cursor, name: str) -> PanelState | None:
    """Returns the row of a panel, locked where the engine locks rows; None: there is no such panel."""
    row = cur.run(
        "SELECT name, paused, trouble, trouble_since, trouble_streak, wait_until, singles_until, next_balance_at,"
        " next_services_at, refused_batches, small_until, refused, clients_wait_until,"
        " (SELECT count(*) FROM (SELECT 1 FROM set_aside WHERE set_aside.panel = panels.name LIMIT 1) a)"
        " FROM panels WHERE name = ?" + cur.for_update,
        (name,),
    ).one()
    if row is None:
        return None
    refused = None if row[11] is None else msgspec.json.decode(row[11], type=Refused)
    values: DbRow = (row[0], bool(row[1]), *row[2:11], refused, row[12] or 0.0, bool(row[13]))
    return PanelState(*values)


def open_run(
    cur: Cursor,
    panel: str,
    kind: str,
    now: float,
    lease: float | None = None,
    asked: int = 0,
    client: str | None = None,
) -> int:
    """Writes down a call before it is made, which counts it against the budget; returns its number.

    client: the client of the gateway that it is made for.
    """
    row = cur.run(
        "INSERT INTO poll_runs (panel, kind, started_at, lease, asked, client) VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
        (panel, kind, now, lease, asked, client),
    ).one()
    assert row is not None
    return int(row[0])


def next_count(cur: Cursor, panel: str, kind: str, key: str) -> int:
    """Counts one more event about a subject that has no row of its own to count them in; returns how many there are."""
    row = cur.run(
        "INSERT INTO counters (panel, kind, key, n) VALUES (?, ?, ?, 1)"
        " ON CONFLICT (panel, kind, key) DO UPDATE SET n = counters.n + 1 RETURNING n",
        (panel, kind, key),
    ).one()
    assert row is not None
    return int(row[0])


def open_rows(cur: Cursor, source: str, panel: str) -> int:
    """Counts the open orders or refills of a panel. source: the table."""
    row = cur.run(f"SELECT count(*) FROM {source} WHERE panel = ? AND tracking = 'active'", (panel,)).one()
    assert row is not None
    return int(row[0])


def last_told_at(cur: Cursor, panel: str, kind: str, key: str) -> float | None:
    """Returns when the last event about this subject was written; None: there is none."""
    row = cur.run(
        "SELECT at FROM events WHERE panel = ? AND kind = ? AND remote_id = ? ORDER BY id DESC LIMIT 1",
        (panel, kind, key),
    ).one()
    return None if row is None else row[0]


def told_lately(cur: Cursor, panel: str, kind: str, key: str, within_s: float, now: float) -> bool:
    """Whether the last event about this subject is no older than that, by whichever clock wrote it."""
    at = last_told_at(cur, panel, kind, key)
    return at is not None and abs(now - at) < within_s


def keep_refunds(cur: Cursor, rows: Sequence[tuple[object, ...]], *, moved: bool) -> None:
    """Writes what should come back for orders.

    rows: (order_id, at, expected, observed, basis) each.
    moved: the orders were just seen to move, so that `at` is the moment of the refund; else only the amounts change.
    """
    at = "at = excluded.at, " if moved else ""
    cur.many(
        "INSERT INTO refunds (order_id, at, expected, observed, basis) VALUES (?, ?, ?, ?, ?)"
        f" ON CONFLICT (order_id) DO UPDATE SET {at}expected = excluded.expected,"
        " observed = excluded.observed, basis = excluded.basis",
        rows,
    )


def believed_order(cur: Cursor, panel: str, remote_id: str) -> tuple[Order, str | None] | None:
    """Returns what is believed about an order, and its link; the row stays locked until the transaction ends."""
    sql = f"SELECT {rows.ORDER_COLUMNS}, link FROM orders WHERE panel = ? AND remote_id = ?" + cur.for_update
    row = cur.run(sql, (panel, remote_id)).one()
    return None if row is None else (rows.order(row[:-1]), row[-1])
