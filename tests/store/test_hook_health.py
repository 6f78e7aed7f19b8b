"""The health of a hook as it is kept, and what it does to the hook's deliveries."""

from functools import partial

import pytest

from tests.core.beliefs import DAY, NOW
from tests.databases import rows
from tests.store import OPS, RULES, SHOP, decided, record, settle, told
from tracker.core.delivery import hook_health, routing
from tracker.core.delivery.routing import DeliveryState, DeliveryVerdict
from tracker.core.orders.new_orders import NewOrder
from tracker.store.outbox import Tried

FAILED = Tried("failed", 0.1, 500, "192.0.2.1:443", "", "HTTP 500")


def track(store, *ids, now=NOW):
    store.new_orders.add([NewOrder("main", id_, baseline=False, just_placed=True) for id_ in ids], now)


def attempt(store, rules, now, *, ok=False, gone=False, retry_after_s=None):
    """Claim and settle one delivery; the claim, or None when there was none to have."""
    claimed = store.outbox.claim(rules, now)
    if claimed is None:
        return None
    if ok:
        settle(
            store, rules, claimed, Tried("delivered", 0.1, 200), routing.after_success(), hook_health.after_success, now
        )
        return claimed
    verdict = routing.after_failure(rules, claimed.step, now, 0.0, permanent=False, retry_after_s=retry_after_s)

    def step(health):
        fresh = claimed.attempt == 1
        return hook_health.after_failure(
            health, now, fresh=fresh, gone=gone, retry_after_s=retry_after_s, reason="HTTP 500", probe=claimed.probe
        )

    settle(store, rules, claimed, FAILED, verdict, step, now)
    return claimed


def failing(store, now=NOW, *, gone=False):
    """Five first attempts fail, and one that is tried again; the first probe is due at `now` + 65."""
    for _ in range(1 if gone else 5):
        assert attempt(store, OPS, now, gone=gone) is not None
    if not gone:
        assert attempt(store, OPS, now) is None, "in doubt: no further first attempt"
        assert attempt(store, OPS, now + 5) is not None


def state_of(database, hook):
    return rows(database, "SELECT state FROM hooks WHERE name = ?", hook)[0][0]


def test_a_failing_hook_is_probed_by_one_delivery_at_a_time_and_no_step_is_used(store, database):
    track(store, *"123456789")
    failing(store)
    assert state_of(database, OPS.name) == "failing"
    assert store.outbox.claim(OPS, NOW + 64) is None
    probe = store.outbox.claim(OPS, NOW + 66)
    assert probe is not None
    assert store.outbox.claim(OPS, NOW + 66) is None, "one probe at a time"
    step = lambda health: hook_health.after_failure(  # noqa: E731
        health, NOW + 67, fresh=False, gone=False, retry_after_s=None, reason="HTTP 500"
    )
    settle(store, OPS, probe, FAILED, DeliveryVerdict(DeliveryState.DEAD), step, NOW + 67)
    ((state, attempts, before),) = rows(
        database, "SELECT state, attempts, attempts_before FROM deliveries WHERE id = ?", probe.id
    )
    assert (state, attempts, before) == ("waiting", 1, 1), "the attempt is kept, the step is given back"


def test_the_first_delivery_that_gets_through_lets_all_the_others_follow_at_once(store, database):
    track(store, *"123456")
    failing(store)
    assert attempt(store, OPS, NOW + 70, ok=True) is not None
    assert state_of(database, OPS.name) == "ok"
    arrived = 1
    while attempt(store, OPS, NOW + 70, ok=True) is not None:
        arrived += 1
    assert arrived == 6
    (event,) = told(database, "hook.recovered")
    assert event["data"]["hook"]["name"] == OPS.name


def test_a_hook_never_hears_of_itself_and_the_others_do(store, database):
    track(store, *"123456")
    failing(store)
    assert told(database, "hook.failing")
    heard = rows(
        database,
        "SELECT d.hook FROM deliveries d JOIN events e ON e.id = d.event WHERE e.type = 'hook.failing'",
    )
    assert (OPS.name,) not in heard


def test_410_holds_what_waits_and_what_comes_until_somebody_decides(store, database):
    track(store, "1", "2")
    attempt(store, OPS, NOW, gone=True)
    assert state_of(database, OPS.name) == "disabled"
    track(store, "3", now=NOW + 1)
    assert rows(database, "SELECT DISTINCT state FROM deliveries WHERE hook = ?", OPS.name) == [("held",)]
    assert store.outbox.claim(OPS, NOW + 10) is None
    assert store.hooks.enable(OPS.name, NOW + 20, deliver=True) == 3
    sent = [attempt(store, OPS, NOW + 20, ok=True) for _ in range(3)]
    assert all(sent)


