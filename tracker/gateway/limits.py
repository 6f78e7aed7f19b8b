"""Limits of the gateway: clients that wait for one panel, answers that all share, calls under way at the end."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from tracker.clock import Clock
from tracker.core.polling.request_budget import BUDGET_WINDOW_S, Caller
from tracker.core.rules import ClientRules

T = TypeVar("T")

WAITERS_MAX = 120  # clients that wait, at all panels together


def waiters_each(panels: int) -> int:
    """Returns how many clients may wait for each panel, if there are so many; each occupies a thread."""
    return max(4, min(24, WAITERS_MAX // max(panels, 1)))


class CachedAnswer(Generic[T]):
    """An answer that is good for all clients until a moment. The holder of `lock` is getting the next one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.lock = threading.Lock()
        self._kept: tuple[float, T] | None = None

    def good(self) -> T | None:
        return self._kept[1] if self._kept is not None and self._clock.monotonic() < self._kept[0] else None

    def keep(self, answer: T, for_s: float) -> None:
        self._kept = self._clock.monotonic() + for_s, answer


class WaiterLimit:
    """Limits how many clients wait for one panel, so that a panel that hangs does not occupy all threads."""

    def __init__(self, each: int) -> None:
        self._each = each
        self._lock = threading.Lock()
        self._taken: dict[str, int] = defaultdict(int)

    @contextmanager
    def admitted(self, panel: str) -> Iterator[bool]:
        """Enters and leaves a wait for this panel. False: no place is free."""
        with self._lock:
            admitted = self._taken[panel] < self._each
            self._taken[panel] += admitted
        try:
            yield admitted
        finally:
            with self._lock:
                self._taken[panel] -= admitted


class Competitors:
    """Notes which clients asked for calls lately, at each panel."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asked: dict[str, dict[str, float]] = defaultdict(dict)

    def caller(self, client: ClientRules, panel: str) -> Caller:
        """Notes that a client wants a call to this panel made; returns it as the budget sees it."""
        now = self._clock.monotonic()
        asked = self._asked[panel]
        asked[client.name] = now
        competes = any(at > now - BUDGET_WINDOW_S for name, at in list(asked.items()) if name != client.name)
        return Caller(client.name, client.share, competes)


class InFlight:
    """Counts the calls under way; while it is closed, no further one begins."""

    def __init__(self) -> None:
        self._state = threading.Condition()
        self._inside = 0
        self._closed = False

    @contextmanager
    def through(self) -> Iterator[bool]:
        """Counts a call from its beginning to its end. False: it is closed, and the call must not be made."""
        with self._state:
            open_ = not self._closed
            self._inside += open_
        try:
            yield open_
        finally:
            with self._state:
                self._inside -= open_
                self._state.notify_all()

    def open(self) -> None:
        with self._state:
            self._closed = False

    def close(self) -> None:
        with self._state:
            self._closed = True

    def empty(self, timeout_s: float) -> bool:
        """Waits until no call is under way, at most so long; returns whether that is so."""
        with self._state:
            return self._state.wait_for(lambda: self._inside == 0, timeout_s)
