"""How far the trouble of a failed call reaches."""

import pytest

from tests.core.beliefs import DAY, NOW
from tracker.core.polling import trouble
from tracker.core.polling.trouble import RecentCall, Scope
from tracker.errors import Cause, PanelError, Trouble

OK, BAD = "ok", "unavailable"

# calls that ended before the failed one, newest first; the kinds that are set aside -> does the failed one stand alone?
ALONE = [
    ([], (), True),
    ([("status", OK)], (), True),
    ([("status", BAD)], (), False),
    ([("balance", "unreadable"), ("status", OK)], (), False),
    ([("balance", "unreadable"), ("status", OK)], ("balance",), True),
    ([("refill_status", BAD), ("status", BAD)], ("refill_status",), False),
    ([("aside.status", BAD), ("status", OK)], (), True),
    ([("aside.status", BAD), ("status", BAD)], (), False),
    ([("canary.status", OK), ("status", BAD)], (), True),
    ([("canary.status", BAD), ("status", BAD)], (), False),
    ([("status", "rate_limited"), ("status", OK)], (), False),
    ([("status", "auth")], (), False),
    ([("refill_status", "request"), ("status", OK)], (), True),
    ([("status", "batch_refused"), ("status", OK)], (), True),
    ([("gateway.add", BAD), ("status", OK)], (), True),
    ([("api.balance", BAD), ("status", OK)], (), True),
    ([("retry", "retry"), ("status", BAD)], (), False),
    ([("status", "lost"), ("status", OK)], (), True),
]


@pytest.mark.parametrize(("recent", "aside", "alone"), ALONE)
def test_a_failed_call_stands_alone_while_the_last_one_that_counts_was_answered(recent, aside, alone):
    assert trouble.stands_alone([RecentCall(*call, NOW) for call in recent], aside) is alone


# the kinds that are set aside since then; the last answer (None: none) -> the broken ones
BROKEN = [
    ({"balance": NOW - 50}, None, set()),
    ({"balance": NOW - 50}, NOW - 60, set()),
    ({"balance": NOW - 50}, NOW - 40, {"balance"}),
    ({"balance": NOW - 50, "services": NOW - 30}, NOW - 40, {"balance"}),
    ({}, NOW, set()),
]


@pytest.mark.parametrize(("aside", "heard_at", "broken"), BROKEN)
def test_a_kind_is_broken_when_another_call_was_answered_since_it_began_to_fail(aside, heard_at, broken):
    answered = [] if heard_at is None else [RecentCall("status", OK, heard_at)]
    assert trouble.broken_kinds([RecentCall("balance", BAD, NOW), *answered], aside) == broken


WELL = {"in_trouble": False, "alone": True, "broken": False, "untracked": False}
ANSWERED = PanelError(Trouble.UNAVAILABLE, "HTTP 500")
SILENT = PanelError(Trouble.UNAVAILABLE, "no answer", cause=Cause.SILENCE)
NO_CONNECTION = PanelError(Trouble.UNAVAILABLE, "refused", cause=Cause.CONNECTION)
LATER = PanelError(Trouble.UNAVAILABLE, "HTTP 503", 60.0)

# kind of call, error, what differs from a panel that was well -> how far it reaches
SCOPES = [
    ("status", ANSWERED, {}, Scope.IDS),
    ("status", SILENT, {}, Scope.IDS),
    ("status", PanelError(Trouble.UNREADABLE, "page"), {}, Scope.IDS),
    ("recheck", ANSWERED, {}, Scope.IDS),
    ("refill_status", ANSWERED, {}, Scope.IDS),
    ("balance", ANSWERED, {}, Scope.KIND),
    ("services", PanelError(Trouble.UNREADABLE, "null"), {}, Scope.KIND),
    ("status", NO_CONNECTION, {}, Scope.PANEL),
    ("status", LATER, {}, Scope.PANEL),
    ("status", PanelError(Trouble.AUTH, "key"), {}, Scope.PANEL),
    ("status", PanelError(Trouble.RATE_LIMITED, "slow"), {}, Scope.PANEL),
    ("status", PanelError(Trouble.REFUSES_ALL, "no"), {}, Scope.PANEL),
    ("status", ANSWERED, {"alone": False}, Scope.PANEL),
    ("balance", ANSWERED, {"alone": False}, Scope.PANEL),
    ("balance", PanelError(Trouble.REFUSED, "no"), {"alone": False}, Scope.KIND),
    ("status", PanelError(Trouble.REQUEST, "no action"), {"alone": False}, Scope.IDS),
    ("status", ANSWERED, {"alone": False, "untracked": True}, Scope.IDS),
    ("status", ANSWERED, {"alone": False, "broken": True}, Scope.KIND),
    ("refill_status", ANSWERED, {"broken": True}, Scope.KIND),
    ("refill_status", LATER, {"broken": True}, Scope.PANEL),
    ("status", ANSWERED, {"in_trouble": True}, Scope.PANEL),
    ("canary.status", ANSWERED, {"in_trouble": True}, Scope.PANEL),
    ("canary.status", ANSWERED, {}, Scope.KIND),
    ("canary.status", ANSWERED, {"alone": False}, Scope.PANEL),
    ("aside.status", ANSWERED, {"alone": False}, Scope.IDS),
    ("aside.status", NO_CONNECTION, {}, Scope.PANEL),
]


@pytest.mark.parametrize(("kind", "error", "differs", "scope"), SCOPES)
def test_trouble_is_judged_by_what_it_covers(kind, error, differs, scope):
    assert trouble.scope_of(kind, error, **(WELL | differs)) is scope


# failures in a row, is it finished -> seconds until it is tried alone again
WAITS = [(1, False, 60), (2, False, 120), (11, False, 61_440), (12, False, DAY), (999, False, DAY), (1, True, DAY / 4)]


@pytest.mark.parametrize(("failures", "finished", "wait_s"), WAITS)
def test_a_broken_id_waits_twice_as_long_each_time_a_day_at_most(failures, finished, wait_s):
    assert trouble.id_wait_s(failures, finished=finished) == wait_s
