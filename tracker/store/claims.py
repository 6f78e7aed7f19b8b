"""Claims calls: each is the promise to make one call to a panel.

A claim counts the call against the budget, pushes `next_poll_at` of its rows to the lease and writes an open row into
`poll_runs`, all before the call is made. The lease is a moment that no other claim has, so the rows of a call in flight
are those that carry it. When it has passed they are due again, which is all the recovery that a killed process needs.

core.polling.batches decides which call goes first and which rows fill it; its limits and its order stand in the queries
here.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter

from msgspec.structs import replace

from tracker.core.polling import batches, call_timeouts
from tracker.core.polling import request_budget as core_budget
from tracker.core.polling.batches import CALL_REASONS, RowSource
from tracker.core.polling.call_timeouts import LEASE_MARGIN_S
from tracker.core.polling.panel_health import PanelState
from tracker.core.polling.request_budget import Caller
from tracker.core.polling.trouble import KindAside
from tracker.core.rules import BATCH_MAX, PollRules
from tracker.db import request_budget
from tracker.db.database import Cursor, Database, DbRow
from tracker.db.sql import placeholders
from tracker.store import aside_calls, client_budget, set_aside
from tracker.store.aside_calls import AsideCall
from tracker.store.sql import open_run, panel_state
from tracker.store.values import Claim, NoCall

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
            queue = _Queue(cur, panel, self._leases(cur, panel, now), row.aside)
            aside = set_aside.kinds(cur, panel) if row.aside else {}
            if row.trouble is not None and (probe := self._probe(cur, row, aside)) is not None:
                return self._open_if_budget(cur, row, probe, queue, rules, now)
            due = self._due(cur, row, rules, queue, now)
            due |= {action: None for action in aside if batches.ids_table(action) is not None}
            due |= {"recheck": None} if "status" in aside else {}
            call = aside_calls.next_call(cur, panel, aside, rules, now) if row.aside else None
            kind = batches.choose(due, now)
            if call is not None and batches.choose(due | {call.kind: call.due_at}, now) == call.kind:
                claim = self._open_if_budget(cur, row, call, queue, rules, now)
                if isinstance(claim, Claim) or kind is None:
                    return claim
            if kind is None:
                return NoCall("nothing due")
            return self._open_if_budget(cur, row, kind, queue, rules, now)

    def _probe(self, cur: Cursor, panel: PanelState, aside: Mapping[str, KindAside]) -> AsideCall | str | None:
        """Returns the call that probes a panel in trouble; None: the one that it needs most.

        By turns an id that was answered lately and the balance, so that one broken kind does not pass for the panel.
        """
        if panel.trouble_streak % 2 == 0 and "balance" not in aside:
            return "balance"
        if aside_calls.has_canary(cur, panel.name, "status"):
            return AsideCall("canary.status", panel.wait_until or 0.0)
        return None

    def _open_if_budget(
        self, cur: Cursor, panel: PanelState, call: AsideCall | str, queue: "_Queue", rules: PollRules, now: float
    ) -> Claim | NoCall:
        used = request_budget.used(cur, panel.name, rules, now)
        most = core_budget.polling_at_most(rules, clients_wait=now < panel.clients_wait_until)
        # Whose calls they were is only looked at where that matters.
        own = used if used < most else request_budget.used_by(cur, panel.name, rules, now).get(None, 0)
        if used >= rules.max_requests_per_minute or own >= most:
            return NoCall("budget spent")
        if isinstance(call, AsideCall):
            return self._open_aside(cur, panel, call, queue, rules, now)
        at_most = batches.size(panel.singles_until, panel.small_until, rules, now)
        found = batches.fill(call, at_most, now, queue.rows, _misses)
        if not found and batches.ids_table(call) is not None:
            return NoCall("nothing due")
        return self._open(cur, panel, call, found, rules, now)

    def _open_aside(
        self, cur: Cursor, panel: PanelState, call: AsideCall, queue: "_Queue", rules: PollRules, now: float
    ) -> Claim | NoCall:
        lease = _lease(call.kind, rules, now)
        table = batches.ids_table(call.kind)
        if table is None:
            return self._open(cur, panel, call.kind, [], rules, now)
        found = aside_calls.claim_rows(cur, panel.name, call, COLUMNS[table], lease, now)
        if not found and call.kind.startswith("canary."):
            # No id of this kind was ever answered: one that is due is as good.
            found = batches.fill(batches.action_of(call.kind), 1, now, queue.rows, _misses)
        if not found:
            set_aside.give_back(cur, panel.name, lease, now)
            aside_calls.drop_untracked(cur, panel.name, now)
            return NoCall("nothing due")
        return self._open(cur, panel, call.kind, found, rules, now)

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
        self,
        panel: str,
        kind: str,
        remote_ids: Sequence[str],
        beside: Sequence[str],
        caller: Caller,
        rules: PollRules,
        now: float,
    ) -> Claim | NoCall:
        """Claims a call about these ids, due or not, tracked or not, if the client may have the panel asked now.

        Ids that are set aside are left out of the claim.

        beside: tracked ids that fill the call up, unless the panel takes no lists. All together at most BATCH_MAX.
        """
        with self._database.transaction() as cur:
            row = self._askable(cur, panel, caller, rules, now)
            if isinstance(row, NoCall):
                return row
            table = batches.ids_table(kind)
            assert table is not None
            if row.aside:
                askable = set_aside.askable(cur, panel, kind, remote_ids, beside, now)
                if isinstance(askable, NoCall):
                    return askable
                remote_ids, beside = askable
            wanted = batches.out_of_turn(remote_ids, beside, row.singles_until, now)
            found = cur.run(
                f"SELECT {COLUMNS[table]} FROM {table} WHERE panel = ? AND remote_id IN ({placeholders(wanted)})",
                (panel, *wanted),
            ).rows()
            known = {one[REMOTE_ID] for one in found}
            untracked = [remote_id for remote_id in remote_ids if remote_id not in known]
            claim = self._open(cur, row, kind, found, rules, now, caller.client)
            return replace(claim, untracked=untracked)

    def open_run(self, panel: str, kind: str, rules: PollRules, now: float) -> int | None:
        """Counts a call that claims nothing (a second try, a command). Returns its run; None: the budget is used up."""
        with self._database.transaction() as cur:
            row = panel_state(cur, panel)
            if row is None or not self._budget_left(cur, panel, rules, now):
                return None
            return open_run(cur, panel, kind, now, None, 0)

    def open_run_if_askable(self, panel: str, kind: str, caller: Caller, rules: PollRules, now: float) -> int | NoCall:
        """Counts a call for a client, unless the panel is paused or left alone after trouble."""
        with self._database.transaction() as cur:
            row = self._askable(cur, panel, caller, rules, now)
            if isinstance(row, NoCall):
                return row
            return open_run(cur, panel, kind, now, client=caller.client)

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

    def _askable(self, cur: Cursor, panel: str, caller: Caller, rules: PollRules, now: float) -> PanelState | NoCall:
        """Returns the panel's row, or why this client cannot have it asked now."""
        row = self._awake(cur, panel, now)
        if isinstance(row, NoCall):
            return row
        return client_budget.refusal(cur, panel, caller, rules, now) or row

    def _awake(self, cur: Cursor, panel: str, now: float) -> PanelState | NoCall:
        """Returns the panel's row, or why it is not asked now, however much budget is left."""
        row = panel_state(cur, panel)
        if row is None or row.paused:
            return NoCall("paused")
        if row.wait_until is not None and now < row.wait_until:
            return NoCall("waiting", row.wait_until - now)
        return row

    def _leases(self, cur: Cursor, panel: str, now: float) -> list[float]:
        """Returns the values of next_poll_at that mean "in flight"."""
        found = cur.run(
            "SELECT lease FROM poll_runs WHERE panel = ? AND finished_at IS NULL AND lease > ?", (panel, now)
        ).rows()
        return [row[0] for row in found]

    def _due(
        self, cur: Cursor, panel: PanelState, rules: PollRules, queue: "_Queue", now: float
    ) -> dict[str, float | None]:
        """Returns when each kind of call is due; None: it is not."""
        due = {kind: queue.first_due(kind) for kind in CALL_REASONS}
        due |= {"balance": panel.next_balance_at, "services": panel.next_services_at}
        recheck = due["recheck"]
        used_up = recheck is not None and recheck <= now and self._rechecks_used_up(cur, panel.name, rules, now)
        return due | ({"recheck": None} if used_up else {})

    def _rechecks_used_up(self, cur: Cursor, panel: str, rules: PollRules, now: float) -> bool:
        """Whether rechecks have had their share of the calls."""
        row = cur.run(
            "SELECT count(*) FROM poll_runs WHERE panel = ? AND started_at > ? AND kind = 'recheck'",
            (panel, now - core_budget.RECHECK_WINDOW_S),
        ).one()
        assert row is not None
        return core_budget.rechecks_used_up(int(row[0]), rules)

    def _budget_left(self, cur: Cursor, panel: str, rules: PollRules, now: float) -> bool:
        """Whether the budget has room for one more call. Every call counts, whichever process makes it."""
        return request_budget.used(cur, panel, rules, now) < rules.max_requests_per_minute

    def _open(
        self,
        cur: Cursor,
        panel: PanelState,
        kind: str,
        found: list[DbRow],
        rules: PollRules,
        now: float,
        client: str | None = None,
    ) -> Claim:
        lease = _lease(kind, rules, now)
        if (table := batches.ids_table(kind)) is not None:
            ids = [row[ID] for row in found]
            cur.run(f"UPDATE {table} SET next_poll_at = ? WHERE id IN ({placeholders(ids)})", (lease, *ids))
        else:
            cur.run(f"UPDATE panels SET next_{kind}_at = ? WHERE name = ?", (lease, panel.name))
        if panel.trouble is not None:
            # One probe at a time: no other call to this panel until this one has ended.
            cur.run("UPDATE panels SET wait_until = ? WHERE name = ?", (lease, panel.name))
        run_id = open_run(cur, panel.name, kind, now, lease, len(found), client)
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
        set_aside.give_back(cur, panel, lease, now)


