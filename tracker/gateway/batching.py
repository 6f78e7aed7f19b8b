"""Shares calls among clients: ids that several clients ask for go to the panel together.

The first client makes the call. A client that comes while it is under way waits for it, or for the next one. A call
with room left takes along ids that clients asked for lately, those with the oldest answers first. So a hundred clients
that ask for one order each cost the panel as much as one client that asks for a hundred.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from tracker.clock import Clock
from tracker.core.polling.request_budget import Caller
from tracker.core.rules import BATCH_MAX
from tracker.errors import PanelError, Trouble
from tracker.store import NoCall

# What came of asking for an id: the panel's own text, None if it said nothing, or why there is no answer.
AskOutcome = str | None | NoCall | Exception
AskPanel = Callable[[Sequence[str], Sequence[str], Caller], dict[str, AskOutcome] | NoCall]

LATELY_MAX = 50_000  # ids that are remembered; others are asked about only when a client asks for them
LATELY = 5  # fresh periods without a client that asks, after which an id is not taken along any more


class _Ticket:
    """An id that is being asked about.

    done: `outcome` is there.
    waiters: how many clients wait for it.
    place: the number of the call that answered, and where in its answer this id stood.
    """

    __slots__ = ("done", "outcome", "place", "waiters")

    def __init__(self) -> None:
        self.done = False
        self.waiters = 0
        self.outcome: AskOutcome = None
        self.place: tuple[int, int] | None = None


class SharedCalls:
    """The calls about orders, or about refills, that clients share at one panel.

    ask: makes one call about the first ids for a client, with the second ids to fill it up; raises PanelError.
    fresh_s: how long an answer counts as fresh.
    size: ids that a call takes.
    width: calls at a time.
    """

    def __init__(self, ask: AskPanel, fresh_s: float, clock: Clock, size: int = BATCH_MAX, width: int = 1) -> None:
        self._ask = ask
        self._fresh_s = fresh_s
        self._clock = clock
        self._size = size
        self._width = width
        self._turn = threading.Condition()
        self._calls = 0  # under way
        self._made = 0  # in all
        self._tickets: dict[str, _Ticket] = {}  # waiting or under way
        self._waiting: list[str] = []
        # id -> answered (or left out), asked for; oldest answer first
        self._lately: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._kept: OrderedDict[str, tuple[float, str]] = OrderedDict()  # id -> (until, the panel's text)

    def kept(self, remote_id: str) -> str | None:
        """Returns what the panel said about an id a moment ago; needed for ids that have no row to keep it in."""
        found = self._kept.get(remote_id)
        return None if found is None or found[0] < self._clock.monotonic() else found[1]

    def wanted(self, ids: Sequence[str]) -> None:
        """Notes that a client asks for these ids, so that calls with room left take them along."""
        now = self._clock.monotonic()
        with self._turn:
            for remote_id in ids:
                answered_at, _ = self._lately.get(remote_id, (now, now))
                self._lately[remote_id] = answered_at, now
            while len(self._lately) > LATELY_MAX:
                self._lately.popitem(last=False)

    def get(self, ids: Sequence[str], caller: Caller) -> dict[str, AskOutcome]:
        """Asks the panel, in one call with the other clients that ask now.

        The outcomes stand in the order of the panel's answer if one call answered about all of them.
        """
        refused: NoCall | None = None
        with self._turn:
            mine = {remote_id: self._ticket(remote_id) for remote_id in ids}
            while refused is None and not all(ticket.done for ticket in mine.values()):
                if self._waiting and self._calls < self._width:
                    refused = self._call(self._next(mine), caller)
                else:
                    self._turn.wait()
            if refused is not None:
                self._leave(mine)
        return _in_order({remote_id: ticket for remote_id, ticket in mine.items() if ticket.done}) | {
            remote_id: refused for remote_id, ticket in mine.items() if not ticket.done
        }

    def _ticket(self, remote_id: str) -> _Ticket:
        if remote_id not in self._tickets:
            self._tickets[remote_id] = _Ticket()
            self._waiting.append(remote_id)
        self._tickets[remote_id].waiters += 1
        return self._tickets[remote_id]

    def _leave(self, mine: Mapping[str, _Ticket]) -> None:
        """Takes a client that gets no call out of the wait; what others want too stays for them."""
        for remote_id, ticket in mine.items():
            ticket.waiters -= 1
            if not ticket.done and ticket.waiters == 0 and remote_id in self._waiting:
                self._waiting.remove(remote_id)
                del self._tickets[remote_id]

    def _next(self, mine: Mapping[str, _Ticket]) -> list[str]:
        """Returns the ids of the next call: this client's own first, then those that wait longest."""
        ordered = sorted(self._waiting, key=lambda remote_id: remote_id not in mine)
        batch = ordered[: self._size]
        self._waiting = ordered[self._size :]
        return batch

    def _call(self, batch: list[str], caller: Caller) -> NoCall | None:
        """Makes one call, and releases the lock while it is under way.

        Returns why this client gets no call now; what it was about waits again, for other clients.
        """
        beside = self._beside(len(batch))
        self._tickets |= {remote_id: _Ticket() for remote_id in beside}  # a client that wants one of them waits for it
        self._calls += 1
        self._turn.release()
        came: Mapping[str, AskOutcome] | NoCall = {}
        try:
            came = self._outcomes(batch, beside, caller)
        finally:
            self._turn.acquire()
            self._calls -= 1
            self._made += 1
            refused = came if isinstance(came, NoCall) else None
            outcomes = {} if isinstance(came, NoCall) else came
            if refused is None:
                self._settle(batch, outcomes)
            else:
                self._waiting += batch
            self._note(outcomes)
            unheard = [one for one in beside if self._tickets[one].waiters and outcomes.get(one) is None]
            self._waiting += unheard  # there was no answer about them: the next call is about them
            self._settle([one for one in beside if one not in unheard], outcomes)
            self._turn.notify_all()
        return refused

    def _settle(self, ids: Sequence[str], outcomes: Mapping[str, AskOutcome]) -> None:
        places = {remote_id: n for n, remote_id in enumerate(outcomes)}
        for remote_id in ids:
            ticket = self._tickets.pop(remote_id)
            ticket.outcome, ticket.done = outcomes.get(remote_id), True
            if isinstance(ticket.outcome, str):
                ticket.place = self._made, places[remote_id]

    def _outcomes(
        self, batch: Sequence[str], beside: Sequence[str], caller: Caller
    ) -> Mapping[str, AskOutcome] | NoCall:
        """Returns what came of a call, in the order of the panel's answer; or why it is not made."""
        every = dict.fromkeys((*batch, *beside)).keys()
        try:
            answered = self._ask(batch, beside, caller)
            return answered if isinstance(answered, NoCall) else answered | dict.fromkeys(every - answered.keys())
        except PanelError as error:
            if error.kind is not Trouble.BATCH_REFUSED or len(every) == 1:
                return dict.fromkeys(every, error)
        except Exception as error:  # noqa: BLE001  every client that waits for the call has to learn of it
            return dict.fromkeys(every, error)
        # A panel that takes no lists: the ids that clients wait for go out one by one, and no others.
        alone: dict[str, AskOutcome] = {}
        for remote_id in batch:
            found = self._outcomes([remote_id], (), caller)
            alone |= {remote_id: found} if isinstance(found, NoCall) else found
        return alone

    def _beside(self, taken: int) -> list[str]:
        """Returns the ids that fill a call up: asked for lately, answered longest ago.

        taken: how many ids the call has already.
        """
        now, found, gone = self._clock.monotonic(), list[str](), list[str]()
        for remote_id, (answered_at, asked_at) in self._lately.items():
            if len(found) == self._size - taken or now - answered_at < self._fresh_s / 2:
                break
            if now - asked_at > LATELY * self._fresh_s:
                gone.append(remote_id)
            elif remote_id not in self._tickets:
                found.append(remote_id)
        for remote_id in gone:
            del self._lately[remote_id]
        return found

    def _note(self, outcomes: Mapping[str, AskOutcome]) -> None:
        now = self._clock.monotonic()
        for remote_id, outcome in outcomes.items():
            if remote_id in self._lately and (outcome is None or isinstance(outcome, str)):
                self._lately[remote_id] = now, self._lately[remote_id][1]
                self._lately.move_to_end(remote_id)
            if not isinstance(outcome, str):
                continue
            self._kept[remote_id] = now + self._fresh_s, outcome
            self._kept.move_to_end(remote_id)
        while len(self._kept) > LATELY_MAX:
            self._kept.popitem(last=False)

    def forget(self, ids: Sequence[str]) -> None:
        """Forgets what the panel said about these ids, since a call changed something about them."""
        with self._turn:
            for remote_id in ids:
                self._kept.pop(remote_id, None)


def _in_order(tickets: Mapping[str, _Ticket]) -> dict[str, AskOutcome]:
    """Returns the outcomes, in the order of the panel's answer if one call answered about all of these ids."""
    places = {remote_id: ticket.place for remote_id, ticket in tickets.items() if ticket.place is not None}
    if len({call for call, _ in places.values()}) != 1:
        return {remote_id: ticket.outcome for remote_id, ticket in tickets.items()}
    ordered = [*sorted(places, key=lambda remote_id: places[remote_id]), *(tickets.keys() - places.keys())]
    return {remote_id: tickets[remote_id].outcome for remote_id in ordered}
