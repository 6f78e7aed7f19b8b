"""The life of `tracker run`.

    lock -> build -> migrate -> release what a crash left behind -> tick -> SIGTERM -> drain -> exit
                                       ^                             |
                                       +---- drain <- build <- SIGHUP+

Worker pools do the work. The metronome kicks them once a second, and the main thread runs the watchdog. A reload
builds the components of the new configuration, drains, and goes on with them; one that cannot be built changes nothing.
"""

from collections.abc import Callable, Mapping
from functools import partial

from tracker import __version__, clock
from tracker import log as logging
from tracker.config import Config
from tracker.core.liveness import what_is_stuck
from tracker.daemon.build import build, dashboard, lock_path
from tracker.daemon.components import Components
from tracker.daemon.integrity_check import IntegrityCheck
from tracker.daemon.lock import InstanceLock
from tracker.daemon.maintenance import Maintenance
from tracker.daemon.metronome import Metronome
from tracker.daemon.pools import Pools
from tracker.daemon.sdnotify import Notifier, watchdog_interval_s
from tracker.daemon.signals import Signals
from tracker.daemon.watchdog import Watchdog
from tracker.db import migrate
from tracker.errors import TrackerError
from tracker.log import get
from tracker.metrics import NUMBERS

log = get(__name__)

BEAT_S = 1.0
PATIENCE_S = 30.0  # asked of the service manager, again and again, while an order is being placed
STOP_S = 10.0  # what is in flight at SIGTERM has this long to finish


def run(load: Callable[[], Config], environ: Mapping[str, str]) -> None:
    """`tracker run`: works until SIGTERM or SIGINT; SIGHUP reads the configuration anew.

    load: reads and checks the configuration.
    UserError (78) for a bad configuration at the start, (75) when another tracker has the database.
    """
    components = _built(load())
    instance = InstanceLock(lock_path(components.config, components.database))
    instance.take(__version__)
    signals, notifier, feed_s = Signals(), Notifier(environ), watchdog_interval_s(environ)
    checkup = IntegrityCheck(components.database, instance)
    checkup.begin()
    # On PostgreSQL the database keeps its advisory lock while we run: a reload goes on with the same object.
    _prepare(components, notifier.watchdog, crashed=components.database.alone())
    current: Components | None = components
    while current is not None:
        daemon = Daemon(current, instance, signals, notifier, feed_s, checkup.look)
        current = daemon.live(partial(_reloaded, current, load))
        if current is not None:
            _prepare(current, notifier.watchdog, crashed=False)
    notifier.stopping()
    instance.release()


def _built(config: Config, previous: Components | None = None) -> Components:
    components = build(config, previous)
    logging.setup(config.log_level, config.log_format, components.masker)
    return components


def _prepare(components: Components, alive: Callable[[], None], *, crashed: bool) -> None:
    """Bring the database up to the code, and its rows up to the configuration.

    alive: called every so often while that takes long.
    crashed: no other tracker is at work, so claims that are open were left behind by a crash.
    """
    applied = migrate.migrate(components.database)
    if applied:
        log.info("database.migrated", applied=applied)
    components.prepare(alive)
    components.store.panels.forgive_refused_keys()
    if crashed:
        _release_claims(components)
    for warning in components.config.warnings:
        log.warning("config.doubted", about=warning)


def _release_claims(components: Components) -> None:
    """Make due again what a crash cut off; a gateway call that it cut off is unclear from now on."""
    now = components.world.clock.now()
    for call in components.intake.recover(now):
        log.error("gateway.unclear", call=call.name, client=call.client, panel=call.panel, error="cut off by a crash")
    released = components.store.claims.release_claims(now) + components.store.hooks.release_deliveries(now)
    if released:
        log.info("claims.released", count=released)


