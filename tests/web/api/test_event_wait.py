"""Following the events: in order, each once, without delay; and waiting clients take no thread from other requests."""

import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest
import requests

from tests.web.api import TOKEN, ServedApi, problem
from tracker.client import ApiError
from tracker.web.api.event_wait import WAITING_MAX

SOON_S = 1.0


def waiting(api):
    return api.news._waiting  # how many wait is nowhere else to be seen


def let(condition, limit_s=10.0):
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_events_come_in_order_with_their_exact_bodies(api):
    api.track("1", "2", "3")
    told = api.get("/events").json()
    assert [item["seq"] for item in told["items"]] == [1, 2, 3]
    assert told["next"] == 3
    bodies = [body for (body,) in api.rows("SELECT body FROM events ORDER BY id")]
    text = api.get("/events").text
    assert all(body in text for body in bodies), "byte for byte"
    assert api.get("/events?after=3").json() == {"items": [], "next": 3}
    assert [item["seq"] for item in api.get("/events?after=1&limit=1").json()["items"]] == [2]
    assert api.get("/events?after=1&limit=1").json()["next"] == 2
    assert api.get("/events?after=last").json() == {"items": [], "next": 3}


def test_an_event_whose_body_is_gone_is_not_skipped(api):
    api.track("1", "2")
    with api.database.transaction() as cur:
        cur.run("UPDATE events SET body = NULL WHERE id = 1")
    told = api.client().events()
    assert [(one.seq, one.event is None) for one in told.items] == [(1, True), (2, False)]


def test_who_waits_is_told_within_a_second(api):
    api.track("before")
    took_s = []
    with ThreadPoolExecutor(3) as pool, api.client() as client:
        for name in ("first", "second", "third"):
            after = client.events("last").next
            asked = [pool.submit(api.get, f"/events?after={after}&wait=30") for _ in range(3)]
            let(lambda: waiting(api) == 3)
            placed = time.monotonic()
            api.track(name)
            answers = [one.result() for one in asked]
            took_s.append(time.monotonic() - placed)
            for answer in answers:
                assert [item["event"]["data"]["order"]["id"] for item in answer.json()["items"]] == [name]
    assert min(took_s) < SOON_S, took_s  # the machine may be busy with something else for a moment
    let(lambda: waiting(api) == 0)


def test_a_wait_ends_when_it_was_said_to(api):
    started = time.monotonic()
    assert api.get("/events?wait=1").json() == {"items": [], "next": 0}
    assert 1.0 <= time.monotonic() - started < 3.0


def test_nobody_looks_while_nobody_waits(api):
    assert api.get("/events?wait=1").status_code == 200
    let(lambda: not any(thread.name == "web:news" for thread in threading.enumerate()))


def test_when_too_many_wait_the_next_is_answered_at_once_and_pages_are_as_quick_as_ever(api):
    with ThreadPoolExecutor(WAITING_MAX) as pool:
        asked = [pool.submit(api.get, "/events?wait=60") for _ in range(WAITING_MAX)]
        let(lambda: waiting(api) == WAITING_MAX)
        started = time.monotonic()
        for _ in range(3):
            assert api.get("/events?wait=60").json() == {"items": [], "next": 0}
            assert api.get("/orders").status_code == 200
            assert requests.get(f"{api.url}/", timeout=10).status_code == 200
        assert time.monotonic() - started < 10.0
        api.track("1")
        assert [len(one.result().json()["items"]) for one in asked] == [1] * WAITING_MAX


def ask_and_stay(api):
    """Asks for the events of the next minute; returns the open connection."""
    client = socket.create_connection((api.listen.host, api.listen.port), timeout=10)
    client.sendall(f"GET /api/v1/events?after=last&wait=60 HTTP/1.1\r\nHost: {api.listen}\r\n\r\n".encode())
    return client


def hang_up(client):
    client.close()


def break_off(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.parametrize("leave", [hang_up, break_off])
def test_who_hangs_up_gives_the_place_back_and_who_stays_keeps_it(api, leave):
    clients = [ask_and_stay(api) for _ in range(WAITING_MAX)]
    let(lambda: waiting(api) == WAITING_MAX)
    for client in clients[1:]:
        leave(client)
    let(lambda: waiting(api) == 1, 5.0)
    time.sleep(SOON_S)
    assert waiting(api) == 1, "a client that says nothing is not one that left"
    with clients[0] as stayed, ask_and_stay(api):
        let(lambda: waiting(api) == 2)
        api.track("1")
        assert stayed.recv(65_536).startswith(b"HTTP/1.1 200 OK")


def test_when_it_stops_who_waits_is_let_go_at_once(serve):
    api = serve()
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(api.get, "/events?wait=60") for _ in range(3)]
        let(lambda: waiting(api) == 3)
        started = time.monotonic()
        api.server.stop()
        assert [one.result().json() for one in asked] == [{"items": [], "next": 0}] * 3
        assert time.monotonic() - started < 3.0


def test_who_has_read_further_than_the_log_goes_is_told_so(api):
    api.track("1", "2")
    told = problem(api.get("/events?after=3&wait=60"), 409)
    assert told["detail"] == "the log ends at 2, and you have read up to 3: it is not the log you read"
    with pytest.raises(ApiError) as refused:
        next(api.client().follow(after=7))
    assert refused.value.status == 409


def test_a_follower_gets_everything_from_where_it_was_and_goes_on(api):
    api.track("1", "2", "3")
    with api.client() as client:
        following = client.follow(after=1, wait=20)
        assert [one.event["data"]["order"]["id"] for one in islice(following, 2)] == ["2", "3"]
        later = threading.Timer(0.3, api.track, ["4"])
        later.start()
        assert next(following).event["data"]["order"]["id"] == "4"
        later.join()


def test_a_follower_waits_for_a_tracker_that_restarts(api, tmp_path):
    api.track("1")
    with api.client() as client, ThreadPoolExecutor(1) as pool:
        following = client.follow(after=0, wait=5)
        assert next(following).seq == 1
        asked = pool.submit(next, following)
        let(lambda: waiting(api) == 1)
        api.server.stop()
        with ServedApi(api.database_url, tmp_path, listen=api.listen) as again:
            again.track("2")
            assert asked.result(30).event["data"]["order"]["id"] == "2"


def test_a_follower_with_a_wrong_token_is_told_so(serve):
    api = serve(read=TOKEN)
    with pytest.raises(ApiError) as refused, api.client("wrong-wrong-wrong-wrong") as client:
        next(client.follow())
    assert (refused.value.status, refused.value.title) == (401, "A token is needed")
