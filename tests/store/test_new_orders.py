"""How ids come in: once, and adding again fills what was unknown and overwrites nothing."""

from decimal import Decimal

import msgspec
import pytest

from tests.core.beliefs import NOW
from tests.databases import rows
from tests.store import claimed, column, decided, events, everything, ids_of, poll, record, says, track
from tracker.core.status import OrderStatus
from tracker.store import NewOrder, NewRefill

FACTS = {
    "service": "12", "quantity": 1_000, "charge": Decimal("0.50"), "currency": "USD", "ref": "client-A",
    "link": "https://example.com/p/1", "tags": ("vip",), "placed_at": NOW - 60, "parent": "7",
}  # fmt: skip
KEPT = (
    "service, quantity, quantity_source, charge, highest_charge, charge_mark, currency, ref, link, tags, placed_at,"
    " parent"
)


def new(remote_id="1", **fields):
    return NewOrder(**{"panel": "main", "remote_id": remote_id, "baseline": False, "just_placed": False} | fields)


def kept(store):
    found = rows(store.database, f"SELECT {KEPT} FROM orders")[0]
    return tuple(str(value) if isinstance(value, Decimal) else value for value in found)


ALL_OF_THEM = (
    "12", 1_000, "given", "0.50", "0.50", "0.50", "USD", "client-A", "https://example.com/p/1", '["vip"]', NOW - 60,
    "7",
)  # fmt: skip


def test_an_order_is_new_once_and_known_from_then_on(store):
    assert store.new_orders.add([new("1"), new("2"), new("1")], NOW) == [True, True, False]
    assert store.new_orders.add([new("2"), new("3")], NOW + 1) == [False, True]
    assert column(store, "remote_id") == ["1", "2", "3"]
    assert column(store, "next_poll_at") == [NOW, NOW, NOW + 1]


def test_the_same_id_at_another_panel_is_another_order(store):
    assert store.new_orders.add([new("1"), new("1", panel="other")], NOW) == [True, True]


def test_what_is_known_at_once_is_kept(store):
    store.new_orders.add([new(**FACTS)], NOW)
    assert kept(store) == ALL_OF_THEM


def test_adding_again_fills_what_was_unknown(store):
    store.new_orders.add([new()], NOW)
    store.new_orders.add([new(**FACTS)], NOW + 1)
    assert kept(store) == ALL_OF_THEM


def test_adding_again_overwrites_nothing_and_disturbs_no_call_under_way(store):
    store.new_orders.add([new(**FACTS)], NOW)
    claim = claimed(store)
    before = everything(store)
    other = {"service": "13", "quantity": 5, "charge": Decimal(9), "currency": "EUR", "ref": "B", "tags": ("x",)}
    store.new_orders.add([new(**other, link="https://example.com/2", placed_at=NOW, parent="8")], NOW + 1)
    store.new_orders.add([new()], NOW + 1)
    assert everything(store) == before
    assert record(store, claim, decided(store, claim, {"1": "Completed"}, NOW + 2), NOW + 2) == 1


def test_an_inferred_quantity_is_no_unknown_one(store):
    track(store, "1")
    poll(store, {"1": says("1", "Pending", remains=700)})
    store.new_orders.add([new(quantity=1_000)], NOW + 5)
    assert rows(store.database, "SELECT quantity, quantity_source FROM orders") == [(700, "inferred")]


def test_a_charge_that_was_filled_in_is_what_a_refund_is_seen_against(store):
    track(store, "1")
    store.new_orders.add([new(charge=Decimal("1.00"), currency="USD")], NOW)
    poll(store, {"1": says("1", "Canceled", charge=Decimal(0), currency="USD")})
    assert events(store) == ["order.canceled", "order.refunded"]


def test_an_order_just_placed_is_told_at_once_and_only_once(store, woken):
    assert store.new_orders.add([new(just_placed=True, **FACTS)], NOW) == [True]
    assert store.new_orders.add([new(just_placed=True)], NOW + 1) == [False]
    told = rows(store.database, "SELECT type, seq, panel, remote_id, body FROM events")
    assert [row[:4] for row in told] == [("order.tracked", 1, "main", "1")]
    order = msgspec.json.decode(told[0][4])["data"]["order"]
    assert (order["ref"], order["quantity"], order["charge"], order["tags"]) == ("client-A", 1_000, "0.50", ["vip"])
    assert sorted(woken) == ["ops", "shop"]
    poll(store, {"1": "Completed"})
    assert rows(store.database, "SELECT seq FROM events ORDER BY id") == [(1,), (2,)]


def test_a_baseline_is_told_to_nobody_until_it_moves(store, woken):
    store.new_orders.add([new(baseline=True)], NOW)
    poll(store, {"1": "In progress"})
    assert (events(store), woken) == ([], [])
    poll(store, {"1": "Completed"}, NOW + 600)
    assert events(store) == ["order.completed"]


def test_a_status_handed_over_is_what_the_first_answer_is_compared_with(store):
    store.new_orders.add([new("1", status=OrderStatus.PENDING), new("2", status=OrderStatus.COMPLETED)], NOW)
    assert column(store, "tracking") == ["active", "active"]  # a belief is no answer: both are asked at once
    poll(store, {"1": "In progress", "2": "Completed"})
    assert events(store) == ["order.started"]
    assert column(store, "tracking") == ["active", "finished"]
    assert column(store, "finished_at") == [None, NOW]


def test_no_link_ever_enters_an_event(store):
    store.new_orders.add([new(just_placed=True, **FACTS)], NOW)
    for n, word in enumerate(("In progress", "Hm", "Partial", "Refunded")):
        poll(store, {"1": word}, NOW + 600 * n)
    bodies = [row[0] for row in rows(store.database, "SELECT body FROM events")]
    assert len(bodies) == 6
    assert all("example.com" not in body and "link" not in body for body in bodies)


def test_refills_are_new_once_and_learn_their_order_later(store):
    assert store.new_orders.add_refills([NewRefill("main", "9", baseline=False)], NOW) == [True]
    assert events(store) == ["refill.tracked"]
    claim = claimed(store)
    assert (claim.kind, ids_of(claim)) == ("refill_status", ["9"])
    assert store.new_orders.add_refills([NewRefill("main", "9", baseline=False)], NOW + 1) == [False]
    assert rows(store.database, "SELECT order_remote_id, version FROM refills") == [(None, 0)]
    for order in ("1", "2"):
        store.new_orders.add_refills([NewRefill("main", "9", baseline=False, order_remote_id=order)], NOW + 1)
    assert rows(store.database, "SELECT order_remote_id, version FROM refills") == [("1", 1)]
    assert events(store) == ["refill.tracked"]


def test_a_baseline_refill_is_told_to_nobody(store):
    store.new_orders.add_refills([NewRefill("main", "9", baseline=True)], NOW)
    assert events(store) == []
    assert rows(store.database, "SELECT seq FROM refills") == [(0,)]


def test_nothing_is_tracked_where_the_events_cannot_be_written(store):
    with store.database.transaction() as cur:
        cur.run("DROP TABLE deliveries" + (" CASCADE" if store.database.postgres else ""))
    with pytest.raises(Exception, match="deliveries"):
        store.new_orders.add([new(just_placed=True)], NOW)
    assert column(store, "remote_id") == []
