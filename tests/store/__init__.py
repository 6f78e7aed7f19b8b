"""How the tests of the store speak: orders are given, claimed, answered; deliveries are taken and settled."""

import json
from collections.abc import Mapping

from tests.core.beliefs import NOW
from tests.databases import rows
from tests.defaults import hook_rules, poll_rules
from tracker.core.delivery import hook_health, routing
from tracker.core.delivery.hook_health import Health
from tracker.core.model import OrderSnapshot, Refusal
from tracker.core.orders import diff, notices
from tracker.core.rules import HookRules, PollRules
from tracker.core.status import order_status
from tracker.db.database import Database
from tracker.store import Answered, Claim, Claimed, NewOrder, Store
from tracker.store.claims import ID, REMOTE_ID
from tracker.store.outbox import Tried

RULES = poll_rules(max_requests_per_minute=600)
OPS = hook_rules(name="ops", events=("*",))
SHOP = hook_rules(name="shop", events=("order.*",))

ORDERS = "SELECT {} FROM orders ORDER BY id"


def track(store: Store, *ids: str, now: float = NOW, panel: str = "main", **fields: object) -> None:
    """Orders that nothing is told about yet, and of which every answer is news. Due at `now`."""
    facts = {"baseline": False, "just_placed": False} | fields
    store.new_orders.add([NewOrder(panel=panel, remote_id=id_, **facts) for id_ in ids], now)


def claimed(store: Store, now: float = NOW, rules: PollRules = RULES, panel: str = "main") -> Claim:
    """The claim; there has to be one."""
    claim = store.claims.claim(panel, rules, now)
    assert isinstance(claim, Claim), claim
    return claim


def ids_of(claim: Claim) -> list[str]:
    return [row[REMOTE_ID] for row in claim.rows]


def says(remote_id: str, word: str, **fields: object) -> OrderSnapshot:
    return OrderSnapshot(remote_id, order_status(word, {}), word, **fields)


def decided(store: Store, claim: Claim, answer: Mapping[str, object], now: float, rules: PollRules = RULES) -> list:
    """What the answer (id -> word, snapshot or Refusal; left out: missed) changes, decided as the poller does."""
    changes = []
    for order in store.results.beliefs(claim, [row[ID] for row in claim.rows]):
        said = answer.get(order.remote_id)
        if isinstance(said, Refusal):
            changes.append(notices.refused(order, said, now, rules))
        elif said is None:
            changes.append(notices.missed(order, now, rules))
        else:
            snapshot = says(order.remote_id, said) if isinstance(said, str) else said
            changes.append(diff.observe(order, snapshot, now))
    return [change for change in changes if change is not None]


def record(store: Store, claim: Claim, changes: list, now: float, next_s: float = 300.0) -> int:
    next_at = {row[ID]: now + next_s for row in claim.rows}
    return store.results.record(claim, changes, next_at, Answered(len(claim.rows), len(claim.rows)), now)


def poll(store: Store, answer: Mapping[str, object], now: float = NOW, rules: PollRules = RULES) -> int:
    """Claim what is due and record this answer, one second later; how many orders moved."""
    claim = claimed(store, now, rules)
    return record(store, claim, decided(store, claim, answer, now + 1, rules), now + 1)


def polled(store: Store, *words: str, now: float = NOW, remote_id: str = "1") -> float:
    """Poll one order once for each word, ten minutes apart; returns the moment after the last."""
    for word in words:
        poll(store, {remote_id: word}, now)
        now += 600
    return now


def column(store: Store, what: str) -> list:
    """One column of the orders, in the order they were tracked."""
    return [row[0] for row in rows(store.database, ORDERS.format(what))]


def everything(store: Store) -> dict[str, list[tuple]]:
    """All rows of all tables: to assert that a wrong move changed nothing."""
    tables = (
        *("panels", "orders", "refills", "transitions", "progress", "events", "counters", "deliveries", "attempts"),
        *("alerts", "balances", "poll_runs", "services", "intakes"),
    )
    return {table: sorted(rows(store.database, f"SELECT * FROM {table}"), key=repr) for table in tables}


def told(database: Database, type_: str) -> list[dict]:
    """The events of this type, each as its receiver reads it."""
    found = rows(database, "SELECT body FROM events WHERE type = ? ORDER BY id", type_)
    return [json.loads(body) for (body,) in found]


def events(store: Store) -> list[str]:
    return [row[0] for row in rows(store.database, "SELECT type FROM events ORDER BY id")]


def deliver(store: Store, now: float, hook: HookRules = OPS) -> Claimed | None:
    """Take the next delivery and succeed with it; None when there is none."""
    taken = store.outbox.claim(hook, now)
    if taken is not None:
        assert succeed(store, taken, now, hook)
    return taken


def settle(store: Store, hook: HookRules, taken: Claimed, tried: Tried, verdict, health, now: float):
    """Settle the attempt at one delivery; returns its verdict. None: it came too late to count."""
    return store.outbox.settle_message(hook, [(taken, verdict)], tried, health, now)[0]


def succeed(store: Store, taken: Claimed, now: float, hook: HookRules = OPS) -> bool:
    tried = Tried("delivered", 0.1, 200, "127.0.0.1", "thanks")
    return settle(store, hook, taken, tried, routing.after_success(), hook_health.after_success, now)


def fail(store: Store, taken: Claimed, now: float, hook: HookRules = OPS, *, permanent: bool = False) -> bool:
    """The attempt failed at `now`; without jitter. False: it came too late to count."""
    verdict = routing.after_failure(hook, taken.step, now, 0.0, permanent=permanent, retry_after_s=None)
    tried = Tried("refused" if permanent else "failed", 0.1, 500, error="no")
    return settle(store, hook, taken, tried, verdict, lambda health: _failed(health, taken, now), now)


def _failed(health: Health, taken: Claimed, now: float) -> tuple[Health, str | None]:
    return hook_health.after_failure(
        health, now, fresh=taken.attempt == 1, gone=False, retry_after_s=None, reason="no", probe=taken.probe
    )


def states(store: Store, hook: str = "ops") -> list[str]:
    """The states of this hook's deliveries, in the order they were queued."""
    return [row[0] for row in rows(store.database, "SELECT state FROM deliveries WHERE hook = ? ORDER BY id", hook)]
