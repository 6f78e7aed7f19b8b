"""Claiming calls: which one a panel needs most, and the promise to come back.

A claim counts the call against the budget, pushes `next_poll_at` of its rows to the lease and writes
an open row into `poll_runs`, all before the call is made. The lease is a moment no other claim has,
so the rows of a call in flight are those that carry it; when it has passed they are due again, which
is all the recovery a killed process needs.
"""

from collections.abc import Sequence
from functools import partial
from operator import itemgetter

from msgspec import Struct
from msgspec.structs import replace

from tracker.core.polling import batches, call_timeouts
from tracker.core.polling.batches import CALL_REASONS, RowSource
from tracker.core.polling.call_timeouts import LEASE_MARGIN_S
from tracker.core.polling.panel_health import PanelState
from tracker.core.rules import BATCH_MAX, PollRules
from tracker.db import request_budget
from tracker.db.database import Cursor, Database, DbRow
from tracker.db.sql import placeholders
from tracker.store.sql import open_run, panel_state
from tracker.store.values import Claim

# What a call needs of a row, in this order; `entry` comes last but for the place in the queue.
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
    """No call to make now, and why."""

    why: str


class ClaimStore:
    """Promises to call a panel: claims of rows, and runs that claim nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, panel: str, rules: PollRules, now: float) -> Claim | NoCall:
        """Take the call this panel needs most, if one is due and the budget allows it."""
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
        """Take these orders (at most 100), due or not, unless the budget forbids."""
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
        """Take a call about these ids, due or not, tracked or not, if the panel and its budget allow it.

        beside: tracked ids that fill the call up; all together at most BATCH_MAX, and more than one only of a panel
        that takes lists.
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
        """Count one call that claims nothing (a retry, a command); its run, None when over the budget."""
        with self._database.transaction() as cur:
            row = panel_state(cur, panel)
            if row is None or not self._budget_left(cur, panel, rules, now):
                return None
            return open_run(cur, panel, kind, now, None, 0)

    def open_run_if_askable(self, panel: str, kind: str, rules: PollRules, now: float) -> int | NoCall:
        """As `spend`, for what somebody would like to know: not of a panel that is paused or left alone."""
        with self._database.transaction() as cur:
            row = self._askable(cur, panel, rules, now)
            if isinstance(row, NoCall):
                return row
            return open_run(cur, panel, kind, now, None, 0)

    def close_run(self, run_id: int, outcome: str, now: float) -> None:
        """Close a run opened by `spend`."""
        with self._database.transaction() as cur:
            cur.run("UPDATE poll_runs SET finished_at = ?, outcome = ? WHERE id = ?", (now, outcome, run_id))

    def release_claims(self, now: float) -> int:
        """After a crash: rows of calls that nobody can finish any more are due at once."""
        with self._database.transaction() as cur:
            runs = cur.run("SELECT id, panel, kind, lease FROM poll_runs WHERE finished_at IS NULL").rows()
            for run_id, panel, kind, lease in runs:
                self._release(cur, panel, kind, lease, now)
                cur.run("UPDATE poll_runs SET finished_at = ?, outcome = 'lost' WHERE id = ?", (now, run_id))
        return len(runs)

    def _askable(self, cur: Cursor, panel: str, rules: PollRules, now: float) -> PanelState | NoCall:
        """The panel's row; or why nobody gets a call for what he would like to know."""
        row = self._awake(cur, panel, now)
        if isinstance(row, NoCall) or self._budget_left(cur, panel, rules, now):
            return row
        return NoCall("budget spent")

    def _awake(self, cur: Cursor, panel: str, now: float) -> PanelState | NoCall:
        """The panel's row; or why nobody asks it now, whatever its budget."""
        row = panel_state(cur, panel)
        if row is None or row.paused:
            return NoCall("paused")
        if row.wait_until is not None and now < row.wait_until:
            return NoCall("waiting")
        return row

    def _leases(self, cur: Cursor, panel: str, now: float) -> list[float]:
        """The next_poll_at values that mean "in flight"."""
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
        if kind == "recheck" and batches.rechecks_used_up(self._rechecks(cur, panel.name, now), rules):
            return batches.choose(due | {"recheck": None}, now)
        return kind

    def _first_due(self, cur: Cursor, panel: str, leases: list[float], kind: str) -> float | None:
        """Returns since when, or from when, the rows that can be the reason for such a call are due."""
        found = [
            row[0]
            for source in CALL_REASONS[kind]
            for row in self._soonest(cur, panel, leases, "next_poll_at", source, 1)
        ]
        return min(found, default=None)

    def _rechecks(self, cur: Cursor, panel: str, now: float) -> int:
        row = cur.run(
            "SELECT count(*) FROM poll_runs WHERE panel = ? AND started_at > ? AND kind = 'recheck'",
            (panel, now - batches.RECHECK_WINDOW_S),
        ).one()
        assert row is not None
        return int(row[0])

    def _budget_left(self, cur: Cursor, panel: str, rules: PollRules, now: float) -> bool:
        """Whether fewer calls than the limit count, whoever made them."""
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
            # One probe at a time: nobody else calls this panel until this call has ended.
            cur.run("UPDATE panels SET wait_until = ? WHERE name = ?", (lease, panel.name))
        run_id = open_run(cur, panel.name, kind, now, lease, len(found))
        return Claim(run_id, panel, kind, now, lease, found)

    def _release(self, cur: Cursor, panel: str, kind: str, lease: float | None, now: float) -> None:
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
