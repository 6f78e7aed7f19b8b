"""Worker pools: work is done until there is none, a kick is never lost, and nothing that breaks stays broken."""

import threading
import time
from contextlib import contextmanager

import pytest

from tracker.daemon.workers import WorkerPool

PATIENCE_S = 10.0


def until(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)


class Work:
    """So many units; each waits for `gate`, and the most that were under way at once is remembered."""

    def __init__(self, units=0):
        self.left = units
        self.done = 0
        self.busy = 0
        self.most = 0
        self.gate = threading.Event()
        self.gate.set()
        self.lock = threading.Lock()

    def __call__(self):
        with self.lock:
            if not self.left:
                return False
            self.left -= 1
            self.busy += 1
            self.most = max(self.most, self.busy)
        assert self.gate.wait(PATIENCE_S)
        with self.lock:
            self.busy -= 1
            self.done += 1
        return True


def test_one_kick_does_all_the_work_there_is():
    work = Work(100)
    pool = WorkerPool("l", work)
    pool.kick()
    assert pool.join(PATIENCE_S)
    assert (work.done, work.most) == (100, 1)


@pytest.mark.parametrize("width", [1, 3])
def test_never_more_at_once_than_the_pool_is_wide(width):
    work = Work(20)
    work.gate.clear()
    pool = WorkerPool("l", work, width)
    for _ in range(50):
        pool.kick()
    until(lambda: work.busy == width)
    work.gate.set()
    assert pool.join(PATIENCE_S)
    assert (work.done, work.most) == (20, width)


def test_a_pool_widens_by_itself_while_there_is_more():
    work = Work(20)
    work.gate.clear()
    pool = WorkerPool("l", work, 4)
    pool.kick()
    until(lambda: work.busy == 1)
    work.gate.set()
    assert pool.join(PATIENCE_S)
    assert work.done == 20


def test_without_a_kick_there_is_no_thread():
    before = threading.active_count()
    WorkerPool("l", Work(5))
    assert threading.active_count() == before


def test_a_kick_while_the_last_look_finds_nothing_is_looked_at_again():
    looks, looking, go_on = [], threading.Event(), threading.Event()

    def work():
        looks.append(None)
        looking.set()
        assert go_on.wait(PATIENCE_S)
        return False

    pool = WorkerPool("l", work)
    pool.kick()
    assert looking.wait(PATIENCE_S)
    pool.kick()  # new work came while the thread was busy finding none
    go_on.set()
    assert pool.join(PATIENCE_S)
    assert len(looks) == 2


def test_no_kick_is_ever_lost_however_they_fall():
    made, done, lock = 0, 0, threading.Lock()

    def work():
        nonlocal done
        with lock:
            if done == made:
                return False
            done += 1
        return True

    pool = WorkerPool("l", work, 2)
    for _ in range(2_000):
        with lock:
            made += 1
        pool.kick()
    assert pool.join(PATIENCE_S)
    assert done == made == 2_000


def test_work_that_raises_ends_its_turn_and_the_next_kick_starts_another():
    calls = []

    def work():
        calls.append(None)
        raise ValueError("no")

    pool = WorkerPool("l", work)
    for n in range(1, 4):
        pool.kick()
        assert pool.join(PATIENCE_S)
        assert len(calls) == n
    assert pool.longest_s() == 0.0


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_pool_whose_surroundings_break_is_as_wide_as_before(when):
    @contextmanager
    def around():
        if when == "before" and broken:
            raise OSError("no connection")
        yield
        if broken:
            raise OSError("connection lost")

    broken, work = [True], Work()
    pool = WorkerPool("l", work, 1, around)
    for _ in range(5):
        pool.kick()
        assert pool.join(PATIENCE_S)
    until(lambda: not [thread for thread in threading.enumerate() if thread.name == "l"])
    broken.clear()
    work.left = 10
    work.gate.clear()
    for _ in range(10):
        pool.kick()
    until(lambda: work.busy == 1)
    work.gate.set()
    assert pool.join(PATIENCE_S)
    assert (work.done, work.most) == (10, 1)


def test_where_no_thread_can_be_had_the_next_kick_tries_again():
    work = Work(3)
    pool = WorkerPool("l", work)
    before = threading.stack_size(2**50)  # no machine has that much for a stack
    try:
        pool.kick()
    finally:
        threading.stack_size(before)
    assert (work.done, pool.join(0.0)) == (0, True)
    pool.kick()
    assert pool.join(PATIENCE_S)
    assert work.done == 3


def test_a_stopped_pool_ends_what_is_under_way_and_takes_up_nothing_new():
    work = Work(10)
    work.gate.clear()
    pool = WorkerPool("l", work, 2)
    pool.kick()
    pool.kick()
    until(lambda: work.busy == 2)
    pool.stop()
    pool.kick()
    assert not pool.join(0.05)
    work.gate.set()
    assert pool.join(PATIENCE_S)
    assert work.done == 2


def test_how_long_the_oldest_unit_takes_is_known_while_it_lasts():
    work = Work(1)
    work.gate.clear()
    pool = WorkerPool("l", work)
    assert pool.longest_s() == 0.0
    pool.kick()
    until(lambda: pool.longest_s() > 0.02)
    work.gate.set()
    assert pool.join(PATIENCE_S)
    assert pool.longest_s() == 0.0


def test_each_turn_has_its_surroundings_opened_once_and_closed():
    events = []

    @contextmanager
    def around():
        events.append("open")
        yield
        events.append("closed")

    work = Work(5)
    pool = WorkerPool("l", work, 1, around)
    pool.kick()
    until(lambda: events == ["open", "closed"])
    assert work.done == 5
