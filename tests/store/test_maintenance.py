"""What people change by hand, what time takes away, and a clock that was set."""

import pytest
from msgspec.structs import replace

from tests.core.beliefs import DAY, HOUR, NOW
from tests.databases import rows
from tests.defaults import poll_rules
from tests.store import (
    OPS,
    RULES,
    SHOP,
    claimed,
    column,
    decided,
    deliver,
    everything,
    fail,
    ids_of,
    poll,
    polled,
    record,
    states,
    track,
)
from tracker.core.model import Refusal
from tracker.errors import Cause, PanelError, Trouble
from tracker.store.claims import NoCall


def test_paused_orders_are_not_asked_until_they_are_resumed(store):
    track(store, "1", "2")
    assert store.order_edits.pause("main", ["1", "nobody"]) == 1
    assert store.order_edits.pause("main", ["1"]) == 0
    assert ids_of(claimed(store)) == ["2"]
    assert store.claims.claim("main", RULES, NOW + 59) == NoCall("nothing due")
    assert store.order_edits.resume("main", ["1", "2"], NOW + 50) == 1
    assert ids_of(claimed(store, NOW + 50)) == ["1"]


@pytest.mark.parametrize(("word", "tracking"), [("In progress", "active"), ("Completed", "finished"), (None, "active")])
def test_a_resumed_order_is_tracked_as_before(store, word, tracking):
    track(store, "1")
    if word:
        polled(store, word)
    store.order_edits.pause("main", ["1"])
    store.order_edits.resume("main", ["1"], NOW + HOUR)
    assert rows(store.database, "SELECT tracking, next_poll_at FROM orders") == [(tracking, NOW + HOUR)]


def test_no_orders_are_no_orders(store):
    track(store, "1")
    before = everything(store)
    assert store.order_edits.pause("main", []) == 0
    assert store.order_edits.resume("main", [], NOW) == 0
    assert store.hooks.retry_deliveries([], NOW) == set()
    assert everything(store) == before


def test_pausing_a_panel_says_whether_there_is_one(store):
    assert store.panels.pause("main", paused=True)
    assert not store.panels.pause("nope", paused=True)


# --- a clock that was set


def test_after_a_clock_was_set_back_nothing_waits_longer_than_before(store):
    track(store, "1", "2")
    polled(store, "Pending")
    with store.database.transaction() as cur:
        cur.run("UPDATE panels SET wait_until = ?, next_balance_at = ?", (NOW + 30, NOW + 600))
    taken = store.outbox.claim(OPS, NOW + 2)
    fail(store, taken, NOW + 2)
    schedule = (
        "SELECT next_poll_at FROM orders UNION ALL SELECT next_attempt_at FROM deliveries WHERE state = 'waiting'"
    )
    panels = "SELECT wait_until, next_balance_at FROM panels"
    before = sorted(row[0] for row in rows(store.database, schedule))
    store.maintenance.shift_schedule(-HOUR, NOW + 3 - HOUR)
    assert sorted(row[0] for row in rows(store.database, schedule)) == [at - HOUR for at in before]
    assert rows(store.database, panels) == [(NOW + 30 - HOUR, NOW + 600 - HOUR)]


def test_after_a_clock_was_set_back_the_budget_is_neither_lost_nor_doubled(store):
    rules = poll_rules(max_requests_per_minute=2)
    for n in range(2):
        store.claims.close_run(store.claims.open_run("main", "retry", rules, NOW + n), "retry", NOW + n)
    store.maintenance.shift_schedule(-HOUR, NOW + 10 - HOUR)
    assert store.claims.open_run("main", "retry", rules, NOW + 10 - HOUR) is None
    assert store.claims.open_run("main", "retry", rules, NOW + 62 - HOUR) is not None


