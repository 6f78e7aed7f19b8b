"""The health of one hook: decides when it is left alone for a while, and when for good.

        first attempts fail            what is tried again fails too        five days of nothing but failures, or 410
   ok --------------------> in doubt ---------------------------> failing -------------------------------> disabled
    ^                          |                                     |                                         |
    +--------------------------+-------------------------------------+                                         |
    |                  anything is delivered                                                                   |
    +----------------------------------------------------------------------------------------------------------+
                                           hooks enable

  state      what goes out
  ---------  ------------------------------------------------------------------------------------------------------
  ok         fresh deliveries, then those that are due again; the other way round while there is a streak of failures
  in doubt   one at a time, of those that failed before
  failing    one at a time when its wait is over: a probe, by turns one that failed before and a fresh one; and at once
             a fresh one of a type that has not been tried since the trouble began
  disabled   nothing
  paused     nothing, whatever the state, until a person resumes the hook

A first attempt says little: there are receivers that refuse the first one of every event and take the second, and
events that a receiver never takes. So a hook is failing only when one of five that failed is tried again and fails too,
with nothing delivered in between. A probe of a failing hook uses up no step of its delivery's schedule.
While deliveries in a row are taken at a later attempt, more first attempts may fail before there is doubt, so that such
a receiver is not slowed down. A Retry-After makes the whole hook wait, in any state. Only a person shortens that wait;
a delivery that was under way when it came does not.
"""

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

DOUBT_AFTER = 5  # failed first attempts in a row
DOUBT_MORE, DOUBT_MAX = 4, 100  # so many more for each delivery in a row that needed another attempt; at most
PROBE_S, PROBE_MAX_S = 30.0, 900.0  # the wait before a probe: the first one, doubling up to the longest
DISABLED_AFTER_S = 5 * 86_400.0
RETRY_AFTER_MAX_S = 86_400.0
BY_HAND = "enabled by hand"  # the reason of a recovery that no delivery has confirmed yet
HELD_S = 7 * 86_400.0  # a disabled hook's deliveries are kept this long


class HookState(StrEnum):
    OK = "ok"
    FAILING = "failing"
    DISABLED = "disabled"


class Health(Struct, frozen=True):
    """The health of one hook. Nothing is sent before wait_until, nor before asked_until.

    failing_since: the first failure since the last successful delivery.
    fresh: how many first attempts failed since then.
    probes: how many probes failed in a row.
    wait_until: the moment of the next probe.
    seq: how many events this hook's health has caused.
    asked_until: the moment until which the receiver asked us to wait.
    later: how many deliveries in a row needed more than one attempt.
    paused: by a person; only a person changes that.
    """

    name: str
    state: HookState = HookState.OK
    failing_since: float | None = None
    fresh: int = 0
    probes: int = 0
    wait_until: float | None = None
    reason: str = ""
    seq: int = 0
    asked_until: float | None = None
    later: int = 0
    paused: bool = False


class Turn(StrEnum):
    """Which deliveries are looked at for the next attempt."""

    FRESH = "fresh"  # never tried
    AGAIN = "again"  # tried before, and due
    EARLY = "early"  # tried before, due or not


def _fresh_max(health: Health) -> int:
    return min(DOUBT_AFTER + DOUBT_MORE * health.later, DOUBT_MAX)


def in_doubt(health: Health) -> bool:
    """Whether so many first attempts have failed in a row that no further one is made for now."""
    return health.state is HookState.OK and health.fresh >= _fresh_max(health)


def fresh_left(health: Health) -> int | None:
    """Returns how many first attempts may be under way in a streak of failures, before there is doubt.

    None: as many as the hook has slots, since there is no streak, or its attempts are probes.
    """
    if health.failing_since is None or is_probe(health):
        return None
    return _fresh_max(health) - health.fresh


def is_probe(health: Health) -> bool:
    """Whether the next attempt goes out alone, and nothing else until it has ended."""
    return health.state is HookState.FAILING or in_doubt(health)


