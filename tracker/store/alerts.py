"""The memory of alerts. core.alerts judges; this reads and writes its rows and makes the events."""

from decimal import Decimal

from tracker.core import alerts
from tracker.core.alerts import Alert, AlertState, AlertStep, Finding
from tracker.core.dates import rfc3339_or_none
from tracker.core.events.events import alert_facts, panel_event
from tracker.core.model import Balance, Event
from tracker.core.money import money
from tracker.core.rules import BalanceRules
from tracker.db.burn_samples import burn_samples
from tracker.db.database import Cursor, Database

# The event of an alert that is raised (and of each reminder), and of one that is over.
TOLD = {
    "balance.low": ("balance.low", "balance.recovered"),
    "balance.runway_low": ("balance.runway_low", "balance.recovered"),
    "panel.behind": ("panel.behind", "panel.recovered"),
    "panel.down": ("panel.down", "panel.recovered"),
    "panel.degraded": ("panel.degraded", "panel.recovered"),
    "panel.auth_failed": ("panel.auth_failed", "panel.recovered"),
    "balance.unreadable": ("balance.unreadable", "balance.recovered"),
}

# An alert that follows from another one says nothing new while that one stands.
FOLLOWS = dict.fromkeys(
    ("balance.low", "balance.runway_low", "balance.unreadable", "panel.behind", "panel.degraded"), "panel.down"
)

COMMENT_MAX = 500


class AlertStore:
    """What the tracker remembers about its alerts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ack(self, panel: str, name: str, now: float) -> bool:
        """Notes that a person knows: no reminders until the alert clears. False: no such alert is raised."""
        with self._database.transaction() as cur:
            cur.run(
                "UPDATE alerts SET acked_at = coalesce(acked_at, ?) WHERE panel = ? AND name = ? AND state = 'raised'",
                (now, panel, name),
            )
            return cur.touched == 1

    def silence(self, panel: str, name: str, until: float, comment: str | None) -> bool:
        """Keeps an alert quiet until a moment, whether it is raised by now or not.

        A moment that has passed ends a silence. False: there is no such alert, or no such panel.
        """
        if name not in TOLD:
            return False
        with self._database.transaction() as cur:
            cur.run(
                "INSERT INTO alerts (panel, name, state, reminders, reason, seq, silenced_until, comment)"
                " SELECT name, ?, 'ok', 0, '', 0, ?, ? FROM panels WHERE name = ?"
                " ON CONFLICT (panel, name) DO UPDATE SET silenced_until = excluded.silenced_until,"
                " comment = excluded.comment",
                (name, until, comment and comment[:COMMENT_MAX], panel),
            )
            return cur.touched == 1

    def judge(
        self,
        cur: Cursor,
        panel: str,
        name: str,
        found: Finding,
        now: float,
        *,
        for_s: float = 0.0,
        repeat_every_s: float | None = None,
        facts: dict[str, object] | None = None,
    ) -> list[Event]:
        """Brings one alert up to date; returns the events about it, at most one.

        for_s, repeat_every_s: as in core.alerts.judge.
        facts: further data of the event.
        """
        before = self._alert(cur, panel, name)
        inhibited = name in FOLLOWS and alerts.inhibits(self._alert(cur, panel, FOLLOWS[name]), now)
        after, step = alerts.judge(before, found, now, for_s, repeat_every_s, inhibited=inhibited)
        if after != before:
            self._keep(cur, after)
        if step is None:
            return []
        raised, cleared = TOLD[name]
        about = alert_facts(panel, name, rfc3339_or_none(after.since), after.reason, after.reminders)
        data = {"alert": about, **(facts or {})}
        return [panel_event(cleared if step is AlertStep.CLEAR else raised, panel, name, after.seq, now, data)]

    def _alert(self, cur: Cursor, panel: str, name: str) -> Alert:
        row = cur.run(
            "SELECT state, since, reminded_at, reminders, reason, seq, acked_at, silenced_until, comment,"
            " raised_at, raised_before, well_since FROM alerts WHERE panel = ? AND name = ?" + cur.for_update,
            (panel, name),
        ).one()
        return Alert(panel, name) if row is None else Alert(panel, name, AlertState(row[0]), *row[1:])

    def _keep(self, cur: Cursor, a: Alert) -> None:
        """Writes what a look changed, but not the silence: a person may have changed that a moment ago."""
        cur.run(
            "INSERT INTO alerts (panel, name, state, since, reminded_at, reminders, reason, seq, acked_at,"
            " raised_at, raised_before, well_since) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (panel, name) DO UPDATE SET state = excluded.state, since = excluded.since,"
            " reminded_at = excluded.reminded_at, reminders = excluded.reminders, reason = excluded.reason,"
            " seq = excluded.seq, acked_at = excluded.acked_at, raised_at = excluded.raised_at,"
            " raised_before = excluded.raised_before, well_since = excluded.well_since",
            (a.panel, a.name, a.state.value, a.since, a.reminded_at, a.reminders, a.reason, a.seq, a.acked_at,
             a.raised_at, a.raised_before, a.well_since),
        )  # fmt: skip

    def judge_balance(
        self, cur: Cursor, panel: str, balance: Balance, rules: BalanceRules | None, now: float
    ) -> list[Event]:
        """Judges both alerts of a balance; it and its history are written already. Returns their events."""
        if rules is None:
            return []
        burn = alerts.burn_per_day(burn_samples(cur, panel, balance.currency, now), now)
        runway_s = alerts.runway_s(balance.amount, burn)
        events: list[Event] = []
        for name, found, threshold in _findings(balance, rules, runway_s, burns=burn is None or burn > 0):
            facts = {
                "amount": money(balance.amount),
                "currency": balance.currency,
                "threshold": threshold,
                "runway_h": None if runway_s is None else round(runway_s / 3600, 1),
                "burn_per_day": None if burn is None else money(burn.quantize(Decimal("0.00001"))),
            }
            events += self.judge(
                cur,
                panel,
                name,
                found,
                now,
                for_s=rules.for_s,
                repeat_every_s=rules.repeat_every_s,
                facts={"balance": facts},
            )
        return events


def _findings(
    balance: Balance, rules: BalanceRules, runway_s: float | None, *, burns: bool
) -> list[tuple[str, Finding, str | None]]:
    """Returns (alert, what this look found, the threshold as text) for each kind that is switched on."""
    found: list[tuple[str, Finding, str | None]] = []
    if rules.below is not None:
        low = alerts.balance_low(balance.amount, rules.below, rules.clear_above)
        found.append(("balance.low", low, money(rules.below)))
    if rules.runway_below_s is not None:
        low = alerts.runway_low(runway_s, rules.runway_below_s, burns=burns)
        found.append(("balance.runway_low", low, f"{rules.runway_below_s / 3600:g} h"))
    return found
