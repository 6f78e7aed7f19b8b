"""The event log read by number: whoever goes on from the last one misses none, however writers commit."""

import random
import threading
from contextlib import ExitStack

import pytest

from tests.core.beliefs import NOW
from tests.databases import SERVER, made, rows
from tests.store import OPS, claimed, decided, record, track
from tracker.db.database import connect
from tracker.reports import outbox
from tracker.store import NewOrder, Store


@pytest.fixture
def postgres(request):
    if not SERVER:
        pytest.skip("TRACKER_TEST_DATABASE_URL is unset")
    return request.getfixturevalue("postgres_databases")


@pytest.fixture
def postgres_url(postgres):
    with made(postgres.fresh(), postgres) as url:
        yield url


def placed(store, *ids):
    """Each of them is one event."""
    store.new_orders.add([NewOrder("main", id_, baseline=False, just_placed=True) for id_ in ids], NOW)


def seen(database, after=0):
    """What a reader who goes on from `after` gets: (number, id of the order)."""
    return [(event["number"], event["remote_id"]) for event in outbox.events(database, after=after)]


def test_who_took_the_lower_number_and_commits_last_is_missed_by_nobody(postgres_url):
    first, second, reader = (connect(postgres_url) for _ in range(3))
    with reader.session(), second.session():
        placed(Store(second), "before")
        with first.transaction():  # commits at the end of the block, although its event is written at once
            placed(Store(first), "first")
            placed(Store(second), "second")
            assert rows(reader, "SELECT id, remote_id FROM events ORDER BY id") == [(1, "before"), (3, "second")]
            assert seen(reader) == [(1, "before")]
            assert outbox.last_number(reader) == 1
            assert [event["number"] for event in outbox.last_events(reader, 10)] == [1]
        assert seen(reader, after=1) == [(2, "first"), (3, "second")]
        assert outbox.last_number(reader) == 3


def test_an_event_about_a_strange_word_holds_later_ones_back_too(postgres_url):
    first, second, reader = (connect(postgres_url) for _ in range(3))
    with reader.session(), first.session():
        store = Store(first, [OPS])
        store.panels.sync({"main": "1"}, NOW + 1e6)
        track(store, "1")
        claim = claimed(store)
        changes = decided(store, claim, {"1": "Resting"}, NOW + 1)
        with first.transaction():
            record(store, claim, changes, NOW + 1)
            placed(Store(second), "second")
            assert seen(reader) == []
        assert [remote_id for _, remote_id in seen(reader)] == ["Resting", "1", "second"]


def test_what_is_rolled_back_holds_nobody_up(postgres_url):
    first, second = connect(postgres_url), connect(postgres_url)
    with first.transaction() as cur:
        cur.run("SAVEPOINT before")
        placed(Store(first), "never")
        cur.run("ROLLBACK TO SAVEPOINT before")
        with second.session():
            placed(Store(second), "at once")
            assert seen(second) == [(2, "at once")]
    with second.session():
        placed(Store(second), "second")
        assert seen(second) == [(2, "at once"), (3, "second")]


def test_somebody_elses_locks_and_another_databases_writers_hold_nobody_up(postgres_url, postgres):
    with made(postgres.fresh(), postgres) as other_url, ExitStack() as open_:
        other, mine = connect(other_url), connect(postgres_url)
        open_.enter_context(other.transaction())
        placed(Store(other), "elsewhere")
        cur = open_.enter_context(connect(postgres_url).transaction())
        cur.run("SELECT pg_advisory_xact_lock(0), pg_advisory_xact_lock_shared(21618, 0)")
        with mine.session():
            placed(Store(mine), "mine")
            assert seen(mine) == [(1, "mine")]


WRITERS, EACH = 4, 40


def test_a_reader_beside_many_writers_gets_every_event_once_and_in_order(fresh_url):
    """Each writer holds some of its transactions open for a while after it took its numbers."""
    running = [threading.Thread(target=writes, args=(fresh_url, name)) for name in "abcd"[:WRITERS]]
    for thread in running:
        thread.start()
    reader, got = connect(fresh_url), []
    with reader.session():
        while any(thread.is_alive() for thread in running):
            got += seen(reader, after=got[-1][0] if got else 0)
        got += seen(reader, after=got[-1][0] if got else 0)
        assert got == rows(reader, "SELECT id, remote_id FROM events ORDER BY id")
    assert len(got) == WRITERS * EACH


def writes(url, name):
    chance, database = random.Random(name), connect(url)
    store, still = Store(database), threading.Event()
    with database.session():
        for n in range(EACH):
            with database.transaction():
                placed(store, f"{name}{n}")
                still.wait(chance.choice((0.0, 0.0, 0.005)))
