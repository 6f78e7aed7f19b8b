"""The floor of a sweep: the same work done with the bare libraries, and without shortcuts.

It keeps a connection, batches by a hundred, claims before it asks, and stores the same columns in one durable
transaction for each answer. A changed order gets its row, a transition and one prebuilt event of 720 bytes, and one in
ten a delivery. An unchanged order gets two columns.
"""

import json
import time
from pathlib import Path
from typing import Any

import requests
from peewee import sqlite3  # type: ignore[attr-defined]  # the driver that peewee chose

from tracker.store.rows import ORDER_WRITTEN

BATCH = 100
EVENT = json.dumps({"type": "order.changed", "data": {"filler": "x" * 668}})

TABLES = """
CREATE TABLE orders (id INTEGER PRIMARY KEY, panel TEXT, remote_id TEXT, tracking TEXT, {columns},
  last_polled_at REAL, next_poll_at REAL, UNIQUE (panel, remote_id));
CREATE INDEX due ON orders (panel, tracking, next_poll_at);
CREATE TABLE transitions (id INTEGER PRIMARY KEY, order_id INTEGER, seq INTEGER, old TEXT, new TEXT, said TEXT,
  at REAL, not_before REAL, charge TEXT, old_charge TEXT, remains INTEGER, regressed INTEGER, skipped TEXT);
CREATE INDEX transitions_order ON transitions (order_id);
CREATE TABLE events (id INTEGER PRIMARY KEY, event_id TEXT, type TEXT, panel TEXT, kind TEXT,
  remote_id TEXT, seq INTEGER, at REAL, body TEXT);
CREATE TABLE deliveries (id INTEGER PRIMARY KEY, hook TEXT, event_id TEXT, stream TEXT, state TEXT,
  attempts INTEGER, created_at REAL, next_attempt_at REAL);
CREATE INDEX deliveries_due ON deliveries (hook, next_attempt_at) WHERE state = 'waiting';
"""

COLUMNS = [column for column in ORDER_WRITTEN if column != "tracking"]


class Floor:
    """The bare libraries, polling the orders `ids` of the panel at `url`."""

    def __init__(self, path: Path, url: str, ids: list[str]) -> None:
        self._url = url
        self._session = requests.Session()
        self._db = sqlite3.connect(str(path), isolation_level=None)
        for pragma in ("journal_mode=wal", "synchronous=full", "busy_timeout=5000", "foreign_keys=1"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(TABLES.format(columns=", ".join(COLUMNS)))
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(
            "INSERT INTO orders (panel, remote_id, tracking, version, seq, next_poll_at) VALUES (?, ?, ?, 0, 0, 0)",
            [("main", remote_id, "active") for remote_id in ids],
        )
        self._db.execute("COMMIT")

    def due(self) -> None:
        """Makes every order due again."""
        self._db.execute("UPDATE orders SET next_poll_at = 0")

    def sweep(self) -> None:
        """Polls every due order once."""
        while rows := self._claim():
            answer = self._session.post(
                self._url,
                data={"key": "bench-key", "action": "status", "orders": ",".join(row[1] for row in rows)},
                timeout=30,
            )
            self._record(rows, json.loads(answer.content))

    def update_one(self, remote_id: str, status: str) -> None:
        """Writes what a script writes after each answer."""
        self._db.execute("UPDATE orders SET status = ? WHERE panel = 'main' AND remote_id = ?", (status, remote_id))

    def close(self) -> None:
        self._session.close()
        self._db.close()

    def _claim(self) -> list[tuple[Any, ...]]:
        now = time.time()
        self._db.execute("BEGIN IMMEDIATE")
        rows = self._db.execute(
            "SELECT id, remote_id, status_raw, charge, remains, start_count, seq, version, last_polled_at"
            " FROM orders WHERE panel = 'main' AND tracking = 'active' AND next_poll_at <= ?"
            " ORDER BY next_poll_at LIMIT ?",
            (now, BATCH),
        ).fetchall()
        self._db.executemany("UPDATE orders SET next_poll_at = ? WHERE id = ?", [(now + 60, r[0]) for r in rows])
        self._db.execute("COMMIT")
        return list(rows)

    def _record(self, rows: list[tuple[Any, ...]], answer: dict[str, dict[str, str]]) -> None:
        now = time.time()
        changed, still = [], []
        for row in rows:
            entry = answer[row[1]]
            same = (
                entry["status"] == row[2]
                and entry["charge"] == row[3]
                and int(entry["remains"]) == row[4]
                and int(entry["start_count"]) == row[5]
            )
            if same:
                still.append((now, now + 300, row[0]))
            else:
                changed.append((row, entry))
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("UPDATE orders SET last_polled_at = ?, next_poll_at = ? WHERE id = ?", still)
        if changed:
            self._write(changed, now)
        self._db.execute("COMMIT")

    def _write(self, changed: list[tuple[tuple[Any, ...], dict[str, str]]], now: float) -> None:
        rows, moves, events, deliveries = [], [], [], []
        for row, entry in changed:
            id_, remote_id, status, charge, _, _, seq, version, polled_at = row
            event_id = f"evt_{seq}_{remote_id:0>20}"
            facts = {
                "status": "in_progress", "known_status": "in_progress", "status_raw": entry["status"],
                "kind": "default", "charge": entry["charge"], "highest_charge": entry["charge"],
                "charge_mark": entry["charge"], "currency": entry["currency"],
                "start_count": int(entry["start_count"]), "remains": int(entry["remains"]), "quantity": 1000,
                "quantity_source": "given", "baseline": 0, "refund_told": 0, "seq": seq + 1,
                "moves": seq + 1, "notices": 0, "version": version + 1,
                "refusals": 0, "refused_since": None, "misses": 0, "progress_at": None,
                "progress_count": 0, "last_changed_at": now, "finished_at": None, "entry": json.dumps(entry),
                "progressed_at": now, "stuck_told": 0, "unanswered_told": 0,
            }  # fmt: skip
            rows.append((*(facts[column] for column in COLUMNS), now, now + 300, id_))
            moves.append((id_, seq, status, "in_progress", entry["status"], now, polled_at, entry["charge"], charge,
                          facts["remains"], 0, ""))  # fmt: skip
            events.append((event_id, "order.changed", "main", "order", remote_id, seq, now, EVENT))
            if id_ % 10 == 0:
                deliveries.append(("ops", event_id, f"main/order/{remote_id}", "waiting", 0, now, now))
        assignments = ", ".join(f"{column} = ?" for column in COLUMNS)
        self._db.executemany(
            f"UPDATE orders SET {assignments}, last_polled_at = ?, next_poll_at = ? WHERE id = ?", rows
        )
        self._db.executemany(f"INSERT INTO transitions VALUES (NULL, {_marks(12)})", moves)
        self._db.executemany(f"INSERT INTO events VALUES (NULL, {_marks(8)})", events)
        self._db.executemany(f"INSERT INTO deliveries VALUES (NULL, {_marks(7)})", deliveries)


def _marks(count: int) -> str:
    return ", ".join("?" * count)
