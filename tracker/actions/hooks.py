"""What people may do with hooks: test, enable, retry, replay."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import islice

from msgspec import Struct

from tracker.actions.context import ActionContext
from tracker.actions.sample_event import specimen
from tracker.config.names import configured
from tracker.core.delivery import past_events, routing
from tracker.core.delivery.routing import DeliveryState
from tracker.core.events.event_types import matching
from tracker.core.model import Event
from tracker.core.rules import HookRules
from tracker.db.database import Database
from tracker.delivery.channels import Channel, Delivery
from tracker.errors import ChannelError, Exit, UserError
from tracker.reports import outbox
from tracker.reports import past_events as event_log
from tracker.store.replay import REPLAY_BATCH


class HookTest(Struct, frozen=True):
    """What came of one made-up event that was sent to a hook.

    outcome: delivered, failed (a later attempt may succeed) or refused.
    code: the HTTP status or the exit code, None when there was none.
    took_s: in seconds, None unless it was delivered.
    snippet: the beginning of the answer, not masked yet. error: why it was not delivered, not masked yet.
    """

    event_id: str
    outcome: str
    code: int | None
    took_s: float | None
    address: str
    snippet: str
    error: str | None


class RetriedDeliveries(Struct, frozen=True):
    """How many dead deliveries are to be delivered again.

    refused: the deliveries that were not dead, each with its state; None when there is no such delivery.
    """

    count: int
    refused: Mapping[int, str | None]


class PastEvents(Struct, frozen=True):
    """A choice of past events.

    since, until: seconds since the epoch, both included.
    last: the number of the last event; later ones are delivered anyway.
    types: patterns such as `order.*`; none of them means every type.
    """

    since: float
    until: float | None = None
    last: int | None = None
    types: tuple[str, ...] = ()

    def read(self, database: Database) -> Iterator[tuple[int, Event]]:
        """Yields the chosen events with their numbers, oldest first."""
        for number, event in event_log.past_events(database, self.since, self.until, self.last):
            if not self.types or any(fnmatchcase(event.type, pattern) for pattern in self.types):
                yield number, event


class HookActions:
    """Everything that people may do with hooks.

    hooks: the rules of each configured hook.
    channels: the channel of each configured hook.
    """

    def __init__(self, context: ActionContext, hooks: Mapping[str, HookRules], channels: Mapping[str, Channel]) -> None:
        self._context = context
        self._store = context.store
        self._hooks = hooks
        self._channels = channels

    def test(self, hook: str, event_type: str, panel: str | None = None) -> HookTest:
        """Send a made-up event to a hook, once. Nothing is recorded and nothing is retried.

        Raises UserError (2) for an unknown hook or panel.

        panel: the panel that the event is about; None means the first panel of the hook.
        """
        rules = self._rules(hook)
        if panel is None:
            panel = sorted(rules.panels or self._context.rules)[0]
        else:
            self._context.panel(panel)
        now = self._context.now()
        event = specimen(event_type, panel, now)
        delivery = Delivery(0, hook, event.id, event.type, panel, 1, event.body)
        try:
            done = self._channels[hook].send(delivery, now)
        except ChannelError as error:
            outcome = "refused" if error.permanent else "failed"
            return HookTest(event.id, outcome, error.code, None, error.address, error.snippet, error.message)
        return HookTest(event.id, "delivered", done.code, done.took_s, done.address, done.snippet, None)

    def enable(self, hook: str, *, deliver: bool) -> int:
        """Switch a disabled hook on again, or try a failing one at once. Raises UserError (2) for an unknown hook.

        Returns how many deliveries were held back.

        deliver: send what was held back; False gives it up.
        """
        self._rules(hook)
        return self._store.hooks.enable(hook, self._context.now(), deliver=deliver)

    def pause(self, hook: str) -> bool:
        """Send nothing more to a hook; its deliveries wait. Raises UserError (2). False: it was paused already."""
        self._rules(hook)
        return self._store.hooks.pause(hook, paused=True)

    def resume(self, hook: str) -> bool:
        """Send to a paused hook again. Raises UserError (2). False: it was not paused."""
        self._rules(hook)
        return self._store.hooks.pause(hook, paused=False)

    def to_drop(self, hook: str, types: Sequence[str] = (), older_than_s: float = 0.0) -> Mapping[str, int]:
        """Count what `drop` would give up, by the type of its event. Arguments as for `drop`."""
        before = self._context.now() - older_than_s
        return outbox.to_drop(self._store.database, hook, _types(types), before)

    def drop(self, hook: str, types: Sequence[str] = (), older_than_s: float = 0.0) -> int:
        """Give up deliveries that wait for a hook or are held. Returns how many. They are dead then: `retry` helps.

        hook: may have left the configuration. types: patterns such as `order.*`; none of them means every type.
        older_than_s: only those that were made so long ago.
        """
        now = self._context.now()
        return self._store.hooks.drop(hook, _types(types), now - older_than_s, now)

    def retry(self, ids: Sequence[int]) -> RetriedDeliveries:
        """Give these deliveries, if they are dead, their whole schedule again, under the same event ids."""
        states = outbox.states(self._store.database, ids)
        dead = [id_ for id_ in dict.fromkeys(ids) if states.get(id_) == DeliveryState.DEAD]
        if dead:
            self._store.hooks.retry_deliveries(dead, self._context.now())
        return RetriedDeliveries(len(dead), {id_: states.get(id_) for id_ in ids if id_ not in dead})

    def retry_dead(self) -> int:
        """Give every dead delivery its whole schedule again. Returns how many there were."""
        counts = outbox.counts(self._store.database).values()
        self._store.hooks.retry_deliveries(None, self._context.now())
        return sum(count.get(DeliveryState.DEAD, 0) for count in counts)

    def replay(self, hook: str, past: PastEvents) -> int:
        """Queue past events for a hook once more: those that its rules hear today, under their ids and in their bytes.

        Returns how many were queued. Events that are still on their way to the hook are left out, and so are those
        whose bodies are gone. Raises UserError (2) for an unknown hook.
        """
        rules, now = self._rules(hook), self._context.now()
        wanted = _sendable(rules, past.read(self._store.database))
        queued = 0
        while batch := list(islice(wanted, REPLAY_BATCH)):
            queued += self._store.replay.queue(hook, batch, now)
        return queued

    def _rules(self, hook: str) -> HookRules:
        return self._hooks[configured("hook", hook, self._hooks)]


def _types(patterns: Sequence[str]) -> list[str]:
    """Returns the types that any of the patterns fits. Raises UserError (2) for a pattern that fits none."""
    for pattern in patterns:
        if not matching(pattern):
            remedy = ["the types: tracker events list --help"]
            raise UserError(f"no event has a type like {pattern!r}", remedy, Exit.USAGE)
    return list(dict.fromkeys(name for pattern in patterns for name in matching(pattern)))


def _sendable(rules: HookRules, events: Iterable[tuple[int, Event]]) -> Iterator[int]:
    return (number for number, event in events if not past_events.is_bare(event) and routing.hears(rules, event))
