"""Past events for a hook once more: the same ids, the same bytes, in order, and nothing twice."""

from itertools import count

import pytest

from tests.core.beliefs import NOW
from tests.databases import rows
from tests.store import OPS, deliver, everything, fail, polled, states, track
from tracker.reports import past_events
from tracker.reports.outbox import last_number


def numbers(store):
    return list(range(1, last_number(store.database) + 1))


@pytest.fixture
def past_store(store):
    """Two orders and all their events, delivered to `ops`."""
    track(store, "1", "2")
    polled(store, "Pending", "In progress", "Completed")
    while deliver(store, NOW + 10_000) is not None:
        pass
    assert set(states(store)) == {"delivered"}
    return store


def taken(store, now):
    """Everything that goes out now, in order."""
    found = []
    while (claimed := deliver(store, now)) is not None:
        found.append(claimed)
    return found


def test_past_events_go_out_again_under_their_ids_in_their_bytes_and_in_order(past_store):
    before = rows(past_store.database, "SELECT event_id, body FROM events ORDER BY id")
    assert past_store.replay.queue("ops", numbers(past_store), NOW + 20_000) == len(before)
    again = taken(past_store, NOW + 20_000)
    assert [(claimed.event_id, claimed.body.decode()) for claimed in again] == before
    assert {(claimed.replay, claimed.attempt) for claimed in again} == {(True, 1)}
    assert set(states(past_store, "shop")) == {"waiting"}, "no other hook is concerned"


def test_a_replay_that_is_run_twice_queues_nothing_twice(past_store):
    first = past_store.replay.queue("ops", numbers(past_store)[:2], NOW + 20_000)
    assert past_store.replay.queue("ops", numbers(past_store), NOW + 20_001) == len(numbers(past_store)) - first
    before = everything(past_store)
    assert past_store.replay.queue("ops", numbers(past_store), NOW + 20_002) == 0
    assert everything(past_store) == before


def test_what_waits_for_its_first_delivery_is_left_where_it_is(past_store):
    assert past_store.replay.queue("shop", numbers(past_store), NOW + 20_000) == 0


def test_what_died_can_be_replayed(store):
    track(store, "1")
    polled(store, "Completed")
    assert fail(store, store.outbox.claim(OPS, NOW + 10), NOW + 10, permanent=True)
    assert store.replay.queue("ops", [1], NOW + 20) == 1
    assert states(store) == ["dead", "waiting"]


def test_an_event_without_its_body_is_not_queued(past_store):
    with past_store.database.transaction() as cur:
        cur.run("UPDATE events SET body = NULL WHERE id <= 2")
    assert past_store.replay.queue("ops", numbers(past_store), NOW + 20_000) == len(numbers(past_store)) - 2
    assert past_store.replay.queue("ops", [], NOW + 20_000) == 0


def test_a_disabled_hook_has_its_replay_held(past_store):
    past_store.hooks.sync(["ops"])
    with past_store.database.transaction() as cur:
        cur.run("UPDATE hooks SET state = 'disabled' WHERE name = 'ops'")
    past_store.replay.queue("ops", numbers(past_store), NOW + 20_000)
    assert set(states(past_store)) == {"delivered", "held"}
    assert taken(past_store, NOW + 20_001) == []


def test_a_replay_waits_behind_what_is_new_of_its_order(past_store):
    polled(past_store, "Refunded", now=NOW + 90_000)
    new = numbers(past_store)[-1]
    past_store.replay.queue("ops", [1], NOW + 100_000)
    went = [claimed.replay for claimed in taken(past_store, NOW + 100_000)]
    assert went == sorted(went)
    assert new > 1
    assert True in went


def test_only_who_was_woken_is_the_hook(past_store, woken):
    woken.clear()
    past_store.replay.queue("ops", [1], NOW + 20_000)
    past_store.replay.queue("ops", [1], NOW + 20_000)
    assert woken == ["ops"]


def test_the_past_is_read_a_page_at_a_time_between_two_moments(past_store):
    at = [row[0] for row in rows(past_store.database, "SELECT at FROM events ORDER BY id")]
    found = [event.at for _, event in past_events.past_events(past_store.database, at[0])]
    assert found == at
    inside = [event.at for _, event in past_events.past_events(past_store.database, at[2], at[-1] - 1)]
    assert inside == [moment for moment in at if at[2] <= moment <= at[-1] - 1]
    assert [number for number, _ in past_events.past_events(past_store.database, 0, upto=3)] == [1, 2, 3]


def test_an_event_is_found_by_its_id_and_by_its_number(past_store):
    for number, (id_,) in zip(count(1), rows(past_store.database, "SELECT event_id FROM events ORDER BY id")):
        assert past_events.find_event(past_store.database, id_) == past_events.find_event(
            past_store.database, str(number)
        )
    assert past_events.find_event(past_store.database, "evt_nothing") is None
    assert past_events.find_event(past_store.database, "9" * 30) is None
