"""Every fault does what its table says, over real sockets, and none of them lies readably."""

import contextlib
import gzip
import http.client
import json
import socket
import time
from urllib.parse import urlencode

import pytest

from tests.simulator import answer, ask, dial, fetch, order, read_all, small_world
from tracker.simulator import ALL, KINDS, LASTING, PASSING, SLOW, Faults, SimulatedPanel
from tracker.simulator.fault_alter import SPELLINGS, UNKNOWN_WORDS
from tracker.simulator.fault_wire import BENT
from tracker.simulator.faults import FaultKind
from tracker.simulator.request import read_request

PARTIAL = ["http_500", "html_200", "null", "empty_body", "truncated", "php_warning", "empty_404"]
PASSING_WORDS = "Service temporarily unavailable"
ASKED = "1,2,3,40,20,999"
FIELDS = {"status", "charge", "start_count", "start_counter", "remains", "currency", "runs", "orders"}
READABLE = [k.name for k in KINDS.values() if k.family == "alter" or (k.family == "bent" and BENT[k.name][1])]


@pytest.fixture
def panel():
    with SimulatedPanel(small_world(), speed=0, faults=Faults(max_hang_s=0.3)) as panel:
        panel.add(order("40", charge="1234.50000"))
        panel.forward(15 * 60)
        yield panel


def learnt(body, asked):
    """id -> word, as a careful and tolerant reader takes it from a status answer for `asked`."""
    document = json.loads(body.decode("utf-8-sig"), object_pairs_hook=_without_doubles)
    if isinstance(document, dict) and document.get("status") == "success" and "data" in document:
        document = document["data"]
    if len(asked) == 1 and isinstance(document, dict) and not set(document) & {*asked, "orders"}:
        document = {asked[0]: document}
    if isinstance(document, dict) and isinstance(document.get("orders"), dict):
        document = document["orders"]
    if isinstance(document, list):
        document = {str(row["order"]): row for row in document if "order" in row}
    entries = {i: _low(e) for i, e in document.items() if i in asked and isinstance(e, dict)}
    return {i: e["status"] for i, e in entries.items() if "status" in e and "error" not in e}


def _without_doubles(pairs):
    keys = [key for key, _ in pairs]
    return {key: value for key, value in pairs if keys.count(key) == 1}


def _low(entry):
    return {key.lower(): value for key, value in entry.items()}


@pytest.mark.parametrize("asked", [ASKED, "1", "3", "40"])
@pytest.mark.parametrize("name", READABLE)
def test_a_readable_fault_says_what_the_audit_says_and_never_a_lie(panel, name, asked):
    panel.faults.queue(name)
    params = {"orders": asked} if "," in asked else {"order": asked}
    body = fetch(panel, action="status", **params)[1]
    call = panel.audit.calls[0]
    if call.fault is None:
        assert KINDS[name].scope == "batch"
    assert call.good
    told = learnt(body, asked.split(","))
    assert told == {i: word for i, (word, _) in call.statuses.items()}
    for order_id, word in told.items():
        truth = panel.truth(order_id)["status"]
        assert word in (truth, *SPELLINGS.get(truth, ()), *UNKNOWN_WORDS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("list_with_order", lambda d: {row["order"] for row in d} == set(ASKED.split(","))),
        ("ids_as_numbers", lambda d: {row["order"] for row in d} == {1, 2, 3, 40, 20, 999}),
        ("list_without_ids", lambda d: len(d) == 6 and "order" not in d[0]),
        ("empty_list", lambda d: d == []),
        ("nested_orders", lambda d: list(d) == ["orders"] and len(d["orders"]) == 6),
        ("missing_ids", lambda d: len(d) == 5),
        ("strangers", lambda d: set(d) - set(ASKED.split(","))),
        ("bare_errors", lambda d: d["999"] == "Incorrect order ID" and PASSING_WORDS in d.values()),
        ("passing_errors", lambda d: {"error": PASSING_WORDS} in d.values()),
        ("forgotten", lambda d: list(d.values()).count({"error": "Incorrect order ID"}) == 2),
        ("error_with_status", lambda d: {"error": "Order not found.", "status": "104"} in d.values()),
        ("title_case", lambda d: set(d["1"]) == {"Charge", "Start_count", "Status", "Remains", "Currency"}),
        ("start_counter", lambda d: d["1"]["start_counter"] == "3572" and "start_count" not in d["1"]),
        ("charge_thousands", lambda d: d["40"]["charge"] == "1,234.50000" and d["1"]["charge"] == "0.90000"),
        ("charge_null", lambda d: d["1"]["charge"] is None),
        ("charge_nan", lambda d: d["1"]["charge"] == "NaN"),
        ("charge_comma", lambda d: d["1"]["charge"] == "0,27819"),
        ("remains_plus", lambda d: d["3"]["remains"].startswith("+") and d["1"]["remains"] == "500"),
        ("remains_negative", lambda d: d["3"]["remains"].startswith("-")),
        ("remains_empty", lambda d: d["1"]["remains"] in ("", None)),
        ("numbers", lambda d: (d["1"]["start_count"], d["1"]["remains"]) == (3572, 500)),
        ("spellings", lambda d: d["1"]["status"] in SPELLINGS["In progress"]),
        ("unknown_words", lambda d: any(e.get("status") in UNKNOWN_WORDS for e in d.values())),
    ],
)  # fmt: skip
def test_a_batch_is_bent_as_the_table_says(panel, name, expected):
    panel.faults.queue(name)
    assert expected(answer(panel, action="status", orders=ASKED))


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("charge_number", b'"charge":0.90000,'),
        ("charge_scientific", b'"charge":9.0000e-1,'),
        ("charge_infinite", b'"charge":1e309,'),
        ("charge_400_digits", b'"charge":' + b"9" * 400 + b","),
        ("bom", b"\xef\xbb\xbf"),
        ("spaced", b'{\n    "charge": '),
        ("php_warning", b"<b>Warning</b>"),
    ],
)
def test_some_bendings_show_only_in_the_bytes(panel, name, printed):
    panel.faults.queue(name)
    assert printed in fetch(panel, action="status", order="1")[1]


