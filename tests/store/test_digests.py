"""Many deliveries in one message: when it goes out, what it holds, and what becomes of it."""

from tests.core.beliefs import NOW
from tests.databases import rows
from tests.defaults import hook_rules
from tests.store import OPS, states
from tracker.core.delivery import hook_health, routing
from tracker.core.delivery.routing import DeliveryState
from tracker.core.events.events import panel_event
from tracker.core.rules import Digest
from tracker.store import Store
from tracker.store.outbox import Tried

PHONE = hook_rules(name="phone", events=("*",), digest=Digest(wait_s=30.0, max=3))


def telling(database):
    store = Store(database, [PHONE])
    store.hooks.sync(["phone"])
    return store


def tell(store, subject, now, times=1):
    """So many events about one thing, a second apart."""
    for n in range(times):
        facts = {"catalogue": {"added": 0, "removed": 0, "changed": 1, "changes": []}}
        with store.database.transaction() as cur:
            store.event_log.write(cur, [panel_event("catalogue.changed", "main", subject, n + 1, now + n, facts)])


def settle(store, message, now, *, code=200, permanent=False, rules=PHONE):
    """All in the message went so; returns the states that followed."""
    if code == 200:
        tried, verdicts, health = Tried("delivered", 0.1, 200), [routing.after_success()] * len(message), well
    else:
        tried = Tried("refused" if permanent else "failed", 0.1, code, error="no")
        verdicts = [
            routing.after_failure(rules, one.step, now, 0.0, permanent=permanent, retry_after_s=None) for one in message
        ]
        health = well if permanent else lambda before: ill(before, message, now)
    became = store.outbox.settle_message(rules, list(zip(message, verdicts, strict=True)), tried, health, now)
    return [verdict.state for verdict in became]


def well(health):
    return hook_health.after_success(health)


def ill(health, message, now):
    return hook_health.after_failure(
        health, now, fresh=message[0].attempt == 1, gone=False, retry_after_s=None, reason="no"
    )


def test_a_message_waits_for_its_oldest_event_and_takes_along_what_came_since(database):
    store = telling(database)
    tell(store, "a", NOW)
    tell(store, "b", NOW + 20)

    assert store.digests.claim(PHONE, NOW + 29) == []
    message = store.digests.claim(PHONE, NOW + 30)

    assert [one.event_type for one in message] == ["catalogue.changed"] * 2
    assert settle(store, message, NOW + 31) == [DeliveryState.DELIVERED] * 2
    assert states(store, "phone") == ["delivered", "delivered"]
    assert store.digests.claim(PHONE, NOW + 60) == []


def test_a_full_message_does_not_wait(database):
    store = telling(database)
    tell(store, "a", NOW, times=4)

    assert len(store.digests.claim(PHONE, NOW + 4)) == 3
    assert store.digests.claim(PHONE, NOW + 4) == []


def test_one_message_is_one_attempt_a_minute_however_many_it_tells(database):
    store = telling(database)
    rules = hook_rules(name="phone", events=("*",), digest=PHONE.digest, max_per_minute=2)
    tell(store, "a", NOW, times=9)

    for now, expected in ((NOW + 11, 3), (NOW + 12, 3), (NOW + 13, 0)):
        message = store.digests.claim(rules, now)
        assert len(message) == expected
        if message:
            settle(store, message, now, rules=rules)
    assert len(store.digests.claim(rules, NOW + 71.5)) == 3


def test_an_orders_events_are_in_order_within_a_message_and_across_messages(database):
    store = telling(database)
    tell(store, "a", NOW, times=4)
    first = store.digests.claim(PHONE, NOW + 4)
    assert [one.id for one in first] == sorted(one.id for one in first)
    settle(store, first, NOW + 5, code=500)

    assert store.digests.claim(PHONE, NOW + 8) == [], "the fourth waits for the three before it"
    again = store.digests.claim(PHONE, NOW + 10)
    assert [one.id for one in again] == [one.id for one in first]
    assert [one.attempt for one in again] == [2, 2, 2]
    settle(store, again, NOW + 11)
    (last,) = store.digests.claim(PHONE, NOW + 40)
    assert last.id > first[-1].id


