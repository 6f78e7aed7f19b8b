"""Claiming calls: the promise to come back is written down before anything is asked."""

import pytest
from msgspec.structs import replace

from tests.core.beliefs import DAY, HOUR, NOW
from tests.databases import rows
from tests.defaults import poll_rules
from tests.store import RULES, claimed, column, decided, everything, ids_of, poll, polled, record, track
from tracker.core.model import Tracking
from tracker.errors import PanelError, Trouble
from tracker.store import Answered, Claim, NewRefill
from tracker.store.claims import LEASE_MARGIN_S, NoCall

LEASE_S = RULES.timeout_s + LEASE_MARGIN_S


def refuse(store, claim, now, kind=Trouble.BATCH_REFUSED):
    store.panels.failed(claim, PanelError(kind, "no"), 0.0, RULES, now)


def test_a_claim_pushes_its_rows_into_the_future_and_opens_a_run(store):
    track(store, "1", "2")
    claim = claimed(store)
    assert (claim.kind, ids_of(claim), claim.lease) == ("status", ["1", "2"], NOW + LEASE_S)
    assert column(store, "next_poll_at") == [claim.lease, claim.lease]
    open_runs = rows(store.database, "SELECT id, kind, started_at, lease, finished_at, asked FROM poll_runs")
    assert open_runs == [(claim.run_id, "status", NOW, claim.lease, None, 2)]


def test_a_second_claim_takes_other_rows_or_nothing(store):
    track(store, *map(str, range(150)))
    first, second = claimed(store), claimed(store, NOW + 0.1)
    assert (len(first.rows), len(second.rows)) == (100, 50)
    assert set(ids_of(first)).isdisjoint(ids_of(second))
    assert store.claims.claim("main", RULES, NOW + 0.2) == NoCall("nothing due")


def test_rows_of_a_call_that_never_ended_are_due_again_when_its_lease_has_passed(store):
    track(store, "1")
    claim = claimed(store)
    assert store.claims.claim("main", RULES, claim.lease - 0.001) == NoCall("nothing due")
    assert ids_of(claimed(store, claim.lease)) == ["1"]


def test_empty_seats_go_to_the_rows_due_soonest_and_never_to_rows_in_flight(store):
    track(store, "away1", "away2", now=NOW - 1)
    in_flight = claimed(store, NOW)
    track(store, "later", now=NOW + HOUR)
    track(store, "soon", now=NOW + 45)
    track(store, "due", now=NOW)
    claim = claimed(store, NOW + 1)
    assert ids_of(claim) == ["due", "soon", "later"]
    assert set(ids_of(claim)).isdisjoint(ids_of(in_flight))


def test_rows_that_are_only_due_later_are_no_reason_for_a_call(store):
    track(store, "later", now=NOW + HOUR)
    assert store.claims.claim("main", RULES, NOW) == NoCall("nothing due")


def test_a_batch_is_no_larger_than_the_panel_takes(store):
    track(store, *map(str, range(30)))
    assert len(claimed(store, rules=poll_rules(batch_size=20)).rows) == 20


def test_orders_of_another_panel_are_never_asked_here(store):
    store.panels.sync({"main": "1", "other": "1"}, NOW + 365 * DAY)
    track(store, "1")
    track(store, "1", "2", panel="other")
    assert ids_of(claimed(store)) == ["1"]
    assert ids_of(claimed(store, panel="other")) == ["1", "2"]


def test_an_order_that_answers_left_out_three_times_is_asked_alone(store):
    track(store, "gone", "1", "2")
    now = NOW
    for _ in range(3):
        poll(store, {"1": "Pending", "2": "Pending"}, now)
        now += 600
    assert column(store, "misses") == [3, 0, 0]
    # All are due at the same moment: who goes first is left open.
    claims = [ids_of(claimed(store, now + n / 10)) for n in range(2)]
    assert sorted(map(sorted, claims)) == [["1", "2"], ["gone"]]


def test_others_never_wait_for_one_that_has_to_be_asked_alone(store):
    track(store, "1", "gone", "2")
    now = NOW
    for _ in range(3):
        poll(store, {"1": "Pending", "2": "Pending"}, now)
        now += 600
    with store.database.transaction() as cur:
        cur.run("UPDATE orders SET next_poll_at = ? WHERE remote_id = '1'", (now - 900,))
    assert ids_of(claimed(store, now)) == ["1", "2"]
    assert ids_of(claimed(store, now + 0.1)) == ["gone"]


def test_a_refused_batch_goes_out_again_and_is_asked_one_by_one_only_then(store):
    track(store, "1", "2", "3")
    refuse(store, claimed(store), NOW + 1)
    assert column(store, "next_poll_at") == [NOW + 16] * 3
    refuse(store, claimed(store, NOW + 16), NOW + 17)
    alone = [ids_of(claimed(store, NOW + 18 + n / 10)) for n in range(3)]
    assert alone == [["1"], ["2"], ["3"]]
    assert len(claimed(store, NOW + DAY).rows) == 3


def test_one_refusal_of_a_batch_leaves_no_trace_once_the_batch_is_answered(store):
    track(store, "1", "2")
    refuse(store, claimed(store), NOW + 1)
    poll(store, {"1": "Pending", "2": "Pending"}, NOW + 16)
    assert rows(store.database, "SELECT refused_batches, singles_until FROM panels") == [(0, None)]


def test_batches_are_tried_again_after_one_two_and_four_minutes(store):
    track(store, "1", "2")
    refuse(store, claimed(store), NOW + 1)
    now, waits = NOW + 16, []
    for _ in range(9):
        refuse(store, claimed(store, now), now)
        until = rows(store.database, "SELECT singles_until FROM panels")[0][0]
        waits.append(until - now)
        now = until
    assert waits == [60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]


