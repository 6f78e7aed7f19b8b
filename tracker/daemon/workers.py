"""A lane: one piece of work repeated until there is none, by at most `width` threads.

The metronome kicks every lane once a second; whoever makes new work kicks its lane at once. A kick
is never lost: a thread that found nothing looks again if it was kicked meanwhile. Threads live only
while there is work, so a lane that hangs holds up nothing but itself.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from tracker import clock
from tracker.db.errors import DatabaseTrouble
from tracker.log import get

log = get(__name__)


class WorkerPool:
    """work: does one unit and says whether there may be more. around: opened once per thread's turn."""

    def __init__(
        self,
        name: str,
        work: Callable[[], bool],
        width: int = 1,
        around: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.name = name
        self._work = work
        self._width = width
        self._around = around
        self._state = threading.Condition()
        self._threads: set[threading.Thread] = set()
        self._kicks = 0
        self._stopping = False
        self._since: dict[int, float] = {}  # thread -> start of the unit it is at, monotonic

    def kick(self) -> None:
        """There may be work."""
        with self._state:
            self._kicks += 1
            self._widen()

    def stop(self) -> None:
        """Take up nothing new."""
        with self._state:
            self._stopping = True

    def join(self, timeout_s: float) -> bool:
        """Wait until no thread is at work; False when some still are after `timeout_s`."""
        with self._state:
            return self._state.wait_for(lambda: not self._threads, timeout_s)

    def longest_s(self) -> float:
        """How long the oldest unit under way has taken so far."""
        with self._state:
            oldest = min(self._since.values(), default=None)
        return 0.0 if oldest is None else clock.monotonic() - oldest

    def _widen(self) -> None:
        if len(self._threads) >= self._width or self._stopping:
            return
        thread = threading.Thread(target=self._turn, name=self.name, daemon=True)
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError as error:
            # No thread to be had at the moment. The work stays in its rows; the next kick tries again.
            self._threads.discard(thread)
            log.warning("lane.starved", lane=self.name, error=str(error))

    def _turn(self) -> None:
        try:
            with self._around():
                while self._again():
                    pass
        except DatabaseTrouble as trouble:
            log.warning("lane.waited", lane=self.name, database=str(trouble))
        except Exception:
            # The next kick starts a new thread; what was claimed comes due again by itself.
            log.exception("lane.failed", lane=self.name)
        finally:
            self._leave()

    def _again(self) -> bool:
        """One unit; False when this thread has left the lane."""
        with self._state:
            if self._stopping:
                return self._leave()
            seen = self._kicks
            self._since[threading.get_ident()] = clock.monotonic()
        more = self._work()
        with self._state:
            self._since.pop(threading.get_ident(), None)
            if more:
                self._widen()
            elif seen == self._kicks:
                return self._leave()
        return True

    def _leave(self) -> bool:
        """This thread takes up nothing more."""
        with self._state:
            self._since.pop(threading.get_ident(), None)
            self._threads.discard(threading.current_thread())
            self._state.notify_all()
        return False
