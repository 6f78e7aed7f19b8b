"""Decides what an answer changes about a refill: the rules of `diff`, without money."""

from typing import Any

from msgspec.structs import replace

from tracker.core.events.events import refill_event
from tracker.core.model import Refill, RefillChange, RefillSnapshot, Refusal, Tracking
from tracker.core.rules import PollRules
from tracker.core.status import REFILL_FINAL, REFILL_OPEN, RefillStatus

_S = RefillStatus

EVENT_OF = {
    _S.COMPLETED: "refill.completed",
    _S.REJECTED: "refill.rejected",
    _S.CANCELED: "refill.canceled",
    _S.FAILED: "refill.failed",
}


def observe(refill: Refill, said: RefillSnapshot, now: float) -> RefillChange | None:
    """Returns what this answer changes; None when it brings no news."""
    status = said.status
    moved = status is not refill.status or (status is _S.UNKNOWN and said.said != refill.status_raw)
    changes: dict[str, Any] = {"refusals": 0, "refused_since": None, "misses": 0, "baseline": False}
    if moved:
        changes |= {"status": status, "status_raw": said.said, "last_changed_at": now}
    elif refill.status_raw is None:
        changes["status_raw"] = said.said  # the status was handed over at intake, now it is confirmed
    if status is not _S.UNKNOWN:
        changes["known_status"] = status
    if status in REFILL_OPEN:
        changes |= {"tracking": Tracking.ACTIVE, "finished_at": None}
    elif status in REFILL_FINAL:
        changes |= {"tracking": Tracking.FINISHED, "finished_at": refill.finished_at or now}
    after = replace(refill, **changes)
    if after == refill:
        return None
    after = replace(after, version=refill.version + 1)
    if refill.baseline or not moved:
        return RefillChange(refill, after)
    after = replace(after, seq=refill.seq + 1, moves=refill.moves + 1)
    returned = status is refill.known_status
    name = "refill.changed" if returned else EVENT_OF.get(status, "refill.changed")
    return RefillChange(refill, after, (refill_event(name, refill, after, after.seq, now),))


def refused(refill: Refill, refusal: Refusal, now: float, rules: PollRules) -> RefillChange | None:
    """Counts a not-found answer; None for any other refusal. Enough of them over long enough end the polling, not the
    refill."""
    if not refusal.not_found or refill.tracking is not Tracking.ACTIVE:
        return None
    since = refill.refused_since if refill.refused_since is not None else now
    after = replace(refill, refusals=refill.refusals + 1, refused_since=since, misses=0, version=refill.version + 1)
    if after.refusals < rules.not_found_polls or now - since < rules.not_found_after_s:
        return RefillChange(refill, after)
    after = replace(
        after, tracking=Tracking.NOT_FOUND, seq=refill.seq + 1, notices=refill.notices + 1, last_changed_at=now
    )
    return RefillChange(refill, after, (refill_event("refill.not_found", refill, after, after.seq, now),))


def missed(refill: Refill) -> RefillChange:
    """Counts an answer that left the refill out."""
    return RefillChange(refill, replace(refill, misses=refill.misses + 1, version=refill.version + 1))
