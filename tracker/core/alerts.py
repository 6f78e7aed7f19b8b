"""Alerts: ok -> pending -> raised -> (reminded) -> ok. The memory is a row, the decision is here.

        wrong            wrong for `for_s`            clear
   ok ---------> pending ------------------> raised ---------> ok, with an event
                    |                          |
                    +-- not wrong any more     +-- every `repeat_every_s`: another event
                        -> ok, no event

Between the threshold that raises and the one that clears nothing changes: a balance that swings around one of them
emits one event. Three things keep an alert quiet:

  acked      a raised alert emits nothing more until it clears; clearing emits its event and ends the ack
  silenced   for a time: what is wrong stays pending, however long `for_s` is, and is raised when the time is over if
             it is wrong then; an alert that was raised before emits no reminder
  inhibited  while its cause has an alert of its own that is wrong (a panel that is down): as silenced, and not
             cleared either

What comes and goes is not told each time. An alert of STEADY is cleared only when it has been well for a while. One
that was raised twice within six hours is not cleared before six hours have passed since the second time. So an alert
is raised at most twice in six hours.

An alert that clears within a silence emits its event all the same. A program that mirrors our alerts would otherwise
see two beginnings and no end between them.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

DAY_S = 86_400.0
BURN_WINDOW_S = 7 * DAY_S
BURN_HISTORY_S = DAY_S  # a burn rate from less history is a guess
# Cleared only when the runway is a quarter longer than the threshold that raised it: a runway that swings around the
# threshold is one alert. A balance has clear_above for the same reason.
RUNWAY_CLEAR = 1.25


FLAP_S = 6 * 3_600.0


class Steady(Struct, frozen=True):
    """What keeps an alert that comes and goes from being told each time.

    well_for_s: how long it has to be well before it is cleared. once_in_s: the least time between two beginnings.
    """

    well_for_s: float = 0.0
    once_in_s: float = 0.0


STEADY: Mapping[str, Steady] = {
    "panel.down": Steady(),
    "panel.behind": Steady(),
    "panel.degraded": Steady(well_for_s=1_800.0, once_in_s=FLAP_S),
}


class AlertState(StrEnum):
    OK = "ok"
    PENDING = "pending"
    RAISED = "raised"


class Alert(Struct, frozen=True):
    """The memory of one alert of one panel.

    seq: how many events it has emitted.
    acked_at: since when a person knows; None unless it is raised.
    comment: why it was silenced.
    raised_at, raised_before: when it was raised last, and the time before.
    well_since: since when it would be cleared, if it is raised.
    """

    panel: str
    name: str
    state: AlertState = AlertState.OK
    since: float | None = None
    reminded_at: float | None = None
    reminders: int = 0
    reason: str = ""
    seq: int = 0
    acked_at: float | None = None
    silenced_until: float | None = None
    comment: str | None = None
    raised_at: float | None = None
    raised_before: float | None = None
    well_since: float | None = None


class Finding(Struct, frozen=True):
    """What one look found. Neither wrong nor clear means between the thresholds: the alert stays as it is."""

    wrong: bool
    clear: bool
    reason: str = ""


class AlertStep(StrEnum):
    RAISE = "raise"
    REMIND = "remind"
    CLEAR = "clear"


def judge(
    alert: Alert,
    found: Finding,
    now: float,
    for_s: float = 0.0,
    repeat_every_s: float | None = None,
    *,
    inhibited: bool = False,
) -> tuple[Alert, AlertStep | None]:
    """Returns the alert after this look, and the step to emit an event about, if any.

    for_s: how long it has to be wrong before it is raised.
    repeat_every_s: how often a raised alert is reminded of; None: never.
    inhibited: what this alert follows from is wrong itself.
    """
    if alert.state is AlertState.RAISED:
        return (alert, None) if inhibited else _raised(alert, found, now, repeat_every_s)
    if not found.wrong:
        quiet = alert if alert.state is AlertState.OK else replace(alert, state=AlertState.OK, since=None)
        return quiet, None
    since = now if alert.state is AlertState.OK or alert.since is None else alert.since
    too_soon = alert.raised_at is not None and now - alert.raised_at < _steady(alert).once_in_s
    if inhibited or too_soon or is_silenced(alert, now) or now - since < for_s:
        return replace(alert, state=AlertState.PENDING, since=since, reason=found.reason), None
    raised = replace(
        alert,
        state=AlertState.RAISED,
        since=since,
        reminded_at=now,
        reminders=0,
        reason=found.reason,
        seq=alert.seq + 1,
        raised_at=now,
        raised_before=alert.raised_at,
        well_since=None,
    )
    return raised, AlertStep.RAISE


def _steady(alert: Alert) -> Steady:
    return STEADY.get(alert.name, Steady())


def _holds(alert: Alert, now: float) -> bool:
    """Whether an alert that is well again stays raised for now, because it may come back."""
    if alert.name not in STEADY or alert.raised_at is None:
        return False
    well_for_s = now - (alert.well_since if alert.well_since is not None else now)
    flaps = alert.raised_before is not None and alert.raised_at - alert.raised_before < FLAP_S
    return well_for_s < _steady(alert).well_for_s or (flaps and now - alert.raised_at < FLAP_S)


def _raised(alert: Alert, found: Finding, now: float, repeat_every_s: float | None) -> tuple[Alert, AlertStep | None]:
    if not found.clear and alert.well_since is not None:
        alert = replace(alert, well_since=None)
    if found.clear and alert.well_since is None and alert.name in STEADY:
        alert = replace(alert, well_since=now)
    if found.clear and _holds(alert, now):
        return alert, None
    if found.clear:
        over = replace(
            alert, state=AlertState.OK, reason=found.reason, seq=alert.seq + 1, acked_at=None, well_since=None
        )
        return over, AlertStep.CLEAR
    last = alert.reminded_at if alert.reminded_at is not None else now
    quiet = alert.acked_at is not None or is_silenced(alert, now)
    if quiet or repeat_every_s is None or now - last < repeat_every_s:
        return alert, None
    reminded = replace(
        alert,
        reminded_at=now,
        reminders=alert.reminders + 1,
        reason=found.reason or alert.reason,
        seq=alert.seq + 1,
    )
    return reminded, AlertStep.REMIND


def is_silenced(alert: Alert, now: float) -> bool:
    return alert.silenced_until is not None and now < alert.silenced_until


def inhibits(alert: Alert, now: float) -> bool:
    """Whether this alert keeps quiet those that follow from it. It does so while it is silenced, too."""
    return alert.state is AlertState.RAISED or (alert.state is AlertState.PENDING and is_silenced(alert, now))


def balance_low(amount: Decimal, below: Decimal, clear_above: Decimal | None) -> Finding:
    """Judges a balance: low below one threshold, well again at another, by default the same."""
    clear_at = below if clear_above is None else clear_above
    return Finding(amount < below, amount >= clear_at, f"balance {amount:f} (threshold {below:f})")


def runway_low(runway_s: float | None, below_s: float, *, burns: bool = True) -> Finding:
    """Judges how long a balance lasts.

    runway_s: None: not known (too little history), which neither raises nor clears.
    burns: False: nothing is spent any more, so the balance lasts for ever.
    """
    if not burns:
        return Finding(wrong=False, clear=True, reason="nothing is spent")
    if runway_s is None:
        return Finding(wrong=False, clear=False, reason="runway unknown")
    words = f"runway {runway_s / 3600:.1f} h (threshold {below_s / 3600:.1f} h)"
    return Finding(runway_s < below_s, runway_s >= below_s * RUNWAY_CLEAR, words)


def burn_per_day(samples: Sequence[tuple[float, Decimal]], now: float) -> Decimal | None:
    """Returns the mean spending a day over the last seven days, without deposits; None: less than a day of history.

    samples: (at, amount), oldest first; the first one lies at or before the start of the window if there is one that
        old.
    """
    start = now - BURN_WINDOW_S
    if not samples or now - max(samples[0][0], start) < BURN_HISTORY_S:
        return None
    spent = Decimal(0)
    for (_, before), (at, after) in pairwise(samples):
        if at >= start and after < before:
            spent += before - after
    days = Decimal(str((now - max(samples[0][0], start)) / DAY_S))
    return spent / days


def runway_s(amount: Decimal, burn: Decimal | None) -> float | None:
    """Returns how long `amount` lasts at `burn` a day, in seconds; None: unknown, or nothing burns."""
    if burn is None or burn <= 0:
        return None
    return max(0.0, float(amount / burn) * DAY_S)
