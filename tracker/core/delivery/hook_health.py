"""The health of one hook: decides when it is left alone for a while, and when for good.

        five fresh deliveries fail          five days of nothing but failures, or 410
   ok ----------------------------> failing ---------------------------------> disabled
    ^                                  |                                           |
    +----------------------------------+                                           |
    |            anything is delivered                                             |
    +------------------------------------------------------------------------------+
                                   hooks enable

While a hook is failing, one delivery at a time probes it, and a probe uses up no step of the delivery's schedule.
Only fresh deliveries, at their first attempt, count towards failing: one event that the receiver cannot take is
retried alone, dies at the end of its own schedule and holds up no other. A Retry-After makes the whole hook wait,
in any state. Only a person shortens that wait; a delivery that was under way when it came does not.
"""

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

FAILING_AFTER = 5  # failed fresh deliveries in a row
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
    fresh: how many fresh deliveries failed in a row.
    probes: how many probes failed in a row.
    wait_until: the moment of the next probe.
    asked_until: the moment until which the receiver asked us to wait.
    seq: how many events this hook's health has caused.
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


def may_send(health: Health, now: float) -> bool:
    """Whether a delivery may be claimed at `now`."""
    if health.state is HookState.DISABLED:
        return False
    until = waits_until(health)
    return until is None or now >= until


def waits_until(health: Health) -> float | None:
    """Returns the moment before which nothing is sent; None when there is no wait."""
    return max((at for at in (health.wait_until, health.asked_until) if at is not None), default=None)


def after_success(health: Health) -> tuple[Health, str | None]:
    """Returns the health after a successful delivery, and the type of the event to emit, if any."""
    if health.state is HookState.DISABLED:
        return health, None  # a late result; only a person enables a hook again
    event = "hook.recovered" if health.state is HookState.FAILING else None
    well = Health(health.name, seq=health.seq + (event is not None), asked_until=health.asked_until)
    return (health if well == health else well), event


def after_failure(
    health: Health, now: float, *, fresh: bool, gone: bool, retry_after_s: float | None, reason: str
) -> tuple[Health, str | None]:
    """Returns the health after a failed attempt, and the type of the event to emit, if any.

    fresh: it was the first attempt of its delivery.
    gone: the receiver said 410, do not come back.
    """
    if health.state is HookState.DISABLED:
        return health, None
    since = health.failing_since if health.failing_since is not None else now
    after = replace(health, failing_since=since, fresh=health.fresh + fresh, reason=reason)
    if gone or now - since >= DISABLED_AFTER_S:
        return replace(after, state=HookState.DISABLED, wait_until=None, seq=health.seq + 1), "hook.disabled"
    event = None
    if health.state is HookState.FAILING or after.fresh >= FAILING_AFTER:
        event = "hook.failing" if health.state is HookState.OK else None
        wait_s = min(PROBE_S * 2.0 ** min(health.probes, 30), PROBE_MAX_S)
        after = replace(
            after,
            state=HookState.FAILING,
            probes=health.probes + 1,
            wait_until=now + wait_s,
            seq=health.seq + (event is not None),
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
    return Health(health.name, seq=health.seq + (event is not None)), event