def _lease(kind: str, rules: PollRules, now: float) -> float:
    """Returns the moment that a call of this kind, and the recording of its answer, cannot outlast."""
    return now + call_timeouts.timeout_s(kind, rules) + LEASE_MARGIN_S


class _Queue:
    """The rows of a panel that wait for their turn: neither in flight nor set aside.

    leases: the values of next_poll_at that mean "in flight".
    aside: something is set aside.
    """

    def __init__(self, cur: Cursor, panel: str, leases: list[float], aside: bool) -> None:
        self._cur = cur
        self._panel = panel
        self._leases = leases
        self._aside = aside

    def first_due(self, kind: str) -> float | None:
        """Returns the earliest next_poll_at of the rows that can be the reason for such a call."""
        found = [row[0] for source in CALL_REASONS[kind] for row in self._soonest("next_poll_at", source, 1)]
        return min(found, default=None)

    def rows(self, source: RowSource, at_most: int, due_by: float | None) -> list[DbRow]:
        """Returns what a call needs of the rows that are due soonest."""
        return self._soonest(COLUMNS[source.table], source, at_most, due_by)

    def _soonest(self, columns: str, source: RowSource, at_most: int, due_by: float | None = None) -> list[DbRow]:
        """Returns the rows that are due soonest.

        due_by: the moment they have to be due by; None: however much later.
        """
        in_flight = f" AND next_poll_at NOT IN ({placeholders(self._leases)})" if self._leases else ""
        limit = "" if due_by is None else " AND next_poll_at <= ?"
        kept = set_aside.not_aside(source.table) if self._aside else ""
        return self._cur.run(
            f"SELECT {columns} FROM {source.table} WHERE panel = ? AND tracking = ? AND next_poll_at IS NOT NULL"
            f"{in_flight}{limit}{kept} ORDER BY next_poll_at LIMIT ?",
            (self._panel, source.tracking.value, *self._leases, *(() if due_by is None else (due_by,)), at_most),
        ).rows()
