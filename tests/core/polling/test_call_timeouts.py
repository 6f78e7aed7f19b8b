"""The longest that each kind of call can take."""

import pytest

from tests.defaults import poll_rules
from tracker.core.polling import call_timeouts

RULES = poll_rules(timeout_s=30.0, add_timeout_s=600.0)


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        ("status", 30.0),
        ("recheck", 30.0),
        ("refill_status", 30.0),
        ("balance", 30.0),
        ("services", 90.0),
        ("retry", 90.0),
        ("api.add", 30.0),
        ("api.services", 90.0),
        ("gateway.balance", 30.0),
        ("gateway.services", 90.0),
        ("gateway.add", 600.0),
        ("gateway.refill", 600.0),
        ("gateway.cancel", 600.0),
    ],
)
def test_each_kind_of_call_has_a_longest_duration(kind, seconds):
    assert call_timeouts.timeout_s(kind, RULES) == seconds


def test_a_long_timeout_of_the_panel_holds_for_its_catalogue_too():
    assert call_timeouts.timeout_s("services", poll_rules(timeout_s=120.0)) == 120.0


def test_the_trackers_own_calls_take_no_longer_than_the_catalogue():
    assert call_timeouts.longest_poll_s(RULES) == 90.0


def test_a_kind_that_nobody_listed_is_refused():
    with pytest.raises(KeyError):
        call_timeouts.timeout_s("mass_cancel", RULES)
