"""The gateway: a panel API v2 endpoint for shops and bots, in front of the panels.

Rule 1: a call that only asks is answered from the database while that is fresh, else by one call for all clients.
Rule 2: the panel is asked only about ids that it can be asked about; the gateway answers about the others itself.
Rule 3: a client sees the panel's own answers and errors as they came, and never the panel's key.

Calls that change something are passed on by gateway.changes.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial

from msgspec.structs import replace

from tracker.clock import Clock
from tracker.config import GatewayConfig, PanelConfig
from tracker.core import wire
from tracker.core.gateway import answers
from tracker.core.gateway.requests import CHANGES, GatewayRequest, askable
from tracker.core.polling.call_timeouts import timeout_s
from tracker.core.polling.request_budget import Caller
from tracker.core.rules import ClientRules
from tracker.db.database import Database
from tracker.errors import PanelError
from tracker.gateway.batching import SharedCalls
from tracker.gateway.changes import Changes
from tracker.gateway.client_polls import ClientPolls
from tracker.gateway.limits import CachedAnswer, Competitors, WaiterLimit, waiters_each
from tracker.gateway.replies import CROWDED, GatewayReply, failed, refused, relayed
from tracker.gateway.unknown_ids import UnknownIds
from tracker.intake.intake import Intake
from tracker.metrics import NUMBERS
from tracker.net.panel import PanelClient
from tracker.polling.poller import Poller
from tracker.polling.second_tries import SecondTries
from tracker.reports import panel_entries
from tracker.store import NoCall, Store
from tracker.store.values import SET_ASIDE

STALE_S = 900.0  # while the panel cannot be asked, a status up to this old is better than none
FAILED_S = 10.0  # how long a failure of services or balance is the answer to other clients too
INCORRECT = refused(200, "Incorrect request")


class _Ids:
    """One kind of id at one panel, orders or refills: what the rows hold, what was kept, and how to ask."""

    def __init__(
        self,
        calls: SharedCalls,
        unknown: UnknownIds,
        read: Callable[[Database, str, Sequence[str]], panel_entries.KnownEntries],
    ) -> None:
        self.calls = calls
        self.unknown = unknown
        self.read = read

    def kept(self, remote_id: str) -> str | None:
        """Returns what the panel said about an id that has no row, if that still holds."""
        return self.unknown.said(remote_id) or self.calls.kept(remote_id)

    def forget(self, ids: Sequence[str]) -> None:
        """Forgets what the panel said about these ids, since a call changed something about them."""
        self.calls.forget(ids)
        self.unknown.forget(ids)


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
        self._panels = panels
        self._clock = clock
        self._track_found = intake.track_found
        self._orders = {name: self._ids(poller, "status", panel_entries.orders) for name, poller in pollers.items()}
        self._refills = {
            name: self._ids(poller, "refill_status", panel_entries.refills) for name, poller in pollers.items()
        }
        self._kept: dict[tuple[str, str], CachedAnswer[GatewayReply]] = defaultdict(
            partial(CachedAnswer[GatewayReply], clock)
        )
        self._waiters = WaiterLimit(waiters_each(len(panels)))
        self._competitors = Competitors(clock)
        forget = lambda panel, ids: self._orders[panel].forget(ids)  # noqa: E731  the tables of this object
        self.changes = Changes(configs, store, intake, panels, forget, self._waiters, clock)

    def answer(self, client: ClientRules, panel: str, request: GatewayRequest) -> GatewayReply:
        """Answers a client's request to a panel."""
        # A database server has a hundred connections or so: a client keeps none while a panel takes its time.
        with nullcontext() if self._database.postgres else self._database.lasting():
            reply = self._answer(client, panel, request)
        # A client may invent any number of actions.
        action = request.action if request.action in self._ASKS or request.action in CHANGES else "other"
        NUMBERS.add("tracker_gateway_requests", client.name, action, reply.how)
        return reply

    def _answer(self, client: ClientRules, panel: str, request: GatewayRequest) -> GatewayReply:
        if panel not in client.panels or panel not in self._panels:
            return refused(404, "No such panel")
        changes, asks = request.action in CHANGES, self._ASKS.get(request.action)
        if not changes and asks is None:
            return self._unknown_action(client, panel, request.action)
        if request.action not in client.actions:
            return refused(200, f"Not allowed for this key: {request.action[:40]!r}")
        if asks is not None:
            return asks(self, client, panel, request)
        return self.changes.pass_on(client, self._competitors.caller(client, panel), panel, request)

    # --- ids

    def _status(self, client: ClientRules, panel: str, request: GatewayRequest) -> GatewayReply:
        entries = dict.fromkeys(request.ids, answers.NOT_AN_ID)
        return self._said(client, request, self._orders[panel], panel, entries, answers.orders_answer)

    def _refill_status(self, client: ClientRules, panel: str, request: GatewayRequest) -> GatewayReply:
        entries = dict.fromkeys(request.ids, answers.NOT_A_REFILL)
        return self._said(client, request, self._refills[panel], panel, entries, answers.refills_answer)

    def _said(
        self,
        client: ClientRules,
        request: GatewayRequest,
        kind: _Ids,
        panel: str,
        entries: dict[str, str],
        written: Callable[[GatewayRequest, Mapping[str, str]], bytes],
    ) -> GatewayReply:
        """Answers a question about ids: what is fresh from the rows, the rest from the panel.

        entries: what is said about ids that a panel cannot be asked about; the answers are added to it.
        written: puts the entries together as an answer.
        """
        if not request.ids:
            return INCORRECT
        ids = askable(request.ids)
        kind.calls.wanted(ids)
        known = kind.read(self._database, panel, ids)
        now = self._clock.now()
        # A row from later than `until` was written by a clock that was ahead.
        since, until = now - self._rules.fresh_s, now + self._rules.fresh_s
        missing = []
        for one in ids:
            said, at = known[one] if one in known else (kind.kept(one), since)
            if said is None or not since <= at <= until:
                missing.append(one)
            else:
                entries[one] = said
        if not missing:
            return GatewayReply(200, written(request, entries), "fresh")
        with self._waiters.admitted(panel) as admitted:
            if not admitted:
                return CROWDED
            outcomes = kind.calls.get(missing, self._competitors.caller(client, panel))
        instead = self._add(outcomes, known, entries, many=request.many)
        if len(missing) == len(ids):
            # All of it came from the panel: its own order of rows is there to be kept.
            entries = {one: entries[one] for one in (*outcomes, *entries) if one in entries}
        return instead or GatewayReply(200, written(request, entries), "asked")

    def _add(
        self,
        outcomes: Mapping[str, object],
        known: panel_entries.KnownEntries,
        entries: dict[str, str],
        *,
        many: bool,
    ) -> GatewayReply | None:
        """Adds the panel's answers to `entries`; returns the reply to give instead where that cannot be done."""
        oldest = self._clock.now() - STALE_S
        for remote_id, outcome in outcomes.items():
            if isinstance(outcome, str):
                entries[remote_id] = outcome
            elif outcome is None:
                entries.pop(remote_id)
            elif remote_id in known and known[remote_id][1] > oldest:
                entries[remote_id] = known[remote_id][0]
            elif isinstance(outcome, NoCall) and outcome.why == SET_ASIDE and many:
                entries[remote_id] = answers.SET_ASIDE
            else:
                assert isinstance(outcome, NoCall | Exception)
                return failed(outcome)
        return None

    def _ids(
        self,
        poller: Poller,
        action: str,
        read: Callable[[Database, str, Sequence[str]], panel_entries.KnownEntries],
    ) -> _Ids:
        rules = self._configs[poller.name].rules
        table = "orders" if action == "status" else "refills"
        unknown = UnknownIds(lambda: panel_entries.highest(self._database, poller.name, table), self._clock)
        polls = ClientPolls(self._store.claims, poller, rules, action, self._track_found, unknown, self._clock)
        calls = SharedCalls(polls.ask, self._rules.fresh_s, self._clock, rules.batch_size, rules.max_concurrency)
        return _Ids(calls, unknown, read)

    # --- what is the same for all clients

    def _balance(self, client: ClientRules, panel: str, _request: GatewayRequest) -> GatewayReply:
        return self._cached(client, panel, "balance", wire.read_balance)

    def _services(self, client: ClientRules, panel: str, _request: GatewayRequest) -> GatewayReply:
        return self._cached(client, panel, "services", wire.read_services)

    def _unknown_action(self, client: ClientRules, panel: str, action: str) -> GatewayReply:
        """Returns the panel's own text for a missing or an unknown action.

        The panel is never asked for the action that the client invented, which may change something there.
        """
        reply = self._cached(client, panel, "unknown" if action.strip() else "", wire.read_refusal)
        return reply if reply.how in ("cached", "asked") else INCORRECT

    def _cached(
        self, client: ClientRules, panel: str, action: str, read: Callable[[wire.PanelAnswer], object]
    ) -> GatewayReply:
        """Returns the panel's answer, kept for a while; all clients that ask meanwhile wait for one call."""
        kept = self._kept[panel, action]
        if (known := kept.good()) is not None:
            return known
        with self._waiters.admitted(panel) as admitted, kept.lock if admitted else nullcontext():
            if not admitted:
                return CROWDED
            if (known := kept.good()) is not None:
                return known
            reply = self._fetched(self._competitors.caller(client, panel), panel, action, read)
            if isinstance(reply, NoCall):
                return failed(reply)  # another client may have budget left
            if reply.how == "asked":
                kept.keep(replace(reply, how="cached"), self._rules.cache_s)
            else:
                kept.keep(reply, FAILED_S)
            return reply

    def _fetched(
        self, caller: Caller, panel: str, action: str, read: Callable[[wire.PanelAnswer], object]
    ) -> GatewayReply | NoCall:
        rules = self._configs[panel].rules
        kind = f"gateway.{action or 'unknown'}"
        run_id = self._store.claims.open_run_if_askable(panel, kind, caller, rules, self._clock.now())
        if isinstance(run_id, NoCall):
            return run_id
        outcome = "ok"
        try:
            with SecondTries(self._store.claims, panel, rules, self._clock) as tries:
                _, answer = self._panels[panel].forward(action, {}, read, timeout_s(kind, rules), tries.allowed)
        except PanelError as error:
            outcome = error.kind.value
            return failed(error)
        finally:
            self._store.claims.close_run(run_id, outcome, self._clock.now())
        return relayed(answer.http, answer.body, "asked")

    _ASKS: Mapping[str, Callable[["Gateway", ClientRules, str, GatewayRequest], GatewayReply]] = {
        "status": _status,
        "refill_status": _refill_status,
        "balance": _balance,
        "services": _services,
    }