def test_enabling_without_the_backlog_gives_it_up(store, database):
    track(store, "1", "2")
    attempt(store, OPS, NOW, gone=True)
    assert store.hooks.enable(OPS.name, NOW + 20, deliver=False) == 2
    assert (
        rows(database, "SELECT state, error FROM deliveries WHERE hook = ?", OPS.name)
        == [("dead", "skipped by hand")] * 2
    )
    assert store.outbox.claim(OPS, NOW + 20) is None


@pytest.mark.parametrize("gone", [False, True])
def test_who_was_told_of_the_trouble_is_told_that_a_person_ended_it(store, database, gone):
    track(store, *"12345")
    failing(store, gone=gone)
    (trouble,) = told(database, "hook.disabled" if gone else "hook.failing")
    store.hooks.enable(OPS.name, NOW + 20, deliver=True)
    (event,) = told(database, "hook.recovered")
    hook = event["data"]["hook"]
    assert (hook["name"], hook["reason"], hook["waiting"]) == (OPS.name, "enabled by hand", 5)
    assert hook["failing_since"] == trouble["data"]["hook"]["failing_since"]
    heard = "SELECT d.hook FROM deliveries d JOIN events e ON e.id = d.event WHERE e.type = ?"
    assert (OPS.name,) not in rows(database, heard, "hook.recovered")
    sent = [attempt(store, OPS, NOW + 20, ok=True) for _ in range(5)]
    assert all(sent), "whatever waited for a probe goes out now"
    store.hooks.enable(OPS.name, NOW + 30, deliver=True)
    assert len(told(database, "hook.recovered")) == 1


def test_what_is_held_for_seven_days_is_dead(store, database):
    track(store, "1")
    attempt(store, OPS, NOW, gone=True)
    assert store.hooks.drop_held(NOW + 7 * DAY - 1) == 0
    assert store.hooks.drop_held(NOW + 7 * DAY + 1) == 1
    assert rows(database, "SELECT state FROM deliveries WHERE hook = ?", OPS.name) == [("dead",)]


def test_the_seven_days_count_from_when_it_was_held_however_long_it_had_waited(store, database):
    track(store, *"12345")
    failing(store)
    while state_of(database, OPS.name) != "disabled":
        attempt(store, OPS, (now := rows(database, "SELECT wait_until FROM hooks WHERE name = ?", OPS.name)[0][0]))
    assert now >= NOW + 5 * DAY
    assert store.hooks.drop_held(now + 7 * DAY - 1) == 0
    assert store.hooks.drop_held(now + 7 * DAY + 1) == 5


def test_retry_after_pauses_the_whole_hook_and_no_other(store):
    track(store, "1", "2")
    attempt(store, OPS, NOW, retry_after_s=60)
    assert store.outbox.claim(OPS, NOW + 59) is None
    assert store.outbox.claim(SHOP, NOW + 1) is not None or SHOP.events != OPS.events
    assert store.outbox.claim(OPS, NOW + 61) is not None


def settled(store, claimed, now, *, ok, retry_after_s=None):
    """What was under way has ended."""
    if ok:
        settle(
            store, OPS, claimed, Tried("delivered", 0.1, 200), routing.after_success(), hook_health.after_success, now
        )
        return
    verdict = routing.after_failure(OPS, claimed.step, now, 0.0, permanent=False, retry_after_s=retry_after_s)
    step = lambda health: hook_health.after_failure(  # noqa: E731
        health, now, fresh=True, gone=False, retry_after_s=retry_after_s, reason="HTTP 429"
    )
    settle(store, OPS, claimed, FAILED, verdict, step, now)


@pytest.mark.parametrize("ok", [True, False], ids=["a success", "a failure"])
def test_retry_after_stands_whatever_comes_of_those_that_were_under_way(store, ok):
    track(store, *"12345678")
    slowed, other = store.outbox.claim(OPS, NOW), store.outbox.claim(OPS, NOW)
    settled(store, slowed, NOW + 1, ok=False, retry_after_s=600)
    settled(store, other, NOW + 2, ok=ok)
    assert store.outbox.claim(OPS, NOW + 600) is None
    assert store.outbox.claim(OPS, NOW + 601.1) is not None


def test_a_probe_that_is_asked_to_wait_uses_no_step_and_the_next_one_waits_as_long(store, database):
    track(store, *"123456")
    failing(store)
    probe = attempt(store, OPS, NOW + 70, retry_after_s=3_600)
    assert store.outbox.claim(OPS, NOW + 70 + 3_599) is None
    assert rows(database, "SELECT attempts - attempts_before FROM deliveries WHERE id = ?", probe.id) == [
        (probe.step - 1,)
    ]
    assert attempt(store, OPS, NOW + 70 + 3_600, ok=True) is not None
    assert state_of(database, OPS.name) == "ok"