def test_after_a_clock_was_set_back_no_hook_waits_for_the_old_time(store):
    limited = replace(OPS, max_per_minute=2)
    store.hooks.sync(["ops"])
    track(store, *"123456")
    poll(store, dict.fromkeys("123456", "Pending"))
    for n in range(2):
        assert deliver(store, NOW + 2 + n, limited)
    with store.database.transaction() as cur:
        waits = {"wait_until": NOW + 30, "asked_until": NOW + 40, "failing_since": NOW - 5}
        cur.run(f"UPDATE hooks SET {', '.join(f'{name} = {at}' for name, at in waits.items())} WHERE name = 'ops'")
    store.maintenance.shift_schedule(-DAY, NOW + 10 - DAY)
    assert store.outbox.claim(limited, NOW + 39.9 - DAY) is None
    assert store.outbox.claim(limited, NOW + 41 - DAY) is None, "two went out a moment ago"
    assert store.outbox.claim(limited, NOW + 63.1 - DAY) is not None
    assert rows(store.database, "SELECT failing_since FROM hooks WHERE name = 'ops'") == [(NOW - 5 - DAY,)]


def test_after_a_clock_was_set_back_a_failing_delivery_holds_back_no_longer_than_it_may(store):
    track(store, "1")
    polled(store, "Pending", "In progress")
    first = store.outbox.claim(OPS, NOW + 700)
    fail(store, first, NOW + 700)
    store.maintenance.shift_schedule(-DAY, NOW + 700 - DAY)
    assert rows(store.database, "SELECT first_attempt_at FROM deliveries WHERE id = ?", first.id) == [
        (NOW + 700 - DAY,)
    ]


def test_a_call_under_way_while_the_clock_is_set_keeps_its_rows(store):
    track(store, "1")
    claimed(store)
    store.maintenance.shift_schedule(-HOUR, NOW - HOUR)
    assert store.claims.claim("main", RULES, NOW - HOUR + 1) == NoCall("nothing due")
    assert store.claims.release_claims(NOW - HOUR + 2) == 1
    assert column(store, "next_poll_at") == [NOW - HOUR + 2]


# --- after a crash


def test_calls_that_nobody_can_finish_any_more_are_due_at_once(store):
    track(store, "1", "2")
    claimed(store)
    with store.database.transaction() as cur:
        cur.run("UPDATE panels SET next_balance_at = ?", (NOW,))
    assert claimed(store, NOW + 1).kind == "balance"
    assert store.claims.release_claims(NOW + 2) == 2
    assert column(store, "next_poll_at") == [NOW + 2, NOW + 2]
    assert rows(store.database, "SELECT next_balance_at FROM panels") == [(NOW + 2,)]
    assert rows(store.database, "SELECT outcome, finished_at FROM poll_runs") == [("lost", NOW + 2)] * 2
    assert store.claims.release_claims(NOW + 3) == 0
    assert ids_of(claimed(store, NOW + 3)) in (["1", "2"], [])


def test_a_lost_probe_does_not_hold_up_its_panel(store):
    track(store, "1")
    store.panels.failed(claimed(store), PanelError(Trouble.UNAVAILABLE, "no", cause=Cause.CONNECTION), 0.0, RULES, NOW)
    claimed(store, NOW + 5)
    store.claims.release_claims(NOW + 6)
    assert ids_of(claimed(store, NOW + 6)) == ["1"]


def test_a_lost_probe_does_not_hold_up_its_hook_and_the_next_one_keeps_its_turn(store):
    store.hooks.sync(["ops", "shop"])
    for hook, until in (("ops", NOW), ("shop", NOW + 500)):
        with store.database.transaction() as cur:
            cur.run(
                "UPDATE hooks SET state = 'failing', failing_since = ?, wait_until = ?, asked_until = ? WHERE name = ?",
                (NOW, until, until, hook),
            )
    track(store, "1")
    poll(store, {"1": "Pending"})
    lost = store.outbox.claim(OPS, NOW + 2)
    assert store.outbox.claim(OPS, NOW + 3) is None
    store.hooks.release_deliveries(NOW + 4)
    assert store.outbox.claim(OPS, NOW + 4).id == lost.id
    assert store.outbox.claim(SHOP, NOW + 499) is None


