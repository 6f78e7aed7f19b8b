"""Money in core/orders/diff: what is a refund, when it is told, and what stands in it."""

from decimal import Decimal

import msgspec
import pytest

from tests.core.beliefs import NOW, believed, names, observed, said, walked
from tracker.core.orders import diff
from tracker.core.status import OrderStatus


def test_a_change_of_charge_on_the_same_status_is_a_transition():
    change = observed(believed("In progress", charge="1.00"), "In progress", "1.50")
    move = change.transition
    assert names(change) == ["order.changed"]
    assert (move.old, move.new) == (OrderStatus.IN_PROGRESS, OrderStatus.IN_PROGRESS)
    assert (move.old_charge, move.charge, move.regressed) == (Decimal("1.00"), Decimal("1.50"), False)
    assert (change.after.highest_charge, change.after.charge_mark) == (Decimal("1.50"), Decimal("1.50"))


def test_the_first_charge_is_no_change_of_charge():
    change = observed(believed("Pending"), "Pending", "1.00", currency="USD")
    assert (change.transition, change.events) == (None, ())


def test_other_digits_of_the_same_amount_are_no_change():
    assert diff.observe(believed("Pending", charge="1.00"), said("Pending", "1.0000"), NOW) is None


# believed status, then the answer; every order had a charge of 1.00
DROPS = [
    ("In progress", "In progress", "0.90", ["order.refunded"]),
    ("In progress", "Partial", "0.40", ["order.partial", "order.refunded"]),
    ("Pending", "Canceled", "0", ["order.canceled", "order.refunded"]),
    ("In progress", "Completed", "0.99", ["order.completed", "order.refunded"]),
    ("In progress", "Failed", "0.00", ["order.failed", "order.refunded"]),
    ("In progress", "Hm", "0.40", ["order.changed", "order.refunded", "order.unknown_status"]),
    ("Completed", "Refunded", "0.00", ["order.refunded"]),
    ("In progress", "Partial", "1.00", ["order.partial"]),
    ("In progress", "Partial", None, ["order.partial"]),
    ("In progress", "Completed", "1.20", ["order.completed"]),
]


@pytest.mark.parametrize(("old", "new", "charge", "events"), DROPS)
def test_a_charge_that_falls_below_the_highest_is_a_refund_beside_the_move(old, new, charge, events):
    change = observed(believed(old, charge="1.00", seq=1), new, charge)
    assert names(change) == events
    assert change.after.refund_told is ("order.refunded" in events)
    assert change.transition.seq == 2  # the status event, or what stands in its place


def test_a_drop_between_two_strange_words_is_told_beside_the_move():
    order = observed(believed("In progress", charge="1.00"), "Hm").after
    assert names(observed(order, "Hmm", "0.40")) == ["order.changed", "order.refunded", "order.unknown_status"]


def test_a_refund_is_told_once_however_often_the_charge_falls():
    answers = [said("Partial", "0.40"), said("Partial", "0.30"), said("Refunded", "0.00"), said("Refunded", "0.10")]
    events = names(*walked(believed("In progress", charge="1.00"), *answers))
    assert events == ["order.partial", "order.refunded", "order.changed", "order.changed", "order.changed"]


def test_a_reopened_order_can_be_refunded_again():
    answers = [said("Partial", "0.40"), said("In progress", "0.40"), said("Canceled", "0.10")]
    events = names(*walked(believed("In progress", charge="1.00"), *answers))
    assert events == ["order.partial", "order.refunded", "order.reopened", "order.canceled", "order.refunded"]


@pytest.mark.parametrize("charge", ["0.40", None])
def test_reopening_itself_is_no_refund_even_where_it_says_nothing_about_the_charge(charge):
    partial = observed(believed("In progress", charge="1.00"), "Partial", "0.40").after
    change = observed(partial, "In progress", charge)
    assert names(change) == ["order.reopened"]
    assert change.after.charge_mark == Decimal("0.40")
    assert change.after.highest_charge == Decimal("1.00")


def test_another_currency_starts_the_marks_afresh_and_is_no_refund():
    change = observed(believed("In progress", charge="1.00"), "In progress", "0.90", currency="EUR")
    after = change.after
    assert names(change) == ["order.changed"]
    assert (after.currency, after.highest_charge, after.charge_mark) == ("EUR", Decimal("0.90"), Decimal("0.90"))
    assert names(observed(after, "Partial", "0.30", currency="EUR")) == ["order.partial", "order.refunded"]


def test_another_currency_without_a_charge_does_not_rename_the_old_amount():
    order = believed("In progress", charge="1.00")
    assert diff.observe(order, said("In progress", currency="EUR"), NOW) is None
    change = observed(observed(order, "Processing", currency="EUR").after, "Processing", "0.90", currency="EUR")
    assert names(change) == ["order.changed"]


def test_the_first_name_of_a_currency_is_taken_with_a_charge_or_without():
    order = believed("Pending", charge="1.00", currency=None)
    assert observed(order, "Pending", currency="USD").after.currency == "USD"
    assert observed(believed("Pending"), "Pending", currency="USD").after.currency == "USD"


def refund(change, of="order.refunded"):
    bodies = [msgspec.json.decode(event.body) for event in change.events if event.type == of]
    return bodies[0]["data"]["refund"]


# quantity, remains, charge: 1.00 -> ?, what stands in the event
FACTS = [
    (1_000, 400, "0.60", {"expected": "0.40000", "observed": "0.40", "basis": "charge_drop"}),
    (1_000, 400, None, {"expected": "0.40000", "observed": None, "basis": "remains"}),
    (1_000, 400, "1.00", {"expected": "0.40000", "observed": None, "basis": "remains"}),
    (None, 400, "0.60", {"expected": None, "observed": "0.40", "basis": "charge_drop"}),
    (1_000, None, None, {"expected": None, "observed": None, "basis": None}),
    (1_000, -20, "0.60", {"expected": "0.00000", "observed": "0.40", "basis": "charge_drop"}),
    (1_000, 5_000, "0.60", {"expected": "1.00000", "observed": "0.40", "basis": "charge_drop"}),
    (3, 1, None, {"expected": "0.33333", "observed": None, "basis": "remains"}),
]


@pytest.mark.parametrize(("quantity", "remains", "charge", "facts"), FACTS)
def test_what_should_come_back_stands_beside_what_did(quantity, remains, charge, facts):
    order = believed("In progress", charge="1.00", quantity=quantity)
    assert refund(observed(order, "Partial", charge, remains=remains), "order.partial") == facts


def test_no_charge_at_all_leaves_every_refund_fact_unknown():
    change = observed(believed("In progress", quantity=10), "Canceled", remains=10)
    assert refund(change, "order.canceled") == {"expected": None, "observed": None, "basis": None}


def test_the_longest_amounts_a_panel_can_print_do_no_harm():
    charge = "9" * 21 + "." + "9" * 40
    change = observed(believed("In progress", charge=charge, quantity=2**63 - 1), "Partial", "0", remains=2**63 - 1)
    assert names(change) == ["order.partial", "order.refunded"]
