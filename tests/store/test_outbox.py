"""The way out: in order, at least once, under one id, whatever crashes in between."""

import pytest
from msgspec.structs import replace

from tests.core.beliefs import DAY, HOUR, NOW
from tests.databases import rows
from tests.defaults import hook_rules
from tests.store import (
    OPS,
    RULES,
    SHOP,
    claimed,
    decided,
    deliver,
    everything,
    fail,
    poll,
    record,
    states,
    succeed,
    track,
)
from tracker.core.delivery.routing import lease_s
from tracker.db.database import connect
from tracker.store import Store

LEASE_S = lease_s(OPS)
WORDS = ("Pending", "In progress", "Completed")


def lives(store, *ids, now=NOW, words=WORDS):
    """These orders live through `words` within seconds; returns the moment after."""
    for word in words:
        claim = store.claims.claim_named("main", list(ids), RULES, now)
        record(store, claim, decided(store, claim, dict.fromkeys(ids, word), now), now)
        now += 1
    return now


def told(taken):
    return None if taken is None else (taken.event_type, taken.attempt)


@pytest.fixture
def one(store):
    """Three events of order 1 wait, and the moment is `NOW + 3`."""
    track(store, "1")
    lives(store, "1")
    return store


def test_a_claim_pushes_the_delivery_past_its_deadline_and_counts_before_anything_is_sent(one):
    taken = one.outbox.claim(OPS, NOW + 3)
    assert (taken.event_type, taken.attempt, taken.step, taken.replay) == ("order.changed", 1, 1, False)
    row = rows(
        one.database, "SELECT state, attempts, first_attempt_at, next_attempt_at FROM deliveries WHERE id = ?", taken.id
    )
    assert row == [("waiting", 1, NOW + 3, NOW + 3 + LEASE_S)]
    assert rows(one.database, "SELECT number, started_at, outcome FROM attempts") == [(1, NOW + 3, None)]


def test_deliveries_of_one_order_go_out_one_after_the_other(one):
    first = one.outbox.claim(OPS, NOW + 3)
    assert one.outbox.claim(OPS, NOW + 3) is None
    assert succeed(one, first, NOW + 4)
    assert told(deliver(one, NOW + 4)) == ("order.started", 1)
    assert told(deliver(one, NOW + 4)) == ("order.completed", 1)
    assert deliver(one, NOW + 9 * DAY) is None
    assert states(one) == ["delivered"] * 3


def test_orders_do_not_wait_for_each_other(store):
    track(store, "1", "2")
    now = lives(store, "1", "2")
    taken = [store.outbox.claim(OPS, now) for _ in range(3)]
    assert [told(each) for each in taken] == [("order.changed", 1)] * 2 + [None]
    assert {
        rows(store.database, "SELECT stream FROM deliveries WHERE id = ?", each.id)[0][0] for each in taken[:2]
    } == {
        "main/order/1",
        "main/order/2",
    }


def test_hooks_do_not_wait_for_each_other(one):
    fail(one, one.outbox.claim(OPS, NOW + 3), NOW + 3)
    assert [told(deliver(one, NOW + 3, SHOP))[0] for _ in range(3)] == [
        "order.changed",
        "order.started",
        "order.completed",
    ]


def test_a_hook_without_an_order_of_its_own_takes_them_as_they_come(one):
    rules = replace(OPS, per_order=False)
    assert [told(one.outbox.claim(rules, NOW + 3))[0] for _ in range(3)] == [
        "order.changed",
        "order.started",
        "order.completed",
    ]


def test_a_failing_delivery_holds_back_later_ones_of_its_order(one):
    fail(one, one.outbox.claim(OPS, NOW + 3), NOW + 3)
    assert one.outbox.claim(OPS, NOW + 7.9) is None
    assert told(deliver(one, NOW + 8)) == ("order.changed", 2)
    assert [told(deliver(one, NOW + 8)) for _ in range(2)] == [("order.started", 1), ("order.completed", 1)]


def test_and_for_as_long_as_the_hook_allows_and_no_longer(one):
    rules = replace(OPS, hold_for_s=HOUR)
    now = NOW + 3
    taken = one.outbox.claim(rules, now)
    while now < NOW + 3 + HOUR:
        fail(one, taken, now, rules)
        retry_at = rows(one.database, "SELECT next_attempt_at FROM deliveries WHERE id = ?", taken.id)[0][0]
        now = min(retry_at, NOW + 3 + HOUR)
        taken = one.outbox.claim(rules, now)
    assert told(taken) == ("order.started", 1)
    assert told(one.outbox.claim(rules, now)) is None  # order.completed waits for order.started, as ever
    succeed(one, taken, now, rules)
    assert told(deliver(one, now, rules)) == ("order.completed", 1)
    assert states(one)[0] == "waiting"


