"""An exchange ends at its deadline and its cap, whatever the server does; each end has its own kind of failure."""

import time
import tracemalloc

import pytest

from tests.net.certificates import certificate
from tests.net.exchanges import KEY, SLACK_S, SOON_S, chain, failure, post
from tests.net.servers import (
    BROKEN_BODIES,
    Server,
    answer,
    close,
    drip_body,
    drip_headers,
    endless_body,
    garbage,
    gzip_bomb,
    hang,
    head,
    interim,
    never_read,
    no_tls,
    raw,
    reset,
    short_body,
    unused_port,
)
from tracker.net.http import Exchanger, Failure


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


INTERIM = [(100,), (102,), (103,), (100, 102, 103), (199,), (103,) * 20, (100,) * 20]


@pytest.mark.parametrize("codes", INTERIM, ids=str)
@pytest.mark.parametrize("final", [200, 204, 404, 503])
def test_interim_answers_are_skipped(exchanger, codes, final):
    with Server(interim(*codes, then=answer(b"" if final == 204 else b"at last", final))) as server:
        for _ in range(2):
            reply = post(exchanger, server)
            assert (reply.http, reply.body) == (final, b"" if final == 204 else b"at last")
            assert "Link" not in reply.headers
        assert server.connections == 1, "the connection is kept"


@pytest.mark.parametrize("codes", [(103,) * 21, (100,) * 21, (100, 102, 103) * 7, (102,) * 5_000, (101,)], ids=repr)
def test_there_is_an_end_to_interim_answers(exchanger, codes):
    with Server(interim(*codes, then=answer(b"{}"))) as server:
        if codes == (101,):
            assert post(exchanger, server).http == 101, "nobody asked to switch protocols: it is the answer"
        else:
            assert failure(exchanger, server).kind is Failure.GARBAGE


@pytest.mark.parametrize("name", BROKEN_BODIES)
def test_of_a_success_whose_body_is_broken_the_code_is_known(exchanger, name):
    with Server(BROKEN_BODIES[name]) as server:
        error = failure(exchanger, server)
    assert (error.http, error.body_broken, error.sent) == (200, True, True)


@pytest.mark.parametrize(
    "behaviour", [reset(), close(), garbage(), hang(), raw(b"HT")], ids=["reset", "close", "garbage", "hang", "cut"]
)
def test_where_no_head_came_no_code_is_known(exchanger, behaviour):
    with Server(behaviour) as server:
        error = failure(exchanger, server)
    assert (error.http, error.body_broken) == (None, False)


@pytest.mark.parametrize("code", [301, 400, 500])
def test_a_failure_with_a_broken_body_is_no_success(exchanger, code):
    with Server(raw(head(1_000, code) + b"cut")) as server:
        error = failure(exchanger, server)
    assert (error.http, error.body_broken) == (code, False)
