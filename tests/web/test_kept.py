"""Values that are expensive to compute: once for all who ask, never too old, and ready before the first request."""

import threading
import time

import pytest
import requests

from tests.web import served_rules
from tracker.web.context import RefreshedValue


class Work:
    """A computation that takes as long as the test wants."""

    def __init__(self):
        self.times, self.go, self.begun = 0, threading.Event(), threading.Event()
        self.go.set()

    def __call__(self):
        self.times += 1
        self.begun.set()
        assert self.go.wait(10)
        return self.times


@pytest.fixture
def work():
    return Work()


def eventually(condition, limit_s=10.0):
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_whoever_asks_at_the_same_time_waits_for_the_same_work(history, work):
    kept, found = RefreshedValue(history, work, 60.0, 60.0), []
    work.go.clear()
    asking = [threading.Thread(target=lambda: found.append(kept.get()[0])) for _ in range(5)]
    for one in asking:
        one.start()
    assert work.begun.wait(10)
    work.go.set()
    for one in asking:
        one.join(10)
    assert (found, work.times) == ([1] * 5, 1)


def test_what_is_old_is_shown_and_worked_out_again_meanwhile(history, work):
    kept = RefreshedValue(history, work, 0.0, 60.0)
    assert kept.get()[0] == 1
    work.go.clear()
    assert kept.get()[0] == 1, "nobody waits"
    eventually(lambda: work.times == 2)
    assert [kept.get()[0] for _ in range(3)] == [1] * 3
    work.go.set()
    eventually(lambda: kept.get()[0] >= 2)


def test_what_is_too_old_to_be_shown_is_waited_for(history, work):
    kept = RefreshedValue(history, work, 0.0, 0.0)
    assert [kept.get()[0] for _ in range(3)] == [1, 2, 3]


def test_what_is_warm_is_waited_for_by_nobody(history, work):
    kept = RefreshedValue(history, work, 60.0, 60.0)
    kept.warm()
    assert work.begun.wait(10)
    assert kept.get()[0] == 1
    kept.warm()
    assert (kept.get()[0], work.times) == (1, 1)


def test_work_that_failed_is_done_by_the_next_who_asks(history, work, capsys):
    failing = [True]

    def fails_once():
        if failing.pop():
            failing.append(False)
            raise RuntimeError("the first time")
        failing.append(False)
        return work()

    kept = RefreshedValue(history, fails_once, 60.0, 60.0)
    kept.warm()
    eventually(lambda: failing == [False])
    assert kept.get()[0] == 1


def test_the_front_page_is_worked_out_before_anybody_looks(served):
    rules = served_rules()
    one = served(rules=rules, warm_after_s=0.0)
    assert rules.asked.wait(10), "and nobody has looked"
    eventually(lambda: not [thread for thread in threading.enumerate() if thread.name == "web:kept"])
    before = rules.times
    assert requests.get(one.url, timeout=10).status_code == 200
    assert rules.times == before
