"""A worker pool: one piece of work repeated until there is none, by at most `width` threads.

The metronome kicks every pool once a second; the store kicks the pool of a hook as soon as it has something to deliver.
A kick is never lost: a thread that found nothing looks again if the pool was kicked meanwhile. Threads live only while
there is work, so a pool that hangs delays nothing but itself.
"""

import math
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext

from tracker import clock
from tracker.db.errors import DatabaseTrouble
from tracker.log import get

log = get(__name__)


class WorkerPool:
    """Repeats a piece of work in threads of its own.

    name: for the log, where a pool is called a lane.
    work: does one unit and says whether there may be more.
    width: how many threads may be at work at once.
    around: a context that each thread opens once, before its first unit.
    deadline_s: how long a unit may take by its own deadline; the watchdog allows some more.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], bool],
        width: int = 1,
        around: Callable[[], AbstractContextManager[None]] = nullcontext,
        deadline_s: float = math.inf,
    ) -> None:
        self.name = name
        self.deadline_s = deadline_s
        self._work = work
        self._width = width
        self._around = around
        self._state = threading.Condition()
        self._threads: set[threading.Thread] = set()
        self._kicks = 0
        self._stopping = False
        self._since: dict[int, float] = {}  # thread -> when it began its unit, monotonic

    def kick(self) -> None:
        """Note that there may be work, and start a thread for it if there is room for one more."""
        with self._state:
            self._kicks += 1
            self._widen()

    def stop(self) -> None:
        """Begin no further unit. Units under way end as they would have."""
        with self._state:
            self._stopping = True

    def join(self, timeout_s: float) -> bool:
        """Wait until no thread is at work; False if one still is after `timeout_s`."""
        with self._state:
            return self._state.wait_for(lambda: not self._threads, timeout_s)

    def longest_s(self) -> float:
        """How long the oldest unit under way has taken so far; 0.0 when there is none."""
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
            # The system has no thread for us at the moment. The work stays in its rows; the next kick tries again.
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
        """Do one unit; False when this thread has left the pool."""
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
        """Strike this thread off the pool; always False, for `_again` to return."""
        with self._state:
            self._since.pop(threading.get_ident(), None)
            self._threads.discard(threading.current_thread())
            self._state.notify_all()
        return False


class Wakeups:
    """Wakes the worker pool of a hook that has something to deliver.

    Made before the store, which calls `wake`; the pools register once they are made.
    """

    def __init__(self) -> None:
        self._pools: Mapping[str, WorkerPool] = {}

    def register(self, pools: Mapping[str, WorkerPool]) -> None:
        """Wake these from now on and no others. pools: by the name of the hook."""
        self._pools = dict(pools)

    def wake(self, hooks: Iterable[str]) -> None:
        """Kick the pools of these hooks, as far as they have one: where there is no daemon, there are none."""
        pools = self._pools
        for hook in hooks:
            if hook in pools:
                pools[hook].kick()
