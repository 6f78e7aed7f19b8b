"""The receiver: what it remembers, how it misbehaves, and whether it can tell a signature."""

import base64
import http.client
import json
import time
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook

from tests.simulator import dial, read_all
from tracker.simulator import BEHAVIOURS, Receiver, read_record
from tracker.simulator.signature import problem

SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four").decode()
OTHER = "whsec_" + base64.b64encode(b"another of that length!!").decode()
BODY = b'{"type":"order.partial"}'


def post(receiver, headers=None, body=BODY, path="/hook"):
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=5)
    try:
        connection.request("POST", path, body, headers or {})
        response = connection.getresponse()
        return response.status, dict(response.headers), response.read()
    finally:
        connection.close()


def signed(secret, message_id="evt_1", body=BODY, at=None):
    at = int(time.time()) if at is None else at
    signature = Webhook(secret).sign(message_id, datetime.fromtimestamp(at, UTC), body.decode())
    return {"webhook-id": message_id, "webhook-timestamp": str(at), "webhook-signature": signature}


@pytest.fixture
def receiver():
    with Receiver(max_hang_s=0.3) as receiver:
        yield receiver


def test_a_request_is_remembered_whole(receiver):
    assert post(receiver, {"Webhook-Id": "evt_1", "Tracker-Attempt": "2"})[0] == 200
    (request,) = receiver.received
    assert (request.id, request.body, request.path) == ("evt_1", BODY, "/hook")
    assert request.headers["tracker-attempt"] == "2"
    assert request.event == {"type": "order.partial"}
    assert request.problem is None


def test_requests_are_found_by_their_id(receiver):
    for message_id in ("a", "b", "a"):
        post(receiver, {"webhook-id": message_id})
    assert [request.number for request in receiver.by_id()["a"]] == [1, 3]
    assert receiver.counts() == {"ok": 3, "total": 3, "ids": 2, "bad_signatures": 0}


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [("ok", 200), ("no_content", 204), ("fail", 500), ("bad_request", 400), ("gone", 410), ("redirect", 302),
     ("retry_429", 429), ("retry_503", 503)],
)  # fmt: skip
def test_it_answers_as_it_was_told_and_then_as_before(receiver, behaviour, status):
    receiver.next(behaviour)
    assert [post(receiver)[0], post(receiver)[0]] == [status, 200]
    assert [request.behaviour for request in receiver.received] == [behaviour, "ok"]


def test_retry_after_is_what_the_test_says(receiver):
    receiver.retry_after = "7"
    receiver.always("retry_429")
    assert post(receiver)[1]["Retry-After"] == "7"


@pytest.mark.parametrize(
    ("behaviour", "starts"),
    [
        ("hang", b""),
        ("empty", b""),
        ("garbage", b"220 mail"),
        ("truncated", b"HTTP/1.1 200"),
        ("endless", b"HTTP/1.1 200"),
    ],
)
def test_broken_answers_are_broken_on_the_wire(receiver, behaviour, starts):
    receiver.next(behaviour)
    with dial(receiver.port, BODY, "/hook") as sock:
        data = read_all(sock)
    assert data.startswith(starts)
    assert bool(data) == bool(starts)
    assert receiver.counts()["total"] == 1


def test_a_reset_comes_after_the_request_was_read(receiver):
    receiver.next("reset")
    with dial(receiver.port, BODY, "/hook") as sock, pytest.raises(ConnectionResetError):
        read_all(sock)
    assert receiver.received[0].body == BODY


def test_an_unknown_behaviour_is_refused_at_once(receiver):
    for use in (receiver.always, receiver.next):
        with pytest.raises(KeyError):
            use("sulk")
    assert all(behaviour.what for behaviour in BEHAVIOURS.values())


def test_a_share_of_requests_fails_by_the_seed():
    outcomes = []
    for _ in range(2):
        with Receiver(fail_rate=0.5, seed=3) as receiver:
            outcomes.append([post(receiver)[0] for _ in range(40)])
    assert outcomes[0] == outcomes[1]
    assert 10 < outcomes[0].count(500) < 30


def test_a_slow_receiver_takes_its_time():
    with Receiver(delay_s=0.2) as receiver:
        began = time.monotonic()
        assert post(receiver)[0] == 200
        assert time.monotonic() - began >= 0.2


