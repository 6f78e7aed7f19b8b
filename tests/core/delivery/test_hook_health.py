"""The health of a hook: when it is left alone for a while, when it is disabled, and how it recovers."""

import pytest

from tracker.core.delivery import hook_health
from tracker.core.delivery.hook_health import Health, HookState

NOW = 1_795_400_000.0
DAY = 86_400.0


def fail(health, now=NOW, *, fresh=True, gone=False, retry_after_s=None):
    """One failed attempt, made alone where the health says so."""
    probe = hook_health.is_probe(health)
    return hook_health.after_failure(
        health, now, fresh=fresh, gone=gone, retry_after_s=retry_after_s, reason="HTTP 500", probe=probe
    )


def failed(times, now=NOW, **keys):
    """`times` first attempts that fail; the hook is failing from the sixth on, which goes out alone."""
    health, told = Health("ops"), []
    for _ in range(times):
        health, event = fail(health, now, **keys)
        told.append(event)
    return health, [event for event in told if event]


def test_five_first_attempts_that_fail_raise_doubt_and_the_one_tried_again_decides():
    health, told = failed(5)
    assert (health.state, told, health.wait_until) == (HookState.OK, [], None)
    assert hook_health.in_doubt(health)
    failing, event = fail(health, NOW + 5, fresh=False)
    assert (failing.state, event, failing.wait_until) == (HookState.FAILING, "hook.failing", NOW + 65)
    assert not hook_health.may_send(failing, NOW + 64)
    assert hook_health.may_send(failing, NOW + 65)
    well, event = hook_health.after_success(health, fresh=False)
    assert (well.state, well.fresh, event) == (HookState.OK, 0, None)


def test_a_success_in_between_starts_the_count_anew():
    health, _ = failed(4)
    health, told = hook_health.after_success(health)
    assert (health, told) == (Health("ops"), None)
    health, event = fail(health)
    assert (health.state, event) == (HookState.OK, None)


def test_retries_of_one_poisonous_event_never_make_a_hook_failing():
    health, told = failed(50, fresh=False)
    assert (health.state, told) == (HookState.OK, [])


# deliveries in a row that needed another attempt -> first attempts that may fail before there is doubt
GROWTH = [(0, 5), (1, 9), (5, 25), (24, 100), (1_000, 100)]


@pytest.mark.parametrize(("later", "limit"), GROWTH)
def test_a_receiver_that_takes_the_second_attempt_is_doubted_less_each_time(later, limit):
    health = Health("ops")
    for _ in range(later):
        health, _ = hook_health.after_success(health, fresh=False)
    for _ in range(limit - 1):
        health, _ = fail(health)
    assert not hook_health.in_doubt(health)
    assert hook_health.in_doubt(fail(health)[0])
    assert hook_health.after_success(health)[0].later == 0, "a first attempt that is taken starts anew"


TURNS = [
    (Health("ops"), ["fresh", "again"]),
    (failed(1)[0], ["again", "fresh"]),
    (failed(5)[0], ["again"]),
    (failed(5, NOW - 30)[0], ["again", "early", "fresh"]),
    (failed(6)[0], ["fresh", "again"]),
    (failed(7)[0], ["again", "fresh"]),
    (failed(8)[0], ["fresh", "again"]),
]


@pytest.mark.parametrize(("health", "expected"), TURNS)
def test_what_failed_before_goes_first_in_a_streak_and_probes_take_turns(health, expected):
    assert [turn.value for turn in hook_health.turns(health, NOW)] == expected


def test_in_a_streak_first_attempts_under_way_count_as_if_they_had_failed():
    assert hook_health.fresh_left(Health("ops")) is None
    assert [hook_health.fresh_left(failed(n)[0]) for n in (1, 4, 5, 6)] == [4, 1, None, None]


def test_the_wait_between_probes_doubles_up_to_a_quarter_of_an_hour():
    health, _ = failed(6)
    waits = [health.wait_until - NOW]
    for _ in range(6):
        health, told = fail(health, NOW, fresh=False)
        assert told is None
        waits.append(health.wait_until - NOW)
    assert waits == [60, 120, 240, 480, 900, 900, 900]


def test_one_delivery_that_gets_through_ends_it_and_is_told_once():
    health, _ = failed(7)
    health, told = hook_health.after_success(health)
    assert (health.state, health.wait_until, told) == (HookState.OK, None, "hook.recovered")
    assert hook_health.after_success(health) == (health, None)


def test_each_event_about_a_hook_has_a_number_of_its_own():
    health, _ = failed(6)
    assert health.seq == 1
    health, _ = hook_health.after_success(health)
    assert health.seq == 2


def test_410_switches_the_hook_off_at_once():
    health, told = fail(Health("ops"), gone=True)
    assert (health.state, told) == (HookState.DISABLED, "hook.disabled")
    assert not hook_health.may_send(health, NOW + 365 * DAY)


def test_five_days_of_nothing_but_failures_switch_it_off():
    health, _ = failed(6)
    health, told = fail(health, NOW + 5 * DAY - 1, fresh=False)
    assert (health.state, told) == (HookState.FAILING, None)
    health, told = fail(health, NOW + 5 * DAY, fresh=False)
    assert (health.state, told) == (HookState.DISABLED, "hook.disabled")


def test_a_late_success_does_not_switch_a_disabled_hook_on_again_but_a_person_does():
    health, _ = fail(Health("ops"), gone=True)
    assert hook_health.after_success(health) == (health, None)
    assert hook_health.enabled(health) == (Health("ops", seq=2), "hook.recovered")


def test_retry_after_only_ever_delays_and_for_a_day_at_most():
    health, _ = fail(Health("ops"), retry_after_s=120)
    assert (health.state, hook_health.waits_until(health)) == (HookState.OK, NOW + 120)
    assert [hook_health.may_send(health, NOW + after_s) for after_s in (119, 120)] == [False, True]
    health, _ = fail(Health("ops"), retry_after_s=10 * 365 * DAY)
    assert hook_health.waits_until(health) == NOW + DAY
    health, _ = failed(6, retry_after_s=1)
    assert hook_health.waits_until(health) == NOW + 60, "a short hint does not shorten the breaker's own wait"


def test_nobody_who_was_under_way_meanwhile_shortens_a_retry_after():
    paused, _ = fail(Health("ops"), retry_after_s=3_600)
    for after in (hook_health.after_success(paused)[0], fail(paused)[0], fail(paused, retry_after_s=5)[0]):
        assert hook_health.waits_until(after) == NOW + 3_600
    failing, _ = failed(5)
    failing, told = fail(failing, retry_after_s=3_600)
    assert told == "hook.failing"
    for after in (hook_health.after_success(failing)[0], fail(failing, NOW + 1)[0]):
        assert hook_health.waits_until(after) == NOW + 3_600
    health, told = hook_health.enabled(failing)
    assert (hook_health.waits_until(health), told) == (None, "hook.recovered"), "a person may know better"


def test_who_enables_a_hook_that_is_well_ends_a_pause_and_nothing_is_told():
    paused, _ = fail(Health("ops"), retry_after_s=3_600)
    assert hook_health.enabled(paused) == (Health("ops"), None)