def test_a_doubled_key_contradicts_itself(panel):
    panel.faults.queue("duplicate_key")
    body = fetch(panel, action="status", orders="1")[1]
    assert body.count(b'"1":{') == 2
    assert (b'"In progress"' in body, b'"Completed"' in body) == (True, True)
    assert panel.audit.calls[0].statuses == {}


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("http_500", 500, b"<html>"),
        ("http_502", 502, b"<html>"),
        ("http_503", 503, b"Maintenance"),
        ("http_429", 429, b"Rate limit exceeded"),
        ("rate_limit_200", 200, b'{"error":"Too many requests'),
        ("html_200", 200, b"Just a moment"),
        ("challenge_403", 403, b"<html>"),
        ("empty_body", 200, b""),
        ("database_200", 200, b'{"error":"Database connection failed'),
        ("error_500", 500, b'{"error":"Service temporarily unavailable"}'),
        ("wrong_key", 200, b'{"error":"Invalid API key"}'),
        ("key_echo", 200, b"demo-key"),
        ("redirect", 307, b""),
        ("deep_nesting", 200, b"[" * 100_000),
        ("huge_body", 200, b" " * 5 * 2**20),
        ("batch_refused", 200, b'{"error":"Incorrect request"}'),
        ("batch_order_error", 200, b'{"error":"Incorrect order ID"}'),
        ("answer_in_500", 500, b'"status":"In progress"'),
    ],
)
def test_a_call_is_answered_with_something_else(panel, name, status, words):
    panel.faults.queue(name)
    got, body = fetch(panel, action="status", orders="1,2")
    assert got == status
    assert words in body
    call = panel.audit.calls[0]
    assert (call.fault, call.http, call.good, call.statuses) == (name, status, False, {})


def test_a_gzip_bomb_is_small_on_the_wire_and_huge_unpacked(panel):
    panel.faults.queue("gzip_bomb")
    body = fetch(panel, action="balance")[1]
    assert len(body) < 100_000 < 20 * 2**20 < len(gzip.decompress(body))


@pytest.mark.parametrize("name", ["http_429", "http_503"])
def test_retry_after_says_what_it_was_told_to(panel, name):
    panel.faults.retry_after = "Wed, 21 Oct 2099 07:28:00 GMT"
    panel.faults.queue(name)
    with dial(panel.port) as sock:
        assert b"Retry-After: Wed, 21 Oct 2099 07:28:00 GMT\r\n" in sock.recv(65_536)


def test_whoever_follows_a_redirect_with_the_key_is_found_out(panel):
    panel.faults.queue("redirect")
    with dial(panel.port) as sock:
        location = sock.recv(65_536).split(b"Location: ")[1].split(b"\r\n")[0].decode()
    path = location.removeprefix(f"http://127.0.0.1:{panel.port}")
    assert fetch(panel, path=path, action="balance")[0] == 404
    assert panel.audit.wrong_calls()[0].wrong == ["unknown path /elsewhere"]


