"""The health of one panel: what a failed call leads to, when the panel is left alone, and when it is behind.

        a call fails, and the trouble reaches the panel
   ok ---------------------------------------------> in trouble ---+
    ^                                                 |    ^       | the probe fails:
    |                any call is answered             |    +-------+ a longer wait
    +-------------------------------------------------+

A panel in trouble is left alone until `wait_until`; then one call at a time probes it, by turns about one order that
it answered lately and about the balance. Trouble that does not reach the panel sets aside a kind of call, or ids
(core/polling/trouble): the panel spoke, and its other calls go on.

The panel is *down* when nothing got through for `down_after`. It is *degraded* when a kind of call that is needed, or
more than one percent of its open orders, is set aside for so long while other calls get through.
"""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from tracker.core.alerts import Finding
from tracker.core.polling.batches import action_of, ids_table
from tracker.core.polling.halving import RETRY_S
from tracker.core.polling.refused_words import Refused
from tracker.core.polling.schedule import JITTER_SHARE
from tracker.core.polling.trouble import KIND_WAITS, KindAside, Scope
from tracker.core.rules import PollRules
from tracker.errors import PanelError, Trouble

RETRY_AFTER_MAX_S = 3_600.0
PANEL_CALL_WAIT_S = 60.0  # the least wait before a balance or a catalogue is asked for again
REASON_MAX = 500  # characters
AUTH_SURE_S = 30.0  # a key counts as refused when it is refused again so much later: databases have hiccups
AGAIN_S = 15.0  # after a refused batch, before the same batch is asked for again
SINGLES_S, SINGLES_MAX_S = 60.0, 3_600.0  # how long ids go out one by one; twice as long each time, an hour at most
BLAMELESS, SMALL_S = 2, 3_600.0  # after two halvings that found no id, batches are smaller for an hour
DEGRADED_IDS, DEGRADED_SHARE = 20, 0.01  # open orders set aside: more than both make the panel degraded


class PanelState(Struct, frozen=True):
    """What the tracker remembers about a panel itself.

    trouble, trouble_since, trouble_streak: what is wrong with it as a whole, since when, for how many calls in a row.
    wait_until: no call is made before. singles_until: ids are asked about one by one before.
    refused_batches: in a row. small_until: batches are smaller before.
    refused: the words in which everything was refused lately, if anything was.
    clients_wait_until: clients of the gateway want more of the budget before.
    aside: something is set aside.
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
    refused_batches: int = 0
    small_until: float | None = None
    refused: Refused | None = None
    clients_wait_until: float = 0.0
    aside: bool = False


class TroubleRule(Struct, frozen=True):
    """What one kind of trouble means for a panel, when it reaches the panel.

    waits_s: how long to stay away after the first failure, the second one and so on; after the last of them twice as
        long each time, up to longest_s.
    """

    waits_s: tuple[float, ...]
    longest_s: float
    alert: str = "panel.down"


TROUBLES: Mapping[Trouble, TroubleRule] = {
    Trouble.UNAVAILABLE: TroubleRule((5.0,), 300.0),
    Trouble.UNREADABLE: TroubleRule((10.0,), 600.0),
    Trouble.RATE_LIMITED: TroubleRule((30.0,), 3_600.0),
    # A panel whose database has a hiccup says for seconds that the key is wrong. Later there is one probe in a while.
    Trouble.AUTH: TroubleRule((30.0, 120.0, 900.0), 900.0, "panel.auth_failed"),
    Trouble.REFUSES_ALL: TroubleRule((60.0,), 900.0),
    Trouble.REQUEST: TroubleRule((60.0,), 3_600.0),
    Trouble.BATCH_REFUSED: TroubleRule((0.0,), 0.0),  # the same ids are asked about again, later one by one
    Trouble.REFUSED: TroubleRule((60.0,), 3_600.0),
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
    scope: how far the trouble reaches; where it is not the panel and this call was the one probe, another call may
        follow it.
    wait_s: how long what it reaches is left alone.
    due_at: when its rows, its balance or its catalogue are due again. None: each row gets the place in the queue back
        that it had.
    """

    state: PanelState
    scope: Scope
    wait_s: float
    due_at: float | None
    look: AlertLook | None = None


def wait_s(trouble: Trouble, streak: int, retry_after_s: float | None, jitter: float) -> float:
    """Returns how long to leave a panel alone after its `streak`-th failure in a row (from 1).

    A Retry-After only ever lengthens the wait, and counts for an hour at most.
    """
    rule = TROUBLES[trouble]
    listed = rule.waits_s
    beyond = max(streak - len(listed), 0)
    step = min(listed[min(streak, len(listed)) - 1] * 2.0 ** min(beyond, 30), rule.longest_s)
    hint = min(retry_after_s or 0.0, RETRY_AFTER_MAX_S)
    return max(step * (1.0 + JITTER_SHARE * jitter), hint)


