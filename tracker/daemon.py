"""The composition root: the only place that builds anything, and the life of `tracker run`.

    build -> lock -> migrate -> release what a crash left behind -> tick -> SIGTERM -> drain -> exit

APScheduler is the metronome: its jobs only kick lanes. The main thread is the heart: once a second it
looks whether everything turns and whether the wall clock stepped.
"""

import random
import signal
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import FrameType

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from tracker import __version__, clock, schema
from tracker.channels import Channel
from tracker.channels.command import CommandChannel
from tracker.channels.webhook import WebhookChannel
from tracker.config import Config, HookConfig, PanelConfig, WebhookConfig
from tracker.database import Database, connect
from tracker.dispatcher import Dispatcher
from tracker.errors import Exit, UserError
from tracker.instance import Instance
from tracker.intake import Intake, Journal
from tracker.lanes import Lane
from tracker.log import Masker, get
from tracker.panel import Panel
from tracker.poller import Poller
from tracker.sdnotify import Notifier, watchdog_interval_s
from tracker.store import Store
from tracker.store.panels import reading_of

log = get(__name__)

TICK_S = 1.0
BEAT_S = 1.0
STOP_S = 10.0  # what is in flight at SIGTERM has this long to finish
STEP_S = 5.0  # a wall clock that moves this much more or less than time passed has been set
MAINTENANCE_S = 3_600.0
SUMMARY_S = 300.0
SILENT_MAX_S = 30.0  # without a tick of the metronome for this long, the watchdog is not fed
UNIT_SLACK_S = 180.0  # a unit of work may take its own deadline and this much for the database


class Parts:
    """Everything a configuration describes, built once, closed in reverse."""

    def __init__(self, config: Config) -> None:
        self.config = config
        own_directory(config.data_dir)
        self.masker = Masker(secret.reveal() for secret in config.secrets())
        self.database: Database = connect(config.database_url)
        self.lanes: dict[str, Lane] = {}  # hook -> its lane, once there are lanes
        self.store = Store(self.database, [hook.rules for hook in config.hooks.values()], self._wake)
        self.panels: dict[str, Panel] = {}
        self.pollers = {name: self._poller(panel) for name, panel in config.panels.items()}
        self.channels: dict[str, Channel] = {name: channel(hook) for name, hook in config.hooks.items()}
        self.dispatchers = {name: self._dispatcher(hook) for name, hook in config.hooks.items()}
        words = {name: panel.rules.status_map for name, panel in config.panels.items()}
        self.intake = Intake(self.store, Journal(config.data_dir / "intake.ndjson"), words)
        self.instance = Instance(lock_path(config, self.database))

    def prepare(self) -> None:
        """Make the rows match the configuration."""
        readings = {name: reading_of(panel.rules) for name, panel in self.config.panels.items()}
        self.store.sync_panels(readings, clock.now())
        self.store.adopt_deliveries(set(self.config.hooks), clock.now())

    def close(self) -> None:
        for channel_ in self.channels.values():
            channel_.close()
        for panel in self.panels.values():
            panel.close()

    def _wake(self, hooks: Iterable[str]) -> None:
        for hook in hooks:
            if hook in self.lanes:
                self.lanes[hook].kick()

    def _poller(self, config: PanelConfig) -> Poller:
        # The panel asks its poller whether the budget allows a second try; the poller owns the panel.
        panel = Panel(config, lambda: self.pollers[config.name].may_retry())
        self.panels[config.name] = panel
        return Poller(self.store, panel, config, random.random)

    def _dispatcher(self, hook: HookConfig) -> Dispatcher:
        return Dispatcher(self.store, hook.rules, self.channels[hook.name], self.masker, random.random)


