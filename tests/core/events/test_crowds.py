"""Which orders are told one by one, and which wait to be told together."""

import pytest

from tests.core.beliefs import NOW
from tracker.core.events import crowds
from tracker.core.events.crowds import HOUR_S, SETTLE_S, Crowd

# what is known, how many more, how many are open, whether they wait
CASES = [
    (None, 1, 1, False),
    (None, 25, 100, False),
    (None, 26, 100, True),
    (None, 26, 2_600, False),
    (None, 100, 10_000, False),
    (None, 101, 10_000, True),
    (Crowd(NOW - 60, told=25), 1, 100, True),
    (Crowd(NOW - 60, told=24), 1, 100, False),
    (Crowd(NOW - HOUR_S, told=25), 25, 100, False),
    (Crowd(NOW - 60, told=0, first_at=NOW - 10), 1, 100, True),
    (Crowd(NOW - 2 * HOUR_S, told=0, said_at=NOW - HOUR_S + 1), 1, 100, True),
    (Crowd(NOW - 2 * HOUR_S, told=0, said_at=NOW - HOUR_S), 1, 100, False),
    (Crowd(NOW + 900, told=25, said_at=NOW + 900), 1, 100, False),  # the clock was set back
]


@pytest.mark.parametrize(("crowd", "more", "open_orders", "wait"), CASES)
def test_too_many_within_an_hour_wait_and_so_does_what_follows_them(crowd, more, open_orders, wait):
    assert crowds.waits(crowd, more, lambda: open_orders, NOW) is wait


def test_open_orders_are_only_counted_where_that_decides():
    def count():
        raise AssertionError("counted in vain")

    assert not crowds.waits(Crowd(NOW, told=20), 5, count, NOW)
    assert crowds.waits(Crowd(NOW, first_at=NOW), 5, count, NOW)


def test_what_was_told_in_the_hour_before_is_forgotten():
    assert crowds.after(Crowd(NOW - HOUR_S, told=25, said_at=NOW - HOUR_S), 3, NOW) == Crowd(NOW, 3, NOW - HOUR_S)
    assert crowds.after(Crowd(NOW - 10, told=3), 2, NOW) == Crowd(NOW - 10, 5)


@pytest.mark.parametrize(
    ("crowd", "due"),
    [
        (Crowd(NOW), False),
        (Crowd(NOW, first_at=NOW - SETTLE_S + 1), False),
        (Crowd(NOW, first_at=NOW - SETTLE_S), True),
        (Crowd(NOW, first_at=NOW - SETTLE_S, said_at=NOW - HOUR_S + 1), False),
        (Crowd(NOW, first_at=NOW - SETTLE_S, said_at=NOW - HOUR_S), True),
        (Crowd(NOW, first_at=NOW + 10, said_at=NOW + 10), True),  # the clock was set back
    ],
)
def test_they_are_told_when_they_have_settled_and_once_an_hour(crowd, due):
    assert crowds.is_due(crowd, NOW) is due
