"""The gateway: a panel API v2 endpoint for shops and bots, in front of the panels.

Rule 1: a call that changes something is written down first and passed on exactly once. When it is not known what came
        of it, the client is told so, and a person settles it.
Rule 2: a call that only asks is answered from the database while that is fresh, else by one call for all clients.
Rule 3: a client sees the panel's own answers and errors as they came, and never the panel's key.
"""

import secrets
from base64 import b32encode
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial

from msgspec.structs import replace

from tracker.clock import Clock
from tracker.config import GatewayConfig, PanelConfig
from tracker.core import wire
from tracker.core.gateway import answers
from tracker.core.gateway.price import quantity
from tracker.core.gateway.requests import CallState, GatewayRequest, askable
from tracker.core.gateway.spending_limit import RefusedOrder
from tracker.core.polling.call_timeouts import timeout_s
from tracker.core.rules import ClientRules
from tracker.db.database import Database
from tracker.db.errors import DatabaseTrouble
from tracker.errors import PanelError, Trouble
from tracker.gateway.batching import SharedCalls
from tracker.gateway.client_polls import ClientPolls
from tracker.gateway.limits import CachedAnswer, InFlight, WaiterLimit, waiters_each
from tracker.gateway.replies import AGAIN_S, CROWDED, GatewayReply, failed, refused
from tracker.intake.intake import Intake
from tracker.log import get
from tracker.metrics import NUMBERS
from tracker.net.panel import PanelClient
from tracker.polling.poller import Poller
from tracker.polling.second_tries import SecondTries
from tracker.reports import panel_entries
from tracker.store import GatewayCall, NewRefill, Store
from tracker.store.claims import NoCall

log = get(__name__)

STALE_S = 900.0  # while the panel cannot be asked, a status up to this old is better than none
FAILED_S = 10.0  # how long a failure of services or balance is the answer to other clients too