def test_a_test_can_wait_for_deliveries(receiver):
    post(receiver)
    assert receiver.wait_for(lambda r: r.counts()["total"] == 1)
    assert not receiver.wait_for(lambda r: r.counts()["total"] == 2, timeout_s=0.01)


# ---- signatures, made by the reference library and checked by ours


@pytest.mark.parametrize("secrets", [(SECRET,), (OTHER, SECRET)])
def test_a_signature_by_any_known_secret_is_good(secrets):
    with Receiver(secret=secrets) as receiver:
        post(receiver, signed(SECRET))
        assert (receiver.received[0].problem, receiver.bad_signatures) == ("", 0)


def test_two_signatures_during_a_rotation_need_only_one_match():
    headers = signed(OTHER)
    headers["webhook-signature"] += " " + signed(SECRET)["webhook-signature"]
    assert problem(headers, BODY, (SECRET,)) == ""


# The headers are made by the test itself: what is signed when the tests are collected may be too old by then.
BAD = {
    "another secret": (lambda: signed(OTHER), BODY, "no signature"),
    "another body": (lambda: signed(SECRET), BODY + b" ", "no signature"),
    "too old": (lambda: signed(SECRET, at=int(time.time()) - 3600), BODY, "too far"),
    "another id": (lambda: signed(SECRET) | {"webhook-id": "evt_2"}, BODY, "no signature"),
    "no time": (lambda: signed(SECRET) | {"webhook-timestamp": "soon"}, BODY, "not a number"),
    "nothing": (dict, BODY, "webhook-id is missing"),
    "unsigned": (lambda: {"webhook-id": "x", "webhook-timestamp": str(int(time.time()))}, BODY, "no signature"),
}


@pytest.mark.parametrize(("made", "body", "words"), BAD.values(), ids=BAD.keys())
def test_a_bad_signature_is_counted_with_its_reason(made, body, words):
    headers = made()
    with Receiver(secret=SECRET) as receiver:
        assert post(receiver, headers, body)[0] == 200
        assert words in receiver.received[0].problem
        assert receiver.counts()["bad_signatures"] == 1


# ---- the record on disk


def test_a_new_receiver_goes_on_where_the_record_ends(tmp_path):
    record = tmp_path / "received.ndjson"
    for message_id in ("a", "b"):
        with Receiver(record=record) as receiver:
            post(receiver, {"webhook-id": message_id}, body=b"\xff\x00 not text")
    assert [(r.id, r.number, r.body) for r in read_record(record)] == [
        ("a", 1, b"\xff\x00 not text"), ("b", 2, b"\xff\x00 not text"),
    ]  # fmt: skip


def test_a_torn_last_line_is_cut_off(tmp_path):
    record = tmp_path / "received.ndjson"
    with Receiver(record=record) as receiver:
        post(receiver, {"webhook-id": "a"})
    whole = record.read_bytes()
    record.write_bytes(whole + b'{"number": 2, "arri')
    with Receiver(record=record) as receiver:
        post(receiver, {"webhook-id": "b"})
        assert list(receiver.by_id()) == ["a", "b"]
    assert [json.loads(line)["id"] for line in record.read_text().splitlines()] == ["a", "b"]


def test_a_receiver_that_starts_cold_refuses_the_first_request_of_every_event(receiver):
    receiver.refuse_first = True
    assert [post(receiver, {"webhook-id": id_})[0] for id_ in "abaabb"] == [500, 500, 200, 200, 200, 200]


def test_a_receiver_refuses_the_types_of_events_that_it_was_told_to(receiver):
    receiver.refuse_types = frozenset({"order.partial"})
    other = b'{"type":"order.completed"}'
    assert [post(receiver, body=body)[0] for body in (BODY, other, BODY, other)] == [500, 200, 500, 200]


def test_a_receiver_in_another_process_is_told_the_same(receiver):
    told = json.dumps({"refuse_first": True, "refuse_types": ["order.partial"]}).encode()
    assert post(receiver, body=told, path="/_control/behaviour")[0] == 200
    assert receiver.refuse_first
    assert receiver.refuse_types == {"order.partial"}


def test_a_receiver_that_goes_on_with_a_record_knows_which_events_it_has_refused(tmp_path):
    for codes in ([500, 200], [200]):
        with Receiver(record=tmp_path / "record") as receiver:
            receiver.refuse_first = True
            assert [post(receiver, {"webhook-id": "a"})[0] for _ in codes] == codes
