"""A simulated panel: the API over real HTTP on loopback, with a clock that may run fast."""

import random
import threading
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tracker.simulator import api, control, request
from tracker.simulator.audit import Audit, AuditedCall
from tracker.simulator.book import Book
from tracker.simulator.fault_alter import ALTER, ALTER_BATCH
from tracker.simulator.fault_instead import INSTEAD, INSTEAD_OF_BATCH, FaultPlace
from tracker.simulator.fault_wire import BENT, BROKEN
from tracker.simulator.faults import FaultKind, Faults
from tracker.simulator.lifecycle import OrderLife, RefillLife
from tracker.simulator.loopback import Exchange, LoopbackReply, LoopbackServer
from tracker.simulator.render import compact
from tracker.simulator.request import PanelRequest
from tracker.simulator.scenario import Scenario

PATH = "/api/v2"
NOT_HERE = LoopbackReply(b"<html><body>404</body></html>", 404, {"Content-Type": "text/html"})


class SimulatedPanel:
    """Use it as a context manager, or start() and stop() it.

    speed: simulated seconds per real second; 0 stands still and is moved by forward().
    key: the one API key. request: the style it wants (any | form | json | get); another is refused.
    rate_limit: calls in any 60 real seconds, beyond that 429. record_served=False saves memory.
    delay_s: real seconds from acting on a call to answering it.
    Simulated times (`sim_s`, `at_s`) are seconds since start().
    """

    def __init__(
        self,
        scenario: Scenario,
        speed: float = 1.0,
        key: str = "demo-key",
        faults: Faults | None = None,
        port: int = 0,
        balance: str = "100.00",
        currency: str = "USD",
        rate_limit: int | None = None,
        *,
        request: str = "any",
        record_served: bool = True,
        delay_s: float = 0.0,
    ) -> None:
        self.speed = speed
        self.delay_s = delay_s
        self.key = key
        self.faults: Faults = faults or Faults()
        self.rate_limit = rate_limit
        self.book = Book(scenario, Decimal(balance), currency)
        self.audit: Audit = Audit(record_served=record_served)
        self._request = request
        self._started: float | None = None
        self._skipped_s = 0.0
        self._clock = threading.Lock()
        self._server = LoopbackServer(self._respond, port)

    # ---- running

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"

    def start(self) -> "SimulatedPanel":
        self._started = time.monotonic()
        self._server.start()
        return self

    def stop(self) -> None:
        self._server.stop()

    def __enter__(self) -> "SimulatedPanel":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # ---- time

    def sim_now(self) -> float:
        """Simulated seconds since start()."""
        with self._clock:
            return self._real_s() * self.speed + self._skipped_s

    def forward(self, seconds: float) -> float:
        """Skip so many simulated seconds; the simulated time then."""
        with self._clock:
            self._skipped_s += seconds
        return self.sim_now()

    def _real_s(self) -> float:
        return 0.0 if self._started is None else time.monotonic() - self._started

    def _minute(self, at_s: float | None = None) -> float:
        return (self.sim_now() if at_s is None else at_s) / 60

    # ---- the truth

    def truth(self, order_id: str, at_s: float | None = None) -> dict[str, Any] | None:
        """How the order really stands, now or then; None when it is not placed yet."""
        return self.book.truth(order_id, self._minute(at_s))

    def truths(self, at_s: float | None = None) -> dict[str, dict[str, Any]]:
        """id -> truth for every order placed by then."""
        minute = self._minute(at_s)
        found = {life.id: self.book.truth(life.id, minute) for life in self.book.known(minute)}
        return {order_id: truth for order_id, truth in found.items() if truth is not None}

    def at(self, at_s: float) -> dict[str, dict[str, Any]]:
        """truths() at that simulated second."""
        return self.truths(at_s)

    def refill_truth(self, refill_id: str, at_s: float | None = None) -> str | None:
        """The refill's word, now or then."""
        return self.book.refill_word(refill_id, self._minute(at_s))

    def balance(self, at_s: float | None = None) -> Decimal:
        return self.book.balance(self._minute(at_s))

    # ---- changing the world from outside

    def add(self, order: OrderLife) -> None:
        """Place an order with a life of its own, or give a known one another life."""
        self.book.place(order)

    def add_refill(self, refill: RefillLife) -> None:
        self.book.place_refill(refill)

    def set_balance(self, amount: str) -> None:
        self.book.set_balance(Decimal(amount), self._minute())

    def advance(self, share: float = 1.0, status: str = "Completed", remains: int | None = 0) -> list[str]:
        """Move a share of the orders at once and for good; their ids. remains None: as it stands."""
        return self.book.advance(self._minute(), share, status, remains)

    # ---- answering

    def _respond(self, exchange: Exchange) -> None:
        if exchange.path.startswith(control.PREFIX):
            exchange.send(control.panel_reply(self, exchange))
            return
        sim_s = self.sim_now()
        call = self.audit.open(exchange.arrival, sim_s, exchange.connection, exchange.method)
        if exchange.path != PATH:
            call.wrong.append(f"unknown path {exchange.path}")
            self._finish(call, exchange, NOT_HERE)
            return
        ask = request.read(
            exchange.method,
            exchange.query,
            exchange.headers.get("content-type", ""),
            exchange.body,
            self._request,
        )
        self._note(call, ask)
        self._answer(call, exchange, ask, sim_s)

    def _note(self, call: AuditedCall, ask: PanelRequest) -> None:
        """Fill in what the call was, sharing the texts of known ids: a sweep asks for them again and again."""
        names: Mapping[str, Any] = self.book.refills if ask.action == "refill_status" else self.book.orders
        call.action, call.client, call.wrong = ask.action, ask.key, list(ask.wrong)
        call.ids = tuple(names[i].id if i in names else i for i in ask.ids)

    def _answer(self, call: AuditedCall, exchange: Exchange, ask: PanelRequest, sim_s: float) -> None:
        """Limit, key, fault, action, in the order in which a real panel meets them."""
        if self.rate_limit is not None and self.audit.over(self.rate_limit, call.arrival):
            call.wrong.append("rate limit")
            self._finish(call, exchange, self._instead("http_429", ask))
            return
        kind, chance = self.faults.choose(ask, self._real_s(), sim_s)
        call.fault = kind.name if kind else None
        if kind and kind.family == "instead":
            self._finish(call, exchange, self._instead(kind.name, ask))
            return
        answer = self._honest(ask, sim_s)
        call.good = kind is None or (kind.family != "broken" and kind.name not in _UNREADABLE)
        if kind and kind.family == "alter":
            _alter(kind.name, answer, chance)
        if call.good and self.audit.record_served:
            call.said = answer.said
        reply = LoopbackReply(compact(answer.value))
        if kind and kind.family == "bent":
            BENT[kind.name][2](reply)
        self._finish(call, exchange, reply, kind)

    def _honest(self, ask: PanelRequest, sim_s: float) -> api.ApiAnswer:
        if ask.key != self.key:
            return api.ApiAnswer(api.BAD_KEY)
        if any("was expected" in reason for reason in ask.wrong):
            return api.ApiAnswer(api.BAD_REQUEST)
        return api.answer(self.book, ask, sim_s / 60)

    def _instead(self, name: str, ask: PanelRequest) -> LoopbackReply:
        elsewhere = f"http://127.0.0.1:{self.port}/elsewhere"
        make = (INSTEAD.get(name) or INSTEAD_OF_BATCH[name])[1]
        return make(FaultPlace(ask.key, self.faults.retry_after, elsewhere))

    def _finish(
        self, call: AuditedCall, exchange: Exchange, reply: LoopbackReply, kind: FaultKind | None = None
    ) -> None:
        if kind and kind.family == "broken":
            BROKEN[kind.name][1](exchange, reply, self.faults.max_hang_s)
            self.audit.close(call, delivered=False)
            return
        call.http = reply.status
        if self.delay_s:
            exchange.linger(self.delay_s)
        self.audit.close(call, delivered=exchange.send(reply))


def _alter(name: str, answer: api.ApiAnswer, chance: random.Random) -> None:
    """Nothing known in the answer (a refused key, unknown ids): nothing to bend."""
    if answer.entries:
        (ALTER.get(name) or ALTER_BATCH[name])[1](answer, chance)


_UNREADABLE = frozenset(name for name, (_, readable, _) in BENT.items() if not readable)
