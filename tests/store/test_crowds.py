"""Many orders of a panel that turn stuck, unanswered or not found at once are told as one event."""

import pytest
from msgspec.structs import replace

from tests.core.beliefs import DAY, NOW
from tests.databases import rows
from tests.defaults import hook_rules
from tests.store import RULES, claimed, decided, events, record, told, track
from tracker.core.dates import rfc3339
from tracker.core.events.crowds import HOUR_S, SETTLE_S
from tracker.core.model import Refusal
from tracker.core.rules import Where
from tracker.store import Claim, Store

STUCK_AT = NOW + DAY + 100
QUICK = replace(RULES, not_found_after_s=HOUR_S)


def many(store, count, first=1):
    """Tracks so many orders; they are in progress from NOW on."""
    ids = [str(n) for n in range(first, first + count)]
    track(store, *ids)
    everyone_says(store, ids, NOW)
    return ids


def everyone_says(store, ids, now, word="In progress", panel="main"):
    for _ in range(0, len(ids), 100):
        claim = claimed(store, now, panel=panel)
        record(store, claim, decided(store, claim, dict.fromkeys(ids, word), now + 1), now + 1)


def look(store, now):
    store.stuck.emit("main", RULES, 0, now)
    store.stuck.emit_together("main", now)


def test_many_stuck_orders_are_one_event_that_names_the_first_fifty(store):
    ids = many(store, 120)
    everyone_says(store, ids, STUCK_AT - 10)
    look(store, STUCK_AT)
    look(store, STUCK_AT + SETTLE_S - 1)
    assert told(store.database, "order.stuck") == told(store.database, "orders.stuck") == []
    look(store, STUCK_AT + SETTLE_S)
    look(store, STUCK_AT + SETTLE_S + 30)
    (event,) = told(store.database, "orders.stuck")
    assert event["data"] == {
        "panel": "main",
        "orders": {
            "count": 120, "open": 120, "ids": ids[:50], "since": rfc3339(STUCK_AT), "severity": "warning",
            "incident": "main/orders.stuck",
        },
    }  # fmt: skip
    assert told(store.database, "order.stuck") == []


def test_up_to_25_are_told_one_by_one(store):
    ids = many(store, 25)
    everyone_says(store, ids, STUCK_AT - 10)
    look(store, STUCK_AT)
    look(store, STUCK_AT + SETTLE_S)
    assert len(told(store.database, "order.stuck")) == 25
    assert told(store.database, "orders.stuck") == []


def test_what_follows_within_the_hour_waits_for_its_end(store):
    ids = many(store, 60)
    everyone_says(store, ids, STUCK_AT - 10)
    look(store, STUCK_AT)
    look(store, (first := STUCK_AT + SETTLE_S))
    later = many(store, 1, first=500)
    with store.database.transaction() as cur:
        cur.run("UPDATE orders SET progressed_at = ? WHERE remote_id = '500'", (NOW,))
    everyone_says(store, later, first + 400)
    for wait in (900, HOUR_S - 1, HOUR_S, HOUR_S + 30):
        look(store, first + wait)
    assert [event["data"]["orders"]["count"] for event in told(store.database, "orders.stuck")] == [60, 1]
    assert told(store.database, "order.stuck") == []
    ids = [row[0] for row in rows(store.database, "SELECT event_id FROM events WHERE type = 'orders.stuck'")]
    assert len(set(ids)) == 2


def test_those_that_got_on_meanwhile_are_not_told(store):
    ids = many(store, 40)
    everyone_says(store, ids, STUCK_AT - 10)
    look(store, STUCK_AT)
    everyone_says(store, ids[:30], STUCK_AT + 300, "Processing")
    look(store, STUCK_AT + SETTLE_S + 10)
    (event,) = told(store.database, "orders.stuck")
    assert (event["data"]["orders"]["count"], event["data"]["orders"]["ids"]) == (10, ids[30:])


def test_when_all_got_on_nothing_is_told_and_the_next_is_told_at_once(store):
    ids = many(store, 40)
    everyone_says(store, ids, STUCK_AT - 10)
    look(store, STUCK_AT)
    everyone_says(store, ids, STUCK_AT + 300, "Processing")
    look(store, STUCK_AT + SETTLE_S + 10)
    assert told(store.database, "orders.stuck") == []
    everyone_says(store, ids[:30], STUCK_AT + DAY + 400, "In progress")
    everyone_says(store, ids, STUCK_AT + DAY + 800, "Processing")
    look(store, STUCK_AT + DAY + 900)
    assert len(told(store.database, "order.stuck")) == 10


@pytest.mark.parametrize(("type_", "answer"), [("not_found", "Incorrect order ID"), ("unanswered", None)])
def test_a_panel_that_lost_all_its_orders_says_so_once(store, type_, answer):
    ids = many(store, 40)
    said = {one: Refusal(one, answer, not_found=True) for one in ids} if answer else {}
    now = NOW
    while now < NOW + 2 * QUICK.not_found_after_s + 3 * QUICK.poll_every_s:
        now += QUICK.poll_every_s
        while isinstance(claim := store.claims.claim("main", QUICK, now), Claim):
            record(store, claim, decided(store, claim, said, now + 1, QUICK), now + 1)
    # An order that no answer mentions is asked alone in the end, so they turn up one by one.
    singly = len(told(store.database, f"order.{type_}"))
    assert singly == {"not_found": 0, "unanswered": 25}[type_]
    store.stuck.emit_together("main", now + SETTLE_S + 60)
    (event,) = told(store.database, f"orders.{type_}")
    assert singly + event["data"]["orders"]["count"] == 40


def test_each_panel_and_each_kind_of_trouble_is_counted_by_itself(store):
    store.panels.sync({"spare": "1"}, NOW + 365 * DAY)
    ids = many(store, 20)
    track(store, *ids, panel="spare")
    everyone_says(store, ids, NOW, panel="spare")
    for panel in ("main", "spare"):
        everyone_says(store, ids, STUCK_AT - 10, panel=panel)
        store.stuck.emit(panel, RULES, 0, STUCK_AT + 10)
    assert len(told(store.database, "order.stuck")) == 40


def test_a_hook_that_wants_one_kind_of_order_hears_of_many_at_once(database):
    hooks = [
        hook_rules(name="stuck", events=("order.stuck",)),
        hook_rules(name="vip", events=("order.*",), where=Where(tag=frozenset({"vip"}))),
        hook_rules(name="ends", events=("order.completed",)),
        hook_rules(name="many", events=("orders.*",)),
    ]
    store = Store(database, hooks)
    store.panels.sync({"main": "1"}, NOW + 365 * DAY)
    ids = many(store, 30)
    everyone_says(store, ids, STUCK_AT - 10)
    look(store, STUCK_AT)
    look(store, STUCK_AT + SETTLE_S)
    heard = rows(
        store.database,
        "SELECT hook FROM deliveries JOIN events ON events.id = event WHERE type = 'orders.stuck' ORDER BY hook",
    )
    assert [name for (name,) in heard] == ["many", "stuck", "vip"]
    assert "order.stuck" not in events(store)
