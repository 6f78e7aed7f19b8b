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
from tracker.daemon.build import Parts, channel, dashboard, lock_path
from tracker.daemon.integrity_check import Checkup
from tracker.daemon.lock import Instance
from tracker.daemon.maintenance import SUMMARY_S, Chores
from tracker.daemon.sdnotify import Notifier, watchdog_interval_s
from tracker.daemon.signals import Signals
from tracker.daemon.watchdog import Heart
from tracker.daemon.workers import Lane
from tracker.db import migrate
from tracker.errors import TrackerError
from tracker.log import get
from tracker.metrics import NUMBERS

__all__ = ["Daemon", "Parts", "channel", "lock_path", "run"]

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
        parts: Parts,
        instance: Instance,
        signals: Signals,
        notifier: Notifier,
        feed_s: float | None,
        look: Callable[[], None] = lambda: None,
    ) -> None:
        self._parts = parts
        self._signals = signals
        self._notifier = notifier
        self._look = look
        self._gateway = parts.gateway()
        self._web = dashboard(parts, self._not_ready, self._gateway)
        self._heart = Heart(parts, instance, notifier, feed_s, self._stuck, self._wake_metronome, self._unserved)
        self._ticked = clock.monotonic()
        self._deadlines: dict[str, float] = {}
        self._chores = Chores(parts, signals)
        self._poll_lanes = [self._poll_lane(name) for name in parts.pollers]
        self._hook_lanes = [self._hook_lane(name) for name in parts.dispatchers]
        self._intake_lanes = [self._intake_lane(name) for name in parts.collectors]
        self._lanes = self._poll_lanes + self._hook_lanes + self._intake_lanes
        self._scheduler = self._metronome()

    def live(self, reload: Callable[[], Parts | None]) -> Parts | None:
        """Until it is told to stop (None) or to go on with other parts, which `reload` builds.

        What is in flight then has STOP_S to end; what is cut off comes due again.
        """
        try:
            self._start()
            while not self._signals.stop:
                if not self._signals.wait(BEAT_S):
                    self._look()
                    self._heart.beat()
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
        parts = self._parts
        self._scheduler.start()
        self._kick(self._lanes)
        if self._web is not None:
            self._web.start()
        self._notifier.ready(f"polling {len(parts.pollers)} panels, telling {len(parts.dispatchers)} hooks")
        names = {
            "panels": sorted(parts.pollers),
            "hooks": sorted(parts.dispatchers),
            "intakes": sorted(parts.collectors),
        }
        log.info("tracker.started", version=__version__, **names)

    def _finish(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        for lane in self._lanes:
            lane.stop()
        for collector in self._parts.collectors.values():
            collector.stop()
        deadline = clock.monotonic() + STOP_S
        if self._gateway is not None:
            # An order that is being placed must not be cut off: whoever comes now is told to come again.
            self._gateway.close(self._still_waiting)
        if self._web is not None:
            self._web.stop()
        cut = [lane.name for lane in self._lanes if not lane.join(max(0.0, deadline - clock.monotonic()))]
        self._parts.close()
        log.info("tracker.stopped", cut_off=cut)

    def _still_waiting(self) -> None:
        """`add_timeout` may be longer than what the unit gives us to stop."""
        self._heart.feed()
        self._notifier.extend(PATIENCE_S)

    # --- what the dashboard and the heart ask

    def _not_ready(self) -> str:
        """Why the tracker does not do its work right now; "" when it does."""
        trouble = self._parts.database.trouble
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
        for lane in self._lanes:
            if lane.longest_s() > self._deadlines[lane.name] + UNIT_SLACK_S:
                return f"{lane.name} has been at one unit for {lane.longest_s():.0f} s"
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
            (self._chores.clean_up, MAINTENANCE_S, "maintenance"),
            (self._chores.look_for_the_late, LATE_S, "maintenance"),
            (self._chores.add_to_the_figures, FIGURES_S, "maintenance"),
            (self._chores.summarise, SUMMARY_S, "maintenance"),
        ]
        for job, every_s, executor in jobs:
            scheduler.add_job(job, "interval", seconds=every_s, executor=executor)
        return scheduler

    def _tick_polls(self) -> None:
        self._ticked = clock.monotonic()
        self._kick(self._poll_lanes)

    def _tick_deliveries(self) -> None:
        self._kick(self._hook_lanes)

    def _tick_intakes(self) -> None:
        self._kick(self._intake_lanes)

    def _kick(self, lanes: Iterable[Lane]) -> None:
        for lane in lanes:
            lane.kick()

    def _poll_lane(self, name: str) -> Lane:
        rules = self._parts.config.panels[name].rules
        lane = Lane(
            f"poll:{name}",
            self._parts.pollers[name].poll_once,
            rules.max_concurrency,
            self._parts.database.session,
        )
        # An answer that is too odd to be true is asked for a second time.
        self._deadlines[lane.name] = 2 * longest_poll_s(rules)
        return lane

    def _hook_lane(self, name: str) -> Lane:
        rules = self._parts.config.hooks[name].rules
        lane = Lane(
            f"hook:{name}",
            self._parts.dispatchers[name].deliver_once,
            rules.max_concurrency,
            self._parts.database.session,
        )
        self._deadlines[lane.name] = rules.timeout_s
        self._parts.lanes[name] = lane
        return lane

    def _intake_lane(self, name: str) -> Lane:
        collector = self._parts.collectors[name]
        lane = Lane(f"intake:{name}", collector.collect_once, 1, self._parts.database.session)
        self._deadlines[lane.name] = collector.longest_s
        return lane


