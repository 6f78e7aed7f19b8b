"""One delivery: claim it, send it through its hook's channel, settle it."""

from collections.abc import Callable

from tracker import clock
from tracker.channels import Channel, Delivery, Result
from tracker.core import outbox
from tracker.core.rules import HookRules
from tracker.database import persist
from tracker.errors import ChannelError
from tracker.log import get
from tracker.store import Claimed, Store
from tracker.store.outbox import Tried

log = get(__name__)

SNIPPET_MAX = 512  # characters of an answer that are kept
Attempted = Result | ChannelError


class Dispatcher:
    """mask hides every known secret in what the other side said; jitter draws a number in [0, 1)."""

    def __init__(
        self,
        store: Store,
        rules: HookRules,
        channel: Channel,
        mask: Callable[[str], str],
        jitter: Callable[[], float],
    ) -> None:
        self.name = rules.name
        self._store = store
        self._rules = rules
        self._channel = channel
        self._mask = mask
        self._jitter = jitter

    def deliver_once(self) -> bool:
        """Make one attempt; False when none is due."""
        claimed = self._store.claim_delivery(self._rules, clock.now())
        if claimed is None:
            return False
        started = clock.monotonic()
        attempted = self._send(claimed)
        took_s = clock.monotonic() - started
        now = clock.now()
        tried, verdict = self._judge(claimed, attempted, took_s, now)
        persist(lambda: self._store.settle(self._rules, claimed, tried, verdict, now))
        log.debug(
            "delivery.attempted",
            hook=self.name,
            event_type=claimed.event_type,
            event_id=claimed.event_id,
            attempt=claimed.attempt,
            outcome=tried.outcome,
            state=verdict.state.value,
        )
        if verdict.state is outbox.DeliveryState.DEAD:
            log.warning(
                "delivery.died",
                hook=self.name,
                event_type=claimed.event_type,
                delivery=claimed.id,
                error=tried.error,
            )
        return True

    def _send(self, claimed: Claimed) -> Attempted:
        delivery = Delivery(
            id=claimed.id,
            hook=claimed.hook,
            event_id=claimed.event_id,
            event_type=claimed.event_type,
            panel=claimed.panel,
            attempt=claimed.attempt,
            body=claimed.body,
            replay=claimed.replay,
        )
        try:
            return self._channel.send(delivery, clock.now())
        except ChannelError as error:
            return error

    def _judge(self, claimed: Claimed, attempted: Attempted, took_s: float, now: float) -> tuple[Tried, outbox.Verdict]:
        snippet = self._mask(attempted.snippet)[:SNIPPET_MAX]
        if isinstance(attempted, Result):
            tried = Tried("delivered", took_s, attempted.code, attempted.address, snippet)
            return tried, outbox.after_success()
        verdict = outbox.after_failure(
            self._rules,
            claimed.step,
            now,
            self._jitter(),
            permanent=attempted.permanent,
            retry_after_s=attempted.retry_after_s,
        )
        outcome = "refused" if attempted.permanent else "failed"
        error = self._mask(attempted.message)[:SNIPPET_MAX]
        return Tried(outcome, took_s, attempted.code, attempted.address, snippet, error), verdict
