"""The health of one panel: what a failed call leads to, when the panel is left alone, and when it is behind.

        a call fails, and the trouble is panel-wide
   ok ---------------------------------------------> in trouble ---+
    ^                                                 |    ^       | the probe fails:
    |                any call is answered             |    +-------+ a longer wait
    +-------------------------------------------------+

A panel in trouble is left alone until `wait_until`; then one call at a time probes it. Trouble that is not panel-wide
is about one kind of call, or about batches: the panel spoke, and its other calls go on.
"""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from tracker.core.alerts import Finding
from tracker.core.polling.batches import ids_table
from tracker.core.polling.schedule import DAY_S, JITTER_SHARE
from tracker.core.rules import PollRules
from tracker.errors import PanelError, Trouble

RETRY_AFTER_MAX_S = 3_600.0
ONE_KIND_WAIT_S = 3_600.0  # a panel that does not know refill_status is not asked for it every second
SINGLES_S = DAY_S  # after a refused batch ids are asked about one by one for this long
PANEL_CALL_WAIT_S = 60.0  # the least wait before a balance or a catalogue is asked for again
REASON_MAX = 500  # characters


class PanelState(Struct, frozen=True):
    """What the tracker remembers about a panel itself.

    trouble, trouble_since, trouble_streak: what is wrong with it as a whole, since when, for how many calls in a row.
    wait_until: no call is made before. singles_until: ids are asked about one by one before.
    """

    name: str
    paused: bool
    trouble: str | None
    trouble_since: float | None
    trouble_streak: int
    wait_until: float | None
    singles_until: float | None
    next_balance_at: float | None
    next_services_at: float | None


class TroubleRule(Struct, frozen=True):
    """What one kind of trouble means for a panel.

    first_s, longest_s: how long to stay away; each further failure in a row doubles the wait.
    panel_wide: it concerns the panel as a whole, whatever was asked.
    alert: what it raises: `panel.down` once it has lasted for `down_after`, any other at once.
    """

    first_s: float
    longest_s: float
    panel_wide: bool = False
    alert: str | None = None


TROUBLES: Mapping[Trouble, TroubleRule] = {
    Trouble.UNAVAILABLE: TroubleRule(5.0, 300.0, True, "panel.down"),
    Trouble.UNREADABLE: TroubleRule(10.0, 600.0, True, "panel.down"),
    Trouble.RATE_LIMITED: TroubleRule(30.0, 3_600.0, True),  # a panel that is asked too often is not down
    Trouble.AUTH: TroubleRule(900.0, 900.0, True, "panel.auth_failed"),  # one probe in 15 minutes
    Trouble.REQUEST: TroubleRule(60.0, 3_600.0),
    Trouble.BATCH_REFUSED: TroubleRule(0.0, 0.0),  # the same ids are asked about one by one
    Trouble.REFUSED: TroubleRule(60.0, 3_600.0),
}


class AlertLook(Struct, frozen=True):
    """What one look found for an alert.

    for_s: how long it has to be wrong before the alert is raised.
    """

    alert: str
    found: Finding
    for_s: float = 0.0


class AfterFailure(Struct, frozen=True):
    """What a failed call leads to.

    state: the panel from now on.
    panel_wide: the panel is in trouble and left alone until state.wait_until. Otherwise, if this call was the one
        probe, another call may follow it.
    due_at: when its rows, its balance or its catalogue are due again. None: each row gets the place in the queue back
        that it had.
    """

    state: PanelState
    panel_wide: bool
    due_at: float | None
    look: AlertLook | None


def wait_s(trouble: Trouble, streak: int, retry_after_s: float | None, jitter: float) -> float:
    """Returns how long to leave a panel alone after its `streak`-th failure in a row (from 1).

    A Retry-After only ever lengthens the wait, and counts for an hour at most.
    """
    rule = TROUBLES[trouble]
    step = min(rule.first_s * 2.0 ** min(streak - 1, 30), rule.longest_s)
    hint = min(retry_after_s or 0.0, RETRY_AFTER_MAX_S)
    return max(step * (1.0 + JITTER_SHARE * jitter), hint)


def after_failure(
    panel: PanelState, kind: str, error: PanelError, wait: float, rules: PollRules, now: float
) -> AfterFailure:
    """Returns what a failed call leads to.

    panel: as it was when the call was claimed. kind: of the call. wait: seconds, from `wait_s`.
    """
    state = replace(panel, singles_until=_singles_until(panel, kind, error.kind, now))
    due_at = _due_at(kind, error.kind, wait, now)
    rule = TROUBLES[error.kind]
    if not rule.panel_wide:
        return AfterFailure(state, False, due_at, None)
    known = panel.trouble is not None and panel.trouble_since is not None
    state = replace(
        state,
        trouble=error.kind.value,
        trouble_since=panel.trouble_since if known else now,
        trouble_streak=panel.trouble_streak + 1,
        wait_until=now + wait,
    )
    if rule.alert is None:
        return AfterFailure(state, True, due_at, None)
    found = Finding(wrong=True, clear=False, reason=f"{error.kind.value}: {error.message}"[:REASON_MAX])
    for_s = rules.down_after_s if rule.alert == "panel.down" else 0.0
    return AfterFailure(state, True, due_at, AlertLook(rule.alert, found, for_s))


def after_answer(panel: PanelState) -> list[AlertLook]:
    """Returns what an answered call says about the alerts of a panel: nothing, unless it was in trouble."""
    if panel.trouble is None:
        return []
    found = Finding(wrong=False, clear=True, reason="the panel answers again")
    alerts = dict.fromkeys(rule.alert for rule in TROUBLES.values() if rule.alert is not None)
    return [AlertLook(alert, found) for alert in alerts]


def lateness(panel: PanelState, first_due: float | None, rules: PollRules, now: float) -> AlertLook | None:
    """Returns whether open orders wait longer than `poll_every` for want of budget; None: it cannot be told now.

    A panel in trouble or paused is behind for a reason that is known already. One that is catching up after that, or
    after the tracker was away, has `poll_every` to do so.

    first_due: the earliest next_poll_at of its open orders; None: it has none.
    """
    if panel.paused or panel.trouble is not None:
        return None
    late_s = 0.0 if first_due is None else max(0.0, now - first_due)
    every_s = rules.poll_every_s
    reason = f"orders wait {late_s:.0f} s beyond their turn: raise max_requests_per_minute or poll_every"
    return AlertLook("panel.behind", Finding(late_s > every_s, late_s < every_s / 2, reason), every_s)


def _singles_until(panel: PanelState, kind: str, trouble: Trouble, now: float) -> float | None:
    if trouble is Trouble.BATCH_REFUSED:
        return now + SINGLES_S
    if not TROUBLES[trouble].panel_wide and kind in ("status", "recheck"):
        return None  # not even one by one: batches were not the matter, so they are tried again
    return panel.singles_until


def _due_at(kind: str, trouble: Trouble, wait: float, now: float) -> float | None:
    if ids_table(kind) is None:
        return now + max(wait, PANEL_CALL_WAIT_S)
    if TROUBLES[trouble].panel_wide or trouble is Trouble.BATCH_REFUSED:
        return None
    return now + ONE_KIND_WAIT_S
