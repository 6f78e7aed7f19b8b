"""One exchange ends in time and in size, whatever the other side does, and gives nothing away."""

import gzip
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.net.servers import (
    Server,
    answer,
    certificate,
    chunked,
    close,
    drip_body,
    drip_headers,
    endless_body,
    garbage,
    gzip_bomb,
    hang,
    head,
    never_read,
    no_tls,
    raw,
    redirect,
    reset,
    short_body,
    tunnel,
    unused_port,
)
from tracker.errors import UserError
from tracker.exchange import ExchangeError, Exchanger, Failure, retry_after_s

NOW = 1_795_400_000.0  # Mon, 23 Nov 2026 02:13:20 GMT
KEY = "0123456789abcdef-the-key"
SOON_S = 0.3
SLACK_S = 1.0  # how late a busy machine may notice


@pytest.fixture
def exchanger():
    exchanger = Exchanger("tests/1.0")
    yield exchanger
    exchanger.close()


def post(exchanger, server, **options):
    options = {"data": {"key": KEY}, "timeout_s": 5.0, "max_bytes": 1_000_000} | options
    return exchanger.exchange("POST", getattr(server, "url", server), **options)


def failure(exchanger, server, **options):
    with pytest.raises(ExchangeError) as caught:
        post(exchanger, server, **options)
    return caught.value


