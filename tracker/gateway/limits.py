"""Who may go in and wait: clients before a panel that is slow, calls under way when the tracker is told to stop."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from tracker import clock

T = TypeVar("T")

WAITERS_MAX = 120  # clients that wait, whatever for


def waiters_each(panels: int) -> int:
    """How many clients may wait for each of so many panels; each has a thread of its own."""
    return max(4, min(24, WAITERS_MAX // max(panels, 1)))


class CachedAnswer(Generic[T]):
    """An answer that is good for all who ask until a moment; whoever holds `lock` is getting the next one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._kept: tuple[float, T] | None = None

    def good(self) -> T | None:
        return self._kept[1] if self._kept is not None and clock.monotonic() < self._kept[0] else None

    def keep(self, answer: T, for_s: float) -> None:
        self._kept = clock.monotonic() + for_s, answer


class WaiterLimit:
    """How many may wait for one panel: one that hangs keeps nobody else's thread."""

    def __init__(self, each: int) -> None:
        self._each = each
        self._lock = threading.Lock()
        self._taken: dict[str, int] = defaultdict(int)

    @contextmanager
    def admitted(self, panel: str) -> Iterator[bool]:
        """False: none is free."""
        with self._lock:
            admitted = self._taken[panel] < self._each
            self._taken[panel] += admitted
        try:
            yield admitted
        finally:
            with self._lock:
                self._taken[panel] -= admitted


class InFlight:
    """Counts who is inside; while it is closed, nobody goes in."""

    def __init__(self) -> None:
        self._state = threading.Condition()
        self._inside = 0
        self._closed = False

    @contextmanager
    def through(self) -> Iterator[bool]:
        """False: it is closed."""
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
        with self._state:
            return self._state.wait_for(lambda: self._inside == 0, timeout_s)