def test_finished_orders_fill_the_empty_seats_only_when_they_are_due(store):
    track(store, "done", "open")
    poll(store, {"done": "Completed", "open": "Pending"})  # both due again in 300 s
    with store.database.transaction() as cur:
        cur.run("UPDATE orders SET next_poll_at = ? WHERE remote_id = 'done'", (NOW + DAY,))
    assert ids_of(claimed(store, NOW + 301)) == ["open"]
    assert ids_of(claimed(store, NOW + DAY)) == ["open", "done"]


def test_rechecks_take_at_most_a_tenth_of_the_calls(store):
    rules = poll_rules(max_requests_per_minute=6, batch_size=1)
    track(store, *map(str, range(100)))
    with store.database.transaction() as cur:
        cur.run("UPDATE orders SET tracking = 'finished', status = 'completed', known_status = 'completed'")
    now, calls = NOW, []
    while now < NOW + 3_600:
        claim = store.claims.claim("main", rules, now)
        if isinstance(claim, Claim):
            calls.append((now, claim.kind))
            record(store, claim, decided(store, claim, {}, now), now, DAY)
        now += 5.0
    assert {kind for _, kind in calls} == {"recheck"}
    for start, _ in calls:
        assert len([at for at, _ in calls if start <= at < start + 600]) <= 6
    assert len(calls) == 36


def test_what_has_waited_longest_is_the_reason_for_the_call(store):
    store.panels.sync({"main": "1"}, NOW)
    track(store, "1", now=NOW)
    store.new_orders.add_refills([NewRefill("main", "9", baseline=False)], NOW - 5)
    with store.database.transaction() as cur:
        cur.run("UPDATE panels SET next_balance_at = ?, next_services_at = ?", (NOW - 1, NOW - 9))
    kinds = [claimed(store, NOW + n / 10).kind for n in range(4)]
    assert kinds == ["services", "refill_status", "balance", "status"]
    assert store.claims.claim("main", RULES, NOW + 1) == NoCall("nothing due")


def test_a_paused_panel_is_not_asked(store):
    track(store, "1")
    assert store.panels.pause("main", paused=True)
    before = everything(store)
    assert store.claims.claim("main", RULES, NOW) == NoCall("paused")
    assert everything(store) == before
    assert store.panels.pause("main", paused=False)
    assert ids_of(claimed(store)) == ["1"]


def test_an_unknown_panel_is_never_asked(store):
    assert store.claims.claim("nope", RULES, NOW) == NoCall("paused")
    assert store.claims.claim_named("nope", ["1"], RULES, NOW) == NoCall("unknown panel")
    assert store.claims.open_run("nope", "retry", RULES, NOW) is None


# --- by name


def test_named_orders_are_taken_whether_they_are_due_or_not(store):
    track(store, "1", "2", "3")
    poll(store, {"1": "Pending", "2": "Completed", "3": "Pending"})
    store.order_edits.pause("main", ["3"])
    claim = store.claims.claim_named("main", ["3", "2", "nobody"], RULES, NOW + 2)
    assert ids_of(claim) == ["2", "3"]
    assert store.claims.claim_named("main", ["nobody"], RULES, NOW + 3) == NoCall("not tracked")
    assert store.claims.claim_named("main", [], RULES, NOW + 3) == NoCall("not tracked")


def test_a_paused_order_that_is_asked_for_by_name_stays_paused_and_due_never(store):
    track(store, "1")
    store.order_edits.pause("main", ["1"])
    claim = store.claims.claim_named("main", ["1"], RULES, NOW)
    changes = decided(store, claim, {"1": "Completed"}, NOW + 1)
    store.results.record(claim, changes, {claim.rows[0][0]: None}, Answered(1, 1), NOW + 1)
    assert rows(store.database, "SELECT status, tracking, next_poll_at FROM orders") == [("completed", "paused", None)]
    assert store.claims.claim("main", RULES, NOW + DAY) == NoCall("nothing due")


def test_named_orders_wait_for_the_budget_like_all_others(store):
    track(store, "1")
    rules = poll_rules(max_requests_per_minute=1)
    assert store.claims.open_run("main", "retry", rules, NOW) is not None
    assert store.claims.claim_named("main", ["1"], rules, NOW + 1) == NoCall("budget spent")


# --- what a claim hands out


def test_beliefs_leave_out_what_somebody_rewrote_since_the_claim(store):
    track(store, "1", "2")
    claim = claimed(store)
    store.order_edits.pause("main", ["1"])
    assert [order.remote_id for order in store.results.beliefs(claim, [row[0] for row in claim.rows])] == ["2"]
    assert store.results.beliefs(claim, []) == []


@pytest.mark.parametrize("tracking", [Tracking.ACTIVE, Tracking.FINISHED])
def test_an_order_comes_out_of_its_row_as_it_went_in(store, tracking):
    track(store, "1", quantity=1_000, service="7", tags=("vip", "ü"), ref="r", parent="0", placed_at=NOW - 60)
    word = "Completed" if tracking is Tracking.FINISHED else "In progress"
    claim = claimed(store)
    change = decided(store, claim, {"1": word}, NOW + 1)[0]
    record(store, claim, [change], NOW + 1)
    again = store.claims.claim_named("main", ["1"], RULES, NOW + 2)
    believed = store.results.beliefs(again, [row[0] for row in again.rows])[0]
    assert believed == replace(change.after, last_polled_at=NOW + 1)


def test_polls_go_on_as_the_order_lives(store):
    track(store, "1")
    now = polled(store, "Pending", "In progress", "Completed")
    assert column(store, "tracking") == ["finished"]
    assert claimed(store, now).kind == "recheck"
