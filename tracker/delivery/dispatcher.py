"""Claims one delivery, or one digest of many, sends it through its hook's channel and settles it."""

from collections.abc import Callable, Sequence

from tracker.clock import Clock
from tracker.core.delivery import hook_health, routing
from tracker.core.rules import HookRules
from tracker.delivery.channels import Channel, Delivery, Result, snippet
from tracker.errors import ChannelError
from tracker.log import get
from tracker.metrics import NUMBERS
from tracker.store import Claimed, Store
from tracker.store.outbox import HealthStep, Tried

log = get(__name__)

GONE = 410  # RFC 9110: intentionally unavailable, remove your links
Attempted = Result | ChannelError


class Dispatcher:
    """Makes the delivery attempts of one hook.

    mask: hides every known secret in a text from the receiver.
    jitter: draws a number in [0, 1).
    """

    def __init__(
        self,
        store: Store,
        rules: HookRules,
        channel: Channel,
        mask: Callable[[str], str],
        jitter: Callable[[], float],
        clock: Clock,
    ) -> None:
        self.name = rules.name
        self._store = store
        self._persist = store.database.persist
        self._rules = rules
        self._channel = channel
        self._mask = mask
        self._jitter = jitter
        self._clock = clock

    def deliver_once(self) -> bool:
        """Make one attempt at one delivery, or at all deliveries of one digest. Returns False when none is due."""
        message = self._store.digests.claim(self._rules, self._clock.now())
        if not message:
            return False
        started = self._clock.monotonic()
        attempted = self._send(message)
        took_s = self._clock.monotonic() - started
        now = self._clock.now()
        tried = self._tried(attempted, took_s)
        decided = [(claimed, self._verdict(claimed, attempted, now)) for claimed in message]
        step = self._health_step(message, attempted, now)
        became = self._persist(lambda: self._store.outbox.settle_message(self._rules, decided, tried, step, now))
        NUMBERS.observe("tracker_delivery_seconds", took_s, self.name)
        for claimed, verdict in zip(message, became, strict=True):
            self._log(claimed, tried, verdict)
            NUMBERS.add("tracker_delivery_attempts", self.name, tried.outcome)
            if tried.outcome == "delivered":
                NUMBERS.observe("tracker_delivery_delay_seconds", max(now - claimed.created_at, 0.0), self.name)
        return True

    def _log(self, claimed: Claimed, tried: Tried, became: routing.DeliveryVerdict | None) -> None:
        log.debug(
            "delivery.attempted",
            hook=self.name,
            event_type=claimed.event_type,
            event_id=claimed.event_id,
            attempt=claimed.attempt,
            outcome=tried.outcome,
            state=became.state.value if became else "late",
        )
        if became is not None and became.state is routing.DeliveryState.DEAD:
            log.warning(
                "delivery.died", hook=self.name, event_type=claimed.event_type, delivery=claimed.id, error=tried.error
            )

    def _send(self, message: Sequence[Claimed]) -> Attempted:
        first = message[0]
        delivery = Delivery(
            id=first.id,
            hook=first.hook,
            event_id=first.event_id,
            event_type=first.event_type,
            panel=first.panel,
            attempt=first.attempt,
            body=first.body,
            replay=first.replay,
            more=tuple(claimed.body for claimed in message[1:]),
        )
        try:
            return self._channel.send(delivery, self._clock.now())
        except ChannelError as error:
            return error

    def _tried(self, attempted: Attempted, took_s: float) -> Tried:
        kept = self._kept(attempted.snippet)
        if isinstance(attempted, Result):
            cut = attempted.truncated
            return Tried("delivered", took_s, attempted.code, attempted.address, kept, body_truncated=cut)
        outcome = "refused" if attempted.permanent and not _gone(attempted) else "failed"
        return Tried(outcome, took_s, attempted.code, attempted.address, kept, self._kept(attempted.message))

    def _kept(self, text: str) -> str:
        """Returns what is stored of `text`. Masked first and then cut: half a secret is not recognised."""
        return snippet(self._mask(text))

    def _verdict(self, claimed: Claimed, attempted: Attempted, now: float) -> routing.DeliveryVerdict:
        if isinstance(attempted, Result):
            return routing.after_success()
        return routing.after_failure(
            self._rules,
            claimed.step,
            now,
            self._jitter(),
            # 410 is about the hook, not about this delivery: the delivery is kept like the hook's others.
            permanent=attempted.permanent and not _gone(attempted),
            retry_after_s=attempted.retry_after_s,
        )

    def _health_step(self, message: Sequence[Claimed], attempted: Attempted, now: float) -> HealthStep:
        """Returns how this attempt changes the hook's health: a function, applied when the attempt is settled."""
        if isinstance(attempted, Result) or (attempted.permanent and not _gone(attempted)):
            # A receiver that refuses one event for good is up and answers.
            return lambda health: hook_health.after_success(health, fresh=message[0].attempt == 1)
        reason = self._kept(attempted.message)
        return lambda health: hook_health.after_failure(
            health,
            now,
            fresh=message[0].attempt == 1,  # a message is all fresh, or all retries
            gone=_gone(attempted),
            retry_after_s=attempted.retry_after_s,
            reason=reason,
            probe=message[0].probe,
        )


def _gone(error: ChannelError) -> bool:
    return error.code == GONE and error.permanent
