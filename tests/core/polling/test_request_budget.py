"""Which calls count against the request budget, and the share of rechecks."""

import pytest

from tests.core.beliefs import NOW
from tests.defaults import poll_rules
from tracker.core.polling import request_budget

RULES = poll_rules(timeout_s=30.0, add_timeout_s=600.0)


def test_the_budget_looks_back_beyond_the_longest_of_all_calls():
    started_after, ended_after = request_budget.counted_after(RULES, NOW)
    assert ended_after == NOW - 60
    assert started_after <= NOW - 60 - 600


@pytest.mark.parametrize(("calls", "used_up"), [(0, False), (29, False), (30, True), (31, True)])
def test_rechecks_have_had_their_share_after_as_many_calls_as_a_minute_has(calls, used_up):
    assert request_budget.rechecks_used_up(calls, poll_rules(max_requests_per_minute=30)) is used_up
