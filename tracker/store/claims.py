"""Claims calls: each is the promise to make one call to a panel.

A claim counts the call against the budget, pushes `next_poll_at` of its rows to the lease and writes an open row into
`poll_runs`, all before the call is made. The lease is a moment that no other claim has, so the rows of a call in flight
are those that carry it. When it has passed they are due again, which is all the recovery that a killed process needs.

core.polling.batches decides which call goes first and which rows fill it; its limits and its order stand in the queries
here.
"""

from collections.abc import Sequence
from functools import partial
from operator import itemgetter

from msgspec import Struct
from msgspec.structs import replace

from tracker.core.polling import batches, call_timeouts
from tracker.core.polling import request_budget as core_budget
from tracker.core.polling.batches import CALL_REASONS, RowSource
from tracker.core.polling.call_timeouts import LEASE_MARGIN_S
from tracker.core.polling.panel_health import PanelState
from tracker.core.rules import BATCH_MAX, PollRules
from tracker.db import request_budget
from tracker.db.database import Cursor, Database, DbRow
from tracker.db.sql import placeholders
from tracker.store.sql import open_run, panel_state
from tracker.store.values import Claim

# What a call needs of a row, in this order. The last column is the row's place in the queue.
COLUMNS = {
    "orders": "id, remote_id, version, tracking, born_at, finished_at, misses, entry, next_poll_at",
    "refills": "id, remote_id, version, tracking, tracked_at, finished_at, misses, NULL, next_poll_at",
}
ID, REMOTE_ID, VERSION, TRACKING, BORN_AT, FINISHED_AT, MISSES, ENTRY = range(8)

_misses = itemgetter(MISSES)

# Every `tracking` under which a row has a next_poll_at. Spelled out so that the index over (panel, tracking,
# next_poll_at) finds the rows of a lease; without it the engine would read all rows of the panel.
_POLLED = "tracking IN ('active', 'finished', 'not_found')"


class NoCall(Struct, frozen=True):
    """There is no call to make now.

    why: nothing due, budget spent, paused, waiting, not tracked or unknown panel.
    """

    why: str


