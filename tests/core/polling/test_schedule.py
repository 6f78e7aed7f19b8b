"""When orders are asked again."""

import pytest

from tests.core.beliefs import DAY, NOW
from tests.defaults import poll_rules
from tracker.core.model import Tracking
from tracker.core.polling import schedule
from tracker.core.polling.schedule import FirstLooks, Pace

RULES = poll_rules()  # poll_every 5 min, recheck_finished every 24 h until 30 d

# age of the order in seconds, seconds until the next poll
OPEN_ORDERS = [
    (0, 60), (60, 60), (120, 60), (180, 90), (400, 200), (599, 299.5), (600, 300), (DAY, 300), (-60, 60),
]  # fmt: skip


@pytest.mark.parametrize(("age_s", "wait_s"), OPEN_ORDERS)
def test_a_young_order_is_asked_after_half_its_age_within_limits(age_s, wait_s):
    pace = Pace(Tracking.ACTIVE, NOW - age_s, None)
    assert schedule.next_poll_at(pace, NOW, RULES, 0.0) == NOW + wait_s


# tracking, finished how long ago, seconds until the next poll (None: never)
OTHERS = [
    (Tracking.FINISHED, 0.0, DAY),
    (Tracking.FINISHED, 30 * DAY - 1, DAY),
    (Tracking.FINISHED, 30 * DAY, None),
    (Tracking.FINISHED, None, DAY),
    (Tracking.NOT_FOUND, None, DAY),
    (Tracking.NOT_FOUND, 99 * DAY, DAY),
    (Tracking.PAUSED, None, None),
]


@pytest.mark.parametrize(("tracking", "ago_s", "wait_s"), OTHERS)
def test_finished_and_lost_orders_are_asked_daily_and_paused_ones_never(tracking, ago_s, wait_s):
    pace = Pace(tracking, NOW - 100 * DAY, None if ago_s is None else NOW - ago_s)
    assert schedule.next_poll_at(pace, NOW, RULES, 0.0) == (None if wait_s is None else NOW + wait_s)


@pytest.mark.parametrize("jitter", [0.0, 0.25, 0.5, 0.999_999])
@pytest.mark.parametrize("tracking", [Tracking.ACTIVE, Tracking.FINISHED, Tracking.NOT_FOUND])
def test_jitter_never_makes_a_poll_late_and_takes_at_most_a_tenth_off(tracking, jitter):
    pace = Pace(tracking, NOW - DAY, NOW)
    latest = schedule.next_poll_at(pace, NOW, RULES, 0.0)
    at = schedule.next_poll_at(pace, NOW, RULES, jitter)
    assert latest - (latest - NOW) * 0.1 <= at <= latest
    assert at == pytest.approx(latest - (latest - NOW) * 0.1 * jitter)


REASONS = [
    (Pace(Tracking.ACTIVE, NOW, None), False, "new"),
    (Pace(Tracking.ACTIVE, NOW - 60, None), True, "fresh"),
    (Pace(Tracking.ACTIVE, NOW - DAY, None), True, "open"),
    (Pace(Tracking.FINISHED, NOW - DAY, NOW), True, "recheck"),
    (Pace(Tracking.FINISHED, NOW - DAY, NOW - 31 * DAY), True, "done"),
    (Pace(Tracking.PAUSED, NOW, None), True, "paused"),
    (Pace(Tracking.NOT_FOUND, NOW, None), True, "not_found"),
]


@pytest.mark.parametrize(("pace", "answered", "word"), REASONS)
def test_the_reason_for_the_next_poll_is_one_word(pace, answered, word):
    assert schedule.reason(pace, answered, NOW, RULES) == word


def test_an_order_of_unknown_age_is_none_of_the_young_ones():
    pace = Pace(Tracking.ACTIVE, None, None)
    assert schedule.next_poll_at(pace, NOW, RULES, 0.0) == NOW + 300
    assert schedule.reason(pace, True, NOW, RULES) == "open"


# requests a minute, at once, due within 5 minutes, how long a call takes -> calls a minute for first looks
FIRST_LOOKS = [
    (60, 2, 0, None, 45.0),
    (60, 2, 0, 0.5, 45.0),
    (60, 2, 10_000, None, 30.0),
    (60, 2, 29_000, None, 6.0),  # two calls a minute are free; a tenth of all is the least
    (60, 2, 90_000, None, 6.0),
    (600, 2, 0, 2.0, 45.0),  # two at a time, two seconds each: sixty a minute and no more
    (600, 4, 0, 2.0, 90.0),
    (6_000, 4, 0, None, 600.0),  # what one process can do on the side
]


@pytest.mark.parametrize(("budget", "concurrency", "due", "took_s", "expected"), FIRST_LOOKS)
def test_first_looks_take_three_quarters_of_what_is_free(budget, concurrency, due, took_s, expected):
    rules = poll_rules(max_requests_per_minute=budget, max_concurrency=concurrency)
    assert 60 / schedule.first_look_every_s(rules, due, 100, took_s) == pytest.approx(expected)


def test_the_orders_of_a_handover_stand_in_calls_one_after_the_other():
    looks = FirstLooks(NOW, 2.0, 3)
    places = []
    for _ in range(7):
        places.append(looks.next_at - NOW)
        looks.placed += 1
    assert places == [0, 0, 0, 2, 2, 2, 4]
    assert looks.last_at == NOW + 4


# started how long ago, every, failures in a row -> from now
RUNS = [
    (2.0, 60.0, 0, 58.0),
    (90.0, 60.0, 0, 0.0),  # it took longer than that: at once, and never two together
    (2.0, 60.0, 1, 60.0),
    (2.0, 60.0, 2, 120.0),
    (2.0, 60.0, 9, 900.0),
    (2.0, 60.0, 10_000, 900.0),
    (2.0, 3_600.0, 1, 3_600.0),
    (2.0, 3_600.0, 9, 3_600.0),
]


@pytest.mark.parametrize(("ago_s", "every_s", "failures", "expected"), RUNS)
def test_a_command_is_run_every_so_often_and_less_while_it_fails(ago_s, every_s, failures, expected):
    assert schedule.next_run_at(NOW - ago_s, every_s, failures, NOW) == NOW + expected
