"""The record of every call that clients made: what was wrong with it, and which statuses it was answered with."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

from tracker.simulator.api import PrintedStatus

WINDOW_S = 60.0


class Served(NamedTuple):
    """One status that a good answer gave for one id. arrival: monotonic seconds at which the call arrived."""

    arrival: float
    word: str
    charge: str | None


@dataclass(slots=True, eq=False)
class AuditedCall:
    """One call. Times are in monotonic seconds; sim_s is in simulated seconds since the panel started.

    client: the key that was sent.
    wrong: what a well-behaved client would have done otherwise.
    good: the answer was readable, was the panel's own, and was handed to a client that was still connected.
    statuses: id -> (status word, charge) in the answer; empty unless the answer was good.
    """

    number: int
    arrival: float
    sim_s: float
    connection: int
    method: str = "POST"
    action: str = ""
    ids: tuple[str, ...] = ()
    client: str = ""
    wrong: list[str] = field(default_factory=list)
    fault: str | None = None
    http: int | None = None
    good: bool = False
    statuses: dict[str, PrintedStatus] = field(default_factory=dict)
    answered_at: float | None = None

    def as_json(self) -> dict[str, Any]:
        """The call as JSON for another process; the key and the statuses are left out."""
        return {
            "number": self.number, "arrival": self.arrival, "sim_s": self.sim_s, "action": self.action,
            "connection": self.connection, "ids": self.ids, "wrong": self.wrong, "fault": self.fault,
            "http": self.http, "good": self.good, "answered_at": self.answered_at,
        }  # fmt: skip


class Audit:
    """The calls of one panel, in the order in which they arrived. Thread-safe.

    record_served: False keeps no statuses, which saves memory in long benches.
    """

    def __init__(self, *, record_served: bool = True) -> None:
        self.record_served = record_served
        self._calls: list[AuditedCall] = []
        self._recent: deque[float] = deque()
        self._changed = threading.Condition()

    def open(self, arrival: float, sim_s: float, connection: int, method: str) -> AuditedCall:
        """Adds a call as soon as it is read, before anything can go wrong with it."""
        with self._changed:
            call = AuditedCall(len(self._calls) + 1, arrival, sim_s, connection, method)
            self._calls.append(call)
            self._changed.notify_all()
            return call

    def close(self, call: AuditedCall, *, delivered: bool) -> None:
        """Records that the call is over. delivered: the whole answer was sent; otherwise it is not good."""
        with self._changed:
            call.answered_at = time.monotonic()
            call.good = call.good and delivered
            if not call.good:
                call.statuses = {}
            self._changed.notify_all()

    def exceeds(self, limit: int, arrival: float) -> bool:
        """Returns True when `limit` calls were let through in the 60 seconds before this one; else counts this one."""
        with self._changed:
            while self._recent and arrival - self._recent[0] >= WINDOW_S:
                self._recent.popleft()
            if len(self._recent) >= limit:
                return True
            self._recent.append(arrival)
            return False

    @property
    def calls(self) -> list[AuditedCall]:
        with self._changed:
            return list(self._calls)

    def wait_for(self, condition: Callable[["Audit"], bool], timeout_s: float = 10.0) -> bool:
        """Waits until `condition(audit)` holds, checked after every call; returns False when time ran out."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), timeout_s)

    def max_in_any_60s(self, actions: Iterable[str] | None = None) -> int:
        """The most calls that arrived within any 60 seconds. actions: count only these."""
        wanted = None if actions is None else frozenset(actions)
        return max_in_window(call.arrival for call in self.calls if wanted is None or call.action in wanted)

    def calls_by_action(self) -> dict[str, int]:
        return dict(Counter(call.action for call in self.calls))

    def calls_by_fault(self) -> dict[str, int]:
        return dict(Counter(call.fault for call in self.calls if call.fault is not None))

    def wrong_calls(self) -> list[AuditedCall]:
        return [call for call in self.calls if call.wrong]

    def served(self, action: str = "status") -> dict[str, list[Served]]:
        """id -> every status that a good answer gave for it, oldest first. action: status | refill_status."""
        found: dict[str, list[Served]] = {}
        for call in sorted(self.calls, key=lambda call: call.arrival):
            if call.good and call.action == action:
                for remote_id, (word, charge) in call.statuses.items():
                    found.setdefault(remote_id, []).append(Served(call.arrival, word, charge))
        return found

    def words(self, remote_id: str, action: str = "status") -> list[str]:
        """The status words served for one id, without repetitions: each change that a client must have seen."""
        return list(without_repeats(served.word for served in self.served(action).get(remote_id, [])))

    def summary(self) -> dict[str, Any]:
        """Counts of everything, ready for JSON."""
        calls = self.calls
        return {
            "calls": len(calls),
            "good": sum(call.good for call in calls),
            "by_action": self.calls_by_action(),
            "by_fault": self.calls_by_fault(),
            "max_in_any_60s": self.max_in_any_60s(),
            "wrong": dict(Counter(reason for call in calls for reason in call.wrong)),
        }


def max_in_window(arrivals: Iterable[float], window_s: float = WINDOW_S) -> int:
    """The largest number of arrivals in any half-open window: two that are `window_s` apart do not share one."""
    most, inside = 0, deque[float]()
    for arrival in sorted(arrivals):
        inside.append(arrival)
        while arrival - inside[0] >= window_s:
            inside.popleft()
        most = max(most, len(inside))
    return most


def without_repeats(words: Iterable[str]) -> tuple[str, ...]:
    """The words with each run of equal ones shortened to one."""
    return tuple(word for word, _ in groupby(words))
