"""What a failed call leads to, how long a panel is left alone, and when it is down, degraded or behind."""

import math

import pytest
from msgspec.structs import replace

from tests.core.beliefs import DAY, HOUR, NOW
from tests.defaults import poll_rules
from tracker.core.alerts import Finding
from tracker.core.polling import panel_health
from tracker.core.polling.panel_health import AlertLook, PanelState
from tracker.core.polling.trouble import KindAside, Scope
from tracker.errors import PanelError, Trouble

WELL = PanelState("main", False, None, None, 0, None, None, None, None)
DOWN = replace(WELL, trouble="unavailable", trouble_since=NOW - 60, trouble_streak=3, wait_until=NOW + 1)
RULES = poll_rules(poll_every_s=300.0, down_after_s=600.0, balance_every_s=600.0, services_every_s=HOUR)

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
    (Trouble.AUTH, 1, None, 30),
    (Trouble.AUTH, 2, None, 120),
    (Trouble.AUTH, 3, None, 900),
    (Trouble.AUTH, 9, None, 900),
    (Trouble.REFUSES_ALL, 1, None, 60),
    (Trouble.REFUSES_ALL, 9, None, 900),
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


def failed(trouble, scope=Scope.PANEL, panel=WELL, kind="status", failures=1, message="no"):
    return panel_health.after_failure(panel, kind, PanelError(trouble, message), scope, failures, 0.0, RULES, NOW)


# the trouble of a panel, the alert it raises, and after how long
ALERTS = [
    (Trouble.UNAVAILABLE, "panel.down", 600.0),
    (Trouble.UNREADABLE, "panel.down", 600.0),
    (Trouble.RATE_LIMITED, "panel.down", 600.0),
    (Trouble.REFUSES_ALL, "panel.down", 600.0),
    (Trouble.AUTH, "panel.auth_failed", 30.0),
]


@pytest.mark.parametrize(("trouble", "alert", "for_s"), ALERTS)
def test_trouble_that_reaches_the_panel_is_kept_and_told_when_it_lasts(trouble, alert, for_s):
    after = failed(trouble)
    state = after.state
    assert (state.trouble, state.trouble_since, state.trouble_streak) == (trouble.value, NOW, 1)
    assert state.wait_until == NOW + after.wait_s > NOW
    assert (after.look.alert, after.look.for_s, after.look.found.wrong) == (alert, for_s, True)
    assert after.due_at is None, "its rows keep their place in the queue"


@pytest.mark.parametrize("scope", [Scope.IDS, Scope.KIND])
@pytest.mark.parametrize("trouble", [Trouble.UNAVAILABLE, Trouble.UNREADABLE, Trouble.REQUEST, Trouble.REFUSED])
def test_trouble_that_does_not_reach_the_panel_leaves_it_as_it_was(trouble, scope):
    after = failed(trouble, scope)
    assert (after.state, after.look) == (WELL, None)
    assert after.wait_s > 0


def test_trouble_that_goes_on_keeps_its_beginning_and_counts():
    state = failed(Trouble.AUTH, panel=DOWN).state
    assert state == replace(DOWN, trouble="auth", trouble_streak=4, wait_until=NOW + 900)


# refused batches in a row before -> seconds until the same rows are due, for how long ids go out one by one
REFUSED = [
    (0, 15, None),
    (1, 0, 60),
    (2, 0, 120),
    (3, 0, 240),
    (6, 0, 1_920),
    (7, 0, 3_600),
    (10_000, 0, 3_600),
]


@pytest.mark.parametrize(("before", "due_s", "singles_s"), REFUSED)
def test_a_batch_is_tried_again_before_ids_go_out_one_by_one_and_never_given_up(before, due_s, singles_s):
    after = failed(Trouble.BATCH_REFUSED, Scope.IDS, replace(WELL, refused_batches=before))
    assert after.due_at == NOW + due_s
    assert after.state.singles_until == (None if singles_s is None else NOW + singles_s)
    assert panel_health.after_full_batch(after.state) == WELL


# kind of call, trouble, failures in a row, seconds until it is tried again
KINDS = [
    ("refill_status", Trouble.UNAVAILABLE, 1, 30),
    ("refill_status", Trouble.UNREADABLE, 2, 60),
    ("refill_status", Trouble.UNAVAILABLE, 99, HOUR),
    ("status", Trouble.UNAVAILABLE, 1, 10),
    ("recheck", Trouble.UNAVAILABLE, 3, 40),
    ("status", Trouble.UNREADABLE, 99, 600),
    ("balance", Trouble.UNAVAILABLE, 1, 60),
    ("balance", Trouble.UNAVAILABLE, 9, 600),
    ("balance", Trouble.UNREADABLE, 1, 600),
    ("balance", Trouble.REFUSED, 1, 600),
    ("services", Trouble.UNAVAILABLE, 1, 300),
    ("services", Trouble.UNREADABLE, 1, HOUR),
]


