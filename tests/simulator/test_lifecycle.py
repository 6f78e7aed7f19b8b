"""Lives of orders: pure functions of the simulated minute."""

from decimal import Decimal

import pytest

from tests.simulator import LIFE, order
from tracker.simulator.ledger import Ledger
from tracker.simulator.lifecycle import RefillLife, moved, movements, refill_status_at, state_at


@pytest.mark.parametrize(
    ("minute", "status", "remains"),
    [
        (0, "Pending", 1000),
        (9.99, "Pending", 1000),
        (10, "In progress", 1000),
        (12.5, "In progress", 750),
        (19.99, "In progress", 1),
        (20.5, "In progress", 0),
        (21, "Completed", 0),
        (1e6, "Completed", 0),
    ],
)
def test_remains_moves_in_a_straight_line_between_two_points_in_progress(minute, status, remains):
    state = state_at(order("1"), minute)
    assert (state.status, state.remains, state.charge) == (status, remains, "0.90000")


def test_an_order_is_unknown_before_it_is_placed():
    assert state_at(order("1", placed_at=5.0), 4.99) is None


@pytest.mark.parametrize(
    ("habit", "shown", "returned"),
    [
        ("net", "0.67500", "0.22500"),
        ("unchanged", "0.90000", "0.22500"),
        ("zero", "0.00000", "0.22500"),
        ("nothing", "0.90000", "0"),
    ],
)
def test_a_partial_order_shows_and_returns_money_by_the_habit_of_its_service(habit, shown, returned):
    life = order("1", gives_back=habit, placed_at=1.0, timeline=((1.0, "Pending", 1000), (9.0, "Partial", 250)))
    assert state_at(life, 9).charge == shown
    ledger = Ledger(Decimal(10))
    ledger.post(movements(life))
    assert ledger.balance(0.5) == 10
    assert ledger.balance(1) == Decimal("9.1")
    assert ledger.balance(9) == Decimal("9.1") + Decimal(returned)


def test_a_refunded_order_gives_all_of_it_back():
    life = order("1", timeline=((0.0, "Partial", 250), (5.0, "Refunded", 250)))
    assert state_at(life, 5).charge == "0.00000"
    assert sum(amount for _, amount in movements(life)) == Decimal("0.9")


def test_a_resumed_partial_takes_the_money_again():
    life = order("1", timeline=((0.0, "Partial", 250), (5.0, "In progress", 250), (9.0, "Completed", 0)))
    assert sum(amount for _, amount in movements(life)) == 0


def test_a_life_that_is_changed_keeps_its_past():
    before = order("1")
    after = moved(before, 15.0, "Canceled", 500)
    assert [state_at(after, m) for m in range(15)] == [state_at(before, m) for m in range(15)]
    assert state_at(after, 15).status == state_at(after, 99).status == "Canceled"
    assert before.timeline == LIFE


def test_a_refill_is_unknown_until_it_is_asked_for():
    life = RefillLife("1", "3", ((5.0, "Pending"), (10.0, "Rejected")))
    assert [refill_status_at(life, m) for m in (4, 5, 10)] == [None, "Pending", "Rejected"]


def test_a_ledger_with_thousands_of_movements_sums_up_to_the_minute_asked_for():
    ledger = Ledger(Decimal(0))
    for minute in reversed(range(2000)):
        ledger.post([(float(minute), Decimal("0.01"))])
    assert [ledger.balance(m) for m in (-1, 0, 999, 5000)] == [0, Decimal("0.01"), 10, 20]
    ledger.post([(3.0, Decimal(1))], sign=-1)
    assert ledger.balance(5000) == 19
