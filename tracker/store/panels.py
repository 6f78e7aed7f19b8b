"""What the tracker remembers about the panels: trouble, pauses, balances, and how their answers are read.

core.polling.panel_health decides what trouble means; this writes it.
"""

from collections.abc import Mapping, Sequence

from tracker.core.model import Balance
from tracker.core.polling import panel_health
from tracker.core.polling.batches import ids_table
from tracker.core.polling.panel_health import AlertLook, PanelState
from tracker.core.rules import BalanceRules, PollRules
from tracker.db.database import Cursor, Database, amount
from tracker.errors import PanelError, Trouble
from tracker.store.alerts import AlertStore
from tracker.store.event_log import EventLog
from tracker.store.sql import panel_state
from tracker.store.values import Answered, Claim

TEXT_MAX = 500  # characters of a panel's own words that are kept


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
            cur.run("UPDATE panels SET wait_until = NULL WHERE trouble = ?", (Trouble.AUTH.value,))

    def failed(self, claim: Claim, error: PanelError, wait_s: float, rules: PollRules, now: float) -> None:
        """Records a call that brought nothing: gives its rows back, remembers the trouble, judges its alert.

        No order is touched beyond its place in the queue.

        wait_s: how long to leave the panel alone, if the trouble is panel-wide.
        """
        after = panel_health.after_failure(claim.panel, claim.kind, error, wait_s, rules, now)
        with self._database.transaction() as cur:
            self._give_back(cur, claim, after.due_at)
            self._close(cur, claim, Answered(len(claim.rows), 0), 0, error.kind.value, error.message, now)
            if after.state.singles_until != claim.panel.singles_until:
                cur.run(
                    "UPDATE panels SET singles_until = ? WHERE name = ?", (after.state.singles_until, claim.panel.name)
                )
            if after.panel_wide:
                self._keep_trouble(cur, after.state, error.message)
            else:
                cur.run(
                    "UPDATE panels SET wait_until = NULL WHERE name = ? AND wait_until = ?",
                    (claim.panel.name, claim.lease),
                )
            woken = self._judge(cur, claim.panel.name, [] if after.look is None else [after.look], now)
        self._events.wake(woken)

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
        """Stops asking a panel, or goes on with it. False: there is no such panel."""
        with self._database.transaction() as cur:
            cur.run("UPDATE panels SET paused = ? WHERE name = ?", (int(paused), panel))
            return cur.touched == 1

    def in_trouble(self, panel: str) -> bool:
        """Whether the last call to this panel failed as a whole, or it is paused."""
        with self._database.reading() as cur:
            row = cur.run("SELECT paused, trouble FROM panels WHERE name = ?", (panel,)).one()
        return row is None or bool(row[0]) or row[1] is not None

    def judge_lateness(self, panel: str, rules: PollRules, now: float) -> None:
        """Judges `panel.behind`, the alert for open orders that wait too long for want of budget."""
        with self._database.transaction() as cur:
            state = panel_state(cur, panel)
            if state is None:
                return
            first = cur.run(
                "SELECT next_poll_at FROM orders WHERE panel = ? AND tracking = 'active' AND next_poll_at IS NOT NULL"
                " ORDER BY next_poll_at LIMIT 1",
                (panel,),
            ).one()
            look = panel_health.lateness(state, None if first is None else first[0], rules, now)
            woken = self._judge(cur, panel, [] if look is None else [look], now)
        self._events.wake(woken)

    def answered(self, cur: Cursor, claim: Claim, answered: Answered, moved: int, now: float) -> set[str]:
        """Closes the run of an answered call and ends the panel's trouble; returns the hooks to wake."""
        self._close(cur, claim, answered, moved, "ok", None, now)
        looks = panel_health.after_answer(claim.panel)
        if not looks:
            return set()
        cur.run(
            "UPDATE panels SET trouble = NULL, trouble_since = NULL, trouble_streak = 0,"
            " trouble_message = NULL, wait_until = NULL WHERE name = ?",
            (claim.panel.name,),
        )
        return self._judge(cur, claim.panel.name, looks, now)

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
                message[:TEXT_MAX],
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
                error and error[:TEXT_MAX],
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


# Raise it when core.wire or core.orders.diff read the same bytes differently than before.
READER = 2


def reading_of(rules: PollRules) -> str:
    """Returns a text that changes when this panel's answers would be read differently."""
    words = sorted((word, status.value) for word, status in rules.status_map.items())
    return f"{READER}:{words}"
