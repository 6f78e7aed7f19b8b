"""What the tracker remembers about the panels: trouble, pauses, balances, and how their answers are read.

core.polling.panel_health decides what trouble means; this writes it.
"""

from collections.abc import Container, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from tracker.core.model import Balance, Tracking
from tracker.core.polling import panel_health, refused_words, trouble
from tracker.core.polling.batches import BATCH_SOURCES, ID_ACTIONS, action_of, ids_table
from tracker.core.polling.panel_health import AfterFailure, AlertLook, PanelState
from tracker.core.polling.refused_words import Refused, RefusedCall
from tracker.core.polling.trouble import KindAside, Scope
from tracker.core.rules import BalanceRules, PollRules
from tracker.db.database import Cursor, Database, amount
from tracker.errors import PanelError, Trouble
from tracker.store import set_aside
from tracker.store.alerts import AlertStore
from tracker.store.event_log import EventLog
from tracker.store.sql import open_rows, panel_state
from tracker.store.values import WORDS_MAX, Answered, Claim


class PanelStore:
    """What the tracker remembers about its panels."""

    def __init__(self, database: Database, events: EventLog, alerts: AlertStore) -> None:
        self._database = database
        self._events = events
        self._alerts = alerts

    def sync(self, readings: Mapping[str, str], now: float) -> None:
        """Gives every configured panel its row.

        readings: panel -> a text that changes when its answers would be read differently, because of other words in its
            status_map or a newer reader. Then "the same bytes as last time" no longer means "no news".
        """
        with self._database.transaction() as cur:
            for name, reading in readings.items():
                cur.run(
                    "INSERT INTO panels (name, reading, next_balance_at, next_services_at) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT (name) DO NOTHING",
                    (name, reading, now, now),
                )
                cur.run("UPDATE panels SET reading = ? WHERE name = ? AND reading <> ?", (reading, name, reading))
                if cur.touched:
                    cur.run("UPDATE orders SET entry = NULL WHERE panel = ?", (name,))

    def forgive_refused_keys(self) -> None:
        """Lets panels that refused their key be probed at once: a configuration read anew may hold another key."""
        with self._database.transaction() as cur:
            refused = (Trouble.AUTH.value, Trouble.REFUSES_ALL.value)
            cur.run("UPDATE panels SET wait_until = NULL WHERE trouble IN (?, ?)", refused)

    def failed(self, claim: Claim, error: PanelError, jitter: float, rules: PollRules, now: float) -> AfterFailure:
        """Records a call that brought nothing: gives its rows back, sets aside what is in trouble, judges its alert.

        No order is touched beyond its place in the queue. Returns what follows from the failure.

        jitter: in [0, 1).
        """
        panel, action = claim.panel.name, action_of(claim.kind)
        refused = _refused_by(claim, error)
        if refused is not None and refused.everything and error.unclear:
            error = PanelError(Trouble.REFUSES_ALL, error.message, unclear=True)
        with self._database.transaction() as cur:
            kinds = set_aside.kinds(cur, panel)
            scope = self._scope(cur, claim, error, kinds, now)
            failures = kinds[action].streak + 1 if action in kinds else 1
            after = panel_health.after_failure(claim.panel, claim.kind, error, scope, failures, jitter, rules, now)
            self._give_back(cur, claim, after.due_at)
            set_aside.give_back(cur, panel, claim.lease, now)
            self._close(cur, claim, Answered(len(claim.rows), 0), 0, error.kind.value, error.message, now)
            self._set_aside(cur, claim, error, after, now)
            self._keep_refusals(cur, claim, replace(after.state, refused=refused))
            if scope is Scope.PANEL:
                self._keep_trouble(cur, after.state, error.message)
            else:
                cur.run("UPDATE panels SET wait_until = NULL WHERE name = ? AND wait_until = ?", (panel, claim.lease))
            woken = self._judge(cur, panel, [] if after.look is None else [after.look], now)
        self._events.wake(woken)
        return after

    def _scope(self, cur: Cursor, claim: Claim, error: PanelError, kinds: Mapping[str, KindAside], now: float) -> Scope:
        recent = set_aside.recent_calls(cur, claim.panel.name, claim.run_id, now)
        broken = trouble.broken_kinds(recent, {action: kind.since for action, kind in kinds.items()})
        return trouble.scope_of(
            claim.kind,
            error,
            in_trouble=claim.panel.trouble is not None,
            alone=trouble.stands_alone(recent, broken),
            broken=action_of(claim.kind) in broken,
            untracked=bool(claim.untracked) and not claim.rows,
        )

    def _set_aside(self, cur: Cursor, claim: Claim, error: PanelError, after: AfterFailure, now: float) -> None:
        """Sets aside what a failed call says nothing good about."""
        if error.kind is Trouble.BATCH_REFUSED:
            set_aside.end_halving(cur, claim)
        elif after.scope is Scope.KIND or (claim.kind.startswith("canary.") and trouble.finds_scope(error)):
            set_aside.failed_kind(cur, claim, error, after.wait_s, now)
        elif after.scope is Scope.IDS:
            set_aside.failed_ids(cur, claim, error, now)

    def _keep_refusals(self, cur: Cursor, claim: Claim, after: PanelState) -> None:
        """Writes what is remembered about refusals, where a call changed it."""
        before = claim.panel
        kept = (after.singles_until, after.refused_batches, after.refused)
        if kept != (before.singles_until, before.refused_batches, before.refused):
            refused = None if after.refused is None else msgspec.json.encode(after.refused).decode()
            cur.run(
                "UPDATE panels SET singles_until = ?, refused_batches = ?, refused = ? WHERE name = ?",
                (after.singles_until, after.refused_batches, refused, before.name),
            )

    def record_balance(
        self, claim: Claim, balance: Balance, rules: PollRules, alert: BalanceRules | None, now: float
    ) -> None:
        """Keeps the balance if it changed, and judges its alerts."""
        panel = claim.panel.name
        with self._database.transaction() as cur:
            last = cur.run(
                "SELECT amount, currency FROM balances WHERE panel = ? ORDER BY at DESC, id DESC LIMIT 1", (panel,)
            ).one()
            if last is None or (amount(last[0]), last[1]) != (balance.amount, balance.currency):
                cur.run(
                    "INSERT INTO balances (panel, at, amount, currency) VALUES (?, ?, ?, ?)",
                    (panel, now, self._database.money(balance.amount), balance.currency),
                )
            cur.run("UPDATE panels SET next_balance_at = ? WHERE name = ?", (now + rules.balance_every_s, panel))
            woken = self._events.write(cur, self._alerts.judge_balance(cur, panel, balance, alert, now))
            woken |= self.answered(cur, claim, Answered(0, 1), 0, now)
        self._events.wake(woken)

    def pause(self, panel: str, *, paused: bool) -> bool:
        """Stops asking a panel, or goes on at once, in whatever trouble it was. False: there is no such panel."""
        with self._database.transaction() as cur:
            cur.run("UPDATE panels SET paused = ? WHERE name = ?", (int(paused), panel))
            found = cur.touched == 1
            if not paused:
                cur.run("UPDATE panels SET wait_until = NULL WHERE name = ?", (panel,))
                set_aside.try_kinds(cur, panel)
            return found

    def in_trouble(self, panel: str) -> bool:
        """Whether the last call to this panel failed as a whole, or it is paused."""
        with self._database.reading() as cur:
            row = cur.run("SELECT paused, trouble FROM panels WHERE name = ?", (panel,)).one()
        return row is None or bool(row[0]) or row[1] is not None

    def look(self, panel: str, rules: PollRules, balance_needed: bool, now: float) -> None:
        """Judges the alerts that come with time: nothing got through, a part does not answer, orders wait too long.

        balance_needed: an alert is configured about the balance.
        """
        with self._database.transaction() as cur:
            state = panel_state(cur, panel)
            if state is None:
                return
            kinds = set_aside.kinds(cur, panel) if state.aside else {}
            looks = [
                panel_health.trouble_look(state, self._trouble_words(cur, panel) if state.trouble else "", rules),
                panel_health.unreadable(state, kinds.get("balance") if balance_needed else None, rules, now),
                self._degraded(cur, state, kinds, rules, now),
                panel_health.lateness(state, self._first_due(cur, state, kinds), rules, now),
                *(panel_health.well(state) if state.trouble is None else ()),
            ]
            woken = self._judge(cur, panel, [look for look in looks if look is not None], now)
        self._events.wake(woken)

    def _trouble_words(self, cur: Cursor, panel: str) -> str:
        row = cur.run("SELECT trouble_message FROM panels WHERE name = ?", (panel,)).one()
        return "" if row is None or row[0] is None else str(row[0])

    def _first_due(self, cur: Cursor, panel: PanelState, kinds: Container[str]) -> float | None:
        if "status" in kinds:
            return None
        kept = set_aside.not_aside("orders") if panel.aside else ""
        row = cur.run(
            "SELECT next_poll_at FROM orders WHERE panel = ? AND tracking = 'active' AND next_poll_at IS NOT NULL"
            f"{kept} ORDER BY next_poll_at LIMIT 1",
            (panel.name,),
        ).one()
        return None if row is None else row[0]

    def _degraded(
        self, cur: Cursor, panel: PanelState, kinds: Mapping[str, KindAside], rules: PollRules, now: float
    ) -> AlertLook | None:
        if not panel.aside:
            return panel_health.degraded(panel, {}, 0, 0, rules, now)
        open_ids = {action: open_rows(cur, BATCH_SOURCES[action][0].table, panel.name) for action in ID_ACTIONS}
        needed = {action: kinds[action].since for action, count in open_ids.items() if count and action in kinds}
        ids = set_aside.open_ids(cur, panel.name, now - rules.down_after_s)
        return panel_health.degraded(panel, needed, ids, sum(open_ids.values()), rules, now)

    def answered(self, cur: Cursor, claim: Claim, answered: Answered, moved: int, now: float) -> set[str]:
        """Closes the run of an answered call and ends the panel's trouble; returns the hooks to wake."""
        self._close(cur, claim, answered, moved, "ok", None, now)
        state = replace(claim.panel, refused=answered.words)
        if answered.asked > 1 and claim.panel.refused_batches:
            state = panel_health.after_full_batch(state)
        self._keep_refusals(cur, claim, state)
        if claim.panel.aside and set_aside.passed(cur, claim):
            self._end_halving(cur, claim, now)
        if claim.panel.trouble is None:
            return set()
        cur.run(
            "UPDATE panels SET trouble = NULL, trouble_since = NULL, trouble_streak = 0,"
            " trouble_message = NULL, wait_until = NULL WHERE name = ?",
            (claim.panel.name,),
        )
        return self._judge(cur, claim.panel.name, panel_health.well(claim.panel), now)

    def _end_halving(self, cur: Cursor, claim: Claim, now: float) -> None:
        """Notes that both halves of a failed batch were answered: no id is to blame."""
        row = cur.run("SELECT blameless FROM panels WHERE name = ?", (claim.panel.name,)).one()
        blameless, small_until = panel_health.after_halving(claim.panel, 0 if row is None else row[0], now)
        cur.run(
            "UPDATE panels SET blameless = ?, small_until = ? WHERE name = ?",
            (blameless, small_until, claim.panel.name),
        )

    def _judge(self, cur: Cursor, panel: str, looks: Sequence[AlertLook], now: float) -> set[str]:
        """Brings these alerts up to date and writes their events; returns the hooks to wake."""
        events = [
            event
            for look in looks
            for event in self._alerts.judge(cur, panel, look.alert, look.found, now, for_s=look.for_s)
        ]
        return self._events.write(cur, events) if events else set()

    def _keep_trouble(self, cur: Cursor, state: PanelState, message: str) -> None:
        cur.run(
            "UPDATE panels SET trouble = ?, trouble_since = ?, trouble_streak = ?, trouble_message = ?,"
            " wait_until = ? WHERE name = ?",
            (
                state.trouble,
                state.trouble_since,
                state.trouble_streak,
                message[:WORDS_MAX],
                state.wait_until,
                state.name,
            ),
        )

    def _close(
        self,
        cur: Cursor,
        claim: Claim,
        answered: Answered,
        moved: int,
        outcome: str,
        error: str | None,
        now: float,
    ) -> None:
        cur.run(
            "UPDATE poll_runs SET finished_at = ?, answered = ?, moved = ?, refused = ?, absent = ?, outcome = ?,"
            " error = ? WHERE id = ?",
            (
                now,
                answered.answered,
                moved,
                answered.refused,
                answered.absent,
                outcome,
                error and error[:WORDS_MAX],
                claim.run_id,
            ),
        )

    def _give_back(self, cur: Cursor, claim: Claim, due_at: float | None) -> None:
        """Makes what was claimed due again. A row that another call has claimed since stays with that call.

        due_at: when. None: each row gets the place in the queue back that it had.
        """
        table = ids_table(claim.kind)
        if table is None:
            cur.run(f"UPDATE panels SET next_{claim.kind}_at = ? WHERE name = ?", (due_at, claim.panel.name))
            return
        cur.many(
            f"UPDATE {table} SET next_poll_at = ? WHERE id = ? AND next_poll_at = ?",
            [(due_at or row[-1], row[0], claim.lease) for row in claim.rows],
        )


def _refused_by(claim: Claim, error: PanelError) -> Refused | None:
    """Returns what the last calls were refused in, after one more that failed."""
    if not error.unclear:
        return claim.panel.refused
    ids = tuple(row[1] for row in claim.rows if row[3] == Tracking.ACTIVE)
    call = RefusedCall(error.message, ids, len(claim.rows) > 1, claim.kind == "balance")
    return refused_words.after(claim.panel.refused, call)


# Raise it when core.wire or core.orders.diff read the same bytes differently than before.
READER = 3


def reading_of(rules: PollRules) -> str:
    """Returns a text that changes when this panel's answers would be read differently."""
    words = [
        sorted((word, meaning.value) for word, meaning in own.items()) for own in (rules.status_map, rules.error_map)
    ]
    return f"{READER}:{words}"
