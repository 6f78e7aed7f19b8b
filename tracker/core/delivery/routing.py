"""Decides which hooks hear an event, and what the result of an attempt means.

An attempt leaves a delivery waiting, delivered or dead. The waits between attempts are the user's
`retry_schedule`; jitter only ever adds to them.
"""

from collections.abc import Iterable
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache

from msgspec import Struct

from tracker.core.events.crowds import SINGLE
from tracker.core.model import Event
from tracker.core.rules import HookRules, Where

JITTER_SHARE = 0.2


class DeliveryState(StrEnum):
    WAITING = "waiting"  # its attempt is due at next_attempt_at
    HELD = "held"  # its hook is disabled
    DELIVERED = "delivered"
    DEAD = "dead"  # out of attempts, refused for good, or too old; kept, and can be retried
    ORPHANED = "orphaned"  # its hook left the configuration


UNSENT = (DeliveryState.WAITING.value, DeliveryState.HELD.value, DeliveryState.ORPHANED.value)


class DeliveryVerdict(Struct, frozen=True):
    """What follows from an attempt.

    next_attempt_at: only for a delivery that goes on waiting.
    """

    state: DeliveryState
    next_attempt_at: float | None = None


def hears(rules: HookRules, event: Event) -> bool:
    """Whether this hook gets this event."""
    return (
        _listens(rules.events, event.type)
        and (rules.panels is None or event.panel in rules.panels or event.panel == "")
        and event.severity >= rules.min_severity
        and (event.type in SINGLE or _fits(rules.where, event))  # one of so many orders may fit
        and not (event.kind == "hook" and event.remote_id == rules.name)  # a hook never hears its own
    )


@lru_cache(maxsize=4096)
def _listens(patterns: tuple[str, ...], event_type: str) -> bool:
    # Who wants to hear of one order hears of many at once.
    names = (event_type, SINGLE.get(event_type, event_type))
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def listeners(hooks: Iterable[HookRules], event: Event) -> list[str]:
    """Returns the names of the hooks that hear `event`."""
    return [rules.name for rules in hooks if hears(rules, event)]


def _fits(where: Where, event: Event) -> bool:
    """Whether an event fits `where`, which is about orders: an event without the fact asked for does not."""
    if where.service and event.service not in where.service:
        return False
    if where.tag and where.tag.isdisjoint(event.tags):
        return False
    return where.min_charge is None or (event.charge is not None and event.charge >= where.min_charge)


def explain(rules: HookRules, event: Event) -> list[str]:
    """Returns the reasons why this hook does not hear this event; empty exactly when it does."""
    reasons = []
    if not _listens(rules.events, event.type):
        reasons.append(f"events does not match {event.type}: {_listed(rules.events)}")
    if rules.panels is not None and event.panel not in rules.panels and event.panel != "":
        reasons.append(f"panels does not list {event.panel}: {_listed(sorted(rules.panels))}")
    if event.severity < rules.min_severity:
        reasons.append(f"min_severity is {rules.min_severity}, this event is {event.severity}")
    if event.type not in SINGLE:
        reasons += _unfit(rules.where, event)
    if event.kind == "hook" and event.remote_id == rules.name:
        reasons.append("a hook never hears its own")
    return reasons


def _unfit(where: Where, event: Event) -> list[str]:
    """Returns the conditions of `where` that do not hold, in words."""
    reasons = []
    if where.service and event.service not in where.service:
        reasons.append(f"where.service is {_listed(sorted(where.service))}, here it is {event.service or 'not known'}")
    if where.tag and where.tag.isdisjoint(event.tags):
        reasons.append(f"where.tag is {_listed(sorted(where.tag))}, here it is {_listed(event.tags)}")
    if where.min_charge is not None and (event.charge is None or event.charge < where.min_charge):
        charge = "not known" if event.charge is None else f"{event.charge:f}"
        reasons.append(f"where.min_charge is {where.min_charge:f}, here the charge is {charge}")
    return reasons


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words) or "none"


def after_success() -> DeliveryVerdict:
    return DeliveryVerdict(DeliveryState.DELIVERED)


def after_failure(
    rules: HookRules, attempt: int, now: float, jitter: float, *, permanent: bool, retry_after_s: float | None
) -> DeliveryVerdict:
    """Returns what follows when attempt number `attempt` (from 1) failed at `now`."""
    schedule = rules.retry_schedule_s
    if permanent or attempt >= len(schedule):
        return DeliveryVerdict(DeliveryState.DEAD)
    wait_s = schedule[attempt] * (1.0 + JITTER_SHARE * jitter)
    return DeliveryVerdict(DeliveryState.WAITING, now + max(wait_s, min(retry_after_s or 0.0, 86_400.0)))


def apart(verdict: DeliveryVerdict, together: int) -> bool:
    """Whether the deliveries of a failed digest are retried one by one instead of dying together.

    Otherwise one event that a service cannot take would cost all the others.

    together: how many deliveries the message held.
    """
    return together > 1 and verdict.state is DeliveryState.DEAD


def first_wait_s(rules: HookRules) -> float:
    """Returns how long after its event a delivery is first due."""
    return max(rules.retry_schedule_s[0], rules.digest.wait_s if rules.digest else 0.0)


def lease_s(rules: HookRules) -> float:
    """Returns how far a claim pushes `next_attempt_at`: past the attempt's deadline, with time left to settle it."""
    return rules.timeout_s + 15.0
