"""The witness: what it notes, how it counts, and what it holds for told."""

import http.client
import threading

import pytest

from tests.simulator import answer, dial, fetch, small_world
from tracker.simulator import Served, SimulatedPanel
from tracker.simulator.audit import max_in_window


@pytest.fixture
def panel():
    with SimulatedPanel(small_world(), speed=0) as panel:
        yield panel


@pytest.mark.parametrize(
    ("arrivals", "most"),
    [
        ([], 0),
        ([5.0], 1),
        ([0.0, 60.0, 120.0], 1),
        ([0.0, 59.999, 60.0], 2),
        ([0.0, 30.0, 59.0, 61.0, 89.9], 4),
        ([100.0, 0.0, 50.0], 2),
        ([float(i) for i in range(200)], 60),
    ],
)
def test_the_fullest_minute_is_found_wherever_it_begins(arrivals, most):
    assert max_in_window(arrivals) == most


def test_every_call_is_noted_with_what_it_was(panel):
    answer(panel, action="status", orders="1,2")
    answer(panel, action="balance", key="stolen")
    first, second = panel.audit.calls
    assert (first.number, first.action, first.ids, first.client) == (1, "status", ("1", "2"), "demo-key")
    assert (second.client, second.http, second.statuses) == ("stolen", 200, {})
    assert first.arrival < second.arrival
    assert panel.audit.calls_by_action() == {"status": 1, "balance": 1}
    assert panel.audit.max_in_any_60s() == 2
    assert panel.audit.max_in_any_60s(["status"]) == 1


@pytest.mark.parametrize(
    ("params", "wrong"),
    [
        ({"action": "status", "orders": "1,2,1"}, ["duplicate ids"]),
        ({"action": "status", "orders": "1,,2"}, ["empty id"]),
        ({"action": "status", "orders": ""}, ["no ids"]),
        ({"action": "cancel"}, ["no ids"]),
        ({"action": "status", "orders": ",".join(map(str, range(101)))}, ["more than 100 ids"]),
        ({"action": "list"}, ["unknown action"]),
        ({"path": "/api/v3", "action": "balance"}, ["unknown path /api/v3"]),
        ({"path": "/api/v2?key=demo-key", "action": "balance"}, ["key in the URL"]),
    ],
)
def test_a_call_that_no_good_client_makes_is_held_against_it(panel, params, wrong):
    fetch(panel, **params)
    assert [call.wrong for call in panel.audit.wrong_calls()] == [wrong]
    assert panel.audit.summary()["wrong"] == dict.fromkeys(wrong, 1)


def test_what_was_served_is_kept_per_order_and_in_order(panel):
    for _ in range(3):
        answer(panel, action="status", orders="1,2,999")
        panel.forward(8 * 60)
    answer(panel, action="status", order="2")
    served = panel.audit.served()
    assert set(served) == {"1", "2"}
    assert [(s.word, s.charge) for s in served["2"]] == [
        ("Pending", "0.90000"), ("Pending", "0.90000"), ("Partial", "0.75870"), ("Partial", "0.75870"),
    ]  # fmt: skip
    assert isinstance(served["2"][0], Served)
    assert panel.audit.words("2") == ["Pending", "Partial"]
    assert panel.audit.words("1") == ["Pending", "In progress"]
    assert panel.audit.words("999") == []


def test_refill_words_are_kept_apart_from_orders(panel):
    answer(panel, action="refill_status", refills="1,7")
    assert panel.audit.served() == {}
    assert [s.word for s in panel.audit.served("refill_status")["1"]] == ["Pending"]


def test_only_good_answers_count_as_told(panel):
    panel.faults.queue("truncated", "http_500", "php_warning", "unknown_words")
    for _ in range(3):
        try:
            fetch(panel, action="status", order="1")
        except (http.client.HTTPException, OSError):
            continue
    assert panel.audit.served() == {}
    fetch(panel, action="status", order="1")
    assert len(panel.audit.served()["1"]) == 1
    assert panel.audit.calls_by_fault() == {"truncated": 1, "http_500": 1, "php_warning": 1, "unknown_words": 1}


def test_calls_on_one_connection_share_its_number(panel):
    connection = http.client.HTTPConnection("127.0.0.1", panel.port)
    for _ in range(2):
        connection.request("POST", "/api/v2", "key=demo-key&action=balance")
        connection.getresponse().read()
    connection.close()
    fetch(panel, action="balance")
    one, two, three = (call.connection for call in panel.audit.calls)
    assert one == two != three


def test_a_bench_may_do_without_the_served_record():
    with SimulatedPanel(small_world(), record_served=False) as panel:
        answer(panel, action="status", orders="1,2")
        assert panel.audit.served() == {}
        assert panel.audit.calls[0].good


def test_calls_from_many_threads_are_all_counted(panel):
    def sweep():
        for _ in range(25):
            answer(panel, action="status", orders="1,2,3")

    threads = [threading.Thread(target=sweep) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert panel.audit.summary()["calls"] == panel.audit.summary()["good"] == 200
    assert [call.number for call in panel.audit.calls] == list(range(1, 201))


def test_a_test_can_wait_for_a_call_instead_of_sleeping(panel):
    with dial(panel.port):
        assert panel.audit.wait_for(lambda audit: audit.calls_by_action().get("balance") == 1)
    assert not panel.audit.wait_for(lambda audit: len(audit.calls) > 1, timeout_s=0.01)
