"""Polls a panel: claims a call, makes it, decides what the answer means, records it.

A poller serves one panel and is called by as many threads as that panel may have calls in flight.
"""

from collections.abc import Callable, Container, Mapping, Sequence

from tracker.clock import Clock
from tracker.config import PanelConfig
from tracker.core.model import Change, Order, Refill, RefillChange, Tracking
from tracker.core.orders import diff, notices, refill_diff
from tracker.core.orders.children import Family, TrackChildren
from tracker.core.polling import batches, plausibility, refused_words, schedule
from tracker.core.polling.refused_words import Refused, RefusedCall
from tracker.core.polling.schedule import Pace
from tracker.core.polling.trouble import Scope
from tracker.core.wire import RefillReading, StatusReading
from tracker.db.database import DbRow
from tracker.errors import PanelError, Trouble
from tracker.log import get
from tracker.metrics import NUMBERS
from tracker.net.panel import PanelClient
from tracker.polling.second_tries import SecondTries
from tracker.store import Answered, Claim, Store
from tracker.store.claims import BORN_AT, ENTRY, FINISHED_AT, ID, REMOTE_ID, TRACKING
from tracker.store.values import NoCall

log = get(__name__)

_TRACKING = {tracking.value: tracking for tracking in Tracking}

Reading = StatusReading | RefillReading
# Takes a claim, the ids that the panel knows, and the moment of its answer; returns the claim to record the answer for.
BeforeRecording = Callable[[Claim, Container[str], float], Claim]


def _as_claimed(claim: Claim, _known: Container[str], _now: float) -> Claim:
    return claim


