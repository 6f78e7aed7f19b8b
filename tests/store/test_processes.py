"""Several real processes on one database: nobody takes what another one has, and nothing is recorded twice."""

import itertools
import multiprocessing
import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import pytest

from tests.core.beliefs import DAY, NOW
from tests.databases import rows
from tests.defaults import poll_rules
from tests.store import OPS, RULES, decided, deliver, ids_of, record, track
from tracker.db.database import connect
from tracker.db.errors import persist
from tracker.store import Claim, Store

WIDE = poll_rules(max_requests_per_minute=10_000, batch_size=20)
SPAWN = multiprocessing.get_context("spawn")  # as different processes as two commands are


def opened(url):
    return Store(connect(url), [OPS])


def moments(worker):
    """Each worker has its own: a lease is a moment that no other claim has."""
    return (NOW + worker / 1_000 + n / 100 for n in itertools.count())


def claims(store, worker):
    """Claim until nothing is left."""
    with store.database.session():
        for moment in moments(worker):
            claim = persist(partial(store.claims.claim, "main", WIDE, moment))
            if not isinstance(claim, Claim):
                return
            yield claim, moment


def claims_all(url, worker):
    """What this process claimed, call by call."""
    return [ids_of(claim) for claim, _ in claims(opened(url), worker)]


def polls_all(url, worker):
    """Claim and record until nothing is due; how many orders this process moved."""
    store, moved = opened(url), 0
    for claim, moment in claims(store, worker):
        changes = decided(store, claim, dict.fromkeys(ids_of(claim), "Hm"), moment)
        moved += persist(partial(record, store, claim, changes, moment, DAY))
    return moved


def spends_all(url, worker):
    """How many calls this process may make in one minute."""
    store, calls = opened(url), 0
    rules = poll_rules(max_requests_per_minute=50)
    with store.database.session():
        while persist(partial(store.claims.open_run, "main", "retry", rules, NOW + worker)) is not None:
            calls += 1
    return calls


def records(url, claim, words):
    """Record an answer about a claim that another process made."""
    store = opened(url)
    with store.database.session():
        changes = decided(store, claim, dict.fromkeys(ids_of(claim), words), NOW + 1)
        return persist(lambda: record(store, claim, changes, NOW + 1))


def delivers_all(url, worker):
    store, told = opened(url), []
    with store.database.session():
        while (taken := persist(lambda: deliver(store, NOW + 60 + worker))) is not None:
            told.append((taken.id, taken.attempt))
    return told


def claims_and_hangs(url):
    store = opened(url)
    store.claims.claim("main", WIDE, NOW)
    store.outbox.claim(OPS, NOW)
    signal.pause()


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(2, mp_context=SPAWN) as pool:
        yield pool


def test_two_processes_never_claim_one_order_twice(store, fresh_url, processes):
    track(store, *map(str, range(2_000)))
    calls = [call for taken in processes.map(claims_all, [fresh_url] * 2, (1, 2)) for call in taken]
    claimed = [id_ for call in calls for id_ in call]
    assert len(claimed) == len(set(claimed)) == 2_000
    assert max(map(len, calls)) <= 20
    assert rows(store.database, "SELECT sum(asked) FROM poll_runs") == [(2_000,)]


def test_two_processes_share_one_budget(store, fresh_url, processes):
    assert sum(processes.map(spends_all, [fresh_url] * 2, (1, 2))) == 50
    assert rows(store.database, "SELECT count(*) FROM poll_runs") == [(50,)]


def test_two_processes_record_every_move_once(store, fresh_url, processes):
    track(store, *map(str, range(500)))
    moved = list(processes.map(polls_all, [fresh_url] * 2, (1, 2)))
    assert sum(moved) == 500
    assert rows(store.database, "SELECT count(*), count(DISTINCT order_id) FROM transitions") == [(500, 500)]
    told = rows(
        store.database, "SELECT type, count(*), count(DISTINCT event_id) FROM events GROUP BY type ORDER BY type"
    )
    assert told == [("order.changed", 500, 500), ("order.unknown_status", 1, 1)]
    assert rows(store.database, "SELECT count(*) FROM deliveries WHERE hook = 'ops'") == [(501,)]


def test_two_processes_with_one_answer_tell_it_once(store, fresh_url, processes):
    track(store, *map(str, range(100)))
    claim = store.claims.claim("main", RULES, NOW)
    moved = list(processes.map(records, [fresh_url] * 2, [claim] * 2, ["Completed"] * 2))
    assert sum(moved) == 100
    assert rows(store.database, "SELECT count(*) FROM transitions") == [(100,)]
    assert rows(store.database, "SELECT DISTINCT seq FROM orders") == [(1,)]


def test_two_processes_deliver_everything_once(store, fresh_url, processes):
    track(store, *map(str, range(100)), just_placed=True)
    taken = [each for told in processes.map(delivers_all, [fresh_url] * 2, (0, 1)) for each in told]
    assert len(taken) == len({id_ for id_, _ in taken}) == 100
    assert {attempt for _, attempt in taken} == {1}


def test_what_a_killed_process_had_claimed_is_done_by_the_next_one(store, fresh_url):
    track(store, "1", just_placed=True)
    child = SPAWN.Process(target=claims_and_hangs, args=(fresh_url,))
    child.start()
    deadline = time.monotonic() + 20
    while rows(store.database, "SELECT count(*) FROM attempts") == [(0,)]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.join(10)
    assert not isinstance(store.claims.claim("main", WIDE, NOW + 1), Claim)
    assert store.claims.release_claims(NOW + 1) == 1
    assert store.hooks.release_deliveries(NOW + 1) == 1
    assert isinstance(store.claims.claim("main", WIDE, NOW + 1), Claim)
    assert deliver(store, NOW + 1).attempt == 2