def test_a_dead_delivery_holds_nobody_back(one):
    fail(one, one.outbox.claim(OPS, NOW + 3), NOW + 3, permanent=True)
    assert told(deliver(one, NOW + 3)) == ("order.started", 1)
    assert states(one) == ["dead", "delivered", "waiting"]


def test_in_a_streak_of_failures_what_failed_goes_first_and_else_what_is_fresh(store):
    track(store, "1", "2", "3")
    lives(store, "1", "2", words=["Pending"])
    for _ in range(2):
        fail(store, store.outbox.claim(OPS, NOW + 1), NOW + 1)
    lives(store, "3", now=NOW + 9, words=["Pending"])
    assert [told(deliver(store, NOW + 10))[1] for _ in range(3)] == [2, 1, 2]


def test_a_crowd_that_is_held_back_hides_nobody_who_is_not(store):
    track(store, "1", "2")
    lives(store, "1", words=["Pending", "Processing"] * 60)
    fail(store, store.outbox.claim(OPS, NOW + 200), NOW + 200)
    lives(store, "2", now=NOW + 201, words=["Pending"])
    taken = deliver(store, NOW + 202)
    assert rows(store.database, "SELECT stream FROM deliveries WHERE id = ?", taken.id) == [("main/order/2",)]


def test_a_delivery_that_always_fails_walks_the_curve_and_is_dead(one):
    rules = hook_rules(name="ops", events=("*",), retry_schedule_s=(0.0, 5.0, 30.0))
    now, waits = NOW + 3, []
    for _ in range(3):
        taken = one.outbox.claim(rules, now)
        fail(one, taken, now, rules)
        state, retry_at = rows(one.database, "SELECT state, next_attempt_at FROM deliveries WHERE id = ?", taken.id)[0]
        waits.append((told(taken), state, None if retry_at is None else retry_at - now))
        now = retry_at or now
    assert waits == [
        (("order.changed", 1), "waiting", 5.0),
        (("order.changed", 2), "waiting", 30.0),
        (("order.changed", 3), "dead", None),
    ]
    attempts = rows(one.database, "SELECT number, outcome, code, error FROM attempts ORDER BY id")
    assert attempts == [(n, "failed", 500, "no") for n in (1, 2, 3)]


def test_every_attempt_carries_the_same_id_and_bytes(one):
    first = one.outbox.claim(OPS, NOW + 3)
    fail(one, first, NOW + 3)
    second = one.outbox.claim(OPS, NOW + 8)
    lost = one.outbox.claim(OPS, NOW + 8 + LEASE_S)
    assert [each.attempt for each in (first, second, lost)] == [1, 2, 3]
    assert len({(each.id, each.event_id, each.body) for each in (first, second, lost)}) == 1
    assert rows(one.database, "SELECT event_id, body FROM events ORDER BY id")[0] == (
        first.event_id,
        first.body.decode(),
    )


def test_a_late_result_is_written_down_and_settles_nothing(one):
    late = one.outbox.claim(OPS, NOW + 3)
    fresh = one.outbox.claim(OPS, NOW + 3 + LEASE_S)
    assert fresh.attempt == 2
    assert not succeed(one, late, NOW + 4 + LEASE_S)
    assert states(one)[0] == "waiting"
    assert rows(one.database, "SELECT number, outcome FROM attempts ORDER BY id") == [(1, "delivered"), (2, None)]
    assert succeed(one, fresh, NOW + 5 + LEASE_S)
    assert not fail(one, fresh, NOW + 6 + LEASE_S)
    assert states(one)[0] == "delivered"


def test_after_a_crash_the_lost_attempt_is_due_at_once_under_its_id(one, fresh_url):
    lost = one.outbox.claim(OPS, NOW + 3)
    after_crash = Store(connect(fresh_url), [OPS, SHOP])
    assert after_crash.hooks.release_deliveries(NOW + 4) == 1
    again = after_crash.outbox.claim(OPS, NOW + 4)
    assert (again.id, again.event_id, again.body, again.attempt) == (lost.id, lost.event_id, lost.body, 2)
    assert rows(one.database, "SELECT number, outcome FROM attempts ORDER BY id") == [(1, "lost"), (2, None)]
    assert after_crash.hooks.release_deliveries(NOW + 3) == 1
    assert one.hooks.release_deliveries(NOW + 4) == 0


def test_a_retry_that_is_not_due_is_no_lost_attempt(one):
    fail(one, one.outbox.claim(OPS, NOW + 3), NOW + 3)
    before = everything(one)
    assert one.hooks.release_deliveries(NOW + 4) == 0
    assert everything(one) == before


