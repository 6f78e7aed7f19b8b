"""Hostile requests: each gets a proper answer, and none a 500. On both engines."""

import socket

import pytest
import requests

from tests.store import OPS
from tests.web import TOKEN, lived
from tests.web.test_security import Broken
from tracker import log
from tracker.core.ids import valid_id
from tracker.store import NewOrder, Store

HUGE = str(10**30)
# Ids that a panel may give: each is a path, a query, a fragment or an escape to somebody.
ODD_IDS = ("a/b", "/a", "a//b", "a/", "?q=1", "a?b#c", "#", "%2f", "a%2Fb", "%00", "..%2f..", "é漢", "a&b=c", "'\"<i>",
           "=1+1", "+", "a\\b", ":", "~", "main/order/1")  # fmt: skip
TARGETS = [
    *(f"/{page}?after={value}" for page in ("orders", "hooks")
      for value in (HUGE, "-" + HUGE, "9223372036854775808", "-1", "0", "1e9", "", "%00", "x", "9" * 5_000)),
    *(f"/orders?{more}&after={HUGE}" for more in ("panel=main", "status=partial", "tracking=active", "q=1")),
    *(f"/{page}={value}" for page in ("orders?q", "orders?panel", "hooks?hook", "services?q")
      for value in ("%00", "a%00b", "%ff%fe", "%ed%a0%80", "%F0%9F%98%80", "x" * 20_000, "[]", "%25", "_")),
    *(f"/orders{more}" for more in ("?q[]=1", "?after[]=1", "?after=1&after=2", "?status=new", "?&&&=&", "?q=1;q=2")),
    *(f"/orders/main/{id_}" for id_ in ("%00", "%ff", "%ed%a0%80", "..", "%2e%2e%2f%2e%2e", "a/b/c", "y" * 20_000)),
    "/orders/%00/%00", "/orders//", "/orders/main", "//orders", "/orders/../../../etc/passwd",
    *(f"/static/{path}" for path in ("", "%00", "..%2fapp.py", "%2e%2e/app.py", "/etc/passwd", "..%5capp.py")),
    "/?" + "&".join(f"a{n}=1" for n in range(3_000)), "/metrics?x[]=%00", "/nope/%00", "/%", "/%zz", "/login?%00",
]  # fmt: skip
HEADERS = (
    {"Cookie": "tracker_session=" + "9" * 5_000 + ".x"},
    {"Cookie": "tracker_session=\xb2.x"},
    {"Cookie": "tracker_session=-1.x"},
    {"Cookie": "=;;=; tracker_session"},
    {"Authorization": "Bearer \xff\xfe"},
    {"Authorization": 'Digest username="x'},
    {"Accept": "a/b;q=1," * 3_000},
    {"Accept": "application/openmetrics-text;version=9;q=x"},
    {"Origin": "null"},
    {"Range": "bytes=99999999-"},
    {"If-Modified-Since": "x"},
    {"X-Forwarded-Host": "evil.example", "X-Forwarded-For": "192.0.2.1", "Forwarded": "host=evil.example"},
)


@pytest.fixture
def one(like, served):
    return served(database=like("dashboard", lived))


def sent(one, target, method="GET", **headers):
    """Sends exactly this request; returns the status of the answer."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {one.listen}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection((one.listen.host, one.listen.port), timeout=20) as client:
        client.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        answer = b"".join(iter(lambda: client.recv(65_536), b""))
    assert b"Traceback" not in answer
    assert b"Set-Cookie" not in answer
    return int(answer.split(b" ", 2)[1])


def test_no_address_breaks_a_page(one):
    assert {target[:80]: code for target in TARGETS if (code := sent(one, target)) >= 500} == {}


def test_no_method_changes_or_breaks_anything(one):
    for method in ("HEAD", "OPTIONS", "PUT", "TRACE", "CONNECT", "FOO", "get", "A" * 3_000):
        for path in ("/", "/orders", "/orders/main/good-1", "/metrics", "/healthz", "/static/app.css", "/login"):
            code = sent(one, path, method)
            assert code == 200 if method in ("HEAD", "OPTIONS") and path != "/login" else code < 500, (method, path)


@pytest.mark.parametrize("headers", HEADERS, ids=lambda headers: next(iter(headers)))
def test_no_header_breaks_a_page_and_none_lets_anybody_in(one, served, headers):
    locked = served(database=one.database, token=TOKEN)
    for path in ("/", "/orders", "/metrics"):
        assert sent(one, path, **headers) == 200
        assert sent(locked, path, **headers) == 401


def test_what_could_be_read_in_two_ways_is_refused(one):
    """A proxy in front may read it in the other way."""
    for name, value, code in (
        ("Content-Length", "5\r\nContent-Length: 6", 400),
        ("Content-Length", "-1", 400),
        ("Content-Length", "+5", 400),
        ("Content-Length", "99999999999999", 413),
        ("Transfer-Encoding", "xchunked", 501),
        ("X\x00", "x", 400),
        ("X ", "x", 400),
        ("X", "\x00", 400),
        ("Host", "evil.example", 421),
    ):
        assert sent(one, "/orders", **{name: value}) == code, (name, value)


def test_an_order_of_any_id_can_be_found_looked_at_and_refreshed(one):
    assert all(map(valid_id, ODD_IDS))
    with one.database.session():
        Store(one.database, [OPS]).new_orders.add(
            [NewOrder("main", id_, False, True, ref=f"<{id_}>") for id_ in ODD_IDS], 1e9
        )
    found = {}
    for listing in ("/orders", "/hooks", "/"):
        text = requests.get(one.url + listing, timeout=20).text
        found[listing] = {part.partition('"')[0] for part in text.split('href="/orders/')[1:]}
    pages = {href: requests.get(f"{one.url}/orders/{href}", timeout=20).text for href in found["/orders"]}
    for id_ in ODD_IDS:
        (href,) = [href for href, page in pages.items() if f"<h1>Order {escaped(id_)} at main</h1>" in page]
        assert f'hx-get="/orders/{href}"' in pages[href], "what refreshes the page asks for the same order"
        assert href in found["/hooks"], "a delivery leads to its order"


def escaped(text):
    return (
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;").replace("'", "&#39;")
    )


def test_what_breaks_is_logged_and_steers_no_terminal(served, capsys):
    log.setup("info", "json", log.Masker([]))
    broken = served(database=Broken())
    assert requests.get(broken.url + "/orders/main/forged%1b[31m%E2%80%AE", timeout=20).status_code == 500
    assert "\x1b" not in (said := capsys.readouterr().err)
    assert "\u202e" not in said