def test_never_more_attempts_in_a_minute_than_the_hook_may_have(store):
    from msgspec.structs import replace

    slow = replace(OPS, max_per_minute=3)
    track(store, *"12345")
    assert [attempt(store, slow, NOW + n, ok=True) is not None for n in range(5)] == [True] * 3 + [False] * 2
    assert attempt(store, slow, NOW + 60.5, ok=True) is not None


def test_what_is_older_than_max_age_is_dead_and_not_sent(store, database):
    from msgspec.structs import replace

    brief = replace(OPS, max_age_s=3_600.0)
    track(store, "1")
    track(store, "2", now=NOW + 3_000)
    claimed = store.outbox.claim(brief, NOW + 4_000)
    assert claimed.created_at == NOW + 3_000
    assert rows(database, "SELECT state, error FROM deliveries WHERE hook = ? AND state = 'dead'", OPS.name) == [
        ("dead", "older than max_age")
    ]


def test_a_receiver_that_was_down_for_two_days_gets_everything_in_order_and_within_its_limit(store, database):
    from msgspec.structs import replace

    rules = replace(OPS, max_per_minute=10)
    track(store, *(str(n) for n in range(30)))
    now = NOW
    while now < NOW + 2 * DAY:  # the time is an argument: nobody waits
        attempt(store, rules, now)
        now += 20 if now < NOW + 600 else 900
    arrivals = []
    while len(arrivals) < 30:
        claimed = attempt(store, rules, now, ok=True)
        if claimed is None:
            now += 1
            assert now < NOW + 4 * DAY
            continue
        arrivals.append((now, claimed.event_id))
    assert len({id_ for _, id_ in arrivals}) == 30, "everything, once"
    assert rows(database, "SELECT count(*) FROM deliveries WHERE state = 'dead'") == [(0,)]
    assert all(sum(1 for at, _ in arrivals if start <= at < start + 60) <= 10 for start, _ in arrivals)


def test_a_failing_hook_gets_an_event_of_another_type_before_its_probe_is_due(store, database):
    """A receiver that refuses one type of event takes the others at once."""
    track(store, *"12345")
    failing(store)
    store.new_orders.add([NewOrder("main", "6", baseline=False, just_placed=True)], NOW + 6)
    assert attempt(store, OPS, NOW + 7) is None, "another one of the type that failed waits for the probe"
    claim = store.claims.claim_named("main", ["6"], RULES, NOW + 8)
    record(store, claim, decided(store, claim, {"6": "Completed"}, NOW + 8), NOW + 8)
    with store.database.transaction() as cur:
        cur.run("UPDATE deliveries SET state = 'delivered' WHERE stream = 'main/order/6' AND event = (SELECT min(event)"
                " FROM deliveries WHERE stream = 'main/order/6')")  # fmt: skip
    taken = attempt(store, OPS, NOW + 9, ok=True)
    assert taken.event_type == "order.completed"
    assert state_of(database, OPS.name) == "ok"


def test_a_receiver_that_takes_the_second_attempt_gets_everything_and_is_never_called_failing(store, database):
    track(store, *(str(n) for n in range(60)))
    now, arrived = NOW, 0
    while arrived < 60:
        claimed = store.outbox.claim(OPS, now)
        if claimed is None:
            now += 1
            assert now < NOW + 60
            continue
        again = claimed.attempt > 1
        arrived += again
        verdict = routing.after_failure(OPS, claimed.step, now, 0.0, permanent=False, retry_after_s=None)
        step = partial(
            hook_health.after_failure, now=now, fresh=not again, gone=False, retry_after_s=None, reason="no",
            probe=claimed.probe,
        )  # fmt: skip
        if again:
            verdict, step = routing.after_success(), partial(hook_health.after_success, fresh=False)
        settle(store, OPS, claimed, Tried("delivered", 0.1, 200) if again else FAILED, verdict, step, now)
    assert told(database, "hook.failing") == []
    assert rows(database, "SELECT DISTINCT attempts FROM deliveries WHERE hook = 'ops'") == [(2,)]


def test_what_is_refused_for_good_in_doubt_shows_that_the_receiver_is_up(store, database):
    track(store, *"12345")
    for _ in range(5):
        attempt(store, OPS, NOW)
    claimed = store.outbox.claim(OPS, NOW + 5)
    settle(
        store, OPS, claimed, Tried("refused", 0.1, 400), DeliveryVerdict(DeliveryState.DEAD),
        partial(hook_health.after_success, fresh=False), NOW + 5,
    )  # fmt: skip
    assert state_of(database, OPS.name) == "ok"
    assert store.outbox.claim(OPS, NOW + 5) is not None


