"""Calls of clients that change something: written down before they are passed on, settled by what came of them.

A call is `open` from before it is sent until its answer is written down. No call is ever sent again: an open call of a
process that died is `unclear` from then on, until a person says what came of it.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from tracker.core.events.events import gateway_event
from tracker.core.gateway import price, spending_limit
from tracker.core.gateway.price import Tariff
from tracker.core.gateway.requests import CallState
from tracker.core.gateway.spending_limit import RESERVING, ClientUsage, RefusedOrder
from tracker.core.model import Event
from tracker.core.money import money
from tracker.core.orders.new_orders import NewOrder
from tracker.core.polling.request_budget import Caller
from tracker.core.rules import ClientRules, PollRules
from tracker.db.database import Cursor, Database, DbRow, amount
from tracker.db.sql import UNSETTLED_CALLS, placeholders
from tracker.store import client_budget
from tracker.store.event_log import EventLog
from tracker.store.new_orders import NewOrderStore
from tracker.store.sql import next_count, open_run, panel_state, told_lately
from tracker.store.values import NewRefill, NoCall

CHANGES = "changes"  # the one row of gateway_stops
TELL_LIMIT_S = 3_600.0  # one event an hour about a client that goes on trying
# From a moment on, up to another one in the future: later rows were written by a clock that has been put right since.
_LATELY = "client = ? AND action = 'add' AND at > ? AND at < ?"
_OPEN = f"state = '{CallState.OPEN}'"
_COLUMNS = "name, client, panel, action, service, quantity, link, ids, at"


class GatewayCall(Struct, frozen=True):
    """A call of a client that changes something.

    ids: of the orders it is about.
    """

    name: str
    client: str
    panel: str
    action: str
    service: str | None = None
    quantity: int | None = None
    link: str | None = None
    ids: tuple[str, ...] = ()
    at: float = 0.0


STOPPED = RefusedOrder("the gateway is stopped", "The gateway is stopped, nothing was ordered", emitted=False)


class GatewayStore:
    """Calls of clients that change something."""

    def __init__(self, database: Database, events: EventLog, new_orders: NewOrderStore) -> None:
        self._database = database
        self._events = events
        self._new_orders = new_orders

    def open_call(
        self, call: GatewayCall, rules: ClientRules, caller: Caller, panel: PollRules, fields: Mapping[str, str]
    ) -> int | RefusedOrder | NoCall:
        """Writes down a call that is about to be passed on, and reserves its price.

        Returns the run that counts it against the panel's budget, or why it must not be passed on.

        rules, panel: of the client, and of the panel.
        """
        woken: set[str] = set()
        with self._database.transaction() as cur:
            if cur.run("SELECT 1 FROM gateway_stops").one() is not None:
                return STOPPED
            if panel_state(cur, call.panel) is not None:  # locked, so that two calls never count on the same budget
                refusal = client_budget.refusal(cur, call.panel, caller, panel, call.at)
                if refusal is not None:
                    return refusal
            cost = limited = None
            if call.action == "add":
                self._one_at_a_time(cur, call.client)
                spent = self._spent(cur, call.client, call.at)
                cost = price.price(fields, self._tariff(cur, call))
                limited = spending_limit.limit(rules, spent, cost)
                if limited is not None and limited.emitted:
                    woken = self._emit_limit(cur, call, rules, limited, spent, cost)
            if limited is None:
                run_id = open_run(cur, call.panel, f"gateway.{call.action}", call.at, client=call.client)
                cur.run(
                    f"INSERT INTO gateway_calls ({_COLUMNS}, state, reserved) VALUES ({placeholders(range(11))})",
                    (call.name, call.client, call.panel, call.action, call.service, call.quantity, call.link,
                     " ".join(call.ids), call.at, CallState.OPEN.value, cur.money(cost)),
                )  # fmt: skip
        self._events.wake(woken)
        return limited or run_id

    def call_placed(self, name: str, order: NewOrder, state: CallState, now: float) -> bool:
        """Tracks the order that the panel took, and settles its call. False: that was settled already."""
        with self._database.transaction() as cur:
            _, woken = self._new_orders.take_orders(cur, [order], now)
            settled = self._settle(cur, name, state, now, ids=order.remote_id)
        self._events.wake(woken)
        return settled

    def call_refused(self, name: str, reason: str, now: float) -> None:
        """Settles a call that certainly came to nothing; what it reserved is free again."""
        with self._database.transaction() as cur:
            self._settle(cur, name, CallState.REFUSED, now, reason)

    def call_done(self, name: str, panel: str, refills: Sequence[NewRefill], sooner: Sequence[str], now: float) -> None:
        """Settles a refill or a cancel that the panel took: tracks the refills.

        sooner: orders that are due at once, unless a call about them is under way.
        """
        with self._database.transaction() as cur:
            _, woken = self._new_orders.take_refills(cur, refills, now)
            cur.run(
                f"UPDATE orders SET next_poll_at = ? WHERE panel = ? AND remote_id IN ({placeholders(sooner)})"
                " AND tracking IN ('active', 'finished') AND next_poll_at > ?"
                " AND next_poll_at NOT IN (SELECT lease FROM poll_runs WHERE panel = ? AND finished_at IS NULL"
                " AND lease IS NOT NULL)",
                (now, panel, *sooner, now, panel),
            )
            self._settle(cur, name, CallState.DONE, now)
        self._events.wake(woken)

    def call_unclear(self, name: str, reason: str, now: float) -> None:
        """Marks a call whose outcome is not known; an event says so, and a person settles it."""
        self._lose(f"name = ? AND {_OPEN}", (name,), reason, now)

    def lose_calls(self, before: float, now: float) -> list[GatewayCall]:
        """Marks as unclear the open calls begun before a moment, whose process died; returns them."""
        reason = "the tracker ended before the panel answered"
        return self._lose(f"{_OPEN} AND at < ?", (before,), reason, now)

    def open_calls(self) -> list[GatewayCall]:
        """Returns the calls that were written down and have no outcome yet."""
        with self._database.reading() as cur:
            return [_call(row) for row in cur.run(f"SELECT {_COLUMNS} FROM gateway_calls WHERE {_OPEN}").rows()]

    def find_call(self, name: str) -> tuple[GatewayCall, CallState] | None:
        with self._database.reading() as cur:
            row = cur.run(f"SELECT {_COLUMNS}, state FROM gateway_calls WHERE name = ?", (name,)).one()
        return None if row is None else (_call(row[:-1]), CallState(row[-1]))

    def call_not_placed(self, name: str, now: float) -> bool:
        """Settles a call of which a person says that nothing came of it. False: it was settled already."""
        with self._database.transaction() as cur:
            return self._settle(cur, name, CallState.NOT_PLACED, now)

    def stop(self, comment: str | None, now: float) -> bool:
        """Stops passing on calls that change something. False: it was stopped already."""
        with self._database.transaction() as cur:
            cur.run(
                "INSERT INTO gateway_stops (name, since, comment) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (CHANGES, now, comment),
            )
            return cur.touched == 1

    def start(self) -> bool:
        """Passes on again calls that change something. False: it was not stopped."""
        with self._database.transaction() as cur:
            return cur.run("DELETE FROM gateway_stops").touched > 0

    def _settle(
        self, cur: Cursor, name: str, state: CallState, now: float, reason: str | None = None, ids: str | None = None
    ) -> bool:
        cur.run(
            "UPDATE gateway_calls SET state = ?, settled_at = ?, reason = coalesce(?, reason), ids = coalesce(?, ids)"
            f" WHERE name = ? AND {UNSETTLED_CALLS}",
            (state.value, now, reason and reason[:500], ids, name),
        )
        return cur.touched == 1

    def _lose(self, condition: str, params: Sequence[object], reason: str, now: float) -> list[GatewayCall]:
        with self._database.transaction() as cur:
            rows = cur.run(
                f"UPDATE gateway_calls SET state = '{CallState.UNCLEAR}', reason = ? WHERE {condition}"
                f" RETURNING {_COLUMNS}",
                (reason[:500], *params),
            ).rows()
            calls = [_call(row) for row in rows]
            woken = self._events.write(cur, [_unclear(call, reason, now) for call in calls]) if calls else set()
        self._events.wake(woken)
        return calls

    def _one_at_a_time(self, cur: Cursor, client: str) -> None:
        """Makes orders of one client wait for each other, so that two never count on the same money.

        Needed for PostgreSQL: SQLite has one writer anyway.
        """
        if self._database.postgres:
            cur.run("SELECT pg_advisory_xact_lock(hashtext(?))", (f"gateway:{client}",))

    def _spent(self, cur: Cursor, client: str, now: float) -> ClientUsage:
        states = [state.value for state in RESERVING]
        rows = cur.run(
            f"SELECT reserved FROM gateway_calls WHERE {_LATELY} AND state IN ({placeholders(states)})",
            (client, now - spending_limit.DAY_S, now + spending_limit.DAY_S, *states),
        ).rows()
        adds = cur.run(
            f"SELECT count(*) FROM gateway_calls WHERE {_LATELY}",
            (client, now - spending_limit.MINUTE_S, now + spending_limit.MINUTE_S),
        ).one()
        return ClientUsage(sum((amount(row[0]) or Decimal(0) for row in rows), Decimal(0)), adds[0] if adds else 0)

    def _tariff(self, cur: Cursor, call: GatewayCall) -> Tariff | None:
        row = cur.run(
            "SELECT rate, type FROM services WHERE panel = ? AND service = ? AND gone_at IS NULL",
            (call.panel, call.service),
        ).one()
        return None if row is None else Tariff(amount(row[0]), row[1])

    def _emit_limit(
        self,
        cur: Cursor,
        call: GatewayCall,
        rules: ClientRules,
        limited: RefusedOrder,
        spent: ClientUsage,
        cost: Decimal | None,
    ) -> set[str]:
        if told_lately(cur, call.panel, "gateway", call.client, TELL_LIMIT_S, call.at):
            return set()
        seq = next_count(cur, call.panel, "gateway", call.client)
        facts = {
            "client": call.client,
            "service": call.service,
            "quantity": call.quantity,
            "reason": limited.reason,
            "price": money(cost),
            "reserved": money(spent.reserved),
            "max_spend_per_day": money(rules.max_spend_per_day),
        }
        return self._events.write(cur, [gateway_event("gateway.limit", call.panel, call.client, seq, call.at, facts)])


def _call(row: DbRow) -> GatewayCall:
    values: DbRow = (*row[:7], tuple(row[7].split()), row[8])
    return GatewayCall(*values)


def _unclear(call: GatewayCall, reason: str, now: float) -> Event:
    facts = {
        "call": call.name,
        "client": call.client,
        "action": call.action,
        "service": call.service,
        "quantity": call.quantity,
        "orders": call.ids,
        "reason": reason,
    }
    return gateway_event("gateway.unclear", call.panel, call.name, 1, now, facts)