def after_failure(
    panel: PanelState,
    kind: str,
    error: PanelError,
    scope: Scope,
    failures: int,
    jitter: float,
    rules: PollRules,
    now: float,
) -> AfterFailure:
    """Returns what a failed call leads to.

    panel: as it was when the call was claimed. kind: of the call. jitter: in [0, 1).
    failures: how often its kind failed in a row, if the trouble reaches the kind.
    """
    if error.kind is Trouble.BATCH_REFUSED:
        state, wait = _after_refused_batch(panel, now)
        return AfterFailure(state, Scope.IDS, wait, now + wait)
    if scope is Scope.KIND:
        wait = _kind_wait_s(action_of(kind), error, failures, rules)
        return AfterFailure(panel, scope, wait, now + wait if ids_table(kind) is None else None)
    if scope is Scope.IDS:
        return AfterFailure(panel, scope, RETRY_S, None)
    wait = wait_s(error.kind, panel.trouble_streak + 1, error.retry_after_s, jitter)
    known = panel.trouble is not None and panel.trouble_since is not None
    state = replace(
        panel,
        trouble=error.kind.value,
        trouble_since=panel.trouble_since if known else now,
        trouble_streak=panel.trouble_streak + 1,
        wait_until=now + wait,
    )
    due_at = None if ids_table(kind) is not None else now + max(wait, PANEL_CALL_WAIT_S)
    return AfterFailure(state, scope, wait, due_at, trouble_look(state, error.message, rules))


def trouble_look(panel: PanelState, words: str, rules: PollRules) -> AlertLook | None:
    """Returns what the trouble of a panel says about its alert, at a failure and as time passes; None: it is well."""
    if panel.trouble is None:
        return None
    alert = TROUBLES[Trouble(panel.trouble)].alert
    reason = f"{panel.trouble}: {words}"[:REASON_MAX]
    if alert == "panel.down":
        return AlertLook(alert, Finding(wrong=True, clear=False, reason=reason), rules.down_after_s)
    remedy = f"; a reload, or `tracker panels resume {panel.name}`, asks it again at once"
    reason = reason[: REASON_MAX - len(remedy)] + remedy
    return AlertLook(alert, Finding(wrong=True, clear=False, reason=reason), AUTH_SURE_S)


def well(panel: PanelState) -> list[AlertLook]:
    """Returns what an answered call says about the alerts of a panel, and every look as long as it is well."""
    found = Finding(wrong=False, clear=True, reason="the panel answers again")
    alerts = dict.fromkeys(rule.alert for rule in TROUBLES.values())
    return [] if panel.paused else [AlertLook(alert, found) for alert in alerts]


def unreadable(panel: PanelState, balance: KindAside | None, rules: PollRules, now: float) -> AlertLook | None:
    """Returns whether nobody can read the balance while other calls are answered; None: it cannot be told now.

    An answer that cannot be read, twice running, is enough; that there is none, as under a 500, may pass.

    balance: what is known about the calls for the balance if they fail, and an alert is configured about it.
    """
    if panel.paused or panel.trouble is not None:
        return None
    if balance is None:
        return AlertLook("balance.unreadable", Finding(wrong=False, clear=True, reason="it can be read again"))
    long = balance.trouble != Trouble.UNAVAILABLE.value or now - balance.since >= rules.down_after_s
    reason = f"{balance.trouble}: {balance.words}"[:REASON_MAX]
    return AlertLook("balance.unreadable", Finding(long and balance.streak > 1, clear=False, reason=reason))


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


def degraded(
    panel: PanelState, kinds: Mapping[str, float], ids: int, open_ids: int, rules: PollRules, now: float
) -> AlertLook | None:
    """Returns whether a part of a panel does not answer while the rest does; None: it cannot be told now.

    kinds: the needed actions that are set aside, each with since when.
    ids: how many open orders and refills are set aside for `down_after` and more. open_ids: how many there are.
    """
    if panel.paused or panel.trouble is not None:
        return None
    long = sorted(kind for kind, since in kinds.items() if now - since >= rules.down_after_s)
    many = ids >= DEGRADED_IDS and ids > open_ids * DEGRADED_SHARE
    reasons = [f"{kind} is not answered, other calls are" for kind in long]
    if many:
        reasons.append(f"{ids} of {open_ids} open ids are set aside: calls that name them fail")
    clear = not kinds and not many
    return AlertLook(
        "panel.degraded", Finding(bool(reasons), clear, "; ".join(reasons) or "all calls are answered again")
    )


def after_full_batch(panel: PanelState) -> PanelState:
    """Returns the panel after it answered about several ids in one call."""
    return replace(panel, refused_batches=0, singles_until=None)


def after_halving(panel: PanelState, blameless: int, now: float) -> tuple[int, float | None]:
    """Returns how many halvings found no id by now, and until when batches are smaller, after one more of them."""
    if blameless + 1 >= BLAMELESS:
        return 0, now + SMALL_S
    return blameless + 1, panel.small_until


def _after_refused_batch(panel: PanelState, now: float) -> tuple[PanelState, float]:
    """Returns the panel after it refused a list of ids, and how long its rows wait.

    One refusal may pass: the same batch goes out again. After another one ids go out one by one for a while, and then
    batches are tried again.
    """
    refused = panel.refused_batches + 1
    if refused == 1:
        return replace(panel, refused_batches=1), AGAIN_S
    singles_s = min(SINGLES_S * 2.0 ** min(refused - 2, 30), SINGLES_MAX_S)
    return replace(panel, refused_batches=refused, singles_until=now + singles_s), 0.0


def _kind_wait_s(action: str, error: PanelError, failures: int, rules: PollRules) -> float:
    """Returns how long a kind of call is left alone. A balance and a catalogue are never asked for less often."""
    wait = KIND_WAITS[action].after(failures)
    usual_s = {"balance": rules.balance_every_s, "services": rules.services_every_s}.get(action)
    if usual_s is None:
        return wait
    # An answer that cannot be read today will not be readable in a minute.
    return usual_s if error.kind is not Trouble.UNAVAILABLE else min(wait, usual_s)