# --- what a person does


def waiting(database):
    counted = "SELECT state, error, count(*) FROM deliveries WHERE hook = ? GROUP BY state, error"
    return rows(database, counted, OPS.name)


def test_skipping_the_backlog_of_a_failing_hook_gives_up_what_waits_and_nothing_that_is_under_way(store, database):
    track(store, *map(str, range(20)))
    failing(store)
    under_way = store.outbox.claim(OPS, NOW + 10_000)
    assert under_way is not None
    assert store.hooks.enable(OPS.name, NOW + 10_001, deliver=False) == 19
    assert sorted((of, n) for of, _, n in waiting(database)) == [("dead", 19), ("waiting", 1)]
    assert store.outbox.claim(OPS, NOW + 10_001) is None
    track(store, "100", now=NOW + 10_002)
    assert store.outbox.claim(OPS, NOW + 10_003) is not None, "new events go out"


def test_skipping_the_backlog_of_a_hook_that_is_well_gives_up_nothing(store, database):
    track(store, "1", "2")
    assert store.hooks.enable(OPS.name, NOW + 1, deliver=False) == 0
    assert attempt(store, OPS, NOW + 2, ok=True)


@pytest.mark.parametrize("trouble", [False, True], ids=["ok", "failing"])
def test_a_paused_hook_gets_nothing_until_it_is_resumed(store, database, trouble):
    track(store, *map(str, range(6)))
    if trouble:
        failing(store)
    assert store.hooks.pause(OPS.name, paused=True)
    assert not store.hooks.pause(OPS.name, paused=True)
    for later_s in (1, 1_000, 100_000):
        assert store.outbox.claim(OPS, NOW + later_s) is None
    track(store, "9", now=NOW + 100_001)
    assert store.hooks.pause(OPS.name, paused=False)
    sent = 0
    while attempt(store, OPS, NOW + 100_002, ok=True):
        sent += 1
    assert sent == 7, "nothing was lost"


def test_a_late_result_and_an_enabling_leave_a_pause_alone(store):
    track(store, "1", "2")
    claimed = store.outbox.claim(OPS, NOW)
    store.hooks.pause(OPS.name, paused=True)
    done = Tried("delivered", 0.1, 200)
    settle(store, OPS, claimed, done, routing.after_success(), hook_health.after_success, NOW + 1)
    store.hooks.enable(OPS.name, NOW + 2, deliver=True)
    assert store.outbox.claim(OPS, NOW + 3) is None


@pytest.mark.parametrize("state", ["ok", "failing", "disabled", "gone"])
def test_dropping_gives_up_what_waits_in_any_state_of_the_hook(store, database, state):
    track(store, *map(str, range(6)))
    if state == "failing":
        failing(store)
    elif state == "disabled":
        attempt(store, OPS, NOW, gone=True)
    elif state == "gone":
        store.hooks.sync_deliveries(set(), NOW)
    count = sum(n for of, _, n in waiting(database) if of != "dead")
    assert store.hooks.drop(OPS.name, [], NOW + 50_000, NOW + 50_000) == count
    assert {of for of, _, _ in waiting(database)} == {"dead"}


def test_dropping_keeps_what_is_younger_or_of_another_type(store, database):
    track(store, "1", "2")
    track(store, "3", now=NOW + 100)
    assert store.hooks.drop(OPS.name, ["order.partial"], NOW + 200, NOW + 200) == 0
    assert store.hooks.drop(OPS.name, ["order.tracked"], NOW + 50, NOW + 200) == 2
    assert sorted((of, n) for of, _, n in waiting(database)) == [("dead", 2), ("waiting", 1)]


def test_what_a_dropped_delivery_held_back_goes_out_at_once(store, database):
    """The first event of an order is refused again and again, and a later one of the order waits for it."""
    track(store, "1")
    attempt(store, OPS, NOW)
    with database.transaction() as cur:
        cur.run("UPDATE deliveries SET next_attempt_at = ?", (NOW + 5_000,))
        cur.run(
            "INSERT INTO deliveries (hook, event, stream, state, created_at, next_attempt_at)"
            " SELECT hook, event, stream, 'waiting', created_at + 1, created_at + 1 FROM deliveries WHERE hook = ?",
            (OPS.name,),
        )
    assert attempt(store, OPS, NOW + 2, ok=True) is None, "in order per order"
    assert store.hooks.drop(OPS.name, [], NOW, NOW + 3) == 1
    assert attempt(store, OPS, NOW + 4, ok=True)