def chain(error):
    """An error and everything it drags along."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


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


@pytest.mark.parametrize("behaviour", [drip_headers(), drip_body(), hang()], ids=["headers", "body", "hang"])
def test_the_deadline_holds_over_the_whole_exchange(exchanger, behaviour):
    with Server(behaviour) as server:
        started = time.monotonic()
        error = failure(exchanger, server, timeout_s=SOON_S)
        assert SOON_S <= time.monotonic() - started < SOON_S + SLACK_S
        assert (error.kind, error.sent, error.address) == (Failure.DEADLINE, True, server.address)


def test_the_deadline_holds_while_sending_to_one_who_does_not_read(exchanger):
    with Server(greet=never_read) as server:
        started = time.monotonic()
        error = failure(exchanger, server, data=b"x" * 30_000_000, timeout_s=SOON_S)
        assert time.monotonic() - started < SOON_S + SLACK_S
        assert (error.kind, error.sent) == (Failure.DEADLINE, True)


def test_the_deadline_holds_over_the_tls_handshake(exchanger):
    with Server(greet=never_read) as server:
        started = time.monotonic()
        error = failure(exchanger, server.url.replace("http:", "https:"), timeout_s=SOON_S)
        assert time.monotonic() - started < SOON_S + SLACK_S
        assert (error.kind, error.sent) == (Failure.DEADLINE, False)


@pytest.mark.parametrize("behaviour", [drip_headers(), drip_body()], ids=["headers", "body"])
def test_the_deadline_holds_over_tls(tmp_path, behaviour):
    cert, key = certificate(tmp_path)
    with Server(behaviour, tls=(cert, key)) as server:
        started = time.monotonic()
        error = failure(Exchanger("tests/1.0", ca_file=cert), server, timeout_s=SOON_S)
        assert SOON_S <= time.monotonic() - started < SOON_S + SLACK_S
        assert (error.kind, error.sent) == (Failure.DEADLINE, True)


def test_a_deadline_is_over_with_its_exchange(exchanger):
    with Server(answer()) as server:
        post(exchanger, server, timeout_s=SOON_S)
        server.stopping.wait(SOON_S)
        assert post(exchanger, server).http == 200
        assert server.connections == 1


@pytest.mark.parametrize("size", [1_000, 1_001])
def test_the_cap_is_exact(exchanger, size):
    with Server(answer(b"x" * size)) as server:
        if size == 1_000:
            assert len(post(exchanger, server, max_bytes=1_000).body) == 1_000
        else:
            assert failure(exchanger, server, max_bytes=1_000).kind is Failure.TOO_BIG


def test_memory_stays_flat_under_an_endless_body_and_a_gzip_bomb(exchanger):
    with Server(endless_body(), gzip_bomb(200)) as server:
        tracemalloc.start()
        try:
            for _ in range(2):
                assert failure(exchanger, server, max_bytes=1_000_000).kind is Failure.TOO_BIG
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        # The bomb itself, packed and held by the server in this process, is 0.2 MB of it.
        assert peak < 8_000_000


def test_a_packed_answer_is_unpacked_and_the_connection_kept(exchanger):
    packed = gzip.compress(b"abc" * 10_000)
    with Server(answer(packed, Content_Encoding="gzip")) as server:
        for _ in range(2):
            assert post(exchanger, server).body == b"abc" * 10_000
        assert server.connections == 1


@pytest.mark.parametrize("behaviour", [endless_body(), drip_body(start=b"x" * 100)], ids=["cap", "deadline"])
def test_a_body_may_be_cut_where_the_caller_allows_it(exchanger, behaviour):
    with Server(behaviour) as server:
        reply = post(exchanger, server, max_bytes=1_000, timeout_s=SOON_S, accept_truncated=True)
        assert (reply.http, reply.truncated) == (200, True)
        assert 100 <= len(reply.body) <= 1_000
        # The rest of it is still on its way: that connection is of no use any more.
        post(exchanger, server, max_bytes=1_000, timeout_s=SOON_S, accept_truncated=True)
        assert server.connections == 2


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (reset(), Failure.RESET),
        (close(), Failure.RESET),
        (short_body(), Failure.RESET),
        (raw(head(None, Transfer_Encoding="chunked") + b"5\r\nab"), Failure.RESET),
        (garbage(), Failure.GARBAGE),
        (raw(b"HTTP/1.1 xyz What\r\n\r\n"), Failure.GARBAGE),
        (raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_000 + b"\r\n"), Failure.GARBAGE),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"), Failure.GARBAGE),
        (answer(b"not packed at all", Content_Encoding="gzip"), Failure.PROTOCOL),
    ],
)
def test_each_way_to_break_an_answer_has_its_kind(exchanger, behaviour, kind):
    with Server(behaviour) as server:
        error = failure(exchanger, server)
        assert (error.kind, error.sent, error.address) == (kind, True, server.address)


def test_nobody_there_is_told_apart_from_broken_off(exchanger):
    address = f"127.0.0.1:{unused_port()}"
    error = failure(exchanger, f"http://{address}/")
    assert (error.kind, error.sent, error.address) == (Failure.CONNECT, False, address)
    assert error.message == "Connection refused"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".invalid"])
def test_an_unknown_name_is_a_dns_failure(exchanger, host):
    error = failure(exchanger, f"http://{host}/")
    assert (error.kind, error.sent, error.address) == (Failure.DNS, False, "")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://", "nothing", "http://[::1"])
def test_a_url_that_cannot_be_asked_is_said_so(exchanger, url):
    error = failure(exchanger, url)
    assert (error.kind, error.sent) == (Failure.PROTOCOL, False)


@pytest.mark.parametrize(
    ("made", "trusted", "words"),
    [
        ({}, False, "self-signed certificate"),
        ({"expired": True}, True, "certificate has expired"),
        ({"names": "DNS:other.example"}, True, "IP address mismatch"),
    ],
)
def test_a_certificate_that_proves_nothing_is_a_tls_failure(tmp_path, made, trusted, words):
    cert, key = certificate(tmp_path, **made)
    with Server(answer(), tls=(cert, key)) as server:
        error = failure(Exchanger("tests/1.0", ca_file=cert if trusted else None), server)
        assert (error.kind, error.sent) == (Failure.TLS, False)
        assert words in error.message
        assert server.requests == []


def test_a_server_without_tls_is_a_tls_failure(exchanger):
    with Server(greet=no_tls) as server:
        assert failure(exchanger, server.url.replace("http:", "https:")).kind is Failure.TLS


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
    "behaviour", [reset(), close(), garbage(), raw(b"HTTP/1.1 0 " + KEY.encode() + b"\r\n\r\n"), short_body(), hang()]
)
def test_no_error_carries_what_was_sent(exchanger, behaviour):
    with Server(behaviour) as server:
        error = failure(exchanger, server, params={"key": KEY}, headers={"X-Key": KEY}, timeout_s=SOON_S)
    for one in chain(error):
        assert KEY not in f"{one} {one!r} {vars(one)}"
        assert not hasattr(one, "request")


def test_odd_headers_put_no_url_into_the_log(exchanger, caplog):
    with Server(raw(b"HTTP/1.1 200 OK\r\n: odd\r\nContent-Length: 2\r\n\r\n{}")) as server:
        post(exchanger, server, params={"key": KEY})
    assert KEY not in caplog.text


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