def test_a_row_that_was_paused_while_its_call_was_lost_stays_paused(store):
    track(store, "1")
    claimed(store)
    store.order_edits.pause("main", ["1"])
    store.claims.release_claims(NOW + 1)
    assert rows(store.database, "SELECT tracking, next_poll_at FROM orders") == [("paused", None)]


# --- what time takes away


def old_life(store):
    """Three orders with a story: all told to ops, nothing told to shop yet."""
    track(store, "1", "2", "3", quantity=100)
    now = NOW
    for words in (("Pending",) * 3, ("In progress",) * 3, ("Completed",) * 3):
        poll(store, dict(zip("123", words, strict=True)), now)
        now += 600
    while deliver(store, now):
        pass
    return now


KINDS = ("transitions", "event_bodies", "deliveries", "attempts", "poll_runs")


def count(store, table, where="1 = 1"):
    return rows(store.database, f"SELECT count(*) FROM {table} WHERE {where}")[0][0]


def test_what_is_older_than_its_time_goes_and_nothing_else(store):
    now = old_life(store)
    before = everything(store)
    assert store.maintenance.prune(dict.fromkeys(KINDS, NOW)) == 0
    assert everything(store) == before
    assert store.maintenance.prune({"transitions": NOW + 601}) == 3
    assert count(store, "transitions") == 6
    assert store.maintenance.prune({"poll_runs": now + DAY}) == 3
    assert store.maintenance.prune({"attempts": now + DAY}) == 9
    assert count(store, "orders") == 3


def test_what_is_still_to_be_delivered_is_never_pruned(store):
    now = old_life(store)
    bodies = rows(store.database, "SELECT id, body FROM events ORDER BY id")
    far = now + 1_000 * DAY
    while store.maintenance.prune(dict.fromkeys(KINDS, far)):
        pass
    assert states(store, "shop") == ["waiting"] * 9
    assert states(store, "ops") == []
    assert rows(store.database, "SELECT id, body FROM events ORDER BY id") == bodies
    told = [deliver(store, far, SHOP) for _ in range(9)]
    assert [delivery.body for delivery in told] == [body.encode() for _, body in bodies]
    store.maintenance.prune({"event_bodies": far})
    assert count(store, "events", "body IS NOT NULL") == 0
    assert count(store, "events") == 9  # ids and types are kept for ever


def test_bodies_of_dead_deliveries_stay_as_long_as_they_can_be_retried(store):
    track(store, "1")
    polled(store, "Completed")
    deliver(store, NOW + 5)
    fail(store, store.outbox.claim(SHOP, NOW + 5), NOW + 6, SHOP, permanent=True)
    far = NOW + 1_000 * DAY
    store.maintenance.prune({"event_bodies": far})
    assert count(store, "events", "body IS NOT NULL") == 1
    store.hooks.retry_deliveries(None, far)
    assert deliver(store, far, SHOP).body


def test_an_attempt_and_a_call_under_way_are_never_pruned(store):
    track(store, "1", "2")
    poll(store, {"1": "Completed"})
    taken = store.outbox.claim(OPS, NOW + 5)
    claim = claimed(store, NOW + 400)
    store.maintenance.prune(dict.fromkeys(KINDS, NOW + 1000 * DAY))
    assert count(store, "attempts") == count(store, "poll_runs") == 1
    record(store, claim, decided(store, claim, {"2": Refusal("2", "no", not_found=True)}, NOW + 401), NOW + 401)
    assert fail(store, taken, NOW + 6)


def test_pruning_is_done_in_bites_so_that_writers_never_wait_long(store):
    with store.database.transaction() as cur:
        cur.many(
            "INSERT INTO poll_runs (panel, kind, started_at, finished_at, asked) VALUES ('main', 'status', ?, ?, 1)",
            [(NOW, NOW)] * 6_000,
        )
    assert [store.maintenance.prune({"poll_runs": NOW + 1}) for _ in range(3)] == [5_000, 1_000, 0]