# ---- broken connections

STATUS = b"key=demo-key&action=status&orders=1,2"


def _content_length(head):
    return int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])


def test_a_truncated_answer_is_shorter_than_announced(panel):
    panel.faults.queue("truncated")
    with dial(panel.port, STATUS) as sock:
        head, _, body = read_all(sock).partition(b"\r\n\r\n")
    assert 0 < len(body) < _content_length(head)


def test_a_reset_is_a_reset_and_not_an_end(panel):
    panel.faults.queue("reset")
    with dial(panel.port, STATUS) as sock, pytest.raises(ConnectionResetError):
        read_all(sock)


def test_an_empty_reply_is_an_orderly_end(panel):
    panel.faults.queue("empty_reply")
    with dial(panel.port, STATUS) as sock:
        assert read_all(sock) == b""


def test_garbage_is_not_http(panel):
    panel.faults.queue("garbage")
    with dial(panel.port, STATUS) as sock:
        assert not read_all(sock).startswith(b"HTTP/")


def test_a_hang_says_nothing_and_ends(panel):
    panel.faults.queue("hang")
    began = time.monotonic()
    with dial(panel.port, STATUS) as sock:
        assert read_all(sock) == b""
    assert 0.3 <= time.monotonic() - began < 3


def test_dripped_headers_never_come_to_their_end(panel):
    panel.faults.queue("drip_headers")
    with dial(panel.port, STATUS) as sock:
        data = read_all(sock)
    assert data.startswith(b"HTT")
    assert b"\r\n\r\n" not in data


def test_a_dripped_body_never_comes_to_its_end(panel):
    panel.faults.queue("drip_body")
    with dial(panel.port, STATUS) as sock:
        head, _, body = read_all(sock).partition(b"\r\n\r\n")
    assert 0 < len(body) < _content_length(head)


@pytest.mark.parametrize("name", sorted(k.name for k in KINDS.values() if k.family == "broken"))
def test_an_answer_that_was_lost_was_not_good_but_the_panel_has_acted(panel, name):
    panel.faults.queue(name)
    params = {"key": "demo-key", "action": "add", "service": "1", "quantity": "100", "link": "x"}
    before = set(panel.truths())
    with dial(panel.port, urlencode(params).encode()) as sock:
        try:
            read_all(sock)
        except ConnectionResetError:
            assert name == "reset"
    panel.audit.wait_for(lambda audit: audit.calls[0].answered_at is not None)
    assert (panel.audit.calls[0].good, panel.audit.calls[0].fault) == (False, name)
    assert len(set(panel.truths()) - before) == 1


def test_stopping_the_panel_wakes_those_who_hang():
    panel = SimulatedPanel(small_world(), faults=Faults(max_hang_s=60)).start()
    panel.faults.hang_all = True
    with dial(panel.port, STATUS) as sock:
        panel.audit.wait_for(lambda audit: len(audit.calls) == 1)
        began = time.monotonic()
        panel.stop()
        assert time.monotonic() - began < 3
        assert sock.recv(100) == b""


def test_a_client_that_left_was_told_nothing(panel):
    panel.faults.queue("hang")
    sock = dial(panel.port, STATUS)
    panel.audit.wait_for(lambda audit: len(audit.calls) == 1)
    sock.close()
    assert panel.audit.wait_for(lambda audit: audit.calls[0].answered_at is not None, 0.25)
    assert panel.audit.served() == {}


def test_half_a_request_is_no_call(panel):
    with socket.create_connection(("127.0.0.1", panel.port)) as sock:
        sock.sendall(b"POST /api/v2 HTTP/1.1\r\nContent-Length: 100\r\n\r\nkey=")
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock) == b""
    assert panel.audit.calls == []


# ---- when they strike


def test_a_queued_fault_waits_for_a_call_it_fits(panel):
    panel.faults.queue("missing_ids", "http_500")
    assert fetch(panel, action="balance")[0] == 500
    assert ask(panel, action="balance")[0] == 200
    assert len(answer(panel, action="status", orders="1,2,3")) == 2
    assert len(answer(panel, action="status", orders="1,2,3")) == 3


def test_an_outage_in_simulated_time_begins_and_ends(panel):
    panel.faults.down(1000, 2000, simulated=True)
    codes = []
    for _ in range(3):
        codes.append(fetch(panel, action="balance")[0])
        panel.forward(600)
    assert codes == [200, 503, 200]