def turns(health: Health, now: float) -> tuple[Turn, ...]:
    """Returns which deliveries are looked at for the next attempt, in this order."""
    if in_doubt(health):
        since = health.failing_since if health.failing_since is not None else now
        # A long retry schedule makes nothing wait; where nothing is left to be tried again, a fresh one is the probe.
        return (Turn.AGAIN,) if now - since < PROBE_S else (Turn.AGAIN, Turn.EARLY, Turn.FRESH)
    old_first = health.probes % 2 == 1 if health.state is HookState.FAILING else health.failing_since is not None
    return (Turn.AGAIN, Turn.FRESH) if old_first else (Turn.FRESH, Turn.AGAIN)


def may_send(health: Health, now: float) -> bool:
    """Whether a delivery may be claimed at `now`."""
    if health.state is HookState.DISABLED or health.paused:
        return False
    until = waits_until(health)
    return until is None or now >= until


def may_try_other_types(health: Health, now: float) -> bool:
    """Whether a failing hook may get an event of a type that was not tried since, although its probe is not due."""
    asked = health.asked_until is not None and now < health.asked_until
    return health.state is HookState.FAILING and not health.paused and not asked


def waits_until(health: Health) -> float | None:
    """Returns the moment before which nothing is sent; None when there is no wait."""
    return max((at for at in (health.wait_until, health.asked_until) if at is not None), default=None)


def after_success(health: Health, *, fresh: bool = True) -> tuple[Health, str | None]:
    """Returns the health after a successful delivery, and the type of the event to emit, if any.

    fresh: it was the first attempt of its delivery.
    """
    if health.state is HookState.DISABLED:
        return health, None  # a late result; only a person enables a hook again
    event = "hook.recovered" if health.state is HookState.FAILING else None
    later = 0 if fresh else min(health.later + 1, DOUBT_MAX)
    seq = health.seq + (event is not None)
    well = Health(health.name, seq=seq, asked_until=health.asked_until, later=later, paused=health.paused)
    return (health if well == health else well), event


def after_failure(
    health: Health,
    now: float,
    *,
    fresh: bool,
    gone: bool,
    retry_after_s: float | None,
    reason: str,
    probe: bool = False,
) -> tuple[Health, str | None]:
    """Returns the health after a failed attempt, and the type of the event to emit, if any.

    fresh: it was the first attempt of its delivery. probe: it went out alone, because the hook was in doubt.
    gone: the receiver said 410, do not come back.
    """
    if health.state is HookState.DISABLED:
        return health, None
    since = health.failing_since if health.failing_since is not None else now
    after = replace(health, failing_since=since, fresh=health.fresh + fresh, reason=reason)
    if gone or now - since >= DISABLED_AFTER_S:
        return replace(after, state=HookState.DISABLED, wait_until=None, seq=health.seq + 1), "hook.disabled"
    event = None
    if health.state is HookState.FAILING or probe:
        event = "hook.failing" if health.state is HookState.OK else None
        probes = health.probes + (2 if event else 1)  # the attempt that ends the doubt was a probe too
        after = replace(
            after,
            state=HookState.FAILING,
            probes=probes,
            wait_until=now + min(PROBE_S * 2.0 ** min(probes - 1, 30), PROBE_MAX_S),
            seq=health.seq + (event is not None),
            later=0,
        )
    if retry_after_s:
        until = now + min(retry_after_s, RETRY_AFTER_MAX_S)
        after = replace(after, asked_until=max(until, after.asked_until or 0.0))
    return after, event


def enabled(health: Health) -> tuple[Health, str | None]:
    """Returns a new health, because a person enabled the hook, and the type of the event to emit, if any.

    There is an event only where an earlier one reported the trouble.
    """
    event = None if health.state is HookState.OK else "hook.recovered"
    return Health(health.name, seq=health.seq + (event is not None), paused=health.paused), event
