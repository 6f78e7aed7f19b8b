"""What is done every so often beside polling and telling: who is late, the reports' sums, old rows, a summary."""

from tracker import clock
from tracker.daemon.build import Components
from tracker.daemon.signals import Signals
from tracker.log import get

log = get(__name__)

SUMMARY_S = 300.0
FIGURES_SPELL_S = 5.0  # other maintenance is not kept waiting by a long history
CALL_MAX_S = 1_800.0


class Maintenance:
    """One method is one piece of work, called by the metronome; what takes long ends early when a signal came."""

    def __init__(self, components: Components, signals: Signals) -> None:
        self._components = components
        self._signals = signals
        self._zone = components.config.timezone
        self._looked: dict[str, int | None] = {}  # panel -> how far the walk for stuck orders has come

    def look_for_the_late(self) -> None:
        store = self._components.store
        for name, panel in self._components.config.panels.items():
            store.panels.judge_lateness(name, panel.rules, clock.now())
            if not store.panels.in_trouble(name):  # orders of a panel that does not answer are not stuck but unseen
                self._looked[name] = store.stuck.emit(name, panel.rules, self._looked.get(name) or 0, clock.now())

    def add_to_the_figures(self) -> None:
        """The reports' sums follow the log; a reader adds what they lack."""
        until = clock.monotonic() + FIGURES_SPELL_S
        while (
            not self._signals.pending
            and clock.monotonic() < until
            and self._components.store.daily_stats.fold(self._zone)
        ):
            pass

    def clean_up(self) -> None:
        keep = self._components.config.retention
        ages = {
            "transitions": keep.transitions_s,
            "event_bodies": keep.event_bodies_s,
            "attempts": keep.attempts_s,
            "deliveries": keep.deliveries_s,
            "poll_runs": keep.poll_runs_s,
        }
        now = clock.now()
        self._components.store.hooks.drop_held(now)
        # Of another tracker on this database, which died: nobody waits that long for an answer.
        self._components.store.gateway.lose_calls(now - CALL_MAX_S, now)
        before = {kind: now - age_s for kind, age_s in ages.items() if age_s is not None}
        while not self._signals.pending and self._components.store.maintenance.prune(before):
            pass
        self._components.database.checkpoint()

    def summarise(self) -> None:
        with self._components.database.reading() as cur:
            found = cur.run(
                "SELECT panel, count(*), sum(asked), sum(moved), sum(CASE WHEN outcome = 'ok' THEN 0 ELSE 1 END)"
                " FROM poll_runs WHERE finished_at > ? GROUP BY panel ORDER BY panel",
                (clock.now() - SUMMARY_S,),
            ).rows()
        for panel, requests, asked, moved, failed in found:
            log.info("panel.summarised", panel=panel, requests=requests, asked=asked, moved=moved, failed=failed)
