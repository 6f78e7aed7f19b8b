"""Who gets in, how requests may look, and that no request whatever brings the gateway down."""

import json
import re
import socket
from urllib.parse import urlencode

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway import BOT_KEY, PANEL_KEY, SHOP_KEY, Desk
from tests.simulator import small_world
from tracker.metrics import NUMBERS
from tracker.simulator import SimulatedPanel
from tracker.web.security import WRONG_MAX


@pytest.fixture(scope="module")
def open_desk(tmp_path_factory):
    with SimulatedPanel(small_world(), speed=0, key=PANEL_KEY) as panel:
        panel.forward(1_900)
        desk = Desk(tmp_path_factory.mktemp("door"), panel.url, panel="balance_every = '1h'")
        desk.catalogue()
        yield desk
        desk.close()


def test_a_wrong_key_is_refused_in_the_panels_words_and_guessing_is_slowed_down(desk):
    for key in [*(SHOP_KEY[:-1], SHOP_KEY + "x", "", "ключ"), PANEL_KEY, *["guess"] * (WRONG_MAX - 5)]:
        assert desk.ask(key, action="balance") == (200, {"error": "Invalid API key"})
    slowed = desk.send("guess", action="balance")
    assert slowed.status_code == 429
    assert int(slowed.headers["Retry-After"]) > 0
    assert desk.ask(SHOP_KEY, action="balance")[0] == 200, "a bot that is set up wrongly locks no other out"


def test_the_panels_key_is_in_no_answer_no_row_and_no_log(desk, panel, capfd):
    panel.faults.queue("key_echo", "key_echo", "key_echo")
    for fields in ({"action": "balance"}, {"action": "status", "order": "1"}, {"action": "add", "service": "1",
                   "link": "https://pages.example/", "quantity": 100}):  # fmt: skip
        assert PANEL_KEY not in desk.send(**fields).text
    stored = [
        row
        for table in ("gateway_calls", "events", "poll_runs", "panels")
        for row in desk.rows(f"SELECT * FROM {table}")
    ]
    assert PANEL_KEY not in str(stored)
    said = capfd.readouterr()
    assert PANEL_KEY not in said.out + said.err
    assert SHOP_KEY not in said.out + said.err


def test_the_words_of_a_client_fill_no_memory(open_desk):
    """What is counted is counted under names of ours, however many actions somebody invents."""
    for n in range(5):
        open_desk.ask(SHOP_KEY, action=f"invented-{n}")
    counted = [labels for name, labels in NUMBERS.taken()[0] if name == "tracker_gateway_requests"]
    assert ("shop", "other") in {labels[:2] for labels in counted}
    assert "invented" not in str(counted)


def test_a_client_cannot_name_the_key_or_the_action_twice(open_desk):
    url = f"http://127.0.0.1:{open_desk.port}/gateway/main"
    body = urlencode([("key", BOT_KEY), ("action", "balance"), ("action", "add"), ("key", BOT_KEY)])
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert "Not allowed" in requests.post(url, data=body, headers=kind, timeout=10).json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "code"),
    [
        ("PUT", "/gateway/main", {}, "", 405),
        ("DELETE", "/gateway/main", {}, "", 405),
        ("POST", "/gateway/main", {"Host": "evil.example"}, "", 421),
        ("POST", "/gateway/main", {"Content-Type": "application/json"}, "[]", 400),
        ("POST", "/gateway/main", {"Content-Type": "application/json"}, '{"key": {"a": 1}}', 400),
        ("POST", "/gateway/main", {"Content-Type": "application/json"}, "{" * 100_000, 400),
        ("POST", "/gateway/main", {}, "a=%00&key=x", 400),
        ("POST", "/gateway/main", {}, b"\xff\xfe", 400),
        ("POST", "/gateway/main", {}, "&".join("a=1" for _ in range(2_000)), 400),
        ("POST", "/gateway/main", {}, f"key={SHOP_KEY}&action=cancel&orders=1&+action=add&service=1&quantity=50", 400),
        ("POST", "/gateway/main", {}, "x" * 1_100_000, 413),
        ("POST", "/gateway/", {}, f"key={SHOP_KEY}&action=balance", 404),
        ("POST", "/gateway", {}, f"key={SHOP_KEY}&action=balance", 404),
        ("GET", "/gateway/main", {}, "", 200),
    ],
)
def test_an_odd_request_is_answered_with_what_is_wrong(open_desk, method, path, headers, body, code):
    answered = requests.request(
        method, f"http://127.0.0.1:{open_desk.port}{path}", headers=headers, data=body, timeout=10
    )
    assert answered.status_code == code
    assert "Traceback" not in answered.text


