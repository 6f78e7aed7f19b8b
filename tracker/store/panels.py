"""What the tracker remembers about the panels: trouble, balances, catalogues."""

from collections.abc import Mapping

from tracker.core.alerts import Finding
from tracker.core.model import Balance, Event
from tracker.core.polling.schedule import DAY_S
from tracker.core.rules import BalanceRules, PollRules
from tracker.db.database import Cursor, Database, amount
from tracker.errors import PanelError, Trouble
from tracker.store.alerts import AlertStore
from tracker.store.event_log import EventLog
from tracker.store.sql import panel_state
from tracker.store.values import Answered, Claim

# Trouble that concerns the panel as a whole, whatever was asked. The rest is about one kind of call.
PANEL_WIDE = frozenset({Trouble.AUTH, Trouble.RATE_LIMITED, Trouble.UNAVAILABLE, Trouble.UNREADABLE})
ONE_KIND_WAIT_S = 3_600.0  # a panel that does not know refill_status is not asked for it every second


class PanelStore:
    """What the tracker remembers of its panels."""

    def __init__(self, database: Database, events: EventLog, alerts: AlertStore) -> None:
        self._database = database
        self._events = events
        self._alerts = alerts

    def sync(self, readings: Mapping[str, str], now: float) -> None:
        """Give every configured panel its row.

        readings: panel -> a text that changes when its answers would be read differently (its own
        words, a newer reader). Then "the same bytes as last time" no longer means "no news".
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
        """The configuration was read anew: a refused key may be another one now, so one probe goes out at once."""
        with self._database.transaction() as cur:
            cur.run("UPDATE panels SET wait_until = NULL WHERE trouble = ?", (Trouble.AUTH.value,))

    def failed(self, claim: Claim, error: PanelError, wait_s: float, rules: PollRules, now: float) -> None:
        """The call brought nothing: give its rows back, remember the trouble, stay away for `wait_s`.

        No order is touched beyond its place in the queue, which it gets back.
        """
        with self._database.transaction() as cur:
            self._give_back(cur, claim, error, wait_s, now)
            self._close(cur, claim, Answered(len(claim.rows), 0), 0, error.kind.value, error.message, now)
            woken: set[str] = set()
            if error.kind is Trouble.BATCH_REFUSED:
                cur.run("UPDATE panels SET singles_until = ? WHERE name = ?", (now + DAY_S, claim.panel.name))
            elif error.kind in PANEL_WIDE:
                woken = self._events.write(cur, self._troubled(cur, claim, error, wait_s, rules, now))
            elif claim.panel.singles_until is not None and claim.kind in ("status", "recheck"):
                # Not even one by one: batches were not the matter, so they are tried again.
                cur.run("UPDATE panels SET singles_until = NULL WHERE name = ?", (claim.panel.name,))
            if error.kind not in PANEL_WIDE:
                # The panel spoke: if this was the one probe, another call may follow it.
                cur.run(
                    "UPDATE panels SET wait_until = NULL WHERE name = ? AND wait_until = ?",
                    (claim.panel.name, claim.lease),
                )
        self._events.wake(woken)

    def record_balance(
        self, claim: Claim, balance: Balance, rules: PollRules, alert: BalanceRules | None, now: float
    ) -> None:
        """Keep the balance where it changed, and judge its alerts."""
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
        """Stop or go on asking a panel. False: there is no such panel."""
        with self._database.transaction() as cur:
            cur.run("UPDATE panels SET paused = ? WHERE name = ?", (int(paused), panel))
            return cur.touched == 1

    def in_trouble(self, panel: str) -> bool:
        """Whether the last call to this panel failed as a whole, or it is paused."""
        with self._database.reading() as cur:
            row = cur.run("SELECT paused, trouble FROM panels WHERE name = ?", (panel,)).one()
        return row is None or bool(row[0]) or row[1] is not None

    def judge_lateness(self, panel: str, rules: PollRules, now: float) -> None:
        """Tell when open orders wait longer than `poll_every` for want of budget, and when that is over.

        A panel in trouble or paused is behind for a reason that is known already; one that is catching up
        after that, or after the tracker was away, has `poll_every` to do so.
        """
        with self._database.transaction() as cur:
            row = panel_state(cur, panel)
            if row is None or row.paused or row.trouble is not None:
                return
            first = cur.run(
                "SELECT next_poll_at FROM orders WHERE panel = ? AND tracking = 'active' AND next_poll_at IS NOT NULL"
                " ORDER BY next_poll_at LIMIT 1",
                (panel,),
            ).one()
            late_s = 0.0 if first is None else max(0.0, now - first[0])
            reason = f"orders wait {late_s:.0f} s beyond their turn: raise max_requests_per_minute or poll_every"
            every_s = rules.poll_every_s
            found = Finding(late_s > every_s, late_s < every_s / 2, reason)
            woken = self._events.write(cur, self._alerts.judge(cur, panel, "panel.behind", found, now, for_s=every_s))
        self._events.wake(woken)

    def _troubled(
        self, cur: Cursor, claim: Claim, error: PanelError, wait_s: float, rules: PollRules, now: float
    ) -> list[Event]:
        panel = claim.panel
        same = panel.trouble is not None
        since = panel.trouble_since if same and panel.trouble_since is not None else now
        cur.run(
            "UPDATE panels SET trouble = ?, trouble_since = ?, trouble_streak = ?, trouble_message = ?,"
            " wait_until = ? WHERE name = ?",
            (error.kind.value, since, panel.trouble_streak + 1, error.message[:500], now + wait_s, panel.name),
        )
        wrong = Finding(wrong=True, clear=False, reason=f"{error.kind.value}: {error.message}"[:500])
        if error.kind is Trouble.AUTH:
            return self._alerts.judge(cur, panel.name, "panel.auth_failed", wrong, now)
        if error.kind is Trouble.RATE_LIMITED:
            return []  # asked too often is not down
        return self._alerts.judge(cur, panel.name, "panel.down", wrong, now, for_s=rules.down_after_s)

    def answered(self, cur: Cursor, claim: Claim, answered: Answered, moved: int, now: float) -> set[str]:
        """The panel answered: close the run and, where there was trouble, end it. Returns hooks to wake."""
        self._close(cur, claim, answered, moved, "ok", None, now)
        if claim.panel.trouble is None:
            return set()
        cur.run(
            "UPDATE panels SET trouble = NULL, trouble_since = NULL, trouble_streak = 0,"
            " trouble_message = NULL, wait_until = NULL WHERE name = ?",
            (claim.panel.name,),
        )
        fine = Finding(wrong=False, clear=True, reason="the panel answers again")
        events = [
            event
            for name in ("panel.down", "panel.auth_failed")
            for event in self._alerts.judge(cur, claim.panel.name, name, fine, now)
        ]
        return self._events.write(cur, events)

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
                error and error[:500],
                claim.run_id,
            ),
        )

    def _give_back(self, cur: Cursor, claim: Claim, error: PanelError, wait_s: float, now: float) -> None:
        """Claimed rows get the place in the queue they had, unless their lease is not ours any more."""
        if claim.kind in ("balance", "services"):
            cur.run(
                f"UPDATE panels SET next_{claim.kind}_at = ? WHERE name = ?",
                (now + max(wait_s, 60.0), claim.panel.name),
            )
            return
        source = "refills" if claim.kind == "refill_status" else "orders"
        later = None if error.kind in PANEL_WIDE or error.kind is Trouble.BATCH_REFUSED else now + ONE_KIND_WAIT_S
        cur.many(
            f"UPDATE {source} SET next_poll_at = ? WHERE id = ? AND next_poll_at = ?",
            [(later or row[-1], row[0], claim.lease) for row in claim.rows],
        )


# To be raised when core.wire or core.orders.diff read the same bytes differently than before.
READER = 2


def reading_of(rules: PollRules) -> str:
    """A text that changes when this panel's answers would be read differently."""
    words = sorted((word, status.value) for word, status in rules.status_map.items())
    return f"{READER}:{words}"