class Daemon:
    """The tracker at work on one set of components: until the end, or until a reload brings the next set.

    feed_s: how often the service manager's watchdog is to be fed; None: it has none.
    look: called once a second; what it raises ends the daemon.
    """

    def __init__(
        self,
        components: Components,
        instance: InstanceLock,
        signals: Signals,
        notifier: Notifier,
        feed_s: float | None,
        look: Callable[[], None] = lambda: None,
    ) -> None:
        self._components = components
        self._signals = signals
        self._notifier = notifier
        self._look = look
        self._changes = components.gateway.service.changes if components.gateway else None
        self._web = dashboard(components, self._not_ready)
        self._pools = Pools(components)
        self._metronome = Metronome(self._pools.kick, Maintenance(components, signals).jobs())
        self._watchdog = Watchdog(
            components, instance, notifier, feed_s, self._stuck, self._metronome.wake, self._unserved
        )

    def live(self, reload: Callable[[], Components | None]) -> Components | None:
        """Work until told to stop, then drain; returns the components to go on with, None: it is the end.

        reload: builds them when SIGHUP comes; None: the configuration is no good, and this daemon goes on.
        """
        following = None
        try:
            self._start()
            following = self._work(reload)
            return following
        finally:
            self._drain()
            self._components.close(following)

    def _start(self) -> None:
        components = self._components
        # A reload may have brought objects that the last daemon drained.
        for intake in components.intakes.values():
            intake.command.open()
        if self._changes is not None:
            self._changes.open()
        self._metronome.start()
        self._pools.kick()
        if self._web is not None:
            self._web.start()
        self._notifier.ready(f"polling {len(components.panels)} panels, telling {len(components.hooks)} hooks")
        log.info("tracker.started", version=__version__, **_names(components), intakes=sorted(components.intakes))

    def _work(self, reload: Callable[[], Components | None]) -> Components | None:
        while not self._signals.stop:
            if not self._signals.wait(BEAT_S):
                self._look()
                self._watchdog.beat()
            elif not self._signals.stop:
                self._signals.clear()
                following = reload()
                if following is not None:
                    self._notifier.reloading()
                    return following
        return None

    def _drain(self) -> None:
        """Begin nothing new. What is in flight has STOP_S to end; what is cut off comes due again."""
        self._metronome.stop()
        self._pools.stop()
        for intake in self._components.intakes.values():
            intake.command.stop()
        deadline = clock.monotonic() + STOP_S
        if self._changes is not None:
            # An order that is being placed must not be cut off. Clients that come now are told to come again.
            self._changes.close(self._still_waiting)
        if self._web is not None:
            self._web.stop()
        log.info("tracker.stopped", cut_off=self._pools.join(deadline))

    def _still_waiting(self) -> None:
        """Ask for more time: `add_timeout` may be longer than what the unit gives us to stop."""
        self._watchdog.feed()
        self._notifier.extend(PATIENCE_S)

    # --- what the watchdog and the dashboard ask

    def _stuck(self) -> str:
        """Why the watchdog must not be fed; "" while everything turns."""
        return what_is_stuck(self._metronome.silent_s(), self._pools.under_way())

    def _not_ready(self) -> str:
        """Why the tracker does not do its work right now; "" when it does."""
        trouble = self._components.database.trouble
        return self._stuck() if trouble is None else f"the database takes no writes: {trouble[1]}"

    def _unserved(self) -> str:
        """What does not work without stopping the rest: the dashboard's trouble; "" when there is none."""
        return "" if self._web is None else self._web.trouble


def _reloaded(old: Components, load: Callable[[], Config]) -> Components | None:
    """The components of the new configuration; None if it is no good, and the old ones go on as they are."""
    try:
        config = load()
        if config.database_url != old.config.database_url or config.data_dir != old.config.data_dir:
            raise TrackerError("another database or data_dir needs a restart")
        fresh = _built(config, old)
    except TrackerError as error:
        why = " / ".join(line.strip() for line in str(error).splitlines())
        NUMBERS.add("tracker_reloads", "refused")
        log.error("config.refused", error=why, so="the old one stays in force")
        return None
    NUMBERS.add("tracker_reloads", "done")
    log.info("config.reloaded", **_names(fresh))
    return fresh


def _names(components: Components) -> dict[str, list[str]]:
    return {"panels": sorted(components.panels), "hooks": sorted(components.hooks)}