def run(load: Callable[[], Config], environ: Mapping[str, str]) -> None:
    """`tracker run`: until SIGTERM or SIGINT; SIGHUP reads the configuration anew.

    load: reads and checks the configuration. Raises UserError (78) for a bad one at the start, and
    (75) when another tracker has the database.
    """
    parts = _built(load())
    instance = Instance(lock_path(parts.config, parts.database))
    instance.take(__version__)
    signals, notifier, feed_s = Signals(), Notifier(environ), watchdog_interval_s(environ)
    guarded = parts.database  # keeps its advisory lock while we run, whatever a reload builds
    checkup = Checkup(parts.database, instance)
    checkup.begin()
    _prepare(parts, notifier.watchdog, crashed=guarded.alone())
    current: Parts | None = parts
    while current is not None:
        old = current
        daemon = Daemon(old, instance, signals, notifier, feed_s, checkup.look)
        current = daemon.live(lambda: _reloaded(old, load))  # noqa: B023
        if current is not None:
            _prepare(current, notifier.watchdog, crashed=False)
    notifier.stopping()
    instance.release()


def _built(config: Config) -> Parts:
    parts = Parts(config)
    logging.setup(config.log_level, config.log_format, parts.masker)
    return parts


def _prepare(parts: Parts, alive: Callable[[], None], *, crashed: bool) -> None:
    """Bring the database up to the code and its rows up to the configuration.

    crashed: nobody else is at work, so claims that are open were left behind.
    """
    applied = migrate.migrate(parts.database)
    if applied:
        log.info("database.migrated", applied=applied)
    parts.prepare(alive)
    parts.store.forgive_refused_keys()
    now = clock.now()
    for call in parts.intake.recover(now) if crashed else ():
        log.error("gateway.unclear", call=call.name, client=call.client, panel=call.panel, error="cut off by a crash")
    released = parts.store.release_claims(now) + parts.store.release_deliveries(now) if crashed else 0
    if released:
        log.info("claims.released", count=released)
    for warning in parts.config.warnings:
        log.warning("config.doubted", about=warning)


def _reloaded(old: Parts, load: Callable[[], Config]) -> Parts | None:
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