def own_directory(path: Path) -> None:
    """Make the data directory, 0700, or say why it cannot be used (78)."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UserError(
            f"cannot use {path}: {error.strerror}", ["set daemon.data_dir to a directory this user may write"], Exit.CONFIG
        ) from error


def channel(hook: HookConfig) -> Channel:
    """The way out of one hook."""
    if isinstance(hook.channel, WebhookConfig):
        return WebhookChannel(hook.channel, hook.rules)
    return CommandChannel(hook.channel, hook.rules)


def lock_path(config: Config, database: Database) -> Path:
    """The instance lock: beside the SQLite file, or in the data directory."""
    if database.path is not None:
        return database.path.with_name(database.path.name + ".lock")
    return config.data_dir / "tracker.lock"


class Daemon:
    """The running tracker."""

    def __init__(self, parts: Parts, notifier: Notifier, environ: Mapping[str, str]) -> None:
        self._parts = parts
        self._notifier = notifier
        self._stop = threading.Event()
        self._ticked = clock.monotonic()
        self._deadlines: dict[str, float] = {}
        self._poll_lanes = [self._poll_lane(name) for name in parts.pollers]
        self._hook_lanes = [self._hook_lane(name) for name in parts.dispatchers]
        self._feed_s = watchdog_interval_s(environ)
        self._fed = 0.0
        self._scheduler = self._metronome()

    def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises UserError (75) when another one runs already."""
        self._parts.instance.take(__version__)
        try:
            self._start()
            while not self._stop.wait(BEAT_S):
                self._beat()
        finally:
            self._finish()

    def stop(self, _signum: int = signal.SIGTERM, _frame: FrameType | None = None) -> None:
        """Ask for the end; a signal handler."""
        self._stop.set()

    def _start(self) -> None:
        parts = self._parts
        applied = schema.migrate(parts.database)
        if applied:
            log.info("database.migrated", applied=applied)
        parts.prepare()
        now = clock.now()
        released = parts.store.release_claims(now) + parts.store.release_deliveries(now)
        if released:
            log.info("claims.released", count=released)
        for warning in parts.config.warnings:
            log.warning("config.doubted", about=warning)
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self.stop)
        self._wall, self._mono = clock.now(), clock.monotonic()
        self._scheduler.start()
        self._kick(self._poll_lanes + self._hook_lanes)
        self._notifier.ready(f"polling {len(parts.pollers)} panels, telling {len(parts.dispatchers)} hooks")
        log.info(
            "tracker.started",
            version=__version__,
            panels=sorted(parts.pollers),
            hooks=sorted(parts.dispatchers),
        )

    def _finish(self) -> None:
        """Take up nothing new, let what is in flight end, then leave; what is cut off comes due again."""
        self._notifier.stopping()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        lanes = self._poll_lanes + self._hook_lanes
        for lane in lanes:
            lane.stop()
        deadline = clock.monotonic() + STOP_S
        cut = [lane.name for lane in lanes if not lane.join(max(0.0, deadline - clock.monotonic()))]
        self._parts.close()
        self._parts.instance.release()
        log.info("tracker.stopped", cut_off=cut)

    # --- the heart

    def _beat(self) -> None:
        self._parts.instance.beat()
        self._notice_clock_step()
        trouble = self._stuck()
        if trouble:
            log.error("watchdog.starved", why=trouble)
            self._notifier.status(trouble)
        elif self._feed_s is not None and clock.monotonic() - self._fed >= self._feed_s / 2:
            self._notifier.watchdog()
            self._fed = clock.monotonic()

    def _stuck(self) -> str:
        """Why the watchdog must not be fed; "" while everything turns."""
        if clock.monotonic() - self._ticked > SILENT_MAX_S:
            return "the metronome does not tick"
        for lane in self._poll_lanes + self._hook_lanes:
            if lane.longest_s() > self._deadlines[lane.name] + UNIT_SLACK_S:
                return f"{lane.name} has been at one unit for {lane.longest_s():.0f} s"
        return ""

    def _notice_clock_step(self) -> None:
        """APScheduler sleeps until a wall-clock moment: after a step back it would sleep for hours."""
        wall, mono = clock.now(), clock.monotonic()
        step_s = (wall - self._wall) - (mono - self._mono)
        self._wall, self._mono = wall, mono
        if abs(step_s) < STEP_S:
            return
        log.warning("clock.stepped", by_s=round(step_s, 1))
        if step_s < 0:
            self._parts.store.shift_schedule(step_s, wall)
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
            (self._maintain, MAINTENANCE_S, "maintenance"),
            (self._summarise, SUMMARY_S, "maintenance"),
        ]
        for job, every_s, executor in jobs:
            scheduler.add_job(job, "interval", seconds=every_s, executor=executor)
        return scheduler

    def _tick_polls(self) -> None:
        self._ticked = clock.monotonic()
        self._kick(self._poll_lanes)

    def _tick_deliveries(self) -> None:
        self._kick(self._hook_lanes)

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
        # A cut-off call may be made a second time, and catalogues take longest.
        self._deadlines[lane.name] = 2 * max(rules.timeout_s, 90.0)
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

    # --- what keeps the house clean

    def _maintain(self) -> None:
        keep = self._parts.config.retention
        ages = {
            "transitions": keep.transitions_s,
            "event_bodies": keep.event_bodies_s,
            "attempts": keep.attempts_s,
            "deliveries": keep.deliveries_s,
            "poll_runs": keep.poll_runs_s,
        }
        now = clock.now()
        before = {kind: now - age_s for kind, age_s in ages.items() if age_s is not None}
        while not self._stop.is_set() and self._parts.store.prune(before):
            pass
        self._parts.database.checkpoint()

    def _summarise(self) -> None:
        with self._parts.database.reading() as cur:
            found = cur.run(
                "SELECT panel, count(*), sum(asked), sum(moved), sum(CASE WHEN outcome = 'ok' THEN 0 ELSE 1 END)"
                " FROM poll_runs WHERE finished_at > ? GROUP BY panel ORDER BY panel",
                (clock.now() - SUMMARY_S,),
            ).rows()
        for panel, requests, asked, moved, failed in found:
            log.info("panel.summarised", panel=panel, requests=requests, asked=asked, moved=moved, failed=failed)


def run(config: Config, environ: Mapping[str, str]) -> None:
    """`tracker run`."""
    parts = Parts(config)
    Daemon(parts, Notifier(environ), environ).run()
