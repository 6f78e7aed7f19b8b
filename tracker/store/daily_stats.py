"""Daily figures: adds every move and every order to the sums once, in the order of their numbers.

`folds` says up to which row. The facts of an order may change afterwards (its service is handed over later): then its
moves are taken out under the old facts and put in under the new ones, in one transaction.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from tracker.core import daily_stats
from tracker.core.daily_stats import Sums
from tracker.core.dates import day_in
from tracker.db.counted_moves import MOVES, TRACKED, counted
from tracker.db.database import Cursor, Database, DbRow, amount

FOLD_BATCH = 2_000  # rows that a transaction adds: writers wait some twenty milliseconds
SOURCES = ("orders", "transitions")

# An order's facts that the figures depend on.
FACTS = "panel, coalesce(service, ''), quantity, born_at, tags, tracked_at"

_MOVES = f"{MOVES} WHERE t.id > ? AND t.id <= ?"
_ORDERS = f"{TRACKED} WHERE id > ? AND id <= ?"


class DailyStatsStore:
    """Writes the daily figures, and up to which row they go."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def fold(self, zone: str, most: int = FOLD_BATCH) -> bool:
        """Adds the next rows of each source to the sums, `most` at most; False when none are left.

        zone: the time zone that days are in. With another zone than last time all sums are worked out anew, from the
        rows that are still there.
        """
        newest = self._newest()
        more = False
        for source in SOURCES:
            with self._database.transaction() as cur:
                upto = self._folded(cur, source, zone)
                end = min(upto + most, newest[source])
                if end <= upto:
                    continue
                sums = Sums.empty()
                _ADD[source](cur, sums, upto, end, day_in(zone))
                _keep_sums(cur, sums)
                cur.run("UPDATE folds SET upto = ? WHERE source = ?", (end, source))
                more = more or end < newest[source]
        return more

    def _newest(self) -> dict[str, int]:
        """Returns the highest number of each source; no later row has a lower one.

        PostgreSQL gives numbers out before they are committed. The lock waits until there is no writer, and from then
        on no lower number than the highest can appear.
        """
        found = {}
        for source in SOURCES:
            with self._database.transaction() if self._database.postgres else self._database.reading() as cur:
                if self._database.postgres:
                    cur.run(f"LOCK TABLE {source} IN SHARE MODE")
                row = cur.run(f"SELECT max(id) FROM {source}").one()
                found[source] = int((row and row[0]) or 0)
        return found

    def _folded(self, cur: Cursor, source: str, zone: str) -> int:
        """Returns up to which row `source` is added; 0 when it never was, or the days are in another zone."""
        row = cur.run("SELECT upto, zone FROM folds WHERE source = ?" + cur.for_update, (source,)).one()
        if row is not None and row[1] == zone:
            return int(row[0])
        if row is not None:
            for table in ("daily", "daily_money", "durations", "folds"):
                cur.run(f"DELETE FROM {table}")
        cur.many("INSERT INTO folds (source, upto, zone) VALUES (?, 0, ?)", [(each, zone) for each in SOURCES])
        return 0


def facts(cur: Cursor, order_id: int) -> DbRow:
    """Returns the facts of an order that the figures depend on: a row of FACTS."""
    row = cur.run(f"SELECT {FACTS} FROM orders WHERE id = ?", (order_id,)).one()
    assert row is not None
    return row


def refold(cur: Cursor, order_id: int, old: DbRow) -> None:
    """Moves what the sums contain of an order from its `old` facts to those it has now."""
    _carry(cur, order_id, [(old, -1), (facts(cur, order_id), 1)])


def unfold(cur: Cursor, order_id: int) -> None:
    """Takes an order out of the sums; it is about to be deleted."""
    _carry(cur, order_id, [(facts(cur, order_id), -1)])


def _carry(cur: Cursor, order_id: int, steps: Sequence[tuple[DbRow, int]]) -> None:
    """Adds what the sums contain of an order under these facts, with these signs. steps: (facts, sign).

    It locks `folds`, so that no other process adds moves under the old facts meanwhile.
    """
    sql = "SELECT source, upto, zone FROM folds ORDER BY source" + cur.for_update
    upto = {source: (at, zone) for source, at, zone in cur.run(sql).rows()}
    if not upto:
        return
    moves = cur.run(f"{_MOVES} AND t.order_id = ?", (0, upto["transitions"][0], order_id)).rows()
    day_of = day_in(upto["transitions"][1])
    sums = Sums.empty()
    for facts, sign in steps:
        panel, service, quantity, born_at, tags, tracked_at = facts
        seen = [(*counted(row)[:9], panel, service, quantity, born_at, json.loads(tags)) for row in moves]
        daily_stats.add_moves(sums, seen, day_of, sign)
        if order_id <= upto["orders"][0]:
            daily_stats.add_tracked(sums, [(panel, service, tracked_at)], day_of, sign)
    _keep_sums(cur, sums)


def _keep_sums(cur: Cursor, sums: Sums) -> None:
    cur.many(
        "INSERT INTO daily (day, panel, service, what, n) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (day, panel, service, what) DO UPDATE SET n = daily.n + excluded.n",
        [(*key, n) for key, n in sums.counts.items() if n],
    )
    cur.many(
        "INSERT INTO durations (panel, service, what, seconds, n) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (panel, service, what, seconds) DO UPDATE SET n = durations.n + excluded.n",
        [(*key, n) for key, n in sums.durations.items() if n],
    )
    # A sum of nothing is deleted: its row would still name a service, or a tag.
    taken = [key for key, n in sums.counts.items() if n < 0]
    cur.many("DELETE FROM daily WHERE n = 0 AND day = ? AND panel = ? AND service = ? AND what = ?", taken)
    gone = [key for key, n in sums.durations.items() if n < 0]
    cur.many("DELETE FROM durations WHERE n = 0 AND panel = ? AND service = ? AND what = ? AND seconds = ?", gone)
    for key, value in sums.money.items():
        if value:
            _keep_amount(cur, key, value)


def _keep_amount(cur: Cursor, key: Sequence[Any], value: Any) -> None:
    """Adds to a sum in Python: SQLite cannot add money without making a float of it."""
    where = " WHERE day = ? AND panel = ? AND dim = ? AND name = ? AND currency = ? AND what = ?"
    row = cur.run(f"SELECT amount FROM daily_money{where}", key).one()
    if row is None:
        sql = "INSERT INTO daily_money (amount, day, panel, dim, name, currency, what) VALUES (?, ?, ?, ?, ?, ?, ?)"
    else:
        sql = f"UPDATE daily_money SET amount = ?{where}"
        value += amount(row[0])
    if value:
        cur.run(sql, (cur.money(value), *key))
    else:
        cur.run(f"DELETE FROM daily_money{where}", key)


def _add_transitions(cur: Cursor, sums: Sums, after: int, upto: int, day_of: Callable[[float], str]) -> None:
    daily_stats.add_moves(sums, map(counted, cur.run(_MOVES, (after, upto)).rows()), day_of)


def _add_orders(cur: Cursor, sums: Sums, after: int, upto: int, day_of: Callable[[float], str]) -> None:
    daily_stats.add_tracked(sums, (row[1:] for row in cur.run(_ORDERS, (after, upto)).rows()), day_of)


_ADD = {"orders": _add_orders, "transitions": _add_transitions}
