"""What an exchange sends and returns, over which connection, and what does not influence it (the environment)."""

import gzip
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.net.certificates import certificate
from tests.net.exchanges import KEY, SLACK_S, SOON_S, failure, post
from tests.net.servers import (
    Server,
    answer,
    chunked,
    drip_body,
    drip_headers,
    endless_body,
    head,
    raw,
    redirect,
    tunnel,
)
from tracker.errors import UserError
from tracker.net.http import Exchanger, Failure, retry_after_s

NOW = 1_795_400_000.0  # Mon, 23 Nov 2026 02:13:20 GMT


def test_a_reply_has_its_code_headers_body_and_the_address_dialled(exchanger):
    with Server(answer(b'{"a": 1}', 404, X_Kind="odd")) as server:
        reply = post(exchanger, server)
        assert (reply.http, reply.body, reply.truncated) == (404, b'{"a": 1}', False)
        assert reply.headers["x-KIND"] == "odd"
        assert reply.address == server.address
        assert 0 < reply.took_s < 5


@pytest.mark.parametrize(
    ("how", "method", "target", "body"),
    [
        ({"data": {"a": "1,2"}}, "POST", "/api/v2", b"a=1%2C2"),
        ({"json": {"a": "1"}}, "POST", "/api/v2", b'{"a": "1"}'),
        ({"params": {"a": "1 2"}}, "GET", "/api/v2?a=1+2", b""),
        ({"data": b"\x00bytes"}, "POST", "/api/v2", b"\x00bytes"),
    ],
)
def test_a_request_is_sent_as_form_json_query_or_bytes(exchanger, how, method, target, body):
    with Server(answer()) as server:
        exchanger.exchange(method, server.url, **how, headers={"X-A": "b"}, timeout_s=5, max_bytes=100)
        (request,) = server.requests
    assert (request.method, request.target, request.body) == (method, target, body)
    assert request.headers["user-agent"] == "tests/1.0"
    assert request.headers["x-a"] == "b"


@pytest.mark.parametrize(
    "behaviour", [answer(b"{}"), chunked(b"{", b"}"), raw(head(2) + b"{}", keep=True)], ids=["plain", "chunked", "raw"]
)
def test_a_connection_is_kept_for_the_next_exchange(exchanger, behaviour):
    with Server(behaviour) as server:
        assert [post(exchanger, server).body for _ in range(20)] == [b"{}"] * 20
        assert server.connections == 1


def test_an_answer_may_end_with_its_connection(exchanger):
    with Server(raw(head(None) + b"{}")) as server:
        assert post(exchanger, server).body == b"{}"


def test_what_comes_after_the_announced_length_is_not_read(exchanger):
    def in_two_pieces(connection, request):
        connection.send(head(4) + b"ab")
        connection.server.stopping.wait(0.05)
        connection.send(b"cd<!-- not announced -->")
        return True

    with Server(in_two_pieces) as server:
        assert post(exchanger, server).body == b"abcd"
        assert post(exchanger, server).body == b"abcd"


def test_threads_share_an_exchanger_and_its_connections():
    exchanger = Exchanger("tests/1.0", pool=4)
    with Server(answer(b"x" * 10_000)) as server, ThreadPoolExecutor(4) as threads:
        replies = list(threads.map(lambda n: post(exchanger, server, data={"n": str(n)}), range(200)))
        assert {len(reply.body) for reply in replies} == {10_000}
        assert {request.form["n"] for request in server.requests} == {str(n) for n in range(200)}
        assert server.connections <= 4


def test_a_packed_answer_is_unpacked_and_the_connection_kept(exchanger):
    packed = gzip.compress(b"abc" * 10_000)
    with Server(answer(packed, Content_Encoding="gzip")) as server:
        for _ in range(2):
            assert post(exchanger, server).body == b"abc" * 10_000
        assert server.connections == 1


def test_a_ca_file_is_trusted_and_its_connection_kept(tmp_path):
    cert, key = certificate(tmp_path)
    exchanger = Exchanger("tests/1.0", ca_file=cert)
    with Server(answer(b"x" * 100_000), tls=(cert, key)) as server:
        assert [len(post(exchanger, server).body) for _ in range(3)] == [100_000] * 3
        assert server.connections == 1


def test_a_useless_ca_file_or_proxy_is_refused_at_once(tmp_path):
    (tmp_path / "empty.pem").write_text("nothing")
    for ca_file in (tmp_path / "none.pem", tmp_path / "empty.pem"):
        with pytest.raises(UserError, match="ca_file"):
            Exchanger("tests/1.0", ca_file=ca_file)
    with pytest.raises(UserError, match="proxy"):
        Exchanger("tests/1.0", proxy="socks5://127.0.0.1:1080")


