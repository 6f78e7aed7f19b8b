"""When orders are asked again, what is asked first, and how long a panel in trouble is left alone."""

import math

import pytest

from tests.core.beliefs import DAY, HOUR, NOW
from tracker.core import schedule
from tracker.core.model import Tracking
from tracker.core.rules import PollRules
from tracker.core.schedule import Pace
from tracker.errors import Trouble

RULES = PollRules()  # poll_every 5 min, recheck_finished every 24 h until 30 d

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


CHOICES = [
    ({"status": NOW - 5, "balance": NOW - 9, "recheck": NOW - 1}, "balance"),
    ({"status": NOW, "balance": NOW + 1}, "status"),
    ({"status": None, "recheck": NOW - DAY, "services": NOW - HOUR}, "recheck"),
    ({"status": NOW + 0.1, "balance": NOW + 5}, None),
    ({"status": None, "balance": None}, None),
    ({}, None),
]


@pytest.mark.parametrize(("due", "kind"), CHOICES)
def test_what_has_waited_longest_goes_first(due, kind):
    assert schedule.choose(due, NOW) == kind


# trouble, how often in a row, the panel's hint, seconds to stay away (without jitter)
WAITS = [
    (Trouble.UNAVAILABLE, 1, None, 5),
    (Trouble.UNAVAILABLE, 2, None, 10),
    (Trouble.UNAVAILABLE, 7, None, 300),
    (Trouble.UNAVAILABLE, 10_000, None, 300),
    (Trouble.UNAVAILABLE, 1, 60.0, 60),
    (Trouble.UNREADABLE, 3, None, 40),
    (Trouble.RATE_LIMITED, 1, None, 30),
    (Trouble.RATE_LIMITED, 1, 10.0, 30),
    (Trouble.RATE_LIMITED, 1, 120.0, 120),
    (Trouble.RATE_LIMITED, 1, 10 * 365 * DAY, 3_600),
    (Trouble.RATE_LIMITED, 1, math.inf, 3_600),
    (Trouble.RATE_LIMITED, 1, -5.0, 30),
    (Trouble.RATE_LIMITED, 20, None, 3_600),
    (Trouble.AUTH, 1, None, 900),
    (Trouble.AUTH, 9, None, 900),
    (Trouble.BATCH_REFUSED, 1, None, 0),
    (Trouble.REQUEST, 1, None, 60),
    (Trouble.REFUSED, 99, None, 3_600),
]


@pytest.mark.parametrize(("kind", "streak", "hint", "wait_s"), WAITS)
def test_a_panel_in_trouble_is_left_alone_longer_each_time_within_limits(kind, streak, hint, wait_s):
    assert schedule.wait_s(kind, streak, hint, 0.0) == wait_s


@pytest.mark.parametrize("kind", Trouble)
def test_jitter_only_adds_to_a_wait_and_a_tenth_at_most(kind):
    shortest = schedule.wait_s(kind, 3, None, 0.0)
    assert shortest <= schedule.wait_s(kind, 3, None, 0.999) <= shortest * 1.1
    assert schedule.wait_s(kind, 3, 3_600.0, 0.999) >= 3_600.0


def test_a_catalogue_gets_ninety_seconds_and_everything_else_the_timeout_of_the_panel():
    assert schedule.deadline_s("services", RULES) == 90.0
    assert schedule.deadline_s("services", PollRules(timeout_s=120.0)) == 120.0
    assert {schedule.deadline_s(kind, RULES) for kind in ("status", "recheck", "balance", "refill_status")} == {30.0}
