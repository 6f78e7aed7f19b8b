"""What a failed call leads to, how long a panel is left alone, and when it is behind."""

import math

import pytest
from msgspec.structs import replace

from tests.core.beliefs import DAY, HOUR, NOW
from tests.defaults import poll_rules
from tracker.core.alerts import Finding
from tracker.core.polling import panel_health
from tracker.core.polling.panel_health import AlertLook, PanelState
from tracker.errors import PanelError, Trouble

WELL = PanelState("main", False, None, None, 0, None, None, None, None)
DOWN = replace(WELL, trouble="unavailable", trouble_since=NOW - 60, trouble_streak=3, wait_until=NOW + 1)
SINGLY = replace(WELL, singles_until=NOW + HOUR)
RULES = poll_rules(poll_every_s=300.0, down_after_s=600.0)

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
    assert panel_health.wait_s(kind, streak, hint, 0.0) == wait_s


@pytest.mark.parametrize("kind", Trouble)
def test_jitter_only_adds_to_a_wait_and_a_tenth_at_most(kind):
    shortest = panel_health.wait_s(kind, 3, None, 0.0)
    assert shortest <= panel_health.wait_s(kind, 3, None, 0.999) <= shortest * 1.1
    assert panel_health.wait_s(kind, 3, 3_600.0, 0.999) >= 3_600.0


def failed(trouble, panel=WELL, kind="status", wait=5.0):
    return panel_health.after_failure(panel, kind, PanelError(trouble, "no"), wait, RULES, NOW)


# trouble, is it panel-wide, the alert it raises and after how long, when its orders are due (None: as before)
TROUBLES = [
    (Trouble.UNAVAILABLE, True, ("panel.down", 600.0), None),
    (Trouble.UNREADABLE, True, ("panel.down", 600.0), None),
    (Trouble.RATE_LIMITED, True, None, None),
    (Trouble.AUTH, True, ("panel.auth_failed", 0.0), None),
    (Trouble.REQUEST, False, None, NOW + HOUR),
    (Trouble.BATCH_REFUSED, False, None, None),
    (Trouble.REFUSED, False, None, NOW + HOUR),
]


@pytest.mark.parametrize(("trouble", "panel_wide", "alert", "due_at"), TROUBLES)
def test_each_trouble_concerns_the_panel_or_one_kind_of_call(trouble, panel_wide, alert, due_at):
    after = failed(trouble)
    assert (after.panel_wide, after.due_at) == (panel_wide, due_at)
    assert (after.look and (after.look.alert, after.look.for_s)) == alert
    in_trouble = (trouble.value, NOW, 1, NOW + 5) if panel_wide else (None, None, 0, None)
    state = after.state
    assert (state.trouble, state.trouble_since, state.trouble_streak, state.wait_until) == in_trouble


def test_every_trouble_has_its_line():
    assert {line[0] for line in TROUBLES} == set(panel_health.TROUBLES) == set(Trouble)


def test_trouble_that_goes_on_keeps_its_beginning_and_counts():
    state = failed(Trouble.AUTH, DOWN, wait=900.0).state
    assert state == replace(DOWN, trouble="auth", trouble_streak=4, wait_until=NOW + 900)
    assert failed(Trouble.REFUSED, DOWN).state == DOWN, "the probe was heard; what ends the trouble is an answer"


# trouble, kind of call, asked one by one before, asked one by one after
SINGLES = [
    (Trouble.BATCH_REFUSED, "status", None, NOW + DAY),
    (Trouble.BATCH_REFUSED, "refill_status", None, NOW + DAY),
    (Trouble.BATCH_REFUSED, "status", NOW + HOUR, NOW + DAY),
    (Trouble.REFUSED, "status", NOW + HOUR, None),
    (Trouble.REQUEST, "recheck", NOW + HOUR, None),
    (Trouble.REFUSED, "refill_status", NOW + HOUR, NOW + HOUR),
    (Trouble.REFUSED, "balance", NOW + HOUR, NOW + HOUR),
    (Trouble.UNAVAILABLE, "status", NOW + HOUR, NOW + HOUR),
    (Trouble.REFUSED, "status", None, None),
]


@pytest.mark.parametrize(("trouble", "kind", "before", "after"), SINGLES)
def test_a_refused_batch_is_asked_one_by_one_unless_that_is_refused_too(trouble, kind, before, after):
    assert failed(trouble, replace(SINGLY, singles_until=before), kind).state.singles_until == after


@pytest.mark.parametrize("kind", ["balance", "services"])
@pytest.mark.parametrize("trouble", Trouble)
@pytest.mark.parametrize(("wait", "due_s"), [(0.0, 60), (5.0, 60), (900.0, 900)])
def test_a_balance_or_a_catalogue_waits_a_minute_at_least(kind, trouble, wait, due_s):
    assert failed(trouble, kind=kind, wait=wait).due_at == NOW + due_s


def test_the_reason_of_an_alert_is_the_trouble_in_the_panels_words():
    error = PanelError(Trouble.UNAVAILABLE, "down " * 200)
    found = panel_health.after_failure(WELL, "status", error, 5.0, RULES, NOW).look.found
    assert found == Finding(wrong=True, clear=False, reason=f"unavailable: {error.message}"[:500])


def test_an_answer_ends_what_the_trouble_raised_and_says_nothing_of_a_panel_that_was_well():
    assert panel_health.after_answer(WELL) == []
    looks = panel_health.after_answer(DOWN)
    assert [look.alert for look in looks] == ["panel.down", "panel.auth_failed"]
    assert {(look.found.wrong, look.found.clear, look.for_s) for look in looks} == {(False, True, 0.0)}


# how long the first open order has been due (None: there is none) -> wrong, clear
LATE = [
    (None, False, True),
    (-HOUR, False, True),
    (0, False, True),
    (149, False, True),
    (150, False, False),
    (300, False, False),
    (301, True, False),
    (2 * DAY, True, False),
]


@pytest.mark.parametrize(("late_s", "wrong", "clear"), LATE)
def test_a_panel_is_behind_when_orders_wait_longer_than_a_poll_takes_to_come_round(late_s, wrong, clear):
    look = panel_health.lateness(WELL, None if late_s is None else NOW - late_s, RULES, NOW)
    reason = f"orders wait {max(0, late_s or 0):.0f} s beyond their turn: raise max_requests_per_minute or poll_every"
    assert look == AlertLook("panel.behind", Finding(wrong, clear, reason), 300.0)


@pytest.mark.parametrize("panel", [DOWN, replace(WELL, paused=True)])
def test_a_panel_in_trouble_or_paused_is_not_called_behind(panel):
    assert panel_health.lateness(panel, NOW - DAY, RULES, NOW) is None
