"""A service that stopped delivering is told once, with what is at risk."""

from decimal import Decimal

from tests.core.beliefs import DAY, NOW
from tests.databases import rows
from tests.store import RULES, claimed, decided, record, says, told, track
from tracker.core.dates import rfc3339

HOUR = 3_600


def answer(store, now, remains, word="In progress", other=None):
    """The panel answers about what is due: all have this left and this status, except the ones in `other`."""
    claim = claimed(store, now)
    said = {
        row[1]: says(row[1], word, remains=remains, charge=Decimal("0.50"), currency="USD") for row in claim.rows
    } | (other or {})
    record(store, claim, decided(store, claim, said, now + 1), now + 1)


def look(store, now):
    store.stuck.emit("main", RULES, 0, now)
    return store.stuck.emit_stalled("main", RULES, now)


def six_orders(store):
    track(store, *"123456", service="12", quantity=1000)
    answer(store, NOW, 1000)
    answer(store, NOW + HOUR, 250)
    return NOW + HOUR + 1


def test_a_service_that_stopped_delivering_is_told_once_with_what_is_at_risk(store):
    stopped = six_orders(store)
    answer(store, stopped + DAY, 250)
    assert look(store, stopped + DAY - 1) == 0
    assert look(store, stopped + DAY + 10) == 1
    answer(store, stopped + 3 * DAY, 250)
    assert look(store, stopped + 3 * DAY) == 0
    (event,) = told(store.database, "service.stalled")
    assert event["data"] == {
        "panel": "main",
        "service": {
            "id": "12", "name": None, "since": rfc3339(stopped), "stuck": 6, "open": 6,
            "at_risk": [{"currency": "USD", "amount": "0.75000"}], "charge_unknown": 0,
            "severity": "warning", "incident": "main/service.stalled.12",
        },
    }  # fmt: skip


def test_orders_that_are_placed_meanwhile_do_not_hide_it(store):
    stopped = six_orders(store)
    track(store, "7", now=stopped + DAY - 600, service="12", quantity=1000)
    fresh = {"7": says("7", "Pending", remains=1000)}
    answer(store, stopped + DAY - 300, 250, other=fresh)
    answer(store, stopped + DAY + 10, 250, other={"7": says("7", "In progress", remains=1000)})
    assert look(store, stopped + DAY + 20) == 1
    (event,) = told(store.database, "service.stalled")
    assert (event["data"]["service"]["stuck"], event["data"]["service"]["open"]) == (6, 7)


def test_one_order_that_gets_something_keeps_the_whole_service_well(store):
    stopped, sixth = six_orders(store), {"6": says("6", "Completed", remains=0)}
    answer(store, stopped + DAY - 300, 250, other=sixth)
    answer(store, stopped + DAY + 10, 250, other=sixth)
    assert look(store, stopped + DAY + 20) == 0
    answer(store, stopped + 2 * DAY, 250, other=sixth)
    assert look(store, stopped + 2 * DAY) == 1


def test_it_is_told_again_after_it_had_delivered(store):
    stopped = six_orders(store)
    answer(store, stopped + DAY + 1, 250)
    assert look(store, stopped + DAY + 10) == 1
    answer(store, stopped + 2 * DAY, 100)
    assert look(store, stopped + 2 * DAY + 10) == 0
    answer(store, stopped + 3 * DAY + 10, 100)
    assert look(store, stopped + 3 * DAY + 20) == 1
    assert len(set(rows(store.database, "SELECT event_id FROM events WHERE kind = 'service'"))) == 2


def test_four_stuck_orders_are_not_a_service(store):
    track(store, *"1234", service="12", quantity=1000)
    answer(store, NOW, 1000)
    answer(store, NOW + DAY + 10, 1000)
    assert look(store, NOW + DAY + 20) == 0


def test_a_service_that_never_delivered_says_so(store):
    track(store, *"12345", service="12", quantity=1000)
    answer(store, NOW, 1000, word="Pending")
    answer(store, NOW + DAY + 10, 1000, word="Pending")
    assert look(store, NOW + DAY + 20) == 1
    assert told(store.database, "service.stalled")[0]["data"]["service"]["since"] is None
