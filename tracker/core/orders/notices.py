"""What is told about an order although it did not move: the panel says nothing about it, refuses it, or it is stuck.

Rule 1: none of these ends an order. Rule 2: each is told once, until an answer says something else.
"""

from msgspec.structs import replace

from tracker.core.dates import rfc3339
from tracker.core.events import events
from tracker.core.model import Change, Order, Refusal, Tracking
from tracker.core.rules import PollRules
from tracker.core.status import OPEN, OrderStatus

REASON_MAX = 500  # characters


def refused(order: Order, refusal: Refusal, now: float, rules: PollRules) -> Change | None:
    """Counts a not-found answer; None for any other refusal. Enough of them over long enough end the polling, not the
    order."""
    if not refusal.not_found or order.tracking is not Tracking.ACTIVE:
        return None
    since = order.refused_since if order.refusals and order.refused_since is not None else now
    after = replace(
        order,
        refusals=order.refusals + 1,
        refused_since=since,
        misses=0,
        entry=None,
        version=order.version + 1,
    )
    if after.refusals < rules.not_found_polls or now - since < rules.not_found_after_s:
        return Change(order, after)
    after = replace(
        after, tracking=Tracking.NOT_FOUND, seq=order.seq + 1, notices=order.notices + 1, last_changed_at=now
    )
    return Change(order, after, events=(events.order_event("order.not_found", order, after, after.seq, now),))


def missed(order: Order, now: float, rules: PollRules) -> Change:
    """Counts an answer that left the order out.

    After three of them the order is asked alone. After as many as `not_found` asks for, over as long as it asks for,
    `order.unanswered` is told, once until there is an answer.
    """
    since = order.refused_since if order.misses and order.refused_since is not None else now
    misses = order.misses + 1
    after = replace(order, misses=misses, refused_since=since, entry=None, version=order.version + 1)
    # Only answers count, each for an interval: while the panel is down, nothing says that it has lost the order.
    answers = max(rules.not_found_polls, rules.not_found_after_s / rules.poll_every_s)
    if misses < answers or now - since < rules.not_found_after_s:
        return Change(order, after)
    reason = f"{misses} answers left it out"
    return _unanswered(order, after, since, reason, now) or Change(order, after)


def aside(order: Order, since: float, words: str, now: float) -> Change | None:
    """Returns `order.unanswered` for an order that breaks the calls that name it; None where that is told already."""
    after = replace(order, version=order.version + 1)
    return _unanswered(order, after, since, f"calls that name it fail: {words}"[:REASON_MAX], now)


def stuck(order: Order, now: float, rules: PollRules) -> Change | None:
    """Returns `order.stuck`, once, for an open order that was seen to make no progress for `stuck_after`; None: it is
    not stuck."""
    since = order.progressed_at if order.progressed_at is not None else order.tracked_at
    # After an outage, ours or the panel's, the last answer counts: what was not seen may have been progress.
    seen_for_s = (order.last_polled_at or since) - since
    waits = order.status in OPEN and order.status is not OrderStatus.PAUSED
    if order.stuck_told or not waits or order.tracking is not Tracking.ACTIVE or seen_for_s < rules.stuck_after_s:
        return None
    after = replace(order, stuck_told=True, seq=order.seq + 1, notices=order.notices + 1, version=order.version + 1)
    facts = {"stuck": {"since": rfc3339(since)}}
    return Change(order, after, events=(events.order_event("order.stuck", order, after, after.seq, now, facts=facts),))


def _unanswered(order: Order, after: Order, since: float, reason: str, now: float) -> Change | None:
    if order.unanswered_told or order.tracking is not Tracking.ACTIVE:
        return None
    after = replace(after, unanswered_told=True, seq=order.seq + 1, notices=order.notices + 1)
    facts = {"unanswered": {"since": rfc3339(since), "reason": reason}}
    event = events.order_event("order.unanswered", order, after, after.seq, now, facts=facts)
    return Change(order, after, events=(event,))