class Gateway:
    """A panel API endpoint for shops and bots, in front of the real panels.

    configs, panels, pollers: of each panel, by its name.
    """

    def __init__(
        self,
        config: GatewayConfig,
        configs: Mapping[str, PanelConfig],
        database: Database,
        store: Store,
        intake: Intake,
        panels: Mapping[str, PanelClient],
        pollers: Mapping[str, Poller],
        clock: Clock,
    ) -> None:
        self._rules = config.rules
        self._configs = configs
        self._database = database
        self._store = store
        self._persist = store.database.persist
        self._intake = intake
        self._panels = panels
        self._clock = clock
        self._orders = {name: self._shared(poller, "status") for name, poller in pollers.items()}
        self._refills = {name: self._shared(poller, "refill_status") for name, poller in pollers.items()}
        self._kept: dict[tuple[str, str], CachedAnswer[GatewayReply]] = defaultdict(
            partial(CachedAnswer[GatewayReply], clock)
        )
        self._gate = InFlight()
        self._waiters = WaiterLimit(waiters_each(len(panels)))

    def answer(self, client: ClientRules, panel: str, request: GatewayRequest) -> GatewayReply:
        """Answers a client's request to a panel."""
        # A database server has a hundred connections or so: a client keeps none while a panel takes its time.
        with nullcontext() if self._database.postgres else self._database.lasting():
            reply = self._answer(client, panel, request)
        action = (
            request.action if request.action in self._ACTIONS else "other"
        )  # a client may invent any number of them
        NUMBERS.add("tracker_gateway_requests", client.name, action, reply.how)
        return reply

    def open(self) -> None:
        """Take calls that change something, again after a `close`."""
        self._gate.open()

    def close(self, beat: Callable[[], None]) -> None:
        """Takes no more calls that change something, and waits for those under way; each ends by its own deadline.

        beat: called once a second meanwhile.
        """
        self._gate.close()
        longest_s = max(timeout_s("gateway.add", panel.rules) for panel in self._configs.values())
        deadline = self._clock.monotonic() + longest_s + 10.0
        while not self._gate.empty(1.0) and self._clock.monotonic() < deadline:
            beat()

    def _answer(self, client: ClientRules, panel: str, request: GatewayRequest) -> GatewayReply:
        if panel not in client.panels or panel not in self._panels:
            return refused(404, "No such panel")
        if request.action not in client.actions:
            return refused(200, f"Not allowed for this key: {request.action[:40]!r}")
        return self._ACTIONS[request.action](self, client, panel, request)

    # --- what only asks

    def _status(self, _client: ClientRules, panel: str, request: GatewayRequest) -> GatewayReply:
        entries = dict.fromkeys(request.ids, answers.NOT_AN_ID)
        return self._said(request, self._orders[panel], panel_entries.orders, panel, entries, answers.orders_answer)

    def _refill_status(self, _client: ClientRules, panel: str, request: GatewayRequest) -> GatewayReply:
        entries = dict.fromkeys(request.ids, answers.NOT_A_REFILL)
        return self._said(request, self._refills[panel], panel_entries.refills, panel, entries, answers.refills_answer)

    def _said(
        self,
        request: GatewayRequest,
        shared: SharedCalls,
        read: Callable[[Database, str, Sequence[str]], panel_entries.KnownEntries],
        panel: str,
        entries: dict[str, str],
        written: Callable[[GatewayRequest, Mapping[str, str]], bytes],
    ) -> GatewayReply:
        """Answers a question about ids: what is fresh from the rows, the rest from the panel.

        shared: the calls to ask the panel by.
        read: returns what the rows hold.
        entries: what is said about ids that a panel cannot be asked about; the answers are added to it.
        written: puts the entries together as an answer.
        """
        if not request.ids:
            return refused(200, "Incorrect request")
        ids = askable(request.ids)
        shared.wanted(ids)
        known = read(self._database, panel, ids)
        now = self._clock.now()
        # A row from later than `until` was written by a clock that was ahead.
        since, until = now - self._rules.fresh_s, now + self._rules.fresh_s
        missing = []
        for one in ids:
            said, at = known[one] if one in known else (shared.kept(one), since)
            if said is None or not since <= at <= until:
                missing.append(one)
            else:
                entries[one] = said
        if not missing:
            return GatewayReply(200, written(request, entries), "fresh")
        with self._waiters.admitted(panel) as admitted:
            instead = self._ask(shared, missing, known, entries) if admitted else CROWDED
        return instead or GatewayReply(200, written(request, entries), "asked")

    def _ask(
        self, shared: SharedCalls, missing: Sequence[str], known: panel_entries.KnownEntries, entries: dict[str, str]
    ) -> GatewayReply | None:
        """Adds the panel's answers to `entries`; returns the reply to give instead when that cannot be done."""
        outcomes = shared.get(missing)
        oldest = self._clock.now() - STALE_S
        for remote_id, outcome in outcomes.items():
            if isinstance(outcome, str):
                entries[remote_id] = outcome
            elif outcome is None:
                entries.pop(remote_id)
            elif remote_id in known and known[remote_id][1] > oldest:
                entries[remote_id] = known[remote_id][0]
            else:
                return failed(outcome)
        return None

    def _balance(self, _client: ClientRules, panel: str, _ask: GatewayRequest) -> GatewayReply:
        return self._cached(panel, "balance", wire.read_balance)

    def _services(self, _client: ClientRules, panel: str, _ask: GatewayRequest) -> GatewayReply:
        return self._cached(panel, "services", wire.read_services)

    def _cached(self, panel: str, action: str, read: Callable[[wire.PanelAnswer], object]) -> GatewayReply:
        """Returns the panel's answer, kept for a while; all clients that ask meanwhile wait for one call."""
        kept = self._kept[panel, action]
        if (known := kept.good()) is not None:
            return known
        with self._waiters.admitted(panel) as admitted, kept.lock if admitted else nullcontext():
            if not admitted:
                return CROWDED
            if (known := kept.good()) is not None:
                return known
            reply = self._fetched(panel, action, read)
            if reply.how == "asked":
                kept.keep(replace(reply, how="cached"), self._rules.cache_s)
            else:
                kept.keep(reply, FAILED_S)
            return reply

    def _fetched(self, panel: str, action: str, read: Callable[[wire.PanelAnswer], object]) -> GatewayReply:
        rules = self._configs[panel].rules
        kind = f"gateway.{action}"
        run_id = self._store.claims.open_run_if_askable(panel, kind, rules, self._clock.now())
        if isinstance(run_id, NoCall):
            return failed(run_id)
        outcome = "ok"
        try:
            with SecondTries(self._store.claims, panel, rules, self._clock) as tries:
                _, answer = self._panels[panel].forward(action, {}, read, timeout_s(kind, rules), tries.allowed)
        except PanelError as error:
            outcome = error.kind.value
            return failed(error)
        finally:
            self._store.claims.close_run(run_id, outcome, self._clock.now())
        return GatewayReply(answer.http, answer.body, "asked")

    # --- what changes something

    def _change(self, client: ClientRules, panel: str, request: GatewayRequest) -> GatewayReply:
        if request.action != "add" and not request.ids:
            return refused(200, "Incorrect request")
        with self._gate.through() as open_, self._waiters.admitted(panel) as admitted:
            if not open_:
                return refused(503, "The tracker is being stopped; nothing was passed on", AGAIN_S)
            if not admitted:
                return CROWDED
            call = _call(client, panel, request, self._clock.now())
            try:
                run_id = self._store.gateway.open_call(call, client, request.fields)
            except DatabaseTrouble as trouble:
                log.warning("gateway.waited", database=str(trouble))
                return refused(503, "The tracker cannot write it down now; nothing was passed on", AGAIN_S)
            if isinstance(run_id, RefusedOrder):
                log.warning("gateway.refused", client=client.name, panel=panel, why=run_id.reason)
                return refused(200, run_id.error)
            return self._pass_on(call, request, run_id)

    def _pass_on(self, call: GatewayCall, request: GatewayRequest, run_id: int) -> GatewayReply:
        """Passes a call on, once, whatever happens."""
        outcome = "ok"
        try:
            read = _READERS[call.action](call.ids)
            longest_s = timeout_s(f"gateway.{call.action}", self._configs[call.panel].rules)
            said, answer = self._panels[call.panel].forward(call.action, request.fields, read, longest_s)
            self._record(call, lambda: self._done(call, said))
            return GatewayReply(answer.http, answer.body, "passed_on")
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
            self._orders[call.panel].forget([said])
            log.info("order.placed", panel=call.panel, order=said, client=call.client, call=call.name)
            return
        refills = [NewRefill(call.panel, made, False, order) for order, made in said.created.items()]
        sooner = [*said.accepted, *said.created] if call.action == "cancel" else []
        self._store.gateway.call_done(call.name, call.panel, refills, sooner, now)
        self._orders[call.panel].forget(call.ids)

    def _not_done(self, call: GatewayCall, error: PanelError) -> GatewayReply:
        now = self._clock.now()
        if error.uncertain:
            log.error("gateway.unclear", call=call.name, client=call.client, panel=call.panel, error=error.message)
            self._record(call, lambda: self._store.gateway.call_unclear(call.name, error.message, now))
            return GatewayReply(200, answers.unclear(call.name), "unclear")
        self._record(call, lambda: self._store.gateway.call_refused(call.name, error.message, now))
        return failed(error, "The panel cannot be reached; nothing was passed on")

    def _shared(self, poller: Poller, kind: str) -> SharedCalls:
        rules = self._configs[poller.name].rules
        polls = ClientPolls(self._store.claims, poller, rules, kind, self._intake.track_found, self._clock)
        return SharedCalls(polls.ask, self._rules.fresh_s, self._clock, rules.batch_size, rules.max_concurrency)

    _ACTIONS: Mapping[str, Callable[["Gateway", ClientRules, str, GatewayRequest], GatewayReply]] = {
        "status": _status,
        "refill_status": _refill_status,
        "balance": _balance,
        "services": _services,
        "add": _change,
        "refill": _change,
        "cancel": _change,
    }


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
