"""Waiting for events: one thread reads the event log for all requests that wait.

Rule 1: the log is read only while a request waits.
Rule 2: at most WAITING_MAX requests wait at once, so that there are always threads for other requests.
Rule 3: when the dashboard stops, all waits end at once.
Rule 4: a client that hangs up frees its place.
"""

import threading
from collections.abc import Callable

from tracker import clock
from tracker.db.database import Database
from tracker.db.errors import DatabaseTrouble
from tracker.reports import outbox

WAITING_MAX = 16  # the server has this many threads in addition to those it needs
LOOK_EVERY_S = 0.2
TROUBLED_S = 1.0
THERE_EVERY_S = 0.5  # how often to check whether the waiting client is still connected


class EventWait:
    """Lets requests wait until the event log has an event beyond a given number."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._changed = threading.Condition()
        self._newest = 0
        self._waiting = 0
        self._looking = False
        self._ended = False

    def wait(self, after: int, timeout_s: float, gone: Callable[[], bool]) -> bool:
        """Wait until there is an event beyond `after`, and return True.

        Returns False when the time is over, the client has hung up, too many wait already, or the dashboard stops.

        gone: whether the client has hung up; it must return quickly.
        """
        with self._changed:
            if self._ended or self._waiting >= WAITING_MAX:
                return False
            self._waiting += 1
            try:
                self._look_out()
                deadline = clock.monotonic() + timeout_s
                while not (self._ended or self._newest > after or gone()):
                    left_s = deadline - clock.monotonic()
                    if left_s <= 0:
                        break
                    self._changed.wait(min(left_s, THERE_EVERY_S))
                return not self._ended and self._newest > after
            finally:
                self._waiting -= 1

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _look_out(self) -> None:
        if not self._looking:
            threading.Thread(target=self._look, name="web:news", daemon=True).start()
            self._looking = True  # after start(): the new thread first waits for the lock held here

    def _look(self) -> None:
        try:
            while True:
                try:
                    return self._watch()
                except DatabaseTrouble:
                    self._pause(TROUBLED_S)
        except Exception:
            with self._changed:
                self._looking = False  # the next request to wait starts a new thread
            raise

    def _watch(self) -> None:
        with self._database.session():
            while self._somebody_waits():
                newest = outbox.last_number(self._database)
                with self._changed:
                    if newest != self._newest:
                        self._newest = newest
                        self._changed.notify_all()
                self._pause(LOOK_EVERY_S)

    def _somebody_waits(self) -> bool:
        with self._changed:
            self._looking = self._waiting > 0 and not self._ended
            return self._looking

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._ended, seconds)