def test_an_outage_in_real_time_holds_for_every_call(panel):
    panel.faults.down(0, 3600, kind="empty_body")
    assert [fetch(panel, action="balance") for _ in range(3)] == [(200, b"")] * 3
    panel.faults.clear()
    assert ask(panel, action="balance")[0] == 200


def test_switches_hold_until_they_are_released(panel):
    panel.faults.auth_broken = True
    assert answer(panel, action="balance") == {"error": "Invalid API key"}
    panel.faults.auth_broken = False
    panel.faults.batch_unknown = True
    assert answer(panel, action="status", orders="1,2") == {"error": "Incorrect request"}
    assert "status" in answer(panel, action="status", order="1")
    panel.faults.batch_unknown = False
    assert set(answer(panel, action="status", orders="1,2")) == {"1", "2"}


@pytest.mark.parametrize(
    "fault", ["http_500", "html_200", "null", "empty_body", "truncated", "php_warning", "empty_404"]
)
def test_a_broken_kind_of_call_breaks_no_other(panel, fault):
    panel.faults.broken = {"refill_status": fault}
    for _ in range(2):
        fetch_or_nothing(panel, action="refill_status", refill="1")
        assert "balance" in answer(panel, action="balance")
        assert set(answer(panel, action="status", orders="1,2")) == {"1", "2"}
    assert [call.fault for call in panel.audit.calls] == [fault, None, None] * 2
    panel.faults.clear()
    assert answer(panel, action="refill_status", refill="1") != {}


@pytest.mark.parametrize(
    "fault", ["http_500", "html_200", "null", "empty_body", "truncated", "php_warning", "empty_404"]
)
def test_a_poison_id_breaks_every_call_that_names_it_and_no_other(panel, fault):
    panel.faults.poison = {"2": fault}
    for ids in ("1,2,3", "2", "3,1"):
        fetch_or_nothing(panel, action="status", **({"orders": ids} if "," in ids else {"order": ids}))
    assert [call.fault for call in panel.audit.calls] == [fault, fault, None]


def fetch_or_nothing(panel, **params):
    with contextlib.suppress(http.client.HTTPException, OSError):
        fetch(panel, **params)


def test_a_refusal_of_everything_is_in_the_words_that_were_set(panel):
    panel.faults.refusal = "API bu kullanici icin kapali"
    for params in ({"action": "balance"}, {"action": "status", "order": "1"}, {"action": "status", "orders": "1,2"}):
        assert ask(panel, **params) == (200, {"error": "API bu kullanici icin kapali"})


def test_children_without_end_are_new_ones_each_time(panel):
    panel.faults.endless_children = 30
    listed = [child for _ in range(3) for child in answer(panel, action="status", order="1")["orders"]]
    listed += [child for entry in answer(panel, action="status", orders="1,2").values() for child in entry["orders"]]
    assert len(listed) == len(set(listed)) == 150


@pytest.mark.parametrize("setting", [{"broken": {"status": "rest"}}, {"poison": {"1": "rest"}}])
def test_a_partial_fault_that_does_not_exist_is_refused(setting):
    ((name, value),) = setting.items()
    with pytest.raises(ValueError, match="rest"):
        setattr(Faults(), name, value)


def test_chance_strikes_at_its_rate_and_the_same_way_for_the_same_seed():
    drawn = [_draws(Faults(0.3, PASSING, seed=4)) for _ in range(2)]
    assert drawn[0] == drawn[1]
    struck = [kind for kind in drawn[0] if kind is not None]
    assert 250 < len(struck) < 350
    assert {kind.name for kind in struck} == PASSING


def test_weights_decide_how_often_each_fault_is_drawn():
    struck = _draws(Faults(1.0, {"reset": 3, "http_500": 1}))
    assert 680 < sum(kind.name == "reset" for kind in struck) < 820


def _draws(faults):
    call = read_request("POST", "", "", b"action=status&orders=1,2")
    return [faults.choose(call, 0, 0)[0] for _ in range(1000)]


def test_the_named_sets_are_parts_of_the_whole():
    assert PASSING | SLOW | LASTING == ALL
    assert all(isinstance(kind, FaultKind) and kind.what for kind in KINDS.values())


@pytest.mark.parametrize(
    "use", [lambda f: f.queue("rest"), lambda f: f.down(0, 1, kind="rest"), lambda f: Faults(1, ["rest"])]
)
def test_a_fault_that_does_not_exist_is_refused(use):
    with pytest.raises(ValueError, match="rest"):
        use(Faults())