@pytest.mark.parametrize(("kind", "trouble", "failures", "wait_s"), KINDS)
def test_a_kind_of_call_waits_longer_each_time_and_never_beyond_its_usual_interval(kind, trouble, failures, wait_s):
    after = failed(trouble, Scope.KIND, kind=kind, failures=failures)
    assert after.wait_s == wait_s
    assert after.due_at == (NOW + wait_s if kind in ("balance", "services") else None)


@pytest.mark.parametrize("message", ["down " * 200, "short"])
def test_the_reason_of_an_alert_is_the_trouble_in_the_panels_words(message):
    found = failed(Trouble.UNAVAILABLE, message=message).look.found
    assert found == Finding(wrong=True, clear=False, reason=f"unavailable: {message}"[:500])


@pytest.mark.parametrize("message", ["Invalid API key", "no " * 400])
def test_a_refused_key_is_told_with_what_asks_again_at_once(message):
    reason = failed(Trouble.AUTH, message=message).look.found.reason
    assert reason.startswith("auth: ")
    assert reason.endswith("; a reload, or `tracker panels resume main`, asks it again at once")
    assert len(reason) <= 500


def test_a_panel_that_answers_clears_what_its_trouble_raised():
    looks = panel_health.well(WELL)
    assert [look.alert for look in looks] == ["panel.down", "panel.auth_failed"]
    assert {(look.found.wrong, look.found.clear, look.for_s) for look in looks} == {(False, True, 0.0)}


# needed kinds that fail and for how long, ids set aside, open ids -> wrong, clear
DEGRADED = [
    ({}, 0, 0, False, True),
    ({"refill_status": 599}, 0, 100, False, False),
    ({"refill_status": 600}, 0, 100, True, False),
    ({"status": 9, "refill_status": 600}, 0, 100, True, False),
    ({}, 19, 100, False, True),
    ({}, 20, 100, True, False),
    ({}, 20, 2_000, False, True),
    ({}, 21, 2_000, True, False),
]


@pytest.mark.parametrize(("kinds", "ids", "open_ids", "wrong", "clear"), DEGRADED)
def test_a_panel_is_degraded_when_a_needed_part_of_it_fails_for_long(kinds, ids, open_ids, wrong, clear):
    since = {kind: NOW - for_s for kind, for_s in kinds.items()}
    look = panel_health.degraded(WELL, since, ids, open_ids, RULES, NOW)
    assert (look.alert, look.found.wrong, look.found.clear) == ("panel.degraded", wrong, clear)


# how calls for the balance fail, how often in a row -> wrong, clear
BALANCES = [
    (None, 0, False, True),
    ("unreadable", 1, False, False),
    ("unreadable", 2, True, False),
    ("refused", 5, True, False),
    ("request", 2, True, False),
    ("unavailable", 9, False, False),
]


def test_a_balance_about_which_there_is_no_answer_for_long_is_unreadable_too():
    since = NOW - RULES.down_after_s
    wrong = [
        panel_health.unreadable(WELL, KindAside(at, 9, NOW, "unavailable", "HTTP 500"), RULES, NOW).found.wrong
        for at in (since + 1, since)
    ]
    assert wrong == [False, True]


@pytest.mark.parametrize(("trouble", "streak", "wrong", "clear"), BALANCES)
def test_a_balance_is_unreadable_when_a_second_answer_cannot_be_read_either(trouble, streak, wrong, clear):
    balance = None if trouble is None else KindAside(NOW, streak, NOW, trouble, "soon")
    look = panel_health.unreadable(WELL, balance, poll_rules(), NOW)
    assert (look.alert, look.found.wrong, look.found.clear) == ("balance.unreadable", wrong, clear)


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
def test_of_a_panel_in_trouble_or_paused_nothing_less_is_told(panel):
    assert panel_health.lateness(panel, NOW - DAY, RULES, NOW) is None
    assert panel_health.degraded(panel, {"status": NOW - DAY}, 50, 60, RULES, NOW) is None
    assert panel_health.unreadable(panel, KindAside(NOW, 9, NOW, "unreadable", "soon"), poll_rules(), NOW) is None
