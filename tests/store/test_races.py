"""Recording over somebody else: whoever was first has it, and the late one disturbs nothing."""

import pytest

from tests.core.beliefs import NOW
from tests.databases import rows
from tests.store import (
    OPS,
    RULES,
    claimed,
    column,
    decided,
    events,
    everything,
    ids_of,
    record,
    track,
)
from tracker.db.database import connect
from tracker.errors import Cause, PanelError, Trouble
from tracker.store import NewRefill, Store
from tracker.store.claims import NoCall

MEDDLERS = {
    "paused": lambda store: store.order_edits.pause("main", ["1"]),
    "edited": lambda store: track(store, "1", ref="client-A"),
    "removed": lambda store: _run(store, "DELETE FROM orders WHERE remote_id = '1'"),
    "observed": lambda store: _observe(store, "1", "Canceled", NOW + 0.5),
}


@pytest.mark.parametrize("what", MEDDLERS)
def test_an_order_that_somebody_else_changed_first_is_left_alone_and_the_others_are_moved(store, what):
    track(store, "1", "2")
    claim = claimed(store)
    changes = decided(store, claim, {"1": "Completed", "2": "Completed"}, NOW + 1)
    MEDDLERS[what](store)
    theirs = rows(store.database, "SELECT * FROM orders WHERE remote_id = '1'")
    assert record(store, claim, changes, NOW + 1) == 1
    assert rows(store.database, "SELECT * FROM orders WHERE remote_id = '1'") == theirs
    assert column(store, "remote_id || ' ' || coalesce(status, '')")[-1] == "2 completed"
    assert [told for told in events(store) if told == "order.completed"] == ["order.completed"]
    assert rows(
        store.database,
        "SELECT count(*) FROM deliveries d JOIN events e ON e.id = d.event AND e.type = 'order.completed'",
    ) == [(2,)]


def _run(store, sql, *params):
    with store.database.transaction() as cur:
        cur.run(sql, params)


def _observe(store, remote_id, word, now):
    claim = store.claims.claim_named("main", [remote_id], RULES, now)
    record(store, claim, decided(store, claim, {remote_id: word}, now), now)


def test_a_late_answer_of_an_expired_lease_leaves_the_new_claim_its_rows(store):
    track(store, "1", "2")
    late = claimed(store)
    changes = decided(store, late, {"1": "In progress", "2": "Pending"}, late.lease)
    changes = [change for change in changes if change.after.remote_id == "1"]
    fresh = claimed(store, late.lease)
    assert record(store, late, changes, late.lease + 1) == 1
    assert column(store, "next_poll_at") == [fresh.lease, fresh.lease]
    # The new call's answer about the order that moved meanwhile is left alone, and told again next time.
    answer = decided(store, fresh, {"1": "Completed", "2": "Completed"}, late.lease + 2)
    assert [change.after.remote_id for change in answer] == ["2"]
    assert record(store, fresh, answer, late.lease + 2) == 1
    assert column(store, "status") == ["in_progress", "completed"]
    assert column(store, "next_poll_at") == [late.lease + 302] * 2


def test_a_failure_of_an_expired_lease_leaves_the_new_claim_its_rows(store):
    track(store, "1")
    late = claimed(store)
    fresh = claimed(store, late.lease)
    store.panels.failed(late, PanelError(Trouble.UNAVAILABLE, "no", cause=Cause.CONNECTION), 0.0, RULES, late.lease + 1)
    assert column(store, "next_poll_at") == [fresh.lease]


def test_a_failed_call_gives_its_rows_the_place_in_the_queue_they_had(store):
    track(store, "1", now=NOW - 50)
    track(store, "2", now=NOW - 100)
    claim = claimed(store)
    before = {name: column(store, name) for name in ("status", "version", "last_polled_at", "misses", "refusals")}
    store.panels.failed(claim, PanelError(Trouble.UNAVAILABLE, "no", cause=Cause.CONNECTION), 0.0, RULES, NOW + 1)
    assert column(store, "next_poll_at") == [NOW - 50, NOW - 100]
    assert {name: column(store, name) for name in before} == before
    assert ids_of(claimed(store, NOW + 7)) == ["2", "1"]


def test_rows_of_a_call_that_the_panel_does_not_know_wait_and_the_others_do_not(store):
    store.new_orders.add_refills([NewRefill("main", "9", baseline=False)], NOW)
    store.panels.failed(claimed(store), PanelError(Trouble.REQUEST, "Incorrect request"), 0.0, RULES, NOW + 1)
    track(store, "1", now=NOW)
    assert claimed(store, NOW + 2).kind == "status"
    assert isinstance(store.claims.claim("main", RULES, NOW + 3), NoCall)


def test_two_writers_decide_the_same_and_only_one_of_them_is_told(store, fresh_url):
    track(store, "1")
    theirs = Store(connect(fresh_url), [OPS])
    claim = claimed(store)
    mine, others = (decided(s, claim, {"1": "Completed"}, NOW + 1) for s in (store, theirs))
    assert record(store, claim, mine, NOW + 1) == 1
    before = everything(store)
    assert record(theirs, claim, others, NOW + 1) == 0
    after = everything(store)
    assert [table for table in before if before[table] != after[table]] == ["poll_runs"]


def test_the_same_record_twice_is_the_same_as_once(store):
    """A commit whose acknowledgement was lost is done again."""
    track(store, "1", "2")
    claim = claimed(store)
    changes = decided(store, claim, {"1": "Completed", "2": "Hm"}, NOW + 1)
    record(store, claim, changes, NOW + 1)
    before = everything(store)
    assert record(store, claim, changes, NOW + 1) == 0
    after = everything(store)
    assert [table for table in before if before[table] != after[table]] == ["poll_runs"]
