"""The life of `tracker run`.

    lock -> build -> migrate -> release what a crash left behind -> tick -> SIGTERM -> drain -> exit
                                       ^                             |
                                       +---- drain <- build <- SIGHUP+

APScheduler is the metronome: its jobs only kick lanes. The main thread is the heart. A reload builds
everything anew from the new configuration and swaps it in; one that cannot be built changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from tracker import __version__, clock
from tracker import log as logging
from tracker.config import Config
from tracker.core.polling.call_timeouts import longest_poll_s
from tracker.daemon.build import Components, channel, dashboard, lock_path
from tracker.daemon.integrity_check import IntegrityCheck
from tracker.daemon.lock import InstanceLock
from tracker.daemon.maintenance import SUMMARY_S, Maintenance
from tracker.daemon.sdnotify import Notifier, watchdog_interval_s
from tracker.daemon.signals import Signals
from tracker.daemon.watchdog import Watchdog
from tracker.daemon.workers import WorkerPool
from tracker.db import migrate
from tracker.errors import TrackerError
from tracker.log import get
from tracker.metrics import NUMBERS

__all__ = ["Components", "Daemon", "channel", "lock_path", "run"]

log = get(__name__)

TICK_S = 1.0
BEAT_S = 1.0
PATIENCE_S = 30.0  # that the service manager is asked for while an order is under way
STOP_S = 10.0  # what is in flight at SIGTERM has this long to finish
MAINTENANCE_S = 3_600.0
LATE_S = 30.0
FIGURES_S = 20.0
SILENT_MAX_S = 30.0  # without a tick of the metronome for this long, the watchdog is not fed
UNIT_SLACK_S = 180.0  # a unit of work may take its own deadline and this much for the database


class Daemon:
    """The running tracker. look: called every so often, and ends it by what it raises."""

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
        self._gateway = components.gateway()
        self._web = dashboard(components, self._not_ready, self._gateway)
        self._watchdog = Watchdog(
            components, instance, notifier, feed_s, self._stuck, self._wake_metronome, self._unserved
        )
        self._ticked = clock.monotonic()
        self._deadlines: dict[str, float] = {}
        self._maintenance = Maintenance(components, signals)
        self._poll_pools = [self._poll_pool(name) for name in components.pollers]
        self._hook_pools = [self._hook_pool(name) for name in components.dispatchers]
        self._intake_pools = [self._intake_pool(name) for name in components.intake_commands]
        self._pools = self._poll_pools + self._hook_pools + self._intake_pools
        self._scheduler = self._metronome()

    def live(self, reload: Callable[[], Components | None]) -> Components | None:
        """Until it is told to stop (None) or to go on with other parts, which `reload` builds.

        What is in flight then has STOP_S to end; what is cut off comes due again.
        """
        try:
            self._start()
            while not self._signals.stop:
                if not self._signals.wait(BEAT_S):
                    self._look()
                    self._watchdog.beat()
                elif not self._signals.stop:
                    self._signals.clear()
                    fresh = reload()
                    if fresh is not None:
                        self._notifier.reloading()
                        return fresh
            return None
        finally:
            self._finish()

    def _start(self) -> None:
        components = self._components
        self._scheduler.start()
        self._kick(self._pools)
        if self._web is not None:
            self._web.start()
        self._notifier.ready(f"polling {len(components.pollers)} panels, telling {len(components.dispatchers)} hooks")
        names = {
            "panels": sorted(components.pollers),
            "hooks": sorted(components.dispatchers),
            "intakes": sorted(components.intake_commands),
        }
        log.info("tracker.started", version=__version__, **names)

    def _finish(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        for pool in self._pools:
            pool.stop()
        for command in self._components.intake_commands.values():
            command.stop()
        deadline = clock.monotonic() + STOP_S
        if self._gateway is not None:
            # An order that is being placed must not be cut off: whoever comes now is told to come again.
            self._gateway.close(self._still_waiting)
        if self._web is not None:
            self._web.stop()
        cut = [pool.name for pool in self._pools if not pool.join(max(0.0, deadline - clock.monotonic()))]
        self._components.close()
        log.info("tracker.stopped", cut_off=cut)

    def _still_waiting(self) -> None:
        """`add_timeout` may be longer than what the unit gives us to stop."""
        self._watchdog.feed()
        self._notifier.extend(PATIENCE_S)

    # --- what the dashboard and the heart ask

    def _not_ready(self) -> str:
        """Why the tracker does not do its work right now; "" when it does."""
        trouble = self._components.database.trouble
        if trouble is not None:
            return f"the database takes no writes: {trouble[1]}"
        return self._stuck()

    def _unserved(self) -> str:
        """What does not work and stops nothing."""
        return "" if self._web is None else self._web.trouble

    def _stuck(self) -> str:
        """Why the watchdog must not be fed; "" while everything turns."""
        if clock.monotonic() - self._ticked > SILENT_MAX_S:
            return "the metronome does not tick"
        for pool in self._pools:
            if pool.longest_s() > self._deadlines[pool.name] + UNIT_SLACK_S:
                return f"{pool.name} has been at one unit for {pool.longest_s():.0f} s"
        return ""

    def _wake_metronome(self) -> None:
        """APScheduler sleeps until a wall-clock moment: after a step back it would sleep for hours."""
        for job in self._scheduler.get_jobs():
            job.reschedule("interval", seconds=job.trigger.interval.total_seconds())

    # --- the metronome and its lanes

    def _metronome(self) -> BackgroundScheduler:
        scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={"default": ThreadPoolExecutor(2), "maintenance": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        jobs: list[tuple[Callable[[], None], float, str]] = [
            (self._tick_polls, TICK_S, "default"),
            (self._tick_deliveries, TICK_S, "default"),
            (self._tick_intakes, TICK_S, "default"),
            (self._maintenance.clean_up, MAINTENANCE_S, "maintenance"),
            (self._maintenance.look_for_the_late, LATE_S, "maintenance"),
            (self._maintenance.add_to_the_figures, FIGURES_S, "maintenance"),
            (self._maintenance.summarise, SUMMARY_S, "maintenance"),
        ]
        for job, every_s, executor in jobs:
            scheduler.add_job(job, "interval", seconds=every_s, executor=executor)
        return scheduler

    def _tick_polls(self) -> None:
        self._ticked = clock.monotonic()
        self._kick(self._poll_pools)

    def _tick_deliveries(self) -> None:
        self._kick(self._hook_pools)

    def _tick_intakes(self) -> None:
        self._kick(self._intake_pools)

    def _kick(self, pools: Iterable[WorkerPool]) -> None:
        for pool in pools:
            pool.kick()

    def _poll_pool(self, name: str) -> WorkerPool:
        rules = self._components.config.panels[name].rules
        pool = WorkerPool(
            f"poll:{name}",
            self._components.pollers[name].poll_once,
            rules.max_concurrency,
            self._components.database.session,
        )
        # An answer that is too odd to be true is asked for a second time.
        self._deadlines[pool.name] = 2 * longest_poll_s(rules)
        return pool

    def _hook_pool(self, name: str) -> WorkerPool:
        rules = self._components.config.hooks[name].rules
        pool = WorkerPool(
            f"hook:{name}",
            self._components.dispatchers[name].deliver_once,
            rules.max_concurrency,
            self._components.database.session,
        )
        self._deadlines[pool.name] = rules.timeout_s
        self._components.pools[name] = pool
        return pool

    def _intake_pool(self, name: str) -> WorkerPool:
        command = self._components.intake_commands[name]
        pool = WorkerPool(f"intake:{name}", command.run_once, 1, self._components.database.session)
        self._deadlines[pool.name] = command.longest_s
        return pool


def run(load: Callable[[], Config], environ: Mapping[str, str]) -> None:
    """`tracker run`: until SIGTERM or SIGINT; SIGHUP reads the configuration anew.

    load: reads and checks the configuration. Raises UserError (78) for a bad one at the start, and
    (75) when another tracker has the database.
    """
    components = _built(load())
    instance = InstanceLock(lock_path(components.config, components.database))
    instance.take(__version__)
    signals, notifier, feed_s = Signals(), Notifier(environ), watchdog_interval_s(environ)
    guarded = components.database  # keeps its advisory lock while we run, whatever a reload builds
    checkup = IntegrityCheck(components.database, instance)
    checkup.begin()
    _prepare(components, notifier.watchdog, crashed=guarded.alone())
    current: Components | None = components
    while current is not None:
        old = current
        daemon = Daemon(old, instance, signals, notifier, feed_s, checkup.look)
        current = daemon.live(lambda: _reloaded(old, load))  # noqa: B023
        if current is not None:
            _prepare(current, notifier.watchdog, crashed=False)
    notifier.stopping()
    instance.release()


def _built(config: Config) -> Components:
    components = Components(config)
    logging.setup(config.log_level, config.log_format, components.masker)
    return components


def _prepare(components: Components, alive: Callable[[], None], *, crashed: bool) -> None:
    """Bring the database up to the code and its rows up to the configuration.

    crashed: nobody else is at work, so claims that are open were left behind.
    """
    applied = migrate.migrate(components.database)
    if applied:
        log.info("database.migrated", applied=applied)
    components.prepare(alive)
    components.store.panels.forgive_refused_keys()
    now = clock.now()
    for call in components.intake.recover(now) if crashed else ():
        log.error("gateway.unclear", call=call.name, client=call.client, panel=call.panel, error="cut off by a crash")
    released = (
        components.store.claims.release_claims(now) + components.store.hooks.release_deliveries(now) if crashed else 0
    )
    if released:
        log.info("claims.released", count=released)
    for warning in components.config.warnings:
        log.warning("config.doubted", about=warning)


def _reloaded(old: Components, load: Callable[[], Config]) -> Components | None:
    """The parts of the new configuration; None, and the old ones go on as they are, if it is no good."""
    try:
        config = load()
        if config.database_url != old.config.database_url or config.data_dir != old.config.data_dir:
            raise TrackerError("another database or data_dir needs a restart")
        fresh = _built(config)
    except TrackerError as error:
        why = " / ".join(line.strip() for line in str(error).splitlines())
        NUMBERS.add("tracker_reloads", "refused")
        log.error("config.refused", error=why, so="the old one stays in force")
        return None
    NUMBERS.add("tracker_reloads", "done")
    log.info("config.reloaded", panels=sorted(fresh.pollers), hooks=sorted(fresh.dispatchers))
    return fresh