class Poller:
    """Polls one panel.

    jitter: draws a number in [0, 1).
    track_children: tracks the children that an answer lists, before the answer is recorded.
    """

    def __init__(
        self,
        store: Store,
        panel: PanelClient,
        config: PanelConfig,
        jitter: Callable[[], float],
        track_children: TrackChildren,
        clock: Clock,
    ) -> None:
        self.name = config.name
        self._store = store
        self.persist = store.database.persist
        self._panel = panel
        self._rules = config.rules
        self._balance_alert = config.balance_alert
        self._jitter = jitter
        self._track_children = track_children
        self._clock = clock

    def poll_once(self) -> bool:
        """Makes the call that this panel needs most. False: there was none to make, or it failed."""
        claim = self._store.claims.claim(self.name, self._rules, self._clock.now())
        return not isinstance(claim, NoCall) and self.call(claim) is None

    def call(self, claim: Claim) -> PanelError | None:
        """Makes the claimed call and records its answer; returns the panel's trouble if it failed.

        A refused batch is no trouble: its orders are asked one by one from now on.
        """
        try:
            self.make(claim)
        except PanelError as error:
            return None if error.kind is Trouble.BATCH_REFUSED else error
        return None

    def make(self, claim: Claim, before_recording: BeforeRecording = _as_claimed) -> Reading | None:
        """Makes the claimed call and records its answer; returns what the panel said about orders or refills.

        None: the call was about neither, or its answer was not believed.
        Raises PanelError once the trouble is recorded.

        before_recording: may change the claim when the answer is there and before it is recorded.
        """
        started = self._clock.monotonic()
        with SecondTries(self._store.claims, self.name, self._rules, self._clock) as tries:
            try:
                reading = self._CALLS[batches.action_of(claim.kind)](self, claim, tries, before_recording)
            except PanelError as error:
                NUMBERS.add("tracker_panel_requests", self.name, claim.kind, error.kind.value)
                self._failed(claim, error)
                raise
            NUMBERS.add("tracker_panel_requests", self.name, claim.kind, "ok")
            NUMBERS.observe("tracker_panel_request_seconds", self._clock.monotonic() - started, self.name)
            return reading

    def _failed(self, claim: Claim, error: PanelError) -> None:
        jitter = self._jitter()
        after = self.persist(lambda: self._store.panels.failed(claim, error, jitter, self._rules, self._clock.now()))
        level = log.info if error.kind is Trouble.BATCH_REFUSED else log.warning
        level(
            "panel.failed",
            panel=self.name,
            call=claim.kind,
            trouble=error.kind.value,
            said=error.message,
            reaches=after.scope.value,
            # How long ids are left alone stands with each of them.
            **({} if after.scope is Scope.IDS else {"wait_s": round(after.wait_s, 1)}),
        )

    # --- orders

    def _status(self, claim: Claim, tries: SecondTries, before_recording: BeforeRecording) -> StatusReading | None:
        asked = _ids(claim)
        known = {row[REMOTE_ID]: row[ENTRY] for row in claim.rows if row[ENTRY]}
        reading = self._panel.status(asked, known, tries.allowed)
        now = self._clock.now()
        words = self._refused_words(claim, reading)
        claim = before_recording(claim, reading.snapshots, now)
        orders, changes = self._news(claim, reading, now)
        finished = sum(row[TRACKING] == Tracking.FINISHED for row in claim.rows)
        why = plausibility.doubt(orders, changes, reading, len(asked), finished)
        if why is not None:
            log.warning("answer.doubted", panel=self.name, why=why)
            if not tries.allowed():
                # No budget to ask again now: nothing is believed, and the rows come due again soon.
                soon = dict.fromkeys((row[ID] for row in claim.rows), now + schedule.missed_s(self._rules))
                self.persist(lambda: self._store.results.record(claim, [], soon, Answered(len(asked), 0), now))
                return None
            reading = self._panel.status(asked, known, tries.allowed)
            now = self._clock.now()
            orders, changes = self._news(claim, reading, now)
            still = plausibility.doubt(orders, changes, reading, len(asked), finished)
            log.warning("answer.believed", panel=self.name, still=still)
        changes = self._with_children(orders, changes, reading, now)
        next_at = self._next_polls(claim.rows, changes, now)
        absent = len(reading.absent)
        answered = Answered(len(asked), len(asked) - absent, len(reading.refusals), absent, words)
        moved = self.persist(lambda: self._store.results.record(claim, changes, next_at, answered, now))
        self._count(len(asked), answered, moved)
        log.debug(
            "orders.polled",
            panel=self.name,
            asked=len(asked),
            moved=moved,
            refused=len(reading.refusals),
            absent=len(reading.absent),
            strangers=reading.strangers,
            unreadable=reading.unreadable,
            took_s=round(now - claim.started_at, 3),
        )
        return reading

    def _refused_words(self, claim: Claim, reading: StatusReading) -> Refused | None:
        """Returns in what everything was refused lately, this answer included.

        Raises PanelError where that means that the panel refuses whatever it is asked.
        """
        if reading.snapshots or reading.unchanged or not reading.refusals:
            return None if len(reading.absent) < len(_ids(claim)) else claim.panel.refused
        texts = [refusal.message for refusal in reading.refusals.values() if not refusal.not_found]
        words = refused_words.one_text(texts) if len(texts) == len(reading.refusals) else None
        active = (row[REMOTE_ID] for row in claim.rows if row[TRACKING] == Tracking.ACTIVE)
        call = RefusedCall(words, tuple(one for one in active if one in reading.refusals))
        found = refused_words.after(claim.panel.refused, call)
        if words is not None and found is not None and found.everything:
            raise PanelError(Trouble.REFUSES_ALL, words, unclear=True)
        return found

    def _news(self, claim: Claim, reading: StatusReading, now: float) -> tuple[list[Order], list[Change]]:
        """Returns what we believe about the orders that the answer says something new about, and what that changes."""
        unchanged = set(reading.unchanged)
        news = [row[ID] for row in claim.rows if row[REMOTE_ID] not in unchanged]
        orders = self._store.results.beliefs(claim, news)
        return orders, [change for order in orders if (change := self._decide(order, reading, now)) is not None]

    def _with_children(
        self, orders: Sequence[Order], changes: list[Change], reading: StatusReading, now: float
    ) -> list[Change]:
        """Tracks what the answer lists under its orders, and returns the changes to record.

        Where the children cannot be tracked, the entries of their parents stay unread, so that the next answer lists
        them again.
        """
        said = reading.snapshots
        families = [Family(o, one.children) for o in orders if (one := said.get(o.remote_id)) and one.children]
        if not families:
            return changes
        try:
            self.persist(lambda: self._track_children(families, now))
        except OSError as error:
            log.error("children.refused", panel=self.name, error=str(error))
            unread = {family.parent.id for family in families}
            return [diff.unread(change) if change.before.id in unread else change for change in changes]
        return changes

    def _decide(self, order: Order, reading: StatusReading, now: float) -> Change | None:
        if (said := reading.snapshots.get(order.remote_id)) is not None:
            return diff.observe(order, said, now)
        if (refusal := reading.refusals.get(order.remote_id)) is not None:
            return notices.refused(order, refusal, now, self._rules)
        return notices.missed(order, now, self._rules)

    def _next_polls(self, rows: Sequence[DbRow], changes: Sequence[Change], now: float) -> dict[int, float | None]:
        """Returns for each row when to ask about it again, going by what it is after its change, if it has one."""
        rules, jitter = self._rules, self._jitter()
        next_at = {
            row[ID]: schedule.next_poll_at(
                Pace(_TRACKING[row[TRACKING]], row[BORN_AT], row[FINISHED_AT]), now, rules, jitter
            )
            for row in rows
        }
        born_at = {row[ID]: row[BORN_AT] for row in rows}
        for change in changes:
            after = change.after
            pace = Pace(after.tracking, born_at[after.id], after.finished_at)
            next_at[after.id] = schedule.next_poll_at(pace, now, rules, jitter)
            if 0 < after.misses <= batches.MISSES_ALONE:
                next_at[after.id] = now + schedule.missed_s(rules)
        return next_at

    # --- refills, balance, services

    def _refills(self, claim: Claim, tries: SecondTries, before_recording: BeforeRecording) -> RefillReading:
        asked = _ids(claim)
        reading = self._panel.refill_status(asked, tries.allowed)
        now = self._clock.now()
        claim = before_recording(claim, reading.snapshots, now)
        refills = self._store.results.refill_beliefs(claim, [row[ID] for row in claim.rows])
        changes = [change for refill in refills if (change := self._decide_refill(refill, reading, now)) is not None]
        next_at: dict[int, float | None] = {row[ID]: now + self._rules.poll_every_s for row in claim.rows}
        for change in changes:
            if change.after.tracking is not Tracking.ACTIVE:
                next_at[change.after.id] = None
        answered = Answered(len(asked), len(asked) - len(reading.absent), len(reading.refusals), len(reading.absent))
        moved = self.persist(lambda: self._store.results.record_refills(claim, changes, next_at, answered, now))
        self._count(len(asked), answered, moved)
        log.debug("refills.polled", panel=self.name, asked=len(asked), moved=moved)
        return reading

    def _decide_refill(self, refill: Refill, reading: RefillReading, now: float) -> RefillChange | None:
        if (said := reading.snapshots.get(refill.remote_id)) is not None:
            return refill_diff.observe(refill, said, now)
        if (refusal := reading.refusals.get(refill.remote_id)) is not None:
            return refill_diff.refused(refill, refusal, now, self._rules)
        return refill_diff.missed(refill)

    def _count(self, asked: int, answered: Answered, moved: int) -> None:
        NUMBERS.add("tracker_orders_asked", self.name, by=asked)
        NUMBERS.add("tracker_orders_answered", self.name, by=answered.answered)
        NUMBERS.add("tracker_orders_refused", self.name, by=answered.refused)
        NUMBERS.add("tracker_orders_absent", self.name, by=answered.absent)
        NUMBERS.add("tracker_transitions", self.name, by=moved)

    def _balance(self, claim: Claim, tries: SecondTries, _before_recording: BeforeRecording) -> None:
        balance = self._panel.balance(tries.allowed)
        now = self._clock.now()
        self.persist(lambda: self._store.panels.record_balance(claim, balance, self._rules, self._balance_alert, now))
        log.debug("balance.polled", panel=self.name)

    def _services(self, claim: Claim, tries: SecondTries, _before_recording: BeforeRecording) -> None:
        services = self._panel.services(tries.allowed)
        now = self._clock.now()
        difference = self.persist(lambda: self._store.catalogue.record(claim, services, self._rules, now))
        log.debug("services.polled", panel=self.name, services=len(services), changed=bool(difference))

    _CALLS: Mapping[str, Callable[["Poller", Claim, SecondTries, BeforeRecording], Reading | None]] = {
        "status": _status,
        "refill_status": _refills,
        "balance": _balance,
        "services": _services,
    }


def _ids(claim: Claim) -> list[str]:
    """Returns the ids that the call asks about."""
    return [*claim.untracked, *(row[REMOTE_ID] for row in claim.rows)]
