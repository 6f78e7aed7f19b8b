"""Which call goes first, which rows fill it, and in which order."""

import pytest
from msgspec import Struct

from tests.core.beliefs import DAY, HOUR, NOW
from tests.defaults import poll_rules
from tracker.core.model import Tracking
from tracker.core.polling import batches
from tracker.core.polling.batches import BATCH_SOURCES, CALL_REASONS, RowSource

ACTIVE, FINISHED, NOT_FOUND = Tracking.ACTIVE, Tracking.FINISHED, Tracking.NOT_FOUND


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
    assert batches.choose(due, NOW) == kind


class Waiting(Struct, frozen=True):
    """A row as the core sees it. due_s: from now."""

    id: str
    due_s: float = -1.0
    tracking: Tracking = ACTIVE
    misses: int = 0
    table: str = "orders"


def filled(kind, at_most, *waiting):
    """The ids of the rows that fill a call, and how many rows were asked for each time."""
    limits = []

    def fetch(source, limit, due_by):
        limits.append(limit)
        found = [
            row
            for row in sorted(waiting, key=lambda row: row.due_s)
            if (row.table, row.tracking) == (source.table, source.tracking)
            and (due_by is None or NOW + row.due_s <= due_by)
        ]
        return found[:limit]

    found = batches.fill(kind, at_most, NOW, fetch, lambda row: row.misses)
    return [row.id for row in found], limits


OPEN = (Waiting("later", HOUR), Waiting("due", -5), Waiting("soon", 45))
DONE = (Waiting("done", -9, FINISHED), Waiting("done later", 9, FINISHED), Waiting("gone", -99, NOT_FOUND))
LEFT_OUT = Waiting("left out", -7, misses=3)
REFILL = Waiting("R", HOUR, table="refills")

# kind, ids a call takes, the rows there are -> the ids of the call, the limits of the look-ups
CALLS = [
    ("status", 100, OPEN, ["due", "soon", "later"], [100, 97, 97]),
    ("status", 2, OPEN, ["due", "soon"], [2]),
    ("status", 1, OPEN, ["due"], [1]),
    ("status", 100, (*OPEN, *DONE, REFILL), ["due", "soon", "later", "done", "gone"], [100, 97, 96]),
    ("status", 4, (*OPEN, *DONE), ["due", "soon", "later", "done"], [4, 1]),
    ("recheck", 100, (*OPEN, *DONE), ["done", "gone"], [100, 99]),
    ("recheck", 1, DONE, ["done"], [1]),
    ("refill_status", 100, (*OPEN, REFILL), ["R"], [100]),
    ("balance", 100, OPEN, [], []),
    ("services", 100, OPEN, [], []),
    ("status", 100, (*OPEN, LEFT_OUT), ["left out"], [100, 96, 96]),
    ("status", 100, (Waiting("due", -9), LEFT_OUT, Waiting("soon", 5)), ["due", "soon"], [100, 97, 97]),
    ("status", 100, (LEFT_OUT, Waiting("left out too", -6, misses=4)), ["left out"], [100, 98, 98]),
    ("status", 100, (Waiting("twice", -9, misses=2), *OPEN), ["twice", "due", "soon", "later"], [100, 96, 96]),
]


@pytest.mark.parametrize(("kind", "at_most", "waiting", "ids", "limits"), CALLS)
def test_the_rows_due_soonest_fill_a_call_and_no_more_are_read_than_it_has_room_for(
    kind, at_most, waiting, ids, limits
):
    assert filled(kind, at_most, *waiting) == (ids, limits)


def test_what_can_be_the_reason_for_a_call_fills_it_too():
    assert BATCH_SOURCES.keys() == CALL_REASONS.keys()
    for kind, reasons in CALL_REASONS.items():
        assert BATCH_SOURCES[kind][: len(reasons)] == reasons
        assert {source.table for source in BATCH_SOURCES[kind]} == {batches.ids_table(kind)}
    assert batches.ids_table("balance") is batches.ids_table("services") is None


def test_only_open_rows_fill_a_call_before_they_are_due():
    sources = {source for each in BATCH_SOURCES.values() for source in each}
    early = {source for source in sources if not source.only_due}
    assert early == {RowSource("orders", ACTIVE), RowSource("refills", ACTIVE)}


# one by one until, smaller until, batch_size -> ids a call takes
SIZES = [
    (None, None, 100, 100),
    (None, None, 20, 20),
    (NOW + 1, None, 20, 1),
    (NOW, None, 20, 20),
    (NOW - DAY, None, 100, 100),
    (None, NOW + 1, 100, 25),
    (None, NOW, 100, 100),
    (None, NOW + 1, 3, 1),
    (NOW + 1, NOW + 1, 100, 1),
]


@pytest.mark.parametrize(("singles_until", "small_until", "batch_size", "expected"), SIZES)
def test_a_panel_that_refused_batches_gets_fewer_ids_at_a_time_until_then(
    singles_until, small_until, batch_size, expected
):
    assert batches.size(singles_until, small_until, poll_rules(batch_size=batch_size), NOW) == expected


# kind of call -> its action, its table
KINDS = [
    ("status", "status", "orders"),
    ("recheck", "status", "orders"),
    ("aside.status", "status", "orders"),
    ("canary.refill_status", "refill_status", "refills"),
    ("gateway.status", "status", "orders"),
    ("balance", "balance", None),
    ("services", "services", None),
]


@pytest.mark.parametrize(("kind", "action", "table"), KINDS)
def test_a_kind_of_call_has_an_action_and_maybe_a_table(kind, action, table):
    assert (batches.action_of(kind), batches.ids_table(kind)) == (action, table)


# one by one until, ids, beside -> the ids of the call
OUT_OF_TURN = [
    (None, ["2", "1"], ["3", "1"], ["2", "1", "3"]),
    (None, ["2"], [], ["2"]),
    (NOW + 1, ["2"], ["3"], ["2"]),
    (NOW - 1, ["2"], ["3"], ["2", "3"]),
]


@pytest.mark.parametrize(("singles_until", "ids", "beside", "expected"), OUT_OF_TURN)
def test_what_clients_ask_for_goes_first_and_the_rest_only_along_with_it(singles_until, ids, beside, expected):
    assert batches.out_of_turn(ids, beside, singles_until, NOW) == expected
