"""Polls that clients ask for: out of turn, and also about ids that are not tracked."""

from collections.abc import Callable, Container, Sequence

from tracker.clock import Clock
from tracker.core.gateway.answers import refill_entries
from tracker.core.polling.request_budget import Caller
from tracker.core.rules import PollRules
from tracker.core.wire import RefillReading
from tracker.gateway.batching import AskOutcome
from tracker.gateway.unknown_ids import UnknownIds
from tracker.polling.poller import Poller
from tracker.store import Claim, NoCall
from tracker.store.claims import REMOTE_ID, ClaimStore
from tracker.store.values import SET_ASIDE

TrackFound = Callable[[Claim, Sequence[str], float], Claim]


class ClientPolls:
    """Asks one panel about ids that clients want to know now. The answer is recorded as that of any poll.

    kind: status or refill_status.
    track_found: tracks ids that the panel knows; returns the claim with their rows in it.
    unknown: remembers the ids that the panel does not know.
    """

    def __init__(
        self,
        claims: ClaimStore,
        poller: Poller,
        rules: PollRules,
        kind: str,
        track_found: TrackFound,
        unknown: UnknownIds,
        clock: Clock,
    ) -> None:
        self._claims = claims
        self._persist = poller.persist
        self._poller = poller
        self._rules = rules
        self._kind = kind
        self._track_found = track_found
        self._unknown = unknown
        self._clock = clock

    def ask(self, ids: Sequence[str], beside: Sequence[str], caller: Caller) -> dict[str, AskOutcome] | NoCall:
        """Make one call for a client; returns the panel's own text for each id that it answered about, in its order.

        beside: tracked ids that fill the call up.
        NoCall: the panel cannot be asked now, or not about this id. Raises PanelError.
        """
        now = self._clock.now()
        claim = self._claims.claim_asked(self._poller.name, self._kind, ids, beside, caller, self._rules, now)
        if isinstance(claim, NoCall):
            return claim
        reading = self._poller.make(claim, self._track_known)
        if reading is None:
            return {}
        texts = refill_entries(reading) if isinstance(reading, RefillReading) else reading.entries
        refused = (one for one, refusal in reading.refusals.items() if refusal.not_found and one in claim.untracked)
        self._unknown.note({one: texts[one] for one in refused if one in texts}, reading.snapshots)
        asked = {*claim.untracked, *(row[REMOTE_ID] for row in claim.rows)}
        return {**texts, **{one: NoCall(SET_ASIDE) for one in ids if one not in asked}}

    def _track_known(self, claim: Claim, known: Container[str], now: float) -> Claim:
        """Tracks the ids that were not tracked and that the panel knows; this very answer is recorded for them too."""
        found = [remote_id for remote_id in claim.untracked if remote_id in known]
        return self._persist(lambda: self._track_found(claim, found, now)) if found else claim