def test_dead_ones_get_their_whole_schedule_again_under_the_same_id(one, woken):
    rules = hook_rules(name="ops", events=("*",), retry_schedule_s=(0.0, 5.0))
    dead = one.outbox.claim(rules, NOW + 3)
    fail(one, dead, NOW + 3, rules)
    fail(one, one.outbox.claim(rules, NOW + 8), NOW + 8, rules)
    deliver(one, NOW + 8, rules), deliver(one, NOW + 8, rules)
    assert states(one) == ["dead", "delivered", "delivered"]
    woken.clear()
    assert one.hooks.retry_deliveries([dead.id], NOW + DAY) == {"ops"}
    assert woken == ["ops"]
    again = one.outbox.claim(rules, NOW + DAY)
    assert (again.id, again.event_id, again.body) == (dead.id, dead.event_id, dead.body)
    assert (again.attempt, again.step) == (3, 1)
    fail(one, again, NOW + DAY, rules)
    assert states(one)[0] == "waiting"
    assert one.outbox.claim(rules, NOW + DAY + 5).step == 2


def test_only_dead_ones_are_retried(one):
    before = everything(one)
    assert one.hooks.retry_deliveries(None, NOW) == set()
    assert one.hooks.retry_deliveries([1, 2, 3, 99], NOW) == set()
    assert everything(one) == before


def test_all_dead_ones_at_once_or_just_these(store):
    track(store, "1", "2", "3")
    lives(store, "1", "2", "3", words=["Pending"])
    for hook in (OPS, SHOP):
        while taken := store.outbox.claim(hook, NOW + 1):
            fail(store, taken, NOW + 1, hook, permanent=True)
    ids = [row[0] for row in rows(store.database, "SELECT id FROM deliveries WHERE hook = 'shop' ORDER BY id")]
    assert store.hooks.retry_deliveries(ids[:1], NOW + 2) == {"shop"}
    assert states(store, "shop") == ["waiting", "dead", "dead"]
    assert store.hooks.retry_deliveries(None, NOW + 3) == {"ops", "shop"}
    assert states(store) + states(store, "shop") == ["waiting"] * 6


def test_deliveries_of_a_hook_that_left_are_kept_and_wait_for_its_return(one):
    in_flight = one.outbox.claim(SHOP, NOW + 3)
    one.hooks.sync_deliveries({"ops"}, NOW + 4)
    assert states(one, "shop") == ["orphaned"] * 3
    assert one.outbox.claim(SHOP, NOW + DAY) is None
    assert not succeed(one, in_flight, NOW + 5, SHOP)
    assert states(one) == ["waiting"] * 3
    one.hooks.sync_deliveries({"ops", "shop"}, NOW + 5 * DAY)
    assert [told(deliver(one, NOW + 5 * DAY, SHOP)) for _ in range(3)] == [
        ("order.changed", 2),
        ("order.started", 1),
        ("order.completed", 1),
    ]


def test_without_any_hook_all_that_wait_are_kept(one):
    one.hooks.sync_deliveries(set(), NOW + 4)
    assert states(one) + states(one, "shop") == ["orphaned"] * 6


def test_a_hook_that_hears_nothing_of_it_gets_no_delivery(database):
    deaf = Store(database, [hook_rules(name="deaf", events=("balance.*",))])
    deaf.panels.sync({"main": "1"}, NOW + DAY)
    track(deaf, "1")
    poll(deaf, {"1": "Completed"})
    assert rows(database, "SELECT count(*) FROM deliveries") == [(0,)]
    assert rows(database, "SELECT count(*) FROM events") == [(1,)]
    assert claimed(deaf, NOW + DAY)


def test_a_receiver_that_was_down_for_two_days_gets_everything_in_order_and_no_burst_when_it_is_back(store):
    rules = replace(OPS, max_per_minute=5)
    track(store, *map(str, range(8)))
    now = lives(store, *map(str, range(8)))
    back_at = now + 2 * DAY
    while now < back_at:
        taken = store.outbox.claim(rules, now)
        if taken is None:
            now += 300
        else:
            fail(store, taken, now, rules)
    told_of, arrivals = {}, []
    while now < back_at + HOUR:
        taken = deliver(store, now, rules)
        if taken is None:
            now += 1
            continue
        arrivals.append(now)
        stream, number = rows(store.database, "SELECT stream, event FROM deliveries WHERE id = ?", taken.id)[0]
        told_of.setdefault(stream, []).append(number)
    assert sorted(map(len, told_of.values())) == [3] * 8
    assert all(numbers == sorted(numbers) for numbers in told_of.values())
    assert max(sum(start <= at < start + 60 for at in arrivals) for start in arrivals) == 5
