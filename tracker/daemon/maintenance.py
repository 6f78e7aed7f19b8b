"""Maintenance: what is done at intervals beside polling and delivering."""

from collections.abc import Sequence

from tracker.daemon.components import Components
from tracker.daemon.metronome import Job
from tracker.daemon.signals import Signals
from tracker.log import get
from tracker.reports import polling

log = get(__name__)

LATENESS_S = 30.0
DAILY_STATS_S = 20.0
SUMMARY_S = 300.0
SERVICES_S = 600.0
PRUNE_S = 3_600.0
FOLD_MAX_S = 5.0  # of folding at a time, so that a long history does not keep other maintenance waiting
# After this long a gateway call that is still open belongs to a tracker that died. Another tracker on this database may
# have another configuration: the longest `add_timeout` that any may set is 10 minutes, and an answer is tried to be
# recorded for 2 minutes. As much again, and more, is for machines whose clocks differ.
CALL_MAX_S = 1_800.0


class Maintenance:
    """One method is one piece of work. What takes long ends early when a signal has come.

    signals: tells whether one has come.
    """

    def __init__(self, components: Components, signals: Signals) -> None:
        self._components = components
        self._clock = components.world.clock
        self._signals = signals
        self._zone = components.config.timezone
        self._looked: dict[str, int | None] = {}  # panel -> how far the walk for stuck orders has come

    def jobs(self) -> Sequence[Job]:
        """Everything there is to do, with its interval."""
        return (
            Job(self.prune, PRUNE_S),
            Job(self.look_at_panels, LATENESS_S),
            Job(self.look_at_services, SERVICES_S),
            Job(self.fold_daily_stats, DAILY_STATS_S),
            Job(self.summarise, SUMMARY_S),
        )

    def look_at_panels(self) -> None:
        """Raise and clear the alerts that come with time; emit an event for each order that got stuck."""
        store = self._components.store
        for name, panel in self._components.config.panels.items():
            store.panels.look(name, panel.rules, panel.balance_alert is not None, self._clock.now())
            store.stuck.emit_together(name, self._clock.now())
            if not store.panels.in_trouble(name):  # orders of a panel that does not answer are not stuck but unseen
                store.stuck.emit_unanswered(name, panel.rules, self._clock.now())
                self._looked[name] = store.stuck.emit(name, panel.rules, self._looked.get(name) or 0, self._clock.now())

    def look_at_services(self) -> None:
        """Emit an event for each service that has stopped delivering."""
        store = self._components.store
        for name, panel in self._components.config.panels.items():
            if not store.panels.in_trouble(name):
                store.stuck.emit_stalled(name, panel.rules, self._clock.now())

    def fold_daily_stats(self) -> None:
        """Fold new transitions into the sums of the reports; a reader adds those that are not folded yet."""
        until = self._clock.monotonic() + FOLD_MAX_S
        while (
            not self._signals.pending
            and self._clock.monotonic() < until
            and self._components.store.daily_stats.fold(self._zone)
        ):
            pass

    def prune(self) -> None:
        """Delete rows beyond their retention, and settle what was left open for too long."""
        keep = self._components.config.retention
        ages = {
            "transitions": keep.transitions_s,
            "event_bodies": keep.event_bodies_s,
            "attempts": keep.attempts_s,
            "deliveries": keep.deliveries_s,
            "poll_runs": keep.poll_runs_s,
        }
        now = self._clock.now()
        self._components.store.hooks.drop_held(now)
        self._components.store.gateway.lose_calls(now - CALL_MAX_S, now)
        before = {kind: now - age_s for kind, age_s in ages.items() if age_s is not None}
        while not self._signals.pending and self._components.store.maintenance.prune(before):
            pass
        self._components.database.checkpoint()

    def summarise(self) -> None:
        """Log a line for each panel about its calls since the last summary."""
        for row in polling.recent(self._components.database, self._clock.now() - SUMMARY_S):
            log.info("panel.summarised", **row)
