"""The watchdog of a running tracker: once a second the main thread checks that everything still turns.

It feeds systemd's watchdog, notices when the wall clock was set, and reports a database that takes no writes. It never
waits for anything. Passing trouble of the database does not stop it; the loss of the database does.
"""

from collections.abc import Callable

from tracker.daemon.components import Components
from tracker.daemon.lock import InstanceLock
from tracker.daemon.sdnotify import Notifier
from tracker.db.errors import DatabaseTrouble
from tracker.log import get

log = get(__name__)

STEP_S = 5.0  # a wall clock that moves this much more or less than time passed has been set
DEGRADED_AFTER_S = 10.0  # a database that takes no writes for this long is reported


class Watchdog:
    """Checks everything at each beat.

    feed_s: how often systemd's watchdog is to be fed; None: there is none.
    stuck: returns why it must not be fed, "" while everything turns.
    stepped: called when the wall clock was set.
    unserved: returns what does not work without stopping the rest, for `tracker health`.
    """

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
        self._clock = components.world.clock
        self._instance = instance
        self._notifier = notifier
        self._feed_s = feed_s
        self._stuck = stuck
        self._stepped = stepped
        self._unserved = unserved
        self._fed = 0.0
        self._wall, self._mono = self._clock.now(), self._clock.monotonic()
        self._step_s = 0.0  # by how much the schedule still has to be moved
        self._degraded: tuple[float, str] | None = None
        components.database.look()  # from here on any other file in its place is an error

    def beat(self) -> None:
        """Check everything once.

        Raises UserError (78) when the database is gone or damaged: the tracker must not go on with another file.
        """
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
        """Feed systemd's watchdog, if everything turns."""
        trouble = self._stuck()
        if trouble:
            log.error("watchdog.starved", why=trouble)
            self._notifier.status(trouble)
        elif self._feed_s is not None and self._clock.monotonic() - self._fed >= self._feed_s / 2:
            self._notifier.watchdog()
            self._fed = self._clock.monotonic()

    def _notice_clock_step(self) -> None:
        wall, mono = self._clock.now(), self._clock.monotonic()
        step_s = (wall - self._wall) - (mono - self._mono)
        self._wall, self._mono = wall, mono
        if abs(step_s) >= STEP_S:
            log.warning("clock.stepped", by_s=round(step_s, 1))
            self._step_s += step_s
            self._stepped()

    def _follow_clock(self) -> None:
        """Move the schedule along with a clock that was set back: everything would be due that much later."""
        if self._step_s < 0:
            self._components.store.maintenance.shift_schedule(self._step_s, self._clock.now())
        self._step_s = 0.0

    def _notice_database(self) -> None:
        """Report a database that takes no writes: to systemd and the log at once, to the hooks when it is over.

        Before that the event could not be written.
        """
        trouble = self._components.database.trouble
        if trouble is not None and self._clock.now() - trouble[0] >= DEGRADED_AFTER_S and self._degraded is None:
            self._degraded = trouble
            log.error("tracker.degraded", since=trouble[0], reason=trouble[1])
            self._notifier.status(f"the database takes no writes: {trouble[1]}")
        elif trouble is None and self._degraded is not None:
            since, reason = self._degraded
            self._components.store.maintenance.emit_degraded(since, reason, self._clock.now())
            self._degraded = None
            log.info("tracker.recovered", since=since)
            self._notifier.status("the database takes writes again")
