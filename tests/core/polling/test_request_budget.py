"""Which calls count against the request budget, and the share of rechecks."""

import pytest

from tests.core.beliefs import NOW
from tests.defaults import poll_rules
from tracker.core.polling import request_budget
from tracker.core.polling.request_budget import Caller, Whose, limit_met, polling_at_most

RULES = poll_rules(timeout_s=30.0, add_timeout_s=600.0)


def test_the_budget_looks_back_beyond_the_longest_of_all_calls():
    started_after, ended_after = request_budget.counted_after(RULES, NOW)
    assert ended_after == NOW - 60
    assert started_after <= NOW - 60 - 600


@pytest.mark.parametrize(("calls", "used_up"), [(0, False), (29, False), (30, True), (31, True)])
def test_rechecks_have_had_their_share_after_as_many_calls_as_a_minute_has(calls, used_up):
    assert request_budget.rechecks_used_up(calls, poll_rules(max_requests_per_minute=30)) is used_up


TEN = poll_rules(max_requests_per_minute=10, polling_share=0.4, clients_change=True)
ALONE, AMONG = Caller("shop", 0.5, competes=False), Caller("shop", 0.5, competes=True)


@pytest.mark.parametrize(
    ("used", "caller", "waits", "met"),
    [
        ({}, AMONG, True, None),
        ({None: 10}, ALONE, False, (Whose.ALL, 10)),
        ({None: 4, "shop": 3, "bot": 3}, ALONE, False, (Whose.ALL, 10)),
        ({"shop": 5}, ALONE, True, None),
        ({"shop": 6}, ALONE, True, (Whose.CLIENTS, 6)),
        ({"shop": 6}, ALONE, False, None),
        ({"shop": 9}, ALONE, False, None),
        ({"shop": 2, "bot": 4}, ALONE, True, (Whose.CLIENTS, 6)),
        ({"shop": 2}, AMONG, False, None),
        ({"shop": 3}, AMONG, False, (Whose.CLIENT, 3)),
        ({"bot": 3}, AMONG, False, None),
    ],
    ids=str,
)
def test_the_limit_that_is_met(used, caller, waits, met):
    found = limit_met(used, caller, TEN, lambda: waits)
    assert (found and (found.whose, found.at_most)) == met


@pytest.mark.parametrize("budget", [1, 2, 3, 6000])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_everybody_gets_a_call_however_small_the_budget_and_its_shares(budget, share):
    rules = poll_rules(max_requests_per_minute=budget, polling_share=share, clients_change=True)
    assert limit_met({}, Caller("shop", share, competes=True), rules, lambda: True) is None
    assert 1 <= polling_at_most(rules, clients_wait=True) <= budget
    assert 1 <= polling_at_most(rules, clients_wait=False) <= budget


@pytest.mark.parametrize(("changes", "wait", "most"), [(True, True, 4), (True, False, 9), (False, False, 10)])
def test_polling_keeps_to_its_part_while_a_client_waits_and_leaves_room_for_one(changes, wait, most):
    rules = poll_rules(max_requests_per_minute=10, polling_share=0.4, clients_change=changes)
    assert polling_at_most(rules, clients_wait=wait) == most