def test_a_redirect_is_a_reply_like_others_and_its_place_is_never_called(exchanger):
    with Server(answer()) as other, Server(redirect(f"{other.url}?key={KEY}")) as server:
        reply = post(exchanger, server)
        assert (reply.http, reply.redirect_host) == (302, "127.0.0.1")
        assert other.connections == 0


def test_the_body_of_a_redirect_is_capped_too(exchanger):
    with Server(endless_body(307, Location="/elsewhere")) as server:
        assert failure(exchanger, server, max_bytes=1_000).kind is Failure.TOO_BIG


@pytest.mark.parametrize(
    ("location", "host"),
    [
        (f"https://panel.example:8443/{KEY}", "panel.example"),
        ("/only/a/path", ""),
        ("http://[::1", ""),
        ("http://a\x1bcb/", "a\\x1bcb"),
    ],
)
def test_a_redirect_shows_the_host_and_nothing_else(exchanger, location, host):
    with Server(redirect(location)) as server:
        assert post(exchanger, server).redirect_host == host


def test_cookies_do_not_come_back(exchanger):
    with Server(answer(Set_Cookie="a=b; Path=/")) as server:
        for _ in range(2):
            post(exchanger, server)
        assert all("cookie" not in request.headers for request in server.requests)


def test_the_environment_has_no_say(exchanger, monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ann password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    with Server(answer()) as server, Server(answer()) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{proxy.address}")
        post(exchanger, server)
        assert "authorization" not in server.requests[0].headers
        assert proxy.connections == 0


def test_a_configured_proxy_is_used_within_the_same_deadline():
    with Server(answer(b"by proxy"), drip_headers()) as proxy:
        exchanger = Exchanger("tests/1.0", proxy=f"http://{proxy.address}")
        assert post(exchanger, "http://panel.invalid/api").body == b"by proxy"
        assert proxy.requests[0].target == "http://panel.invalid/api"
        started = time.monotonic()
        error = failure(exchanger, "https://panel.invalid/api", timeout_s=SOON_S)
        assert time.monotonic() - started < SOON_S + SLACK_S
        assert proxy.requests[1].method == "CONNECT"
        assert (error.kind, error.sent) == (Failure.DEADLINE, False)


def test_tls_goes_through_a_proxy_as_if_it_was_not_there(tmp_path):
    cert, key = certificate(tmp_path)
    with Server(answer(b"{}"), drip_body(), tls=(cert, key)) as server, Server(tunnel()) as proxy:
        exchanger = Exchanger("tests/1.0", proxy=f"http://{proxy.address}", ca_file=cert)
        reply = post(exchanger, server)
        assert (reply.body, reply.address) == (b"{}", proxy.address)
        error = failure(exchanger, server, timeout_s=SOON_S)
        assert (error.kind, error.sent, server.connections) == (Failure.DEADLINE, True, 1)
        assert b"proxy" not in b"".join(name.encode() for name in server.requests[0].headers)


def test_a_proxy_that_refuses_is_no_connection():
    with Server(raw(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")) as proxy:
        error = failure(Exchanger("tests/1.0", proxy=f"http://{proxy.address}"), "https://panel.invalid/")
        assert (error.kind, error.sent, error.address) == (Failure.CONNECT, False, proxy.address)


def test_a_fresh_exchange_does_not_trust_a_kept_connection(exchanger):
    with Server(answer()) as server:
        for fresh, connections in [(False, 1), (False, 1), (True, 2), (False, 2)]:
            post(exchanger, server, fresh=fresh)
            assert server.connections == connections


def test_a_connection_closed_while_it_was_kept_is_replaced(exchanger):
    with Server(raw(head(2) + b"{}")) as server:  # says nothing of closing, and does
        for _ in range(3):
            post(exchanger, server)
            server.stopping.wait(0.05)
        assert server.connections == 3


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("1.5", 1.5),
        ("Mon, 23 Nov 2026 02:14:20 GMT", 60.0),
        ("Mon, 23 Nov 2026 03:14:20 +0100", 60.0),
        ("Mon, 23 Nov 2026 02:14:20", 60.0),
        ("Mon, 23 Nov 2026 02:12:20 GMT", None),
        ("315360000", 86_400.0),
        ("9" * 400, 86_400.0),
        ("Mon, 23 Nov 2036 02:14:20 GMT", 86_400.0),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("1e3", None),
        ("\u0663", None),
        ("Mon, 99 Nov 2026 99:99:99 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 86_400.0),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_never_nonsense(said, seconds):
    assert retry_after_s({"Retry-After": said}, NOW) == seconds


def test_no_retry_after_is_none():
    assert retry_after_s({}, NOW) is None