def test_retries_do_not_take_new_events_along(database):
    store = telling(database)
    tell(store, "a", NOW)
    settle(store, store.digests.claim(PHONE, NOW + 30), NOW + 31, code=500)
    tell(store, "b", NOW + 33)

    (retry,) = store.digests.claim(PHONE, NOW + 37)
    assert retry.attempt == 2
    (fresh,) = store.digests.claim(PHONE, NOW + 63)
    assert fresh.attempt == 1


def test_a_message_refused_for_good_is_sent_event_by_event(database):
    store = telling(database)
    tell(store, "a", NOW)
    tell(store, "b", NOW)
    tell(store, "c", NOW)
    together = store.digests.claim(PHONE, NOW + 30)
    assert len(together) == 3

    assert settle(store, together, NOW + 31, code=400, permanent=True) == [DeliveryState.WAITING] * 3

    for code, permanent, state in ((200, False, "delivered"), (400, True, "dead"), (200, False, "delivered")):
        (alone,) = store.digests.claim(PHONE, NOW + 32)
        assert alone.step == 1, "what all of them were refused costs none of them a step"
        assert settle(store, [alone], NOW + 32, code=code, permanent=permanent) == [DeliveryState(state)]
    assert states(store, "phone") == ["delivered", "dead", "delivered"]
    assert store.digests.claim(PHONE, NOW + 3600) == []


def test_a_message_at_the_end_of_its_schedule_is_sent_event_by_event_once_more(database):
    store = telling(database)
    rules = hook_rules(name="phone", events=("*",), digest=PHONE.digest, retry_schedule_s=(0.0, 5.0))
    tell(store, "a", NOW)
    tell(store, "b", NOW)
    settle(store, store.digests.claim(rules, NOW + 30), NOW + 30, code=500, rules=rules)
    together = store.digests.claim(rules, NOW + 35)
    assert len(together) == 2

    assert settle(store, together, NOW + 35, code=500, rules=rules) == [DeliveryState.WAITING] * 2

    for code, state in ((500, DeliveryState.DEAD), (200, DeliveryState.DELIVERED)):
        (alone,) = store.digests.claim(rules, NOW + 36)
        assert settle(store, [alone], NOW + 36, code=code, rules=rules) == [state]


def test_a_message_counts_once_towards_the_health_of_its_hook(database):
    store = telling(database)
    tell(store, "a", NOW, times=3)
    settle(store, store.digests.claim(PHONE, NOW + 30), NOW + 31, code=500)

    assert rows(database, "SELECT fresh, state FROM hooks WHERE name = 'phone'") == [(1, "ok")]


def test_what_is_too_old_is_given_up_and_the_rest_goes(database):
    store = telling(database)
    rules = hook_rules(name="phone", events=("*",), digest=PHONE.digest, max_age_s=3600.0)
    tell(store, "a", NOW)
    tell(store, "b", NOW + 3600)

    (young,) = store.digests.claim(rules, NOW + 3700)
    assert young.created_at == NOW + 3600
    assert states(store, "phone") == ["dead", "waiting"]


def test_a_killed_tracker_sends_the_whole_message_again(database):
    store = telling(database)
    tell(store, "a", NOW, times=3)
    lost = store.digests.claim(PHONE, NOW + 30)

    assert telling(database).digests.claim(PHONE, NOW + 31) == []
    assert store.hooks.release_deliveries(NOW + 31) == 3
    again = store.digests.claim(PHONE, NOW + 31)

    assert [(one.id, one.event_id, one.body) for one in again] == [(one.id, one.event_id, one.body) for one in lost]


def test_a_late_result_of_a_lapsed_message_settles_nothing(database):
    store = telling(database)
    tell(store, "a", NOW, times=3)
    late = store.digests.claim(PHONE, NOW + 30)
    again = store.digests.claim(PHONE, NOW + 30 + routing.lease_s(PHONE))
    assert len(again) == 3

    verdicts = [(one, routing.after_success()) for one in late]
    assert store.outbox.settle_message(PHONE, verdicts, Tried("delivered", 0.1, 200), well, NOW + 50) == [None] * 3
    assert states(store, "phone") == ["waiting"] * 3


def test_a_hook_without_digest_is_told_one_by_one(database):
    store = Store(database, [OPS])
    store.hooks.sync(["ops"])
    tell(store, "a", NOW)
    tell(store, "b", NOW)

    assert len(store.digests.claim(OPS, NOW)) == 1
