"""The heart of a running tracker: once a second the main thread looks whether everything still turns.

It feeds systemd's watchdog, notices that the wall clock was set, and tells of a database that takes no
writes. It never waits for anything. No passing trouble of the database stops it, only its loss.
"""

from collections.abc import Callable

from tracker import clock
from tracker.daemon.build import Components
from tracker.daemon.lock import InstanceLock
from tracker.daemon.sdnotify import Notifier
from tracker.db.errors import DatabaseTrouble
from tracker.log import get

log = get(__name__)

STEP_S = 5.0  # a wall clock that moves this much more or less than time passed has been set
DEGRADED_AFTER_S = 10.0  # a database that takes no writes for this long is worth telling


class Watchdog:
    """stuck: why the watchdog must not be fed, "" while everything turns. stepped: the wall clock was set.
    unserved: what does not work and stops nothing, for `tracker health`."""

    def __init__(
        self,
        components: Components,
        instance: InstanceLock,
        notifier: Notifier,
        feed_s: float | None,
        stuck: Callable[[], str],
        stepped: Callable[[], None],
        unserved: Callable[[], str] = lambda: "",
    ) -> None:
        self._components = components
        self._instance = instance
        self._notifier = notifier
        self._feed_s = feed_s
        self._stuck = stuck
        self._stepped = stepped
        self._unserved = unserved
        self._fed = 0.0
        self._wall, self._mono = clock.now(), clock.monotonic()
        self._step_s = 0.0  # by how much the schedule still has to be moved
        self._degraded: tuple[float, str] | None = None
        components.database.look()  # this is the file we work on

    def beat(self) -> None:
        """One look at everything. Raises UserError (78) when the database is gone or damaged: going on would
        be working on another one."""
        self._instance.beat(self._unserved())
        self._components.database.look()
        self.feed()
        self._notice_clock_step()
        try:
            self._follow_clock()
            self._notice_database()
        except DatabaseTrouble as trouble:
            log.warning("heart.waited", database=str(trouble))  # the next beat tries again

    def feed(self) -> None:
        """Tell systemd's watchdog that everything turns, if it does."""
        trouble = self._stuck()
        if trouble:
            log.error("watchdog.starved", why=trouble)
            self._notifier.status(trouble)
        elif self._feed_s is not None and clock.monotonic() - self._fed >= self._feed_s / 2:
            self._notifier.watchdog()
            self._fed = clock.monotonic()

    def _notice_clock_step(self) -> None:
        wall, mono = clock.now(), clock.monotonic()
        step_s = (wall - self._wall) - (mono - self._mono)
        self._wall, self._mono = wall, mono
        if abs(step_s) >= STEP_S:
            log.warning("clock.stepped", by_s=round(step_s, 1))
            self._step_s += step_s
            self._stepped()

    def _follow_clock(self) -> None:
        """A clock set back would leave everything due that much later."""
        if self._step_s < 0:
            self._components.store.maintenance.shift_schedule(self._step_s, clock.now())
        self._step_s = 0.0

    def _notice_database(self) -> None:
        """Told to systemd and the log while it lasts, and to the hooks when it is over: before that there is
        nowhere to write the event down."""
        trouble = self._components.database.trouble
        if trouble is not None and clock.now() - trouble[0] >= DEGRADED_AFTER_S and self._degraded is None:
            self._degraded = trouble
            log.error("tracker.degraded", since=trouble[0], reason=trouble[1])
            self._notifier.status(f"the database takes no writes: {trouble[1]}")
        elif trouble is None and self._degraded is not None:
            since, reason = self._degraded
            self._components.store.maintenance.emit_degraded(since, reason, clock.now())
            self._degraded = None
            log.info("tracker.recovered", since=since)
            self._notifier.status("the database takes writes again")