def test_a_body_that_never_comes_keeps_nobody_waiting(open_desk):
    with socket.create_connection(("127.0.0.1", open_desk.port), timeout=10) as half:
        half.sendall(b"POST /gateway/main HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\nkey=")
        assert open_desk.ask(SHOP_KEY, action="balance")[0] == 200


TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
NAMES = (
    st.sampled_from(["order", "orders", "refill", "refills", "service", "link", "quantity", "runs", "comments"]) | TEXT
)
VALUES = TEXT | st.sampled_from(["1", "1,2,3", "404", "-1", "1e9", "9" * 400, "9" * 5_000, ",,,", "null", "\u202e"])
ACTIONS = st.sampled_from(["status", "refill_status", "balance", "services", "add", "refill", "cancel"]) | TEXT
PLAIN = st.dictionaries(NAMES, VALUES, max_size=6)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | VALUES
NESTED = st.dictionaries(NAMES, st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3)), max_size=6)
KINDS = st.sampled_from(
    ["application/json", "text/plain", "multipart/form-data", "multipart/form-data; boundary=x", ""]
)
RESERVED = {"self", "key", "panel", "style", "path"}  # names of `send` itself


def part(name, value, more=""):
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'.encode()


KEY = part("key", SHOP_KEY)


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        (b"", 200, "Invalid API key"),
        (KEY + b"--x", 400, "not a form"),
        (b"--x\r\nContent-Disposition: form-data\r\n\r\nabc\r\n--x--", 400, "without a name"),
        (part("a", "b", '; filename="a"') + b"--x--", 400, "a file"),
        (part("a", "").replace(b"\r\n\r\n", b"\r\n\r\n\xff") + b"--x--", 400, "UTF-8"),
        (part("a", "1") * 1_100 + b"--x--", 400, "1,000 fields"),
        (KEY + part(" action", "add") + b"--x--", 400, "' action'"),
        (KEY + part("action", "balance") + b"--x--", 200, "USD"),
        (KEY + part("b", "x" * 900_000) + b"--x--", 200, "Incorrect request"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_form_in_parts_is_read_or_refused(open_desk, body, code, says):
    url = f"http://127.0.0.1:{open_desk.port}/gateway/main"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    answered = requests.post(url, data=body, headers=kind, timeout=10)
    assert (answered.status_code, says in answered.text) == (code, True), answered.text


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(action=ACTIONS, fields=PLAIN, style=st.sampled_from(["form", "multipart", "get", "mixed"]))
def test_no_request_whatever_brings_a_500(open_desk, action, fields, style):
    sent = {name: value for name, value in fields.items() if name not in RESERVED} | {"action": action}
    answered = open_desk.send(style=style, **sent)
    assert answered.status_code in (200, 400, 404, 429, 503), answered.text
    assert not re.search("Traceback|Something went wrong", answered.text)


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(action=ACTIONS, fields=NESTED)
def test_no_json_whatever_brings_a_500(open_desk, action, fields):
    body = json.dumps(fields | {"key": SHOP_KEY, "action": action})
    url = f"http://127.0.0.1:{open_desk.port}/gateway/main"
    answered = requests.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=30)
    assert answered.status_code in (200, 400, 404, 429, 503), answered.text


PIECES = st.sampled_from(
    [b"--x", b"--x--", b"\r\n", b"\r\n\r\n", b"Content-Disposition: form-data", b'; name="action"', b"=?"]
)
BYTES = st.binary(max_size=300) | st.lists(PIECES | st.binary(max_size=20), max_size=12).map(b"".join)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BYTES, kind=KINDS)
def test_no_bytes_whatever_bring_a_500(open_desk, body, kind):
    url = f"http://127.0.0.1:{open_desk.port}/gateway/main?key={SHOP_KEY}&action=status"
    answered = requests.post(url, data=body, headers={"Content-Type": kind}, timeout=30)
    assert answered.status_code in (200, 400, 429, 503), answered.text
