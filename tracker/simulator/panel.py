"""A simulated panel: the API over real HTTP on loopback, with a clock that can run fast."""

import random
import threading
import time
from collections.abc import Mapping
from decimal import Decimal
from itertools import count
from typing import Any

from tracker.simulator import api
from tracker.simulator.audit import Audit, AuditedCall
from tracker.simulator.book import Book
from tracker.simulator.control import PREFIX, Control
from tracker.simulator.fault_alter import ALTER, ALTER_BATCH
from tracker.simulator.fault_instead import INSTEAD, INSTEAD_OF_BATCH, FaultPlace
from tracker.simulator.fault_wire import BENT, BROKEN
from tracker.simulator.faults import SWITCHES, FaultKind, Faults
from tracker.simulator.lifecycle import OrderLife, RefillLife
from tracker.simulator.loopback import Exchange, LoopbackReply, LoopbackServer
from tracker.simulator.render import compact
from tracker.simulator.request import PanelRequest, read_request
from tracker.simulator.scenario import Scenario

PATH = "/api/v2"
NOT_HERE = LoopbackReply(b"<html><body>404</body></html>", 404, {"Content-Type": "text/html"})


class SimulatedPanel:
    """A panel that runs in this process. Use it as a context manager, or start() and stop() it.

    speed: simulated seconds per real second; with 0 time stands still until forward() moves it.
    key: the one API key that is accepted.
    rate_limit: how many calls in any 60 real seconds; further ones get 429.
    request: the request style that is accepted (any | form | json | get).
    record_served: False keeps no statuses in the audit, which saves memory.
    delay_s: real seconds from acting on a call to answering it.
    Simulated times (`sim_s`, `at_s`) are seconds since start(); `at_s` None stands for now.
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
        for name, setting in scenario.faults.items():
            setattr(self.faults, name, setting)
        self._listed = count(9_000_000_001)  # ids that only endless_children lists
        self.rate_limit = rate_limit
        self.book = Book(scenario, Decimal(balance), currency)
        self.audit: Audit = Audit(record_served=record_served)
        self._wanted_style = request
        self._started: float | None = None
        self._skipped_s = 0.0
        self._clock = threading.Lock()
        self._control = self._controls()
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
        """Skips these simulated seconds and returns the simulated time after that."""
        with self._clock:
            self._skipped_s += seconds
        return self.sim_now()

    def _real_s(self) -> float:
        return 0.0 if self._started is None else time.monotonic() - self._started

    def _minute(self, at_s: float | None = None) -> float:
        return (self.sim_now() if at_s is None else at_s) / 60

    # ---- the real state

    def truth(self, order_id: str, at_s: float | None = None) -> dict[str, Any] | None:
        """The order's real state, now or at another time; None when it is not placed yet."""
        return self.book.truth(order_id, self._minute(at_s))

    def truths(self, at_s: float | None = None) -> dict[str, dict[str, Any]]:
        """id -> real state, for every order that is placed by then."""
        minute = self._minute(at_s)
        found = {life.id: self.book.truth(life.id, minute) for life in self.book.known(minute)}
        return {order_id: truth for order_id, truth in found.items() if truth is not None}

    def at(self, at_s: float) -> dict[str, dict[str, Any]]:
        """The real states at that simulated second: truths() under a shorter name."""
        return self.truths(at_s)

    def refill_truth(self, refill_id: str, at_s: float | None = None) -> str | None:
        """The refill's real status word, now or at another time."""
        return self.book.refill_word(refill_id, self._minute(at_s))

    def balance(self, at_s: float | None = None) -> Decimal:
        return self.book.balance(self._minute(at_s))

    # ---- changes from outside

    def add(self, order: OrderLife) -> None:
        """Adds an order, or replaces the life of a known one."""
        self.book.place(order)

    def add_refill(self, refill: RefillLife) -> None:
        self.book.place_refill(refill)

    def set_balance(self, amount: str) -> None:
        self.book.set_balance(Decimal(amount), self._minute())

    def advance(self, share: float = 1.0, status: str = "Completed", remains: int | None = 0) -> list[str]:
        """Moves a share of the orders to `status` at once and for good, and returns their ids.

        remains: what remains of each from now on; None keeps what remains now.
        """
        return self.book.advance(self._minute(), share, status, remains)

    # ---- steering from another process

    def _controls(self) -> Control:
        return Control(
            look={
                "truth": lambda query: self.truth(query["order"], _at_s(query)),
                "truths": lambda query: self.truths(_at_s(query)),
                "audit": lambda _: self.audit.summary(),
                "served": lambda query: self.audit.served(query.get("action", "status")),
                "calls": lambda _: [call.as_json() for call in self.audit.calls],
                "clock": lambda _: self._clock_facts(),
            },
            act={
                "switches": self._switch,
                "advance": lambda values: self.advance(**values),
                "clear": lambda _: self.faults.clear(),
            },
        )

    def _clock_facts(self) -> dict[str, Any]:
        return {"sim_s": self.sim_now(), "speed": self.speed, "balance": str(self.balance())}

    def _switch(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Applies any of the SWITCHES, and: queue [names], down {from_s, until_s, …}, balance, forward_s."""
        for name in SWITCHES:
            if name in values:
                setattr(self.faults, name, values[name])
        self.faults.queue(*values.get("queue", []))
        if "down" in values:
            self.faults.down(**values["down"])
        if "balance" in values:
            self.set_balance(values["balance"])
        if "forward_s" in values:
            self.forward(values["forward_s"])
        return self._clock_facts()

    # ---- answering

    def _respond(self, exchange: Exchange) -> None:
        if exchange.path.startswith(PREFIX):
            exchange.send(self._control.reply(exchange))
            return
        sim_s = self.sim_now()
        call = self.audit.open(exchange.arrival, sim_s, exchange.connection, exchange.method)
        if exchange.path != PATH:
            call.wrong.append(f"unknown path {exchange.path}")
            self._finish(call, exchange, NOT_HERE)
            return
        request = read_request(
            exchange.method,
            exchange.query,
            exchange.headers.get("content-type", ""),
            exchange.body,
            self._wanted_style,
        )
        self._note(call, request)
        self._answer(call, exchange, request, sim_s)

    def _note(self, call: AuditedCall, request: PanelRequest) -> None:
        """Fills in what the call was. Known ids share one text in memory, because a sweep asks for them many times."""
        names: Mapping[str, Any] = self.book.refills if request.action == "refill_status" else self.book.orders
        call.action, call.client, call.wrong = request.action, request.key, list(request.wrong)
        call.ids = tuple(names[i].id if i in names else i for i in request.ids)

    def _answer(self, call: AuditedCall, exchange: Exchange, request: PanelRequest, sim_s: float) -> None:
        """Checks the rate limit, chooses a fault, acts on the call and answers it."""
        if self.rate_limit is not None and self.audit.exceeds(self.rate_limit, call.arrival):
            call.wrong.append("rate limit")
            self._finish(call, exchange, self._instead("http_429", request))
            return
        kind, rng = self.faults.choose(request, self._real_s(), sim_s)
        call.fault = kind.name if kind else None
        if kind and kind.family == "instead":
            self._finish(call, exchange, self._instead(kind.name, request))
            return
        answer = self._act(request, sim_s)
        call.good = kind is None or (kind.family != "broken" and kind.name not in _UNREADABLE)
        if kind and kind.family == "alter":
            _alter(kind.name, answer, rng)
        if self.faults.endless_children and request.action == "status":
            for entry in answer.entries.values():
                listed = [str(next(self._listed)) for _ in range(self.faults.endless_children)]
                entry |= {"posts": len(listed), "orders": listed}
        if call.good and self.audit.record_served:
            call.statuses = answer.statuses
        reply = LoopbackReply(compact(answer.value))
        if kind and kind.family == "bent":
            BENT[kind.name][2](reply)
        self._finish(call, exchange, reply, kind)

    def _act(self, request: PanelRequest, sim_s: float) -> api.ApiAnswer:
        if request.key != self.key:
            return api.ApiAnswer(api.BAD_KEY)
        if any("was expected" in reason for reason in request.wrong):
            return api.ApiAnswer(api.BAD_REQUEST)
        return api.answer(self.book, request, sim_s / 60)

    def _instead(self, name: str, request: PanelRequest) -> LoopbackReply:
        elsewhere = f"http://127.0.0.1:{self.port}/elsewhere"
        make = (INSTEAD.get(name) or INSTEAD_OF_BATCH[name])[1]
        return make(FaultPlace(request.key, self.faults.retry_after, elsewhere, self.faults.refusal))

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


def _at_s(query: Mapping[str, str]) -> float | None:
    return float(query["at_s"]) if "at_s" in query else None


def _alter(name: str, answer: api.ApiAnswer, rng: random.Random) -> None:
    """Changes the answer, unless it describes no known order (a refused key, unknown ids)."""
    if answer.entries:
        (ALTER.get(name) or ALTER_BATCH[name])[1](answer, rng)


_UNREADABLE = frozenset(name for name, (_, readable, _) in BENT.items() if not readable)
