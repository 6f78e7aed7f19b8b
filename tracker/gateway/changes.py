"""Passes on the calls of clients that change something: add, refill and cancel.

Rule 1: a call is written down first and passed on exactly once. When it is not known what came of it, the client is
        told so, and a person settles it.
Rule 2: a call that the panel's budget has no room for is not passed on; the client is told when there will be room.
"""

import secrets
from base64 import b32encode
from collections.abc import Callable, Mapping, Sequence

from tracker.clock import Clock
from tracker.config import PanelConfig
from tracker.core import wire
from tracker.core.gateway import answers
from tracker.core.gateway.price import quantity
from tracker.core.gateway.requests import CallState, GatewayRequest
from tracker.core.gateway.spending_limit import RefusedOrder
from tracker.core.polling.call_timeouts import timeout_s
from tracker.core.polling.request_budget import Caller
from tracker.core.rules import ClientRules
from tracker.db.errors import DatabaseTrouble
from tracker.errors import PanelError, Trouble
from tracker.gateway.limits import InFlight, WaiterLimit
from tracker.gateway.replies import AGAIN_S, CROWDED, GatewayReply, failed, refused, relayed
from tracker.intake.intake import Intake
from tracker.log import get
from tracker.net.panel import PanelClient
from tracker.store import GatewayCall, NewRefill, NoCall, Store

log = get(__name__)

NOT_PASSED_ON = "Nothing was passed on"


class Changes:
    """The calls of clients that change something at the panels.

    forget: forgets what a panel said about orders that a call changed.
    waiters: limits how many clients wait for one panel.
    """

    def __init__(
        self,
        configs: Mapping[str, PanelConfig],
        store: Store,
        intake: Intake,
        panels: Mapping[str, PanelClient],
        forget: Callable[[str, Sequence[str]], None],
        waiters: WaiterLimit,
        clock: Clock,
    ) -> None:
        self._configs = configs
        self._store = store
        self._persist = store.database.persist
        self._intake = intake
        self._panels = panels
        self._forget = forget
        self._waiters = waiters
        self._clock = clock
        self._gate = InFlight()

    def open(self) -> None:
        """Takes calls again after a `close`."""
        self._gate.open()

    def close(self, beat: Callable[[], None]) -> None:
        """Takes no more calls, and waits for those under way; each ends by its own deadline.

        beat: called once a second meanwhile.
        """
        self._gate.close()
        longest_s = max(timeout_s("gateway.add", panel.rules) for panel in self._configs.values())
        deadline = self._clock.monotonic() + longest_s + 10.0
        while not self._gate.empty(1.0) and self._clock.monotonic() < deadline:
            beat()

    def pass_on(self, client: ClientRules, caller: Caller, panel: str, request: GatewayRequest) -> GatewayReply:
        """Writes a call down and passes it on to the panel, unless a limit keeps it from being made."""
        if request.action != "add" and not request.ids:
            return refused(200, "Incorrect request")
        with self._gate.through() as open_, self._waiters.admitted(panel) as admitted:
            if not open_:
                return refused(503, "The tracker is being stopped; nothing was passed on", AGAIN_S)
            if not admitted:
                return CROWDED
            call = _call(client, panel, request, self._clock.now())
            try:
                rules = self._configs[panel].rules
                run_id = self._store.gateway.open_call(call, client, caller, rules, request.fields)
            except DatabaseTrouble as trouble:
                log.warning("gateway.waited", database=str(trouble))
                return refused(503, "The tracker cannot write it down now; nothing was passed on", AGAIN_S)
            if isinstance(run_id, RefusedOrder):
                log.warning("gateway.refused", client=client.name, panel=panel, why=run_id.reason)
                return refused(200, run_id.error)
            if isinstance(run_id, NoCall):
                return failed(run_id, told=NOT_PASSED_ON)
            return self._send(call, request, run_id)

    def _send(self, call: GatewayCall, request: GatewayRequest, run_id: int) -> GatewayReply:
        """Passes a call on, once, whatever happens."""
        outcome = "ok"
        try:
            read = _READERS[call.action](call.ids)
            longest_s = timeout_s(f"gateway.{call.action}", self._configs[call.panel].rules)
            said, answer = self._panels[call.panel].forward(call.action, request.fields, read, longest_s)
            self._record(call, lambda: self._done(call, said))
            return relayed(answer.http, answer.body, "passed_on")
        except PanelError as error:
            outcome = error.kind.value
            return self._not_done(call, error)
        except Exception:
            log.exception("gateway.failed", call=call.name)
            return self._not_done(call, PanelError(Trouble.UNREADABLE, "something went wrong here", uncertain=True))
        finally:
            self._record(call, lambda: self._store.claims.close_run(run_id, outcome, self._clock.now()))

    def _record(self, call: GatewayCall, act: Callable[[], object]) -> None:
        """Writes down what happened at the panel. If that fails, the client is answered all the same.

        The call then stays open; the next start makes it unclear, or finds its order in the journal.
        """
        try:
            self._persist(act)
        except (DatabaseTrouble, OSError) as error:
            log.error("gateway.unrecorded", call=call.name, error=str(error))

    def _done(self, call: GatewayCall, said: str | wire.Receipt) -> None:
        now = self._clock.now()
        if isinstance(said, str):
            self._intake.place(call, said, CallState.DONE, now)
            self._forget(call.panel, [said])
            log.info("order.placed", panel=call.panel, order=said, client=call.client, call=call.name)
            return
        refills = [NewRefill(call.panel, made, False, order) for order, made in said.created.items()]
        sooner = [*said.accepted, *said.created] if call.action == "cancel" else []
        self._store.gateway.call_done(call.name, call.panel, refills, sooner, now)
        self._forget(call.panel, call.ids)

    def _not_done(self, call: GatewayCall, error: PanelError) -> GatewayReply:
        now = self._clock.now()
        if error.uncertain:
            log.error("gateway.unclear", call=call.name, client=call.client, panel=call.panel, error=error.message)
            self._record(call, lambda: self._store.gateway.call_unclear(call.name, error.message, now))
            return GatewayReply(200, answers.unclear(call.name), "unclear")
        self._record(call, lambda: self._store.gateway.call_refused(call.name, error.message, now))
        return failed(error, "The panel cannot be reached; nothing was passed on")


_READERS: Mapping[str, Callable[[Sequence[str]], Callable[[wire.PanelAnswer], str | wire.Receipt]]] = {
    "add": lambda _ids: wire.read_add,
    "refill": lambda ids: lambda answer: wire.read_refill(answer, ids),
    "cancel": lambda ids: lambda answer: wire.read_cancel(answer, ids),
}


def _call(client: ClientRules, panel: str, request: GatewayRequest, now: float) -> GatewayCall:
    name = "G-" + b32encode(secrets.token_bytes(10)).decode().lower()[:10]
    if request.action != "add":
        return GatewayCall(name, client.name, panel, request.action, ids=request.ids, at=now)
    facts = (request.fields.get("service"), quantity(request.fields), request.fields.get("link"))
    return GatewayCall(name, client.name, panel, request.action, *facts, at=now)
