"""The witness: every call a client made, what was wrong with it, and what it was told."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tracker.simulator.api import PrintedStatus

WINDOW_S = 60.0


class Served(NamedTuple):
    """One good answer about one id. arrival: monotonic seconds of the call it answered."""

    arrival: float
    word: str
    charge: str | None


@dataclass(slots=True, eq=False)
class AuditedCall:
    """One call. Times are monotonic seconds, sim_s simulated seconds since the panel started.

    good: the answer was readable, was the panel's own, and was handed to a client that was still there.
    said: id -> (status word, charge) that the answer tells; counts only when good.
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
    said: dict[str, PrintedStatus] = field(default_factory=dict)
    answered_at: float | None = None


class Audit:
    """Thread-safe. record_served=False keeps no `said`, for long benches."""

    def __init__(self, *, record_served: bool = True) -> None:
        self.record_served = record_served
        self._calls: list[AuditedCall] = []
        self._recent: deque[float] = deque()
        self._changed = threading.Condition()

    def open(self, arrival: float, sim_s: float, connection: int, method: str) -> AuditedCall:
        """Note a call the moment it is read, before anything can go wrong with it."""
        with self._changed:
            call = AuditedCall(len(self._calls) + 1, arrival, sim_s, connection, method)
            self._calls.append(call)
            self._changed.notify_all()
            return call

    def close(self, call: AuditedCall, *, delivered: bool) -> None:
        """Note how the answer ended; an answer that was not delivered whole is not good."""
        with self._changed:
            call.answered_at = time.monotonic()
            call.good = call.good and delivered
            if not call.good:
                call.said = {}
            self._changed.notify_all()

    def over(self, limit: int, arrival: float) -> bool:
        """True when this call is one too many in the 60 seconds before it; one that is, is not counted."""
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
        """Wait until `condition(audit)` holds, looking again at every call; False when time ran out."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), timeout_s)

    def max_in_any_60s(self, actions: Iterable[str] | None = None) -> int:
        """The most calls that ever arrived within 60 seconds, wherever those seconds begin."""
        wanted = None if actions is None else frozenset(actions)
        return max_in_window(call.arrival for call in self.calls if wanted is None or call.action in wanted)

    def calls_by_action(self) -> dict[str, int]:
        return dict(Counter(call.action for call in self.calls))

    def calls_by_fault(self) -> dict[str, int]:
        return dict(Counter(call.fault for call in self.calls if call.fault is not None))

    def wrong_calls(self) -> list[AuditedCall]:
        return [call for call in self.calls if call.wrong]

    def served(self, action: str = "status") -> dict[str, list[Served]]:
        """Per id, every good answer about it in the order of arrival. action: status | refill_status."""
        told: dict[str, list[Served]] = {}
        for call in sorted(self.calls, key=lambda call: call.arrival):
            if call.good and call.action == action:
                for remote_id, (word, charge) in call.said.items():
                    told.setdefault(remote_id, []).append(Served(call.arrival, word, charge))
        return told

    def words(self, remote_id: str, action: str = "status") -> list[str]:
        """The words told about one id, repetitions folded: what a client must have seen, once each."""
        folded: list[str] = []
        for served in self.served(action).get(remote_id, []):
            if not folded or folded[-1] != served.word:
                folded.append(served.word)
        return folded

    def summary(self) -> dict[str, Any]:
        """The figures, ready for JSON."""
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
    """The largest number of arrivals in any half-open window: two that are 60 s apart are not in one."""
    most, inside = 0, deque[float]()
    for arrival in sorted(arrivals):
        inside.append(arrival)
        while arrival - inside[0] >= window_s:
            inside.popleft()
        most = max(most, len(inside))
    return most