class ClaimStore:
    """Claims of rows for calls to a panel, and runs of calls that claim nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, panel: str, rules: PollRules, now: float) -> Claim | NoCall:
        """Claims the call that this panel needs most, if one is due and the budget has room for it."""
        with self._database.transaction() as cur:
            row = self._awake(cur, panel, now)
            if isinstance(row, NoCall):
                return row
            leases = self._leases(cur, panel, now)
            kind = self._kind_due(cur, row, rules, leases, now)
            if kind is None:
                return NoCall("nothing due")
            if not self._budget_left(cur, panel, rules, now):
                return NoCall("budget spent")
            at_most = batches.size(row.singles_until, rules, now)
            found = batches.fill(kind, at_most, now, partial(self._rows, cur, panel, leases), _misses)
            return self._open(cur, row, kind, found, rules, now)

    def claim_named(self, panel: str, remote_ids: Sequence[str], rules: PollRules, now: float) -> Claim | NoCall:
        """Claims a call about these orders (at most 100), due or not, if the budget has room for it."""
        with self._database.transaction() as cur:
            row = panel_state(cur, panel)
            if row is None:
                return NoCall("unknown panel")
            if not self._budget_left(cur, panel, rules, now):
                return NoCall("budget spent")
            wanted = remote_ids[:BATCH_MAX]
            found = cur.run(
                f"SELECT {COLUMNS['orders']} FROM orders WHERE panel = ? AND remote_id IN ({placeholders(wanted)})"
                " ORDER BY id",
                (panel, *wanted),
            ).rows()
            return self._open(cur, row, "status", found, rules, now) if found else NoCall("not tracked")

    def claim_asked(
        self, panel: str, kind: str, remote_ids: Sequence[str], beside: Sequence[str], rules: PollRules, now: float
    ) -> Claim | NoCall:
        """Claims a call about these ids, due or not, tracked or not, if the panel may be asked and the budget has room.

        beside: tracked ids that fill the call up, unless the panel takes no lists. All together at most BATCH_MAX.
        """
        with self._database.transaction() as cur:
            row = self._askable(cur, panel, rules, now)
            if isinstance(row, NoCall):
                return row
            wanted = batches.out_of_turn(remote_ids, beside, row.singles_until, now)
            table = batches.ids_table(kind)
            assert table is not None
            found = cur.run(
                f"SELECT {COLUMNS[table]} FROM {table} WHERE panel = ? AND remote_id IN ({placeholders(wanted)})",
                (panel, *wanted),
            ).rows()
            known = {one[REMOTE_ID] for one in found}
            untracked = [remote_id for remote_id in remote_ids if remote_id not in known]
            return replace(self._open(cur, row, kind, found, rules, now), untracked=untracked)

    def open_run(self, panel: str, kind: str, rules: PollRules, now: float) -> int | None:
        """Counts a call that claims nothing (a second try, a command). Returns its run; None: the budget is used up."""
        with self._database.transaction() as cur:
            row = panel_state(cur, panel)
            if row is None or not self._budget_left(cur, panel, rules, now):
                return None
            return open_run(cur, panel, kind, now, None, 0)

    def open_run_if_askable(self, panel: str, kind: str, rules: PollRules, now: float) -> int | NoCall:
        """Counts a call as `open_run` does, unless the panel is paused or left alone after trouble."""
        with self._database.transaction() as cur:
            row = self._askable(cur, panel, rules, now)
            if isinstance(row, NoCall):
                return row
            return open_run(cur, panel, kind, now, None, 0)

    def close_run(self, run_id: int, outcome: str, now: float) -> None:
        """Closes a run of `open_run` or `open_run_if_askable`."""
        with self._database.transaction() as cur:
            cur.run("UPDATE poll_runs SET finished_at = ?, outcome = ? WHERE id = ?", (now, outcome, run_id))

    def release_claims(self, now: float) -> int:
        """Ends the calls of a process that died; their rows are due at once. Returns how many there were."""
        with self._database.transaction() as cur:
            runs = cur.run("SELECT id, panel, kind, lease FROM poll_runs WHERE finished_at IS NULL").rows()
            for run_id, panel, kind, lease in runs:
                self._release(cur, panel, kind, lease, now)
                cur.run("UPDATE poll_runs SET finished_at = ?, outcome = 'lost' WHERE id = ?", (now, run_id))
        return len(runs)

    def _askable(self, cur: Cursor, panel: str, rules: PollRules, now: float) -> PanelState | NoCall:
        """Returns the panel's row, or why clients cannot have it asked now."""
        row = self._awake(cur, panel, now)
        if isinstance(row, NoCall) or self._budget_left(cur, panel, rules, now):
            return row
        return NoCall("budget spent")

    def _awake(self, cur: Cursor, panel: str, now: float) -> PanelState | NoCall:
        """Returns the panel's row, or why it is not asked now, however much budget is left."""
        row = panel_state(cur, panel)
        if row is None or row.paused:
            return NoCall("paused")
        if row.wait_until is not None and now < row.wait_until:
            return NoCall("waiting")
        return row

    def _leases(self, cur: Cursor, panel: str, now: float) -> list[float]:
        """Returns the values of next_poll_at that mean "in flight"."""
        found = cur.run(
            "SELECT lease FROM poll_runs WHERE panel = ? AND finished_at IS NULL AND lease > ?", (panel, now)
        ).rows()
        return [row[0] for row in found]

    def _kind_due(
        self, cur: Cursor, panel: PanelState, rules: PollRules, leases: list[float], now: float
    ) -> str | None:
        """Returns the kind of call that this panel needs most; None: nothing is due."""
        due = {kind: self._first_due(cur, panel.name, leases, kind) for kind in CALL_REASONS}
        due |= {"balance": panel.next_balance_at, "services": panel.next_services_at}
        kind = batches.choose(due, now)
        if kind == "recheck" and core_budget.rechecks_used_up(self._rechecks(cur, panel.name, now), rules):
            return batches.choose(due | {"recheck": None}, now)
        return kind

    def _first_due(self, cur: Cursor, panel: str, leases: list[float], kind: str) -> float | None:
        """Returns the earliest next_poll_at of the rows that can be the reason for such a call."""
        found = [
            row[0]
            for source in CALL_REASONS[kind]
            for row in self._soonest(cur, panel, leases, "next_poll_at", source, 1)
        ]
        return min(found, default=None)

    def _rechecks(self, cur: Cursor, panel: str, now: float) -> int:
        """Counts the rechecks that count towards their share of the calls."""
        row = cur.run(
            "SELECT count(*) FROM poll_runs WHERE panel = ? AND started_at > ? AND kind = 'recheck'",
            (panel, now - core_budget.RECHECK_WINDOW_S),
        ).one()
        assert row is not None
        return int(row[0])

    def _budget_left(self, cur: Cursor, panel: str, rules: PollRules, now: float) -> bool:
        """Whether the budget has room for one more call. Every call counts, whichever process makes it."""
        return request_budget.used(cur, panel, rules, now) < rules.max_requests_per_minute

    def _rows(
        self, cur: Cursor, panel: str, leases: list[float], source: RowSource, at_most: int, due_by: float | None
    ) -> list[DbRow]:
        """Returns what a call needs of the rows that are due soonest."""
        return self._soonest(cur, panel, leases, COLUMNS[source.table], source, at_most, due_by)

    def _soonest(
        self,
        cur: Cursor,
        panel: str,
        leases: list[float],
        columns: str,
        source: RowSource,
        at_most: int,
        due_by: float | None = None,
    ) -> list[DbRow]:
        """Returns the rows that are due soonest and not in flight.

        due_by: the moment they have to be due by; None: however much later.
        """
        in_flight = f" AND next_poll_at NOT IN ({placeholders(leases)})" if leases else ""
        limit = "" if due_by is None else " AND next_poll_at <= ?"
        return cur.run(
            f"SELECT {columns} FROM {source.table} WHERE panel = ? AND tracking = ? AND next_poll_at IS NOT NULL"
            f"{in_flight}{limit} ORDER BY next_poll_at LIMIT ?",
            (panel, source.tracking.value, *leases, *(() if due_by is None else (due_by,)), at_most),
        ).rows()

    def _open(
        self, cur: Cursor, panel: PanelState, kind: str, found: list[DbRow], rules: PollRules, now: float
    ) -> Claim:
        lease = now + call_timeouts.timeout_s(kind, rules) + LEASE_MARGIN_S
        if (table := batches.ids_table(kind)) is not None:
            ids = [row[ID] for row in found]
            cur.run(f"UPDATE {table} SET next_poll_at = ? WHERE id IN ({placeholders(ids)})", (lease, *ids))
        else:
            cur.run(f"UPDATE panels SET next_{kind}_at = ? WHERE name = ?", (lease, panel.name))
        if panel.trouble is not None:
            # One probe at a time: no other call to this panel until this one has ended.
            cur.run("UPDATE panels SET wait_until = ? WHERE name = ?", (lease, panel.name))
        run_id = open_run(cur, panel.name, kind, now, lease, len(found))
        return Claim(run_id, panel, kind, now, lease, found)

    def _release(self, cur: Cursor, panel: str, kind: str, lease: float | None, now: float) -> None:
        """Makes what a call claimed due at once. A call without a lease claimed nothing."""
        if lease is None:
            return
        if (table := batches.ids_table(kind)) is not None:
            cur.run(
                f"UPDATE {table} SET next_poll_at = ? WHERE panel = ? AND {_POLLED} AND next_poll_at = ?",
                (now, panel, lease),
            )
        else:
            cur.run(f"UPDATE panels SET next_{kind}_at = ? WHERE name = ? AND next_{kind}_at = ?", (now, panel, lease))
        cur.run("UPDATE panels SET wait_until = NULL WHERE name = ? AND wait_until = ?", (panel, lease))
