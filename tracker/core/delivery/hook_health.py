"""The health of one hook: when it is left alone for a while, and when for good.

        five fresh deliveries fail          five days of nothing but failures, or 410
   ok ----------------------------> failing ---------------------------------> disabled
    ^                                  |                                           |
    +----------------------------------+                                           |
    |            anything is delivered                                             |
    +------------------------------------------------------------------------------+
                                   hooks enable

While it is failing one delivery at a time probes it, and none uses up a step of its schedule. Only
deliveries that never failed before count towards failing: one poisonous event, retried alone, dies at
the end of its own schedule and holds up nobody. A Retry-After makes the whole hook wait, in any state,
and nothing but a person shortens it: least of all what was under way when it came.
"""

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

FAILING_AFTER = 5  # fresh deliveries in a row
PROBE_S, PROBE_MAX_S = 30.0, 900.0  # the wait before a probe, doubling
DISABLED_AFTER_S = 5 * 86_400.0
RETRY_AFTER_MAX_S = 86_400.0
BY_HAND = "enabled by hand"  # the reason of a recovery that nothing delivered has shown yet
HELD_S = 7 * 86_400.0  # a disabled hook's deliveries are kept this long


class HookState(StrEnum):
    OK = "ok"
    FAILING = "failing"
    DISABLED = "disabled"


class Health(Struct, frozen=True):
    """failing_since: the first failure since anything was delivered. fresh: fresh deliveries that failed
    in a row. probes: failed ones in a row. Nothing is sent before wait_until, the next probe's moment, nor
    before asked_until, as a receiver said. seq: events told."""

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
    """May a delivery be claimed at `now`?"""
    if health.state is HookState.DISABLED:
        return False
    until = waits_until(health)
    return until is None or now >= until


def waits_until(health: Health) -> float | None:
    """Before this moment nothing is sent; None when nobody waits."""
    return max((at for at in (health.wait_until, health.asked_until) if at is not None), default=None)


def after_success(health: Health) -> tuple[Health, str | None]:
    """The health after a delivery, and the event that tells it, if any."""
    if health.state is HookState.DISABLED:
        return health, None  # a late result; only a person enables a hook again
    told = "hook.recovered" if health.state is HookState.FAILING else None
    well = Health(health.name, seq=health.seq + (told is not None), asked_until=health.asked_until)
    return (health if well == health else well), told


def after_failure(
    health: Health, now: float, *, fresh: bool, gone: bool, retry_after_s: float | None, reason: str
) -> tuple[Health, str | None]:
    """The health after a failed attempt, and the event that tells it, if any.

    fresh: it was the first attempt of its delivery. gone: the receiver said 410, do not come back.
    """
    if health.state is HookState.DISABLED:
        return health, None
    since = health.failing_since if health.failing_since is not None else now
    after = replace(health, failing_since=since, fresh=health.fresh + fresh, reason=reason)
    if gone or now - since >= DISABLED_AFTER_S:
        return replace(after, state=HookState.DISABLED, wait_until=None, seq=health.seq + 1), "hook.disabled"
    told = None
    if health.state is HookState.FAILING or after.fresh >= FAILING_AFTER:
        told = "hook.failing" if health.state is HookState.OK else None
        wait_s = min(PROBE_S * 2.0 ** min(health.probes, 30), PROBE_MAX_S)
        after = replace(
            after,
            state=HookState.FAILING,
            probes=health.probes + 1,
            wait_until=now + wait_s,
            seq=health.seq + (told is not None),
        )
    if retry_after_s:
        until = now + min(retry_after_s, RETRY_AFTER_MAX_S)
        after = replace(after, asked_until=max(until, after.asked_until or 0.0))
    return after, told


def enabled(health: Health) -> tuple[Health, str | None]:
    """As good as new by a person's word; and the event that tells it to whoever heard of the trouble, if any."""
    told = None if health.state is HookState.OK else "hook.recovered"
    return Health(health.name, seq=health.seq + (told is not None)), told
