"""Name lookups have a time limit and few threads, and a name that hangs delays only itself.

The system resolver cannot be made to hang from a test; these lookups can. They answer like getaddrinfo.
"""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.net.exchanges import SLACK_S, SOON_S, failure, post
from tests.net.servers import Server, answer, never_read
from tracker.net.http import Exchanger, Failure
from tracker.net.sockets import Resolver

LIMIT = 32


class Lookup:
    """Answers 127.0.0.1; names that begin with `slow` are answered only after release."""

    def __init__(self):
        self.asked = []
        self.released = threading.Event()

    def __call__(self, host, port, **options):
        self.asked.append(host)
        if host.startswith("slow"):
            self.released.wait(30)
        return socket.getaddrinfo("127.0.0.1", port, **options)


@pytest.fixture
def lookup():
    lookup = Lookup()
    yield lookup
    lookup.released.set()


def through(lookup, **options):
    return Exchanger("tests/1.0", find=Resolver(lookup, **options).find)


def named(server, name):
    return server.url.replace("127.0.0.1", name)


def lookups_under_way():
    return sum(thread.name == "lookup" for thread in threading.enumerate())


def none_under_way():
    until = time.monotonic() + 5
    while lookups_under_way() and time.monotonic() < until:
        time.sleep(0.01)
    return lookups_under_way() == 0


def test_a_lookup_that_hangs_ends_with_its_exchange(lookup):
    started = time.monotonic()
    error = failure(through(lookup), "http://slow.example/", timeout_s=SOON_S)
    assert SOON_S <= time.monotonic() - started < SOON_S + SLACK_S
    assert (error.kind, error.message) == (Failure.DNS, "no answer in time")
    assert (error.sent, error.address) == (False, "")


def test_a_lookup_has_less_time_than_an_exchange(lookup):
    started = time.monotonic()
    error = failure(through(lookup, budget_s=SOON_S), "http://slow.example/", timeout_s=30.0)
    assert SOON_S <= time.monotonic() - started < SOON_S + SLACK_S
    assert error.kind is Failure.DNS


def test_what_a_lookup_took_is_not_left_for_the_rest(lookup):
    """One deadline covers lookup and exchange; it does not start anew after the lookup."""
    with Server(greet=never_read) as server:
        threading.Timer(SOON_S, lookup.released.set).start()
        started = time.monotonic()
        error = failure(through(lookup), named(server, "slow.example"), timeout_s=2 * SOON_S)
        assert 2 * SOON_S <= time.monotonic() - started < 2 * SOON_S + SLACK_S
        assert error.kind is Failure.DEADLINE


def test_a_name_that_hangs_is_looked_up_once_however_often_it_is_tried(lookup):
    exchanger = through(lookup, budget_s=SOON_S)
    with ThreadPoolExecutor(8) as threads:
        tried = list(threads.map(lambda _: failure(exchanger, "http://slow.example/"), range(16)))
    assert {error.kind for error in tried} == {Failure.DNS}
    assert lookup.asked == ["slow.example"]
    assert lookups_under_way() == 1


def test_those_who_wait_for_one_lookup_all_get_its_answer(lookup):
    exchanger = through(lookup)
    with Server(answer()) as server, ThreadPoolExecutor(8) as threads:
        tried = [threads.submit(post, exchanger, named(server, "slow.example")) for _ in range(8)]
        while not lookup.asked:
            time.sleep(0.01)
        lookup.released.set()
        assert {each.result().http for each in tried} == {200}


def test_other_names_are_answered_meanwhile(lookup):
    exchanger = through(lookup, budget_s=SOON_S)
    failure(exchanger, "http://slow.example/")
    with Server(answer()) as server:
        assert post(exchanger, named(server, "quick.example")).address == server.address


def test_there_are_never_more_lookups_than_a_few(lookup):
    exchanger = through(lookup, budget_s=SOON_S)
    with ThreadPoolExecutor(LIMIT) as threads:
        list(threads.map(lambda n: failure(exchanger, f"http://slow{n}.example/"), range(LIMIT)))
    assert lookups_under_way() == LIMIT

    started = time.monotonic()
    error = failure(exchanger, "http://slow-too.example/")
    assert time.monotonic() - started < SOON_S
    assert (error.kind, error.message) == (Failure.DNS, "too many lookups are waiting for an answer")
    assert len(lookup.asked) == LIMIT

    with Server(answer()) as server:
        assert post(exchanger, server).http == 200  # an address needs no lookup
        lookup.released.set()
        assert none_under_way()
        assert post(exchanger, named(server, "quick.example")).http == 200


def test_a_name_that_hung_is_looked_up_anew_once_that_is_over(lookup):
    exchanger = through(lookup, budget_s=SOON_S)
    failure(exchanger, "http://slow.example/")
    lookup.released.set()
    assert none_under_way()
    with Server(answer()) as server:
        assert post(exchanger, named(server, "slow.example")).http == 200
    assert lookup.asked == ["slow.example"] * 2


@pytest.mark.parametrize(
    ("raised", "kind", "message"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), Failure.DNS, "Temporary failure"),
        (UnicodeError("label too long"), Failure.DNS, "not a host name"),
        (OSError(24, "Too many open files"), Failure.CONNECT, "Too many open files"),
    ],
)
def test_a_lookup_that_fails_tells_everybody_who_waits(raised, kind, message):
    def fail(*_, **__):
        raise raised

    error = failure(through(fail), "http://panel.example/")
    assert error.kind is kind
    assert error.message.startswith(message)
    assert none_under_way()


def test_without_room_for_a_thread_a_lookup_fails_and_the_next_one_does_not(lookup):
    exchanger = through(lookup)
    usual = threading.stack_size(1 << 46)  # more than there is address space for
    try:
        error = failure(exchanger, "http://panel.example/")
    finally:
        threading.stack_size(usual)
    assert (error.kind, error.message) == (Failure.DNS, "no thread left for a lookup")
    with Server(answer()) as server:
        assert post(exchanger, named(server, "panel.example")).http == 200
