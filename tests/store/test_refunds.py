"""Money that has to come back, as rows: kept with the move, changed with the next, gone when the order is reopened."""

from decimal import Decimal

from tests.core.beliefs import NOW
from tests.databases import rows
from tests.store import poll, says, track
from tracker.db.database import amount


def refunds(store):
    found = rows(store.database, "SELECT order_id, expected, observed, basis FROM refunds ORDER BY order_id")
    return [(id_, *map(amount, (expected, observed)), basis) for id_, expected, observed, basis in found]


def answer(store, at, word, **fields):
    said = says("1", word, currency="USD", **{k: Decimal(v) if k == "charge" else v for k, v in fields.items()})
    poll(store, {"1": said}, NOW + at)


def test_a_partial_order_owes_what_remains_until_the_charge_falls(store):
    track(store, "1", quantity=1000)
    answer(store, 0, "In progress", charge="0.33000", remains=900)
    assert refunds(store) == []
    answer(store, 600, "Partial", charge="0.33000", remains=157)
    assert refunds(store) == [(1, Decimal("0.05181"), None, "remains")]
    answer(store, 90_000, "Partial", charge="0.27819", remains=157)
    assert refunds(store) == [(1, Decimal("0.05181"), Decimal("0.05181"), "charge_drop")]


def test_an_order_that_is_reopened_owes_nothing(store):
    track(store, "1", quantity=1000)
    answer(store, 0, "Partial", charge="0.33", remains=157)
    assert len(refunds(store)) == 1
    answer(store, 90_000, "In progress", charge="0.33", remains=100)
    assert refunds(store) == []


def test_an_order_that_ends_as_ordered_owes_nothing_and_one_of_which_nothing_is_known_may(store):
    track(store, "1", quantity=1000)
    answer(store, 0, "Completed", charge="0.33", remains=0)
    assert refunds(store) == []
    answer(store, 90_000, "Canceled")
    assert refunds(store) == [(1, Decimal("0.00000"), None, "remains")]


def test_a_canceled_order_of_which_no_quantity_is_known_is_listed_as_not_known(store):
    track(store, "1")
    answer(store, 0, "Canceled")
    assert refunds(store) == [(1, None, None, None)]


def test_a_word_nobody_knows_changes_nothing_about_what_is_owed(store):
    track(store, "1", quantity=1000)
    answer(store, 0, "Partial", charge="0.33", remains=157)
    before = refunds(store)
    answer(store, 90_000, "Thinking", charge="0.33", remains=157)
    assert refunds(store) == before


def test_a_baseline_owes_nothing_that_was_not_seen(store):
    track(store, "1", quantity=1000, baseline=True)
    answer(store, 0, "Partial", charge="0.33", remains=157)
    assert refunds(store) == []
