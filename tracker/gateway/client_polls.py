"""Polls that clients ask for: out of turn, and also about ids that are not tracked."""

from collections.abc import Callable, Container, Mapping, Sequence

from tracker.clock import Clock
from tracker.core.gateway.answers import refill_entries
from tracker.core.rules import PollRules
from tracker.core.wire import RefillReading
from tracker.polling.poller import Poller
from tracker.store import Claim
from tracker.store.claims import ClaimStore, NoCall

TrackFound = Callable[[Claim, Sequence[str], float], Claim]


class ClientPolls:
    """Asks one panel about ids that clients want to know now. The answer is recorded as that of any poll.

    kind: status or refill_status.
    track_found: tracks ids that the panel knows; returns the claim with their rows in it.
    """

    def __init__(
        self, claims: ClaimStore, poller: Poller, rules: PollRules, kind: str, track_found: TrackFound, clock: Clock
    ) -> None:
        self._claims = claims
        self._persist = poller.persist
        self._poller = poller
        self._rules = rules
        self._kind = kind
        self._track_found = track_found
        self._clock = clock

    def ask(self, ids: Sequence[str], beside: Sequence[str]) -> Mapping[str, str] | NoCall:
        """Make one call; returns the panel's own text for each id that it answered about.

        beside: tracked ids that fill the call up.
        NoCall: the panel cannot be asked now. Raises PanelError.
        """
        claim = self._claims.claim_asked(self._poller.name, self._kind, ids, beside, self._rules, self._clock.now())
        if isinstance(claim, NoCall):
            return claim
        reading = self._poller.make(claim, self._track_known)
        if reading is None:
            return {}
        return refill_entries(reading) if isinstance(reading, RefillReading) else reading.entries

    def _track_known(self, claim: Claim, known: Container[str], now: float) -> Claim:
        """Tracks the ids that were not tracked and that the panel knows; this very answer is recorded for them too."""
        found = [remote_id for remote_id in claim.untracked if remote_id in known]
        return self._persist(lambda: self._track_found(claim, found, now)) if found else claim
